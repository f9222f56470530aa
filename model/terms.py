"""Terms: what a guard, an update or a property says, as a tree that every engine reads.

A term is immutable and carries its sort, its operator and its arguments. Designs build terms by writing ordinary Python
expressions over the variables of a design; nothing here knows an engine.

Operators (``Term.op``), with what ``payload`` holds:

========== ===================================== =========================
op         arguments                             payload
========== ===================================== =========================
literal    none                                  bool, int, or str (a Choice literal)
parameter  none                                  the parameter's or bound index's name
constant   none                                  the name of a named constant of a sort
assumption none                                  the assumption's name
maximum    none                                  the Counter whose largest value it is
read       indices                               the variable's name
element    indices                               the name of an ``Each`` parameter
not        1 Boolean                             none
and, or    2 or more Booleans                    none
implies    2 Booleans                            none
eq         2 terms of one sort                   none
le         2 numbers                             none
add        number                                the int that is added
ite        Boolean, then 2 terms of one sort     none
every, some body                                 the bound index's name
========== ===================================== =========================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, ClassVar, Generic, NoReturn, Self, TypeVar, cast, get_args, get_origin

from .errors import DesignError, caller_position

Payload = bool | int | str | None

# The one piece of ambient state of the language: while a method of a design is being recorded, every Boolean that is built is
# noted here with its line, so that a comparison whose result nobody uses can be refused. It is None outside a recording.
built_booleans: ContextVar[list[tuple["Boolean", tuple[str, int]]] | None] = ContextVar("built_booleans", default=None)
_binder_depth: ContextVar[int] = ContextVar("_binder_depth", default=0)


class Term:
    """A node of the tree. ``sort`` is the Python class of the term (for a Choice, ``literals`` says which one)."""

    __slots__ = ("args", "key", "literals", "op", "payload")
    op: str
    payload: Payload
    args: tuple[Term, ...]
    literals: tuple[str, ...]
    key: str

    def __init__(self, op: str, payload: Payload = None, args: tuple[Term, ...] = (), literals: tuple[str, ...] = ()) -> None:
        self.op, self.payload, self.args, self.literals = op, payload, args, literals
        inside = " ".join(argument.key for argument in args)
        self.key = f"({type(self).__name__}:{op} {payload!r} {inside})"

    @property
    def sort(self) -> type[Term]:
        """The class of this term: Boolean, Number, Symbol, Content or an index sort."""
        return type(self)

    def __repr__(self) -> str:
        return text(self)

    def __hash__(self) -> int:
        return hash(self.key)

    # Comparison builds a term. It differs from object.__eq__ in its result, and that is the point of the language.
    def __eq__(self, other: object) -> Boolean:  # type: ignore[override]
        return equal(self, other)

    def __ne__(self, other: object) -> Boolean:  # type: ignore[override]
        return ~equal(self, other)

    def __bool__(self) -> NoReturn:
        raise DesignError(
            "a term has no truth value while a design is recorded (Python 'if', 'and', 'or', 'not' or a chained comparison)",
            "use ite(...), &, |, ~ or one comparison at a time",
        )

    def _refuse_arithmetic(self, other: object) -> NoReturn:
        raise DesignError(f"arithmetic on {describe_sort(self)}", "only a Counter can be added to or ordered")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse_arithmetic
    __lt__ = __le__ = __gt__ = __ge__ = _refuse_arithmetic

    def _refuse_iteration(self) -> NoReturn:
        raise DesignError("a term cannot be iterated over", "use every(...) or some(...)")

    __iter__ = __len__ = _refuse_iteration


class Boolean(Term):
    """True or false: a Flag's value, a comparison, an assumption."""

    __slots__ = ()

    def __init__(self, op: str, payload: Payload = None, args: tuple[Term, ...] = (), literals: tuple[str, ...] = ()) -> None:
        super().__init__(op, payload, args, literals)
        built = built_booleans.get()
        if built is not None and op not in ("literal", "parameter", "read", "element", "assumption"):
            built.append((self, caller_position()))

    def __and__(self, other: Boolean | bool) -> Boolean:
        return conjunction(self, boolean(other))

    def __or__(self, other: Boolean | bool) -> Boolean:
        return disjunction(self, boolean(other))

    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> Boolean:
        if self.op == "literal":
            return Boolean("literal", not self.payload)
        if self.op == "not":
            return cast(Boolean, self.args[0])
        return Boolean("not", None, (self,))


class Symbol(Term):
    """One of the literals of a Choice."""

    __slots__ = ()


class Content(Term):
    """What a page holds. Opaque: it can be copied and compared, nothing else; so a few contents stand for all of them."""

    __slots__ = ()


class Number(Term):
    """The value of a Counter: it can be compared, and a constant can be added."""

    __slots__ = ()

    def __add__(self, other: int) -> Number:  # type: ignore[override]
        return self._plus(other)

    def __sub__(self, other: int) -> Number:  # type: ignore[override]
        return self._plus(-other if isinstance(other, int) else other)

    def _plus(self, other: int) -> Number:
        if isinstance(other, bool) or not isinstance(other, int):
            raise DesignError("a Counter plus something that is not a whole number", "add or subtract an int")
        return Number("add", other, (self,))

    def __le__(self, other: Number | int) -> Boolean:  # type: ignore[override]
        return Boolean("le", None, (self, number(other)))

    def __lt__(self, other: Number | int) -> Boolean:  # type: ignore[override]
        return ~Boolean("le", None, (number(other), self))

    def __ge__(self, other: Number | int) -> Boolean:  # type: ignore[override]
        return Boolean("le", None, (number(other), self))

    def __gt__(self, other: Number | int) -> Boolean:  # type: ignore[override]
        return ~Boolean("le", None, (self, number(other)))

    __radd__ = __add__  # type: ignore[assignment]


class Index(Term):
    """An index sort: a finite set of names without order. Make one by subclassing; ``plural`` names it in sizes and on the command line."""

    __slots__ = ()
    plural: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "plural" not in cls.__dict__:
            cls.plural = cls.__name__.lower() + "s"


class Page(Index):
    """A page of memory, as software names it."""

    __slots__ = ()


class Cpu(Index):
    """A processor: it runs one program and has a TLB of its own."""

    __slots__ = ()


class Device(Index):
    """A device that can write memory past every page table, the disk that takes the image among them."""

    __slots__ = ()


I = TypeVar("I", bound=Index)  # noqa: E741
K = TypeVar("K")
V = TypeVar("V", bound=Term)
T = TypeVar("T", bound=Term)


class Each(Generic[K, V]):
    """A parameter that holds one arbitrary value for each index, or pair of indices: ``found: Each[Page, Content]`` is any memory there can be."""

    def __init__(self, name: str, per: tuple[type[Index], ...], value: type[V]) -> None:
        self.name, self.per, self.value = name, per, value

    def __getitem__(self, key: K) -> V:
        indices = cast(tuple[Index, ...], key if isinstance(key, tuple) else (key,))
        if len(indices) != len(self.per):
            raise DesignError(f"{self.name} has {len(self.per)} indices, {len(indices)} given", "give one index for each sort")
        for index, sort in zip(indices, self.per, strict=True):
            check_index(index, sort, self.name)
        return self.value("element", self.name, indices)


def each_parts(annotation: object) -> tuple[tuple[type[Index], ...], type[Term]]:
    """The index sorts and the value sort of an ``Each[...]`` annotation."""
    per, value = get_args(annotation)
    return (get_args(per) if get_origin(per) is tuple else (per,)), value


# ---------------------------------------------------------------- building


def describe_sort(term: object) -> str:
    """A sort in words, for messages."""
    if isinstance(term, Symbol):
        return f"a Choice of {', '.join(term.literals)}"
    return f"a {type(term).__name__}"


def boolean(value: object) -> Boolean:
    """A Boolean term from a Boolean term or a bool."""
    if isinstance(value, Boolean):
        return value
    if isinstance(value, bool):
        return Boolean("literal", value)
    raise DesignError(f"{describe_sort(value)} where a Boolean is wanted", "compare it with something")


def number(value: object) -> Number:
    """A Number term from a Number term or an int."""
    if isinstance(value, Number):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Number("literal", value)
    raise DesignError(f"{describe_sort(value)} where a number is wanted", "use a Counter or an int")


def symbol(value: object, literals: tuple[str, ...]) -> Symbol:
    """A Symbol term from a Symbol of the same Choice or from one of its literals."""
    if isinstance(value, Symbol):
        if value.literals != literals:
            raise DesignError("two different Choices are mixed", "compare and assign within one Choice")
        return value
    if isinstance(value, str):
        if value not in literals:
            raise DesignError(f"unknown literal {value!r}", f"this Choice has {', '.join(map(repr, literals))}")
        return Symbol("literal", value, (), literals)
    raise DesignError(f"{describe_sort(value)} where a literal is wanted", f"use one of {', '.join(map(repr, literals))}")


def coerce_like(value: object, model: Term) -> Term:
    """``value`` as a term of the sort of ``model``; refuses what has another sort."""
    if isinstance(model, Boolean):
        return boolean(value)
    if isinstance(model, Number):
        return number(value)
    if isinstance(model, Symbol):
        return symbol(value, model.literals)
    if type(value) is not type(model):
        raise DesignError(f"{describe_sort(value)} where {describe_sort(model)} is wanted", "use terms of one sort")
    return cast(Term, value)


def check_index(index: object, sort: type[Index], name: str) -> None:
    """Refuses an index of the wrong sort."""
    if type(index) is not sort:
        raise DesignError(f"{name} is indexed by {describe_sort(index)}, wanted a {sort.__name__}", f"use a {sort.__name__}")


def equal(left: Term, right: object) -> Boolean:
    """The comparison of two terms of one sort."""
    other = coerce_like(right, left)
    if left.key == other.key:
        return Boolean("literal", True)
    if left.op == "literal" and other.op == "literal":
        return Boolean("literal", left.payload == other.payload)
    return Boolean("eq", None, (left, other))


def conjunction(*terms: Boolean) -> Boolean:
    """All of them."""
    return _flat("and", terms, neutral=True)


def disjunction(*terms: Boolean) -> Boolean:
    """At least one of them."""
    return _flat("or", terms, neutral=False)


def _flat(op: str, terms: tuple[Boolean, ...], *, neutral: bool) -> Boolean:
    parts: list[Term] = []
    for term in terms:
        for part in term.args if term.op == op else (term,):
            if part.op != "literal":
                parts.append(part)
            elif part.payload is not neutral:
                return Boolean("literal", not neutral)
    if not parts:
        return Boolean("literal", neutral)
    return cast(Boolean, parts[0]) if len(parts) == 1 else Boolean(op, None, tuple(parts))


def implies(condition: Boolean | bool, conclusion: Boolean | bool) -> Boolean:
    """If ``condition`` then ``conclusion``."""
    left, right = boolean(condition), boolean(conclusion)
    if left.op == "literal":
        return right if left.payload else Boolean("literal", True)
    if right.op == "literal":
        return Boolean("literal", True) if right.payload else ~left
    return Boolean("implies", None, (left, right))


def ite(condition: Boolean | bool, then: Any, otherwise: Any) -> Any:
    """``then`` if the condition holds, ``otherwise`` if not; both of one sort (a literal takes the other's)."""
    test = boolean(condition)
    model = then if isinstance(then, Term) else otherwise
    if not isinstance(model, Term):
        if not (isinstance(then, bool) and isinstance(otherwise, bool)):
            raise DesignError("ite(...) between two plain Python values", "write a term on at least one side")
        model = boolean(model)
    first, second = coerce_like(then, model), coerce_like(otherwise, model)
    if test.op == "literal":
        return first if test.payload else second
    return type(model)("ite", None, (test, first, second), model.literals)


def every(sort: type[I], body: Callable[[I], Boolean | bool]) -> Boolean:
    """The body holds for every index of the sort."""
    return _quantified("every", sort, body)


def some(sort: type[I], body: Callable[[I], Boolean | bool]) -> Boolean:
    """The body holds for some index of the sort."""
    return _quantified("some", sort, body)


def _quantified(op: str, sort: type[I], body: Callable[[I], Boolean | bool]) -> Boolean:
    if not (isinstance(sort, type) and issubclass(sort, Index)):
        raise DesignError(f"{op}(...) over something that is not an index sort", "give a sort such as Page or Cpu first")
    depth = _binder_depth.get()
    token = _binder_depth.set(depth + 1)
    try:
        bound = sort("parameter", f"{sort.__name__.lower()}'{depth}")
        inside = boolean(body(bound))
    finally:
        _binder_depth.reset(token)
    if inside.op == "literal":
        return inside  # sorts are never empty
    return Boolean(op, bound.payload, (bound, inside))


# ---------------------------------------------------------------- reading


def walk(term: Term) -> Iterator[Term]:
    """The term and everything below it, outermost first."""
    yield term
    for argument in term.args:
        yield from walk(argument)


def substitute(term: Term, replacement: Callable[[Term], Term | None]) -> Term:
    """The term with every subterm for which ``replacement`` gives a term replaced by it; folds constants on the way up."""
    found = replacement(term)
    if found is not None:
        return found
    if not term.args:
        return term
    args = tuple(substitute(argument, replacement) for argument in term.args)
    if all(new is old for new, old in zip(args, term.args, strict=True)):
        return term
    return rebuild(term, args)


def rebuild(term: Term, args: tuple[Term, ...]) -> Term:
    """The same operator over other arguments, with constants folded."""
    booleans = cast(tuple[Boolean, ...], args)
    if term.op == "and":
        return conjunction(*booleans)
    if term.op == "or":
        return disjunction(*booleans)
    if term.op == "not":
        return ~booleans[0]
    if term.op == "implies":
        return implies(booleans[0], booleans[1])
    if term.op == "eq":
        return equal(args[0], args[1])
    if term.op == "ite":
        return cast(Term, ite(booleans[0], args[1], args[2]))
    if term.op in ("every", "some") and args[1].op == "literal":
        return args[1]
    return type(term)(term.op, term.payload, args, term.literals)


def text(term: Term) -> str:
    """The term in the notation of a design."""
    a = [text(argument) for argument in term.args]
    match term.op:
        case "literal":
            return repr(term.payload)
        case "parameter":
            return str(term.payload).replace("'", "_")
        case "constant" | "assumption":
            return str(term.payload)
        case "read" | "element":
            return f"{term.payload}[{', '.join(a)}]" if a else str(term.payload)
        case "not":
            return f"~{a[0]}" if term.args[0].op in ("read", "element", "assumption", "parameter", "not") else f"~({a[0]})"
        case "and" | "or":
            mark = " & " if term.op == "and" else " | "
            return mark.join(f"({part})" if argument.op in _INFIX else part for part, argument in zip(a, term.args, strict=True))
        case "eq":
            return f"{a[0]} == {a[1]}"
        case "le":
            return f"{a[0]} <= {a[1]}"
        case "add":
            return f"{a[0]} {'-' if cast(int, term.payload) < 0 else '+'} {abs(cast(int, term.payload))}"
        case "every" | "some":
            return f"{term.op}({type(term.args[0]).__name__}, lambda {a[0]}: {a[1]})"
    return f"{term.op}({', '.join(a)})"


_INFIX = frozenset({"and", "or", "eq", "le"})

__all__ = [
    "Boolean", "Content", "Cpu", "Device", "Each", "Index", "Number", "Page", "Self", "Symbol", "Term", "built_booleans",
    "conjunction", "disjunction", "equal", "every", "implies", "ite", "some", "substitute", "text", "walk",
]

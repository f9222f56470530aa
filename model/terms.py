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
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, TypeVar, cast, get_args, get_origin

from .errors import DesignError, caller_position

Payload = bool | int | str | None

# The ambient state of the language. While a method of a design is being recorded, every term that is built for its result is
# noted here with its line, so that one which nobody uses can be refused; None outside a recording. And whether the lambda of a
# quantifier or of assign_every(...) is running: it only says something, it does nothing.
built_terms: ContextVar[list[tuple[Term, tuple[str, int]]] | None] = ContextVar("built_terms", default=None)
inside_lambda: ContextVar[bool] = ContextVar("inside_lambda", default=False)
_binder_numbers = count()
_OPEN = "''open"  # in the name of a bound index until the whole body is known


class Term:
    """A node of the tree. ``sort`` is the Python class of the term (for a Choice, ``literals`` says which one)."""

    __slots__ = ("args", "key", "literals", "op", "payload", "used")
    op: str
    payload: Payload
    args: tuple[Term, ...]
    literals: tuple[str, ...]
    key: str
    used: bool  # somebody has made something of it: for the refusal of results that nobody uses

    def __init__(self, op: str, payload: Payload = None, args: tuple[Term, ...] = (), literals: tuple[str, ...] = ()) -> None:
        self.op, self.payload, self.args, self.literals = op, payload, args, literals
        inside = " ".join(argument.key for argument in args)
        self.key = f"({type(self).__name__}:{op} {payload!r} {inside})"
        self.used = False
        for argument in args:
            argument.used = True
        built = built_terms.get()
        if built is not None and (op in ("add", "ite") or (isinstance(self, Boolean) and op not in ("literal", "parameter"))):
            built.append((self, caller_position()))

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
            "a term has no truth value while a design is recorded (Python 'if', 'and', 'or', 'not', 'in' or a chained comparison)",
            "use require(...), ite(...), &, |, ~ or one comparison at a time",
        )

    def _refuse_arithmetic(self, other: object) -> NoReturn:
        raise DesignError(
            f"arithmetic on {describe_sort(self)}", "only a Counter can be ordered, and only an int added to it or subtracted"
        )

    def _refuse_iteration(self) -> NoReturn:
        raise DesignError("a term cannot be iterated over", "use every(...) or some(...)")

    def _refuse_index(self, key: object, value: object = None) -> NoReturn:
        raise DesignError(f"{text(self)} has no indices", "declare it with 'per', or use it as it is")

    if not TYPE_CHECKING:  # a type checker finds these by itself, unless it sees them
        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse_arithmetic
        __lt__ = __le__ = __gt__ = __ge__ = _refuse_arithmetic
        __iter__ = __len__ = _refuse_iteration
        __getitem__ = __setitem__ = _refuse_index


class Boolean(Term):
    """True or false: a Flag's value, a comparison, an assumption."""

    __slots__ = ()

    def __and__(self, other: Boolean | bool) -> Boolean:
        return conjunction(self, boolean(other))

    def __or__(self, other: Boolean | bool) -> Boolean:
        return disjunction(self, boolean(other))

    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> Boolean:
        self.used = True
        if self.op == "literal":
            return Boolean("literal", not self.payload)
        if self.op == "not":
            return _unused(cast(Boolean, self.args[0]))
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

    def __add__(self, other: int) -> Number:
        return self._plus(other)

    def __sub__(self, other: int) -> Number:
        return self._plus(other, -1)

    def _plus(self, other: int, sign: int = 1) -> Number:
        if isinstance(other, bool) or not isinstance(other, int):
            raise DesignError(f"{describe_sort(other)} is added to a Counter or subtracted", "add or subtract an int")
        return Number("add", sign * other, (self,))

    def __le__(self, other: Number | int) -> Boolean:
        return Boolean("le", None, (self, number(other)))

    def __lt__(self, other: Number | int) -> Boolean:
        return ~Boolean("le", None, (number(other), self))

    def __ge__(self, other: Number | int) -> Boolean:
        return Boolean("le", None, (number(other), self))

    def __gt__(self, other: Number | int) -> Boolean:
        return ~Boolean("le", None, (self, number(other)))

    __radd__ = __add__


class Index(Term):
    """An index sort: a finite set of names without order. Make one by subclassing.

    ``plural`` names it in sizes and on the command line; it is the name of the class in small letters with an s, unless said otherwise.
    """

    __slots__ = ()
    plural: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "plural" not in cls.__dict__:
            cls.plural = cls.__name__.lower() + "s"
        if cls.plural == "contents" or not cls.plural.isidentifier():
            raise DesignError(
                f"{cls.plural!r} is no plural for the sort {cls.__name__}", "set 'plural' to a name that sizes do not use yet"
            )


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


class NoValue:
    """What looks like a value and is none: an array without an index, a declaration read from its class. Using it as one is refused.

    Python would otherwise compare it, test it or look for something in it without a word, with a result that means nothing.
    """

    def _refusal(self) -> DesignError:
        raise NotImplementedError

    def _refuse(self, *_: object) -> NoReturn:
        raise self._refusal()

    if not TYPE_CHECKING:  # a type checker finds these by itself, unless it sees them
        __bool__ = __len__ = __iter__ = __contains__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
        __add__ = __radd__ = __sub__ = __rsub__ = __and__ = __rand__ = __or__ = __ror__ = __invert__ = _refuse
        __hash__ = object.__hash__


class Each(NoValue, Generic[K, V]):
    """A parameter that holds one arbitrary value for each index, or pair of indices.

    ``found: Each[Page, Content]`` is any memory there can be.
    """

    def __init__(self, name: str, per: tuple[type[Index], ...], value: type[V]) -> None:
        self.name, self.per, self.value = name, per, value

    def __getitem__(self, key: K) -> V:
        return self.value("element", self.name, checked_indices(key, self.per, self.name))

    def __setitem__(self, key: object, value: object) -> NoReturn:
        raise DesignError(f"the parameter {self.name} is assigned", "a parameter is what the step has chosen; assign a variable")

    def _refusal(self) -> DesignError:
        return DesignError(f"the parameter {self.name} is used without an index", f"write {self.name}[...]")


def each_parts(annotation: object) -> tuple[tuple[type[Index], ...], type[Term]]:
    """The index sorts and the value sort of an ``Each[...]`` annotation; raises TypeError if they are none."""
    per, value = get_args(annotation)
    sorts = get_args(per) if get_origin(per) is tuple else (per,)
    if not (1 <= len(sorts) <= 2 and all(is_sort(sort) for sort in sorts) and (value in (Content, Boolean) or is_sort(value))):
        raise TypeError("Each holds a Content, a Boolean or an index, for one or two index sorts")
    return sorts, value


def is_sort(candidate: object) -> bool:
    """Whether this is an index sort."""
    return isinstance(candidate, type) and issubclass(candidate, Index) and candidate is not Index


# ---------------------------------------------------------------- building


def describe_sort(term: object) -> str:
    """A sort in words, for messages."""
    if isinstance(term, Symbol):
        return f"a Choice of {', '.join(term.literals)}"
    if isinstance(term, NoValue):
        raise term._refusal()
    if callable(term):
        return f"{getattr(term, '__name__', term)} without a call"
    if term is None:
        return "nothing (None)"
    name = type(term).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _unused(term: T) -> T:
    # A result that is one of the operands: from now on it has to be used as a result.
    term.used = False
    return term


def boolean(value: object) -> Boolean:
    """A Boolean term from a Boolean term or a bool."""
    if isinstance(value, Boolean):
        value.used = True
        return value
    if isinstance(value, bool):
        return Boolean("literal", value)
    raise DesignError(f"{describe_sort(value)} where a Boolean is wanted", "compare it with something, or call it")


def number(value: object) -> Number:
    """A Number term from a Number term or an int."""
    if isinstance(value, Number):
        value.used = True
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Number("literal", value)
    raise DesignError(f"{describe_sort(value)} where a number is wanted", "use a Counter or an int")


def symbol(value: object, literals: tuple[str, ...]) -> Symbol:
    """A Symbol term from a Symbol of the same Choice or from one of its literals."""
    if isinstance(value, Symbol):
        if value.literals != literals:
            raise DesignError("two different Choices are mixed", "compare and assign within one Choice")
        value.used = True
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
    term: Term = value
    term.used = True
    return term


def checked_indices(key: object, per: tuple[type[Index], ...], name: str) -> tuple[Index, ...]:
    """The indices of ``x[key]``; refuses a wrong number of them, or one of the wrong sort."""
    indices = key if isinstance(key, tuple) else (key,)
    if len(indices) != len(per):
        wanted = ", ".join(sort.__name__ for sort in per)
        raise DesignError(f"{name} is indexed by {wanted}, {len(indices)} given", f"write {name}[{wanted.lower()}]")
    for index, sort in zip(indices, per, strict=True):
        if type(index) is not sort:
            raise DesignError(f"{name} is indexed by {describe_sort(index)}, wanted a {sort.__name__}", f"use a {sort.__name__}")
    return cast(tuple[Index, ...], indices)


def equal(left: Term, right: object) -> Boolean:
    """The comparison of two terms of one sort."""
    other = coerce_like(right, left)
    left.used = True
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
        term.used = True
        for part in term.args if term.op == op else (term,):
            if part.op != "literal":
                parts.append(part)
            elif part.payload is not neutral:
                return Boolean("literal", not neutral)
    if not parts:
        return Boolean("literal", neutral)
    return _unused(cast(Boolean, parts[0])) if len(parts) == 1 else Boolean(op, None, tuple(parts))


def implies(condition: Boolean | bool, conclusion: Boolean | bool) -> Boolean:
    """If ``condition`` then ``conclusion``."""
    left, right = boolean(condition), boolean(conclusion)
    if left.op == "literal":
        return _unused(right) if left.payload else Boolean("literal", True)
    if right.op == "literal":
        return Boolean("literal", True) if right.payload else ~left
    return Boolean("implies", None, (left, right))


def ite(condition: Boolean | bool, then: Any, otherwise: Any) -> Any:
    """``then`` if the condition holds, ``otherwise`` if not; both of one sort (a literal takes the other's)."""
    test = boolean(condition)
    model = then if isinstance(then, Term) else otherwise
    if not isinstance(model, Term):
        if not (isinstance(then, bool) and isinstance(otherwise, bool)):
            raise DesignError("ite(...) between two plain Python values", "write a term on one side at least, or make two actions of it")
        model = boolean(model)
    first, second = coerce_like(then, model), coerce_like(otherwise, model)
    if test.op == "literal":
        return _unused(first if test.payload else second)
    return type(model)("ite", None, (test, first, second), model.literals)


def every(sort: type[I], body: Callable[[I], Boolean | bool]) -> Boolean:
    """The body holds for every index of the sort."""
    return _quantified("every", sort, body)


def some(sort: type[I], body: Callable[[I], Boolean | bool]) -> Boolean:
    """The body holds for some index of the sort."""
    return _quantified("some", sort, body)


def _quantified(op: str, sort: type[I], body: Callable[[I], Boolean | bool]) -> Boolean:
    if not is_sort(sort):
        raise DesignError(f"{op}(...) over something that is not an index sort", "give a sort such as Page or Cpu first")
    (bound,), inside = bind((sort,), lambda index: boolean(body(cast(I, index))))
    if inside.op == "literal":
        return inside  # sorts are never empty
    return Boolean(op, bound.payload, (bound, inside))


def bind(sorts: tuple[type[Index], ...], body: Callable[..., T], mark: str = "") -> tuple[tuple[Index, ...], T]:
    """Bound indices of these sorts, and the term that ``body`` makes of them.

    A bound index gets its name when the body is known: one that does not occur in it. So no index is ever captured by another
    one of its name, and the same body has the same names wherever it stands. No name of a designer has two apostrophes in it.
    """
    opened = tuple(sort("parameter", f"{sort.__name__.lower()}{_OPEN}{next(_binder_numbers)}") for sort in sorts)
    before = inside_lambda.set(True)
    try:
        inside = body(*opened)
    finally:
        inside_lambda.reset(before)
    taken = {part.payload for part in walk(inside) if part.op == "parameter"}
    bound: dict[str, Index] = {}
    for sort, index in zip(sorts, opened, strict=True):
        name = next(name for number in count() if (name := f"{sort.__name__.lower()}''{mark}{number}") not in taken)
        taken.add(name)
        bound[str(index.payload)] = sort("parameter", name)
    inside.used = True
    outside = built_terms.set(None)  # what the renaming builds is nobody's result
    try:
        renamed = substitute(inside, lambda part: bound.get(str(part.payload)) if part.op == "parameter" else None)
    finally:
        built_terms.reset(outside)
    return tuple(bound.values()), cast(T, renamed)


def escaped(term: Term) -> Term | None:
    """A bound index in the term that is used outside its quantifier."""
    return next((part for part in walk(term) if part.op == "parameter" and _OPEN in str(part.payload)), None)


# ---------------------------------------------------------------- reading


def index_sort(index: Term) -> type[Index]:
    """The sort of an index: of a page, Page."""
    assert isinstance(index, Index)
    return type(index)


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
        chosen: Term = ite(booleans[0], args[1], args[2])
        return chosen
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
            return str(term.payload).split(_OPEN)[0].replace("'", "_")
        case "constant" | "assumption":
            return str(term.payload)
        case "maximum":
            return f"maximum of {term.payload}"
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
    "Boolean", "Content", "Cpu", "Device", "Each", "Index", "NoValue", "Number", "Page", "Symbol", "Term", "bind", "built_terms",
    "conjunction", "disjunction", "equal", "escaped", "every", "implies", "inside_lambda", "is_sort", "ite", "some", "substitute",
    "text", "walk",
]

"""How a class becomes a machine: each action's body runs once, on terms instead of values, and what it asks and assigns is written down.

This is the one place of the project with machinery behind an ordinary-looking class. What happens: ``Design.__init_subclass__`` makes
a :class:`_Recording` for the new class, whose variables read as terms. It calls every action with a symbol for each parameter;
``require`` adds conjuncts to the guard and assignments add updates. The result, a :class:`.machine.Machine`, is kept on the class and given by
:func:`machine_of`. A design that would not mean what it seems to say is refused at that moment, with file, line and remedy.
"""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from .declarations import Array, Assumption, Constant, Declared, Scalar, VariableDeclaration
from .errors import DesignError, caller_frame, caller_position
from .machine import Action, Conjunct, Machine, Parameter, Property, Update, Variable
from .machine import Assumption as RecordedAssumption
from .terms import Boolean, Content, Each, Index, Number, Term, boolean, built_booleans, coerce_like, each_parts, text, walk

F = TypeVar("F", bound=Callable[..., Any])

# The recording that is under way, for the free functions require(...) and assign_every(...).
_current: ContextVar[_Recording | None] = ContextVar("_current", default=None)


# ---------------------------------------------------------------- what a design writes


def action(method: F) -> F:
    """Marks a method as a step of the machine. Its parameters are chosen freely: indices, Content, Boolean, or Each[...]."""
    return _mark(method, "action")


def always(method: F) -> F:
    """Marks a predicate that holds in every reachable state. The docstring's first sentence is its name in English."""
    return _mark(method, "always")


def sometimes(method: F) -> F:
    """Marks a predicate that holds in some reachable state: an interesting situation that must not be missed."""
    return _mark(method, "sometimes")


def terminal(method: F) -> F:
    """Marks the predicate of states in which it is right that nothing can happen any more."""
    return _mark(method, "terminal")


def require(*conditions: Boolean | bool) -> None:
    """Adds conditions to the guard of the action that is being recorded. Each keeps the text that its author wrote."""
    recording = _recording_action("require(...)")
    if not conditions:
        raise DesignError("require() without a condition", "give at least one, or delete the call")
    sources, (file, line) = _argument_sources(len(conditions)), caller_position()
    for condition, source in zip(conditions, sources, strict=True):
        recording.guard.append(Conjunct(boolean(condition), source or text(boolean(condition)), file, line))


def assign_every(cells: Any, value: Callable[..., Term | bool | str | int]) -> None:
    """Assigns a whole array at once: ``assign_every(self.snapshot, lambda page: self.memory[page])``."""
    recording = _recording_action("assign_every(...)")
    declaration = cells.declaration
    binders = tuple(sort("parameter", f"{sort.__name__.lower()}'whole{place}") for place, sort in enumerate(declaration.per))
    model = declaration.read_silently(binders)
    recording.note_write(declaration, binders, coerce_like(value(*binders), model), binders)


def machine_of(design: type[Design]) -> Machine:
    """The recorded machine of a design class."""
    return cast(Machine, design.__dict__["_machine"])


# ---------------------------------------------------------------- the recording


class _Recording:
    """What one action (or property) says, while its body runs."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.guard: list[Conjunct] = []
        self.updates: list[tuple[Update, tuple[str, int]]] = []
        self.written: dict[str, tuple[str, int]] = {}

    def note_read(self, declaration: VariableDeclaration) -> None:
        if declaration.name in self.written:
            raise DesignError(
                f"{declaration.name} is read after it was written in {self.what} (which value is meant?)",
                "all updates happen at once: read it before the first assignment",
            )

    def note_write(self, declaration: VariableDeclaration, indices: tuple[Index, ...], value: Term, binders: tuple[Index, ...] = ()) -> None:
        if self.what.startswith("property"):
            raise DesignError(f"{self.what} assigns {declaration.name}", "a property only looks")
        for other, _ in self.updates:
            if other.variable != declaration.name:
                continue
            if binders or other.binders or [i.key for i in other.indices] == [i.key for i in indices]:
                raise DesignError(f"{declaration.name} is written twice in {self.what}", "write each cell once (an inherited action's writes count)")
        where = caller_position()
        self.written.setdefault(declaration.name, where)
        self.updates.append((Update(declaration.name, indices, value, binders), where))


def _recording_action(what: str) -> _Recording:
    recording = _current.get()
    if recording is None or recording.what.startswith("property"):
        raise DesignError(f"{what} outside an action", "call it in the body of an @action")
    return recording


def _make_self(cls: type, recording: _Recording) -> Any:
    # The object that stands for "self" while a body runs: variables are descriptors and ask it to note reads and writes.
    instance = object.__new__(cls)
    object.__setattr__(instance, "note_read", recording.note_read)
    object.__setattr__(instance, "note_write", recording.note_write)
    return instance


def _record(cls: type[Design]) -> Machine:
    where = (inspect.getsourcefile(cls) or "?", caller_position()[1])
    declared = _declared(cls)
    variables = tuple(
        Variable(d.name, d.kind, d.per, d.literals, d.maximum, d.initial, d.ghost, "") for d in declared if isinstance(d, VariableDeclaration)
    )
    constants = tuple((d.name, d.sort) for d in declared if isinstance(d, Constant))
    assumptions = tuple(RecordedAssumption(d.name, d.title, d.protects) for d in declared if isinstance(d, Assumption))
    actions = tuple(_record_action(cls, name) for name in _marked(cls, "action"))
    properties = tuple(
        _record_property(cls, name, expectation) for expectation in ("always", "sometimes") for name in _marked(cls, expectation)
    )
    ends = [_record_property(cls, name, "terminal").predicate for name in _marked(cls, "terminal")]
    if len(ends) > 1:
        raise DesignError("two @terminal predicates", "join them with |", where=where)
    machine = Machine(
        name=cls.__name__,
        title=_first_sentence(cls.__doc__ or cls.__name__),
        doc=inspect.cleandoc(cls.__doc__ or ""),
        file=where[0],
        line=where[1],
        variables=variables,
        constants=constants,
        assumptions=assumptions,
        actions=actions,
        properties=properties,
        terminal=ends[0] if ends else Boolean("literal", False),
    )
    _check_machine(machine, declared)
    return machine


def _record_action(cls: type, name: str) -> Action:
    method = inspect.unwrap(getattr(cls, name))
    file, line = method.__code__.co_filename, method.__code__.co_firstlineno
    recording = _Recording(f"action {name}")
    hints = get_type_hints(method, include_extras=True)
    parameters: list[Parameter] = []
    arguments: list[Any] = []
    for parameter in list(inspect.signature(method).parameters)[1:]:
        annotation = hints.get(parameter)
        if get_origin(annotation) is Each:
            per, value = each_parts(annotation)
            parameters.append(Parameter(parameter, value, per))
            arguments.append(Each(parameter, per, value))
        elif get_origin(annotation) is Annotated and get_args(annotation)[0] is Number:
            parameters.append(Parameter(parameter, Number, (), get_args(annotation)[1]))
            arguments.append(Number("parameter", parameter))
        elif isinstance(annotation, type) and (issubclass(annotation, Index) or annotation in (Content, Boolean)):
            parameters.append(Parameter(parameter, annotation))
            arguments.append(annotation("parameter", parameter))
        else:
            raise DesignError(
                f"parameter {parameter!r} of action {name} has no sort", "annotate it with Page, Cpu, Content, Boolean, Each[...], Annotated[Number, number_of(...)] or a sort of yours", where=(file, line)
            )
    built: list[tuple[Boolean, tuple[str, int]]] = []
    with _set(_current, recording), _set(built_booleans, built):
        method(_make_self(cls, recording), *arguments)
    updates = tuple(update for update, _ in recording.updates)
    result = Action(name, inspect.cleandoc(method.__doc__ or ""), tuple(parameters), tuple(recording.guard), updates, file, line)
    _check_unused(built, [c.term for c in result.guard] + [t for u in updates for t in (*u.indices, u.value)], f"action {name}")
    _check_distinct_cells(recording, result)
    _check_false(result)
    return result


def _record_property(cls: type, name: str, expectation: str) -> Property:
    method = inspect.unwrap(getattr(cls, name))
    recording = _Recording(f"property {name}")
    built: list[tuple[Boolean, tuple[str, int]]] = []
    with _set(_current, recording), _set(built_booleans, built):
        predicate = boolean(method(_make_self(cls, recording)))
    _check_unused(built, [predicate], f"property {name}")
    where = (method.__code__.co_filename, method.__code__.co_firstlineno)
    if expectation != "terminal" and not method.__doc__:
        raise DesignError(f"property {name} has no docstring", "say in a sentence what it expects: it is printed when it fails", where=where)
    return Property(name, expectation, _first_sentence(method.__doc__ or name), predicate, *where)


# ---------------------------------------------------------------- refusals


def _check_machine(machine: Machine, declared: list[Declared]) -> None:
    by_name = {d.name: d for d in declared}
    for name in by_name:
        if hasattr(Part, name):
            raise DesignError(f"the name {name!r} belongs to the language", "choose another", where=by_name[name].where)
    ghosts = {variable.name for variable in machine.variables if variable.ghost}
    read: set[str] = set()
    for action_ in machine.actions:
        for conjunct in action_.guard:
            _check_no_ghost(conjunct.term, ghosts, f"the guard of {action_.name}", (conjunct.file, conjunct.line))
            _check_polarity(conjunct.term, True, action_.name, (conjunct.file, conjunct.line))
            read |= _names_read(conjunct.term)
        for update in action_.updates:
            used = [*update.indices, update.value]
            for term in used:
                if update.variable not in ghosts:
                    _check_no_ghost(term, ghosts, f"the update of {update.variable} in {action_.name}", (action_.file, action_.line))
                if any(part.op == "assumption" for part in walk(term)):
                    raise DesignError(
                        f"{action_.name} assigns what an assumption says", "write an action of its own that requires ~assumption", where=(action_.file, action_.line)
                    )
                read |= _names_read(term)
    for item in machine.properties:
        read |= _names_read(item.predicate)
        if any(part.op == "assumption" for part in walk(item.predicate)):
            raise DesignError(f"property {item.name} reads an assumption", "assumptions guard actions; a property holds with or without", where=(item.file, item.line))
    read |= _names_read(machine.terminal)
    for d in declared:
        if isinstance(d, (VariableDeclaration, Assumption)) and d.name not in read:
            what = "assumption" if isinstance(d, Assumption) else "variable"
            raise DesignError(f"nothing reads the {what} {d.name}", "use it or delete it", where=d.where)
    names = {item.name for item in machine.properties if item.expectation == "always"}
    for assumption in machine.assumptions:
        for protected in assumption.protects:
            if protected not in names:
                raise DesignError(
                    f"{assumption.name} protects {protected!r}, which is no property of {machine.name}", f"name one of {', '.join(sorted(names)) or '(none)'}",
                    where=by_name[assumption.name].where,
                )
    if not machine.actions:
        raise DesignError(f"{machine.name} has no action", "write one, or make it a Part", where=(machine.file, machine.line))


def _check_mixins(cls: type) -> None:
    declared: dict[str, type] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            marked = getattr(value, "_thawcheck_mark", None)
            if not (marked or isinstance(value, Declared)):
                earlier = declared.get(name)
                if earlier is not None and not name.startswith("_") and earlier is not base:
                    raise DesignError(
                        f"{cls.__name__}: {base.__name__}.{name} hides {earlier.__name__}.{name} without its decorator", "decorate it like the one it overrides",
                    )
                continue
            earlier = declared.get(name)
            if earlier is not None and not issubclass(base, earlier) and name not in vars(cls):
                raise DesignError(
                    f"{earlier.__name__} and {base.__name__} both have {name!r}", f"rename one, or define it in {cls.__name__} and say there what is meant"
                )
            declared[name] = base


def _check_unused(built: list[tuple[Boolean, tuple[str, int]]], roots: list[Term], what: str) -> None:
    reached = {id(part) for root in roots for part in walk(root)}
    reached_keys = {part.key for root in roots for part in walk(root)}
    below = {id(part) for term, _ in built for argument in term.args for part in walk(argument)}
    for term, where in built:
        if id(term) not in reached and id(term) not in below and term.key not in reached_keys and not _folded_away(term, reached_keys):
            raise DesignError(f"{what}: nobody uses the result of {text(term)!r}", "pass it to require(...), assign it, or delete it", where=where)


def _folded_away(term: Boolean, reached: set[str]) -> bool:
    # "a & b & c" builds "a & b" on the way and then one conjunction of three; "~~a" builds "~a".
    return all(argument.key in reached for argument in term.args)


def _check_distinct_cells(recording: _Recording, action_: Action) -> None:
    apart = {
        frozenset(argument.key for argument in conjunct.term.args[0].args)
        for conjunct in action_.guard
        if conjunct.term.op == "not" and conjunct.term.args[0].op == "eq"
    }
    for place, (update, where) in enumerate(recording.updates):
        for other, _ in recording.updates[:place]:
            if other.variable != update.variable:
                continue
            pairs = zip(other.indices, update.indices, strict=True)
            if not any(frozenset((a.key, b.key)) in apart or _different_constants(a, b) for a, b in pairs):
                raise DesignError(
                    f"two writes of {action_.name} may hit one cell of {update.variable}", "require that their indices differ", where=where
                )


def _different_constants(left: Term, right: Term) -> bool:
    return left.op == right.op == "constant" and left.payload != right.payload


def _check_false(action_: Action) -> None:
    true_keys: set[str] = set()
    false_keys: set[str] = set()
    chosen: dict[str, Conjunct] = {}
    for conjunct in action_.guard:
        for part in conjunct.term.args if conjunct.term.op == "and" else (conjunct.term,):
            contradiction = part.op == "literal" and part.payload is False
            if part.op == "not":
                false_keys.add(part.args[0].key)
                contradiction |= part.args[0].key in true_keys
            else:
                true_keys.add(part.key)
                contradiction |= part.key in false_keys
            if part.op == "eq" and "literal" in (part.args[0].op, part.args[1].op):
                value, subject = part.args if part.args[0].op == "literal" else (part.args[1], part.args[0])
                earlier = chosen.setdefault(subject.key, conjunct)
                contradiction |= earlier is not conjunct and part.key not in {p.key for p in walk(earlier.term)}
            if contradiction:
                raise DesignError(
                    f"the guard of {action_.name} is always false at {conjunct.source!r}", "it contradicts another condition", where=(conjunct.file, conjunct.line)
                )


def _check_no_ghost(term: Term, ghosts: set[str], what: str, where: tuple[str, int]) -> None:
    for name in sorted(_names_read(term) & ghosts):
        raise DesignError(f"{what} reads the ghost {name}", "only properties and other ghosts may read a ghost", where=where)


def _check_polarity(term: Term, positive: bool, action_name: str, where: tuple[str, int]) -> None:
    """Refuses an assumption where assuming it could enable something: then dropping it would take behaviours away."""
    if term.op == "assumption" and positive:
        raise DesignError(
            f"{action_name} is only possible while {term.payload} is held", "write implies(assumption, ...) or ~assumption: dropping it may only add behaviours", where=where
        )
    if term.op in ("eq", "ite") and any(part.op == "assumption" for part in walk(term)):
        raise DesignError(f"{action_name} compares the assumption with something", "write implies(assumption, ...) or ~assumption", where=where)
    for place, argument in enumerate(term.args):
        flips = term.op == "not" or (term.op == "implies" and place == 0)
        _check_polarity(argument, positive != flips, action_name, where)


# ---------------------------------------------------------------- helpers


def _mark(method: F, kind: str) -> F:
    cast(Any, method)._thawcheck_mark = kind
    return method


def _marked(cls: type, kind: str) -> Iterator[str]:
    seen: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        seen.update(dict.fromkeys(name for name, value in vars(base).items() if getattr(value, "_thawcheck_mark", None)))
    return (name for name in seen if getattr(getattr(cls, name), "_thawcheck_mark", None) == kind)


def _declared(cls: type) -> list[Declared]:
    seen: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        seen.update(dict.fromkeys(name for name, value in vars(base).items() if isinstance(value, Declared)))
    return [value for name in seen if isinstance(value := inspect.getattr_static(cls, name), Declared)]


def _names_read(term: Term) -> set[str]:
    return {str(part.payload) for part in walk(term) if part.op in ("read", "assumption")}


def _first_sentence(doc: str) -> str:
    paragraph = " ".join(inspect.cleandoc(doc).split("\n\n")[0].split())
    head = paragraph.split(". ")[0]
    return head.rstrip(".")


def _did_you_mean(cls: type, name: str) -> str:
    import difflib

    known = [d.name for d in _declared(cls)]
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"declared are {', '.join(known) or 'no variables'}"


class _set:  # noqa: N801  (a context manager that reads like a statement)
    """Sets a context variable for the length of a with block."""

    def __init__(self, variable: ContextVar[Any], value: Any) -> None:
        self.variable, self.value = variable, value

    def __enter__(self) -> None:
        self.token = self.variable.set(self.value)

    def __exit__(self, *_: object) -> None:
        self.variable.reset(self.token)


def _argument_sources(count: int) -> list[str]:
    """The source text of each argument of the call that is running in the design, as its author wrote it; empty texts if unknown."""
    frame = caller_frame()
    positions = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    first, last, begin, end = positions
    if first is None or last is None or begin is None or end is None:
        return [""] * count
    lines = [linecache.getline(frame.f_code.co_filename, number).encode() for number in range(first, last + 1)]
    if not all(lines):
        return [""] * count
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][begin:]
    source = b"".join(lines).decode()
    try:
        call = ast.parse(source.strip(), mode="eval").body
    except SyntaxError:
        return [""] * count
    if not isinstance(call, ast.Call) or len(call.args) != count or any(isinstance(a, ast.Starred) for a in call.args):
        return [""] * count
    return [" ".join((ast.get_source_segment(source.strip(), argument) or "").split()) for argument in call.args]


# ---------------------------------------------------------------- the classes that designs are made of


class Part:
    """A part of the hardware, or of a protocol, that designs are made of: variables, actions and properties, but not a design yet."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _check_mixins(cls)

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(getattr(type(self), name, None), Declared):
            object.__setattr__(self, name, value)
            return
        raise DesignError(f"unknown variable {name!r} is assigned", _did_you_mean(type(self), name))

    def __getattr__(self, name: str) -> Any:
        raise DesignError(f"unknown variable or attribute {name!r}", _did_you_mean(type(self), name))


class Design(Part):
    """A design: a class whose subclass is recorded when Python makes it. A changed design is a subclass that overrides an action."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._machine = _record(cls)

    _machine: Machine


__all__ = ["Array", "Design", "Part", "Scalar", "action", "always", "assign_every", "machine_of", "require", "sometimes", "terminal"]

"""How a class becomes a machine: each action's body runs once, on terms instead of values, and what it asks and assigns is written down.

This is the one place of the project with machinery behind an ordinary-looking class. What happens: ``Design.__init_subclass__`` makes
a :class:`_Recording` for the new class, whose variables read as terms. It calls every action with a symbol for each parameter;
``require`` adds conjuncts to the guard and assignments add updates. The result, a :class:`.machine.Machine`, is kept on the class and
given by :func:`machine_of`. A design that would not mean what it seems to say is refused at that moment, with file, line and remedy.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from types import FunctionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints, overload

from .declarations import Array, Assumption, Cells, Constant, Declared, Scalar, VariableDeclaration, extent_of
from .errors import DesignError, caller_frame, caller_position, is_language
from .machine import Action, Conjunct, Machine, Parameter, Property, Update, Variable
from .machine import Assumption as RecordedAssumption
from .source import argument_sources, check_source, definition_line
from .terms import (
    Boolean,
    Content,
    Each,
    Index,
    NoValue,
    Number,
    Symbol,
    Term,
    bind,
    boolean,
    built_terms,
    each_parts,
    escaped,
    inside_lambda,
    is_sort,
    text,
    walk,
)

F = TypeVar("F", bound=Callable[..., Any])

# The recording that is under way, for the free functions require(...) and assign_every(...).
_current: ContextVar[_Recording | None] = ContextVar("_current", default=None)


# ---------------------------------------------------------------- what a design writes


@overload
def action(method: F, /) -> F: ...
@overload
def action(*, fair: Literal["weak", "strong"]) -> Callable[[F], F]: ...
def action(method: Any = None, /, *, fair: str = "") -> Any:
    """Marks a method as a step of the machine. Its parameters are chosen freely: indices, Content, Boolean, or Each[...].

    ``@action(fair="weak")`` promises that the step is not put off for ever while it stays possible; ``fair="strong"``, while it
    becomes possible again and again. Each choice of its indices has that promise by itself; what else it chooses may be anything. These
    are WF and SF of L. Lamport, "Specifying Systems", chapter 8, but for a step that changes nothing: here it counts as taken.
    """
    if method is not None:
        return _mark(method, "action")
    if fair not in ("weak", "strong"):
        raise DesignError(f"@action(fair={fair!r})" if fair else "@action() without anything", 'write @action, or fair="weak" or "strong"')

    def mark(method: F) -> F:
        marked = _mark(method, "action")
        marked._thawcheck_fairness = fair  # type: ignore[attr-defined]  # as with the mark itself
        return marked

    return mark


def always(method: F) -> F:
    """Marks a predicate that holds in every reachable state. The docstring's first sentence is its name in English."""
    return _mark(method, "always")


def sometimes(method: F) -> F:
    """Marks a predicate that holds in some reachable state: an interesting situation that must not be missed."""
    return _mark(method, "sometimes")


def eventually(method: F) -> F:
    """Marks what every fair run comes to: a predicate, from the start on; or ``leads_to(premise, goal)``, whenever the premise holds."""
    return _mark(method, "eventually")


def terminal(method: F) -> F:
    """Marks the predicate of states in which it is right that nothing can happen any more."""
    return _mark(method, "terminal")


def require(*conditions: Boolean | bool) -> None:
    """Adds conditions to the guard of the action that is being recorded. Each keeps the text that its author wrote."""
    recording = _recording_action("require(...)")
    if not conditions:
        raise DesignError("require() without a condition", "give at least one, or delete the call")
    frame = caller_frame()
    for condition, (source, line) in zip(conditions, argument_sources(frame, len(conditions)), strict=True):
        term = boolean(condition)
        recording.guard.append(Conjunct(term, source or text(term), frame.f_code.co_filename, line))


def leads_to(premise: Boolean | bool, goal: Boolean | bool) -> LeadsTo:
    """What an ``@eventually`` expects: whenever the premise holds, the goal holds at that moment or later."""
    recording = _current.get()
    if recording is None or recording.kind != "eventually":
        raise DesignError("leads_to(...) outside an @eventually", "return it there; elsewhere say implies(...)")
    recording.leads.append(LeadsTo(boolean(premise), boolean(goal)))
    return recording.leads[-1]


def assign_every(cells: Cells[Any, Any, Any], value: Callable[..., Term | bool | str | int]) -> None:
    """Assigns a whole array at once: ``assign_every(self.snapshot, lambda page: self.memory[page])``."""
    recording = _recording_action("assign_every(...)")
    if not isinstance(cells, Cells):
        raise DesignError("assign_every(...) of something that is not an array variable", "assign it with =")
    declaration = cells.declaration
    binders, assigned = bind(declaration.per, lambda *indices: declaration.coerced(value(*indices), indices), mark="whole")
    recording.note_write(declaration, binders, assigned, binders)


def machine_of(design: type[Design]) -> Machine:
    """The recorded machine of a design class."""
    machine = vars(design).get("_machine")
    if not isinstance(machine, Machine):
        raise DesignError(f"{design.__name__} is no design", "make a subclass of Design")
    return machine


class LeadsTo(NoValue):
    """``leads_to(premise, goal)``: about runs, not a condition that a state has or has not."""

    def __init__(self, premise: Boolean, goal: Boolean) -> None:
        self.premise, self.goal = premise, goal

    def _refusal(self) -> DesignError:
        return DesignError("leads_to(...) is used as a condition", "return it alone: put everything into its premise or its goal")


# ---------------------------------------------------------------- the recording


class _Recording:
    """What one action (or property) says, while its body runs."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.what = kind, f"{'action' if kind == 'action' else 'property'} {name}"
        self.guard: list[Conjunct] = []
        self.updates: list[tuple[Update, tuple[str, int]]] = []
        self.written: set[str] = set()
        self.built: list[tuple[Term, tuple[str, int]]] = []
        self.leads: list[LeadsTo] = []

    def run(self, cls: type, method: Callable[..., Any], arguments: Iterable[object]) -> object:
        """Calls the method with an object that stands for ``self``; what goes wrong in it is said with the line at which it did."""
        instance: Any = object.__new__(cls)
        object.__setattr__(instance, "_recording", self)
        with _set(_current, self), _set(built_terms, self.built):
            try:
                return method(instance, *arguments)
            except DesignError:
                raise
            except Exception as problem:
                where = _deepest_line(problem) or _position(method)
                words = " ".join(str(problem).split())
                raise DesignError(
                    f"{self.what} cannot be recorded: {type(problem).__name__}: {words}",
                    "its body runs once, on terms instead of values",
                    where=where,
                ) from problem

    def note_read(self, declaration: VariableDeclaration) -> None:
        if declaration.name in self.written:
            raise DesignError(
                f"{declaration.name} is read after it was written in {self.what} (which value is meant?)",
                "all updates happen at once: read it before the first assignment",
            )

    def note_write(
        self, declaration: VariableDeclaration, indices: tuple[Index, ...], value: Term, binders: tuple[Index, ...] = ()
    ) -> None:
        if self.kind != "action":
            raise DesignError(f"{self.what} assigns {declaration.name}", "a property only looks")
        if inside_lambda.get():
            raise DesignError(
                f"{declaration.name} is assigned inside a lambda", "every(...) only looks; use assign_every(...) for a whole array"
            )
        for other, _ in self.updates:
            if other.variable != declaration.name:
                continue
            if binders or other.binders or [i.key for i in other.indices] == [i.key for i in indices]:
                raise DesignError(
                    f"{declaration.name} is written twice in {self.what}", "write each cell once (an inherited action's writes count)"
                )
        for index in indices:
            index.used = True
        self.written.add(declaration.name)
        self.updates.append((Update(declaration.name, indices, value, binders), caller_position()))


def _recording_action(what: str) -> _Recording:
    recording = _current.get()
    if recording is None or recording.kind != "action":
        raise DesignError(f"{what} outside an action", "call it in the body of an @action")
    if inside_lambda.get():
        raise DesignError(f"{what} inside a lambda", "every(...), some(...) and assign_every(...) only look: call it outside, around them")
    return recording


def _deepest_line(problem: BaseException) -> tuple[str, int] | None:
    found, trace = None, problem.__traceback__
    while trace is not None:
        if not is_language(trace.tb_frame):
            found = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    return found


def _position(method: Callable[..., Any]) -> tuple[str, int]:
    code = inspect.unwrap(method).__code__
    return code.co_filename, definition_line(code)


def _record(cls: type[Design]) -> Machine:
    where = caller_position()
    declared = _declared(cls)
    ghosts = {d.name for d in declared if isinstance(d, VariableDeclaration) and d.ghost}
    variables = tuple(
        Variable(d.name, d.kind, d.per, d.literals, d.maximum, d.initial, d.ghost, "")
        for d in declared
        if isinstance(d, VariableDeclaration)
    )
    constants = tuple((d.name, d.sort) for d in declared if isinstance(d, Constant))
    assumptions = tuple(RecordedAssumption(d.name, d.title, d.protects, d.said) for d in declared if isinstance(d, Assumption))
    actions = tuple(_record_action(cls, name, ghosts) for name in _marked(cls, "action"))
    properties = tuple(
        _record_property(cls, name, expectation) for expectation in ("always", "sometimes") for name in _marked(cls, expectation)
    )
    eventualities = tuple(_record_property(cls, name, "eventually") for name in _marked(cls, "eventually"))
    ends = [_record_property(cls, name, "terminal") for name in _marked(cls, "terminal")]
    if len(ends) > 1:
        raise DesignError("two @terminal predicates", "join them with |", where=(ends[1].file, ends[1].line))
    for end in ends:
        _check_no_ghost(end.predicate, ghosts, "the terminal predicate", (end.file, end.line))
    machine = Machine(
        name=cls.__name__,
        title=_first_sentence(cls.__dict__.get("__doc__") or cls.__name__),
        doc=inspect.cleandoc(cls.__dict__.get("__doc__") or ""),
        file=where[0],
        line=where[1],
        variables=variables,
        constants=constants,
        assumptions=assumptions,
        actions=actions,
        properties=properties,
        terminal=ends[0].predicate if ends else Boolean("literal", False),
        eventualities=eventualities,
    )
    _check_machine(machine, declared)
    return machine


def _record_action(cls: type, name: str, ghosts: set[str]) -> Action:
    method = getattr(cls, name)
    where = _position(method)
    recording = _Recording("action", name)
    parameters = tuple(_parameters(method, name, where))
    result = recording.run(cls, method, [_argument(parameter) for parameter in parameters])
    if result is not None:
        raise DesignError(f"action {name} returns something", "write require(...) for a condition; an action has no result", where=where)
    updates = tuple(update for update, _ in recording.updates)
    fairness = str(getattr(method, "_thawcheck_fairness", ""))
    recorded = Action(name, inspect.cleandoc(method.__doc__ or ""), parameters, tuple(recording.guard), updates, *where, fairness)
    if not updates:
        raise DesignError(f"action {name} changes nothing", "assign something, or delete it", where=where)
    _check_terms(recording, parameters)
    _check_distinct_cells(recording, recorded)
    _check_false(recorded)
    if fairness and recorded.needs_dropped():
        raise DesignError(
            f"{name} is fair, and only possible without {recorded.needs_dropped()[0]}",
            "nobody can count on a mishap: leave the fairness out",
            where=where,
        )
    _check_ghosts_and_assumptions(recording, name, ghosts)
    return recorded


def _parameters(method: Callable[..., Any], action_name: str, where: tuple[str, int]) -> Iterator[Parameter]:
    signature = list(inspect.signature(method).parameters.values())
    if not signature or signature.pop(0).annotation is not inspect.Parameter.empty:
        raise DesignError(f"action {action_name} has no self", "make it its first parameter", where=where)
    try:
        hints = get_type_hints(inspect.unwrap(method), include_extras=True)
    except Exception as problem:
        raise DesignError(
            f"an annotation of action {action_name} means nothing: {problem}",
            "define or import the sort at the top of the file",
            where=where,
        ) from problem
    for parameter in signature:
        name, annotation = parameter.name, hints.get(parameter.name)
        if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD or parameter.default is not inspect.Parameter.empty:
            raise DesignError(
                f"parameter {name!r} of action {action_name} is no plain one",
                "an action's parameters are chosen freely: no default, no *, no /",
                where=where,
            )
        if "__" in name:
            raise DesignError(
                f"parameter {name!r} of action {action_name} has two underscores in a row", "give it another name", where=where
            )
        origin = get_origin(annotation)
        maximum = extent_of(get_args(annotation)[1]) if origin is Annotated and get_args(annotation)[0] is Number else None
        if maximum is not None:
            yield Parameter(name, Number, (), maximum)
        elif annotation in (Content, Boolean) or is_sort(annotation):
            yield Parameter(name, cast(type[Term], annotation))
        else:
            try:
                per, value = each_parts(annotation) if origin is Each else ((), None)
            except TypeError:
                value = None
            if value is None:
                raise DesignError(
                    f"parameter {name!r} of action {action_name} has no sort",
                    "annotate it with Page, Cpu, Content, Boolean, Each[...], Annotated[Number, number_of(...)] or a sort of yours",
                    where=where,
                )
            yield Parameter(name, value, per)


def _argument(parameter: Parameter) -> object:
    if parameter.per:
        return Each(parameter.name, parameter.per, parameter.sort)
    return parameter.sort("parameter", parameter.name)


def _record_property(cls: type, name: str, expectation: str) -> Property:
    method = getattr(cls, name)
    where = _position(method)
    if len(inspect.signature(method).parameters) != 1:
        raise DesignError(f"property {name} has parameters", "a property has only self: use every(...) or some(...)", where=where)
    recording = _Recording(expectation, name)
    result = recording.run(cls, method, ())
    if not isinstance(result, (Boolean, bool, LeadsTo) if expectation == "eventually" else (Boolean, bool)):
        raise DesignError(f"property {name} returns no Boolean", "return what it expects", where=where)
    if any(said is not result for said in recording.leads):
        what = f"property {name} does not return its leads_to(...)"
        raise DesignError(what, "return it alone; another one is another property", where=where)
    with _set(built_terms, recording.built):
        premise = result.premise if isinstance(result, LeadsTo) else None
        predicate = result.goal if isinstance(result, LeadsTo) else boolean(result)
    parts = (predicate,) if premise is None else (premise, predicate)
    _check_terms(recording, (), *((part, where) for part in parts))
    if expectation != "terminal":
        if not method.__doc__:
            raise DesignError(
                f"property {name} has no docstring", "say in a sentence what it expects: it is printed when it fails", where=where
            )
        for said in parts:
            if said.op == "literal":
                what = f"the premise of {name}" if said is premise else f"property {name}"
                raise DesignError(f"{what} is always {said.payload}", "compare something that a step can change", where=where)
    if any(part.op == "assumption" for said in parts for part in walk(said)):
        raise DesignError(
            f"property {name} reads an assumption", "assumptions guard actions; a property holds with them or without", where=where
        )
    return Property(name, expectation, _first_sentence(method.__doc__ or name), predicate, *where, premise)


# ---------------------------------------------------------------- refusals


def _check_class(cls: type) -> None:
    """Refuses what is wrong with the names of a class: two things of one name, or one that is not what it hides."""
    found: dict[str, tuple[type, object]] = {}
    for base in cls.__mro__:
        for name, value in vars(base).items():
            if name.startswith("__") or base in (Part, Design, object):
                continue
            if isinstance(value, Declared) and value.name != name:
                where = value.where if any(other is value for known, other in vars(base).items() if known != name) else None
                raise DesignError(
                    f"{name!r} is the {value.name!r} of the same or another class", "declare it anew: a name, a variable", where=where
                )
            if (isinstance(value, Declared) or _mark_of(value)) and (name.startswith("_") or hasattr(Part, name)):
                raise DesignError(f"the name {name!r} belongs to the language", "choose another, without an underscore in front")
            marks = [mark for inner in ("__func__", "fget", "func") if (mark := _mark_of(getattr(value, inner, None)))]
            if marks:
                raise DesignError(f"{base.__name__}.{name} is marked @{marks[0]}, but is no plain method", "leave the other decorator out")
            if isinstance(value, (list, tuple, dict)) and any(isinstance(item, Declared) for item in _items(value)):
                raise DesignError(
                    f"{base.__name__}.{name} holds variables that have no name", "give each a name, or declare an array with 'per'"
                )
            winner, chosen = found.setdefault(name, (base, value))
            if not issubclass(winner, base):
                raise DesignError(
                    f"{winner.__name__} and {base.__name__} both have {name!r}",
                    f"rename one, or define it in {cls.__name__} and say there what is meant",
                )
            if _kind(value) and not _kind(chosen):
                raise DesignError(
                    f"{winner.__name__}.{name} hides {base.__name__}.{name} without its decorator", "decorate it like the one it overrides"
                )
            if _kind(value) != _kind(chosen):
                raise DesignError(
                    f"{winner.__name__}.{name} is {_kind(chosen)}, {base.__name__}.{name} is {_kind(value) or 'an ordinary method'}",
                    "give it another name",
                )


def _items(value: list[object] | tuple[object, ...] | dict[object, object]) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value


def _kind(value: object) -> str:
    if isinstance(value, VariableDeclaration):
        return "a variable"
    if isinstance(value, Declared):
        return "a constant" if isinstance(value, Constant) else "an assumption"
    mark = _mark_of(value)
    return f"marked @{mark}" if mark else ""


def _check_machine(machine: Machine, declared: list[Declared]) -> None:
    here = (machine.file, machine.line)
    if not machine.actions:
        raise DesignError(f"{machine.name} has no action", "write one, or make it a Part", where=here)
    read = {str(part.payload) for term in machine.terms() for part in walk(term) if part.op in ("read", "assumption")}
    for d in declared:
        if isinstance(d, (VariableDeclaration, Assumption)) and d.name not in read:
            what = "assumption" if isinstance(d, Assumption) else "variable"
            raise DesignError(f"nothing in {machine.name} reads the {what} {d.name}", "use it or delete it", where=d.where)
    names = {item.name for item in machine.properties if item.expectation == "always"}
    ranges = {f"{variable.name}_in_range" for variable in machine.variables if variable.kind == "counter"}
    for item in (*machine.properties, *machine.eventualities):
        if item.name in ranges:
            raise DesignError(
                f"the name {item.name!r} belongs to a Counter", "every Counter has such a property by itself", where=(item.file, item.line)
            )
    for d in declared:
        for protected in d.protects if isinstance(d, Assumption) else ():
            if protected not in names | ranges:
                known = ", ".join(sorted(names | ranges)) or "(none)"
                raise DesignError(
                    f"{d.name} protects {protected!r}, which is no property of {machine.name}", f"name one of {known}", where=d.where
                )
    plurals: dict[str, type[Index]] = {}
    for sort in machine.sorts:
        for name in (sort.__name__, sort.plural):
            if plurals.setdefault(name, sort) is not sort:
                raise DesignError(f"two sorts of {machine.name} are called {name}", "rename one, or set its 'plural'", where=here)


def _check_terms(recording: _Recording, parameters: tuple[Parameter, ...], *more: tuple[Term, tuple[str, int]]) -> None:
    """Refuses a result that nobody uses, a bound index that has left its quantifier, and a parameter that has left its action."""
    for term, where in recording.built:
        if not term.used:
            raise DesignError(
                f"{recording.what}: nobody uses the result of {text(term)!r}",
                "pass it to require(...), assign it, or delete it",
                where=where,
            )
    names = {parameter.name for parameter in parameters}
    said: list[tuple[Term, tuple[str, int]]] = [(conjunct.term, (conjunct.file, conjunct.line)) for conjunct in recording.guard]
    said += [(term, where) for update, where in recording.updates for term in (*update.indices, update.value)]
    for term, where in (*said, *more):
        lost = escaped(term)
        if lost is not None:
            raise DesignError(
                f"{recording.what}: the index {text(lost)} of a quantifier is used outside it",
                "write another every(...) or some(...)",
                where=where,
            )
        for part in walk(term):
            if part.op in ("parameter", "element") and str(part.payload) not in names and "''" not in str(part.payload):
                raise DesignError(
                    f"{recording.what} uses the parameter {part.payload} of another", "make it a parameter of this one", where=where
                )


def _check_distinct_cells(recording: _Recording, action_: Action) -> None:
    apart = {_unordered(part.args[0]) for _, part in _conditions(action_) if part.op == "not" and part.args[0].op == "eq"}
    for place, (update, where) in enumerate(recording.updates):
        for other, _ in recording.updates[:place]:
            if other.variable != update.variable:
                continue
            pairs = zip(other.indices, update.indices, strict=True)
            if not any(frozenset((a.key, b.key)) in apart or _different_constants(a, b) for a, b in pairs):
                raise DesignError(
                    f"two writes of {action_.name} may hit one cell of {update.variable}", "require that their indices differ", where=where
                )


def _conditions(action_: Action) -> Iterator[tuple[Conjunct, Term]]:
    for conjunct in action_.guard:
        for part in conjunct.term.args if conjunct.term.op == "and" else (conjunct.term,):
            yield conjunct, part


def _unordered(comparison: Term) -> frozenset[str]:
    return frozenset(argument.key for argument in comparison.args)


def _different_constants(left: Term, right: Term) -> bool:
    return left.op == right.op == "constant" and left.payload != right.payload


def _check_false(action_: Action) -> None:
    """Refuses a guard two of whose conditions contradict each other: a condition and its opposite, or no literal left for a Choice."""
    said: dict[object, bool] = {}
    possible: dict[str, frozenset[object]] = {}
    for conjunct, part in _conditions(action_):
        positive = part.op != "not"
        atom = part if positive else part.args[0]
        contradiction = part.op == "literal" and part.payload is False
        contradiction |= said.setdefault(_unordered(atom) if atom.op == "eq" else atom.key, positive) is not positive
        found = _values(part)
        if found is not None:
            subject, values = found
            possible[subject] = possible.get(subject, values) & values
            contradiction |= not possible[subject]
        if contradiction:
            raise DesignError(
                f"the guard of {action_.name} is always false at {conjunct.source!r}",
                "it contradicts another condition",
                where=(conjunct.file, conjunct.line),
            )


def _values(condition: Term) -> tuple[str, frozenset[object]] | None:
    """The term that the condition is about, and the values that it allows, if it compares one term with literals only."""
    if condition.op == "eq":
        for value, subject in (condition.args, reversed(condition.args)):
            if value.op == "literal":
                return subject.key, frozenset({value.payload})
    if condition.op == "not" and condition.args[0].op == "eq":
        found = _values(condition.args[0])
        literals = next((argument.literals for argument in condition.args[0].args if isinstance(argument, Symbol)), ())
        return (found[0], frozenset(literals) - found[1]) if found is not None and literals else None
    if condition.op == "or":
        parts = [_values(argument) for argument in condition.args]
        known = [part for part in parts if part is not None]
        if len(known) == len(parts) and len({subject for subject, _ in known}) == 1:
            return known[0][0], frozenset().union(*(values for _, values in known))
    return None


def _check_ghosts_and_assumptions(recording: _Recording, name: str, ghosts: set[str]) -> None:
    for conjunct in recording.guard:
        where = (conjunct.file, conjunct.line)
        _check_no_ghost(conjunct.term, ghosts, f"the guard of {name}", where)
        _check_polarity(conjunct.term, True, name, where)
    for update, where in recording.updates:
        for term in (*update.indices, update.value):
            if update.variable not in ghosts:
                _check_no_ghost(term, ghosts, f"the update of {update.variable} in {name}", where)
            if any(part.op == "assumption" for part in walk(term)):
                raise DesignError(
                    f"{name} assigns what an assumption says", "write an action of its own that requires ~assumption", where=where
                )


def _check_no_ghost(term: Term, ghosts: set[str], what: str, where: tuple[str, int]) -> None:
    for name in sorted({str(part.payload) for part in walk(term) if part.op == "read"} & ghosts):
        raise DesignError(f"{what} reads the ghost {name}", "only properties and other ghosts may read a ghost", where=where)


def _check_polarity(term: Term, positive: bool, action_name: str, where: tuple[str, int]) -> None:
    """Refuses an assumption where assuming it could enable something: then dropping it would take behaviours away."""
    if term.op == "assumption" and positive:
        raise DesignError(
            f"{action_name} is only possible while {term.payload} is held",
            "write implies(assumption, ...) or ~assumption: dropping it may only add behaviours",
            where=where,
        )
    if term.op in ("eq", "ite") and any(part.op == "assumption" for part in walk(term)):
        raise DesignError(
            f"{action_name} compares the assumption with something", "write implies(assumption, ...) or ~assumption", where=where
        )
    for place, argument in enumerate(term.args):
        flips = term.op == "not" or (term.op == "implies" and place == 0)
        _check_polarity(argument, positive != flips, action_name, where)


# ---------------------------------------------------------------- helpers


def _mark(method: F, kind: str) -> F:
    if not isinstance(method, FunctionType):
        raise DesignError(
            f"@{kind} on something that is no method", f"write @{kind} directly above a def, and nothing that is no function in between"
        )
    earlier = _mark_of(method)
    if earlier:
        raise DesignError(f"{method.__name__} is marked @{earlier} and @{kind}", "decide for one")
    before = caller_frame().f_locals.get(method.__name__)  # what the class body has defined under this name so far
    if isinstance(before, Declared) or _mark_of(before):
        raise DesignError(f"{method.__name__!r} is defined twice in one class", "rename one: Python keeps the second only")
    method._thawcheck_mark = kind  # type: ignore[attr-defined]  # how the class finds its actions again
    return method


def _mark_of(value: object) -> str:
    return str(getattr(value, "_thawcheck_mark", "")) if isinstance(value, FunctionType) else ""


def _names(cls: type, wanted: Callable[[object], bool]) -> list[str]:
    """The names of a class and its bases whose values are wanted, in the order of their first definition, the bases' first."""
    seen: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        seen.update(dict.fromkeys(name for name, value in vars(base).items() if wanted(value)))
    return list(seen)


def _marked(cls: type, kind: str) -> list[str]:
    return [name for name in _names(cls, lambda value: bool(_mark_of(value))) if _mark_of(getattr(cls, name)) == kind]


def _declared(cls: type) -> list[Declared]:
    return [inspect.getattr_static(cls, name) for name in _names(cls, lambda value: isinstance(value, Declared))]


def _first_sentence(doc: str) -> str:
    paragraph = " ".join(inspect.cleandoc(doc).split("\n\n")[0].split())
    head = paragraph.split(". ")[0]
    return head.rstrip(".")


def _did_you_mean(cls: type, name: str) -> str:
    variables = _names(cls, lambda value: isinstance(value, Declared))
    close = difflib.get_close_matches(name, variables + _names(cls, lambda value: isinstance(value, FunctionType)), n=1)
    return f"did you mean {close[0]!r}?" if close else f"declared are {', '.join(variables) or 'no variables'}"


class _set:
    """Sets a context variable for the length of a with block."""

    def __init__(self, variable: ContextVar[Any], value: Any) -> None:
        self.variable, self.value = variable, value

    def __enter__(self) -> None:
        self.token = self.variable.set(self.value)

    def __exit__(self, *_: object) -> None:
        self.variable.reset(self.token)


# ---------------------------------------------------------------- the classes that designs are made of


class Part:
    """A part of the hardware, or of a protocol, that designs are made of: variables, actions and properties, but not a design yet."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _check_class(cls)
        check_source(cls)

    def __init__(self) -> None:
        raise DesignError(f"an instance of {type(self).__name__} is made", "a design has none: pass the class, or machine_of(the class)")

    if not TYPE_CHECKING:  # a type checker finds a wrong name by itself, unless it sees these

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


__all__ = [
    "Array", "Design", "LeadsTo", "Part", "Scalar", "action", "always", "assign_every", "eventually", "leads_to", "machine_of", "require",
    "sometimes", "terminal",
]  # fmt: skip

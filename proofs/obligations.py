"""Obligations: what has to be shown of lemmas, for any number of indices of each sort, in z3's words.

Pages, CPUs, devices and contents are uninterpreted sorts, a variable is an uninterpreted function. A lemma holds for every tuple of
indices. Each obligation is about one tuple at which a lemma might be false afterwards (*observed*), and about the indices that the
step names (*acted*: its parameters, and one for each ``some`` that its guard asks for). Hypotheses are used at these and at the named
indices, and nowhere else: a weaker hypothesis is a stronger theorem, and no quantifier is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Any, cast

import z3

from ..checker.to_z3 import Bound, Expression, cell_after, conjunction, disjunction, negation, translate
from ..model.machine import Action, Extent, Machine, Parameter, Variable
from ..model.terms import Boolean, Content, Index, Number, Symbol, Term, implies, substitute, walk
from ..model.terms import conjunction as all_of
from .cardinalities import Cardinality
from .views import Feature

Grounds = Mapping[type[Index], list[Any]]


@dataclass(frozen=True, eq=False)
class Lemma:
    """``body`` holds in every reachable state for all values of its slots.

    It is part number ``part`` of a ``property``, or says that the features of ``never`` do not have these values together.
    """

    body: Boolean
    property: str = ""
    part: int = 0
    never: tuple[tuple[Feature, frozenset[int]], ...] = ()

    @cached_property
    def slots(self) -> tuple[Index, ...]:
        """The slots that occur in it."""
        return tuple({part.key: cast(Index, part) for part in walk(self.body) if part.op == "parameter"}.values())

    @cached_property
    def variables(self) -> frozenset[str]:
        """The variables that it reads."""
        return frozenset(str(part.payload) for part in walk(self.body) if part.op == "read")


class Theory:
    """The sorts, functions and named indices of a machine, with some assumptions dropped."""

    def __init__(self, machine: Machine, cardinalities: tuple[Cardinality, ...], dropped: frozenset[str]) -> None:
        self.machine, self.ghosts, self.dropped = machine, cardinalities, dropped
        self.context = z3.Context()  # its own: z3 knows one enumeration of a name in each
        self.truth, self.integer = z3.BoolSort(self.context), z3.IntSort(self.context)
        self.content = z3.DeclareSort("Content", self.context)
        self.sorts = {sort: z3.DeclareSort(sort.__name__, self.context) for sort in machine.sorts}
        self.named = {name: z3.Const(name, self.sorts[sort]) for name, sort in machine.constants}
        self.variables = {variable.name: variable for variable in machine.variables}
        self._choices: dict[tuple[str, ...], dict[str, Any]] = {}
        self._numbers: dict[str, int] = {}
        self._instances: dict[tuple[Lemma, tuple[int, ...]], tuple[Any, Any]] = {}
        self.functions = {v.name: z3.Function(v.name, *(self.sorts[sort] for sort in v.per), self._range(v)) for v in machine.variables}

    def _range(self, variable: Variable) -> Any:
        if variable.kind == "choice":
            return next(iter(self._literals(variable.literals).values())).sort()
        return {"flag": self.truth, "counter": self.integer, "content": self.content}[variable.kind]

    def literal_number(self, name: str) -> int:
        """The number of a literal of a Choice by its name in z3."""
        return self._numbers[name]

    def _literals(self, literals: tuple[str, ...]) -> dict[str, Any]:
        if literals not in self._choices:
            # Named after the first variable of the Choice; a literal may also be the name of something else.
            name = next(v.name for v in self.variables.values() if v.literals == literals)
            _, constants = z3.EnumSort(f"Choice {name}", [f"{name} {literal}" for literal in literals], self.context)
            self._choices[literals] = dict(zip(literals, constants, strict=True))
            self._numbers.update((f"{name} {literal}", number) for number, literal in enumerate(literals))
        return self._choices[literals]

    def literal(self, term: Term) -> Expression:
        """A number or a literal of a Choice."""
        return self._literals(term.literals)[str(term.payload)] if isinstance(term, Symbol) else self.number(cast(int, term.payload))

    def number(self, value: int) -> Any:
        """A number as an expression."""
        return z3.IntVal(value, self.context)

    def formula(self, condition: Expression) -> Any:
        """A condition that may be known already as an expression."""
        return z3.BoolVal(condition, self.context) if isinstance(condition, bool) else condition

    def count(self, sort: type[Index]) -> Any:
        """How many indices of a sort there are."""
        return z3.Int(f"how many {sort.plural}", self.context)

    def extent(self, extent: Extent) -> Any:
        """A number that depends on the sizes."""
        offset = self.number(extent.offset)
        return offset if extent.sort is None else extent.factor * self.count(extent.sort) + offset

    def facts(self) -> list[Any]:
        """Named indices of a sort are different, and there are at least as many."""
        found = []
        for sort in self.sorts:
            named = [self.named[name] for name, of in self.machine.constants if of is sort]
            found.append(self.count(sort) >= max(1, len(named)))
            if len(named) > 1:
                found.append(z3.Distinct(*named))
        return found

    def cardinalities(self, grounds: Grounds, witnessed: bool) -> list[Any]:
        """What is known of the number of indices with a Flag: at most all, none only if none has it, two if two have it, and so on."""
        found = []
        for ghost in self.ghosts:
            sort = ghost.flag.per[0]
            number, most, has = self.functions[ghost.name](), self.count(sort), self.functions[ghost.flag.name]
            found += [number >= 0, number <= most]
            indices = grounds[sort]
            for index in indices:
                found += [z3.Implies(has(index), number >= 1), z3.Implies(z3.Not(has(index)), number <= most - 1)]
            for one, other in combinations(indices, 2):
                found.append(z3.Implies(z3.And(one != other, has(one), has(other)), number >= 2))
            if witnessed:
                found.append(z3.Or(number == 0, has(self.witness(ghost))))
        return found

    def instance(self, lemma: Lemma, at: Mapping[str, Any], encoded: Encoded) -> Any:
        """A lemma about the state before a step, at some indices. Many obligations ask for the same one."""
        key = (lemma, tuple(index.get_id() for index in at.values()))
        if key not in self._instances:  # with the indices, so that z3 uses their numbers for nothing else
            self._instances[key] = (self.formula(translate(lemma.body, encoded, at)), at)
        return self._instances[key][0]

    def witness(self, ghost: Cardinality) -> Any:
        """Some index that has the Flag, if any has."""
        return z3.Const(f"some {ghost.flag.name}", self.sorts[ghost.flag.per[0]])


class Encoded:
    """An :class:`~thawcheck.checker.to_z3.Encoding` of one state. ``sides`` says what the Booleans that stand for quantifiers mean."""

    mark = ""

    def __init__(self, theory: Theory, grounds: Grounds) -> None:
        self.theory, self.grounds = theory, grounds
        self.sides: list[Any] = []
        self._quantifiers = 0
        self._cells: dict[tuple[Any, ...], Any] = {}

    def literal(self, term: Term) -> Expression:
        return self.theory.literal(term)

    def constant(self, name: str) -> Expression:
        return self.theory.named[name]

    def index(self, known: int) -> Expression:
        raise AssertionError("there are no numbered indices here")

    def maximum(self, counter: str) -> Expression:
        extent = self.theory.variables[counter].maximum
        assert extent is not None
        return self.theory.extent(extent)

    def held(self, assumption: str) -> Expression:
        return assumption not in self.theory.dropped

    def read(self, variable: str, indices: tuple[Expression, ...]) -> Expression:
        key = (variable, *(index.get_id() for index in indices))
        if key not in self._cells:
            self._cells[key] = (self.cell(variable, indices), indices)  # the indices are kept so that their numbers are not used again
        return self._cells[key][0]

    def cell(self, variable: str, indices: tuple[Expression, ...]) -> Expression:
        """A cell of the state before the step."""
        return self.theory.functions[variable](*indices)

    def quantified(self, operator: str, sort: type[Index], body: Callable[[Expression], Expression]) -> Expression:
        """A Boolean that stands for the quantifier; it is used at the ground indices, and denied at one of its own."""
        formula = self.theory.formula
        self._quantifiers += 1
        holds = z3.Bool(f"{operator} {self._quantifiers}{self.mark}", self.theory.context)
        own = z3.Const(f"{sort.__name__.lower()} of {operator} {self._quantifiers}{self.mark}", self.theory.sorts[sort])
        at = [body(index) for index in self.grounds[sort]]
        if operator == "every":
            self.sides += [z3.Implies(holds, formula(conjunction(at))), z3.Or(holds, formula(negation(body(own))))]
        else:
            self.sides += [z3.Implies(formula(disjunction(at)), holds), z3.Or(z3.Not(holds), formula(body(own)))]
        return holds


class Initial(Encoded):
    """An initial state: what has no initial value is anything."""

    def cell(self, variable: str, indices: tuple[Expression, ...]) -> Expression:
        declared = self.theory.variables[variable]
        initial = declared.initial
        if initial is None:
            anything = super().cell(variable, indices)
            if declared.maximum is not None:
                self.sides += [anything >= 0, anything <= self.theory.extent(declared.maximum)]
            return anything
        if isinstance(initial, bool):
            return initial
        sort = Symbol if declared.kind == "choice" else Number
        return self.theory.literal(sort("literal", initial, (), declared.literals))


class After(Encoded):
    """The state after an action, in terms of the state before it."""

    mark = " afterwards"

    def __init__(self, before: Encoded, action: Action, bound: Bound) -> None:
        super().__init__(before.theory, before.grounds)
        self._before, self._action, self._bound = before, action, bound

    def cell(self, variable: str, indices: tuple[Expression, ...]) -> Expression:
        after = cell_after(self._action, self.theory.variables[variable], indices, self._before, self._bound)
        return self._before.read(variable, indices) if after is None else after


# ---------------------------------------------------------------- one obligation


class Obligation:
    """What is to be shown of one action, of the initial states, or of a property.

    An action: if all lemmas hold before the step, they hold at the observed tuple after it. ``initiation``: they hold at the observed
    tuple at the beginning. A property (``denied``): no state in which all lemmas hold denies it.
    """

    def __init__(
        self, theory: Theory, name: str, slots: tuple[Index, ...], *, action: Action | None = None, denied: Boolean | None = None
    ) -> None:
        self.theory, self.name, self.action, self.denied = theory, name, action, denied
        self.initially = action is None and denied is None
        self.observed = {str(i.payload): z3.Const(f"observed {i.payload}", theory.sorts[type(i)]) for i in slots}
        grounds: dict[type[Index], list[Any]] = {sort: [] for sort in theory.sorts}
        for index in slots:
            grounds[type(index)].append(self.observed[str(index.payload)])
        for constant, sort in theory.machine.constants:
            grounds[sort].append(theory.named[constant])
        self.grounds: Grounds = grounds
        self.bound: dict[str, Any] = {}
        self.before = Initial(theory, grounds) if self.initially else Encoded(theory, grounds)
        self._sides: list[Any] = []
        self._goals: dict[Lemma, Any] = {}
        for parameter in action.parameters if action is not None else ():
            self.bound[parameter.name] = self._argument(parameter)
            if issubclass(parameter.sort, Index) and not parameter.per:
                self._ground(grounds, parameter.sort, self.bound[parameter.name])
        given: list[Term] = [self._skolemised(conjunct.term, True, grounds) for conjunct in action.guard] if action is not None else []
        if denied is not None:
            given.append(~cast(Boolean, self._skolemised(denied, False, grounds)))
        quantified = {type(part.args[0]) for term in given for part in walk(term) if part.op in ("every", "some")}
        written = {update.variable for update in action.updates} if action is not None else set()
        witnessed = any(ghost.flag.per[0] in quantified or written & ghost.counters for ghost in theory.ghosts)
        for ghost in theory.ghosts if witnessed else ():
            self._ground(grounds, ghost.flag.per[0], theory.witness(ghost))
        self.given = [theory.formula(translate(term, self.before, self.bound)) for term in given]
        if not self.initially:
            self._sides += theory.cardinalities(grounds, witnessed)
        self.after = After(self.before, action, self.bound) if action is not None else self.before
        self.written = frozenset(update.variable for update in action.updates) if action is not None else frozenset()

    def _ground(self, grounds: dict[type[Index], list[Any]], sort: type[Index], index: Any) -> None:
        if not any(index.eq(known) for known in grounds[sort]):
            grounds[sort].append(index)

    def _argument(self, parameter: Parameter) -> Any:
        theory, name = self.theory, f"this {parameter.name}"
        value = (
            theory.truth
            if parameter.sort is Boolean
            else theory.integer
            if parameter.sort is Number
            else theory.content
            if parameter.sort is Content
            else theory.sorts[cast(type[Index], parameter.sort)]
        )
        if parameter.per:
            return z3.Function(name, *(theory.sorts[sort] for sort in parameter.per), value)
        constant = z3.Const(name, value)
        if parameter.maximum is not None:
            self._sides += [constant >= 0, constant <= theory.extent(parameter.maximum)]
        return constant

    def _skolemised(self, term: Term, wanted: bool, grounds: dict[type[Index], list[Any]]) -> Term:
        """The term with an index of its own for each ``some`` that it asks for (each ``every`` that it denies)."""
        if term.op == "not":
            return ~cast(Boolean, self._skolemised(term.args[0], not wanted, grounds))
        if term.op in ("and", "or"):
            parts = [self._skolemised(part, wanted, grounds) for part in term.args]
            return type(term)(term.op, None, tuple(parts))
        if term.op == "implies":
            condition, conclusion = term.args
            return implies(
                cast(Boolean, self._skolemised(condition, not wanted, grounds)),
                cast(Boolean, self._skolemised(conclusion, wanted, grounds)),
            )
        if term.op == ("some" if wanted else "every"):
            binder, body = term.args
            sort = cast(type[Index], type(binder))
            kind = f"{sort.__name__.lower()} for {term.op}"
            name = f"{kind} {sum(1 for known in self.bound if known.startswith(kind))}"
            self.bound[name] = z3.Const(name, self.theory.sorts[sort])
            self._ground(grounds, sort, self.bound[name])
            own = sort("parameter", name)
            renamed = substitute(body, lambda part: own if part.op == "parameter" and part.payload == binder.payload else None)
            return self._skolemised(renamed, wanted, grounds)
        return term

    # -- lemmas

    def concerns(self, lemma: Lemma) -> bool:
        """Whether the lemma has to be shown here: a step that writes nothing that it reads cannot break it."""
        return self.initially or bool(self.written & lemma.variables)

    def goal(self, lemma: Lemma) -> Any:
        """The lemma at the observed tuple, afterwards."""
        if lemma not in self._goals:
            self._goals[lemma] = self.theory.formula(translate(lemma.body, self.after, self.observed))
        return self._goals[lemma]

    def tuples(self, slots: tuple[Index, ...]) -> Iterator[dict[str, Any]]:
        """Every way to fill slots with ground indices."""
        names = [str(index.payload) for index in slots]
        for values in product(*(self.grounds[type(index)] for index in slots)):
            yield dict(zip(names, values, strict=True))

    def instance(self, lemma: Lemma, at: Mapping[str, Any]) -> Any:
        """The lemma at a tuple of ground indices, before the step."""
        assert not self.initially
        return self.theory.instance(lemma, at, self.before)

    @property
    def sides(self) -> list[Any]:
        """What is known of the sorts, of numbers, and of the Booleans that stand for quantifiers. It can grow with each goal."""
        after = self.after.sides if self.after is not self.before else []
        return [*self.theory.facts(), *self._sides, *self.before.sides, *after]


# ---------------------------------------------------------------- properties as lemmas


def lemmas_of(name: str, predicate: Boolean, slots: Callable[[type[Index], int], Index]) -> list[Lemma] | None:
    """The lemmas that together say what a property says; None if it says that there is something (``some``)."""
    bodies = _universal(predicate, True, {}, slots)
    return (
        None
        if bodies is None
        else [Lemma(body, name, part) for part, body in enumerate(bodies) if body.op != "literal" or not body.payload]
    )


def _universal(
    term: Term, wanted: bool, used: Mapping[type[Index], int], slots: Callable[[type[Index], int], Index]
) -> list[Boolean] | None:
    """Bodies without quantifiers that together are the term, or its negation."""
    if not any(part.op in ("every", "some") for part in walk(term)):
        return [cast(Boolean, term) if wanted else ~cast(Boolean, term)]
    if term.op == "not":
        return _universal(term.args[0], not wanted, used, slots)
    if term.op == "implies":
        parts: tuple[tuple[Term, bool], ...] = ((term.args[0], not wanted), (term.args[1], wanted))
        return _joined(parts, wanted, used, slots)
    if term.op in ("and", "or"):
        return _joined(tuple((part, wanted) for part in term.args), (term.op == "or") is wanted, used, slots)
    if term.op == ("every" if wanted else "some"):
        binder, body = term.args
        sort = cast(type[Index], type(binder))
        place = used.get(sort, 0)
        index = slots(sort, place)
        renamed = substitute(body, lambda part: index if part.op == "parameter" and part.payload == binder.payload else None)
        return _universal(renamed, wanted, {**used, sort: place + 1}, slots)
    return None


def _joined(
    parts: tuple[tuple[Term, bool], ...], either: bool, used: Mapping[type[Index], int], slots: Callable[[type[Index], int], Index]
) -> list[Boolean] | None:
    found: list[list[Boolean]] = []
    for part, wanted in parts:
        bodies = _universal(part, wanted, used, slots)
        if bodies is None:
            return None
        found.append(bodies)
    if not either:
        return [body for bodies in found for body in bodies]
    # Either of two statements that each hold for all tuples: as one statement this needs slots of their own, unless only one has any.
    quantified = [place for place, (part, _) in enumerate(parts) if any(inner.op in ("every", "some") for inner in walk(part))]
    if len(quantified) > 1:
        return None
    return [implies(all_of(*(~body for body in chosen[:-1])), chosen[-1]) for chosen in product(*found)]

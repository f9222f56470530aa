"""Finding an inductive invariant, led by the goal.

The lemmas begin with what the properties say. For each action z3 looks for a step from a state that satisfies all lemmas to one that
does not. If there is one, some tuple of indices in the state before it looks like nothing that was ever seen, and the smallest
statement that excludes that view becomes a lemma; or every view of it may be real: then the lemma that the step breaks is withdrawn, and
if it comes from a property, no proof is found. What was seen only leads the search: a proof is what z3 discharges.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import z3

from ..checker.layout import range_properties
from ..checker.to_z3 import ask, translate
from ..model.machine import Action, Machine, Property
from ..model.terms import Boolean, Symbol, Term, conjunction, walk
from .cardinalities import Cardinality
from .learning import Cube, Seen
from .obligations import Encoded, Lemma, Obligation, Theory, lemmas_of
from .views import Feature, Slots, Values, features_of, slot, slots_of

MOST_FEATURES = 6  # in one lemma, of those that a step is about
MOST_OF_ALL = 4  # of any features
Budget = Callable[[], float]  # the seconds that are left
View = tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """A counterexample to induction: a step, from a state that no lemma excludes, after which the lemma is false at some tuple.

    ``before`` and ``after`` pair each feature with its value there; without a step they are the same.
    """

    action: str
    lemma: Lemma
    before: tuple[tuple[Feature, int], ...]
    after: tuple[tuple[Feature, int], ...]


@dataclass(frozen=True)
class Induction:
    """What the search found: an invariant if ``proved``; otherwise ``step`` or ``reason`` says why not."""

    proved: bool
    lemmas: tuple[Lemma, ...]
    step: Step | None = None
    reason: str = ""


class OutOfTime(Exception):
    """The budget is used up."""


@dataclass
class _Work:
    """A solver for one obligation, and the lemmas that it has still to show. A mark switches the instances of a lemma on."""

    obligation: Obligation
    solver: Any
    pending: list[Lemma]
    marks: dict[Lemma, Any] = field(default_factory=dict)


def properties_of(machine: Machine) -> list[Property]:
    """What is proved: the ``always`` properties, and the ranges of the machine's own Counters."""
    ghosts = {variable.name for variable in machine.variables if variable.ghost and " " in variable.name}
    ranges = [item for item in range_properties(machine) if item.name.removesuffix("_in_range") not in ghosts]
    return [item for item in machine.properties if item.expectation == "always"] + ranges


def obligations_of(machine: Machine, theory: Theory) -> list[Obligation]:
    """All that has to be shown: initiation, consecution of each action, safety of each property."""
    indices = slots_of(machine).indices
    return [
        Obligation(theory, "initiation", indices),
        *(Obligation(theory, f"consecution {action.name}", indices, action=action) for action in machine.actions),
        *(Obligation(theory, f"safety {item.name}", indices, denied=item.predicate) for item in properties_of(machine)),
    ]


class Search:
    """The search for one machine with some assumptions dropped; ``machine`` has its ghost cardinalities."""

    def __init__(
        self,
        machine: Machine,
        cardinalities: tuple[Cardinality, ...],
        dropped: frozenset[str],
        views: Values,
        left: Budget,
        most_withdrawn: int | None = None,
        attempt: int = 0,
    ) -> None:
        self.machine, self.left, self.most_withdrawn = machine, left, most_withdrawn
        self.slots: Slots = slots_of(machine)
        self.features: tuple[Feature, ...] = features_of(machine, self.slots, cardinalities)
        self.seen = Seen(self.features, views)
        self.theory = Theory(machine, cardinalities, dropped)
        self.learn_seconds = self.z3_seconds = 0.0
        self.withdrawn = 0
        self.lemmas: list[Lemma] = []
        self.obligations = obligations_of(machine, self.theory)
        self.works = [self._work(obligation) for obligation in self.obligations]
        if attempt:
            random.Random(attempt).shuffle(self.works)

    def _work(self, obligation: Obligation) -> _Work:
        solver = z3.SimpleSolver(ctx=self.theory.context)
        solver.add(obligation.given)
        solver.add(obligation.sides)
        # A denied property is to be contradicted: as if a lemma that is false were to be shown.
        nothing = Lemma(Boolean("literal", False), obligation.name.removeprefix("safety "))
        return _Work(obligation, solver, [nothing] if obligation.denied is not None else [])

    # ------------------------------------------------------------ the search

    def run(self) -> Induction:
        """Searches until everything is discharged, nothing more can be learned, or the time is over."""
        try:
            for item in properties_of(self.machine):
                for lemma in lemmas_of(item.name, item.predicate, slot) or ():
                    self._add(lemma)
            while (work := next((work for work in self.works if work.pending), None)) is not None:
                broken = self._discharge(work)
                if broken is not None:
                    return Induction(False, tuple(self.lemmas), broken)
                if self.most_withdrawn is not None and self.withdrawn > self.most_withdrawn:
                    return Induction(False, tuple(self.lemmas), reason="too much of what was learned turned out to be wrong")
            return Induction(True, tuple(self.lemmas))
        except OutOfTime:
            return Induction(False, tuple(self.lemmas), reason="the time was over")

    def _add(self, lemma: Lemma) -> None:
        self.lemmas.append(lemma)
        for work in self.works:
            if work.obligation.concerns(lemma):
                work.pending.append(lemma)
            if not work.obligation.initially:
                work.marks[lemma] = z3.FreshConst(self.theory.truth, "held")
                for at in work.obligation.tuples(lemma.slots):
                    work.solver.add(z3.Implies(work.marks[lemma], work.obligation.instance(lemma, at)))

    def _discharge(self, work: _Work) -> Step | None:
        """Shows the pending lemmas of one obligation, and learns what that needs; a step that breaks a property ends it."""
        while work.pending and (self.most_withdrawn is None or self.withdrawn <= self.most_withdrawn):
            model = self._model(work)
            if model is None:
                work.pending.clear()
                return None
            lemma = next(lemma for lemma in work.pending if not z3.is_true(model.eval(self._goal(work, lemma), model_completion=True)))
            if not work.obligation.initially and self._learn(work, lemma, model):
                continue
            if lemma.property:
                return self._step(work, lemma, model)
            self._withdraw(lemma, work, model)
        return None

    def _goal(self, work: _Work, lemma: Lemma) -> Any:
        known = len(work.obligation.sides)
        goal = work.obligation.goal(lemma)
        work.solver.add(work.obligation.sides[known:])
        return goal

    def _model(self, work: _Work) -> Any:
        """A model in which all lemmas hold before and some pending one does not hold after; None if there is none."""
        begun = time.perf_counter()
        denied = [z3.Not(self._goal(work, lemma)) for lemma in work.pending]
        work.solver.push()
        work.solver.add(z3.Or(denied))
        work.solver.set("timeout", int(max(1.0, self.left() * 1000)))
        answer = ask(work.solver, list(work.marks.values()))
        model = work.solver.model() if answer == z3.sat else None
        work.solver.pop()
        self.z3_seconds += time.perf_counter() - begun
        if answer == z3.unknown or self.left() <= 0:
            raise OutOfTime
        return model

    def _learn(self, work: _Work, lemma: Lemma, model: Any) -> bool:
        """Adds the smallest lemma that excludes the state before a step; False if every view of it may be real.

        Preferred is one about what the step and the lemma that it breaks are about: the rest of the state is as it happens to be.
        """
        begun = time.perf_counter()
        best: Cube | None = None
        views = list(dict.fromkeys(self._view(work.obligation.before, model, at) for at in work.obligation.tuples(self.slots.indices)))
        for allowed, most in ((self._about(work, lemma), MOST_FEATURES), (-1, MOST_OF_ALL)):
            for view in views:
                cube = self.seen.smallest_cube(view, most, allowed)
                if cube is not None:
                    best, most = cube, len(cube) - 1
            if best is not None:
                break
        if best is not None:
            never = [(self.features[place], values) for place, values in sorted(self.seen.widened(best).items())]
            self._add(learned(never))
        self.learn_seconds += time.perf_counter() - begun
        return best is not None

    def _about(self, work: _Work, lemma: Lemma) -> int:
        """The features that decide whether the step is possible and breaks the lemma, one bit each."""
        obligation = work.obligation
        terms: list[Term] = [lemma.body]
        if obligation.denied is not None:
            terms.append(obligation.denied)
        if obligation.action is not None:
            terms += [conjunct.term for conjunct in obligation.action.guard]
            for update in obligation.action.updates:
                terms += [update.value, *update.indices] if update.variable in lemma.variables else []
        names = {str(part.payload) for term in terms for part in walk(term) if part.op == "read"}
        return sum(1 << feature.place for feature in self.features if feature.variables <= names)

    def _withdraw(self, lemma: Lemma, work: _Work, model: Any) -> None:
        """The lemma is no invariant as far as the others say: what refutes it counts as seen, and what relied on it is shown anew."""
        self.withdrawn += 1
        self.seen.add(self._view(work.obligation.after, model, work.obligation.observed))
        self.lemmas.remove(lemma)
        for other in self.works:
            other.marks.pop(lemma, None)
            other.pending = [one for one in (*self.lemmas, *other.pending) if other.obligation.concerns(one) or one.body.op == "literal"]
            other.pending = [one for one in dict.fromkeys(other.pending) if one is not lemma]
            if other.obligation.denied is not None and not other.pending:
                other.pending = [Lemma(Boolean("literal", False), other.obligation.name.removeprefix("safety "))]

    # ------------------------------------------------------------ models as views

    def _view(self, encoded: Encoded, model: Any, at: Mapping[str, Any]) -> View:
        values: dict[str, Any] = {}

        def value(term: Term) -> Any:
            if term.key not in values:
                match term.op:
                    case "eq":
                        values[term.key] = value(term.args[0]) == value(term.args[1])
                    case "le":
                        values[term.key] = value(term.args[0]) <= value(term.args[1])
                    case _:
                        values[term.key] = self._number(term, translate(term, encoded, at), model)
            return values[term.key]

        return tuple(int(value(feature.term)) for feature in self.features)

    def _number(self, term: Term, expression: Any, model: Any) -> Any:
        """The value of a term in a model: a number, or the name of an index or a content."""
        if isinstance(expression, int):
            return int(expression)
        found = model.eval(expression, model_completion=True)
        if z3.is_bool(found):
            return int(z3.is_true(found))
        if z3.is_int_value(found):
            return found.as_long()
        return self.theory.literal_number(found.decl().name()) if isinstance(term, Symbol) else found.decl().name()

    def _step(self, work: _Work, lemma: Lemma, model: Any) -> Step:
        obligation = work.obligation
        before, after = (
            tuple(zip(self.features, self._view(encoded, model, obligation.observed), strict=True))
            for encoded in (obligation.before, obligation.after)
        )
        return Step(obligation.name, lemma, before, after)


def learned(never: list[tuple[Feature, frozenset[int]]]) -> Lemma:
    """The lemma that these features never have these values together."""
    return Lemma(~conjunction(*(feature.among(values) for feature, values in never)), never=tuple(never))


__all__ = ["Action", "Induction", "OutOfTime", "Search", "Step", "learned", "obligations_of", "properties_of"]

"""What makes a run fair, said once on whole states, and whether a run with a loop is what it is said to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from ..model.machine import Action, Property
from ..model.terms import Index
from .evaluate import Stepper, meaning
from .layout import Arguments, Layout, State
from .verdict import Run

Instance = tuple[str, tuple[int, ...]]  # a fair step: an action and its indices; what else it chooses may be anything


@dataclass(frozen=True)
class Lasso:
    """A run whose end is its state number ``loop`` again: from there it goes round for ever. If that is its last state, it rests there."""

    run: Run
    loop: int

    @property
    def states(self) -> list[State]:
        """All states, the first one included."""
        return [self.run.initial, *(step.state for step in self.run.steps)]


def instance(action: Action, arguments: Arguments) -> Instance:
    """The fair step that an action with these arguments is."""
    return action.name, tuple(arguments[p.name] for p in action.parameters if issubclass(p.sort, Index) and not p.per)  # type: ignore[misc]  # without an Each, one value


def choices(layout: Layout, action: Action) -> Iterator[Arguments]:
    """Everything that can be chosen for an action."""
    names = [parameter.name for parameter in action.parameters]
    return (dict(zip(names, v, strict=True)) for v in product(*(tuple(layout.argument_values(p)) for p in action.parameters)))


def possible(layout: Layout, dropped: frozenset[str], state: State, fairness: str) -> set[Instance]:
    """The steps of that fairness that are possible in a state."""
    found = set()
    for action in layout.machine.actions:
        if action.fairness == fairness:
            stepper = Stepper(action, layout, dropped)
            found |= {instance(action, chosen) for chosen in choices(layout, action) if stepper.is_possible(state, chosen)}
    return found


def fault_of(layout: Layout, dropped: frozenset[str], item: Property, lasso: Lasso) -> str:
    """Why a run with a loop is no fair run that fails to come to what is expected; empty if it is one."""
    states = lasso.states
    if not 0 <= lasso.loop < len(states) or states[lasso.loop] != states[-1]:
        return f"its last state is not its state {lasso.loop}"
    goal = meaning(item.predicate, layout, dropped)
    premise = meaning(item.premise, layout, dropped) if item.premise is not None else None
    after = max((number + 1 for number, state in enumerate(states) if goal(state, {})), default=0)
    if after > lasso.loop:
        return f"{item.name} comes true in its loop"
    if not any(premise(state, {}) for state in states[after : lasso.loop + 1]) if premise is not None else after:
        return f"{item.name} is not broken: nothing is expected of its loop"
    taken = {instance(layout.machine.action(step.action), step.arguments) for step in lasso.run.steps[lasso.loop :]}
    round_ = states[lasso.loop : max(len(states) - 1, lasso.loop + 1)]
    weak = set.intersection(*(possible(layout, dropped, state, "weak") for state in round_))
    strong = set.union(*(possible(layout, dropped, state, "strong") for state in round_))
    for name, indices in sorted((weak | strong) - taken):
        return f"it is not fair: {name}{list(indices)} is put off for ever"
    return ""


__all__ = ["Instance", "Lasso", "choices", "fault_of", "instance", "possible"]

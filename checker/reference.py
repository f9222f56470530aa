"""The reference: a plain step function and a plain breadth-first search. Slow, obvious, the judge of the other engines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product

from ..model.machine import Machine, Property, Sizes
from .evaluate import Stepper, meaning
from .layout import Layout, State, check_sizes, range_properties
from .verdict import Result, Run, Step, Verdict, unmet_expectations


class Reference:
    """A machine at certain sizes with some assumptions dropped: what can happen in a state."""

    def __init__(self, layout: Layout, dropped: frozenset[str] = frozenset()) -> None:
        self.layout, self.dropped = layout, dropped
        self._steppers = [
            (
                Stepper(action, layout, dropped),
                [parameter.name for parameter in action.parameters],
                [tuple(layout.argument_values(parameter)) for parameter in action.parameters],
            )
            for action in layout.machine.actions
        ]
        self._terminal = meaning(layout.machine.terminal, layout, dropped)

    def successors(self, state: State) -> Iterator[Step]:
        """Every step that is possible in a state."""
        for stepper, names, ranges in self._steppers:
            for values in product(*ranges):
                arguments = dict(zip(names, values, strict=True))
                if stepper.is_possible(state, arguments):
                    yield Step(stepper.action.name, arguments, stepper.apply(state, arguments))

    def holds(self, item: Property, state: State) -> bool:
        """Whether the predicate of a property is true in a state."""
        return bool(meaning(item.predicate, self.layout, self.dropped)(state, {}))

    def is_terminal(self, state: State) -> bool:
        """Whether it is right that nothing happens any more."""
        return bool(self._terminal(state, {}))


def properties_to_check(machine: Machine, only: frozenset[str] | None) -> tuple[Property, ...]:
    """The ``always`` properties, and the ranges of the Counters; with ``only``, those of these names."""
    found = tuple(item for item in machine.properties if item.expectation == "always") + range_properties(machine)
    return found if only is None else tuple(item for item in found if item.name in only)


def explore(
    machine: Machine,
    sizes: Sizes,
    *,
    dropped: frozenset[str] = frozenset(),
    only: frozenset[str] | None = None,
    unset: frozenset[str] = frozenset(),
    most_states: int | None = None,
) -> Result:
    """Breadth-first search over every reachable state.

    A level is finished before it is looked at: the counts do not depend on the order within it. A violation is reported at the
    first level that has one, with a run that leads to it. ``unset`` is passed to :meth:`.layout.Layout.initial_states`.
    """
    begun = time.perf_counter()
    check_sizes(machine, sizes)
    layout = Layout(machine, sizes)
    reference = Reference(layout, dropped)
    checked = [(item, meaning(item.predicate, layout, dropped)) for item in properties_to_check(machine, only)]
    hoped = [(item, meaning(item.predicate, layout, dropped)) for item in machine.properties if item.expectation == "sometimes"]
    parents: dict[State, tuple[State, Step] | None] = dict.fromkeys(layout.initial_states(unset))
    level = list(parents)
    fired = {action.name: 0 for action in machine.actions}
    reached: set[str] = set()
    transitions, depth = 0, 0

    def result(verdict: Verdict, complete: bool, broken: str | None = None, state: State | None = None, reason: str = "") -> Result:
        run = _run_to(parents, state) if state is not None else None
        unmet = unmet_expectations(machine, dropped, fired, frozenset(reached))
        return Result(
            machine,
            sizes,
            dropped,
            verdict,
            complete,
            len(parents),
            transitions,
            depth,
            time.perf_counter() - begun,
            0.0,
            broken,
            run,
            reason,
            fired,
            frozenset(reached),
            unmet,
        )

    while True:
        for item, predicate in checked:
            for state in level:
                if not predicate(state, {}):
                    return result("violated", False, item.name, state)
        for item, predicate in hoped:
            if item.name not in reached and any(predicate(state, {}) for state in level):
                reached.add(item.name)
        following: list[State] = []
        stuck: State | None = None
        for state in level:
            moved = False
            for step in reference.successors(state):
                moved = True
                transitions += 1
                fired[step.action] += 1
                if step.state not in parents:
                    parents[step.state] = (state, step)
                    following.append(step.state)
            if not moved and stuck is None and not reference.is_terminal(state):
                stuck = state
            if most_states is not None and len(parents) > most_states:
                return result("unknown", False, reason=f"stopped after {most_states} states")
        if stuck is not None:
            return result("deadlock", False, None, stuck)
        if not following:
            break
        level = following
        depth += 1
    unmet = unmet_expectations(machine, dropped, fired, frozenset(reached))
    return result("vacuous" if unmet and only is None else "holds", True)


def _run_to(parents: dict[State, tuple[State, Step] | None], state: State) -> Run:
    steps: list[Step] = []
    while (parent := parents[state]) is not None:
        steps.append(parent[1])
        state = parent[0]
    return Run(state, tuple(reversed(steps)))

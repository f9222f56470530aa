"""Two designs compared: can the new one do anything that the old one cannot, and the other way round?

What is compared are *events*: the actions that both have, of one name and the same parameters, with all that is chosen for them,
contents included. Steps of other actions are hidden: they happen unseen between events. Both machines start alike, which means with
the same value in every variable that both have and that starts arbitrary.

The new design can do more if some run of it shows events that no run of the old one shows. That is searched breadth first over pairs:
a state of the new machine, and all states in which the old one can be after the same events. So a run that is found is shortest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from ..model.machine import Machine, Sizes, Variable
from .changes import Changes, changes_between, same_parameters
from .columns import Event, Graph, Progress, graph_of, projected, steps_of
from .evaluate import Stepper
from .layout import Layout, State
from .rerun import Disagreement, rerun
from .stopped import Stopping, stopped_predicate, stopping_of
from .verdict import Run

Answer = Literal["nothing", "more", "unknown"]
OverBudget = Callable[[int], str]

BYTES_PER_PAIR = 250  # what a pair and the way to it take
BYTES_PER_MEMBER = 60  # of a set of states
MOST_EXPLAINED = 300  # states of the other machine that are looked at one by one to say why it cannot


@dataclass(frozen=True)
class Extra:
    """What one machine can do and the other cannot.

    ``run`` is a shortest run; its last step is the event that the other machine cannot follow, because of the conditions in
    ``refused``. ``also`` are the other events that come first after so many steps. Without a run: nothing, in ``pairs`` pairs, or
    unknown, with what was covered up to ``depth`` steps.
    """

    answer: Answer
    depth: int
    pairs: int
    run: Run | None = None
    refused: tuple[str, ...] = ()
    also: tuple[tuple[str, int], ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Difference:
    """All that there is to say about the step from one design to another."""

    old: Machine
    new: Machine
    old_sizes: Sizes
    new_sizes: Sizes
    changes: Changes
    shared: tuple[str, ...]
    new_can: Extra
    old_can: Extra
    old_stopping: Stopping | None
    new_stopping: Stopping | None
    states: tuple[int, int]
    seconds: float
    unfinished: str = ""  # why the pauses of a design that says when it is stopped are not known

    @property
    def reason(self) -> str:
        """Why something stayed unknown, or nothing."""
        return self.new_can.reason or self.old_can.reason or self.unfinished


def shared_actions(old: Machine, new: Machine) -> tuple[str, ...]:
    """The actions that both have, of one name and the same parameters."""
    before = {action.name: action for action in old.actions}
    return tuple(a.name for a in new.actions if a.name in before and same_parameters(a, before[a.name]))


def compare(
    old: Machine,
    new: Machine,
    old_sizes: Sizes,
    new_sizes: Sizes,
    *,
    hidden: frozenset[str] = frozenset(),
    timeout: float | None = None,
    memory: int | None = None,
    progress: Progress | None = None,
) -> Difference:
    """Compares two machines, each at its sizes, which agree in every sort that both have; all assumptions are held.

    Shared actions in ``hidden`` are hidden too. Of the time, the graphs may take half and the searches
    four tenths.
    ``progress`` is called with depth, states (or pairs) and the same again.
    """
    begun = time.perf_counter()

    def until(share: float) -> OverBudget:
        def over(used: int) -> str:
            if timeout is not None and time.perf_counter() - begun > share * timeout:
                return f"stopped after {timeout:g} s"
            return f"stopped at {memory / 2**20:.0f} MiB" if memory is not None and held + used > memory else ""

        return over

    held = 0
    sides: list[_Side] = []
    for machine, sizes, share in ((old, old_sizes, 0.25), (new, new_sizes, 0.5)):
        sides.append(_Side(machine, sizes, until(share), progress))
        held += sides[-1].graph.nbytes
    one, other = sides
    shared = tuple(name for name in shared_actions(old, new) if name not in hidden)
    new_can = _Inclusion(other, one, shared, until(0.7), progress).run()
    old_can = _Inclusion(one, other, shared, until(0.9), progress).run()
    stopping = [side.stopping(until(1.0)) for side in sides]
    cut = any(side.predicate is not None and found is None for side, found in zip(sides, stopping, strict=True))
    return Difference(
        old, new, old_sizes, new_sizes, changes_between(old, new), shared, new_can, old_can, stopping[0], stopping[1],
        (one.graph.states, other.graph.states), time.perf_counter() - begun,
        (one.graph.reason or other.graph.reason or until(1.0)(0)) if cut else "",
    )  # fmt: skip


def _identity(variable: Variable) -> tuple[object, ...]:
    """All that has to be the same in two machines for a variable to be the same."""
    return variable.name, variable.kind, tuple(sort.__name__ for sort in variable.per), variable.literals, str(variable.maximum)


class _Side:
    """One of the two machines, with the graph of all that it can do."""

    def __init__(self, machine: Machine, sizes: Sizes, over_budget: OverBudget, progress: Progress | None) -> None:
        self.machine, self.sizes = machine, sizes
        self.predicate = stopped_predicate(machine)
        self.seen = projected(machine, *([self.predicate] if self.predicate is not None else []))
        self.graph: Graph = graph_of(self.seen, sizes, over_budget, progress)

    def stopping(self, over_budget: OverBudget) -> Stopping | None:
        if self.predicate is None or self.graph.reason:
            return None
        return stopping_of(self.machine, self.graph, over_budget)

    def arbitrary(self) -> dict[tuple[object, ...], Variable]:
        """The variables whose first value is arbitrary, and looked at."""
        return {
            _identity(variable): variable
            for variable in self.seen.variables
            if variable.initial is None and variable.name not in self.graph.unset
        }

    def values(self, state: State, variables: Iterable[Variable]) -> tuple[int, ...]:
        layout = self.graph.layout
        return tuple(state[layout.cell(v.name, indices)] for v in variables for indices in layout.indices(v))


class _Inclusion:
    """The search for what the machine ``doer`` can do and ``other`` cannot."""

    def __init__(self, doer: _Side, other: _Side, shared: tuple[str, ...], over_budget: OverBudget, progress: Progress | None) -> None:
        self.doer, self.other, self.over_budget, self.progress = doer, other, over_budget, progress
        labels: dict[Event, int] = {}
        self.labels, self.other_labels = (  # hidden events have none
            [labels.setdefault(event, len(labels)) if event.action in shared else -1 for event in side.graph.names]
            for side in (doer, other)
        )
        self.shared = frozenset(shared)
        self.sets: list[tuple[int, ...]] = []
        self.set_numbers: dict[tuple[int, ...], int] = {}
        self.moves: list[dict[int, int] | None] = []
        self.members, self.taken = 0, 0
        self.parents: dict[tuple[int, int], tuple[tuple[int, int] | None, int]] = {}
        self.started: dict[tuple[int, int], State] = {}

    def run(self) -> Extra:
        if not self.shared:
            return Extra("unknown", 0, 0, reason="the designs share no action by which they could be compared")
        level = self._start()
        found: dict[str, tuple[tuple[int, int], int, int]] = {}  # action -> pair, event, length
        depth, reason = 0, ""
        while level and not reason:
            following: list[tuple[int, int]] = []
            if self.progress is not None:
                self.progress(depth, len(self.parents), len(self.parents))
            for pair in level:
                if reason := self._blocked(pair):
                    break
                self._follow(pair, depth, found, following)
            level = following
            depth += not reason and bool(level)
        pairs = len(self.parents)
        if not found:
            return Extra("unknown" if reason else "nothing", depth, pairs, reason=reason)
        (pair, event, length), *others = found.values()
        run, refused = self._told(pair, event)
        return Extra("more", length, pairs, run, refused, tuple((self._action(e), n) for _, e, n in others), reason)

    def _action(self, event: int) -> str:
        return self.doer.graph.names[event].action

    def _start(self) -> list[tuple[int, int]]:
        """Pairs of initial states that are alike; one for each choice of what only the other machine looks at."""
        theirs, ours = self.other.arbitrary(), self.doer.arbitrary()
        both = [key for key in theirs if key in ours]
        everywhere = {_identity(v) for v in self.doer.machine.variables if v.initial is None}
        known = [key for key in theirs if key in everywhere]  # the same variable, though the doer may never look at its first value
        groups: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
        for state, number in self.other.graph.starts:
            alike = self.other.values(state, [theirs[key] for key in both])
            choice = self.other.values(state, [theirs[key] for key in known])
            groups.setdefault((alike, choice), []).append(number)
        level: dict[tuple[int, int], None] = {}
        for state, number in self.doer.graph.starts:
            mine = self.doer.values(state, [ours[key] for key in both])
            for (alike, _), members in groups.items():
                if alike == mine:
                    pair = number, self._closed(members)
                    self.parents.setdefault(pair, (None, -1))
                    self.started.setdefault(pair, state)
                    level[pair] = None
        return list(level)

    def _blocked(self, pair: tuple[int, int]) -> str:
        """Why it is not known what follows a pair."""
        if pair[0] >= self.doer.graph.expanded:
            return self.doer.graph.reason
        if self.moves[pair[1]] is None:
            return self.other.graph.reason
        self.taken += 1
        return self.over_budget(BYTES_PER_PAIR * len(self.parents) + BYTES_PER_MEMBER * self.members) if self.taken % 64 == 0 else ""

    def _follow(
        self, pair: tuple[int, int], depth: int, found: dict[str, tuple[tuple[int, int], int, int]], following: list[tuple[int, int]]
    ) -> None:
        state, place = pair
        moves = self._moves(place)
        for event, target in steps_of(self.doer.graph, state):
            label = self.labels[event]
            if label >= 0 and label not in moves:
                found.setdefault(self._action(event), (pair, event, depth + 1))
                continue
            after = target, moves[label] if label >= 0 else place
            if after not in self.parents:
                self.parents[after] = pair, event
                following.append(after)

    # -- sets of states of the other machine

    def _closed(self, states: Iterable[int]) -> int:
        """The number of the set of these states and all that hidden steps lead to from them."""
        found = dict.fromkeys(states)
        graph, complete = self.other.graph, True
        queue = list(found)
        while queue:
            state = queue.pop()
            if state >= graph.expanded:
                complete = False
                continue
            for event, target in steps_of(graph, state):
                if self.other_labels[event] < 0 and target not in found:
                    found[target] = None
                    queue.append(target)
        members = tuple(sorted(found))
        number = self.set_numbers.setdefault(members, len(self.sets))
        if number == len(self.sets):
            self.sets.append(members)
            self.members += len(members)
            self.moves.append({} if complete else None)
        return number

    def _moves(self, place: int) -> dict[int, int]:
        """For each event that can follow, the set it leads to."""
        moves = self.moves[place]
        assert moves is not None
        if not moves:
            leads: dict[int, set[int]] = {}
            for state in self.sets[place]:
                for event, target in steps_of(self.other.graph, state):
                    if self.other_labels[event] >= 0:
                        leads.setdefault(self.other_labels[event], set()).add(target)
            moves.update({label: self._closed(targets) for label, targets in leads.items()})
        return moves

    # -- the run that is told

    def _told(self, pair: tuple[int, int], event: int) -> tuple[Run, tuple[str, ...]]:
        chain = [event]
        before, last = self.parents[pair]
        while before is not None:
            chain.append(last)
            pair = before
            before, last = self.parents[pair]
        events = [self.doer.graph.names[number] for number in reversed(chain)]
        start = self.started[pair]
        initial = self._whole(start)
        run = rerun(Layout(self.doer.machine, self.doer.sizes), frozenset(), initial, [(e.action, dict(e.arguments)) for e in events])
        starts = {state for state, number in self.other.graph.starts if number in self.sets[pair[1]] and self._alike(start, state)}
        return run, self._refused([e for e in events if e.action in self.shared], starts)

    def _whole(self, start: State) -> State:
        """An initial state of the machine itself; what its conditions never look at is the first value."""
        layout, seen = Layout(self.doer.machine, self.doer.sizes), self.doer.graph.layout
        cells = []
        for variable, indices in layout.cells:
            if variable.initial is not None:
                cells.append(layout.encode(variable, variable.initial))
            else:
                cells.append(start[seen.cell(variable.name, indices)] if variable.name in seen.variables else 0)
        return tuple(cells)

    def _alike(self, start: State, state: State) -> bool:
        theirs, ours = self.other.arbitrary(), self.doer.arbitrary()
        both = [key for key in theirs if key in ours]
        return self.other.values(state, [theirs[k] for k in both]) == self.doer.values(start, [ours[k] for k in both])

    def _refused(self, events: list[Event], starts: set[State]) -> tuple[str, ...]:
        """The conditions for which the other machine cannot follow the last event; the reference has to agree that it cannot.

        None are given where the other machine can be in too many states to look at each by itself.
        """
        steppers = {action.name: Stepper(action, self.other.graph.layout) for action in self.other.seen.actions}
        *before, last = events
        states = self._with_hidden(starts, steppers)
        for event in before:
            arguments, stepper = dict(event.arguments), steppers[event.action]
            states = self._with_hidden({stepper.apply(s, arguments) for s in states if stepper.is_possible(s, arguments)}, steppers)
            if len(states) > MOST_EXPLAINED:
                return ()
        if last.action not in steppers:
            return (f"{last.action} takes a dropped assumption there",)
        refusals = [steppers[last.action].false_conjuncts(state, dict(last.arguments)) for state in states]
        if not refusals or not all(refusals):
            raise Disagreement(f"the reference does not agree on what {self.other.machine.name} can do before or at {last.action}")
        return tuple(conjunct.source for conjunct in min(refusals, key=len))

    def _with_hidden(self, states: set[State], steppers: dict[str, Stepper]) -> set[State]:
        """These states and all that hidden steps lead to, or at least more of them than are looked at."""
        found, queue = set(states), list(states)
        hidden = [event for event in self.other.graph.names if event.action not in self.shared]
        while queue and len(found) <= MOST_EXPLAINED:
            state = queue.pop()
            for event in hidden:
                arguments, stepper = dict(event.arguments), steppers[event.action]
                if stepper.is_possible(state, arguments):
                    after = stepper.apply(state, arguments)
                    if after not in found:
                        found.add(after)
                        queue.append(after)
        return found


__all__ = ["Difference", "Extra", "compare", "shared_actions"]

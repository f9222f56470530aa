"""How long a machine stands still, and how much is copied meanwhile: from the graph of all that can happen.

*Stopped* is a state in which no CPU runs but the boot CPU, if the design names one: what its Flag ``running`` says. A design that
means something else has a ``sometimes`` property called ``stopped``. A *pause* begins with the step into such a state and ends with
the step out of it, or where nothing can happen any more; the pauses are told apart by that last step.

A step is *counted* unless its action can be repeated for ever in some pause, as stores and evictions can: the number of those has no
meaning. A *copied page* is a step that puts the content of some page (or one word of it, where a design knows words) into another
place; an array that is copied at once counts once for each cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

from ..model.machine import Action, Machine, Property, Update
from ..model.terms import Boolean, Index, every, walk
from .columns import Graph, steps_of
from .layout import Layout

NAME = "stopped"
Weights = dict[int, int]  # of each event of a graph


@dataclass(frozen=True)
class Pause:
    """All pauses that end with one action: the fewest and the most counted steps and copied pages; None is "without end"."""

    ends_by: str
    steps: tuple[int, int | None]
    copies: tuple[int, int | None]


@dataclass(frozen=True)
class Stopping:
    """What a design does while it is stopped: which of its actions copy pages then, and its pauses."""

    copying: tuple[str, ...]
    pauses: tuple[Pause, ...]


def stopped_predicate(machine: Machine) -> Property | None:
    """When the design counts as stopped, or None if it does not say so."""
    for item in machine.properties:
        if item.name == NAME:
            return item
    running = next((v for v in machine.variables if v.name == "running" and v.kind == "flag" and len(v.per) == 1), None)
    if running is None:
        return None
    (sort,) = running.per
    boot = [sort("constant", name) for name, of in machine.constants if of is sort]

    def still(index: Index) -> Boolean:
        runs = Boolean("read", "running", (index,))
        return ~runs | (index == boot[0]) if boot else ~runs

    return Property(NAME, "sometimes", "No CPU runs but the boot CPU", every(sort, still), machine.file, machine.line)


def copies_of(update: Update, machine: Machine) -> bool:
    """Whether an update puts content that lay elsewhere into an array; a ghost only remembers."""
    variable = machine.variable(update.variable)
    contents = {v.name for v in machine.variables if v.kind == "content" and v.name != variable.name}
    copied = any(part.op == "read" and part.payload in contents for part in walk(update.value))
    return variable.kind == "content" and bool(variable.per) and not variable.ghost and copied


def stopping_of(machine: Machine, graph: Graph, over_budget: Callable[[int], str]) -> Stopping | None:
    """The pauses of a design, from the complete graph of its projected machine; None if the budget is exhausted first."""
    try:
        return _Pauses(machine, graph, over_budget).run()
    except _Exhausted:
        return None


class _Exhausted(Exception):
    """The budget ended the search."""


class _Pauses:
    def __init__(self, machine: Machine, graph: Graph, over_budget: Callable[[int], str]) -> None:
        self.graph, self.over_budget, self.looks = graph, over_budget, 0
        self.stopped = graph.observed[NAME].tolist()
        # of the whole machine: what is only copied and never looked at again is no longer in the graph's
        pages = {action.name: _pages_copied(action, machine, graph.layout) for action in machine.actions}
        self.action = [event.action for event in graph.names]
        self.copied: Weights = {number: pages[name] for number, name in enumerate(self.action)}

    def run(self) -> Stopping:
        components = self._components()
        place = {state: number for number, members in enumerate(components) for state in members}
        idle = {  # what can be repeated for ever
            self.action[event]
            for members in components
            for state in members
            for event, target in self._inside(state)
            if place[target] == place[state]
        }
        self.counted: Weights = {number: int(name not in idle) for number, name in enumerate(self.action)}
        copying = {self.action[e] for members in components for s in members for e, _ in steps_of(self.graph, s) if self.copied[e]}
        ends = sorted({name for members in components for state in members for name in self._endings(state)})
        entries = self._entries()
        pauses = []
        for name in ends:
            steps = self._extremes(name, components, place, entries, self.counted)
            copies = self._extremes(name, components, place, entries, self.copied)
            if steps is not None and copies is not None:
                pauses.append(Pause(name, steps, copies))
        return Stopping(tuple(sorted(copying)), tuple(pauses))

    def _look(self) -> None:
        self.looks += 1
        if self.looks % 1024 == 1 and self.over_budget(0):
            raise _Exhausted

    def _inside(self, state: int) -> Iterator[tuple[int, int]]:
        self._look()
        return ((event, target) for event, target in steps_of(self.graph, state) if self.stopped[target])

    def _last(self, state: int) -> bool:
        return int(self.graph.first[state]) == int(self.graph.first[state + 1])

    def _endings(self, state: int) -> Iterator[str]:
        for event, target in steps_of(self.graph, state):
            if not self.stopped[target] or self._last(target):
                yield self.action[event]

    def _entries(self) -> list[int]:
        found = {number for _, number in self.graph.starts if self.stopped[number]}
        for state in range(self.graph.states):
            if not self.stopped[state]:
                found.update(target for _, target in self._inside(state))
        return sorted(found)

    def _extremes(
        self, name: str, components: list[list[int]], place: dict[int, int], entries: list[int], weights: Weights
    ) -> tuple[int, int | None] | None:
        """The smallest and the largest sum of weights from an entry to an ending by this action."""
        fewest: dict[int, int] = {}
        most: dict[int, float] = {}
        for number, members in enumerate(components):  # what can be reached from a component stands before it
            endless, best = False, float("-inf")
            low: dict[int, int] = {}
            for state in members:
                self._look()
                for event, target in steps_of(self.graph, state):
                    weight = weights[event]
                    if not self.stopped[target] or self._last(target):
                        if self.action[event] == name:
                            best = max(best, weight)
                            low[state] = min(low.get(state, weight), weight)
                    elif place[target] == number:
                        endless |= weight > 0
                    elif target in fewest:
                        best = max(best, most[target] + weight)
                        low[state] = min(low.get(state, fewest[target] + weight), fewest[target] + weight)
            if not low:
                continue
            self._spread(low, members, place, number, weights)
            for state in members:
                fewest[state], most[state] = low[state], float("inf") if endless else best
        reached = [state for state in entries if state in fewest]
        if not reached:
            return None
        largest = max(most[state] for state in reached)
        return min(fewest[state] for state in reached), None if largest == float("inf") else int(largest)

    def _spread(self, low: dict[int, int], members: list[int], place: dict[int, int], number: int, weights: Weights) -> None:
        """Inside a component, until nothing gets smaller."""
        changed = len(members) > 1
        while changed:
            changed = False
            for state in members:
                for event, target in self._inside(state):
                    if place.get(target) == number and target in low and low[target] + weights[event] < low.get(state, 1 << 60):
                        low[state] = low[target] + weights[event]
                        changed = True

    def _components(self) -> list[list[int]]:
        """The strongly connected components of the stopped states, each after those that can be reached from it (Tarjan)."""
        index: dict[int, int] = {}
        low: dict[int, int] = {}
        stack: list[int] = []
        waiting: set[int] = set()
        found: list[list[int]] = []
        for root in (state for state in range(self.graph.states) if self.stopped[state]):
            if root in index:
                continue
            work = [(root, self._inside(root))]
            index[root] = low[root] = len(index)
            stack.append(root)
            waiting.add(root)
            while work:
                state, steps = work[-1]
                for _, target in steps:
                    if target not in index:
                        index[target] = low[target] = len(index)
                        stack.append(target)
                        waiting.add(target)
                        work.append((target, self._inside(target)))
                        break
                    if target in waiting:
                        low[state] = min(low[state], index[target])
                else:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[state])
                    if low[state] == index[state]:
                        members = []
                        while True:
                            member = stack.pop()
                            waiting.discard(member)
                            members.append(member)
                            if member == state:
                                break
                        found.append(members)
        return found


def _pages_copied(action: Action, machine: Machine, layout: Layout) -> int:
    cells = [
        prod(layout.sizes.count(sort) for sort in machine.variable(update.variable).per) if update.binders else 1
        for update in action.updates
        if copies_of(update, machine)
    ]
    return max(cells, default=0)


__all__ = ["NAME", "Pause", "Stopping", "stopped_predicate", "stopping_of"]

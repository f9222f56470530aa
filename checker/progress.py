"""Progress: whether every fair run comes to what an ``eventually`` expects; if not, a lasso: a run that goes round for ever and never does.

A run is fair if it puts no weakly fair step off for ever that stays possible, and no strongly fair one that becomes possible again and
again (WF and SF of L. Lamport, "Specifying Systems", chapter 8; each choice of an action's indices is a step of its own). Where no
fair step is possible a run may rest for ever; a state without successor is the plainest case.

The search is explicit, in plain Python and at one size: all states of the machine, cut down to what matters to the expectation (see
:mod:`.slicing`), without any other reduction. It says nothing of other sizes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from ..model.machine import Machine, Property, Sizes
from .evaluate import Stepper, meaning
from .fair_sets import Graph, Walk
from .fairness import Instance, Lasso, choices, fault_of, instance
from .layout import Arguments, Layout, State, check_sizes
from .rerun import Disagreement, rerun
from .slicing import cut

MOST_ROUNDS = 1000  # of a loop, until all variables are what they were
BYTES_PER_STATE, BYTES_PER_STEP = 600, 16  # about
Answer = Literal["holds", "violated", "vacuous", "unknown"]
Need = Literal["necessary", "weak would do", "not necessary"]


@dataclass(frozen=True)
class Fairness:
    """A fair action, and whether the expectation needs that it is fair."""

    action: str
    kind: str
    need: Need


@dataclass(frozen=True)
class Progress:
    """What a search for a lasso answers. ``states`` are those of the machine cut down, ``pending`` those between premise and goal."""

    item: Property
    sizes: Sizes
    dropped: frozenset[str]
    verdict: Answer
    states: int
    pending: int
    transitions: int
    depth: int
    seconds: float
    reason: str = ""
    lasso: Lasso | None = None
    fairness: tuple[Fairness, ...] = ()


class GivenUp(Exception):
    """Why the search cannot go on."""


def check_progress(
    machine: Machine,
    sizes: Sizes,
    item: Property,
    *,
    dropped: frozenset[str] = frozenset(),
    timeout: float | None = None,
    memory: int | None = None,
) -> Progress:
    """Searches for a fair run that never comes to what ``item`` expects. If there is none: which fairness does that take?"""
    check_sizes(machine, sizes)
    begun = time.perf_counter()
    search = _Search(machine, sizes, item, dropped, timeout, memory)

    def answer(verdict: Answer, reason: str = "", lasso: Lasso | None = None, fairness: Iterable[Fairness] = ()) -> Progress:
        covered = len(search.states), len(search.pending), len(search.graph.targets), search.depth
        return Progress(item, sizes, dropped, verdict, *covered, time.perf_counter() - begun, reason, lasso, tuple(fairness))

    try:
        search.run()
        if not search.pending:
            return answer("vacuous", "the premise never holds before the goal does" if item.premise is not None else "true at the start")
        failing = search.failing(search.weak, search.strong)
        if failing is not None:
            return answer("violated", lasso=search.lasso(*failing))
    except GivenUp as fault:
        return answer("unknown", str(fault))
    try:
        return answer("holds", fairness=list(search.needs()))
    except GivenUp as fault:
        return answer("holds", f"which fairness it takes is unknown: {fault}")


class _Move(NamedTuple):
    stepper: Stepper
    arguments: Arguments
    bit: int  # the fair step that it is, or 0


class _Search:
    def __init__(
        self, machine: Machine, sizes: Sizes, item: Property, dropped: frozenset[str], timeout: float | None, memory: int | None
    ) -> None:
        self.begun, self.timeout, self.memory = time.perf_counter(), timeout, memory
        self.whole, self.item, self.dropped = Layout(machine, sizes), item, dropped
        self.slice = cut(machine, item.premise, item.predicate, dropped)
        self.layout = Layout(self.slice.machine, sizes)
        self.goal = meaning(item.predicate, self.layout, dropped)
        self.bits: dict[Instance, int] = {}
        phases = len(self.slice.phase.literals) if self.slice.phase is not None else 1
        self.moves: list[list[_Move]] = [[] for _ in range(phases)]
        for action in self.slice.machine.actions:
            stepper = Stepper(action, self.layout, dropped)
            for chosen in choices(self.layout, action):
                bit = self.bits.setdefault(instance(action, chosen), 1 << len(self.bits)) if action.fairness else 0
                for value in range(phases):
                    if self.slice.is_possible_in(action, value, dropped):
                        self.moves[value].append(_Move(stepper, chosen, bit))
        self.kinds = {action.name: action.fairness for action in self.slice.machine.actions}
        self.weak, self.strong = (sum(b for (name, _), b in self.bits.items() if self.kinds[name] == kind) for kind in ("weak", "strong"))
        self.graph = Graph()
        self.states: list[State] = []
        self.parents: list[int] = []
        self.depth = 0
        self.pending: dict[int, int] = {}  # a state between premise and goal -> the one before it, or -1; the nearest first

    # -- the graph

    def moves_in(self, state: State) -> list[_Move]:
        """The steps that the phase allows."""
        return self.moves[state[self.layout.offsets[self.slice.phase.name]] if self.slice.phase is not None else 0]

    def run(self) -> None:
        """Finds every state and every step, and what lies between premise and goal."""
        self.states = list(self.layout.initial_states())
        self.parents = [-1] * len(self.states)
        numbers = {state: number for number, state in enumerate(self.states)}
        counters = [(place, v.name, v.domain(self.layout.sizes)) for place, (v, _) in enumerate(self.layout.cells) if v.kind == "counter"]
        levels = [range(len(self.states))]
        while levels[-1]:
            for here in levels[-1]:
                if here % 1024 == 0:
                    self.check_budget()
                state, possible, steps = self.states[here], 0, Walk()
                there = self.item.premise is None and self.goal(state, {})  # from the start on nobody asks what comes after
                for stepper, arguments, bit in self.moves_in(state) if not there else ():
                    if stepper.is_possible(state, arguments):
                        possible |= bit
                        after = stepper.apply(state, arguments)
                        number = numbers.setdefault(after, len(self.states))
                        if number == len(self.states):
                            for place, name, domain in counters:
                                if not 0 <= after[place] < domain:
                                    raise GivenUp(f"the counter {name} leaves its range: see explore")
                            self.states.append(after)
                            self.parents.append(here)
                        steps.append((bit, number))
                self.graph.add(possible, steps)
            levels.append(range(levels[-1].stop, len(self.states)))
            self.depth = len(levels) - 2
        self.find_pending(levels)

    def check_budget(self) -> None:
        if self.timeout is not None and time.perf_counter() - self.begun > self.timeout:
            raise GivenUp(f"stopped after {self.timeout:g} s")
        if self.memory is not None and len(self.states) * BYTES_PER_STATE + len(self.graph.targets) * BYTES_PER_STEP > self.memory:
            raise GivenUp(f"stopped at {self.memory / 2**20:.0f} MiB")

    def find_pending(self, levels: list[range]) -> None:
        """The states in which the premise has held, at this moment or earlier, and the goal not since."""
        premise = meaning(self.item.premise, self.layout, self.dropped) if self.item.premise is not None else None
        waits = [not self.goal(state, {}) for state in self.states]
        frontier: dict[int, int] = {}
        for level in levels:
            begins = (s for s in level if waits[s] and (premise(self.states[s], {}) if premise is not None else level is levels[0]))
            frontier = self.next_pending(frontier, waits) | dict.fromkeys(begins, -1)
            frontier = {state: before for state, before in frontier.items() if state not in self.pending}
            self.pending |= frontier
        while frontier := self.next_pending(frontier, waits):
            self.pending |= frontier

    def next_pending(self, frontier: Iterable[int], waits: list[bool]) -> dict[int, int]:
        steps = ((target, state) for state in frontier for _, target in self.graph.steps(state))
        return {target: state for target, state in steps if waits[target] and target not in self.pending}

    # -- what fails

    def failing(self, weak: int, strong: int) -> tuple[int, list[int]] | None:
        """A set of states between premise and goal among which a fair run can stay for ever, and the one where that begins."""
        for state in self.pending:  # a single state is the plainest
            if not self.graph.possible[state] & (weak | strong) & ~self.graph.taken([state], {state}):
                return state, [state]
        self.check_budget()
        found = next(self.graph.fair_sets(self.pending, weak, strong), None)
        if found is None:
            return None
        inside = set(found)
        return next(state for state in self.pending if state in inside), found

    def needs(self) -> Iterator[Fairness]:
        """Each fair action: is there a lasso if nobody promises that it is ever taken?"""
        for name in dict.fromkeys(name for name, _ in self.bits):
            own = sum(bit for (other, _), bit in self.bits.items() if other == name)
            need: Need = "not necessary"
            if self.failing(self.weak & ~own, self.strong & ~own) is not None:
                would_do = self.strong & own and self.failing(self.weak | own, self.strong & ~own) is None
                need = "weak would do" if would_do else "necessary"
            yield Fairness(name, self.kinds[name], need)

    # -- the lasso

    def lasso(self, start: int, states: list[int]) -> Lasso:
        """A run of the whole machine that comes to ``start`` and goes round in the set of states, checked by the reference."""
        stem = [start]
        while (before := self.pending[stem[-1]]) >= 0:
            stem.append(before)
        while (before := self.parents[stem[-1]]) >= 0:
            stem.append(before)
        stem.reverse()
        way = [self.choice(state, after, None) for state, after in pairwise(stem)]
        walked = self.graph.round(start, states, self.weak, self.strong)
        places = [start, *(target for _, target in walked)]
        round_ = [self.choice(place, after, bit) for place, (bit, after) in zip(places, walked, strict=False)]
        seen: dict[State, int] = {}
        for rounds in range(MOST_ROUNDS):  # what was left out may take some rounds to be what it was
            run = rerun(self.whole, self.dropped, self.fill(self.states[stem[0]]), way + rounds * round_)
            begun = seen.setdefault(run.last, rounds)
            if begun < rounds or not round_:
                lasso = Lasso(run, len(way) + begun * len(round_))
                if fault := fault_of(self.whole, self.dropped, self.item, lasso):
                    raise Disagreement(fault)
                return lasso
        raise GivenUp(f"there is a loop, but not all variables return in {MOST_ROUNDS} rounds: does a counter leave its range?")

    def choice(self, number: int, target: int, wanted: int | None) -> tuple[str, Arguments]:
        """A step from one state to another, and what the whole machine chooses for it."""
        state, after = self.states[number], self.states[target]
        for stepper, arguments, bit in self.moves_in(state):
            if wanted in (None, bit) and stepper.is_possible(state, arguments) and stepper.apply(state, arguments) == after:
                parameters = self.whole.machine.action(stepper.action.name).parameters
                anything = {p.name: next(iter(self.whole.argument_values(p))) for p in parameters}
                return stepper.action.name, {**anything, **arguments}
        raise AssertionError("there is no such step")

    def fill(self, state: State) -> State:
        """An initial state of the whole machine; what was left out is 0 where it may be anything."""
        known = dict(zip(((v.name, indices) for v, indices in self.layout.cells), state, strict=True))
        first = {v.name: self.whole.encode(v, v.initial) if v.initial is not None else 0 for v in self.whole.machine.variables}
        return tuple(known.get((v.name, indices), first[v.name]) for v, indices in self.whole.cells)


__all__ = ["Answer", "Fairness", "Progress", "check_progress"]

"""The engines say the same about machines that Hypothesis draws. The reference is the judge.

Each run draws machines, 300 different ones unless ``--machines`` says otherwise, and asserts that they were worth it: large
enough, often enough violated, and with every operator of the language among them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from drawn_machines import Drawn, drawn_machines, operators
from hypothesis import HealthCheck, Phase, given, seed, settings

from thawcheck.checker import bounded, explorer, reference
from thawcheck.checker.layout import Layout
from thawcheck.checker.liveness import analyse
from thawcheck.checker.packing import Packing
from thawcheck.checker.verdict import Result
from thawcheck.model import terms

Engine = Callable[[Drawn, Result], None]

MOST_STATES = 5000
LARGE = 100  # states
DEEPEST = 8  # steps of the counterexamples that z3 has to find
COMPILED = 4  # machines for which the explorer is compiled: that takes seconds for each


def outcome(result: Result) -> tuple[object, ...]:
    """What no way of searching may change."""
    unmet = result.unmet if result.complete else None
    return result.verdict, result.complete, result.broken, None if result.run is None else len(result.run.steps), unmet


def counts(result: Result) -> tuple[object, ...]:
    """What two engines that look at the same states, a level at a time, agree on."""
    return *outcome(result), result.states, result.transitions, result.depth, result.fired, result.reached, result.unmet


def bounded_agrees(drawn: Drawn, expected: Result) -> None:
    """z3 finds a counterexample at the reference's length, of the same property; or none where there is none."""
    known = expected.depth if expected.verdict in ("deadlock", "unknown") else DEEPEST  # how far the reference looked
    found = bounded.bounded(drawn.machine, drawn.sizes, min(known, DEEPEST), dropped=drawn.dropped)
    if expected.run is not None and expected.verdict == "violated" and len(expected.run.steps) <= DEEPEST:
        assert found.run is not None
        assert (found.verdict, found.broken, len(found.run.steps)) == ("violated", expected.broken, len(expected.run.steps))
    else:
        assert (found.verdict, found.run, found.depth) == ("unknown", None, min(known, DEEPEST))


def explorer_agrees(drawn: Drawn, expected: Result, *, compiled: bool = False) -> None:
    """The explorer counts what the reference counts, when every arbitrary first value is looked at."""
    if expected.verdict == "unknown":
        return  # cut by the number of states
    liveness = analyse(drawn.machine, Packing(Layout(drawn.machine, drawn.sizes)).block_sort, drawn.dropped)
    everything = replace(liveness, unset=frozenset())
    found = explorer.explore(drawn.machine, drawn.sizes, dropped=drawn.dropped, plain=True, compiled=compiled, liveness=everything)
    assert counts(found) == counts(expected)


def reduced_explorer_agrees(drawn: Drawn, expected: Result) -> None:
    """Leaving out first values that nobody reads, symmetry and the removal of dead state change no outcome."""
    if expected.verdict == "unknown":
        return
    for plain in (True, False):
        found = explorer.explore(drawn.machine, drawn.sizes, dropped=drawn.dropped, plain=plain, compiled=False)
        assert outcome(found) == outcome(expected)


ENGINES: tuple[Engine, ...] = (bounded_agrees, explorer_agrees, reduced_explorer_agrees)


class Tally:
    """What the machines of a run were like."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str, frozenset[str]]] = set()
        self.verdicts: Counter[str] = Counter()
        self.lengths: Counter[int] = Counter()
        self.operators: Counter[str] = Counter()
        self.large = 0
        self.failed = False

    def wants(self, drawn: Drawn, most: int) -> bool:
        """Whether this machine is a new one and wanted still. Hypothesis repeats itself, and after a failure it has to."""
        if self.failed:
            return True
        known = (drawn.machine.digest, str(drawn.sizes), drawn.dropped) in self.seen
        return not known and len(self.seen) < most

    def has_room_for(self, result: Result, most: int) -> bool:
        """Whether a third of the machines can still be large, and a third violated, after this one."""
        third = -(-most // 3)
        large = max(0, third - self.large - (result.states >= LARGE))
        violated = max(0, third - self.verdicts["violated"] - (result.verdict == "violated"))
        return large + violated < most - len(self.seen)

    def add(self, drawn: Drawn, result: Result) -> None:
        """Counts a machine."""
        self.seen.add((drawn.machine.digest, str(drawn.sizes), drawn.dropped))
        self.verdicts[result.verdict] += 1
        self.large += result.states >= LARGE
        self.operators.update(operators(drawn.machine))
        if result.verdict == "violated" and result.run is not None:
            self.lengths[len(result.run.steps)] += 1

    def __str__(self) -> str:
        return f"{len(self.seen)} machines, {self.large} large, {dict(self.verdicts)}, lengths {dict(sorted(self.lengths.items()))}"


def all_operators() -> set[str]:
    """The operators of the language, from the table in the documentation of the terms."""
    _, _, rows, _ = (terms.__doc__ or "").split("\n==========")
    return {name for first in re.findall(r"^(?:[a-z]+, )*[a-z]+", rows, re.MULTILINE) for name in first.split(", ")}


def compare_on(count: int, compare: Callable[[Drawn, Result], None], *, smallest: int = 0) -> Tally:
    """Draws that many different machines with at least so many states, explores them with the reference, and compares."""
    tally = Tally()

    def each(drawn: Drawn) -> None:
        if not tally.wants(drawn, count):
            return
        expected = reference.explore(drawn.machine, drawn.sizes, dropped=drawn.dropped, most_states=MOST_STATES)
        if expected.states < smallest or not (tally.failed or tally.has_room_for(expected, count)):
            return
        try:
            compare(drawn, expected)
        except BaseException:
            if not tally.failed:
                print(drawn)  # the first, in case that shrinking it takes too long
            tally.failed = True
            raise
        tally.add(drawn, expected)

    rounds = 0
    while len(tally.seen) < count:  # few at a time: Hypothesis repeats itself more and more
        rounds += 1
        configured = settings(
            max_examples=10 + (count - len(tally.seen)) // 4,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        configured(seed(rounds)(given(drawn_machines())(each)))()  # the same machines each time; more of them with --machines
    print(tally)
    return tally


def test_the_engines_agree_with_the_reference(machines: int) -> None:
    def compare(drawn: Drawn, expected: Result) -> None:
        for agrees in ENGINES:
            agrees(drawn, expected)

    tally = compare_on(machines, compare)
    assert tally.large * 3 >= machines
    assert tally.verdicts["violated"] * 3 >= machines
    found = {length: count for length, count in tally.lengths.items() if length <= DEEPEST}
    assert sum(found.values()) * 4 >= machines  # counterexamples that z3 was asked for, and has found
    assert sum(count for length, count in found.items() if length >= 2) * 20 >= machines
    assert {"holds", "vacuous", "deadlock"} <= set(tally.verdicts)
    assert set(tally.operators) == all_operators()


def test_the_compiled_explorer_agrees_with_the_reference() -> None:
    compare_on(COMPILED, lambda drawn, expected: explorer_agrees(drawn, expected, compiled=True), smallest=LARGE)

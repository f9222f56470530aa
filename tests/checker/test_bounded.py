"""Bounded z3 on small machines, at the edges of its bound and of its numbers."""

import time

import pytest
from small_machines import Copier, Idle, Purse, Stairs, Trap

from thawcheck.checker import bounded as module
from thawcheck.checker.bounded import bounded, counter_bits
from thawcheck.checker.layout import Layout
from thawcheck.checker.reference import Reference, explore
from thawcheck.checker.rerun import Disagreement
from thawcheck.model import (
    Boolean,
    Counter,
    Cpu,
    Design,
    Each,
    Flag,
    Page,
    Sizes,
    action,
    always,
    every,
    ite,
    machine_of,
    number_of,
    require,
)

SIZES = Sizes(pages=2, cpus=2, contents=2)


class Climber(Design):
    """A counter that climbs and falls by three, and never looks at its range."""

    height = Counter(1)

    @action
    def climb(self) -> None:
        """Three up."""
        self.height = self.height + 3

    @action
    def fall(self) -> None:
        """Three down."""
        self.height = self.height - 3

    @always
    def below_the_clouds(self) -> Boolean:
        """Not so high."""
        return self.height <= 20

    @always
    def above_the_sea(self) -> Boolean:
        """Not so low."""
        return self.height >= -20


class Router(Design):
    """Indices that are not known until the step: chosen for every page, or picked by a condition."""

    seen = Flag(per=(Page, Cpu))
    hot = Flag(per=Page)

    @action
    def send(self, route: Each[Page, Cpu], page: Page, first: Page, second: Page) -> None:
        """To the CPU that the route names, for a page picked by what is hot."""
        require(first != second)
        self.seen[page, route[page]] = True
        self.hot[ite(self.hot[first], second, first)] = True

    @always
    def never_all(self) -> Boolean:
        """Some CPU has not seen some page, or some page is not hot."""
        return ~(every(Page, lambda page: every(Cpu, lambda cpu: self.seen[page, cpu]) & self.hot[page]))


def test_a_bound_is_no_proof() -> None:
    result = bounded(machine_of(Stairs), SIZES, 6)
    assert (result.verdict, result.complete, result.depth, result.reason) == ("unknown", False, 6, "no violation up to depth 6")


@pytest.mark.parametrize(("depth", "verdict"), [(3, "unknown"), (4, "violated"), (9, "violated")])
def test_the_bound_counts_steps(depth: int, verdict: str) -> None:
    result = bounded(machine_of(Stairs), SIZES, depth, dropped=frozenset({"rail"}))
    assert (result.verdict, result.depth) == (verdict, min(depth, 4))
    if verdict == "violated":
        assert result.broken == "whole" and result.run is not None
        assert [step.action for step in result.run.steps] == ["climb_to_first", "climb_to_second", "climb_to_third", "fall"]


def test_a_dropped_assumption() -> None:
    assert bounded(machine_of(Copier), SIZES, 5).verdict == "unknown"
    result = bounded(machine_of(Copier), SIZES, 5, dropped=frozenset({"stop_first"}))
    assert result.run is not None
    assert (result.verdict, result.broken, [step.action for step in result.run.steps]) == ("violated", "faithful", ["copy", "store"])


def test_deadlocks_and_vacuity_are_not_looked_for() -> None:
    assert bounded(machine_of(Trap), SIZES, 3).verdict == "unknown"
    assert bounded(machine_of(Idle), SIZES, 3).verdict == "unknown"


def test_a_counter_out_of_range() -> None:
    result = bounded(machine_of(Purse), SIZES, 5)
    assert (result.verdict, result.broken, result.depth) == ("violated", "coins_in_range", 2)
    assert bounded(machine_of(Purse), SIZES, 5, only=frozenset()).verdict == "unknown"


def test_a_counter_may_reach_its_maximum_and_no_more() -> None:
    class Savings(Design):
        """One coin more than there are pages."""

        coins = Counter(number_of(Page))

        @action
        def save(self) -> None:
            """One coin."""
            self.coins = self.coins + 1

    for pages in (1, 3):
        result = bounded(machine_of(Savings), Sizes(pages=pages), 6)
        assert (result.broken, result.depth) == ("coins_in_range", pages + 1)


@pytest.mark.parametrize("name", ["below_the_clouds", "above_the_sea"])
def test_counters_do_not_wrap_around_outside_their_range(name: str) -> None:
    found = bounded(machine_of(Climber), SIZES, 12, only=frozenset({name}))
    expected = explore(machine_of(Climber), SIZES, only=frozenset({name}))
    assert expected.run is not None and len(expected.run.steps) == 7
    assert (found.verdict, found.broken, found.depth) == ("violated", name, 7)


def test_bits_for_a_counter_grow_with_the_depth() -> None:
    layout = Layout(machine_of(Climber), SIZES)
    assert counter_bits(layout, 0) < counter_bits(layout, 10) < counter_bits(layout, 100)
    assert 2 ** (counter_bits(layout, 100) - 1) > 20 + 3 * 100


def test_indices_that_are_not_known_before_the_step() -> None:
    expected = explore(machine_of(Router), SIZES)
    found = bounded(machine_of(Router), SIZES, 8)
    assert expected.run is not None and found.run is not None
    assert (expected.verdict, found.verdict) == ("violated", "violated")
    assert len(found.run.steps) == len(expected.run.steps)


def test_of_several_properties_the_first_that_can_break_is_named() -> None:
    class Both(Design):
        """One step breaks the second property or the third, and no single step breaks the first."""

        first, second, other = Flag(), Flag(), Flag()

        @action
        def choose(self, which: Boolean) -> None:
            """One of them."""
            self.first = which
            self.second = ~which

        @action
        def choose_otherwise(self) -> None:
            """The second once more."""
            self.second = True
            self.other = True

        @always
        def no_wonder(self) -> Boolean:
            """Cannot be broken in one step."""
            return ~(self.first & self.other)

        @always
        def no_first(self) -> Boolean:
            """Not the first."""
            return ~self.first

        @always
        def no_second(self) -> Boolean:
            """Not the second."""
            return ~self.second

    for only, broken in ((None, "no_first"), (frozenset({"no_second"}), "no_second")):
        assert explore(machine_of(Both), SIZES, only=only).broken == broken
        assert bounded(machine_of(Both), SIZES, 3, only=only).broken == broken


def test_a_time_out_is_unknown_and_says_what_was_covered() -> None:
    machine = machine_of(Copier)
    nothing = bounded(machine, SIZES, 50, timeout=0.0)
    assert (nothing.verdict, nothing.depth, nothing.reason) == ("unknown", 0, "timed out, nothing was covered")
    begun = time.perf_counter()
    some_time = bounded(machine, Sizes(pages=4, cpus=4, contents=3), 10_000, timeout=1.0)
    assert time.perf_counter() - begun < 10
    assert some_time.verdict == "unknown" and some_time.run is None
    assert some_time.reason == f"timed out, no violation up to depth {some_time.depth}"


def test_a_run_that_the_reference_does_not_confirm_is_never_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "guard", lambda *arguments: True)
    with pytest.raises(Disagreement, match="is not possible"):
        bounded(machine_of(Stairs), SIZES, 4, dropped=frozenset({"rail"}))
    monkeypatch.undo()
    monkeypatch.setattr(module, "evaluate", lambda *arguments: 1)
    with pytest.raises(Disagreement, match="the reference says that it is true"):
        bounded(machine_of(Stairs), SIZES, 4, dropped=frozenset({"rail"}))


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        bounded(machine_of(Stairs), SIZES, -1)
    with pytest.raises(ValueError, match="needs the number of"):
        bounded(machine_of(Copier), Sizes(contents=2), 1)


def test_the_run_is_one_of_the_machine() -> None:
    machine = machine_of(Copier)
    result = bounded(machine, SIZES, 5, dropped=frozenset({"stop_first"}))
    assert result.run is not None
    reference = Reference(Layout(machine, SIZES), frozenset({"stop_first"}))
    state = result.run.initial
    for step in result.run.steps:
        assert step in list(reference.successors(state))
        state = step.state
    assert not reference.holds(next(item for item in machine.properties if item.name == "faithful"), state)

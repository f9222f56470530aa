"""The reference on machines whose states can be counted by hand."""

import pytest
from small_machines import Copier, Idle, Purse, Stairs, Trap

from thawcheck.checker.layout import Layout
from thawcheck.checker.reference import Reference, explore
from thawcheck.checker.rerun import Disagreement, rerun
from thawcheck.model import Boolean, Design, Flag, Page, Sizes, action, always, every, machine_of, require, terminal

SIZES = Sizes(pages=2, cpus=2, contents=2)


def test_holds_and_what_was_covered() -> None:
    result = explore(machine_of(Stairs), SIZES)
    assert (result.verdict, result.complete, result.states, result.transitions, result.depth) == ("holds", True, 4, 3, 3)
    assert result.fired == {"climb_to_first": 1, "climb_to_second": 1, "climb_to_third": 1, "fall": 0}
    assert result.reached == {"at_the_top"} and result.unmet == ()


def test_a_dropped_assumption_breaks_what_it_protects_with_the_shortest_run() -> None:
    result = explore(machine_of(Stairs), SIZES, dropped=frozenset({"rail"}))
    assert (result.verdict, result.broken, result.complete) == ("violated", "whole", False)
    assert result.run is not None
    assert [step.action for step in result.run.steps] == ["climb_to_first", "climb_to_second", "climb_to_third", "fall"]
    assert (result.states, result.transitions, result.depth) == (5, 4, 4)


def test_an_action_that_needs_a_dropped_assumption_has_to_fire_then() -> None:
    machine = machine_of(Stairs)
    assert "fall" not in explore(machine, SIZES).unmet
    cut = explore(machine, SIZES, dropped=frozenset({"rail"}), most_states=1)
    assert cut.verdict == "unknown" and "fall" in cut.unmet


def test_deadlock() -> None:
    result = explore(machine_of(Trap), SIZES)
    assert (result.verdict, result.complete) == ("deadlock", False)
    assert result.run is not None and [step.action for step in result.run.steps] == ["enter"]


def test_vacuous_names_what_never_happened() -> None:
    result = explore(machine_of(Idle), SIZES)
    assert (result.verdict, result.complete, result.unmet) == ("vacuous", True, ("exploded", "explode"))


def test_a_counter_that_leaves_its_range_is_a_violation() -> None:
    result = explore(machine_of(Purse), SIZES)
    assert (result.verdict, result.broken, result.depth) == ("violated", "coins_in_range", 2)
    assert result.run is not None
    assert [step.state[0] for step in result.run.steps] == [0, -1]


def test_only_looks_at_the_properties_that_are_named() -> None:
    result = explore(machine_of(Purse), SIZES, only=frozenset({"nothing"}), most_states=20)
    assert result.verdict == "unknown"


def test_initial_states_are_all_arbitrary_values_and_can_be_left_out() -> None:
    machine = machine_of(Copier)
    assert explore(machine, SIZES).states == 84  # counted apart: 4 memories, 4 unset images, the stops in order, the copies
    fewer = explore(machine, SIZES, unset=frozenset({"image"}))
    assert fewer.states < 84 and fewer.verdict == "holds"


def test_updates_read_the_state_before_the_step() -> None:
    class Swap(Design):
        """Two flags change places."""

        left, right = Flag(initial=True), Flag()

        @action
        def swap(self) -> None:
            """At once."""
            left, right = self.left, self.right
            self.left = right
            self.right = left

        @always
        def one_of_them(self) -> Boolean:
            """Exactly one is set."""
            return self.left != self.right

    assert explore(machine_of(Swap), SIZES).verdict == "holds"


def test_a_quantifier_over_nothing_but_a_parameter() -> None:
    class Lamp(Design):
        """Its guard quantifies over pages and looks only at what is chosen."""

        lit = Flag()

        @action
        def switch(self, wanted: Boolean) -> None:
            """On if wanted."""
            require(every(Page, lambda page: wanted), ~self.lit)
            self.lit = wanted

        @terminal
        def bright(self) -> Boolean:
            """On."""
            return self.lit

    result = explore(machine_of(Lamp), SIZES)
    assert (result.verdict, result.states, result.transitions) == ("holds", 2, 1)


def test_missing_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="needs the number of pages, cpus"):
        explore(machine_of(Copier), Sizes(contents=2))


def test_successors_are_every_possible_step() -> None:
    layout = Layout(machine_of(Copier), SIZES)
    state = next(layout.initial_states())
    steps = list(Reference(layout, frozenset({"stop_first"})).successors(state))
    assert len([step for step in steps if step.action == "store"]) == 8
    assert [step.arguments for step in steps if step.action == "stop"] == [{"cpu": 0}, {"cpu": 1}]
    assert [step.arguments for step in steps if step.action == "copy"] == [{"page": 0}, {"page": 1}]


def test_a_run_is_run_again_step_by_step() -> None:
    layout = Layout(machine_of(Stairs), SIZES)
    run = rerun(layout, frozenset(), (0, 0), [("climb_to_first", {}), ("climb_to_second", {})])
    assert run.last == (2, 0) and len(run.steps) == 2
    with pytest.raises(Disagreement, match="cannot begin with place at 1"):
        rerun(layout, frozenset(), (1, 0), [])
    with pytest.raises(Disagreement, match=r"step 2: fall with \{\} is not possible, since '~self.rail' is false"):
        rerun(layout, frozenset(), (0, 0), [("climb_to_first", {}), ("fall", {})])

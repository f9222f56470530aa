"""Lassos: on machines that one knows by heart, on drawn ones against a slow search from the definition, and on the proposal."""

from __future__ import annotations

import collections
import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from drawn_machines import Drawn, drawn_machines
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from thawcheck.checker.counterexample import Counterexample, CounterexampleError, from_itf, tell, to_itf
from thawcheck.checker.evaluate import meaning
from thawcheck.checker.fairness import choices, fault_of, instance
from thawcheck.checker.layout import Layout, State
from thawcheck.checker.progress import Progress, check_progress
from thawcheck.checker.reference import Reference
from thawcheck.checker.slicing import cut
from thawcheck.model import (
    Boolean,
    Choice,
    Constant,
    Counter,
    Design,
    Flag,
    LeadsTo,
    Machine,
    Page,
    Sizes,
    action,
    assign_every,
    eventually,
    every,
    ite,
    leads_to,
    machine_of,
    require,
    some,
)
from thawcheck.model.designs import built_in_design
from thawcheck.model.machine import Property
from thawcheck.model.terms import Symbol, walk

SIZES = Sizes(pages=2, cpus=2, contents=2)


class Kettle(Design):
    """Water is heated, and may cool again; it boils only while it is hot."""

    water = Choice("cold", "hot", "boiling")

    @action(fair="weak")
    def heat(self) -> None:
        """It gets hot."""
        require(self.water == "cold")
        self.water = "hot"

    @action
    def cool(self) -> None:
        """It cools."""
        require(self.water == "hot")
        self.water = "cold"

    @action(fair="weak")
    def boil(self) -> None:
        """It boils."""
        require(self.water == "hot")
        self.water = "boiling"

    @eventually
    def tea(self) -> Boolean:
        """There will be tea."""
        return self.water == "boiling"


class StrongKettle(Kettle):
    """Whenever it may boil, again and again, it does at last."""

    @action(fair="strong")
    def boil(self) -> None:
        """It boils."""
        super().boil()


def check(design: type[Design] | Machine, sizes: Sizes = SIZES, **more: object) -> Progress:
    machine = design if isinstance(design, Machine) else machine_of(design)
    (item,) = machine.eventualities
    return check_progress(machine, sizes, item, **more)  # type: ignore[arg-type]


def names(answer: Progress) -> tuple[list[str], list[str]]:
    """The actions on the way to the loop, and those in it."""
    assert answer.lasso is not None
    steps = [step.action for step in answer.lasso.run.steps]
    return steps[: answer.lasso.loop], steps[answer.lasso.loop :]


def test_weak_fairness_is_not_enough_for_what_is_only_possible_again_and_again() -> None:
    answer = check(Kettle)
    assert (answer.verdict, names(answer)) == ("violated", ([], ["heat", "cool"]))


def test_strong_fairness_is() -> None:
    answer = check(StrongKettle)
    assert (answer.verdict, answer.states, answer.pending) == ("holds", 3, 2)
    assert [(fair.action, fair.need) for fair in answer.fairness] == [("heat", "necessary"), ("boil", "necessary")]


def test_a_stubborn_kettle_needs_no_strong_fairness() -> None:
    class Stubborn(StrongKettle):
        """It does not cool before it has boiled."""

        @action
        def cool(self) -> None:
            require(self.water == "boiling")
            self.water = "cold"

    answer = check(Stubborn)
    assert [(fair.action, fair.need) for fair in answer.fairness] == [("heat", "necessary"), ("boil", "weak would do")]


def test_a_run_may_keep_away_from_where_a_strongly_fair_step_is_possible() -> None:
    class Lukewarm(StrongKettle):
        """The water need never get hot."""

        water = Kettle.water.extended("warm")

        @action(fair="weak")
        def warm(self) -> None:
            """It gets warm."""
            require(self.water == "cold")
            self.water = "warm"

        @action
        def heat(self) -> None:
            """It may get hot."""
            require(self.water == "warm")
            self.water = "hot"

        @action(fair="weak")
        def cool(self) -> None:
            """It cools."""
            require((self.water == "hot") | (self.water == "warm"))
            self.water = "cold"

    assert names(check(Lukewarm)) == ([], ["warm", "cool"])


def test_a_run_may_rest_where_nothing_fair_is_possible() -> None:
    class Lazy(Kettle):
        """Nobody heats."""

        @action
        def heat(self) -> None:
            super().heat()

    answer = check(Lazy)
    assert answer.verdict == "violated" and answer.lasso is not None
    assert (answer.lasso.run.steps, answer.lasso.loop) == ((), 0)
    example = Counterexample(machine_of(Lazy), SIZES, frozenset(), "tea", answer.lasso.run, answer.lasso.loop)
    assert list(tell(example))[1:] == [
        "and then nothing more, for ever: no step that is fair is possible",
        "tea never comes true: There will be tea",
        "      possible all along, but nobody promises that it happens: heat",
    ]


def test_a_dead_end_before_the_goal_is_a_run_that_never_gets_there() -> None:
    class Leaky(StrongKettle):
        """The water may run out."""

        water = Kettle.water.extended("gone")

        @action
        def leak(self) -> None:
            """It is gone."""
            require(self.water == "hot")
            self.water = "gone"

    assert names(check(Leaky)) == (["heat", "leak"], [])


class Desk(Design):
    """Pages for which somebody asks again and again, and a desk where one is served at a time."""

    asked, served = Flag(per=Page), Flag(per=Page)

    @action
    def ask(self, page: Page) -> None:
        """Somebody asks."""
        require(~self.asked[page])
        self.asked[page] = True

    @action(fair="weak")
    def serve(self, page: Page) -> None:
        """One is served."""
        require(self.asked[page])
        self.asked[page] = False
        self.served[page] = True

    @eventually
    def all_served(self) -> LeadsTo:
        """If all are asked for, all are served."""
        return leads_to(every(Page, lambda page: self.asked[page]), every(Page, lambda page: self.served[page]))


def test_fairness_is_meant_for_each_choice_of_the_indices() -> None:
    """A promise for all pages together would let the desk serve one of them for ever."""
    assert check(Desk).verdict == "holds"

    class OneForAll(Desk):
        """What is promised is that somebody is served: the page is no index of the promise."""

        first_page = Constant(Page)

        @action(fair="weak")
        def serve(self, first: Boolean) -> None:  # type: ignore[override]
            """One is served."""
            require(some(Page, lambda page: self.asked[page] & ((page == self.first_page) == first)))
            assign_every(self.asked, lambda page: self.asked[page] & ((page == self.first_page) != first))
            assign_every(self.served, lambda page: self.served[page] | ((page == self.first_page) == first))

    assert check(OneForAll).verdict == "violated"


def test_a_step_that_changes_nothing_counts_as_taken() -> None:
    class Weak(StrongKettle):
        """The flame may be too small."""

        @action(fair="weak")
        def heat(self, small: Boolean) -> None:  # type: ignore[override]
            """It gets hot, or stays as it is."""
            require(self.water == "cold")
            self.water = ite(small, "cold", self.heated())

        def heated(self) -> Symbol:
            return ite(self.water == "boiling", self.water, "hot")

    assert names(check(Weak)) == ([], ["heat"])


def test_a_premise_that_never_holds_is_vacuous() -> None:
    class Dry(StrongKettle):
        """Tea is expected of what never is."""

        ready = Flag()

        @eventually
        def tea(self) -> LeadsTo:
            """There will be tea."""
            return leads_to(self.ready, self.water == "boiling")

    assert (check(Dry).verdict, check(Dry).pending) == ("vacuous", 0)


def test_from_the_start_is_not_from_everywhere() -> None:
    class Again(StrongKettle):
        """Boiling water may cool for good."""

        cold_for_good = Flag()

        @action
        def pour(self) -> None:
            """Cold water for ever."""
            require(self.water == "boiling")
            self.water = "cold"
            self.cold_for_good = True

        @action(fair="weak")
        def heat(self) -> None:
            super().heat()
            require(~self.cold_for_good)

    class Always(Again):
        """The same, expected whenever the water is cold."""

        @eventually
        def tea(self) -> LeadsTo:
            """There will be tea."""
            return leads_to(self.water == "cold", self.water == "boiling")

    assert check(Again).verdict == "holds"
    assert names(check(Always)) == (["heat", "boil", "pour"], [])


def test_a_loop_is_told_with_all_variables() -> None:
    """What the search leaves out has to come round too: here it takes two rounds."""

    class Blinking(Kettle):
        """A lamp blinks while the water is heated."""

        lamp, seen = Flag(), Flag()

        @action(fair="weak")
        def heat(self) -> None:
            super().heat()
            self.lamp = ~self.lamp

        @eventually
        def tea(self) -> Boolean:
            """There will be tea."""
            return self.water == "boiling"

        @action
        def look(self) -> None:
            """Somebody looks."""
            require(self.lamp, ~self.seen)
            self.seen = True

    machine = machine_of(Blinking)
    (item,) = machine.eventualities
    assert [v.name for v in cut(machine, None, item.predicate, frozenset()).machine.variables] == ["water"]
    assert names(check(machine)) == ([], ["heat", "cool", "heat", "cool"])


def test_a_counter_that_leaves_its_range_is_not_followed() -> None:
    class Growing(Kettle):
        """Each heating is counted."""

        times = Counter(2)

        @action(fair="weak")
        def heat(self) -> None:
            super().heat()
            self.times += 1

        @eventually
        def tea(self) -> Boolean:
            """There will be tea."""
            return (self.water == "boiling") | (self.times == 2)

    assert check(Growing).verdict == "holds"

    class Forgetful(Growing):
        """The same, and nobody looks at the count."""

        @eventually
        def tea(self) -> Boolean:
            """There will be tea."""
            return self.water == "boiling"

        @action
        def look(self) -> None:
            """Somebody counts."""
            require(self.times == 2)
            self.water = "boiling"

    answer = check(Forgetful)
    assert (answer.verdict, answer.reason) == ("unknown", "the counter times leaves its range: see explore")


def test_a_budget_that_is_used_up_is_said() -> None:
    answer = check(machine_of(built_in_design("proposal-2010")), Sizes(pages=2, cpus=2, contents=2, devices=1), timeout=0.2)
    assert (answer.verdict, answer.reason) == ("unknown", "stopped after 0.2 s")
    answer = check(machine_of(built_in_design("proposal-2010")), Sizes(pages=2, cpus=2, contents=2, devices=1), memory=2**20)
    assert (answer.verdict, answer.reason) == ("unknown", "stopped at 1 MiB")


# ---------------------------------------------------------------- kept and read


def test_a_lasso_is_kept_and_checked_when_it_is_read() -> None:
    machine = machine_of(Kettle)
    lasso = check(Kettle).lasso
    assert lasso is not None
    example = Counterexample(machine, SIZES, frozenset(), "tea", lasso.run, lasso.loop)
    kept = json.loads(json.dumps(to_itf(example)))
    assert kept["loop"] == 0 and kept["states"][0]["water"] == kept["states"][-1]["water"]
    assert from_itf(kept, machine) == example
    assert "and then for ever:" in list(tell(example))

    def refused(said: str, of: Machine = machine, **changes: object) -> None:
        with pytest.raises(CounterexampleError, match=said):
            from_itf({**kept, **changes}, of)

    refused("its last state is not its state 1", loop=1)
    refused("its last state is not its state 5", loop=5)
    refused("its last state is not its state 0", states=kept["states"][:-1])
    refused("Kettle has no property 'coffee'", **{"#meta": {**kept["#meta"], "broken": "coffee"}})
    refused(r"it is not fair: boil\[\] is put off for ever", of=machine_of(StrongKettle))
    boiled = kept["states"][0] | {"water": "boiling"}
    refused("does not start as", states=[boiled], loop=0)


def test_a_loop_is_no_counterexample_unless_something_is_expected_of_it() -> None:
    machine = machine_of(Kettle)
    lasso = check(Kettle).lasso
    assert lasso is not None
    layout, (item,) = Layout(machine, SIZES), machine.eventualities
    assert fault_of(layout, frozenset(), item, lasso) == ""
    cold = meaning(item.predicate, layout, frozenset())
    assert not any(cold(state, {}) for state in lasso.states)
    happy = replace(item, predicate=~item.predicate)
    assert fault_of(layout, frozenset(), happy, lasso) == "tea comes true in its loop"
    boiling = replace(item, premise=item.predicate)
    assert fault_of(layout, frozenset(), boiling, lasso) == "tea is not broken: nothing is expected of its loop"


# ---------------------------------------------------------------- the definition, slowly

Graph = tuple[list[State], list[list[tuple[int, object]]], list[dict[object, str]]]
MOST_STATES = 250
MOST_STRONG = 4


def whole_graph(drawn: Drawn) -> Graph | None:
    """Every state, the steps from each with the fair step that each is, and the fair steps that are possible there."""
    layout = Layout(drawn.machine, drawn.sizes)
    reference = Reference(layout, drawn.dropped)
    domains = layout.domains()
    numbers: dict[State, int] = {}
    states: list[State] = []
    for state in layout.initial_states():
        numbers[state] = len(states)
        states.append(state)
        if len(states) > MOST_STATES:
            return None
    edges: list[list[tuple[int, object]]] = []
    possible: list[dict[object, str]] = []
    while len(edges) < len(states):
        state = states[len(edges)]
        edges.append([])
        possible.append({})
        for step in reference.successors(state):
            if len(states) > MOST_STATES or not all(0 <= value < most for value, most in zip(step.state, domains, strict=True)):
                return None
            action = drawn.machine.action(step.action)
            label = instance(action, step.arguments) if action.fairness else None
            if step.state not in numbers:
                numbers[step.state] = len(states)
                states.append(step.state)
            edges[-1].append((numbers[step.state], label))
            if label is not None:
                possible[-1][label] = action.fairness
    return states, edges, possible


def slowly(drawn: Drawn, graph: Graph, item: Property) -> str:
    """A fair run that fails has a set of states that it visits again and again: try each choice of the strongly fair steps that it
    is not to meet any more, and look at the states that reach each other without the states in which one of them is possible."""
    states, edges, possible = graph
    layout = Layout(drawn.machine, drawn.sizes)
    goal = [bool(meaning(item.predicate, layout, drawn.dropped)(state, {})) for state in states]
    begins = set(range(layout.count_initial_states()))
    if item.premise is not None:
        premise = meaning(item.premise, layout, drawn.dropped)
        begins = {number for number, state in enumerate(states) if premise(state, {})}
    pending = {number for number in begins if not goal[number]}
    while more := {target for number in pending for target, _ in edges[number] if not goal[target]} - pending:
        pending |= more
    if not pending:
        return "vacuous"
    strong = sorted({label for here in possible for label, kind in here.items() if kind == "strong"}, key=str)
    for avoided in (set(chosen) for count in range(len(strong) + 1) for chosen in combinations(strong, count)):
        allowed = sorted(number for number in pending if not avoided & set(possible[number]))
        if any(fair_enough(together, edges, possible, set(strong) - avoided) for together in mutual(allowed, edges)):
            return "violated"
    return "holds"


def mutual(allowed: list[int], edges: list[list[tuple[int, object]]]) -> Iterable[list[int]]:
    """The sets of states that reach each other, by multiplying the matrix of steps with itself."""
    place = {number: index for index, number in enumerate(allowed)}
    reach = np.eye(len(allowed), dtype=np.float32)
    for number in allowed:
        for target, _ in edges[number]:
            if target in place:
                reach[place[number], place[target]] = 1
    for _ in range(len(allowed).bit_length()):
        reach = np.minimum(reach @ reach, 1)
    both = (reach > 0) & (reach.T > 0)
    return [[allowed[index] for index in np.flatnonzero(row)] for row in np.unique(both, axis=0)]


def fair_enough(
    together: list[int], edges: list[list[tuple[int, object]]], possible: list[dict[object, str]], to_be_taken: set[object]
) -> bool:
    inside = set(together)
    taken = {label for number in together for target, label in edges[number] if target in inside}
    met = {label for number in together for label in possible[number]}
    if not to_be_taken & met <= taken:
        return False
    weak = {label for label in met if all(possible[number].get(label) == "weak" for number in together)}
    return weak <= taken


@st.composite
def drawn_expectations(draw: st.DrawFn) -> tuple[Drawn, list[Property]]:
    """A drawn machine with fair actions, and what may be expected of it eventually."""
    drawn = draw(drawn_machines())
    layout = Layout(drawn.machine, drawn.sizes)
    actions, strong = [], 0
    for one in drawn.machine.actions:
        kind = draw(st.sampled_from(["weak", "strong", "weak", ""]))
        steps = len({instance(one, chosen) for chosen in choices(layout, one)})
        if kind == "strong" and strong + steps > MOST_STRONG:
            kind = "weak"
        strong += steps if kind == "strong" else 0
        actions.append(replace(one, fairness=kind))
    # Conditions that some action waits for come and go; so does what the properties say.
    guards = [conjunct.term for one in actions for conjunct in one.guard]
    known = [term for term in guards if not any(part.op in ("parameter", "element", "assumption") for part in walk(term))]
    known += [item.predicate for item in drawn.machine.properties]
    known += [~predicate for predicate in known]
    predicates = draw(st.permutations(known))[:4]
    premises = [None, *(predicates if len(predicates) > 1 else ())]
    items = [Property("expected", "eventually", "It comes", g, "drawn", 1, p) for p, g in product(premises, predicates) if p is not g]
    return replace(drawn, machine=replace(drawn.machine, actions=tuple(actions))), items


def with_fairness(drawn: Drawn, name: str, kind: str) -> Drawn:
    actions = tuple(replace(one, fairness=kind) if one.name == name else one for one in drawn.machine.actions)
    return replace(drawn, machine=replace(drawn.machine, actions=actions))


def test_the_search_agrees_with_the_definition_on_drawn_machines(machines: int) -> None:
    wanted = max(machines // 15, 10)
    verdicts: collections.Counter[str] = collections.Counter()
    needs: collections.Counter[str] = collections.Counter()
    seen: set[str] = set()
    smaller = 0

    def compare(expected: tuple[Drawn, list[Property]]) -> None:
        nonlocal smaller
        drawn, items = expected
        known = whole_graph(drawn) if len(seen) < wanted and drawn.machine.digest not in seen else None
        if known is None or len(known[0]) < 8:
            return
        seen.add(drawn.machine.digest)
        for item in items:
            answer = check_progress(drawn.machine, drawn.sizes, item, dropped=drawn.dropped)
            assert answer.verdict == slowly(drawn, known, item)
            verdicts[answer.verdict] += 1
            smaller += answer.states < len(known[0])
            for fair in answer.fairness:
                unfair = slowly(with_fairness(drawn, fair.action, ""), relabelled(known, fair.action, ""), item)
                assert (fair.need != "not necessary") == (unfair == "violated")
                if fair.kind == "strong" and fair.need != "not necessary":
                    weak = slowly(with_fairness(drawn, fair.action, "weak"), relabelled(known, fair.action, "weak"), item)
                    assert (fair.need == "weak would do") == (weak == "holds")
                needs[f"{fair.kind} {fair.need}"] += 1

    rounds = 0
    while len(seen) < wanted:
        rounds += 1
        configured = settings(
            max_examples=60, database=None, deadline=None, phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck)
        )
        configured(seed(rounds)(given(drawn_expectations())(compare)))()
    print(dict(verdicts), dict(needs), f"{smaller} cut down")
    assert min(verdicts["violated"], 3 * verdicts["holds"], verdicts["vacuous"]) >= wanted
    assert smaller >= wanted
    assert {"weak necessary", "weak not necessary", "strong not necessary"} <= set(needs)
    assert {"strong necessary", "strong weak would do"} & set(needs)


def relabelled(graph: Graph, action: str, kind: str) -> Graph:
    """The graph, if the fairness of an action were another."""
    states, edges, possible = graph

    def kept(label: object) -> bool:
        return bool(kind) or not isinstance(label, tuple) or label[0] != action

    return (
        states,
        [[(target, label if kept(label) else None) for target, label in steps] for steps in edges],
        [{label: kind if label[0] == action else old for label, old in here.items() if kept(label)} for here in possible],  # type: ignore[index]
    )


# ---------------------------------------------------------------- the 2010 proposal

PROPOSAL = Sizes(pages=1, cpus=2, contents=2, devices=1)


def test_the_save_ends_and_every_fairness_is_needed_for_it() -> None:
    answer = check(built_in_design("proposal-2010"), PROPOSAL)
    assert (answer.verdict, answer.states, answer.pending) == ("holds", 4480, 3509)
    assert {(fair.kind, fair.need) for fair in answer.fairness} == {("weak", "necessary")}
    marked = {one.name for one in machine_of(built_in_design("proposal-2010")).actions if one.fairness}
    assert {fair.action for fair in answer.fairness} == marked


@pytest.mark.parametrize(
    ("dropped", "loop"),
    [
        ("protect_before_read", {"walk", "flush"}),
        ("flag_before_unprotect", {"walk", "flush"}),
        ("new_pages_flagged", {"allocate_unnoticed", "free", "flush"}),
    ],
)
def test_a_storm_of_stores_can_go_on_for_ever_where_a_page_is_neither_protected_nor_flagged(dropped: str, loop: set[str]) -> None:
    answer = check(built_in_design("proposal-2010"), PROPOSAL, dropped=frozenset({dropped}))
    assert answer.verdict == "violated"
    assert set(names(answer)[1]) == loop

"""What two designs can do, compared: held against slow searches that know no trick, and against machines known by heart."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from drawn_machines import Drawn, drawn_machines
from hypothesis import HealthCheck, Phase, assume, given, seed, settings

from thawcheck.checker import columns
from thawcheck.checker.changes import changes_between
from thawcheck.checker.columns import Event, Graph, graph_of, projected, steps_of
from thawcheck.checker.difference import compare, shared_actions
from thawcheck.checker.layout import Layout, State, range_properties
from thawcheck.checker.reference import Reference
from thawcheck.checker.stopped import NAME, Pause, _Pauses, stopped_predicate, stopping_of
from thawcheck.model import (
    Boolean,
    Choice,
    Constant,
    Content,
    Contents,
    Cpu,
    Design,
    Flag,
    Page,
    Sizes,
    action,
    assign_every,
    every,
    ite,
    machine_of,
    require,
    sometimes,
)
from thawcheck.model.machine import Machine

MOST_STATES = 400
SETTINGS = settings(
    max_examples=40, deadline=None, database=None, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)  # fmt: skip

Moves = dict[Event, State]


def never(_: int) -> str:
    return ""


def moves_of(reference: Reference, state: State) -> Moves:
    names = {action.name: [p.name for p in action.parameters] for action in reference.layout.machine.actions}
    return {
        Event(step.action, tuple((name, step.arguments[name]) for name in names[step.action])): step.state
        for step in reference.successors(state)
    }


def all_moves(machine: Machine, sizes: Sizes) -> dict[State, Moves]:
    """Every state and what can happen in it, from the reference; Hypothesis draws another machine if that is too much."""
    layout = Layout(machine, sizes)
    reference = Reference(layout)
    assume(layout.count_initial_states() <= MOST_STATES)
    found: dict[State, Moves] = {}
    queue = deque(layout.initial_states())
    seen = set(queue)
    while queue:
        state = queue.popleft()
        assume(all(reference.holds(item, state) for item in range_properties(machine)))
        found[state] = moves_of(reference, state)
        for after in found[state].values():
            if after not in seen:
                seen.add(after)
                queue.append(after)
        assume(len(seen) <= MOST_STATES)
    return found


# ---------------------------------------------------------------- the graph


def alike(graph: Graph, machine: Machine, sizes: Sizes, state: State) -> int:
    """The number of the initial state of the graph that stands for one of the machine."""
    layout = Layout(machine, sizes)
    looked_at = [v for v in graph.layout.machine.variables if v.name not in graph.unset]
    cells = [(layout.cell(v.name, i), graph.layout.cell(v.name, i)) for v in looked_at for i in layout.indices(v)]
    return next(number for start, number in graph.starts if all(state[one] == start[other] for one, other in cells))


seen_by_the_graph: list[tuple[int, int]] = []


@seed(11)
@SETTINGS
@given(drawn_machines())
def graph_agrees(drawn: Drawn) -> None:
    machine, sizes = drawn.machine, drawn.sizes
    moves = all_moves(machine, sizes)
    graph = graph_of(projected(machine), sizes, never)
    assert not graph.reason and graph.expanded == graph.states
    pairs = deque((state, alike(graph, machine, sizes, state)) for state in Layout(machine, sizes).initial_states())
    seen = set(pairs)
    while pairs:
        state, number = pairs.popleft()
        leads = {graph.names[event]: target for event, target in steps_of(graph, number)}
        assert leads.keys() == moves[state].keys()
        for event, after in moves[state].items():
            if (after, leads[event]) not in seen:
                seen.add((after, leads[event]))
                pairs.append((after, leads[event]))
    seen_by_the_graph.append((len(moves), graph.states))


def test_the_graph_has_exactly_the_steps_of_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "CHUNK", 5)
    seen_by_the_graph.clear()
    graph_agrees()
    assert sum(states > 50 for states, _ in seen_by_the_graph) >= 10
    assert sum(smaller < states for states, smaller in seen_by_the_graph) >= 10  # otherwise nothing was left out


def test_a_graph_that_was_ended_says_so_and_knows_where() -> None:
    graph = graph_of(projected(machine_of(Pausing)), Sizes(pages=2, cpus=2, contents=2), lambda used: "enough" if used > 500 else "")
    assert graph.reason == "enough" and 0 < graph.expanded < graph.states == len(set(graph.targets.tolist()) | {0})
    assert len(graph.first) == graph.expanded + 1 and graph.first[-1] == len(graph.events)


class Crooked(Design):
    """Which page is marked depends on a Flag that no condition reads."""

    swapped = Flag()
    marked = Flag(per=Page)

    @action
    def swap(self) -> None:
        """From here on the other page is meant."""
        self.swapped = True

    @action
    def mark(self, page: Page, other: Page) -> None:
        """One of two pages is marked."""
        require(page != other, ~self.marked[page])
        self.marked[ite(self.swapped, other, page)] = True

    @sometimes
    def both(self) -> Boolean:
        """Both are marked."""
        return every(Page, lambda page: self.marked[page])


def test_what_decides_where_something_is_written_stays_in_the_machine() -> None:
    assert [variable.name for variable in projected(machine_of(Crooked)).variables] == ["swapped", "marked"]
    assert graph_of(projected(machine_of(Crooked)), Sizes(pages=2, contents=1), never).states == 8


# ---------------------------------------------------------------- what one can and the other cannot


def slow_inclusion(doer: Machine, other: Machine, sizes: Sizes, shared: frozenset[str]) -> tuple[str, int]:
    """Whether the doer can do more, and after how many steps: with whole states, nothing left out."""
    ours, theirs = all_moves(doer, sizes), all_moves(other, sizes)
    layout, other_layout = Layout(doer, sizes), Layout(other, sizes)
    cells = [
        (layout.cell(v.name, i), other_layout.cell(v.name, i))
        for v in doer.variables
        for w in other.variables
        if v.name == w.name and v.initial is None and w.initial is None
        for i in layout.indices(v)
    ]

    def closed(states: set[State]) -> frozenset[State]:
        found, queue = set(states), list(states)
        while queue:
            more = {after for event, after in theirs[queue.pop()].items() if event.action not in shared} - found
            found |= more
            queue += more
        return frozenset(found)

    level = {
        (state, closed({o for o in other_layout.initial_states() if all(state[a] == o[b] for a, b in cells)}))
        for state in layout.initial_states()
    }
    seen, depth = set(level), 0
    while level:
        depth += 1
        following = set()
        for state, members in level:
            for event, after in ours[state].items():
                if event.action not in shared:
                    following.add((after, members))
                    continue
                moved = {theirs[member][event] for member in members if event in theirs[member]}
                if not moved:
                    return "more", depth
                following.add((after, closed(moved)))
        level = following - seen
        seen |= level
        assume(len(seen) <= 10 * MOST_STATES)
    return "nothing", 0


def changed(machine: Machine, draw: random.Random) -> Machine:
    """The machine with a few changes: conditions or updates gone, an action renamed."""
    actions = []
    for act in machine.actions:
        match draw.randrange(8):
            case 0 if act.guard:
                gone = draw.randrange(len(act.guard))
                act = replace(act, guard=act.guard[:gone] + act.guard[gone + 1 :])
            case 1 | 2 | 3 if act.updates:
                gone = draw.randrange(len(act.updates))
                act = replace(act, updates=act.updates[:gone] + act.updates[gone + 1 :])
            case 4:
                act = replace(act, name=f"{act.name}_anew")
        actions.append(act)
    return replace(machine, name="Changed", actions=tuple(actions))


answers: list[tuple[str, int, bool]] = []


@seed(12)
@SETTINGS
@given(drawn_machines())
def inclusion_agrees(drawn: Drawn) -> None:
    old, sizes = drawn.machine, drawn.sizes
    new = changed(old, random.Random(len(answers)))
    shared = shared_actions(old, new)
    expected = [slow_inclusion(new, old, sizes, frozenset(shared)), slow_inclusion(old, new, sizes, frozenset(shared))]
    found = compare(old, new, sizes, sizes)
    assert found.shared == shared
    for extra, (answer, length) in zip((found.new_can, found.old_can), expected, strict=True):
        assert (extra.answer, extra.reason) == (answer, "")
        if extra.run is not None:
            assert len(extra.run.steps) == extra.depth == length
            assert all(length <= further for _, further in extra.also)
        answers.append((answer, length, len(shared) < len(old.actions)))


def test_what_a_design_can_do_more_is_what_a_slow_search_finds() -> None:
    answers.clear()
    inclusion_agrees()
    assert sum(answer == "nothing" for answer, _, _ in answers) >= 20
    assert sum(answer == "more" and length > 1 for answer, length, _ in answers) >= 5
    assert sum(hidden for *_, hidden in answers) >= 20


class Lamp(Design):
    """A lamp that is switched on and off; what it is worth nobody ever looks at."""

    on, warm = Flag(), Flag(initial=True)
    worth, price = Contents(), Contents()

    @action
    def switch_on(self) -> None:
        """On."""
        require(~self.on)
        self.on = True

    @action
    def switch_off(self) -> None:
        """Off."""
        require(self.on, self.warm)
        self.on = False

    @action
    def sell(self, content: Content) -> None:
        """It has another worth."""
        self.worth = content

    @sometimes
    def overpriced(self) -> Boolean:
        """It is worth something else than it costs."""
        return self.worth != self.price


class Timer(Lamp):
    """The lamp gets cold before it is switched off, behind everybody's back."""

    @action
    def cool(self) -> None:
        """It gets cold."""
        require(self.on, self.warm)
        self.warm = False

    @action
    def switch_off(self) -> None:
        """Off, once it is cold."""
        require(self.on, ~self.warm)
        self.on = False


class Dead(Lamp):
    """The lamp does not go on again once it is cold."""

    @action
    def switch_on(self) -> None:
        """On."""
        require(~self.on, self.warm)
        self.on = True

    @action
    def switch_off(self) -> None:
        """Off, for good."""
        require(self.on)
        self.on = False
        self.warm = False


SIZES = Sizes(contents=2)


def test_hidden_steps_happen_between_events() -> None:
    found = compare(machine_of(Lamp), machine_of(Timer), SIZES, SIZES)
    assert (found.new_can.answer, found.old_can.answer) == ("nothing", "nothing")
    assert found.states == (2, 4)  # the worth is no part of them


def test_the_run_and_the_condition_that_refuses_its_last_step() -> None:
    found = compare(machine_of(Lamp), machine_of(Dead), SIZES, SIZES)
    assert found.new_can.answer == "nothing"
    assert found.old_can.run is not None
    assert [step.action for step in found.old_can.run.steps] == ["switch_on", "switch_off", "switch_on"]
    assert len(found.old_can.run.initial) == 4  # a run of the whole machine
    assert found.old_can.refused == ("self.warm",)


def test_a_hidden_action_is_no_event() -> None:
    found = compare(machine_of(Lamp), machine_of(Dead), SIZES, SIZES, hidden=frozenset({"switch_on"}))
    assert found.shared == ("switch_off", "sell")
    assert found.old_can.run is not None
    assert [step.action for step in found.old_can.run.steps] == ["switch_on", "switch_off", "switch_on", "switch_off"]


class Choosy(Design):
    """Something starts arbitrary, and decides what is possible."""

    ready = Flag(initial=True)

    @action
    def go(self) -> None:
        """Off it goes."""
        require(self.ready)
        self.ready = False

    @sometimes
    def gone(self) -> Boolean:
        """It is gone."""
        return ~self.ready


def test_machines_start_alike() -> None:
    always_ready = machine_of(Choosy)
    arbitrary = replace(always_ready, variables=tuple(replace(v, initial=None) for v in always_ready.variables))
    assert compare(arbitrary, arbitrary, SIZES, SIZES).new_can.answer == "nothing"
    other = replace(arbitrary, actions=tuple(replace(a, guard=tuple(replace(c, term=~c.term) for c in a.guard)) for a in arbitrary.actions))
    # each starts with either value, but with the same one only one of them can go
    assert compare(arbitrary, other, SIZES, SIZES).old_can.depth == 1
    renamed = replace(other, variables=tuple(replace(v, literals=("another",)) for v in other.variables))  # no longer the same variable
    assert compare(arbitrary, renamed, SIZES, SIZES).old_can.answer == "nothing"


def test_a_budget_that_is_exhausted_is_never_an_answer() -> None:
    found = compare(machine_of(Pausing), machine_of(Pausing), PAGES, PAGES, timeout=1e-9)
    assert (found.new_can.answer, found.old_can.answer) == ("unknown", "unknown")
    assert "stopped after" in found.reason and found.new_stopping is None
    assert "MiB" in compare(machine_of(Pausing), machine_of(Pausing), PAGES, PAGES, memory=1).reason


def test_pauses_are_not_known_where_the_budget_ends_first() -> None:
    machine = machine_of(Pausing)
    predicate = stopped_predicate(machine)
    assert predicate is not None
    graph = graph_of(projected(machine, predicate), PAGES, never)
    assert stopping_of(machine, graph, never) is not None
    assert stopping_of(machine, graph, lambda _: "enough") is None


# ---------------------------------------------------------------- what changed


class Told(Lamp):
    """The same in other words, and something new."""

    bulb = Flag()

    @action(fair="weak")
    def switch_on(self) -> None:
        """On."""
        require(self.on == False)  # noqa: E712
        self.on = True

    @action
    def switch_off(self) -> None:
        """Off."""
        require(self.warm & self.on)
        self.on = self.bulb

    @action
    def sell(self, content: Content) -> None:
        """It has another worth."""
        super().sell(content)


class Called(Design):
    """A helper decides."""

    done = Flag()

    def allowed(self) -> Boolean:
        return ~self.done

    @action
    def work(self) -> None:
        """It works."""
        require(self.allowed())
        self.done = True

    @sometimes
    def finished(self) -> Boolean:
        """It is done."""
        return self.done


class Redefined(Called):
    """Another helper."""

    late = Flag(initial=True)

    def allowed(self) -> Boolean:
        return self.late


def test_what_changed_is_told_in_the_words_of_the_author() -> None:
    assert changes_between(machine_of(Lamp), machine_of(Lamp)) == changes_between(machine_of(Told), machine_of(Told))
    found = changes_between(machine_of(Lamp), machine_of(Timer))
    assert [(a.name, a.kind, a.came, a.went) for a in found.actions] == [
        ("switch_off", "changed", ("require ~self.warm",), ("require self.warm",)),
        ("cool", "added", ("require self.on", "require self.warm", "warm := False"), ()),
    ]
    assert found.declared == ()
    back = changes_between(machine_of(Timer), machine_of(Lamp))
    assert [(a.name, a.kind) for a in back.actions] == [("switch_off", "changed"), ("cool", "removed")]


def test_updates_fairness_and_declarations_are_changes_too() -> None:
    found = changes_between(machine_of(Lamp), machine_of(Told))
    by_name = {change.name: change for change in found.actions}
    assert by_name.keys() == {"switch_on", "switch_off"}  # not sell: it says the same as before
    assert "fair: weak" in by_name["switch_on"].came
    assert "on := bulb" in by_name["switch_off"].came and "on := False" in by_name["switch_off"].went
    assert [(d.what, d.name, d.kind) for d in found.declared] == [("variable", "bulb", "added")]


def test_a_helper_that_means_something_else_changes_who_calls_it() -> None:
    (work,) = changes_between(machine_of(Called), machine_of(Redefined)).actions
    assert (work.came, work.went) == (("require late",), ("require ~done",))


def test_what_is_said_twice_and_what_is_chosen_otherwise_are_changes() -> None:
    machine = machine_of(Lamp)
    off, *others = (a for a in machine.actions if a.name == "switch_off")
    twice = replace(machine, actions=(replace(off, guard=(*off.guard, off.guard[0])), *others))
    assert changes_between(replace(machine, actions=(off, *others)), twice).actions[0].came == ("require self.on",)
    chosen = replace(machine, actions=tuple(replace(a, parameters=()) for a in machine.actions))
    assert [change.name for change in changes_between(machine, chosen).actions] == ["sell"]
    assert shared_actions(machine, chosen) == ("switch_on", "switch_off")


# ---------------------------------------------------------------- pauses


class Pausing(Design):
    """Stop everything, copy the pages that are dirty, go on."""

    boot_cpu = Constant(Cpu)
    running = Flag(per=Cpu, initial=True)
    memory, copy = Contents(per=Page), Contents(per=Page)
    remembered = Contents(per=Page, ghost=True)
    dirty, copied = Flag(per=Page), Flag(per=Page)
    phase = Choice("before", "during", "after")

    @action
    def store(self, cpu: Cpu, page: Page, content: Content) -> None:
        """Any CPU stores."""
        require(self.running[cpu], self.phase != "after")
        self.memory[page] = content
        self.dirty[page] = True

    @action
    def stop(self, cpu: Cpu) -> None:
        """One CPU stops."""
        require(cpu != self.boot_cpu, self.running[cpu], self.phase == "before")
        self.running[cpu] = False

    @action
    def begin(self) -> None:
        """All have stopped; the boot CPU does nothing else."""
        require(every(Cpu, lambda cpu: (cpu == self.boot_cpu) | ~self.running[cpu]), self.phase == "before")
        self.phase = "during"
        self.running[self.boot_cpu] = False
        assign_every(self.remembered, lambda page: self.memory[page])

    @action
    def copy_page(self, page: Page) -> None:
        """A dirty page is copied."""
        require(self.phase == "during", self.dirty[page], ~self.copied[page])
        self.copy[page] = self.memory[page]
        self.copied[page] = True

    @action
    def go_on(self, cpu: Cpu) -> None:
        """Everything is copied."""
        require(self.phase == "during", every(Page, lambda page: ~self.dirty[page] | self.copied[page]), ~self.running[cpu])
        self.phase = "after"
        self.running[cpu] = True

    @sometimes
    def kept(self) -> Boolean:
        """A copy is what memory is."""
        return every(Page, lambda page: (self.copy[page] == self.memory[page]) & (self.copy[page] == self.remembered[page]))


class CopyingTwice(Pausing):
    """A page may be copied again and again."""

    @action
    def copy_page(self, page: Page) -> None:
        """A dirty page is copied."""
        require(self.phase == "during", self.dirty[page])
        self.copy[page] = self.memory[page]
        self.copied[page] = True


class StoppedMeansDuring(Pausing):
    """This one says itself when it is stopped."""

    @sometimes
    def stopped(self) -> Boolean:
        """It is busy copying."""
        return self.phase == "during"


class Waiting(Design):
    """Nothing runs at first; memory is loaded all at once."""

    running = Flag(per=Cpu)
    memory, image = Contents(per=Page), Contents(per=Page)
    loaded = Flag()

    @action
    def load(self) -> None:
        """The whole image is loaded."""
        require(~self.loaded)
        assign_every(self.memory, lambda page: self.image[page])
        self.loaded = True

    @action
    def wake(self, cpu: Cpu) -> None:
        """A CPU runs."""
        require(self.loaded, ~self.running[cpu])
        self.running[cpu] = True

    @sometimes
    def alike(self) -> Boolean:
        """Memory is the image."""
        return every(Page, lambda page: self.memory[page] == self.image[page])


PAGES = Sizes(pages=2, cpus=2, contents=2)


def test_the_length_of_a_pause_and_the_pages_copied_in_it() -> None:
    found = compare(machine_of(Pausing), machine_of(CopyingTwice), PAGES, PAGES)
    assert found.old_stopping is not None and found.new_stopping is not None
    assert found.old_stopping.copying == ("copy_page",)
    # begin and go_on at least; at most each page's copy between them, stores of the boot CPU not counted. When the boot CPU alone
    # goes on, the machine is still stopped by this reading, and stays so.
    assert found.old_stopping.pauses == (Pause("go_on", (2, 4), (0, 2)),)
    assert found.new_stopping.pauses == (Pause("go_on", (2, 2), (0, None)),)
    assert found.new_can.answer == "more" and found.new_can.also == ()


def test_a_pause_may_begin_at_the_start_and_an_array_is_copied_at_once() -> None:
    machine = machine_of(Waiting)
    found = compare(machine, machine, PAGES, PAGES).new_stopping
    assert found is not None and found.pauses == (Pause("wake", (2, 2), (2, 2)),)


def test_a_design_says_itself_when_it_is_stopped() -> None:
    found = compare(machine_of(Pausing), machine_of(StoppedMeansDuring), PAGES, PAGES)
    assert found.new_stopping is not None
    assert found.new_stopping.pauses == (Pause("go_on", (1, 3), (0, 2)),)
    assert stopped_predicate(machine_of(Lamp)) is None
    assert compare(machine_of(Lamp), machine_of(Lamp), SIZES, SIZES).new_stopping is None


def a_graph(draw: random.Random) -> Graph:
    """States 0 and 1 run, the others are stopped; steps at random."""
    count = draw.randrange(4, 8)
    steps = sorted({(draw.randrange(count), draw.randrange(3), draw.randrange(count)) for _ in range(draw.randrange(3, 14))})
    each = np.bincount([source for source, _, _ in steps], minlength=count)
    return Graph(
        layout=Layout(machine_of(Pausing), PAGES),
        names=[Event(name, ()) for name in ("copy_page", "begin", "stop")],
        starts=[((), 0)],
        states=count,
        expanded=count,
        first=np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(each)]),
        events=np.array([event for _, event, _ in steps], dtype=np.int32),
        targets=np.array([target for _, _, target in steps], dtype=np.int32),
        observed={NAME: np.arange(count) > 1},
    )


def slow_pauses(graph: Graph) -> dict[str, tuple[tuple[int, int | None], tuple[int, int | None]]]:
    """The same by following every walk that is no longer than tells."""
    after = {state: list(steps_of(graph, state)) for state in range(graph.states)}
    names = [event.action for event in graph.names]
    stopped = range(2, graph.states)
    reach = {s: {s} for s in stopped}
    for _ in stopped:
        for s in stopped:
            reach[s] |= {far for _, near in after[s] if near in stopped for far in reach[near]}
    repeated = {names[e] for s in stopped for e, t in after[s] if t in stopped and s in reach[t]}
    entries = {t for s in (0, 1) for _, t in after[s] if t in stopped}
    found = {}
    for name, which in product(names, range(2)):
        weight = [int(n == "copy_page") if which else int(n not in repeated) for n in names]
        sums: set[int] = set()
        walks = {(entry, 0) for entry in entries}
        for _ in range(40):
            sums |= {w + weight[e] for s, w in walks for e, t in after[s] if names[e] == name and (t not in stopped or not after[t])}
            walks = {(t, w + weight[e]) for s, w in walks for e, t in after[s] if t in stopped and after[t]}
        if sums:
            found[name, which] = (min(sums), max(sums) if max(sums) < 10 else None)
    return {name: (found[name, 0], found[name, 1]) for name in names if (name, 0) in found}


def test_pauses_are_what_following_every_walk_finds() -> None:
    draw = random.Random(5)
    told, endless = 0, 0
    for _ in range(1000):
        graph = a_graph(draw)
        expected = slow_pauses(graph)
        found = {pause.ends_by: (pause.steps, pause.copies) for pause in _Pauses(machine_of(Pausing), graph, never).run().pauses}
        assert found == expected
        told += len(found)
        endless += sum(copies[1] is None for _, copies in found.values())
    assert told > 200 and endless > 20


@pytest.mark.parametrize("name", ["proposal-2010", "swsusp", "precopy", "background-snapshot"])
def test_no_design_differs_from_itself(name: str) -> None:
    from thawcheck.model.designs import built_in_design

    machine = machine_of(built_in_design(name))
    counts = {sort.plural: {"pages": 1, "devices": 1}.get(sort.plural, 2) for sort in machine.sorts}
    sizes = Sizes(**counts, contents=2)
    found = compare(machine, machine, sizes, sizes)
    assert (found.new_can.answer, found.old_can.answer, found.reason) == ("nothing", "nothing", "")
    assert found.changes.actions == found.changes.declared == ()
    assert found.old_stopping == found.new_stopping is not None

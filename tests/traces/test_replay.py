"""Replay: the recorded runs, broken designs, missing truth, every order of the lines, and a slow judge."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
import tracemalloc
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

import thawcheck
from thawcheck.model import (
    Boolean,
    Cpu,
    Design,
    Machine,
    Page,
    action,
    always,
    assign_every,
    every,
    implies,
    machine_of,
    require,
    some,
)
from thawcheck.model.designs.proposal_2010 import Proposal2010
from thawcheck.model.designs.proposal_2010_events import EVENTS
from thawcheck.model.hardware import Processors
from thawcheck.traces import order, tables
from thawcheck.traces.boxes import NotFactored, same_content
from thawcheck.traces.diagnosis import diagnose
from thawcheck.traces.format import KINDS, Event, Header, needed_window, open_trace, write_trace
from thawcheck.traces.replay import Outcome, replay

HERE = Path(__file__).parent
ROOT = Path(thawcheck.__file__).parent
RECORDED = ROOT / "traces" / "recorded"
EXPECTED: dict[str, dict[str, str]] = json.loads((RECORDED / "expected.json").read_text())
GOOD = sorted(name for name, expected in EXPECTED.items() if expected["outcome"] == "holds")
PROPOSAL = machine_of(Proposal2010)


@cache
def helper(name: str, folder: Path = HERE) -> ModuleType:
    """A Python file that is no test and no part of the package."""
    specification = importlib.util.spec_from_file_location(f"{folder.name}_{name}", folder / f"{name}.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


@cache
def recorded(name: str) -> tuple[Header, tuple[Event, ...]]:
    with open_trace(RECORDED / name) as trace:
        return trace.header, tuple(trace)


def numbered(events: list[Event]) -> list[Event]:
    """The events with sequence numbers without gaps, in their order."""
    following: dict[str, int] = {}
    numbers = {}
    for event in sorted(events, key=lambda event: (event.begin, event.seq)):
        numbers[event.actor, event.seq] = following.get(event.actor, 0)
        following[event.actor] = numbers[event.actor, event.seq] + 1
    return [structs.replace(event, seq=numbers[event.actor, event.seq]) for event in events]


def replayed(path: Path, header: Header, events: list[Event], machine: Machine = PROPOSAL, **options: Any) -> Outcome:
    """Write a trace, whose window is made large enough, and replay it."""
    write_trace(path, structs.replace(header, window=max(header.window, needed_window(events))), events)
    return replay(path, machine, EVENTS, **options)


# ---------------------------------------------------------------- recorded runs


def test_there_are_recorded_runs_of_each_outcome() -> None:
    assert {expected["outcome"] for expected in EXPECTED.values()} == {"holds", "violated", "not-a-behaviour"}
    assert {path.name for path in RECORDED.glob("*.jsonl")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_recorded_run_comes_out_as_it_should(name: str) -> None:
    found = replay(RECORDED / name, PROPOSAL, EVENTS)
    header, events = recorded(name)
    assert (found.outcome, found.events, found.pages) == (EXPECTED[name]["outcome"], len(events), header.pages)
    assert (found.unexplained is None) == (found.outcome == "holds")
    assert bool(found.contradictions) == (found.outcome == "violated")
    assert "\n" not in found.reason


@pytest.mark.parametrize(("name", "assumption"), [
    ("drop-flag-wrong-image.jsonl", "flag_before_unprotect"),
    ("drop-flag-right-image.jsonl", "flag_before_unprotect"),
    ("compare-before-protect-wrong-memory.jsonl", "protect_before_compare"),
    ("compare-before-protect-right-memory.jsonl", "protect_before_compare"),
])
def test_the_diagnosis_of_a_broken_run_is_what_was_broken(name: str, assumption: str) -> None:
    found = diagnose(RECORDED / name, PROPOSAL, EVENTS)
    assert found is not None
    assert found.explaining == (frozenset((assumption,)),)
    assert str(found) == f"this run is possible only if {assumption} is broken"
    with_it = replay(RECORDED / name, PROPOSAL, EVENTS, dropped=frozenset((assumption,)))
    assert with_it.unexplained is None
    assert with_it.outcome == ("violated" if EXPECTED[name]["outcome"] == "violated" else "holds")


def test_the_diagnosis_of_a_run_that_is_never_explained_says_what_helps_most() -> None:
    found = diagnose(RECORDED / "copy-before-stop-wrong-image.jsonl", PROPOSAL, EVENTS)
    assert found is not None and not found.explaining and set(found.furthest) == {"stop_before_copy"}
    assert str(found).startswith("no one or two broken assumptions explain this run; with stop_before_copy broken it is explained furthest")


def test_what_is_explained_needs_no_diagnosis() -> None:
    assert diagnose(RECORDED / GOOD[0], PROPOSAL, EVENTS) is None


@pytest.mark.parametrize(
    "name", ["drop-flag-wrong-image.jsonl", "compare-before-protect-right-memory.jsonl", "copy-before-stop-wrong-image.jsonl"]
)
def test_dropping_what_was_not_in_the_way_changes_nothing(name: str) -> None:
    plain = replay(RECORDED / name, PROPOSAL, EVENTS)
    assert plain.unexplained is not None
    for assumption in PROPOSAL.assumptions:
        if assumption.name not in plain.held:
            found = replay(RECORDED / name, PROPOSAL, EVENTS, dropped=frozenset((assumption.name,)))
            assert found.unexplained is not None and found.unexplained.line == plain.unexplained.line


def test_an_unexplained_event_comes_with_the_states_and_what_was_false() -> None:
    found = replay(RECORDED / "drop-flag-right-image.jsonl", PROPOSAL, EVENTS)
    assert found.unexplained is not None
    unexplained = found.unexplained
    assert (unexplained.event.kind, unexplained.page) == ("unprotect", unexplained.event.page)
    assert unexplained.states and all(state["writable"] == "False" and state["flagged"] == "False" for state in unexplained.states)
    assert unexplained.machine["phase"] == "writing"
    (refusal,) = unexplained.refusals
    ((source, file, line),) = refusal.false
    assert refusal.action == "unprotect" and "flag_before_unprotect" in source and file.endswith("proposal_2010.py")
    assert source in Path(file).read_text().splitlines()[line - 1]


def test_content_that_the_design_does_not_lead_to_is_shown(tmp_path: Path) -> None:
    header, events = recorded(GOOD[0])
    place = next(place for place, event in enumerate(events) if event.kind == "copy_page")
    changed = [structs.replace(event, content="f" * 16) if n == place else event for n, event in enumerate(events)]
    found = replayed(tmp_path / "run.jsonl", header, changed)
    assert found.outcome == "not-a-behaviour" and found.unexplained is not None
    assert (found.unexplained.line, found.unexplained.event) == (place + 2, changed[place])
    assert str(found.unexplained.refusals[0]) == f"copy_page: later is then {events[place].content}, the event says {'f' * 16}"


# ---------------------------------------------------------------- it reads the design


class DiscardsOnlyKept(Proposal2010):
    """Discards the loaded version only where the handler has kept one."""

    @action
    def discard(self, page: Page) -> None:
        """The same as what is loaded."""
        super().discard(page)
        require(self.has_kept[page])


class WritesOnlyFlagged(Proposal2010):
    """Writes only pages that are flagged."""

    @action
    def write_page(self, page: Page) -> None:
        """One page goes to the image."""
        super().write_page(page)
        require(self.flagged[page])


class RestoresOnlyWhenAllIsOwned(Proposal2010):
    """Begins to suspend only if the loader owns every page: a condition on all pages, in an action without a page."""

    @action
    def begin_suspending(self) -> None:
        """Memory is loaded."""
        super().begin_suspending()
        require(every(Page, lambda page: self.owned[page]))


class SavesAtOnce(Proposal2010):
    """Begins to write in the phase in which it stops."""

    @action
    def begin_stopping(self) -> None:
        """The pages are on the disk."""
        super().begin_stopping()
        require(every(Cpu, lambda cpu: ~self.running[cpu]))


@pytest.mark.parametrize(("design", "kind", "source"), [
    (DiscardsOnlyKept, "discard", "self.has_kept[page]"),
    (WritesOnlyFlagged, "write_page", "self.flagged[page]"),
    (RestoresOnlyWhenAllIsOwned, "begin_suspending", "every(Page, lambda page: self.owned[page])"),
    (SavesAtOnce, "begin_stopping", "every(Cpu, lambda cpu: ~self.running[cpu])"),
])
@pytest.mark.parametrize("name", GOOD)
def test_another_guard_makes_a_good_run_no_behaviour(name: str, design: type[Design], kind: str, source: str) -> None:
    found = replay(RECORDED / name, machine_of(design), EVENTS)
    assert found.outcome == "not-a-behaviour" and found.unexplained is not None
    assert found.unexplained.event.kind == kind
    assert source in [false for refusal in found.unexplained.refusals for false, _, _ in refusal.false]


class CopiesFewPages(Proposal2010):
    """Has room for three copies."""

    @action
    def copy_page(self, page: Page) -> None:
        """One flagged page is copied."""
        require(self.taken_frames <= 2)
        super().copy_page(page)


def test_a_counter_that_pages_share_is_followed() -> None:
    found = replay(RECORDED / GOOD[0], machine_of(CopiesFewPages), EVENTS)
    copies = [place for place, event in enumerate(recorded(GOOD[0])[1]) if event.kind == "copy_page"]
    assert found.outcome == "not-a-behaviour" and found.unexplained is not None
    assert found.unexplained.line == copies[3] + 2
    assert [refusal.false[0][0] for refusal in found.unexplained.refusals] == ["self.taken_frames <= 2"]


def test_a_counter_whose_order_is_open_proves_nothing(tmp_path: Path) -> None:
    header, events = recorded(GOOD[0])
    copies = [place for place, event in enumerate(events) if event.kind == "copy_page"]
    begin, end = events[copies[0]].begin, events[copies[-1]].end
    changed = list(events)
    for place in copies:
        changed[place] = structs.replace(events[place], actor=f"copier{place}", begin=begin, end=end)
    found = replayed(tmp_path / "run.jsonl", header, numbered(changed), machine_of(CopiesFewPages))
    assert found.outcome == "inconclusive" and "change the same counter" in found.reason
    assert replayed(tmp_path / "run.jsonl", header, numbered(changed)).outcome == "holds"


class WritesInPairs(Proposal2010):
    """Writes a page only if some page is flagged."""

    @action
    def write_page(self, page: Page) -> None:
        """One page goes to the image."""
        super().write_page(page)
        require(some(Page, lambda other: self.flagged[other]))


class StopsWhenOneIsWritten(Proposal2010):
    """Begins to stop when one page is written."""

    @action
    def begin_stopping(self) -> None:
        """Not the entire contents."""
        super().begin_stopping()
        require(some(Page, lambda page: self.on_disk[page]))


class FlagsAll(Proposal2010):
    """Flags every page at the first fault."""

    @action
    def flag(self, cpu: Cpu, page: Page) -> None:
        """The fault handler's first step."""
        require(self.executes(cpu), self.handler[cpu, page] == "trapped")
        assign_every(self.flagged, lambda other: True)
        self.handler[cpu, page] = "noted"


@pytest.mark.parametrize(("design", "says"), [
    (WritesInPairs, "write_page asks about other pages"), (StopsWhenOneIsWritten, "begin_stopping asks about several pages at once"),
    (FlagsAll, "flag assigns flagged of pages that are not its own"),
])
def test_a_design_that_ties_pages_together_is_refused(design: type[Design], says: str) -> None:
    with pytest.raises(NotFactored) as refused:
        replay(RECORDED / GOOD[0], machine_of(design), EVENTS)
    assert says in str(refused.value) and "test_replay.py:" in str(refused.value) and "\n" not in str(refused.value)


class Other(Processors, Design):
    """A design that is none of the proposal's."""

    @always
    def nothing(self) -> Boolean:
        """Nothing is expected."""
        return implies(self.running[self.boot_cpu], every(Page, lambda page: self.memory[page] == self.completed[page]))


def test_a_design_without_what_the_events_show_is_refused() -> None:
    with pytest.raises(NotFactored, match="Other has no variable"):
        replay(RECORDED / GOOD[0], machine_of(Other), EVENTS)


def test_an_unknown_assumption_is_refused() -> None:
    with pytest.raises(ValueError, match="no assumption luck"):
        replay(RECORDED / GOOD[0], PROPOSAL, EVENTS, dropped=frozenset(("luck",)))


@pytest.mark.xfail(strict=True, reason="each page is followed alone, so two pages may need different orders of the same overlapping events")
def test_fixme_two_pages_may_need_different_orders(tmp_path: Path) -> None:
    """One actor writes the copy of one page, which is after the copying, and then copies another, which is before."""
    header, events = recorded(GOOD[0])
    ends = next(event for event in events if event.kind == "begin_writing_copies")
    written = next(event for event in events if event.kind == "write_copy")
    copied = next(event for event in reversed(events) if event.kind == "copy_page" and event.page != written.page)
    after = next(event for event in events if event.begin > written.end)
    middle = (written.end + after.begin) // 2
    assert copied.actor == written.actor and written.end < middle < after.begin
    changed = [event for event in events if event not in (ends, copied)]
    changed += [
        structs.replace(ends, actor="another", seq=0, begin=written.begin, end=middle),
        structs.replace(copied, begin=middle, end=middle),
    ]
    found = replayed(tmp_path / "run.jsonl", header, numbered(sorted(changed, key=lambda event: event.end)))
    assert found.outcome != "inconclusive"  # or it would be no test of this
    assert found.outcome == "not-a-behaviour"


# ---------------------------------------------------------------- what was not seen


@pytest.mark.parametrize("kind", ["truth_at_copy", "truth_after_restore"])
def test_a_page_whose_truth_was_not_seen_is_named(tmp_path: Path, kind: str) -> None:
    header, events = recorded(GOOD[0])
    lost = next(event for event in events if event.kind == kind and event.page is not None and event.page > 3)
    found = replayed(tmp_path / "run.jsonl", header, numbered([event for event in events if event is not lost]))
    assert found.outcome == "inconclusive"
    assert found.missing and f"page {lost.page}: " in found.reason
    assert ("snapshot" if kind == "truth_at_copy" else "memory") in found.reason


def test_all_truth_missing_is_inconclusive(tmp_path: Path) -> None:
    header, events = recorded(GOOD[0])
    found = replayed(tmp_path / "run.jsonl", header, numbered([event for event in events if not event.kind.startswith("truth")]))
    in_image = sum(event.kind == "memory_at_boot" and event.in_image is True for event in events)
    assert found.outcome == "inconclusive" and len(found.missing) == in_image


def test_wrong_truth_counts_without_an_explanation(tmp_path: Path) -> None:
    header, events = recorded(GOOD[0])
    truth = [event for event in events if event.kind.startswith("truth")]
    assert replayed(tmp_path / "run.jsonl", header, numbered(truth)).outcome == "inconclusive"
    truth[-1] = structs.replace(truth[-1], content="0" * 16)
    found = replayed(tmp_path / "run.jsonl", header, numbered(truth))
    assert found.outcome == "violated" and [item.page for item in found.contradictions] == [truth[-1].page]
    assert "0" * 16 in found.reason and "restored" in found.reason


def test_a_wrong_image_is_violated_though_memory_is_right(tmp_path: Path) -> None:
    header, events = recorded(GOOD[0])
    changed = {event.page for event in events if event.kind in ("write_copy", "stage", "load_directly", "keep")}
    place, event = next((n, e) for n, e in enumerate(events) if e.kind == "write_page" and e.page not in changed)
    wrong = [*events[:place], structs.replace(event, content="0" * 16), *events[place + 1 :]]
    found = replayed(tmp_path / "run.jsonl", header, wrong)
    assert found.outcome == "violated"
    assert [(item.page, item.property) for item in found.contradictions] == [(event.page, "image_is_snapshot")]
    # What shows that the image was committed, or that no copy was written later, must have been seen.
    uncommitted = [event for event in wrong if event.kind != "commit"]
    assert replayed(tmp_path / "run.jsonl", header, numbered(uncommitted)).outcome == "not-a-behaviour"
    sometimes = structs.replace(header, kinds={**header.kinds, "write_copy": "sometimes"})
    assert replayed(tmp_path / "run.jsonl", sometimes, wrong).outcome == "not-a-behaviour"


def test_a_page_that_is_in_the_image_twice_is_judged_by_the_copy(tmp_path: Path) -> None:
    header, events = recorded(GOOD[0])
    place, event = next((n, e) for n, e in enumerate(events) if e.kind == "write_copy")
    wrong = [*events[:place], structs.replace(event, content="0" * 16), *events[place + 1 :]]
    found = replayed(tmp_path / "run.jsonl", header, wrong)
    assert [(item.page, item.property) for item in found.contradictions] == [(event.page, "image_is_snapshot")]
    earlier = [structs.replace(e, content="0" * 16) if e.kind == "write_page" and e.page == event.page else e for e in events]
    assert not replayed(tmp_path / "run.jsonl", header, earlier).contradictions


def test_a_trace_without_events_proves_nothing(tmp_path: Path) -> None:
    header, _ = recorded(GOOD[0])
    assert replayed(tmp_path / "run.jsonl", header, []).outcome == "inconclusive"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_run_that_was_not_recorded_to_its_end_is_inconclusive(tmp_path: Path, share: float) -> None:
    header, events = recorded(GOOD[0])
    alone = [e for e in events if e.end <= events[int(len(events) * share)].begin]
    found = replayed(tmp_path / "run.jsonl", header, numbered(alone))
    assert found.outcome == "inconclusive" and found.unexplained is None and "not recorded to its end" in found.reason


BLIND = [("store",), ("store", "fault"), ("release",), ("fault", "flag", "keep", "recheck", "unprotect"), ("allocate", "free")]


@pytest.mark.parametrize("kinds", BLIND)
@pytest.mark.parametrize("name", GOOD[:2])
def test_what_the_recorder_cannot_see_may_have_happened(tmp_path: Path, name: str, kinds: tuple[str, ...]) -> None:
    header, events = recorded(name)
    blind = structs.replace(header, kinds=header.kinds | dict.fromkeys(kinds, "never"))
    found = replayed(tmp_path / "run.jsonl", blind, numbered([event for event in events if event.kind not in kinds]))
    assert found.outcome == "holds", found.reason
    claimed = replayed(tmp_path / "run.jsonl", header, numbered([event for event in events if event.kind not in kinds]))
    assert claimed.outcome != "holds" or not any(event.kind in kinds for event in events)


def test_an_unseen_phase_makes_the_unexplained_inconclusive(tmp_path: Path) -> None:
    header, events = recorded(GOOD[0])
    blind = structs.replace(header, kinds=header.kinds | {"stop_cpu": "never"})
    found = replayed(tmp_path / "run.jsonl", blind, numbered([event for event in events if event.kind != "stop_cpu"]))
    assert found.outcome == "inconclusive" and "'stop_cpu' is not always recorded" in found.reason
    early = [e for e in events if e.kind != "stop_cpu" and e.kind != "flag"]
    assert replayed(tmp_path / "run.jsonl", blind, numbered(early)).outcome == "not-a-behaviour"


def test_bounds_are_inconclusive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header, events = recorded(GOOD[-1])
    blind = structs.replace(header, kinds=header.kinds | {"fault": "sometimes"})
    bounds = [(order, "MOST_WAITING"), (order, "MOST_ORDERS"), (tables, "MOST_SETS"), (tables, "MOST_NAMES"), (tables, "MOST_BOXES")]
    for module, name in bounds:
        with monkeypatch.context() as patched:
            patched.setattr(module, name, 1)
            found = replayed(tmp_path / "run.jsonl", blind if name == "MOST_BOXES" else header, list(events))
            assert found.outcome == "inconclusive" and not found.followed and "more than" in found.reason, name
    with monkeypatch.context() as patched:
        patched.setattr(tables, "MOST_REMEMBERED", 1)
        assert replayed(tmp_path / "run.jsonl", header, list(events)).outcome == "holds"


# ---------------------------------------------------------------- the order of the lines


@st.composite
def reorderings(draw: st.DrawFn) -> tuple[str, int, int]:
    return draw(st.sampled_from(sorted(EXPECTED))), draw(st.integers(0, 2**32)), draw(st.sampled_from((0, 20_000, 300_000, 5_000_000)))


def reordered(events: list[Event], window: int, chooser: random.Random) -> list[Event]:
    """The lines in any order in which none begins more than the window before an end above it."""
    rest = sorted(events, key=lambda event: event.begin)
    found: list[Event] = []
    latest = 0
    while rest:
        # Whoever comes next, those that are left must not begin too long before the largest end.
        candidates = []
        for place, event in enumerate(rest[:40]):
            first = rest[0] if place else rest[1] if len(rest) > 1 else None
            if first is None or first.begin >= max(latest, event.end) - window:
                candidates.append(place)
        event = rest.pop(chooser.choice(candidates))
        latest = max(latest, event.end)
        found.append(event)
    return found


@settings(deadline=None, max_examples=60)
@given(reorderings())
def test_the_order_of_the_lines_changes_nothing(tmp_path_factory: pytest.TempPathFactory, drawn: tuple[str, int, int]) -> None:
    name, seed, more = drawn
    header, events = recorded(name)
    wide = structs.replace(header, window=header.window + more)
    lines = reordered(list(events), wide.window, random.Random(seed))
    assert needed_window(lines) <= wide.window
    path = tmp_path_factory.getbasetemp() / "reordered.jsonl"
    write_trace(path, wide, lines)
    found, plain = replay(path, PROPOSAL, EVENTS), replay(RECORDED / name, PROPOSAL, EVENTS)
    assert found.outcome == plain.outcome and found.contradictions == plain.contradictions
    assert (found.unexplained is None) == (plain.unexplained is None)
    if found.unexplained is not None and plain.unexplained is not None:
        assert structs.replace(found.unexplained.event) == plain.unexplained.event
        assert (found.unexplained.page, found.unexplained.refusals) == (plain.unexplained.page, plain.unexplained.refusals)


def test_what_overlaps_may_have_come_in_either_order(tmp_path: Path) -> None:
    """The image may have a page as it was before or after a store that overlaps its writing, and not as it was before one that does not."""
    header, events = recorded(GOOD[0])
    store, write = next(
        (store, write)
        for write in events
        if write.kind == "write_page"
        for store in events
        if store.kind == "store" and store.page == write.page and store.content == write.content
    )
    earlier = [event for event in events if event.page == store.page and event.content is not None and event.end < store.begin][-1]
    for overlap in (True, False):
        for content in (store.content, earlier.content):
            begin = store.begin if overlap else write.begin
            changed = structs.replace(write, actor="writer", begin=begin, content=content)
            found = replayed(tmp_path / "run.jsonl", header, numbered([changed if event is write else event for event in events]))
            explained = found.unexplained is None
            assert explained == (overlap or content == store.content), found.reason


@pytest.mark.parametrize(("content", "together", "explained"), [
    ("a" * 16, True, True), ("b" * 16, True, True), ("a" * 16, False, False), ("b" * 16, False, True), ("c" * 16, True, False),
])
def test_two_stores_at_once_leave_either_content(tmp_path: Path, content: str, together: bool, explained: bool) -> None:
    header = structs.replace(recorded(GOOD[0])[0], pages=1, cpus=3)
    first, second = (10, 20) if together else (10, 15), (10, 20) if together else (16, 20)
    events = [
        Event("memory_at_start", "cpu0", 0, 0, 5, page=0, content="c" * 16, in_use=True),
        Event("store", "cpu1", 0, *first, page=0, cpu=1, content="a" * 16),
        Event("store", "cpu2", 0, *second, page=0, cpu=2, content="b" * 16),
        Event("save_driver_state", "cpu0", 1, 30, 31),
        Event("protect", "cpu0", 2, 32, 33),
        Event("begin_writing", "cpu0", 3, 34, 35),
        Event("write_page", "cpu0", 4, 36, 37, page=0, content=content),
    ]
    found = replayed(tmp_path / "run.jsonl", header, events)
    assert (found.unexplained is None) == explained
    assert found.outcome == ("inconclusive" if explained else "not-a-behaviour")


def test_what_is_known_of_unknown_contents_is_kept() -> None:
    """Cells hold two unknowns and the names 0 and 1; each comparison narrows."""
    (differ, differ_cells, apart), (same, same_cells, none) = same_content(-1, 0, (-1, -2, 0, 1), frozenset())
    assert (differ, differ_cells, apart) == (0, (-1, -2, 0, 1), {(-1, 0)})
    assert (same, same_cells, none) == (1, (0, -2, 0, 1), frozenset())
    assert same_content(0, -1, differ_cells, apart) == [(0, differ_cells, apart)]  # asked again: still different
    (_, _, further), (_, joined, inherited) = same_content(-2, -1, differ_cells, apart)
    assert further == {(-1, 0), (-2, -1)} and joined == (-1, -1, 0, 1) and inherited == {(-1, 0)}
    assert [value for value, *_ in same_content(-1, 0, joined, inherited)] == [0]
    (_, _, both), (_, _, settled) = same_content(-2, 0, differ_cells, further)
    assert both == {(-1, 0), (-2, -1), (-2, 0)} and settled == {(-1, 0)}
    assert [value for value, *_ in same_content(0, 1, differ_cells, apart)] == [0]
    assert [value for value, *_ in same_content(1, 1, differ_cells, apart)] == [1]


# ---------------------------------------------------------------- against the slow judge


def judged(seed: int, pages: int, cpus: int, path: Path) -> tuple[str, bool]:
    """Compare one random run, damaged at random, with the judge; returns the outcome and whether events overlapped."""
    slow = helper("slow_replay")
    chooser = random.Random(seed)
    names = [assumption.name for assumption in PROPOSAL.assumptions]
    broken = frozenset(chooser.sample(names, chooser.randrange(3)))
    walk = slow.Walk(PROPOSAL, EVENTS, pages, cpus, 2, seed, broken)
    if not walk.run():
        return "", False
    never = chooser.choice(["store", "fault", "release", "allocate", "memory_at_boot", "flag", "keep", "unprotect"])
    never = never if pages == 1 and chooser.random() < 0.3 else ""
    events = [event for event in slow.damaged(walk.events, walk.header, 3 if pages == 1 else 2, chooser) if event.kind != never]
    overlap = pages == 1 and chooser.random() < 0.5
    events = slow.overlapping(events, chooser) if overlap else slow.in_order(events)
    kinds = walk.header.kinds | ({never: "never"} if never else {})
    header = structs.replace(walk.header, window=needed_window(events), kinds=kinds)
    dropped = broken if chooser.random() < 0.3 else frozenset()
    found = replayed(path, header, events, dropped=dropped)
    explained = slow.SlowReplay(PROPOSAL, EVENTS, header, 3 if pages == 1 else 2, dropped).explains(events)
    assert (explained is None) == (found.unexplained is None), (seed, found.reason)
    if explained is not None and found.unexplained is not None and not overlap:
        assert found.unexplained.line == explained + 2, (seed, found.reason)
    at_copy = {event.page: event.content for event in reversed(events) if event.kind == "truth_at_copy"}
    after = {event.page: event.content for event in reversed(events) if event.kind == "truth_after_restore"}
    differs = any(at_copy[page] != after[page] for page in at_copy.keys() & after.keys())
    assert (found.outcome == "violated") == differs, seed
    if not differs and explained is not None:
        assert found.outcome == "not-a-behaviour" or never, seed
    return found.outcome, overlap


def test_replay_agrees_with_the_slow_judge(tmp_path: Path) -> None:
    outcomes = [judged(seed, 1, 2, tmp_path / "run.jsonl") for seed in range(100)]
    assert {outcome for outcome, _ in outcomes} >= {"holds", "violated", "not-a-behaviour"}
    assert sum(outcome == "holds" and overlap for outcome, overlap in outcomes) >= 2


def test_replay_agrees_with_the_slow_judge_on_two_pages(tmp_path: Path) -> None:
    outcomes = [judged(seed, 2, 1, tmp_path / "run.jsonl")[0] for seed in range(30)]
    assert {"holds", "not-a-behaviour"} <= set(outcomes)


# ---------------------------------------------------------------- size


def test_memory_does_not_grow_with_the_events(tmp_path: Path) -> None:
    bench = helper("replay", ROOT / "bench")
    peaks = []
    for stores in (2_000, 20_000):
        path = tmp_path / f"{stores}.jsonl"
        events = bench.make_up(path, 16, 3, stores)
        replay(path, PROPOSAL, EVENTS)
        tracemalloc.start()
        found = replay(path, PROPOSAL, EVENTS)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found.outcome == "holds" and found.events == events > stores
    assert peaks[1] < 1.3 * peaks[0] + 200_000


def test_many_links_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "LINKS_TO_KEEP", 4)
    for name in GOOD:
        assert replay(RECORDED / name, PROPOSAL, EVENTS).outcome == "holds"


def test_many_cpus_cost_no_more_than_their_number(tmp_path: Path) -> None:
    bench = helper("replay", ROOT / "bench")
    bench.make_up(tmp_path / "run.jsonl", 8, 20, 400)
    assert replay(tmp_path / "run.jsonl", PROPOSAL, EVENTS).outcome == "holds"


def test_pages_that_no_event_names_are_followed_too(tmp_path: Path) -> None:
    header, events = recorded(GOOD[0])
    more = structs.replace(header, pages=header.pages + 5)
    found = replayed(tmp_path / "run.jsonl", more, list(events))
    assert found.outcome == "inconclusive" and f"page {header.pages}: " in found.reason


def test_every_kind_of_event_has_a_meaning() -> None:
    assert set(EVENTS.kinds) == set(KINDS)

"""The compiled explorer against the reference and against itself with everything switched off, on the real design."""

from __future__ import annotations

import fcntl
import threading
import time
from pathlib import Path

import pytest

from thawcheck.checker import explorer, reference, store
from thawcheck.checker.cache import cache_directory
from thawcheck.checker.explorer import explore
from thawcheck.checker.layout import Layout
from thawcheck.checker.liveness import analyse
from thawcheck.model import (
    Boolean,
    Choice,
    Constant,
    Cpu,
    Design,
    Flag,
    Page,
    Sizes,
    action,
    always,
    arbitrary,
    every,
    ite,
    machine_of,
    require,
    some,
    terminal,
)
from thawcheck.model.designs.proposal_2010 import Proposal2010

MACHINE = machine_of(Proposal2010)
ONE_PAGE = Sizes(pages=1, cpus=2, contents=2, devices=1)
SHARED = analyse(MACHINE, Page, None)
ASSUMPTIONS = [assumption.name for assumption in MACHINE.assumptions]


def test_plain_agrees_with_the_reference_state_by_state() -> None:
    sizes = Sizes(pages=1, cpus=1, contents=2, devices=1)
    unset = analyse(MACHINE, Page, frozenset()).unset
    slow = reference.explore(MACHINE, sizes, unset=unset)
    fast = explore(MACHINE, sizes, plain=True)
    assert slow.states > 10_000
    for name in ("verdict", "complete", "states", "transitions", "depth", "fired", "reached", "unmet"):
        assert getattr(slow, name) == getattr(fast, name), name


def test_one_page_two_cpus_is_not_made_kind() -> None:
    """A throw-away explorer of such a model had 58 thousand states at this size; far fewer would mean kinder hardware."""
    result = explore(MACHINE, ONE_PAGE, plain=True)
    assert (result.verdict, result.complete, result.unmet) == ("holds", True, ())
    assert result.states > 58_000


@pytest.mark.parametrize("dropped", [None, *ASSUMPTIONS])
def test_what_is_removed_changes_no_verdict_and_no_length(dropped: str | None) -> None:
    without = frozenset({dropped} if dropped else ())
    plain = explore(MACHINE, ONE_PAGE, dropped=without, plain=True)
    reduced = explore(MACHINE, ONE_PAGE, dropped=without)
    shared = explore(MACHINE, ONE_PAGE, dropped=without, liveness=SHARED)
    for other in (reduced, shared):
        assert (plain.verdict, plain.broken, plain.reached) == (other.verdict, other.broken, other.reached)
        assert (plain.run and len(plain.run.steps)) == (other.run and len(other.run.steps))
    assert reduced.states < plain.states
    assert (plain.verdict == "violated") == (dropped is not None)


def test_counterexamples_are_runs_of_the_reference() -> None:
    dropped = frozenset({"first_copy_wins"})
    result = explore(MACHINE, Sizes(pages=2, cpus=2, contents=2, devices=1), dropped=dropped, only=frozenset({"restored"}))
    assert result.run is not None
    layout = Layout(MACHINE, result.sizes)
    machine = reference.Reference(layout, dropped)
    state = result.run.initial
    assert state in set(layout.initial_states(analyse(MACHINE, Page, dropped).unset))
    for step in result.run.steps:
        assert step in list(machine.successors(state))
        state = step.state
    assert not machine.holds(next(item for item in MACHINE.properties if item.name == "restored"), state)


class Alone(Design):
    """Where there is one CPU only, every CPU is that CPU."""

    mark = Flag(per=Page)
    used = Flag(per=Cpu)

    @action
    def act(self, cpu: Cpu, page: Page) -> None:
        """Only if there is no other CPU."""
        require(every(Cpu, lambda other: other == cpu), ~self.mark[page])
        self.mark[page] = True
        self.used[cpu] = True

    @always
    def never(self) -> Boolean:
        """No page is marked by a CPU."""
        return ~some(Page, lambda page: self.mark[page]) | ~some(Cpu, lambda cpu: self.used[cpu])

    @terminal
    def done(self) -> Boolean:
        """It may end at any time."""
        return every(Page, lambda page: self.mark[page] | ~self.mark[page])


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize(("cpus", "verdict"), [(1, "violated"), (2, "vacuous")])
def test_there_need_be_no_other_index(cpus: int, verdict: str, plain: bool) -> None:
    machine, sizes = machine_of(Alone), Sizes(pages=2, cpus=cpus, contents=2)
    assert reference.explore(machine, sizes).verdict == verdict
    assert explore(machine, sizes, plain=plain, compiled=False).verdict == verdict


class Chosen(Design):
    """Which page is meant depends on something that nothing else reads."""

    first_page = Constant(Page)
    colour = Choice("red", "green", initial=arbitrary)
    phase = Choice("begun", "going", "done")

    @action
    def go(self, page: Page) -> None:
        """Possible for green only, and for another page."""
        require(self.phase == "begun", ite(self.colour == "red", self.first_page, page) != self.first_page)
        self.phase = "going"

    @terminal
    def over(self) -> Boolean:
        """It may end at any time."""
        return (self.phase == "begun") | (self.phase == "going")


@pytest.mark.parametrize("plain", [True, False])
def test_what_decides_which_page_is_meant_is_read(plain: bool) -> None:
    machine, sizes = machine_of(Chosen), Sizes(pages=2)
    slow = reference.explore(machine, sizes)
    fast = explore(machine, sizes, plain=plain, compiled=False)
    assert slow.verdict == fast.verdict == "holds" and slow.fired["go"] == 1 and fast.fired["go"] >= 1


def test_budgets_end_as_unknown() -> None:
    sizes = Sizes(pages=2, cpus=2, contents=2, devices=1)
    late = explore(MACHINE, sizes, plain=True, timeout=0.5)
    assert (late.verdict, late.complete) == ("unknown", False)
    assert "0.5 s" in late.reason and late.states > 0
    full = explore(MACHINE, sizes, plain=True, memory=8 * 2**20)
    assert (full.verdict, full.complete) == ("unknown", False)
    assert "8 MiB" in full.reason


def test_edited_code_in_the_cache_is_not_run(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code = explorer.load_code(MACHINE)
    path = cache_directory() / f"{code.__name__}.py"
    good = path.read_text()
    path.write_text("raise SystemExit('this was never generated')")
    assert explorer.load_code(MACHINE).__name__ == code.__name__
    assert path.read_text() == good


def test_code_with_other_inlined_functions_is_other_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = explorer.load_code(MACHINE).__name__
    changed = tmp_path / "store.py"
    changed.write_text(Path(store.__file__).read_text() + "\n")
    monkeypatch.setattr(store, "__file__", str(changed))
    assert explorer.load_code(MACHINE).__name__ != before


def test_while_one_compiles_a_machine_others_wait() -> None:
    path = explorer.load_code(MACHINE).__file__
    assert path is not None
    others: list[float] = []

    def wait() -> None:
        others.append(explore(MACHINE, ONE_PAGE, timeout=0.001, liveness=SHARED).compile_seconds)

    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(2)
        assert not others
    waiting.join(200)
    assert others[0] > 0.5

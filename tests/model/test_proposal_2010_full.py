"""The proposal of 2010 on more hardware: what it needs besides, and what that looks like if it is missing."""

from __future__ import annotations

import pytest
from design_checks import broken, explored, in_order, states_if_it_holds

from thawcheck.checker.explorer import explore
from thawcheck.checker.liveness import analyse
from thawcheck.model import Content, Cpu, Page, Sizes, action, every, implies, machine_of, require
from thawcheck.model.designs.proposal_2010 import Proposal2010
from thawcheck.model.designs.proposal_2010_full import Proposal2010Full

MACHINE = machine_of(Proposal2010Full)
SHARED = analyse(MACHINE, Page, None)  # for whatever is dropped
ONE_CPU = {"pages": 1, "cpus": 1, "contents": 2, "devices": 1}
TWO_CPUS = {"pages": 1, "cpus": 2, "contents": 2, "devices": 1}


def shortest(dropped: str, *properties: str, **sizes: int) -> tuple[str | None, list[str]]:
    """The property that breaks, and the actions of the shortest run that breaks it. Compiled once, for all and for the next times."""
    only = frozenset(properties or next(item.protects for item in MACHINE.assumptions if item.name == dropped))
    without = frozenset({dropped})
    result = explore(MACHINE, Sizes(**sizes), dropped=without, only=only, liveness=SHARED)
    return result.broken, [step.action for step in result.run.steps] if result.run is not None else []


def test_it_holds_and_everything_in_it_happens() -> None:
    assert states_if_it_holds(Proposal2010Full, **TWO_CPUS) > 10_000


NEEDED_BESIDES = {
    # P05 and its mirror image
    "data_before_mark": ("complete", ["commit", "lose_power"]),
    "mark_before_off": ("saved_is_found", ["commit", "switch_off_unflushed"]),
    # P21, P34
    "tasks_frozen": ("outside_unchanged", ["begin_copying", "write_outside", "boot", "resume"]),
    # P06
    "boot_kernel_mounts_nothing": ("outside_unchanged", ["boot", "write_outside", "resume"]),
    "image_not_ignored": ("outside_unchanged", ["commit", "begin_afresh", "write_outside", "lose_power", "boot", "resume"]),
    "reset_before_session": ("outside_unchanged", ["boot_unflushed", "write_outside", "lose_power", "boot", "resume"]),
    # P08 while words are compared
    "dma_spares_compared": ("restored", ["begin_comparing", "write_by_dma", "discard", "resume"]),
    # the copy began before the comparison, and goes on after it
    "no_copy_under_way_at_compare": ("restored", ["keep", "write_by_dma", "begin_comparing", "discard", "finish_keeping", "resume"]),
    # P37
    "own_pages_unprotected": ("handler_runs", ["fault_in_handler"]),
    "own_pages_copied": ("restored", ["take_for_handler", "begin_writing", "write_page", "store", "resume"]),
    "own_pages_staged": ("restored", ["take_for_handler", "load_page", "begin_comparing", "store", "discard", "resume"]),
}


@pytest.mark.parametrize("dropped", NEEDED_BESIDES)
def test_without_what_it_needs_besides(dropped: str) -> None:
    wanted, story = NEEDED_BESIDES[dropped]
    found, run = shortest(dropped, **ONE_CPU)
    assert found == wanted
    assert in_order(story, run), run


def test_two_handlers_that_copy_one_page() -> None:
    """D10: the second one is late, and keeps what is there by then."""
    found, run = shortest("one_copy_at_a_time", **TWO_CPUS)
    assert found == "restored"
    assert in_order(["keep", "keep", "finish_keeping", "finish_keeping", "restore_page", "resume"], run), run


def test_nothing_else_is_taken_for_granted() -> None:
    before = {assumption.name for assumption in machine_of(Proposal2010).assumptions}
    now = {assumption.name for assumption in MACHINE.assumptions}
    assert now - before == {*NEEDED_BESIDES, "one_copy_at_a_time"}
    assert before < now


def test_an_image_whose_header_is_not_reset_durably_is_resumed_twice() -> None:
    found, run = shortest("reset_before_session", "consumed_once", **ONE_CPU)
    assert found == "consumed_once"
    assert in_order(["boot_unflushed", "resume", "lose_power", "boot", "resume"], run), run


class ReadFirst(Proposal2010Full):
    """Whether a page is trusted is asked when it has been read, and not when its read begins."""

    @action(fair="weak")
    def write_page(self, page: Page) -> None:
        require(self.phase == "writing", self.in_use[page], ~self.on_disk[page], ~self.reading[page])
        self.begin_read(page, self.memory[page])

    @action(fair="weak")
    def finish_page(self, page: Page, mixture: Content) -> None:
        require(implies(self.flush_before_trust, self.flagged[page] | every(Cpu, lambda cpu: ~self.cached_writable[cpu, page])))
        super().finish_page(page, mixture)


def test_a_flush_after_the_read_is_too_late() -> None:
    found, run = broken(ReadFirst, "complete", **ONE_CPU)
    assert found == "complete"
    assert in_order(["write_page", "store", "finish_page", "commit"], run), run


@pytest.mark.timeout(300)
def test_the_command_line_explores_it_to_the_end() -> None:
    found = explored("proposal-2010-full")
    assert found["states"] > 8_000_000
    assert found["seconds"] - found["compile_seconds"] < 60  # 12 s where nothing else runs

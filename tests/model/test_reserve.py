"""The reserve of the 2010 proposal has no size. One that has a size, on either half, can do nothing that is not looked at already."""

from __future__ import annotations

from thawcheck.checker.difference import compare
from thawcheck.checker.explorer import explore
from thawcheck.model import Boolean, Counter, Cpu, Page, Sizes, action, arbitrary, machine_of, number_of, require
from thawcheck.model.designs.proposal_2010 import Proposal2010

SIZES = Sizes(pages=1, cpus=2, contents=2, devices=1)


class SizedReserve(Proposal2010):
    """The proposal with a reserve of a certain size that nobody knows beforehand, and another one in the machine that loads."""

    taken_frames = Counter(2 * number_of(Page) + 1)
    reserve_frames = Counter(number_of(Page), initial=arbitrary)
    boot_frames = Counter(2 * number_of(Page) + 1, initial=arbitrary)

    @action(fair="weak")
    def copy_page(self, page: Page) -> None:
        require(self.taken_frames + 1 <= self.reserve_frames)
        super().copy_page(page)

    @action
    def skip_copy(self, page: Page) -> None:
        require(self.taken_frames == self.reserve_frames)
        super().skip_copy(page)

    def take_frame_at_load(self) -> None:
        require(self.taken_frames + 1 <= self.boot_frames)
        self.take_frame()

    @action
    def load_page(self, page: Page, earlier: Boolean) -> None:
        self.take_frame_at_load()
        super().load_page(page, earlier)

    @action
    def discard(self, page: Page) -> None:
        super().discard(page)
        self.return_frame()

    @action
    def keep(self, cpu: Cpu, page: Page) -> None:
        self.take_frame_at_load()
        super().keep(cpu, page)

    @action
    def suspend_drivers(self) -> None:
        self.take_frame_at_load()
        super().suspend_drivers()

    @action
    def go_on_without_copy(self, cpu: Cpu, page: Page) -> None:
        require(self.taken_frames == self.boot_frames)
        super().go_on_without_copy(cpu, page)


def test_with_a_size_it_can_do_nothing_more() -> None:
    found = compare(machine_of(Proposal2010), machine_of(SizedReserve), SIZES, SIZES)
    assert (found.new_can.answer, found.new_can.reason) == ("nothing", "")
    assert found.new_can.pairs > 10_000


def test_an_empty_reserve_breaks_the_restored_memory() -> None:
    """What overflow_aborts is needed for does not hang on allocations that fail while there are frames."""
    machine, without = machine_of(SizedReserve), frozenset({"overflow_aborts"})
    result = explore(machine, SIZES, dropped=without, only=frozenset({"restored"}), compiled=False)
    assert result.verdict == "violated" and result.run is not None
    assert "skip_copy" in [step.action for step in result.run.steps]


def test_with_a_size_everything_still_happens() -> None:
    """Frames that are taken and given back are as many: the counts end where they should, and nothing is vacuous."""
    result = explore(machine_of(SizedReserve), SIZES, compiled=False)
    assert (result.verdict, result.complete) == ("holds", True)

"""Flushes that are put off: who relies on a table entry that somebody else has changed."""

from __future__ import annotations

from design_checks import broken_without, in_order, states_if_it_holds

from thawcheck.model import Assumption, Boolean, Choice, Content, Contents, Cpu, Design, Flag, Page, action, always, every, implies, require
from thawcheck.model.hardware import PendingFlush

SIZES = {"pages": 1, "cpus": 2, "contents": 2}


class RelyOnEntry(PendingFlush, Design):
    """P26: someone protects a page, finds that there is nothing to do, and reads it for an image."""

    read = Flag(per=Page)
    image = Contents(per=Page)
    pending_flush_noticed = Assumption("who relies on a protected entry waits for a flush that is pending", protects="unchanged")

    @action
    def read_protected(self, page: Page) -> None:
        """The entry does not allow writes, so the page cannot change."""
        require(~self.writable[page], ~self.read[page], implies(self.pending_flush_noticed, self.flush_noticed(page)))
        self.image[page] = self.memory[page]
        self.read[page] = True

    @action
    def map_again(self, cpu: Cpu, page: Page) -> None:
        """Not after the page was read."""
        super().map_again(cpu, page)
        require(~self.read[page])

    @action
    def end_fault(self, cpu: Cpu, page: Page) -> None:
        """Who has trapped tries again later."""
        require(self.fault[cpu, page] == "trapped")
        self.fault[cpu, page] = "none"

    @always
    def unchanged(self) -> Boolean:
        """A page that was read is as it was read."""
        return every(Page, lambda page: implies(self.read[page], self.image[page] == self.memory[page]))


def test_p26_a_batched_unmap_looks_like_protection() -> None:
    assert states_if_it_holds(RelyOnEntry, **SIZES) >= 50
    name, run = broken_without(RelyOnEntry, "pending_flush_noticed", **SIZES)
    assert name == "unchanged"
    assert in_order(["unmap", "read_protected", "store"], run), run


class CopyOnWrite(PendingFlush, Design):
    """P01: a fault handler copies the page to a new frame, while another CPU still writes the old one."""

    copying = Choice("no", "copied", per=Page)
    new_frame = Contents(per=Page)
    completed = Contents(per=Page, ghost=True)
    known = Flag(per=Page)
    pending_flush_noticed = Assumption(
        "the fault handler flushes a page whose flush is pending before it copies it", protects="no_store_lost"
    )

    @action
    def store(self, cpu: Cpu, page: Page, content: Content) -> None:
        """A store completes."""
        super().store(cpu, page, content)
        require(self.known[page])
        self.completed[page] = content

    @action
    def write_protect(self, page: Page) -> None:
        """userfaultfd's write protection, with its flush put off."""
        self.protect_lazily(page)
        require(~self.known[page])
        self.known[page] = True
        self.completed[page] = self.memory[page]

    @action
    def copy(self, cpu: Cpu, page: Page) -> None:
        """The handler sees a protected entry, and copies the frame."""
        require(self.fault[cpu, page] == "trapped", self.mapped[page], ~self.writable[page], self.copying[page] == "no")
        require(implies(self.pending_flush_noticed, self.flush_noticed(page)))
        self.new_frame[page] = self.memory[page]
        self.copying[page] = "copied"

    @action
    def unmap(self, page: Page) -> None:
        """Reclaim waits for the page's lock, which the handler has."""
        super().unmap(page)
        require(self.copying[page] == "no")

    @action
    def retry(self, cpu: Cpu, page: Page) -> None:
        """There is no entry any more, or a writable one: the store is tried again."""
        require(self.fault[cpu, page] == "trapped", ~self.mapped[page] | self.writable[page])
        self.fault[cpu, page] = "none"

    @action
    def install(self, cpu: Cpu, page: Page) -> None:
        """The new frame takes the place of the old one, and every CPU is flushed."""
        require(self.fault[cpu, page] == "trapped", self.copying[page] == "copied", self.mapped[page])
        self.memory[page] = self.new_frame[page]
        self.fault[cpu, page] = "none"
        self.copying[page] = "no"
        self.writable[page] = True

    @always
    def no_store_lost(self) -> Boolean:
        """What was stored last is what the page holds."""
        return every(Page, lambda page: implies(self.known[page], self.memory[page] == self.completed[page]))


def test_p01_a_store_into_the_old_frame_is_lost() -> None:
    assert states_if_it_holds(CopyOnWrite, **SIZES) >= 100
    name, run = broken_without(CopyOnWrite, "pending_flush_noticed", **SIZES)
    assert name == "no_store_lost"
    assert in_order(["write_protect", "trap", "copy", "store", "install"], run), run

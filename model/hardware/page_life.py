"""The life of a page: it is there, not yet there, given back, swapped out; and its name may be given to another one."""

from __future__ import annotations

from .. import Choice, Content, Cpu, Flag, Page, action, arbitrary, assign_every, require
from .writers import GuestMemory, VirtualProcessors


class PageLife(VirtualProcessors):
    """Pages that have no entry in the table: never touched, or given back through a balloon.

    Who touches such a page gets a fresh one with a writable entry, and nobody is asked; so protecting it does nothing, without a
    word (userfaultfd write-protects what is mapped: Documentation/admin-guide/mm/userfaultfd.rst; QEMU eeccb99c9d28). An absent
    page reads as zeros, which is its content here: to be absent changes what protection does, and not what is read. Giving a page
    back takes its entry, its protection and its content away together, without a fault (madvise(2), MADV_DONTNEED).
    """

    populated = Flag(per=Page, initial=arbitrary)

    @action
    def walk(self, cpu: Cpu, page: Page) -> None:
        """A store that walks the table; where there is no entry, a fresh page with a writable one is put in."""
        super().walk(cpu, page)
        self.populated[page] = True

    def protect_if_there(self, page: Page) -> None:
        """Protecting passes over what is not there."""
        require(self.populated[page], self.writable[page])
        self.writable[page] = False

    @action
    def give_back(self, page: Page, zeros: Content) -> None:
        """The guest inflates its balloon; the host takes the page away, and flushes as it should."""
        require(self.powered(), self.populated[page])
        self.populated[page] = False
        self.memory[page] = zeros
        self.writable[page] = True
        assign_every(self.cached_writable, lambda cpu, any: self.cached_writable[cpu, any] & (any != page))


class ProcessPages(GuestMemory):
    """The pages of a process as its page table shows them, and as they are: that it has no entry does not say that it has no data.

    A page without an entry was never touched, or was swapped out, or is in the page cache and has not been touched since it was
    mapped (mm/mincore.c; CRIU 6b06210603a6). And a name, a process number or an address, may be given to something else between
    two images: ``reused`` says that it was since the last one (CRIU 6fb00f55305a). Page tables and TLBs are left out.
    """

    place = Choice("untouched", "present", "elsewhere", per=Page)
    reused = Flag(per=Page)

    @action
    def store(self, page: Page, content: Content) -> None:
        """The process writes a page; it is there then."""
        require(self.powered())
        self.memory[page] = content
        self.place[page] = "present"

    @action
    def swap_out(self, page: Page) -> None:
        """The page lies elsewhere, with its content, and its entry is gone."""
        require(self.powered(), self.place[page] == "present")
        self.place[page] = "elsewhere"

    @action
    def reuse(self, page: Page, content: Content) -> None:
        """The process ends, and another one gets its number and its addresses: the same name, another page."""
        require(self.powered())
        self.memory[page] = content
        self.place[page] = "present"
        self.reused[page] = True

"""Table entries that somebody has changed without flushing yet, and says so."""

from __future__ import annotations

from .. import Boolean, Cpu, Flag, Page, action, require
from .writers import VirtualProcessors


class PendingFlush(VirtualProcessors):
    """A table that several parties change, and flushes that are put off.

    Who unmaps or protects many pages flushes once for all of them, later, and leaves a note that a flush is pending (Linux:
    flush_tlb_batched_pending looks at the one of reclaim, since 3ea277194daa; mm_tlb_flush_pending at the one of who protects, among
    them userfaultfd's write protection, since 6ce64428d620). Whoever finds an
    entry as he would have made it himself has nothing to change and so nothing to flush; but what a CPU has cached may be from
    before, unless he looks at the note.
    """

    mapped = Flag(per=Page, initial=True)
    flush_pending = Flag(per=Page)

    @action
    def unmap(self, page: Page) -> None:
        """Reclaim takes the entry away, and puts the flush off."""
        require(self.powered(), self.mapped[page])
        self.mapped[page] = False
        self.writable[page] = False
        self.flush_pending[page] = True

    @action
    def map_again(self, cpu: Cpu, page: Page) -> None:
        """A CPU touches the page, and it gets an entry, with the old frame in it."""
        require(self.in_guest(cpu), ~self.mapped[page], ~self.cached_writable[cpu, page])
        self.mapped[page] = True
        self.writable[page] = True

    def protect_lazily(self, page: Page) -> None:
        """An entry is protected, and the flush is put off. Where there is none, or a protected one, there is nothing to do."""
        require(self.mapped[page], self.writable[page])
        self.writable[page] = False
        self.flush_pending[page] = True

    @action
    def end_batch(self, page: Page) -> None:
        """Every CPU has flushed, and the note is taken away."""
        require(self.flush_pending[page], self.uncached(page))
        self.flush_pending[page] = False

    def flush_noticed(self, page: Page) -> Boolean:
        """Who looks at the note waits for the flush that it speaks of."""
        return ~self.flush_pending[page] | self.uncached(page)

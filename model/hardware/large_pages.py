"""Large mappings: one entry for a group of pages, which is split, and into which pages are collapsed."""

from __future__ import annotations

from .. import Boolean, Content, Cpu, Flag, Index, Page, action, arbitrary, assign_every, every, ite, require
from .writers import GuestMemory


class LargeMapping(GuestMemory):
    """The pages that one large mapping can cover, mapped by one entry or each by its own, and what TLBs have kept of either.

    All pages of the model are of one such group: groups have nothing to do with each other. A TLB may hold the large entry long
    after the table has small ones, and use it (Intel SDM volume 3A, "Details of TLB Use"), until it is flushed. Small entries are
    protected one by one; the large one all at once. When small pages are collapsed into a large one, the missing ones are filled
    with zeros and are there from then on (mm/khugepaged.c); nobody who waits for one to be missed is told.
    """

    large = Flag(initial=arbitrary)
    large_writable = Flag(initial=True)
    small_writable = Flag(per=Page, initial=True)
    present = Flag(per=Page, initial=True)
    cached_large = Flag(per=Cpu, initial=arbitrary)
    cached_small = Flag(per=(Cpu, Page), initial=arbitrary)

    @action
    def store(self, cpu: Cpu, page: Page, content: Content) -> None:
        """A store through either of the two entries that the TLB can have."""
        require(self.powered(), self.cached_large[cpu] | self.cached_small[cpu, page])
        self.memory[page] = content

    @action
    def walk_large(self, cpu: Cpu) -> None:
        """The TLB takes in the large entry."""
        require(self.powered(), self.large, self.large_writable, ~self.cached_large[cpu])
        self.cached_large[cpu] = True

    @action
    def walk_small(self, cpu: Cpu, page: Page) -> None:
        """The TLB takes in a small entry."""
        require(self.powered(), ~self.large, self.present[page], self.small_writable[page], ~self.cached_small[cpu, page])
        self.cached_small[cpu, page] = True

    @action
    def flush(self, cpu: Cpu) -> None:
        """One CPU forgets every entry, large and small."""
        require(self.powered())
        self.cached_large[cpu] = False
        assign_every(self.cached_small, lambda other, page: self.cached_small[other, page] & (other != cpu))

    @action
    def split(self) -> None:
        """Small entries take the place of the large one, and its protection. What TLBs have stays."""
        require(self.powered(), self.large)
        self.large = False
        assign_every(self.small_writable, lambda page: self.large_writable)

    @action
    def collapse(self, zeros: Content) -> None:
        """One large entry takes the place of the small ones; what was missing reads as zeros."""
        require(self.powered(), ~self.large)
        self.large = True
        self.large_writable = True
        assign_every(self.memory, lambda page: ite(self.present[page], self.memory[page], zeros))
        assign_every(self.present, lambda page: True)

    def uncached(self, page: Page) -> Boolean:
        """No TLB has an entry, large or small, through which the page can be written."""
        return every(Cpu, lambda cpu: ~self.cached_large[cpu] & ~self.cached_small[cpu, page])


class Alias(Index):
    """Another mapping of the same memory: vmalloc, fixmap, EFI's, a user's."""

    plural = "aliases"


class Aliases(GuestMemory):
    """Other names of a page, each with an entry of its own. To protect a page is to protect all of them."""

    alias_writable = Flag(per=(Alias, Page), initial=arbitrary)

    @action
    def store_by_alias(self, alias: Alias, page: Page, content: Content) -> None:
        """A store by another name."""
        require(self.powered(), self.alias_writable[alias, page])
        self.memory[page] = content

    @action
    def protect_alias(self, alias: Alias, page: Page) -> None:
        """An alias is protected, and flushed in the same step."""
        require(self.powered(), self.alias_writable[alias, page])
        self.alias_writable[alias, page] = False

    def aliases_protected(self, page: Page) -> Boolean:
        """No alias is left through which the page can be written."""
        return every(Alias, lambda alias: ~self.alias_writable[alias, page])

"""A disk with a volatile write cache, and the power that may fail at any step."""

from __future__ import annotations

from .. import Boolean, Choice, Content, Each, Flag, Page, Part, action, assign_every, ite, require


class Disk(Part):
    """A header that says whether there is an image; a block for each page of the image; and the power.

    A write has completed when the cache has it. The cache makes writes durable whenever it likes and in any order; only a flush
    that has completed says that everything written before is (Documentation/block/writeback_cache_control.rst: REQ_PREFLUSH,
    and REQ_FUA for a single write). Nobody sees which writes are durable already, until the power fails: so that is when it is
    decided, for each write by itself, and a step for each write that the cache makes durable would allow the same.

    The header is the only name that the data have: kernel/power/swap.c finds its map, and through the map the pages, from the
    signature and the sector number in the swap header (``mark_swapfiles``, ``swsusp_check``). It goes through the same cache as
    the data, so it may be durable before them, or not at all. The same is said of a file that is renamed to its final name.

    What a block was given is the design's variable; here stands how far it has come. A write that is lost may leave anything
    behind: its block is ``blank``, and to read a blank block gives any content. (Any at each reading; a real block has one.) The
    header changes as a whole: it is rewritten in place, and its signature lies within one sector. (A header that is rewritten twice
    between two flushes would need a third value here.)

    Power is lost in any state in which there is power. Memory is gone too, which is for the design to say. Left out: a disk that
    answers a flush before it has done it, a sector that cannot be read, and a full disk, which is one more reason to give up.
    """

    marked = Flag()  # whoever reads the header finds an image
    durably_marked = Flag()  # the last flush left it so
    block = Choice("blank", "cached", "durable", per=Page)

    def has_power(self) -> Boolean:
        """The machine is on, whatever runs on it. Designs narrow this."""
        return Boolean("literal", True)

    def content_of_block(self, page: Page, written: Content, otherwise: Content) -> Content:
        """What a read gives: what was written, or anything at all."""
        content: Content = ite(self.block[page] == "blank", otherwise, written)
        return content

    def flush_cache(self) -> None:
        """What happens when a flush completes: everything written before it is durable."""
        self.durably_marked = self.marked
        assign_every(self.block, lambda page: ite(self.block[page] == "cached", "durable", self.block[page]))

    def forget_cache(self, header_survives: Boolean, survives: Each[Page, Boolean]) -> None:
        """What happens when the disk is without power, expected or not: each write that no flush waited for is durable or gone."""
        marked = ite(header_survives, self.marked, self.durably_marked)
        assign_every(
            self.block,
            lambda page: ite(
                (self.block[page] == "cached") & survives[page], "durable", ite(self.block[page] == "cached", "blank", self.block[page])
            ),
        )
        self.marked = marked
        self.durably_marked = marked

    @action
    def lose_power(self, header_survives: Boolean, survives: Each[Page, Boolean]) -> None:
        """The power fails. A design adds what else stops."""
        require(self.has_power())
        self.forget_cache(header_survives, survives)

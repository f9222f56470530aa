"""A chain of images: a full one, then one difference after another, of which the last may be unfinished."""

from __future__ import annotations

from .. import Boolean, Content, Contents, Flag, Page, assign_every, every, ite
from .disk import Disk


class ImageChain(Disk):
    """The epochs that are durable, taken together, and the newest one on the disk's way.

    An epoch is a file with the pages that changed since the last one, and a record that makes it a part of the chain (the header
    of the disk). Finished and durable epochs are never written again, so of all of them together nothing counts but what their
    restore gives, page by page: ``chain``. So there may be any number of them. The newest epoch is a member of the chain when its
    record says so; then ``join`` merely gives it its other name. What it needs for that, a durable record, is required and no
    assumption: a later epoch upon one that is not durable would be a hole in the chain, which this cannot say.
    """

    has_chain = Flag()  # at least the full image is there
    chain = Contents(per=Page)
    in_epoch = Flag(per=Page)  # the newest epoch's file has the page
    difference = Contents(per=Page)

    def write_difference(self, page: Page, content: Content) -> None:
        """A page is written to the newest epoch's file; the disk's cache has it."""
        self.difference[page] = content
        self.in_epoch[page] = True
        self.block[page] = "cached"

    def restored_content(self, page: Page, otherwise: Content) -> Content:
        """What a restore of the chain gives: the newest version, if the newest epoch is a member, or else that of those before."""
        newest = self.content_of_block(page, self.difference[page], otherwise)
        content: Content = ite(self.marked & self.in_epoch[page], newest, self.chain[page])
        return content

    def join(self) -> None:
        """What happens when the newest epoch is durable and another one is begun: it is one of those before."""
        assign_every(self.chain, lambda page: ite(self.in_epoch[page], self.difference[page], self.chain[page]))
        self.has_chain = True
        self.marked = False
        self.durably_marked = False
        self.empty_epoch()

    def empty_epoch(self) -> None:
        """What happens when a file is begun, or begun again: it has no page."""
        assign_every(self.in_epoch, lambda page: False)
        assign_every(self.block, lambda page: "blank")

    def pages_durable(self) -> Boolean:
        """Every page of the newest epoch's file is on the medium."""
        return every(Page, lambda page: self.block[page] != "cached")

"""A restore engine that lies in the memory which it overwrites."""

from __future__ import annotations

from .. import Boolean, Content, Flag, Page, Part, always, ite


class SafeFrames(Part):
    """The loop that moves loaded pages to their places, its page tables, its list and the loaded pages themselves lie in frames.

    A frame is safe if the image does not use it: then nothing is moved there. kernel/power/snapshot.c hands such frames out
    (``get_safe_page``) and keeps the others back until all are given back (``swsusp_free``); arch/x86/power/hibernate_64.c builds
    temporary page tables in them (``set_up_temporary_mappings``), and the loop's code moves there (``relocate_restore_code``). Before
    3dd083255ddc ("Set up safe page tables during resume") the boot kernel's tables were used wherever they lay.

    A page stands for its frame here: the pages of an image go back to the frames that they had. Which part of the engine lies in a
    frame is left out: the loop needs all of it until the last page is moved, and without any of it moves anything anywhere. What
    lies in frames that no page of the model stands for is safe, and not mentioned.
    """

    holds_engine = Flag(per=Page)
    engine_overwritten = Flag()

    def moved(self, page: Page, content: Content, otherwise: Content) -> Content:
        """One round of the loop: what arrives at the page. What lay there is gone; a broken loop brings anything."""
        overwritten = self.engine_overwritten
        self.engine_overwritten = overwritten | self.holds_engine[page]
        arrives: Content = ite(overwritten, otherwise, content)
        return arrives

    @always
    def engine_whole(self) -> Boolean:
        """The restore engine does not overwrite itself."""
        return ~self.engine_overwritten

"""Design changes as somebody might propose them: each stays right, and each has a twin in which a small thing is wrong.

The docstring of a change is its patch description. The wrong twin is what a first version of the patch might have been; it says
what it forgets.
"""

from __future__ import annotations

from thawcheck.model import Content, Contents, Cpu, Device, Flag, Page, action, assign_every, every, implies, ite, require
from thawcheck.model.designs.background_snapshot import BackgroundSnapshot
from thawcheck.model.designs.proposal_2010 import Proposal2010

# ---------------------------------------------------------------- another order of the protect steps


class ProtectWhenReached(Proposal2010):
    """Protect each page just before it is read, instead of all pages before the first one is read.

    Writing begins at once. That a page is protected, or flagged already, is asked for when the page is read.
    """

    @action(fair="weak")
    def begin_writing(self) -> None:
        """Writing begins; no page is protected yet."""
        require(self.phase == "protecting")
        self.phase = "writing"

    @action(fair="weak")
    def protect(self, page: Page) -> None:
        """One page is protected while others are being written."""
        require(self.phase == "writing", self.in_use[page], self.writable[page], ~self.flagged[page])
        self.writable[page] = False

    @action(fair="weak")
    def write_page(self, page: Page) -> None:
        """A page goes to the image when it is protected, or flagged already."""
        require(implies(self.protect_before_read, ~self.writable[page] | self.flagged[page]))
        super().write_page(page)


class ProtectAfterReading(ProtectWhenReached):
    """Wrong: each page is protected as soon as it was read. A store in between is lost."""

    @action(fair="weak")
    def write_page(self, page: Page) -> None:
        """A page goes to the image, protected or not."""
        Proposal2010.write_page(self, page)

    @action(fair="weak")
    def begin_stopping(self) -> None:
        """Every page is written, and is protected by now."""
        super().begin_stopping()
        require(implies(self.protect_before_read, every(Page, lambda page: ~self.in_use[page] | ~self.writable[page] | self.flagged[page])))


# ---------------------------------------------------------------- flush per page


class FlushPerPage(Proposal2010):
    """Invalidate the TLB entries of one page (INVLPG on each CPU), and keep account of which CPU has done so for which page.

    Before a page is read, all that is looked at is that account: nobody knows what lies in a TLB.
    """

    invalidated = Flag(per=(Cpu, Page))

    @action(fair="weak")
    def invalidate(self, cpu: Cpu, page: Page) -> None:
        """One CPU drops its entry for one page that is protected by now, and says so."""
        require((self.phase == "protecting") | (self.phase == "writing"), ~self.writable[page], ~self.invalidated[cpu, page])
        self.cached_writable[cpu, page] = False
        self.invalidated[cpu, page] = True

    @action(fair="weak")
    def write_page(self, page: Page) -> None:
        """A page goes to the image when every CPU has acknowledged its invalidation, or when it is flagged already."""
        require(self.phase == "writing", self.in_use[page], ~self.on_disk[page])
        require(implies(self.flush_before_trust, self.flagged[page] | every(Cpu, lambda cpu: self.invalidated[cpu, page])))
        self.image[page] = self.memory[page]
        self.on_disk[page] = True
        self.advanced[self.image_disk] = True


class InvalidateEarly(FlushPerPage):
    """Wrong: a page's entry is invalidated before or after it is protected. A walk in between caches it anew."""

    @action(fair="weak")
    def invalidate(self, cpu: Cpu, page: Page) -> None:
        """One CPU drops its entry for one page, and says so."""
        require((self.phase == "protecting") | (self.phase == "writing"), ~self.invalidated[cpu, page])
        self.cached_writable[cpu, page] = False
        self.invalidated[cpu, page] = True


# ---------------------------------------------------------------- two passes before the copy


class RewriteFlagged(Proposal2010):
    """Write a flagged page a second time while the system still runs, so that fewer pages are left for the atomic copy.

    The flag is cleared and the page counts as not written; then it is protected, flushed and written like any other, once: for ever
    would not end. The page is locked meanwhile: no CPU is between the two steps of the fault handler for it.
    """

    rewritten = Flag(per=Page)

    @action(fair="weak")
    def protect(self, page: Page) -> None:
        """One page-table entry is write-protected, now or in the second pass."""
        require((self.phase == "protecting") | (self.phase == "writing"), self.in_use[page], self.writable[page], ~self.flagged[page])
        self.writable[page] = False

    @action(fair="weak")
    def write_page(self, page: Page) -> None:
        """A page whose flag was cleared is protected before it goes to the image again."""
        require(implies(self.protect_before_read, ~self.writable[page] | self.flagged[page]))
        super().write_page(page)

    @action
    def clear_flag(self, page: Page) -> None:
        """The second pass comes to a page that was written, and flagged since."""
        require(self.phase == "writing", self.in_use[page], self.on_disk[page], self.flagged[page], ~self.rewritten[page])
        require(every(Cpu, lambda cpu: self.handler[cpu, page] != "noted"))
        self.flagged[page] = False
        self.on_disk[page] = False
        self.rewritten[page] = True


class RewriteUnlocked(RewriteFlagged):
    """Wrong: the page is not locked. A handler that has set the flag already lifts the protection after the flag was cleared."""

    @action
    def clear_flag(self, page: Page) -> None:
        """The second pass comes to a page, wherever the fault handler is."""
        require(self.phase == "writing", self.in_use[page], self.on_disk[page], self.flagged[page], ~self.rewritten[page])
        self.flagged[page] = False
        self.on_disk[page] = False
        self.rewritten[page] = True


# ---------------------------------------------------------------- copy before write


class CopyBeforeWrite(BackgroundSnapshot):
    """Copy a page to a frame in the fault handler, instead of letting the writer wait until the page is in the image.

    The protection is lifted as soon as there is a copy; the saver writes the copy when it comes to the page.
    """

    set_aside = Contents(per=Page)
    has_copy = Flag(per=Page)

    @action
    def copy(self, cpu: Cpu, page: Page) -> None:
        """The fault handler copies a page that nobody has copied before. The allocation may fail: then the writer waits, as ever."""
        require(self.phase == "saving", self.fault[cpu, page] == "trapped", ~self.saved[page], ~self.has_copy[page])
        self.set_aside[page] = self.memory[page]
        self.has_copy[page] = True

    @action
    def unprotect(self, page: Page) -> None:
        """The protection of a page is lifted when it was saved, or copied."""
        require(self.phase == "saving", ~self.writable[page])
        require(implies(self.saved_before_unprotected, self.saved[page] | self.has_copy[page]))
        self.writable[page] = True

    @action
    def save(self, page: Page) -> None:
        """The copy goes to the image if there is one, else the page."""
        require(self.phase == "saving", implies(self.first_copy_wins, ~self.saved[page]))
        self.image[page] = ite(self.has_copy[page], self.set_aside[page], self.memory[page])
        self.saved[page] = True


class CopyTwice(CopyBeforeWrite):
    """Wrong: the handler of a second CPU, which faulted on the same page, copies it again, after the first one has stored."""

    @action
    def copy(self, cpu: Cpu, page: Page) -> None:
        """The fault handler copies a page."""
        require(self.phase == "saving", self.fault[cpu, page] == "trapped", ~self.saved[page])
        self.set_aside[page] = self.memory[page]
        self.has_copy[page] = True


# ---------------------------------------------------------------- flags cleared in a second round


class SecondRound(Proposal2010):
    """When everything is written once, clear all flags and go through protecting and writing once more.

    Only pages that were flagged are protected, flushed and written again. Faults are not handled while the flags are cleared: no
    CPU is between the two steps of the fault handler.
    """

    second = Flag()

    @action
    def begin_second_round(self) -> None:
        """Every flag is cleared, and what was flagged counts as not written."""
        require(self.phase == "writing", ~self.second)
        require(every(Page, lambda page: ~self.in_use[page] | self.on_disk[page] | self.flagged[page]))
        require(every(Page, lambda page: every(Cpu, lambda cpu: self.handler[cpu, page] != "noted")))
        self.phase = "protecting"
        self.second = True
        assign_every(self.on_disk, lambda page: self.on_disk[page] & ~self.flagged[page])
        assign_every(self.flagged, lambda page: False)


class ProtectThenClear(SecondRound):
    """Wrong: the flags are cleared after the pages were protected again. A fault in between leaves no trace."""

    @action
    def begin_second_round(self) -> None:
        """What was flagged counts as not written."""
        require(self.phase == "writing", ~self.second)
        require(every(Page, lambda page: ~self.in_use[page] | self.on_disk[page] | self.flagged[page]))
        self.phase = "protecting"
        self.second = True
        assign_every(self.on_disk, lambda page: self.on_disk[page] & ~self.flagged[page])

    @action(fair="weak")
    def protect(self, page: Page) -> None:
        """One page-table entry is write-protected; in the second round that of a flagged page too."""
        require(self.phase == "protecting", self.in_use[page], self.writable[page], ~self.flagged[page] | self.second)
        self.writable[page] = False

    @action(fair="weak")
    def begin_writing(self) -> None:
        """The tables are set up; the flags of the first round are cleared."""
        super().begin_writing()
        require(every(Page, lambda page: every(Cpu, lambda cpu: self.handler[cpu, page] != "noted")))
        assign_every(self.flagged, lambda page: self.flagged[page] & ~self.second)


# ---------------------------------------------------------------- compare by digest


class CompareByDigest(Proposal2010):
    """Compare a digest of the boot kernel's page with that of the loaded version, so that the page is read once and not held.

    Two contents never have one digest: it is as opaque as the content itself. The digest is taken when no CPU can write the page
    any more without a fault; devices have to spare the page from then on, not only when the loaded version was discarded.
    """

    digest = Contents(per=Page)
    digested = Flag(per=Page)

    @action
    def take_digest(self, page: Page) -> None:
        """The page is read, once, for its digest."""
        require(self.phase == "loading", self.fate[page] == "loaded", ~self.digested[page])
        require(implies(self.flush_before_compare, every(Cpu, lambda cpu: ~self.cached_writable[cpu, page])))
        self.digest[page] = self.memory[page]
        self.digested[page] = True

    @action
    def discard(self, page: Page) -> None:
        """The digests are the same, and no fault has come since: the loaded version is discarded."""
        require(self.phase == "loading", self.fate[page] == "loaded", self.digested[page], self.digest[page] == self.held[page])
        require(implies(self.unfaulted_at_compare, ~self.has_kept[page]))
        self.fate[page] = "discarded"

    @action
    def stage(self, page: Page) -> None:
        """The digests differ, or the page faulted: the loaded version waits for the atomic restore."""
        require(self.phase == "loading", self.fate[page] == "loaded")
        require((self.digested[page] & (self.digest[page] != self.held[page])) | self.has_kept[page])
        self.fate[page] = "staged"

    @action
    def write_by_dma(self, device: Device, page: Page, content: Content) -> None:
        """A device spares a page whose digest was taken."""
        super().write_by_dma(device, page, content)
        require(implies(self.dma_spares_discarded & self.loading(), ~self.digested[page] | self.has_kept[page]))


class DigestTooEarly(CompareByDigest):
    """Wrong: the TLBs are flushed before the digests are compared, but the digest was taken before that."""

    @action
    def take_digest(self, page: Page) -> None:
        """The page is read, once, for its digest; it is protected by now."""
        require(self.phase == "loading", self.fate[page] == "loaded", ~self.digested[page])
        self.digest[page] = self.memory[page]
        self.digested[page] = True

    @action
    def discard(self, page: Page) -> None:
        """The digests are the same, no fault has come since, and no CPU has a writable TLB entry by now."""
        super().discard(page)
        require(implies(self.flush_before_compare, every(Cpu, lambda cpu: ~self.cached_writable[cpu, page])))


# Each right change with its wrong twin.
PAIRS = (
    (ProtectWhenReached, ProtectAfterReading),
    (FlushPerPage, InvalidateEarly),
    (RewriteFlagged, RewriteUnlocked),
    (CopyBeforeWrite, CopyTwice),
    (SecondRound, ProtectThenClear),
    (CompareByDigest, DigestTooEarly),
)

"""The proposal of 2010 on more of the real machine: a disk that loses power, pages of several words, a handler with pages of its own.

What the steps are, and why, stands in proposal_2010.py; S1 to S5 and L1 to L3 are the post's numbers there. Here stands what
more hardware makes of them, and what the proposal is found to need besides. Kernel files as of Linux 6.x; the fault handler's own
pages after tuxonice_incremental.c, the author's later code (2015).
"""

from __future__ import annotations

from .. import (
    Assumption,
    Boolean,
    Content,
    Cpu,
    Device,
    Each,
    Flag,
    LeadsTo,
    Page,
    action,
    always,
    assign_every,
    eventually,
    every,
    implies,
    ite,
    leads_to,
    require,
    sometimes,
    terminal,
)
from ..hardware import Disk, External, TornReads
from .proposal_2010 import Proposal2010


class Proposal2010Full(Proposal2010, Disk, External, TornReads):
    """The 2010 proposal with a disk cache, power that fails at any step, torn reads, and a fault handler that lies in memory.

    The image is committed as swsusp does it, in the order that swsusp should have: the data, a flush, the header, a flush. The boot
    kernel resets the header before it loads anything, as swsusp does, but waits until that is durable. So power that fails while the
    image is loaded costs the session, and never leads to a second use of the image.

    Three reads overlap with stores, and take time: of the page that is written for the first time (S3), for the comparison (L2),
    and by the fault handler that keeps the unmodified version (L2b). The atomic copy, the atomic restore and the loads stay one step
    for a page: nobody may write there meanwhile, and what happens if somebody does is seen without tearing.

    Left out: what is written outside before the atomic copy, since the image knows of it; where the loader's frames lie, since swsusp
    shows what that takes; a second save. One ``block`` does for a page that is in the image twice: only the later version's is read.
    """

    phase = Proposal2010.phase.extended("flushed", "marked", "lost", "fresh")
    handler = Proposal2010.handler.extended("copying")  # L2b takes time
    handlers_own = Flag(per=Page)  # the fault handler writes it: stacks, per-CPU data, page tables
    locked = Flag(per=Page)  # a fault handler copies it
    said_saved = Flag(ghost=True)  # the machine switched itself off, with the image written
    faulted_in_handler = Flag(ghost=True)

    # -- the disk
    data_before_mark = Assumption("the image is durable before the header says that there is one", protects=("complete", "restored"))
    mark_before_off = Assumption("the header is durable before the machine switches itself off", protects="saved_is_found")
    # -- the world outside
    tasks_frozen = Assumption(
        "nobody writes to a file system between the atomic copy and switching off",
        protects="outside_unchanged",
        said='Q1, in passing: "with most things frozen"',
    )
    boot_kernel_mounts_nothing = Assumption(
        "the boot kernel writes to no file system while it may still resume", protects="outside_unchanged"
    )
    image_not_ignored = Assumption("a kernel that boots beside an image destroys the image", protects="outside_unchanged")
    reset_before_session = Assumption(
        "the header is reset durably before a session goes on, the saved one or another",
        protects=("consumed_once", "outside_unchanged"),
    )
    # -- words
    dma_spares_compared = Assumption("no device of the boot kernel writes a page while it is compared", protects="restored")
    no_copy_under_way_at_compare = Assumption(
        "a page that a fault handler is still copying when it is compared is staged, even if it is found equal", protects="restored"
    )
    one_copy_at_a_time = Assumption("of two fault handlers for one page only one copies it", protects="restored")
    # -- the handler's own pages
    own_pages_unprotected = Assumption("what the fault handler itself writes is never protected", protects="handler_runs")
    own_pages_copied = Assumption("what the fault handler itself writes has an atomic copy, faulted or not", protects="restored")
    own_pages_staged = Assumption("what the boot kernel's fault handler writes is staged, even if it is found equal", protects="restored")

    # ------------------------------------------------------------ when things run

    def has_power(self) -> Boolean:
        return (self.phase != "off") & (self.phase != "lost")

    def powered(self) -> Boolean:
        return super().powered() | (self.phase == "flushed") | (self.phase == "marked")

    def uses_file_systems(self) -> Boolean:
        return (
            (self.phase == "resumed")
            | (self.phase == "abandoned")
            | (self.phase == "fresh")
            | (~self.tasks_frozen & ((self.phase == "writing_copies") | (self.phase == "flushed") | (self.phase == "marked")))
            | (~self.boot_kernel_mounts_nothing & self.loading())
        )

    # ------------------------------------------------------------ stores

    @action
    def fault_in_handler(self, cpu: Cpu, page: Page) -> None:
        """A page that the fault handler writes is protected: it faults, and its handler does, before it can do anything."""
        require(~self.own_pages_unprotected)
        require(self.executes(cpu), self.in_use[page], ~self.writable[page], ~self.cached_writable[cpu, page], self.handlers_own[page])
        self.faulted_in_handler = True

    @action
    def write_by_dma(self, device: Device, page: Page, content: Content) -> None:
        require(implies(self.dma_spares_compared & self.loading(), ~self.reading[page]))
        super().write_by_dma(device, page, content)

    @action
    def take_for_handler(self, page: Page) -> None:
        """A page in use becomes the fault handler's own: a task begins, and this is its stack."""
        require(self.saving() | self.loading(), self.in_use[page])
        require(~self.handlers_own[page], implies(self.own_pages_unprotected, self.writable[page]))
        self.handlers_own[page] = True

    # ------------------------------------------------------------ saving the image

    @action(fair="weak")
    def protect(self, page: Page) -> None:
        super().protect(page)
        require(implies(self.own_pages_unprotected, ~self.handlers_own[page]))

    @action(fair="weak")
    def flag_own(self, page: Page) -> None:
        """What the fault handler itself writes does not fault, so it is flagged beforehand (S2)."""
        require(self.phase == "protecting", self.in_use[page], self.handlers_own[page], ~self.flagged[page])
        self.flagged[page] = True

    @action(fair="weak")
    def begin_writing(self) -> None:
        """The tables are set up: a write to any page about to be written faults, but for the fault handler's own (S2)."""
        require(self.phase == "protecting")
        require(
            implies(
                self.protect_before_read,
                every(Page, lambda page: ~self.in_use[page] | ~self.writable[page] | self.flagged[page] | self.handlers_own[page]),
            )
        )
        require(
            implies(self.own_pages_copied, every(Page, lambda page: ~self.in_use[page] | ~self.handlers_own[page] | self.flagged[page]))
        )
        self.phase = "writing"

    @action(fair="weak")
    def write_page(self, page: Page) -> None:
        """The disk, or who compresses for it, begins to read a page (S3)."""
        require(self.phase == "writing", self.in_use[page], ~self.on_disk[page], ~self.reading[page])
        require(implies(self.flush_before_trust, self.flagged[page] | every(Cpu, lambda cpu: ~self.cached_writable[cpu, page])))
        self.begin_read(page, self.memory[page])

    @action(fair="weak")
    def finish_page(self, page: Page, mixture: Content) -> None:
        """The page has been read, or a mixture if it was stored to meanwhile, and the disk's cache has it (S3)."""
        require(self.phase == "writing", self.reading[page])
        self.image[page] = self.content_read(page, self.memory[page], mixture)
        self.reading[page] = False
        self.on_disk[page] = True
        self.block[page] = "cached"
        self.advanced[self.image_disk] = True

    @action(fair="weak")
    def begin_copying(self) -> None:
        super().begin_copying()
        self.believe_file_systems()

    @action(fair="weak")
    def write_copy(self, page: Page) -> None:
        super().write_copy(page)
        self.block[page] = "cached"

    def copies_written(self) -> Boolean:
        """Every atomic copy has gone to the disk."""
        return implies(self.commit_last, every(Page, lambda page: ~self.copied[page] | self.later_on_disk[page]))

    @action(fair="weak")
    def flush_image(self) -> None:
        """The image is written, and a flush has completed."""
        require(self.phase == "writing_copies", self.copies_written())
        self.flush_cache()
        self.phase = "flushed"

    @action(fair="weak")
    def commit(self) -> None:
        """The header makes the image a complete one (S5)."""
        require((self.phase == "flushed") | (~self.data_before_mark & (self.phase == "writing_copies") & self.copies_written()))
        self.marked = True
        self.phase = "marked"

    @action(fair="weak")
    def switch_off(self) -> None:
        """A last flush, and the machine is switched off: the user believes that the session is saved."""
        require(self.phase == "marked")
        self.flush_cache()
        self.forget_memory()
        self.phase = "off"
        self.said_saved = True

    @action
    def switch_off_unflushed(self) -> None:
        """The machine is switched off, and nobody has waited for the disk: the header is gone."""
        require(~self.mark_before_off)
        require(self.phase == "marked", ~self.durably_marked)
        self.marked = False
        self.forget_memory()
        self.phase = "lost"
        self.said_saved = True

    # ------------------------------------------------------------ losing power

    def forget_memory(self) -> None:
        """Without power, what software knew is gone. (What memory holds instead is for ``boot`` to say.)"""
        self.drivers_suspended = False
        assign_every(self.flagged, lambda page: False)
        assign_every(self.copied, lambda page: False)
        assign_every(self.handlers_own, lambda page: False)
        assign_every(self.reading, lambda page: False)
        assign_every(self.owned, lambda page: False)
        assign_every(self.fate, lambda page: "pending")
        assign_every(self.has_kept, lambda page: False)
        assign_every(self.locked, lambda page: False)

    @action
    def lose_power(self, header_survives: Boolean, survives: Each[Page, Boolean]) -> None:
        """The power fails, and the header on the medium says that there is an image."""
        require(ite(header_survives, self.marked, self.durably_marked))
        super().lose_power(header_survives, survives)
        self.forget_memory()
        self.phase = "off"

    @action
    def lose_session(self, header_survives: Boolean) -> None:
        """The power fails, and it says that there is none: whatever blocks of one are durable, the session is lost."""
        require(self.has_power(), ~ite(header_survives, self.marked, self.durably_marked))
        self.marked = False
        self.durably_marked = False
        self.forget_memory()
        self.phase = "lost"

    @action
    def leave_behind(self, page: Page, remains: Content) -> None:
        """What a write that the disk has lost leaves in its block is anything."""
        require(self.phase == "off", self.block[page] == "blank")
        self.image[page] = remains
        self.later[page] = remains

    @action
    def begin_afresh(self) -> None:
        """A kernel boots, and there is no image: another session begins, and uses its file systems."""
        require((self.phase == "lost") | (~self.image_not_ignored & (self.phase == "off")))
        self.phase = "fresh"

    # ------------------------------------------------------------ loading the image

    @action
    def boot(self, found: Each[Page, Content], used: Each[Page, Boolean], entries: Each[tuple[Cpu, Page], Boolean]) -> None:
        """Another kernel boots, and finds an image. Its header is reset durably before anything is loaded (``swsusp_check``)."""
        super().boot(found, used, entries)
        self.marked = False
        self.durably_marked = False
        self.said_saved = False

    @action
    def boot_unflushed(self, found: Each[Page, Content], used: Each[Page, Boolean], entries: Each[tuple[Cpu, Page], Boolean]) -> None:
        """The same, but that nobody waits until the reset is durable."""
        require(~self.reset_before_session)
        super().boot(found, used, entries)
        self.marked = False
        self.said_saved = False

    @action
    def protect_existing(self, page: Page) -> None:
        super().protect_existing(page)
        require(implies(self.own_pages_unprotected, ~self.handlers_own[page]))

    @action
    def load_page(self, page: Page, earlier: Boolean) -> None:
        """The image's version is loaded into a frame (L2), also of a page that is the fault handler's own and cannot be protected."""
        require(self.phase == "loading", self.in_image[page], (self.fate[page] == "pending") | (self.fate[page] == "protected"))
        require(implies(self.protect_before_compare, (self.fate[page] == "protected") | self.handlers_own[page]))
        require(self.readable(page, earlier))
        self.held[page] = self.version(page, earlier)
        self.fate[page] = "loaded"

    @action
    def begin_comparing(self, page: Page) -> None:
        """The comparison of a page begins (L2)."""
        require(self.phase == "loading", self.fate[page] == "loaded", ~self.reading[page])
        require(implies(self.flush_before_compare, every(Cpu, lambda cpu: ~self.cached_writable[cpu, page])))
        self.begin_read(page, self.memory[page])

    @action
    def discard(self, page: Page) -> None:
        """Every word was the same as what is loaded: the loaded version is discarded, the protection stays (L2a)."""
        require(self.phase == "loading", self.fate[page] == "loaded", self.reading[page])
        require((self.memory[page] == self.held[page]) | (self.memory[page] != self.seen[page]))
        require(implies(self.unfaulted_at_compare, ~self.has_kept[page]))
        require(implies(self.no_copy_under_way_at_compare, ~self.locked[page]))
        require(implies(self.own_pages_staged, ~self.handlers_own[page]))
        self.fate[page] = "discarded"
        self.reading[page] = False

    @action
    def stage(self, page: Page) -> None:
        """A word differs, or the page may not be trusted: the loaded version waits for the atomic restore (L2c)."""
        require(self.phase == "loading", self.fate[page] == "loaded")
        differs = self.reading[page] & ((self.memory[page] != self.held[page]) | (self.seen[page] != self.held[page]))
        require(differs | self.has_kept[page] | self.handlers_own[page])
        self.fate[page] = "staged"
        self.reading[page] = False

    @action
    def keep(self, cpu: Cpu, page: Page) -> None:
        """The fault handler begins to copy the unmodified version (L2b). It needs a frame, and the load is abandoned if there is none."""
        require(self.executes(cpu), self.loading(), self.handler[cpu, page] == "trapped", self.fate[page] != "staged")
        require(implies(self.first_copy_wins, ~self.has_kept[page]))
        require(implies(self.one_copy_at_a_time, ~self.locked[page]))
        self.locked[page] = True
        self.handler[cpu, page] = "copying"
        self.kept[page] = self.memory[page]

    @action
    def finish_keeping(self, cpu: Cpu, page: Page, mixture: Content) -> None:
        """The copy is made, or a mixture if the page was stored to meanwhile, and the lock is given back (L2b)."""
        require(self.executes(cpu), self.loading(), self.handler[cpu, page] == "copying")
        require(implies(self.one_copy_at_a_time, self.locked[page]))
        begun = self.kept[page]
        self.kept[page] = ite(self.memory[page] == begun, begun, mixture)
        self.has_kept[page] = True
        self.locked[page] = False
        self.handler[cpu, page] = "noted"

    @action
    def resume(self) -> None:
        super().resume()
        self.consume_image()

    # ------------------------------------------------------------ what is expected

    @always
    def one_instant(self) -> Boolean:
        """The driver state and the memory in an image that is found at boot belong to one instant."""
        return implies(self.phase == "off", every(Device, lambda device: ~self.advanced[device] | self.resumes_from_any_state[device]))

    @always
    def complete(self) -> Boolean:
        """An image that is found at boot is complete, of one instant, and on the medium, however the machine went off."""
        return implies(
            self.phase == "off",
            every(
                Page,
                lambda page: implies(
                    self.in_image[page],
                    (self.block[page] == "durable")
                    & (ite(self.later_on_disk[page], self.later[page], self.image[page]) == self.snapshot[page]),
                ),
            ),
        )

    @always
    def saved_is_found(self) -> Boolean:
        """A machine that switched itself off with its session saved finds the session."""
        return implies(self.phase == "lost", ~self.said_saved)

    @always
    def handler_runs(self) -> Boolean:
        """The fault handler never faults on a page of its own."""
        return ~self.faulted_in_handler

    @eventually
    def save_ends(self) -> LeadsTo:
        """A save that has begun ends: the image is committed, everything is undone, or the power has failed."""
        begun = self.saving() | self.copying() | (self.phase == "aborting")
        begun = begun | (self.phase == "flushed") | (self.phase == "marked")
        return leads_to(begun, (self.phase == "off") | (self.phase == "lost") | (self.phase == "aborted"))

    @sometimes
    def saved_all_the_same(self) -> Boolean:
        """The power fails before the machine switches itself off, and there is an image."""
        return (self.phase == "off") & ~self.said_saved

    @sometimes
    def another_session(self) -> Boolean:
        """The image was resumed, the power failed later, and what boots then finds no image."""
        return (self.phase == "fresh") & self.resumed_from

    @terminal
    def ended(self) -> Boolean:
        """A session runs: the saved one, or another."""
        return super().ended() | (self.phase == "fresh")

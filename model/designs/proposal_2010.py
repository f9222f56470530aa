"""The algorithm that the author of TuxOnIce proposed on 10 May 2010 for writing and reading a hibernation image.

"Proposal for a new algorithm for reading & writing a hibernation image", N. Cunningham, linux-pm and LKML, Message-ID
4BE7475A.8030901@crca.org.au. S1 to S5 and L1 to L3 number its steps; Q1 and Q2 its own open questions. An assumption that the post
states has its words under ``said``; the others it leaves open.
"""

from __future__ import annotations

from .. import (
    Assumption,
    Boolean,
    Choice,
    Content,
    Contents,
    Cpu,
    Design,
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
    some,
    sometimes,
    terminal,
)
from ..hardware import Devices, Processors, Reserve


class Proposal2010(Processors, Devices, Reserve, Design):
    """Save: write everything once, then copy atomically what faulted meanwhile. Load: compare before restoring.

    One machine from the running system to the resumed one. The load half stands on the same hardware as the save half. The
    image is a perfect disk here: no cache, no power loss, no second resume; a page is read, copied and compared in one step.

    That the save ends takes fairness, all of it weak: of the saver's own steps, of the CPUs that acknowledge a flush or a stop, and
    of the steps that undo. Nobody promises that the fault handler gets on, that a task stops storing, or that the save is given up.
    A copy that stays possible is made or the save is given up: where the reserve is empty for good, only giving up ends the save (Q1).
    """

    phase = Choice(
        "running", "protecting", "writing", "stopping", "copying", "writing_copies", "off",
        "loading", "suspending", "restoring", "resumed",
        "aborting", "aborted", "abandoned",
    )
    # -- the save half
    flagged = Flag(per=Page)  # S2: needs an atomic copy
    copied = Flag(per=Page)  # S4: has one, in a frame of the reserve
    # -- the image
    in_image = Flag(per=Page)  # in use at the atomic copy
    on_disk = Flag(per=Page)  # S3: written while the system ran
    image = Contents(per=Page)
    later_on_disk = Flag(per=Page)  # S5: the atomic copy is written too
    later = Contents(per=Page)  # the copy, in its frame and then on the disk: nobody writes the frame in between
    # -- the load half
    owned = Flag(per=Page)  # L1: allocated by the loader
    fate = Choice("pending", "direct", "protected", "loaded", "discarded", "staged", "restored", per=Page)
    held = Contents(per=Page)  # the loaded version, in a frame of the reserve
    kept = Contents(per=Page)  # the unmodified version that the fault handler copied
    has_kept = Flag(per=Page)
    drivers_suspended = Flag()
    # -- what the properties compare with
    snapshot = Contents(per=Page, ghost=True)  # memory at the atomic copy
    overwritten = Flag(ghost=True)  # the loader wrote to a page while the boot kernel had it in use

    # -- what the save half takes for granted
    protect_before_read = Assumption(
        "every page in use is protected or flagged before the first page is written",
        protects="restored",
        said='S2: "Prior to writing any of the image"',
    )
    flush_before_trust = Assumption(
        "no CPU keeps a writable TLB entry for an unflagged page once it is read for the image", protects="restored"
    )
    flag_before_unprotect = Assumption(
        "the fault handler flags a page before it lifts the protection",
        protects="restored",
        said='S2: "Once this is done, write protection for the page can be disabled"',
    )
    new_pages_flagged = Assumption("a page that is allocated while the image is written is flagged", protects="restored")
    dma_flagged = Assumption(
        "no device writes a page that is not flagged, from the first protection to the atomic copy", protects="restored"
    )
    devices_resumable = Assumption(
        "a device that works on after its driver's state was saved can resume from any state; the image disk always works on",
        protects="one_instant",
    )
    stop_before_copy = Assumption(
        "the secondary CPUs have stopped before the atomic copy begins",
        protects="restored",
        said='S4: "Disable secondary CPUs"',
    )
    dma_quiet_in_copy = Assumption("no device writes memory while the atomic copy is made", protects="restored")
    commit_last = Assumption(
        "the commit record is written after every copy",
        protects="complete",
        said='S5, implied: "giving a complete image on disk"',
    )
    # -- and the load half
    later_copy_wins = Assumption("of two versions of a page in the image, the atomic copy is loaded", protects="restored")
    claim_before_direct_load = Assumption(
        "a page is loaded directly only after the loader has allocated it",
        protects=("restored", "boot_pages"),
        said='L1: "Locate and allocate pages that can have data directly loaded"',
    )
    protect_before_compare = Assumption(
        "a page is protected before it is compared",
        protects="restored",
        said='L2: "Write protect existing data", then "If contents are the same"',
    )
    unfaulted_at_compare = Assumption(
        "a page that faulted before it was compared is staged, even if it is found equal", protects="restored"
    )
    flush_before_compare = Assumption("no CPU keeps a writable TLB entry for a page that is compared", protects="restored")
    copy_before_unprotect = Assumption(
        "the fault handler keeps the unmodified version before it lifts the protection",
        protects="restored",
        said='L2: "1. make a copy of unmodified version", "2. remove write protection"',
    )
    first_copy_wins = Assumption("a second fault on a page does not overwrite the version that was kept", protects="restored")
    new_mappings_protected = Assumption("a page that is allocated anew while the loader relies on it stays protected", protects="restored")
    dma_spares_discarded = Assumption("no device of the boot kernel writes a page whose loaded version was discarded", protects="restored")
    stop_before_restore = Assumption("the secondary CPUs have stopped before the atomic restore begins", protects="restored")
    dma_quiet_in_restore = Assumption("no device writes memory during the atomic restore", protects="restored")
    # -- and both
    overflow_aborts = Assumption(
        "when the reserve is empty, the save or the load is given up",
        protects="restored",
        said="Q1, as a difficulty: \"Memory requirements for the atomic copy wouldn't be known\"",
    )

    # ------------------------------------------------------------ when things run

    def saving(self) -> Boolean:
        """From the saved driver state to the atomic copy: what changes must be noticed."""
        return (self.phase == "protecting") | (self.phase == "writing") | (self.phase == "stopping")

    def copying(self) -> Boolean:
        """From the atomic copy until the image is committed."""
        return (self.phase == "copying") | (self.phase == "writing_copies")

    def loading(self) -> Boolean:
        """From the boot kernel's first step to the atomic restore."""
        return (self.phase == "loading") | (self.phase == "suspending")

    def powered(self) -> Boolean:
        return (
            (self.phase == "running")
            | self.saving()
            | self.copying()
            | self.loading()
            | (self.phase == "restoring")
            | (self.phase == "aborting")
        )

    # ------------------------------------------------------------ saving the image

    @action
    def save_driver_state(self) -> None:
        """Drivers save their state, once; its memory needs no atomic copy. From here on changes are noticed (S1)."""
        require(self.phase == "running")
        require(implies(self.devices_resumable, self.resumes_from_any_state[self.image_disk]))
        self.phase = "protecting"
        assign_every(self.completed, lambda page: self.memory[page])

    @action(fair="weak")
    def protect(self, page: Page) -> None:
        """One page-table entry is write-protected (S2). TLB entries stay as they are."""
        require(self.phase == "protecting", self.in_use[page], self.writable[page], ~self.flagged[page])
        self.writable[page] = False

    @action(fair="weak")
    def begin_writing(self) -> None:
        """The tables are set up: a write to any page about to be written faults (S2)."""
        require(self.phase == "protecting")
        require(implies(self.protect_before_read, every(Page, lambda page: ~self.in_use[page] | ~self.writable[page] | self.flagged[page])))
        self.phase = "writing"

    @action(fair="weak")
    def write_page(self, page: Page) -> None:
        """One page goes to the image, in any order, between any stores (S3). The disk works for it.

        Reading takes one step: only a flagged page can change meanwhile, and of that the later copy is loaded. (In proposal-2010-full it
        takes two.)
        """
        require(self.phase == "writing", self.in_use[page], ~self.on_disk[page])
        require(implies(self.flush_before_trust, self.flagged[page] | every(Cpu, lambda cpu: ~self.cached_writable[cpu, page])))
        self.image[page] = self.memory[page]
        self.on_disk[page] = True
        self.advanced[self.image_disk] = True

    @action
    def flag(self, cpu: Cpu, page: Page) -> None:
        """The fault handler's first step while saving: the page will need an atomic copy (S2).

        Setting a flag is one locked instruction.
        """
        require(self.executes(cpu), self.saving() | self.copying(), self.handler[cpu, page] == "trapped")
        self.flagged[page] = True
        self.handler[cpu, page] = "noted"

    @action
    def unprotect(self, cpu: Cpu, page: Page) -> None:
        """The fault handler's last step: the write that caused the fault is allowed to proceed (S2, L2b)."""
        require(self.executes(cpu), self.handler[cpu, page] != "idle")
        require(implies(self.flag_before_unprotect & self.saving(), self.handler[cpu, page] == "noted"))
        require(implies(self.copy_before_unprotect & self.loading(), self.handler[cpu, page] == "noted"))
        self.writable[page] = True
        self.handler[cpu, page] = "idle"

    @action(fair="weak")
    def flush(self, cpu: Cpu) -> None:
        """One CPU acknowledges a shootdown, sooner or later: a page can wait for that before it is written (S2, S3)."""
        super().flush(cpu)

    @action
    def allocate(self, page: Page) -> None:
        """The running system allocates a page that was free. Its new mapping is writable; while saving, the page is flagged.

        One step: the allocator flags the page before it hands it out, and until then nobody has a mapping to store through.
        """
        require(some(Cpu, lambda cpu: self.executes(cpu)), ~self.loading(), ~self.in_use[page], ~self.owned[page])
        self.in_use[page] = True
        self.writable[page] = True
        self.flagged[page] = self.flagged[page] | self.saving()

    @action
    def allocate_unnoticed(self, page: Page) -> None:
        """An allocation while saving that nobody told the tracker about."""
        require(~self.new_pages_flagged)
        require(some(Cpu, lambda cpu: self.executes(cpu)), self.saving(), ~self.in_use[page])
        self.in_use[page] = True
        self.writable[page] = True

    @action(fair="weak")
    def begin_stopping(self) -> None:
        """The entire contents of memory are on the disk, but for pages that were flagged (S3)."""
        require(self.phase == "writing", every(Page, lambda page: ~self.in_use[page] | self.on_disk[page] | self.flagged[page]))
        self.phase = "stopping"

    @action(fair="weak")
    def stop_cpu(self, cpu: Cpu) -> None:
        """A secondary CPU acknowledges the request to stop, wherever it is: inside the fault handler too (S4, L3)."""
        require((self.phase == "stopping") | self.copying() | (self.phase == "suspending"), cpu != self.boot_cpu, self.running[cpu])
        self.running[cpu] = False

    @action(fair="weak")
    def begin_copying(self) -> None:
        """The atomic copy begins: the boot CPU does nothing else, interrupts are off (S4). This instant is the snapshot."""
        require(self.phase == "stopping")
        require(implies(self.stop_before_copy, every(Cpu, lambda cpu: (cpu == self.boot_cpu) | ~self.running[cpu])))
        self.phase = "copying"
        self.running[self.boot_cpu] = False
        assign_every(self.snapshot, lambda page: self.memory[page])
        assign_every(self.in_image, lambda page: self.in_use[page])

    @action(fair="weak")
    def copy_page(self, page: Page) -> None:
        """One flagged page is copied to a frame of the reserve (S4).

        One step: nobody else runs, and the frame is nobody else's.
        """
        require(self.phase == "copying", self.in_image[page], self.flagged[page], ~self.copied[page])
        self.take_frame()
        self.copied[page] = True
        self.later[page] = self.memory[page]

    @action
    def skip_copy(self, page: Page) -> None:
        """The reserve is empty, and nobody looks: the page goes without its copy."""
        require(~self.overflow_aborts)
        require(self.phase == "copying", self.flagged[page], ~self.copied[page])
        self.flagged[page] = False

    @action(fair="weak")
    def begin_writing_copies(self) -> None:
        """Every flagged page is copied; the boot CPU runs again, the others stay stopped (S5)."""
        require(self.phase == "copying", every(Page, lambda page: ~self.in_image[page] | ~self.flagged[page] | self.copied[page]))
        self.phase = "writing_copies"
        self.running[self.boot_cpu] = True

    @action(fair="weak")
    def write_copy(self, page: Page) -> None:
        """One atomic copy goes to the image (S5)."""
        require(self.phase == "writing_copies", self.copied[page], ~self.later_on_disk[page])
        self.later_on_disk[page] = True

    @action(fair="weak")
    def commit(self) -> None:
        """The commit record makes the image a complete one, and the machine is switched off (S5)."""
        require(self.phase == "writing_copies")
        require(implies(self.commit_last, every(Page, lambda page: ~self.copied[page] | self.later_on_disk[page])))
        self.phase = "off"

    # ------------------------------------------------------------ devices

    @action
    def work(self, device: Device) -> None:
        """A device does something; its state moves on. Only what happens before the atomic copy can tear it from memory."""
        require(self.saving() | (self.phase == "copying"), ~self.advanced[device])
        require(implies(self.devices_resumable, self.resumes_from_any_state[device]))
        self.advanced[device] = True

    @action
    def write_by_dma(self, device: Device, page: Page, content: Content) -> None:
        """A device writes a page past every page table: no fault, no flag."""
        require(self.powered(), self.in_use[page])
        require(implies(self.devices_resumable & (self.saving() | (self.phase == "copying")), self.resumes_from_any_state[device]))
        require(implies(self.dma_flagged & self.saving(), self.flagged[page]))
        require(implies(self.dma_quiet_in_copy, self.phase != "copying"))
        require(implies(self.dma_spares_discarded & self.loading(), (self.fate[page] != "discarded") | self.has_kept[page]))
        require(implies(self.dma_quiet_in_restore, self.phase != "restoring"))
        self.changed(page, content)
        self.advanced[device] = self.advanced[device] | self.saving() | (self.phase == "copying")

    # ------------------------------------------------------------ loading the image

    @action
    def boot(self, found: Each[Page, Content], used: Each[Page, Boolean], entries: Each[tuple[Cpu, Page], Boolean]) -> None:
        """Another kernel boots: memory and TLBs are whatever they are, some pages are its own.

        The reserve is its own too, and nobody will ask for it back: from here on an allocation may fail, and is not counted (Q2).
        """
        require(self.phase == "off")
        self.phase = "loading"
        assign_every(self.memory, lambda page: found[page])
        assign_every(self.in_use, lambda page: used[page])
        assign_every(self.writable, lambda page: True)
        assign_every(self.cached_writable, lambda cpu, page: entries[cpu, page])
        assign_every(self.handler, lambda cpu, page: "idle")
        assign_every(self.running, lambda cpu: True)
        self.taken_frames = 0

    @action
    def claim(self, page: Page) -> None:
        """A page that is free now and used in the image is allocated by the loader (L1).

        The allocator's lock makes it one step.
        """
        require(self.phase == "loading", self.in_image[page], self.fate[page] == "pending", ~self.in_use[page], ~self.owned[page])
        self.owned[page] = True

    @action
    def load_directly(self, page: Page, earlier: Boolean) -> None:
        """Its data are loaded into place, without an atomic restore (L1).

        One step: nobody else has a mapping of a claimed page.
        """
        require(self.phase == "loading", self.in_image[page], self.fate[page] == "pending", self.readable(page, earlier))
        require(implies(self.claim_before_direct_load, self.owned[page]))
        self.memory[page] = self.version(page, earlier)
        self.overwritten = self.overwritten | self.in_use[page]
        self.fate[page] = "direct"

    @action
    def protect_existing(self, page: Page) -> None:
        """Another page: the boot kernel's data in it are write-protected (L2)."""
        require(self.phase == "loading", self.in_image[page], self.fate[page] == "pending", self.in_use[page])
        self.writable[page] = False
        self.fate[page] = "protected"

    @action
    def protect_late(self, page: Page) -> None:
        """The page is write-protected only after it was compared."""
        require(~self.protect_before_compare)
        require(self.phase == "loading", (self.fate[page] == "loaded") | (self.fate[page] == "discarded"), self.writable[page])
        self.writable[page] = False

    @action
    def load_page(self, page: Page, earlier: Boolean) -> None:
        """The image's version of it is loaded into a frame (L2; the I/O's claim of Q2). The allocation may fail: then see abandon.

        One step: the frame is the loader's own.
        """
        require(self.phase == "loading", self.in_image[page], (self.fate[page] == "pending") | (self.fate[page] == "protected"))
        require(implies(self.protect_before_compare, self.fate[page] == "protected"), self.readable(page, earlier))
        self.held[page] = self.version(page, earlier)
        self.fate[page] = "loaded"

    @action
    def discard(self, page: Page) -> None:
        """The same as what is loaded: the loaded version is discarded, the protection stays (L2a).

        Comparing and what follows from it are one step if the handler and the loader hold one lock, as a page lock does, and no
        device writes the page meanwhile. proposal-2010-full takes them apart, and names what has to hold in between.
        """
        require(self.phase == "loading", self.fate[page] == "loaded", self.memory[page] == self.held[page])
        require(implies(self.unfaulted_at_compare, ~self.has_kept[page]))
        require(implies(self.flush_before_compare, every(Cpu, lambda cpu: ~self.cached_writable[cpu, page])))
        self.fate[page] = "discarded"

    @action
    def stage(self, page: Page) -> None:
        """It differs, or it faulted before it was compared: the loaded version waits for the atomic restore (L2c)."""
        require(self.phase == "loading", self.fate[page] == "loaded", (self.memory[page] != self.held[page]) | self.has_kept[page])
        self.fate[page] = "staged"

    @action
    def release(self, page: Page) -> None:
        """The write protection of a staged page is removed, unless a fault has done so already (L2c)."""
        require(self.loading(), self.fate[page] == "staged")
        self.writable[page] = True

    @action
    def keep(self, cpu: Cpu, page: Page) -> None:
        """The fault handler's first step while loading: the unmodified version is copied, to be copied back (L2b).

        It needs a frame, and the allocation may fail: then the handler waits, and the load is abandoned. Copying takes one step under
        the lock that :meth:`discard` needs; proposal-2010-full takes it apart.
        """
        require(self.executes(cpu), self.loading(), self.handler[cpu, page] == "trapped", self.fate[page] != "staged")
        require(implies(self.first_copy_wins, ~self.has_kept[page]))
        self.kept[page] = self.memory[page]
        self.has_kept[page] = True
        self.handler[cpu, page] = "noted"

    @action
    def recheck(self, cpu: Cpu, page: Page) -> None:
        """Another handler has kept the unmodified version already, or the page is staged: nothing is left to copy."""
        require(self.executes(cpu), self.loading(), self.handler[cpu, page] == "trapped")
        require(self.has_kept[page] | (self.fate[page] == "staged"))
        self.handler[cpu, page] = "noted"

    @action
    def go_on_without_copy(self, cpu: Cpu, page: Page) -> None:
        """The reserve is empty, and the fault handler lets the write go on."""
        require(~self.overflow_aborts)
        require(self.executes(cpu), self.loading(), self.handler[cpu, page] == "trapped")
        self.handler[cpu, page] = "noted"

    @action
    def allocate_while_loading(self, page: Page) -> None:
        """The boot kernel allocates a page that is free. The new mapping is writable unless the loader relies on the page."""
        require(some(Cpu, lambda cpu: self.executes(cpu)), self.loading(), ~self.in_use[page], ~self.owned[page])
        self.in_use[page] = True
        self.writable[page] = self.writable[page] | (self.fate[page] == "pending") | (self.fate[page] == "direct")

    @action
    def map_unnoticed(self, page: Page) -> None:
        """An allocation gives a page a writable mapping that nobody told the loader about."""
        require(~self.new_mappings_protected)
        require(some(Cpu, lambda cpu: self.executes(cpu)), self.loading(), ~self.in_use[page], ~self.owned[page])
        self.in_use[page] = True
        self.writable[page] = True

    @action
    def begin_suspending(self) -> None:
        """Memory is loaded, and what needs an atomic restore is known (L3)."""
        require(self.phase == "loading")
        require(
            every(
                Page,
                lambda page: (
                    ~self.in_image[page] | (self.fate[page] == "direct") | (self.fate[page] == "discarded") | (self.fate[page] == "staged")
                ),
            )
        )
        self.phase = "suspending"

    @action
    def suspend_drivers(self) -> None:
        """The boot kernel's drivers suspend; they need memory for it, and may not get it (L3, Q2)."""
        require(self.phase == "suspending", ~self.drivers_suspended)
        self.drivers_suspended = True

    @action
    def begin_restoring(self) -> None:
        """The boot kernel runs no more: the atomic restore begins (L3)."""
        require(self.phase == "suspending", self.drivers_suspended)
        require(implies(self.stop_before_restore, every(Cpu, lambda cpu: (cpu == self.boot_cpu) | ~self.running[cpu])))
        self.phase = "restoring"
        self.running[self.boot_cpu] = False

    @action
    def restore_page(self, page: Page) -> None:
        """One staged page, or one version that was kept, is copied to its place (L3).

        One step: nobody else runs.
        """
        require(self.phase == "restoring", (self.fate[page] == "staged") | ((self.fate[page] == "discarded") & self.has_kept[page]))
        self.memory[page] = ite(self.fate[page] == "staged", self.held[page], self.kept[page])
        self.fate[page] = "restored"

    @action
    def resume(self) -> None:
        """Everything is in its place: the saved system runs again (L3)."""
        require(self.phase == "restoring")
        require(every(Page, lambda page: (self.fate[page] != "staged") & ((self.fate[page] != "discarded") | ~self.has_kept[page])))
        self.phase = "resumed"

    def readable(self, page: Page, earlier: Boolean) -> Boolean:
        """The version that is asked for is in the image, and is the one that should be asked for."""
        return implies(earlier, self.on_disk[page]) & implies(self.later_copy_wins, ~earlier)

    def version(self, page: Page, earlier: Boolean) -> Content:
        """The version that the loader picks: the latest, unless the earlier one is asked for."""
        chosen: Content = ite(earlier, self.image[page], self.latest(page))
        return chosen

    def latest(self, page: Page) -> Content:
        """The page's content in the image: the atomic copy if there is one."""
        found: Content = ite(self.later_on_disk[page], self.later[page], self.image[page])
        return found

    # ------------------------------------------------------------ giving up

    @action
    def abort(self) -> None:
        """The save is given up, whenever and for whatever reason: an I/O error, the user, an empty reserve (Q1)."""
        require(self.saving() | self.copying())
        self.phase = "aborting"
        self.running[self.boot_cpu] = True

    @action
    def abandon(self) -> None:
        """The load is given up before the restore; the boot kernel goes on as if nothing had happened (Q2).

        What follows is left out: nobody relies on the protection any more, a page that is still protected only makes a store fault
        and wait for the handler, and the loader's frames are its own. What the boot kernel had stored must be there: see boot_pages.
        """
        require(self.loading())
        self.phase = "abandoned"

    @action(fair="weak")
    def lift_protection(self, page: Page) -> None:
        """A page becomes writable again."""
        require(self.phase == "aborting", ~self.writable[page])
        self.writable[page] = True

    @action(fair="weak")
    def restart_cpu(self, cpu: Cpu) -> None:
        """A stopped CPU runs again."""
        require(self.phase == "aborting", ~self.running[cpu])
        self.running[cpu] = True

    @action(fair="weak")
    def drop_copy(self, page: Page) -> None:
        """The frame of an atomic copy goes back to the reserve."""
        require(self.phase == "aborting", self.copied[page])
        self.return_frame()
        self.copied[page] = False

    @action(fair="weak")
    def finish_aborting(self) -> None:
        """Everything is undone; the system runs on."""
        require(
            self.phase == "aborting",
            every(Page, lambda page: self.writable[page] & ~self.copied[page]),
            every(Cpu, lambda cpu: self.running[cpu]),
        )
        self.phase = "aborted"

    # ------------------------------------------------------------ what is expected

    @always
    def restored(self) -> Boolean:
        """The restored memory equals the memory at the time of the atomic copy."""
        return implies(
            self.phase == "resumed", every(Page, lambda page: implies(self.in_image[page], self.memory[page] == self.snapshot[page]))
        )

    @always
    def one_instant(self) -> Boolean:
        """The driver state and the memory in a committed image belong to one instant."""
        return implies(self.phase == "off", every(Device, lambda device: ~self.advanced[device] | self.resumes_from_any_state[device]))

    @always
    def complete(self) -> Boolean:
        """A committed image is complete: it has every page, and the atomic copy of every page that needed one."""
        return implies(
            self.phase == "off",
            every(
                Page,
                lambda page: (
                    implies(self.in_image[page], self.on_disk[page] | self.later_on_disk[page])
                    & implies(self.copied[page], self.later_on_disk[page])
                ),
            ),
        )

    @always
    def image_is_snapshot(self) -> Boolean:
        """A committed image equals the memory at the time of the atomic copy."""
        return implies(
            self.phase == "off", every(Page, lambda page: implies(self.in_image[page], self.latest(page) == self.snapshot[page]))
        )

    @always
    def nothing_lost(self) -> Boolean:
        """An aborted save loses no store, and leaves every page writable, every CPU running and the reserve free."""
        return implies(
            self.phase == "aborted",
            (self.taken_frames == 0)
            & every(Cpu, lambda cpu: self.running[cpu])
            & every(Page, lambda page: self.writable[page] & implies(self.in_use[page], self.memory[page] == self.completed[page])),
        )

    @always
    def boot_pages(self) -> Boolean:
        """The boot kernel's own pages are never overwritten before the restore."""
        return implies(self.loading(), ~self.overwritten)

    @eventually
    def save_ends(self) -> LeadsTo:
        """A save that has begun ends: the image is committed, or everything is undone."""
        begun = self.saving() | self.copying() | (self.phase == "aborting")
        return leads_to(begun, (self.phase == "off") | (self.phase == "aborted"))

    @sometimes
    def resumes(self) -> Boolean:
        """A saved system runs again."""
        return self.phase == "resumed"

    @sometimes
    def faulted_twice(self) -> Boolean:
        """A page that was flagged and unprotected already is in the fault handler of a CPU once more."""
        return self.saving() & some(
            Page, lambda page: self.flagged[page] & self.writable[page] & some(Cpu, lambda cpu: self.handler[cpu, page] == "trapped")
        )

    @sometimes
    def written_and_changed(self) -> Boolean:
        """The image holds a page that has changed since."""
        return (self.phase == "stopping") & some(
            Page, lambda page: self.in_use[page] & self.on_disk[page] & (self.image[page] != self.memory[page])
        )

    @sometimes
    def discarded_and_changed(self) -> Boolean:
        """A page was found equal, its loaded version discarded, and it was changed later."""
        return self.loading() & some(
            Page, lambda page: (self.fate[page] == "discarded") & self.has_kept[page] & (self.memory[page] != self.kept[page])
        )

    @sometimes
    def kept_and_restored(self) -> Boolean:
        """A page comes back from the version that the fault handler kept."""
        return (self.phase == "resumed") & some(Page, lambda page: (self.fate[page] == "restored") & self.has_kept[page])

    @sometimes
    def staged_and_restored(self) -> Boolean:
        """A page that differed comes back by the atomic restore."""
        return (self.phase == "resumed") & some(Page, lambda page: (self.fate[page] == "restored") & ~self.has_kept[page])

    @sometimes
    def loaded_in_place(self) -> Boolean:
        """A page of the resumed system was loaded directly."""
        return (self.phase == "resumed") & some(Page, lambda page: self.fate[page] == "direct")

    @sometimes
    def save_given_up(self) -> Boolean:
        """A save is given up after an atomic copy was made, and is undone."""
        return (self.phase == "aborted") & some(Page, lambda page: self.on_disk[page])

    @sometimes
    def load_given_up(self) -> Boolean:
        """A load is given up, and is undone."""
        return self.phase == "abandoned"

    @terminal
    def ended(self) -> Boolean:
        """Resumed, or given up."""
        return (self.phase == "resumed") | (self.phase == "aborted") | (self.phase == "abandoned")

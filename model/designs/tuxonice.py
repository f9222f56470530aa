"""TuxOnIce with two page sets: the page cache is written first, and its frames then take the atomic copy of everything else.

Documentation/power/tuxonice.txt and tuxonice-internals.txt of the TuxOnIce 3.0 patches ("[RFC] TuxOnIce", May 2009); kernel/power/
tuxonice_prepare_image.c, tuxonice_io.c and tuxonice_checksum.c. Page set 2 is what lies on the LRU lists; page set 1 is the rest.
Kernel mode setting broke it: a buffer of the graphics driver is shmem, which lies on the LRU lists, and is written all the same. Such
pages have to be found and made part of page set 1 (tuxonice-internals.txt, 3d). That is why its author proposed another algorithm in 2010.
"""

from __future__ import annotations

from .. import (
    Assumption,
    Boolean,
    Choice,
    Constant,
    Content,
    Contents,
    Cpu,
    Design,
    Device,
    Each,
    Flag,
    Page,
    action,
    always,
    arbitrary,
    assign_every,
    every,
    implies,
    require,
    some,
    sometimes,
)
from ..hardware import Disk


class TuxOnIce(Disk, Design):
    """Freeze; save page set 2; copy page set 1 into its frames at one instant; save the copies. Load in the opposite order.

    That makes room for a full image of memory without a reserve, as long as nobody touches page set 2 after it was saved. A copy
    lies in the frame of some page of set 2, or in a frame set aside where set 2 is too small (whether there are enough is known
    beforehand, because everything is frozen). Which copy lies in which frame is not kept: who writes such a frame hits any of them.

    Page set 2 is read back by the kernel that was resumed, before user space is thawed; and likewise by the running one, if the save
    is given up after the atomic copy. So the header of the image is reset only then.

    Left out: page tables and TLBs, since nothing is protected; free pages; loading in place, and what the loader itself needs
    (see swsusp); checksums, by which TuxOnIce could tell that a page of set 2 had changed while it was saved, but not later; what a
    session stores once it goes on.
    """

    boot_cpu = Constant(Cpu)

    phase = Choice(
        "running", "saving_set_2", "stopping", "copying", "writing_copies", "marked", "off",
        "booted", "loading", "restoring", "reading_set_2", "resumed",
        "aborting", "aborted", "fresh",
    )
    memory = Contents(per=Page)
    in_set_2 = Flag(per=Page, initial=arbitrary)
    running = Flag(per=Cpu, initial=True)
    awake = Flag(per=Device, initial=True)
    # -- the save half
    overwritten = Flag(per=Page)  # a page of set 2 whose frame holds a copy
    copied = Flag(per=Page)
    copy = Contents(per=Page)
    image = Contents(per=Page)  # what its block was given
    # -- the load half
    fate = Choice("pending", "loaded", "back", per=Page)
    held = Contents(per=Page)  # the loaded version of a page of set 1
    # -- what the properties compare with
    snapshot = Contents(per=Page, ghost=True)  # memory at the atomic copy
    completed = Contents(per=Page, ghost=True)  # memory as if nobody had saved anything
    said_saved = Flag(ghost=True)  # the machine switched itself off with an image written
    given_out = Flag(ghost=True)  # a kernel that was restored whole has reset the header
    resumed_from = Flag(ghost=True)
    resumed_twice = Flag(ghost=True)

    tasks_frozen = Assumption("no task writes a page of set 2 once saving has begun: user space is frozen", protects="restored")
    page_reads_ended = Assumption(
        "no device writes a page of set 2 once saving has begun: reads into the page cache have ended", protects="restored"
    )
    set_2_untouched = Assumption("nobody else writes a page of set 2 once it is saved: no driver owns such a page", protects="restored")
    set_2_saved_before_copy = Assumption("the pages of set 2 are saved before their frames take copies", protects="restored")
    stop_before_copy = Assumption("the secondary CPUs have stopped before the atomic copy begins", protects="restored")
    devices_suspended_before_copy = Assumption("every device is suspended when the atomic copy begins", protects="restored")
    data_before_mark = Assumption("the image is durable before the header says that there is one", protects="restored")
    mark_before_off = Assumption("the header is durable before the machine switches itself off", protects="saved_is_found")
    devices_suspended_before_restore = Assumption("every device is suspended when the atomic restore begins", protects="restored")
    set_2_back_before_thaw = Assumption(
        "page set 2 is read back before user space is thawed, after a resume and after giving up", protects=("restored", "nothing_lost")
    )
    reset_before_thaw = Assumption("the header is reset durably before user space is thawed", protects="consumed_once")

    # ------------------------------------------------------------ when things run

    def has_power(self) -> Boolean:
        return self.phase != "off"

    def saving(self) -> Boolean:
        """Tasks are frozen, and the kernel runs to save them, or has just given up doing so."""
        return (
            (self.phase == "saving_set_2")
            | (self.phase == "stopping")
            | (self.phase == "writing_copies")
            | (self.phase == "marked")
            | (self.phase == "aborting")
        )

    def loading(self) -> Boolean:
        """Another kernel runs, to load the image; its memory is of no interest until a page is back in its place."""
        return (self.phase == "loading") | (self.phase == "restoring")

    def changed(self, page: Page, content: Content) -> None:
        """What happens at every write that somebody made on purpose."""
        self.memory[page] = content
        self.completed[page] = content

    # ------------------------------------------------------------ everybody who writes memory

    @action
    def store(self, cpu: Cpu, page: Page, content: Content) -> None:
        """A CPU stores to a page: a task before the freeze, the kernel after it."""
        require((self.phase == "running") | self.saving() | (self.phase == "copying"), self.running[cpu], ~self.overwritten[page])
        require(implies(self.tasks_frozen, (self.phase == "running") | ~self.in_set_2[page]))
        self.changed(page, content)

    @action
    def write_by_dma(self, device: Device, page: Page, content: Content) -> None:
        """A device that is not suspended writes a page, whichever kernel runs."""
        require((self.phase == "running") | self.saving() | (self.phase == "copying") | self.loading(), self.awake[device])
        require(~self.overwritten[page] | self.loading())
        require(implies(self.page_reads_ended, (self.phase == "running") | self.loading() | ~self.in_set_2[page]))
        self.changed(page, content)

    @action
    def write_by_kms(self, page: Page, content: Content) -> None:
        """The graphics driver draws: it writes a buffer of its own, whose pages lie on the LRU lists and so in page set 2."""
        require((self.phase == "running") | self.saving(), self.in_set_2[page], ~self.overwritten[page])
        require(implies(self.set_2_untouched, self.block[page] == "blank"))
        self.changed(page, content)

    @action
    def write_by_kms_into_copy(self, page: Page, hit: Page, content: Content) -> None:
        """It draws into a frame that holds an atomic copy by now."""
        require(~self.set_2_untouched)
        require((self.phase == "writing_copies") | (self.phase == "marked"), self.overwritten[page], self.copied[hit])
        self.copy[hit] = content
        self.completed[page] = content

    # ------------------------------------------------------------ saving the image

    @action
    def freeze(self) -> None:
        """Tasks are frozen, and the two page sets are made out."""
        require(self.phase == "running")
        self.phase = "saving_set_2"
        assign_every(self.completed, lambda page: self.memory[page])

    @action
    def save_set_2(self, page: Page) -> None:
        """One page of set 2 is written, straight from its place."""
        require(self.phase == "saving_set_2", self.in_set_2[page], self.block[page] == "blank")
        self.write(page, self.memory[page])

    @action
    def begin_stopping(self) -> None:
        """Page set 2 is saved: drivers suspend, CPUs stop."""
        require(self.phase == "saving_set_2")
        require(implies(self.set_2_saved_before_copy, every(Page, lambda page: ~self.in_set_2[page] | (self.block[page] != "blank"))))
        self.phase = "stopping"

    @action
    def suspend_device(self, device: Device) -> None:
        """A driver suspends its device, for the atomic copy or for the atomic restore."""
        require((self.phase == "stopping") | (self.phase == "loading"), self.awake[device])
        self.awake[device] = False

    @action
    def stop_cpu(self, cpu: Cpu) -> None:
        """A secondary CPU is stopped."""
        require(self.phase == "stopping", cpu != self.boot_cpu, self.running[cpu])
        self.running[cpu] = False

    @action
    def begin_copying(self) -> None:
        """The atomic copy begins: the boot CPU does nothing else. This instant is the snapshot."""
        require(self.phase == "stopping")
        require(implies(self.stop_before_copy, every(Cpu, lambda cpu: (cpu == self.boot_cpu) | ~self.running[cpu])))
        require(implies(self.devices_suspended_before_copy, every(Device, lambda device: ~self.awake[device])))
        self.phase = "copying"
        self.running[self.boot_cpu] = False
        assign_every(self.snapshot, lambda page: self.memory[page])

    @action
    def copy_page(self, page: Page, frame: Page) -> None:
        """One page of set 1 is copied into the frame of a page of set 2, which is on the disk."""
        require(self.phase == "copying", ~self.in_set_2[page], ~self.copied[page])
        require(self.in_set_2[frame], ~self.overwritten[frame])
        self.copied[page] = True
        self.copy[page] = self.memory[page]
        self.overwritten[frame] = True
        self.memory[frame] = self.memory[page]

    @action
    def copy_page_aside(self, page: Page) -> None:
        """One page of set 1 is copied into a frame that was set aside, because page set 2 is too small."""
        require(self.phase == "copying", ~self.in_set_2[page], ~self.copied[page])
        require(every(Page, lambda any: ~self.in_set_2[any] | self.overwritten[any]))
        self.copied[page] = True
        self.copy[page] = self.memory[page]

    @action
    def begin_writing_copies(self) -> None:
        """Page set 1 is copied; devices and CPUs are back, tasks stay frozen."""
        require(self.phase == "copying", every(Page, lambda page: self.in_set_2[page] | self.copied[page]))
        self.phase = "writing_copies"
        self.wake_everything()

    @action
    def write_copy(self, page: Page) -> None:
        """One copy is written."""
        require(self.phase == "writing_copies", self.copied[page], self.block[page] == "blank")
        self.write(page, self.copy[page])

    @action
    def flush(self) -> None:
        """A flush of the disk's cache completes."""
        require((self.phase == "writing_copies") | (self.phase == "marked") | (self.phase == "reading_set_2"))
        self.flush_cache()

    @action
    def mark(self) -> None:
        """The header says that there is an image."""
        require(self.phase == "writing_copies", every(Page, lambda page: ~self.copied[page] | (self.block[page] != "blank")))
        require(implies(self.data_before_mark, every(Page, lambda page: self.block[page] != "cached")))
        self.phase = "marked"
        self.marked = True

    @action
    def switch_off(self, header_survives: Boolean, survives: Each[Page, Boolean]) -> None:
        """The machine switches itself off."""
        require(self.phase == "marked", implies(self.mark_before_off, self.durably_marked))
        self.forget_cache(header_survives, survives)
        self.phase = "off"
        self.said_saved = True

    @action
    def lose_power(self, header_survives: Boolean, survives: Each[Page, Boolean]) -> None:
        """The power fails, at any time."""
        super().lose_power(header_survives, survives)
        self.phase = "off"

    def write(self, page: Page, content: Content) -> None:
        """A page goes to its block, which is in the disk's cache then."""
        self.image[page] = content
        self.block[page] = "cached"

    def wake_everything(self) -> None:
        """Devices work and CPUs run again."""
        assign_every(self.awake, lambda device: True)
        assign_every(self.running, lambda cpu: True)

    # ------------------------------------------------------------ loading the image

    @action
    def boot(self, found: Each[Page, Content]) -> None:
        """A kernel boots: memory is whatever it is. It looks for an image."""
        require(self.phase == "off")
        self.phase = "booted"
        assign_every(self.memory, lambda page: found[page])
        assign_every(self.fate, lambda page: "pending")
        self.wake_everything()

    @action
    def find_nothing(self) -> None:
        """There is no image: a new session begins."""
        require(self.phase == "booted", ~self.marked)
        self.phase = "fresh"

    @action
    def find_image(self) -> None:
        """There is one, and it is loaded."""
        require(self.phase == "booted", self.marked)
        self.phase = "loading"

    @action
    def load_page(self, page: Page, otherwise: Content) -> None:
        """One page of set 1 is loaded, aside."""
        require(self.phase == "loading", ~self.in_set_2[page], self.fate[page] == "pending")
        self.held[page] = self.content_of_block(page, self.image[page], otherwise)
        self.fate[page] = "loaded"

    @action
    def begin_restoring(self) -> None:
        """Page set 1 is loaded, and its atomic restore begins: one CPU does nothing else."""
        require(self.phase == "loading", every(Page, lambda page: self.in_set_2[page] | (self.fate[page] == "loaded")))
        require(implies(self.devices_suspended_before_restore, every(Device, lambda device: ~self.awake[device])))
        self.phase = "restoring"

    @action
    def restore_page(self, page: Page) -> None:
        """One page of set 1 is copied to its place."""
        require(self.phase == "restoring", self.fate[page] == "loaded")
        self.memory[page] = self.held[page]
        self.fate[page] = "back"

    @action
    def begin_reading_set_2(self) -> None:
        """The saved kernel runs again. Its tasks are frozen, because page set 2 is still on the disk."""
        require(self.phase == "restoring", every(Page, lambda page: self.in_set_2[page] | (self.fate[page] == "back")))
        self.phase = "reading_set_2"

    @action
    def read_set_2(self, page: Page, otherwise: Content) -> None:
        """One page of set 2 is read into its place."""
        require(self.phase == "reading_set_2", self.in_set_2[page], self.fate[page] == "pending")
        self.memory[page] = self.content_of_block(page, self.image[page], otherwise)
        self.fate[page] = "back"

    @action
    def reset_header(self) -> None:
        """The header is reset: nobody will find the image any more. If the power fails between here and the thaw, the session is lost."""
        require(self.phase == "reading_set_2", every(Page, lambda page: self.fate[page] == "back"), self.marked)
        self.marked = False
        self.given_out = True

    @action
    def thaw(self) -> None:
        """Tasks are thawed: the session goes on."""
        require(self.phase == "reading_set_2")
        require(implies(self.set_2_back_before_thaw, every(Page, lambda page: self.fate[page] == "back")))
        require(implies(self.reset_before_thaw, ~self.durably_marked))
        self.phase = "resumed"
        self.resumed_twice = self.resumed_from
        self.resumed_from = True

    # ------------------------------------------------------------ giving up

    @action
    def abort(self) -> None:
        """The save is given up before there is an image, for whatever reason."""
        require((self.phase == "saving_set_2") | (self.phase == "stopping") | (self.phase == "writing_copies"))
        self.phase = "aborting"
        self.wake_everything()

    @action
    def read_overwritten(self, page: Page, otherwise: Content) -> None:
        """A page of set 2 whose frame took a copy is read back."""
        require(self.phase == "aborting", self.overwritten[page])
        self.memory[page] = self.content_of_block(page, self.image[page], otherwise)
        self.overwritten[page] = False

    @action
    def finish_aborting(self) -> None:
        """Tasks are thawed: the session goes on as if nothing had happened."""
        require(self.phase == "aborting")
        require(implies(self.set_2_back_before_thaw, every(Page, lambda page: ~self.overwritten[page])))
        self.phase = "aborted"

    # ------------------------------------------------------------ what is expected

    @always
    def restored(self) -> Boolean:
        """The restored memory equals the memory at the time of the atomic copy."""
        return implies(self.phase == "resumed", every(Page, lambda page: self.memory[page] == self.snapshot[page]))

    @always
    def nothing_lost(self) -> Boolean:
        """A save that is given up loses no store."""
        return implies(self.phase == "aborted", every(Page, lambda page: self.memory[page] == self.completed[page]))

    @always
    def consumed_once(self) -> Boolean:
        """An image is resumed at most once."""
        return ~self.resumed_twice

    @always
    def saved_is_found(self) -> Boolean:
        """When the machine has switched itself off with an image, every boot finds it, until a restored kernel resets the header."""
        return implies((self.phase == "fresh") & self.said_saved, self.given_out)

    @sometimes
    def resumes(self) -> Boolean:
        """A saved session goes on, with pages of both sets."""
        return (self.phase == "resumed") & some(Page, lambda page: self.in_set_2[page]) & some(Page, lambda page: ~self.in_set_2[page])

    @sometimes
    def header_reset_and_forgotten(self) -> Boolean:
        """The power fails just before the session goes on, and the header is as it was: the image is loaded once more."""
        return (self.phase == "off") & self.marked & every(Page, lambda page: self.fate[page] == "back")

    @sometimes
    def written_after_copy(self) -> Boolean:
        """The kernel has written a page of set 1 that was copied."""
        return (self.phase == "writing_copies") & some(Page, lambda page: self.copied[page] & (self.memory[page] != self.copy[page]))

    @sometimes
    def given_up_late(self) -> Boolean:
        """A save is given up after the atomic copy has overwritten page set 2."""
        return (self.phase == "aborting") & some(Page, lambda page: self.overwritten[page])

    @sometimes
    def new_session_after_resume(self) -> Boolean:
        """The power fails after a resume, and the next boot finds no image."""
        return (self.phase == "fresh") & self.resumed_from

"""Hibernation as the Linux kernel does it: the atomic copy of everything, at most half of memory.

kernel/power/hibernate.c, snapshot.c and swap.c, arch/x86/power/hibernate_64.c and hibernate_asm_64.S, as of Linux 6.x;
Documentation/power/swsusp.rst. This is the "atomic restore as is done at the moment" of the proposal of 2010.
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
    terminal,
)
from ..hardware import Disk, External, Reserve, SafeFrames


class Swsusp(Disk, External, Reserve, SafeFrames, Design):
    """Freeze, suspend the drivers, copy everything at one instant, write the copies; load in place or aside, and move.

    From the running system to the resumed one and beyond it: whatever runs in the end can lose power once more, and boot again.

    Left out: page tables and TLBs, since nothing is protected, so that a store is a store; what the drivers save, since it is of
    the same instant as the copy when they are suspended; a second save; what a session stores once it goes on. Which pages the
    image has is part of it, and not lost by itself. Where a copy lies does not matter as long as it has a frame: see Reserve.
    """

    boot_cpu = Constant(Cpu)
    image_disk = Constant(Device)

    phase = Choice(
        "running", "frozen", "copying", "writing", "written", "marked", "off",
        "booted", "loading", "quiescing", "restoring", "clearing", "resumed",
        "aborting", "aborted", "fresh",
    )
    memory = Contents(per=Page)
    in_use = Flag(per=Page, initial=arbitrary)
    running = Flag(per=Cpu, initial=True)
    awake = Flag(per=Device, initial=True)
    # -- the save half
    in_image = Flag(per=Page)  # in use at the atomic copy
    copied = Flag(per=Page)
    copy = Contents(per=Page)  # in a frame of the reserve, which nobody else writes
    image = Contents(per=Page)  # what its block was given
    # -- the load half
    fate = Choice("pending", "claimed", "in_place", "aside", "moved", per=Page)
    held = Contents(per=Page)  # the loaded version, aside
    zeros = Contents()  # what the saved kernel fills a page with when it is freed (init_on_free)
    cleared = Flag(per=Page)
    # -- what the properties compare with
    snapshot = Contents(per=Page, ghost=True)  # memory at the atomic copy
    said_saved = Flag(ghost=True)  # the machine switched itself off, with the image written

    devices_suspended_before_copy = Assumption("every device is suspended when the atomic copy begins", protects="restored")
    stop_before_copy = Assumption("the secondary CPUs are off when the atomic copy begins", protects="restored")
    overflow_aborts = Assumption("when there is no frame for a copy, the save is given up", protects="restored")
    data_before_mark = Assumption("the image is durable before the header says that there is one", protects=("complete", "restored"))
    mark_before_off = Assumption("the header is durable before the machine switches itself off", protects="saved_is_found")
    tasks_frozen = Assumption("nobody writes to a file system between the atomic copy and switching off", protects="outside_unchanged")
    boot_kernel_mounts_nothing = Assumption(
        "the boot kernel writes to no file system before it has looked for an image, and while it loads one", protects="outside_unchanged"
    )
    image_not_ignored = Assumption("a kernel that boots beside an image destroys the image", protects="outside_unchanged")
    reset_before_session = Assumption(
        "the header is reset durably before a session goes on, the saved one or another",
        protects=("consumed_once", "outside_unchanged"),
    )
    claim_before_load = Assumption("a page is loaded in place only after the loader has allocated it", protects="restored")
    safe_engine = Assumption("what the restore needs lies in frames that the image does not use", protects=("engine_whole", "restored"))
    stop_before_restore = Assumption("the secondary CPUs are off when the restore begins", protects="restored")
    devices_suspended_before_restore = Assumption("every device is suspended when the restore begins", protects="restored")
    free_pages_cleared = Assumption("after the restore the pages that the image left free are filled anew", protects="nothing_foreign")

    # ------------------------------------------------------------ when things run

    def saving(self) -> Boolean:
        """From the frozen tasks to the power switch."""
        return (
            (self.phase == "frozen")
            | (self.phase == "copying")
            | (self.phase == "writing")
            | (self.phase == "written")
            | (self.phase == "marked")
        )

    def loading(self) -> Boolean:
        """The boot kernel runs, and may yet find an image."""
        return (self.phase == "booted") | (self.phase == "loading") | (self.phase == "quiescing")

    def session(self) -> Boolean:
        """User space runs: the first session, the resumed one, or another."""
        return (self.phase == "running") | (self.phase == "aborted") | (self.phase == "resumed") | (self.phase == "fresh")

    def has_power(self) -> Boolean:
        return self.phase != "off"

    def software_runs(self) -> Boolean:
        """There is power, and more than one loop runs. Once the saved session goes on, nobody compares its memory any more."""
        return self.has_power() & (self.phase != "resumed")

    def all_written(self) -> Boolean:
        """Every copy has gone to the disk."""
        return every(Page, lambda page: ~self.in_image[page] | (self.block[page] != "blank"))

    def uses_file_systems(self) -> Boolean:
        return self.session() | (~self.tasks_frozen & self.saving()) | (~self.boot_kernel_mounts_nothing & self.loading())

    # ------------------------------------------------------------ everybody who writes memory

    @action
    def store(self, cpu: Cpu, page: Page, content: Content) -> None:
        """A CPU stores to a page in use."""
        require(self.software_runs(), self.running[cpu], self.in_use[page])
        self.memory[page] = content

    @action
    def write_by_dma(self, device: Device, page: Page, content: Content) -> None:
        """A device does."""
        require(self.software_runs(), self.awake[device], self.in_use[page])
        self.memory[page] = content

    # ------------------------------------------------------------ saving the image

    @action
    def freeze(self) -> None:
        """User space is frozen (``freeze_processes``). The kernel still runs, on every CPU."""
        require(self.phase == "running")
        self.phase = "frozen"

    @action
    def suspend_device(self, device: Device) -> None:
        """A driver quiesces its device (``dpm_suspend``)."""
        require((self.phase == "frozen") | (self.phase == "quiescing"), self.awake[device])
        self.awake[device] = False

    @action
    def stop_cpu(self, cpu: Cpu) -> None:
        """A secondary CPU goes off line (``suspend_disable_secondary_cpus``)."""
        require((self.phase == "frozen") | (self.phase == "quiescing"), cpu != self.boot_cpu, self.running[cpu])
        self.running[cpu] = False

    @action
    def begin_copying(self) -> None:
        """Interrupts are off, and the boot CPU does nothing but copy (``create_image``). This instant is the snapshot."""
        require(self.phase == "frozen")
        require(implies(self.devices_suspended_before_copy, every(Device, lambda device: ~self.awake[device])))
        require(implies(self.stop_before_copy, every(Cpu, lambda cpu: (cpu == self.boot_cpu) | ~self.running[cpu])))
        self.phase = "copying"
        self.running[self.boot_cpu] = False
        assign_every(self.snapshot, lambda page: self.memory[page])
        assign_every(self.in_image, lambda page: self.in_use[page])
        self.believe_file_systems()

    @action
    def copy_page(self, page: Page) -> None:
        """One page is copied to a free frame (``copy_data_pages``). So no more than half of memory can be saved."""
        require(self.phase == "copying", self.in_image[page], ~self.copied[page])
        self.take_frame()
        self.copied[page] = True
        self.copy[page] = self.memory[page]

    @action
    def skip_copy(self, page: Page) -> None:
        """There is no free frame, and nobody looks: the page is left out."""
        require(~self.overflow_aborts)
        require(self.phase == "copying", self.in_image[page], ~self.copied[page])
        self.copied[page] = True

    @action
    def begin_writing(self) -> None:
        """Everything is copied; drivers and CPUs come back, to write the copies. What they do to memory now is lost."""
        require(self.phase == "copying", every(Page, lambda page: ~self.in_image[page] | self.copied[page]))
        self.phase = "writing"
        self.running[self.boot_cpu] = True

    @action
    def write_page(self, page: Page) -> None:
        """One copy goes to the disk (``save_image``), which has to be awake for it."""
        require(self.phase == "writing", self.awake[self.image_disk], self.copied[page], self.block[page] == "blank")
        self.image[page] = self.copy[page]
        self.block[page] = "cached"

    @action
    def flush_data(self) -> None:
        """Every copy is written, and a flush has completed.

        It is not in the kernel as of 6.17: ``swap_writer_finish`` marks the header with neither REQ_PREFLUSH nor REQ_FUA, and even before
        the last page of the map is written (``flush_swap_writer``).
        "pm-hibernate: flush disk cache when suspending" (M. Patocka, linux-pm, 31 October 2025) adds both, and REQ_FUA to the reset.
        """
        require(self.phase == "writing", self.all_written())
        self.flush_cache()
        self.phase = "written"

    @action
    def mark(self) -> None:
        """The header of the swap device gets the signature of an image (``mark_swapfiles``)."""
        require((self.phase == "written") | (~self.data_before_mark & (self.phase == "writing") & self.all_written()))
        self.marked = True
        self.phase = "marked"

    @action
    def switch_off(self) -> None:
        """A last flush, and the machine is switched off (``power_down``): the user believes that the session is saved."""
        require(self.phase == "marked")
        self.flush_cache()
        self.phase = "off"
        self.said_saved = True

    @action
    def switch_off_unflushed(self, header_survives: Boolean, survives: Each[Page, Boolean]) -> None:
        """The machine is switched off, and nobody has waited for the disk."""
        require(~self.mark_before_off)
        require(self.phase == "marked")
        self.forget_cache(header_survives, survives)
        self.phase = "off"
        self.said_saved = True

    @action
    def lose_power(self, header_survives: Boolean, survives: Each[Page, Boolean]) -> None:
        super().lose_power(header_survives, survives)
        self.phase = "off"
        self.said_saved = False

    # ------------------------------------------------------------ loading the image

    @action
    def boot(self, found: Each[Page, Content], used: Each[Page, Boolean]) -> None:
        """A kernel boots: memory is whatever it is, and some pages are its own. Its frames are counted anew."""
        require(self.phase == "off")
        self.phase = "booted"
        assign_every(self.memory, lambda page: found[page])
        assign_every(self.in_use, lambda page: used[page])
        assign_every(self.running, lambda cpu: True)
        assign_every(self.awake, lambda device: True)
        assign_every(self.fate, lambda page: "pending")
        assign_every(self.holds_engine, lambda page: False)
        assign_every(self.cleared, lambda page: False)
        self.taken_frames = 0

    @action
    def begin_afresh(self) -> None:
        """There is no image: another session begins, and mounts its file systems."""
        require(self.phase == "booted", implies(self.image_not_ignored, ~self.marked))
        self.phase = "fresh"

    @action
    def reset_mark(self) -> None:
        """There is an image. The header gets its old signature back before anything is loaded (``swsusp_check``)."""
        require(self.phase == "booted", self.marked)
        self.marked = False
        self.durably_marked = False
        self.phase = "loading"

    @action
    def reset_mark_in_cache(self) -> None:
        """The same, but that nobody waits until it is durable: as the kernel does, see ``flush_data``."""
        require(~self.reset_before_session)
        require(self.phase == "booted", self.marked)
        self.marked = False
        self.phase = "loading"

    @action
    def claim(self, page: Page) -> None:
        """A frame that the image uses and the boot kernel does not is allocated by the loader (``prepare_image``)."""
        require(self.phase == "loading", self.in_image[page], self.fate[page] == "pending")
        require(~self.in_use[page], ~self.holds_engine[page])
        self.fate[page] = "claimed"

    @action
    def load_in_place(self, page: Page, otherwise: Content) -> None:
        """Its page is loaded where it belongs (``get_buffer``)."""
        require(self.phase == "loading", self.in_image[page])
        require((self.fate[page] == "claimed") | (~self.claim_before_load & (self.fate[page] == "pending")))
        self.memory[page] = self.content_of_block(page, self.image[page], otherwise)
        self.fate[page] = "in_place"

    @action
    def load_aside(self, page: Page, otherwise: Content) -> None:
        """Another page is loaded into a safe frame, and noted for the last step (``get_buffer``, ``restore_pblist``)."""
        require(self.phase == "loading", self.in_image[page], self.fate[page] == "pending")
        self.held[page] = self.content_of_block(page, self.image[page], otherwise)
        self.fate[page] = "aside"

    @action
    def place_engine(self, page: Page) -> None:
        """A free frame takes what the restore needs: a page that was loaded aside, the list, a page table, the loop's code."""
        require((self.phase == "loading") | (self.phase == "quiescing"), ~self.in_use[page], ~self.holds_engine[page])
        require((self.fate[page] == "pending") | (self.fate[page] == "aside"))
        require(implies(self.safe_engine, ~self.in_image[page]))
        self.holds_engine[page] = True

    @action
    def allocate(self, page: Page) -> None:
        """The boot kernel takes a free frame."""
        require((self.phase == "loading") | (self.phase == "quiescing"), ~self.in_use[page], ~self.holds_engine[page])
        require((self.fate[page] == "pending") | (self.fate[page] == "aside"))
        self.in_use[page] = True

    @action
    def free(self, page: Page) -> None:
        """The boot kernel gives a frame back."""
        require((self.phase == "loading") | (self.phase == "quiescing"), self.in_use[page])
        self.in_use[page] = False

    @action
    def begin_quiescing(self) -> None:
        """Everything is loaded; the boot kernel's drivers are to suspend (``hibernation_restore``)."""
        require(self.phase == "loading")
        require(every(Page, lambda page: ~self.in_image[page] | (self.fate[page] == "in_place") | (self.fate[page] == "aside")))
        self.phase = "quiescing"

    @action
    def begin_restoring(self) -> None:
        """Interrupts are off, and the boot CPU runs the loop that moves pages (``swsusp_arch_resume``)."""
        require(self.phase == "quiescing")
        require(implies(self.devices_suspended_before_restore, every(Device, lambda device: ~self.awake[device])))
        require(implies(self.stop_before_restore, every(Cpu, lambda cpu: (cpu == self.boot_cpu) | ~self.running[cpu])))
        self.phase = "restoring"
        self.running[self.boot_cpu] = False

    @action
    def move_page(self, page: Page, otherwise: Content) -> None:
        """One page is moved to its place (``core_restore_code``)."""
        require(self.phase == "restoring", self.fate[page] == "aside")
        self.memory[page] = self.moved(page, self.held[page], otherwise)
        self.fate[page] = "moved"

    @action
    def jump(self) -> None:
        """Everything is in its place: the saved kernel runs again, where it was in ``create_image``."""
        require(self.phase == "restoring", every(Page, lambda page: self.fate[page] != "aside"))
        self.phase = "clearing"
        self.consume_image()

    @action
    def clear_page(self, page: Page) -> None:
        """What the boot kernel left in a page that the saved kernel believes free is overwritten (``clear_or_poison_free_pages``)."""
        require(self.phase == "clearing", ~self.in_image[page], ~self.cleared[page])
        self.memory[page] = self.zeros
        self.cleared[page] = True

    @action
    def resume(self) -> None:
        """CPUs, devices and at last the tasks come back: the saved session goes on."""
        require(self.phase == "clearing")
        require(implies(self.free_pages_cleared, every(Page, lambda page: self.in_image[page] | self.cleared[page])))
        self.phase = "resumed"

    # ------------------------------------------------------------ giving up

    @action
    def abort(self) -> None:
        """The save is given up before the header is marked: no free frame, an I/O error, a full disk."""
        require((self.phase == "frozen") | (self.phase == "copying") | (self.phase == "writing"))
        self.phase = "aborting"
        self.running[self.boot_cpu] = True

    @action
    def wake_device(self, device: Device) -> None:
        """A driver wakes its device up: to write the image, or because there will be none."""
        require((self.phase == "writing") | (self.phase == "aborting"), ~self.awake[device])
        self.awake[device] = True

    @action
    def restart_cpu(self, cpu: Cpu) -> None:
        """A secondary CPU comes back, likewise."""
        require((self.phase == "writing") | (self.phase == "aborting"), ~self.running[cpu])
        self.running[cpu] = True

    @action
    def drop_copy(self, page: Page) -> None:
        """The frame of a copy goes back (``swsusp_free``)."""
        require(self.phase == "aborting", self.copied[page])
        self.return_frame()
        self.copied[page] = False

    @action
    def finish_aborting(self) -> None:
        """Everything is undone, and the tasks are thawed."""
        require(
            self.phase == "aborting",
            every(Page, lambda page: ~self.copied[page]),
            every(Cpu, lambda cpu: self.running[cpu]),
            every(Device, lambda device: self.awake[device]),
        )
        self.phase = "aborted"

    @action
    def abandon(self) -> None:
        """The load is given up: no free frame, an I/O error. The boot kernel goes on as another session; the image is lost."""
        require((self.phase == "loading") | (self.phase == "quiescing"))
        self.phase = "fresh"

    # ------------------------------------------------------------ what is expected

    @always
    def restored(self) -> Boolean:
        """The restored memory equals the memory at the time of the atomic copy."""
        return implies(
            self.phase == "resumed", every(Page, lambda page: implies(self.in_image[page], self.memory[page] == self.snapshot[page]))
        )

    @always
    def nothing_foreign(self) -> Boolean:
        """A page that the saved kernel believes free and filled holds nothing of the boot kernel's."""
        return implies(self.phase == "resumed", every(Page, lambda page: self.in_image[page] | (self.memory[page] == self.zeros)))

    @always
    def complete(self) -> Boolean:
        """An image that is found at boot is complete, of one instant, and on the medium, however the machine went off."""
        return implies(
            (self.phase == "off") & self.marked,
            every(
                Page,
                lambda page: implies(self.in_image[page], (self.block[page] == "durable") & (self.image[page] == self.snapshot[page])),
            ),
        )

    @always
    def saved_is_found(self) -> Boolean:
        """A machine that switched itself off with its session saved finds the session."""
        return implies((self.phase == "off") & self.said_saved, self.marked)

    @always
    def nothing_lost(self) -> Boolean:
        """A save that is given up leaves everything running, every frame free, and no image."""
        return implies(
            self.phase == "aborted",
            (self.taken_frames == 0)
            & ~self.marked
            & ~self.durably_marked
            & every(Cpu, lambda cpu: self.running[cpu])
            & every(Device, lambda device: self.awake[device]),
        )

    @sometimes
    def resumes(self) -> Boolean:
        """A saved session goes on."""
        return self.phase == "resumed"

    @sometimes
    def loaded_in_place(self) -> Boolean:
        """One page of the resumed session was loaded in place, and another one moved."""
        return (
            (self.phase == "resumed")
            & some(Page, lambda page: self.fate[page] == "in_place")
            & some(Page, lambda page: self.fate[page] == "moved")
        )

    @sometimes
    def half_written(self) -> Boolean:
        """The power fails while the image is written; some of it is durable, and nothing leads to it."""
        return (
            (self.phase == "off")
            & ~self.marked
            & some(Page, lambda page: self.block[page] == "durable")
            & some(Page, lambda page: self.in_image[page] & (self.block[page] == "blank"))
        )

    @sometimes
    def saved_all_the_same(self) -> Boolean:
        """The power fails before the machine switches itself off, and there is an image."""
        return (self.phase == "off") & self.marked & ~self.said_saved

    @sometimes
    def another_session(self) -> Boolean:
        """The image was resumed, the power failed later, and what boots then finds no image."""
        return (self.phase == "fresh") & self.resumed_from

    @sometimes
    def given_up(self) -> Boolean:
        """A save is given up after a copy was written, and undone."""
        return (self.phase == "aborted") & some(Page, lambda page: self.block[page] != "blank")

    @terminal
    def ended(self) -> Boolean:
        """User space runs."""
        return self.session()

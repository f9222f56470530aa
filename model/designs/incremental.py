"""Incremental images: a full one, then only what a dirty log says has changed; the whole chain is restored.

Firecracker's diff snapshots (docs/snapshotting/snapshot-support.md; src/vmm/src/vstate/memory.rs, dump_dirty, store_dirty_bitmap), and
CRIU's dump --track-mem with a parent image (criu.org, Memory changes tracking). QEMU's incremental backup of disks and VMware's changed
block tracking are the same with blocks in place of pages.
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
    Page,
    action,
    always,
    assign_every,
    every,
    implies,
    ite,
    require,
    some,
    sometimes,
    terminal,
)
from ..hardware import BackEndLog, ImageChain, ProcessorLog


class Incremental(ProcessorLog, BackEndLog, ImageChain, Design):
    """Pause the guest, harvest the dirty logs, write what they name, record the epoch, let it run; restore the chain after a loss.

    Harvest and commit are two things: an epoch that fails after its harvest must leave its pages dirty. The atomic copy of an epoch
    is the guest's memory while it is paused; an epoch is written in that time. The power may fail at any step, while the chain is
    loaded too. Left out: a restored guest, which ends the story, and how often a chain is restored (two guests from one snapshot
    are a matter of what is outside the memory).
    """

    phase = Choice("running", "pausing", "paused", "recorded", "off", "loading", "restored", "nothing_found")
    loaded = Flag(per=Page)
    snapshot = Contents(per=Page, ghost=True)  # memory at the newest epoch's atomic copy
    snapshot_before = Contents(per=Page, ghost=True)  # memory at that of the newest epoch of the chain without it
    promised = Flag(ghost=True)  # the user was told that the newest epoch is saved

    processors_stopped = Assumption("the virtual CPUs have stopped when an epoch begins", protects="restored")
    back_ends_stopped = Assumption("the back ends have stopped, and marked what they wrote, when an epoch begins", protects="restored")
    back_ends_mark = Assumption("who writes past the tables marks what it has written", protects="restored")
    logs_harvested = Assumption("every log is harvested before an epoch is recorded", protects="restored")
    log_outlives_slots = Assumption("the log of a memory slot is fetched before the slot is replaced", protects="restored")
    failed_harvest_kept = Assumption("what was harvested for an epoch that fails is dirty again", protects="restored")
    flush_before_run = Assumption(
        "no CPU keeps a cached writable entry for a page whose log was cleared, when it runs again", protects="restored"
    )
    data_before_record = Assumption("an epoch's pages are durable before its record is written", protects="restored")
    record_before_promise = Assumption("the record is durable before anybody is told that the epoch is saved", protects="promise_kept")
    own_base = Assumption("a difference is restored upon the images that it was made against", protects="restored")

    def powered(self) -> Boolean:
        """The guest can run."""
        return (self.phase == "running") | (self.phase == "pausing") | (self.phase == "paused") | (self.phase == "recorded")

    def has_power(self) -> Boolean:
        return self.powered() | (self.phase == "loading")

    # ------------------------------------------------------------ an epoch

    @action
    def begin_first_epoch(self) -> None:
        """A full image is wanted, or another attempt after one that failed."""
        require(self.phase == "running", ~self.marked)
        self.phase = "pausing"

    @action
    def begin_next_epoch(self) -> None:
        """A difference is wanted, to the newest epoch, which is durable."""
        require(self.phase == "running", self.marked, self.durably_marked)
        self.join()
        self.phase = "pausing"
        self.promised = False
        assign_every(self.snapshot_before, lambda page: self.snapshot[page])

    @action
    def stop_cpu(self, cpu: Cpu) -> None:
        """A virtual CPU acknowledges the request to stop."""
        require(self.phase == "pausing", self.in_guest(cpu))
        self.running[cpu] = False

    @action
    def stop_back_end(self, device: Device) -> None:
        """A back end stops. It may have something to mark still."""
        require(self.phase == "pausing", self.working[device])
        self.working[device] = False

    @action
    def pause(self) -> None:
        """The guest is paused. This instant is the epoch's snapshot."""
        require(self.phase == "pausing")
        require(implies(self.processors_stopped, every(Cpu, lambda cpu: ~self.running[cpu])))
        require(implies(self.back_ends_stopped, every(Device, lambda device: ~self.working[device])))
        require(implies(self.back_ends_stopped, every(Page, lambda page: ~self.unmarked[page])))
        self.phase = "paused"
        assign_every(self.snapshot, lambda page: self.memory[page])

    @action
    def harvest(self, page: Page) -> None:
        """A page that a log names belongs to the epoch; the logs are cleared, and the page is protected again (KVM_GET_DIRTY_LOG)."""
        require(self.phase == "paused", self.named(page))
        self.clear_log(page)
        self.marks[page] = False
        self.to_send[page] = "cleared"

    @action
    def write_page(self, page: Page) -> None:
        """A harvested page is written to the epoch's file."""
        require(self.phase == "paused", self.to_send[page] == "cleared", ~self.in_epoch[page])
        self.write_difference(page, self.memory[page])

    @action
    def flush_disk(self) -> None:
        """A flush of the disk's cache completes."""
        require((self.phase == "paused") | (self.phase == "recorded") | (self.phase == "running"))
        self.flush_cache()

    @action
    def record(self) -> None:
        """The record makes the epoch a member of the chain."""
        require(self.phase == "paused", every(Page, lambda page: self.in_epoch[page] | (self.to_send[page] != "cleared")))
        require(implies(self.logs_harvested, every(Page, lambda page: ~self.named(page))))
        require(implies(self.data_before_record, self.pages_durable()))
        self.phase = "recorded"
        self.marked = True

    @action
    def finish(self) -> None:
        """Whoever asked for the epoch is told that it is saved; the guest may run again."""
        require(self.phase == "recorded", implies(self.record_before_promise, self.durably_marked), self.may_run())
        self.phase = "running"
        self.promised = True
        assign_every(self.to_send, lambda page: ite(self.to_send[page] == "cleared", "clean", self.to_send[page]))

    @action
    def fail(self) -> None:
        """The epoch fails before it is recorded, and its file with it; the guest may run again. What was harvested is dirty again."""
        require(self.phase == "paused", self.may_run())
        self.phase = "running"
        self.empty_epoch()
        assign_every(self.to_send, lambda page: ite(self.to_send[page] == "cleared", "dirty", self.to_send[page]))

    @action
    def restart_cpu(self, cpu: Cpu) -> None:
        """A virtual CPU runs again."""
        require(self.phase == "running", ~self.running[cpu])
        self.running[cpu] = True

    @action
    def restart_back_end(self, device: Device) -> None:
        """A back end works again."""
        require(self.phase == "running", ~self.working[device])
        self.working[device] = True

    def named(self, page: Page) -> Boolean:
        """A log says that the page has changed, or it was harvested for an epoch that failed."""
        return self.logged[page] | self.marks[page] | (self.to_send[page] == "dirty")

    def may_run(self) -> Boolean:
        """Nobody can write a protected page through an old entry."""
        return implies(self.flush_before_run, every(Page, lambda page: self.writable[page] | self.uncached(page)))

    # ------------------------------------------------------------ a loss, and the restore

    @action
    def lose_power(self, header_survives: Boolean, survives: Each[Page, Boolean]) -> None:
        """The host fails: the guest is gone, and what the disk's cache had."""
        super().lose_power(header_survives, survives)
        self.phase = "off"

    @action
    def find_nothing(self) -> None:
        """There is no full image yet."""
        require(self.phase == "off", ~self.has_chain, ~self.marked)
        self.phase = "nothing_found"

    @action
    def find_chain(self, found: Each[Page, Content]) -> None:
        """There is a chain. It is loaded into memory that holds whatever it holds."""
        require(self.phase == "off", self.has_chain | self.marked)
        self.phase = "loading"
        assign_every(self.memory, lambda page: found[page])
        assign_every(self.loaded, lambda page: False)

    @action
    def load(self, page: Page, otherwise: Content) -> None:
        """A page gets its newest version in the chain."""
        require(self.phase == "loading", ~self.loaded[page])
        self.memory[page] = self.restored_content(page, otherwise)
        self.loaded[page] = True

    @action
    def resume(self) -> None:
        """Every page is loaded: the guest runs again."""
        require(self.phase == "loading", every(Page, lambda page: self.loaded[page]))
        self.phase = "restored"

    # ------------------------------------------------------------ what only happens without an assumption

    @action
    def write_unmarked(self, device: Device, page: Page, content: Content) -> None:
        """Somebody writes past the tables and marks nothing."""
        require(~self.back_ends_mark)
        require(self.powered(), self.working[device])
        self.memory[page] = content

    @action
    def replace_slot(self) -> None:
        """A memory slot is deleted and made anew, and its log goes with it."""
        require(~self.log_outlives_slots)
        require(self.phase == "running")
        assign_every(self.logged, lambda page: False)

    @action
    def fail_and_forget(self) -> None:
        """The epoch fails, and nobody remembers what was harvested for it."""
        require(~self.failed_harvest_kept)
        require(self.phase == "paused", self.may_run())
        self.phase = "running"
        self.empty_epoch()
        assign_every(self.to_send, lambda page: ite(self.to_send[page] == "cleared", "clean", self.to_send[page]))

    @action
    def load_from_another_base(self, page: Page, content: Content) -> None:
        """A page that the newest epoch does not have is taken from images of something else."""
        require(~self.own_base)
        require(self.phase == "loading", ~self.loaded[page], self.marked, ~self.in_epoch[page])
        self.memory[page] = content
        self.loaded[page] = True

    # ------------------------------------------------------------ what is expected

    @always
    def restored(self) -> Boolean:
        """The restored memory equals the memory at the atomic copy of the newest epoch that is recorded, and of no other."""
        return implies(
            self.phase == "restored",
            every(Page, lambda page: self.memory[page] == ite(self.marked, self.snapshot[page], self.snapshot_before[page])),
        )

    @always
    def promise_kept(self) -> Boolean:
        """An epoch that somebody was told is saved is part of the chain that is restored."""
        return implies((self.phase == "restored") | (self.phase == "nothing_found"), self.marked | ~self.promised)

    @sometimes
    def newest_restored(self) -> Boolean:
        """A difference and what it was made against are restored together."""
        return (
            (self.phase == "restored")
            & self.marked
            & some(Page, lambda page: self.in_epoch[page])
            & some(Page, lambda page: ~self.in_epoch[page])
        )

    @sometimes
    def earlier_restored(self) -> Boolean:
        """The newest epoch was not recorded, and the chain without it is restored."""
        return (self.phase == "restored") & ~self.marked & some(Page, lambda page: self.snapshot[page] != self.snapshot_before[page])

    @sometimes
    def written_after_failure(self) -> Boolean:
        """A page differs from the chain, and nothing says so any more but what an epoch that failed has left."""
        return (self.phase == "running") & some(
            Page, lambda page: (self.to_send[page] == "dirty") & ~self.logged[page] & (self.memory[page] != self.chain[page])
        )

    @sometimes
    def lost_before_recorded(self) -> Boolean:
        """The power fails when every page of an epoch has been written, and its record is not there."""
        return (self.phase == "off") & ~self.marked & every(Page, lambda page: self.in_epoch[page])

    @terminal
    def ended(self) -> Boolean:
        """A guest is restored, or there is nothing to restore."""
        return (self.phase == "restored") | (self.phase == "nothing_found")

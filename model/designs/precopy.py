"""Pre-copy: memory is sent in rounds while the guest runs, and what is still dirty is sent when it has stopped.

QEMU, migration/ram.c (ram_save_setup, migration_bitmap_sync, migration_bitmap_clear_dirty, ram_save_iterate, ram_save_complete),
with the logs of KVM and of vhost; Xen (tools/libs/guest/xg_sr_save.c) and CRIU's pre-dump work alike. "Live Migration of Virtual
Machines", Clark et al., NSDI 2005.
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
    Page,
    action,
    always,
    assign_every,
    every,
    implies,
    require,
    some,
    sometimes,
    terminal,
)
from ..hardware import LogSwitchedOnLater, ProcessorLog


class PreCopy(ProcessorLog, LogSwitchedOnLater, Design):
    """Send every page while the guest runs, send again what it writes, stop it, and send the rest.

    The atomic copy is the guest's memory when everything that writes it has stopped; the restored memory is the target's. One
    stream delivers the pages in the order in which they were sent, so a page is on the target when it is sent. Rounds are not
    counted: what is merged and sent in which order is left open, and the last round may come at any time. Left out is what follows
    a migration that is given up, because nothing here changes the guest's memory but the guest.
    """

    phase = Choice("running", "setup", "rounds", "stopping", "stopped", "handed_over", "given_up")
    to_send = ProcessorLog.to_send.extended("read_early")
    sent = Contents(per=Page)  # the target's memory
    snapshot = Contents(per=Page, ghost=True)  # memory when the guest has stopped

    logging_acknowledged = Assumption("the first page is read when every log is known to be on", protects="restored")
    clear_before_read = Assumption("a page's bit in the log is cleared before the page is read, not after it", protects="restored")
    flush_before_read = Assumption("no CPU keeps a cached writable entry for a page that is read", protects="restored")
    clear_only_fetched = Assumption("a bit of the log is cleared only if it has been fetched", protects="restored")
    faults_exclude_clear = Assumption(
        "no bit is cleared while a fault handler has set it and not yet lifted the protection", protects="restored"
    )
    back_ends_mark = Assumption("who writes past the tables marks what it has written", protects="restored")
    marked_by_guest_address = Assumption("a page is marked under the name that the saver knows it by", protects="restored")
    processors_stopped = Assumption("the virtual CPUs have stopped before the last round", protects="restored")
    back_ends_stopped = Assumption("the back ends have stopped, and marked what they wrote, before the last round", protects="restored")
    last_fetch = Assumption("every log is fetched once more when everything has stopped", protects="restored")

    def powered(self) -> Boolean:
        """The source's guest can run until it has been handed over."""
        return ~self.over()

    def over(self) -> Boolean:
        return (self.phase == "handed_over") | (self.phase == "given_up")

    def sending(self) -> Boolean:
        return (self.phase == "rounds") | (self.phase == "stopping") | (self.phase == "stopped")

    @action
    def begin(self) -> None:
        """Migration begins: the log of the CPUs is switched on at once, the back ends are asked to log."""
        require(self.phase == "running")
        self.phase = "setup"
        self.logging = "asked"

    @action
    def begin_rounds(self) -> None:
        """The first round."""
        require(self.phase == "setup", implies(self.logging_acknowledged, self.logging == "on"))
        self.phase = "rounds"

    @action
    def fetch_processors(self, page: Page) -> None:
        """The log of the CPUs is merged into the saver's bitmap (migration_bitmap_sync)."""
        require(self.sending())
        self.fetch_log(page)

    @action
    def fetch_back_ends(self, page: Page) -> None:
        """The log of the back ends is merged into it too."""
        require(self.sending())
        self.fetch_marks(page)

    @action
    def clear(self, page: Page) -> None:
        """A dirty page is going to be sent: its bit in the log of the CPUs is cleared, and it is protected again."""
        require(self.sending(), self.to_send[page] == "dirty", self.unlocked(page))
        self.clear_log(page)
        self.to_send[page] = "cleared"

    @action
    def read(self, page: Page) -> None:
        """The page is read and sent."""
        require(self.sending(), self.to_send[page] == "cleared", implies(self.flush_before_read, self.uncached(page)))
        self.sent[page] = self.memory[page]
        self.to_send[page] = "clean"

    def unlocked(self, page: Page) -> Boolean:
        """No fault handler is between its two steps (KVM's mmu_lock)."""
        return implies(self.faults_exclude_clear, every(Cpu, lambda cpu: self.fault[cpu, page] != "noted"))

    @action
    def begin_stopping(self) -> None:
        """Little is left, or patience is at an end: the guest is going to be stopped."""
        require(self.phase == "rounds")
        self.phase = "stopping"

    @action
    def stop_cpu(self, cpu: Cpu) -> None:
        """A virtual CPU acknowledges the request to stop (pause_all_vcpus)."""
        require(self.phase == "stopping", self.in_guest(cpu))
        self.running[cpu] = False

    @action
    def stop_back_end(self, device: Device) -> None:
        """A back end stops (VHOST_GET_VRING_BASE returns). It may have something to mark still."""
        require(self.phase == "stopping", self.working[device])
        self.working[device] = False

    @action
    def begin_last_round(self) -> None:
        """The guest has stopped. This instant is the snapshot."""
        require(self.phase == "stopping")
        require(implies(self.processors_stopped, every(Cpu, lambda cpu: ~self.running[cpu])))
        require(implies(self.back_ends_stopped, every(Device, lambda device: ~self.working[device])))
        require(implies(self.back_ends_stopped, every(Page, lambda page: ~self.unmarked[page])))
        self.phase = "stopped"
        assign_every(self.snapshot, lambda page: self.memory[page])

    @action
    def hand_over(self) -> None:
        """The logs are fetched, everything is sent: the guest runs on the target."""
        require(self.phase == "stopped", every(Page, lambda page: self.to_send[page] == "clean"))
        require(implies(self.last_fetch, every(Page, lambda page: ~self.logged[page] & ~self.marks[page])))
        self.phase = "handed_over"

    @action
    def give_up(self) -> None:
        """The migration fails or is cancelled; the guest goes on where it is."""
        require((self.phase == "setup") | self.sending())
        self.phase = "given_up"

    # ------------------------------------------------------------ what only happens without an assumption

    @action
    def read_before_clear(self, page: Page) -> None:
        """A page is read while its bit is still set, and the bit is cleared when it is sent."""
        require(~self.clear_before_read)
        require(self.sending(), self.to_send[page] == "dirty")
        self.sent[page] = self.memory[page]
        self.to_send[page] = "read_early"

    @action
    def clear_after_read(self, page: Page) -> None:
        """The bit is cleared, and with it what a store in between has set."""
        require(~self.clear_before_read)
        require(self.sending(), self.to_send[page] == "read_early", self.unlocked(page))
        self.clear_log(page)
        self.to_send[page] = "clean"

    @action
    def clear_neighbour(self, page: Page) -> None:
        """Clearing takes away bits of other pages too, which have not been fetched."""
        require(~self.clear_only_fetched)
        require(self.sending(), self.logged[page], self.to_send[page] != "dirty", self.unlocked(page))
        self.clear_log(page)

    @action
    def write_unmarked(self, device: Device, page: Page, content: Content) -> None:
        """Somebody writes past the tables and marks nothing."""
        require(~self.back_ends_mark)
        require(self.powered(), self.working[device])
        self.memory[page] = content

    @action
    def mark_another(self, page: Page, name: Page) -> None:
        """A back end marks a page by a name under which the saver knows another one."""
        require(~self.marked_by_guest_address)
        require(self.powered(), self.unmarked[page], self.logging == "on")
        self.marks[name] = True
        self.unmarked[page] = False

    # ------------------------------------------------------------ what is expected

    @always
    def restored(self) -> Boolean:
        """The memory on the target equals the memory of the guest when it had stopped."""
        return implies(self.phase == "handed_over", every(Page, lambda page: self.sent[page] == self.snapshot[page]))

    @always
    def one_guest(self) -> Boolean:
        """When the guest runs on the target, none of its CPUs runs on the source."""
        return implies(self.phase == "handed_over", every(Cpu, lambda cpu: ~self.running[cpu]))

    @sometimes
    def sent_again(self) -> Boolean:
        """A page that was sent has changed since, and the log of the CPUs says so."""
        return (self.phase == "rounds") & some(
            Page, lambda page: (self.to_send[page] == "clean") & self.logged[page] & (self.sent[page] != self.memory[page])
        )

    @sometimes
    def written_before_marked(self) -> Boolean:
        """A page that was sent has been written by a back end that has not marked it yet."""
        return (self.phase == "rounds") & some(
            Page,
            lambda page: (self.to_send[page] == "clean") & (self.sent[page] != self.memory[page]) & self.unmarked[page],
        )

    @sometimes
    def read_while_changing(self) -> Boolean:
        """A page is written through a cached entry between the clearing of its bit and the flush."""
        return (self.phase == "rounds") & some(
            Page,
            lambda page: (
                (self.to_send[page] == "cleared")
                & ~self.logged[page]
                & ~self.writable[page]
                & some(Cpu, lambda cpu: self.cached_writable[cpu, page])
            ),
        )

    @sometimes
    def dirty_at_the_stop(self) -> Boolean:
        """The guest has stopped, and the target has an old version of a page."""
        return (self.phase == "stopped") & some(Page, lambda page: (self.to_send[page] == "clean") & (self.sent[page] != self.memory[page]))

    @sometimes
    def runs_on_the_target(self) -> Boolean:
        """The guest runs on the target."""
        return self.phase == "handed_over"

    @terminal
    def ended(self) -> Boolean:
        """Handed over, or given up."""
        return self.over()

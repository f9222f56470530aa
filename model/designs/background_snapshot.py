"""Background snapshot: the memory at the start is what is saved, and a page is saved before its first write goes on.

QEMU's "background-snapshot" capability: migration/ram.c (ram_write_tracking_prepare, ram_write_tracking_start,
ram_save_release_protection) and migration/migration.c (bg_migration_thread), on userfaultfd's write protection
(Documentation/admin-guide/mm/userfaultfd.rst). A fork whose child writes the snapshot (Redis, BGSAVE) is its sibling: there the
kernel copies a page before its first write.
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
    Flag,
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
from ..hardware import BackEnds, PageLife


class BackgroundSnapshot(PageLife, BackEnds, Design):
    """Stop the guest, protect its memory, let it run; save each page before it can be written.

    The atomic copy is the guest's memory when its CPUs have stopped, at the start. The restored memory is the image: it is loaded
    into a machine in which nothing runs yet. Left out is giving up, which changes no memory: the protection is lifted, and whoever
    waits goes on.
    """

    phase = Choice("running", "stopping", "stopped", "saving", "complete")
    saved = Flag(per=Page)
    image = Contents(per=Page)
    snapshot = Contents(per=Page, ghost=True)  # memory when the CPUs had stopped

    processors_stopped = Assumption("the virtual CPUs have stopped before the first page is protected", protects="restored")
    populated_first = Assumption("every page has an entry in the table when memory is protected", protects="restored")
    protected_before_run = Assumption("every page is protected before a CPU runs again", protects="restored")
    flush_before_run = Assumption("no CPU keeps a cached writable entry for a protected page when it runs again", protects="restored")
    saved_before_unprotected = Assumption("the protection of a page is lifted after the page was saved", protects="restored")
    first_copy_wins = Assumption("a page that was saved is not saved again", protects="restored")
    nothing_past_tables = Assumption("no device or thread writes a page past the tables before it is saved", protects="restored")
    nothing_given_back = Assumption("no page is given back before it is saved", protects="restored")

    def taken(self) -> Boolean:
        """The CPUs have stopped: from here on memory must not change unsaved."""
        return (self.phase == "stopped") | (self.phase == "saving")

    def powered(self) -> Boolean:
        return self.phase != "complete"

    @action
    def begin(self) -> None:
        """A snapshot is wanted: the guest is going to be stopped."""
        require(self.phase == "running")
        self.phase = "stopping"

    @action
    def populate(self, page: Page) -> None:
        """A page that is not there is read once, so that it has an entry that can be protected (ram_block_populate_read)."""
        require((self.phase == "running") | (self.phase == "stopping"), ~self.populated[page])
        self.populated[page] = True

    @action
    def stop_cpu(self, cpu: Cpu) -> None:
        """A virtual CPU acknowledges the request to stop."""
        require(self.phase == "stopping", self.in_guest(cpu))
        self.running[cpu] = False

    @action
    def take(self) -> None:
        """The guest has stopped. This instant is the snapshot."""
        require(self.phase == "stopping")
        require(implies(self.processors_stopped, every(Cpu, lambda cpu: ~self.running[cpu])))
        require(implies(self.populated_first, every(Page, lambda page: self.populated[page])))
        self.phase = "stopped"
        assign_every(self.snapshot, lambda page: self.memory[page])

    @action
    def protect(self, page: Page) -> None:
        """One entry is protected (UFFDIO_WRITEPROTECT). What CPUs have cached stays as it is."""
        require(self.phase == "stopped")
        self.protect_if_there(page)

    @action
    def run(self) -> None:
        """The CPUs may run again."""
        require(self.phase == "stopped")
        require(implies(self.protected_before_run, every(Page, lambda page: ~self.populated[page] | ~self.writable[page])))
        require(implies(self.flush_before_run, every(Page, lambda page: self.writable[page] | self.uncached(page))))
        self.phase = "saving"

    @action
    def restart_cpu(self, cpu: Cpu) -> None:
        """One CPU runs again."""
        require(self.phase == "saving", ~self.running[cpu])
        self.running[cpu] = True

    @action
    def save(self, page: Page) -> None:
        """A page is read and written to the image: because somebody waits for it, or because it is its turn."""
        require(self.phase == "saving", implies(self.first_copy_wins, ~self.saved[page]))
        self.image[page] = self.memory[page]
        self.saved[page] = True

    @action
    def unprotect(self, page: Page) -> None:
        """The protection of a saved page is lifted."""
        require(self.phase == "saving", ~self.writable[page], implies(self.saved_before_unprotected, self.saved[page]))
        self.writable[page] = True

    @action
    def wake(self, cpu: Cpu, page: Page) -> None:
        """Who waited for the page goes on, and tries its store again. It may be woken late, or for nothing."""
        require(self.phase == "saving", self.fault[cpu, page] == "trapped")
        self.fault[cpu, page] = "none"

    @action
    def write_past_tables(self, device: Device, page: Page, content: Content) -> None:
        """A device writes a page, and the tables do not stop it."""
        super().write_past_tables(device, page, content)
        require(implies(self.nothing_past_tables & self.taken(), self.saved[page]))

    @action
    def give_back(self, page: Page, zeros: Content) -> None:
        """The guest gives a page back through its balloon."""
        super().give_back(page, zeros)
        require(implies(self.nothing_given_back & self.taken(), self.saved[page]))

    @action
    def complete(self) -> None:
        """Every page is in the image."""
        require(self.phase == "saving", every(Page, lambda page: self.saved[page]))
        self.phase = "complete"

    # ------------------------------------------------------------ what is expected

    @always
    def restored(self) -> Boolean:
        """The restored memory, which is the image, equals the memory at the start, when the guest had stopped."""
        return implies(self.phase == "complete", every(Page, lambda page: self.image[page] == self.snapshot[page]))

    @sometimes
    def saved_while_waited_for(self) -> Boolean:
        """A CPU waits for a page that is not saved yet."""
        return some(Page, lambda page: ~self.saved[page] & some(Cpu, lambda cpu: self.fault[cpu, page] == "trapped"))

    @sometimes
    def fault_after_unprotecting(self) -> Boolean:
        """A CPU still waits for a page that another one has written by now."""
        return some(
            Page,
            lambda page: (
                self.saved[page]
                & self.writable[page]
                & (self.memory[page] != self.image[page])
                & some(Cpu, lambda cpu: self.fault[cpu, page] == "trapped")
            ),
        )

    @sometimes
    def guest_has_moved_on(self) -> Boolean:
        """The image is complete, and the guest's memory is another one by now."""
        return (self.phase == "complete") & some(Page, lambda page: self.memory[page] != self.snapshot[page])

    @terminal
    def ended(self) -> Boolean:
        """The image is complete."""
        return self.phase == "complete"

"""Dirty logs: who is asked which pages have changed. Each log has its own way of being fetched and of being cleared."""

from __future__ import annotations

from .. import Choice, Content, Cpu, Device, Flag, Page, Part, action, require
from .writers import BackEnds, VirtualProcessors


class SaverBitmap(Part):
    """The saver's own record, into which the logs are merged: what is still to be sent. At first that is everything.

    "cleared" is a page whose log is empty again and which is going to be read (QEMU, migration/ram.c, RAMBlock.bmap).
    """

    to_send = Choice("dirty", "cleared", "clean", per=Page)


class ProcessorLog(VirtualProcessors, SaverBitmap):
    """The log of what virtual CPUs write, one bit for a page, fed by write faults.

    Modelled after KVM with KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 and KVM_DIRTY_LOG_INITIALLY_SET (Documentation/virt/kvm/api.rst, 4.8,
    4.117, 7.18): fetching changes nothing; clearing takes the bit away and protects the page again, before the entries that CPUs
    have cached are flushed. Soft-dirty bits and /proc/PID/clear_refs are the same machine under other names. That fetching is not
    a matter of one instant is kept: each page's bit is fetched by itself.
    """

    fault = VirtualProcessors.fault.extended("noted")
    logged = Flag(per=Page, initial=True)

    @action
    def log_write(self, cpu: Cpu, page: Page) -> None:
        """The fault handler's first step: the page is marked (mark_page_dirty_in_slot).

        So arch/x86/kvm/mmu/spte.c, make_spte. KVM's lockless path, fast_pf_fix_direct_spte, marks after it has unprotected; left out.
        """
        require(self.powered(), self.fault[cpu, page] == "trapped")
        self.logged[page] = True
        self.fault[cpu, page] = "noted"

    @action
    def unprotect(self, cpu: Cpu, page: Page) -> None:
        """Its second step: the entry becomes writable, and the store is tried again."""
        require(self.powered(), self.fault[cpu, page] == "noted")
        self.writable[page] = True
        self.fault[cpu, page] = "none"

    def fetch_log(self, page: Page) -> None:
        """KVM_GET_DIRTY_LOG, for one page: the bit is read, and stays."""
        require(self.logged[page], self.to_send[page] != "dirty")
        self.to_send[page] = "dirty"

    def clear_log(self, page: Page) -> None:
        """KVM_CLEAR_DIRTY_LOG, for one page: the bit is taken away, and the entry is protected. What CPUs have cached stays."""
        self.logged[page] = False
        self.writable[page] = False


class BackEndLog(BackEnds, SaverBitmap):
    """The log that back ends keep by hand: what they have written they mark, afterwards and in a step of its own.

    Marking before writing would not do. Nothing stops the writer in between, so the mark could be fetched, taken away and forgotten
    before the write that it was for (drivers/vhost/vhost.c writes its log after the copy; QEMU, system/physmem.c,
    invalidate_and_set_dirty follows the access; Firecracker's own bitmap likewise). Who fetches a mark takes it away in the same
    instant, so there is nothing to clear later (QEMU, hw/virtio/vhost.c, vhost_dev_sync_region). Whose mark is still to come is not
    kept: when several have written a page, the first mark says what the others would say again.
    """

    unmarked = Flag(per=Page)  # written, and the mark is still to come
    marks = Flag(per=Page)

    @action
    def write_past_tables(self, device: Device, page: Page, content: Content) -> None:
        """A back end writes a page. The mark comes later."""
        super().write_past_tables(device, page, content)
        self.unmarked[page] = True

    @action
    def mark(self, page: Page) -> None:
        """The page is marked by who has written it."""
        require(self.powered(), self.unmarked[page])
        self.marks[page] = True
        self.unmarked[page] = False

    def fetch_marks(self, page: Page) -> None:
        """The mark is merged and taken away, at once."""
        require(self.marks[page])
        self.to_send[page] = "dirty"
        self.marks[page] = False

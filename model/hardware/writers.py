"""Who writes a guest's memory, sorted by what sees the write: the tables, or nobody but the writer itself."""

from __future__ import annotations

from .. import Boolean, Choice, Content, Contents, Cpu, Device, Flag, Page, Part, action, arbitrary, assign_every, every, require


class GuestMemory(Part):
    """The memory of a guest or of a process: all of it is there, and whoever can reach it writes what it likes.

    A page stands for any one word of it: what tracks and protects knows whole pages, and a page is read for the image between any
    two stores. Words of a page that were read at different times are then right one by one, if this one is.
    """

    memory = Contents(per=Page)

    def powered(self) -> Boolean:
        """The machine is on and the guest can run. Designs narrow this."""
        return Boolean("literal", True)


class VirtualProcessors(GuestMemory):
    """Virtual CPUs, or threads: they write through a table that somebody else has, and a cached entry of it.

    The table is the second stage of translation of a virtual machine (EPT, NPT; Documentation/virt/kvm/x86/mmu.rst) or the page
    table of a traced process. A cached writable entry outlives its change in the table until the CPU is told to forget it (Intel
    SDM volume 3C, "Caching Translation Information"). In a fault the CPU has left the guest: it stores nothing until the handler is
    done, and does not stop in between (a request to stop takes effect when KVM has handled the fault). Reads are left out: they
    change nothing.
    """

    running = Flag(per=Cpu, initial=True)
    writable = Flag(per=Page, initial=True)
    cached_writable = Flag(per=(Cpu, Page), initial=arbitrary)
    fault = Choice("none", "trapped", per=(Cpu, Page))

    def in_guest(self, cpu: Cpu) -> Boolean:
        """This CPU executes the guest's code."""
        return self.powered() & self.running[cpu] & every(Page, lambda page: self.fault[cpu, page] == "none")

    def uncached(self, page: Page) -> Boolean:
        """No CPU can write the page without asking the table."""
        return every(Cpu, lambda cpu: ~self.cached_writable[cpu, page])

    @action
    def store(self, cpu: Cpu, page: Page, content: Content) -> None:
        """A store through a cached writable entry. Nothing sees it."""
        require(self.in_guest(cpu), self.cached_writable[cpu, page])
        self.memory[page] = content

    @action
    def walk(self, cpu: Cpu, page: Page) -> None:
        """A store finds no cached entry and walks the table; a writable entry is cached, and the store can go on."""
        require(self.in_guest(cpu), self.writable[page], ~self.cached_writable[cpu, page])
        self.cached_writable[cpu, page] = True

    @action
    def trap(self, cpu: Cpu, page: Page) -> None:
        """A store finds neither a cached entry nor a writable one: the CPU leaves the guest."""
        require(self.in_guest(cpu), ~self.writable[page], ~self.cached_writable[cpu, page])
        self.fault[cpu, page] = "trapped"

    @action
    def evict(self, cpu: Cpu, page: Page) -> None:
        """A cached entry is dropped, whenever the hardware likes."""
        require(self.powered(), self.cached_writable[cpu, page])
        self.cached_writable[cpu, page] = False

    @action
    def flush(self, cpu: Cpu) -> None:
        """One CPU acknowledges that it has forgotten everything; the others have not done so yet."""
        require(self.powered())
        assign_every(self.cached_writable, lambda other, page: self.cached_writable[other, page] & (other != cpu))


class BackEnds(GuestMemory):
    """Writers that no table stops: a vhost back end, a device that a thread of the VMM emulates, a device that was passed through.

    They write by the address that they were given: no fault, no entry, no flush, and no log but one that they keep themselves
    (:class:`.dirty_log.BackEndLog`).
    """

    working = Flag(per=Device, initial=True)

    @action
    def write_past_tables(self, device: Device, page: Page, content: Content) -> None:
        """A back end writes a page."""
        require(self.powered(), self.working[device])
        self.memory[page] = content

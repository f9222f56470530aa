"""Memory as several processors see it: page tables, TLBs, stores that fault and stores that do not."""

from __future__ import annotations

from .. import Boolean, Choice, Constant, Content, Contents, Cpu, Flag, Page, Part, action, arbitrary, assign_every, ite, require, some


class Processors(Part):
    """CPUs that store to pages, each through a TLB of its own.

    Modelled after x86-64: a store needs a writable translation. The TLB may hold one from an earlier time; only a flush or an
    eviction removes it, and nothing ever updates it (Intel SDM volume 3A, "Caching Translation Information"). Read-only entries are
    left out: a store through one walks the page table anew, exactly as with none. Reads are left out: they change nothing.

    A fault is handled in steps that other CPUs can see. Returning from the handler is no step of its own: what follows is an
    ordinary store that walks again. One CPU may be inside the handler for several pages at once (an interrupt in the handler
    faults again), and go on storing meanwhile, for the same reason.
    """

    boot_cpu = Constant(Cpu)

    memory = Contents(per=Page)
    in_use = Flag(per=Page, initial=arbitrary)
    running = Flag(per=Cpu, initial=True)
    writable = Flag(per=Page, initial=True)
    cached_writable = Flag(per=(Cpu, Page), initial=arbitrary)
    handler = Choice("idle", "trapped", "noted", per=(Cpu, Page))
    completed = Contents(per=Page, ghost=True)

    def powered(self) -> Boolean:
        """The machine is on and software runs. Designs narrow this."""
        return Boolean("literal", True)

    def executes(self, cpu: Cpu) -> Boolean:
        """This CPU runs ordinary code."""
        return self.powered() & self.running[cpu]

    def changed(self, page: Page, content: Content) -> None:
        """What happens at every store that somebody made on purpose: it counts as completed."""
        self.memory[page] = content
        self.completed[page] = content

    @action
    def store(self, cpu: Cpu, page: Page, content: Content) -> None:
        """A store through a writable TLB entry. It needs nothing else."""
        require(self.executes(cpu), self.cached_writable[cpu, page], self.in_use[page])
        self.changed(page, content)

    @action
    def walk(self, cpu: Cpu, page: Page) -> None:
        """A store that finds no TLB entry walks the page table; a writable entry is cached, and the store can go on."""
        require(self.executes(cpu), self.in_use[page], self.writable[page], ~self.cached_writable[cpu, page])
        self.cached_writable[cpu, page] = True

    @action
    def trap(self, cpu: Cpu, page: Page) -> None:
        """A store that finds no TLB entry and a protected page-table entry enters the fault handler."""
        require(self.executes(cpu), self.in_use[page], ~self.writable[page], ~self.cached_writable[cpu, page])
        require(self.handler[cpu, page] == "idle")
        self.handler[cpu, page] = "trapped"

    @action
    def evict(self, cpu: Cpu, page: Page) -> None:
        """A TLB drops an entry whenever it likes."""
        require(self.powered(), self.cached_writable[cpu, page])
        self.cached_writable[cpu, page] = False

    @action
    def flush(self, cpu: Cpu) -> None:
        """One CPU acknowledges a shootdown: its TLB is empty. The others have not done so yet."""
        require(self.powered())
        assign_every(self.cached_writable, lambda other, page: ite(other == cpu, False, self.cached_writable[other, page]))

    @action
    def free(self, page: Page) -> None:
        """The running system gives a page back. Its content stays where it is, its page-table and TLB entries too."""
        require(some(Cpu, lambda cpu: self.executes(cpu)), self.in_use[page])
        self.in_use[page] = False

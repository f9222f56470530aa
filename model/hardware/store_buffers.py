"""Store buffers: what a CPU has stored is seen by the others later, and not always in the order in which it was stored."""

from __future__ import annotations

from .. import Boolean, Counter, Cpu, Flag, Index, Part, action, assign_every, every, ite, number_of, require


class Location(Index):
    """A word of memory that two CPUs talk to each other by."""


class StoreBuffers(Part):
    """Words that are raised once, from 0 to 1, by stores that wait in a buffer of the CPU that made them.

    With a place in the queue for each, the buffer is that of x86 (Sewell et al., "x86-TSO", 2010): first in, first out, and a CPU
    sees its own stores at once. Without the order it is one of a relaxed machine (Documentation/memory-barriers.txt). That a word
    is raised once and never lowered is enough for "the data are there", "the entry is valid" and "I am inside".
    """

    visible = Flag(per=Location)
    place = Counter(number_of(Location), per=(Cpu, Location))  # 0: not in this buffer; 1: drains first
    waiting = Counter(number_of(Location), per=Cpu)

    def raise_word(self, cpu: Cpu, location: Location) -> None:
        """A store goes to the end of this CPU's buffer."""
        waiting = self.waiting[cpu]
        require(self.place[cpu, location] == 0, ~self.visible[location])
        self.place[cpu, location] = waiting + 1
        self.waiting[cpu] = waiting + 1

    def sees(self, cpu: Cpu, location: Location) -> Boolean:
        """What a load gives: what is visible to all, or what this CPU has stored itself."""
        return self.visible[location] | (self.place[cpu, location] >= 1)

    def fenced(self, cpu: Cpu) -> Boolean:
        """What a full barrier waits for: everything that this CPU has stored is visible."""
        return every(Location, lambda location: self.place[cpu, location] == 0)

    def may_drain(self, cpu: Cpu, location: Location) -> Boolean:
        """Stores become visible in their order. A machine that promises less overrides this."""
        return self.place[cpu, location] == 1

    @action
    def drain(self, cpu: Cpu, location: Location) -> None:
        """A store leaves the buffer, and everybody sees it; the others move up."""
        place = self.place[cpu, location]
        require(place >= 1, self.may_drain(cpu, location))
        self.visible[location] = True
        self.waiting[cpu] -= 1
        assign_every(
            self.place,
            lambda other, any: ite(
                (other != cpu) | (self.place[other, any] < self.place[cpu, location]),
                self.place[other, any],
                ite(any == location, 0, self.place[other, any] - 1),
            ),
        )

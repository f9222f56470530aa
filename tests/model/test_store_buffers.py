"""Store buffers: an entry that is seen before what it is about, and two flags that are both set too late."""

from __future__ import annotations

from design_checks import broken_without, in_order, states_if_it_holds

from thawcheck.model import Assumption, Boolean, Constant, Cpu, Design, Flag, action, always, implies, require, terminal
from thawcheck.model.hardware import Location, StoreBuffers

SIZES = {"cpus": 2, "locations": 2, "contents": 1}


class DirtyRing(StoreBuffers, Design):
    """P23: a CPU fills a slot of the ring and then sets the slot's flag; who sees the flag reads the slot."""

    slot = Constant(Location)
    valid = Constant(Location)
    producer = Constant(Cpu)
    collector = Constant(Cpu)
    harvested = Flag()
    garbage = Flag(ghost=True)
    in_order = Assumption("stores become visible in the order in which they were made: release, or TSO", protects="slot_read")

    def may_drain(self, cpu: Cpu, location: Location) -> Boolean:
        return implies(self.in_order, super().may_drain(cpu, location))

    @action
    def fill(self) -> None:
        """The number of the page."""
        self.raise_word(self.producer, self.slot)

    @action
    def publish(self) -> None:
        """The flag that the slot is valid."""
        require(self.sees(self.producer, self.slot))
        self.raise_word(self.producer, self.valid)

    @action
    def harvest(self) -> None:
        """The collector sees the flag and reads the slot."""
        require(self.sees(self.collector, self.valid), ~self.harvested)
        self.harvested = True
        self.garbage = ~self.sees(self.collector, self.slot)

    @always
    def slot_read(self) -> Boolean:
        """Who sees that a slot is valid sees what is in it."""
        return ~self.garbage

    @terminal
    def ended(self) -> Boolean:
        return self.harvested


class Teardown(StoreBuffers, Design):
    """D09: teardown disables the handler and waits until nobody is inside; the handler says that it is inside and looks."""

    disabled = Constant(Location)
    inside = Constant(Location)
    remover = Constant(Cpu)
    handler = Constant(Cpu)
    freed = Flag()
    used = Flag()
    fences = Assumption("a full barrier stands between each one's store and its look at the other's", protects="not_freed_in_use")

    @action
    def disable(self) -> None:
        """enabled = 0."""
        self.raise_word(self.remover, self.disabled)

    @action
    def free(self) -> None:
        """Nobody is inside: the frames are freed."""
        require(self.sees(self.remover, self.disabled), ~self.sees(self.remover, self.inside), ~self.freed)
        require(implies(self.fences, self.fenced(self.remover)))
        self.freed = True

    @action
    def enter(self) -> None:
        """active = 1."""
        self.raise_word(self.handler, self.inside)

    @action
    def use(self) -> None:
        """It is enabled: the handler takes a frame."""
        require(self.sees(self.handler, self.inside), ~self.sees(self.handler, self.disabled), ~self.used)
        require(implies(self.fences, self.fenced(self.handler)))
        self.used = True

    @always
    def not_freed_in_use(self) -> Boolean:
        """No frame is freed that the handler uses."""
        return ~(self.freed & self.used)

    @terminal
    def ended(self) -> Boolean:
        return self.sees(self.remover, self.inside) & self.sees(self.handler, self.disabled)


def test_p23_the_entry_is_seen_before_what_it_is_about() -> None:
    assert states_if_it_holds(DirtyRing, **SIZES) == 7
    assert broken_without(DirtyRing, "in_order", **SIZES) == ("slot_read", ["fill", "publish", "drain", "harvest"])


def test_d09_both_see_the_other_too_late() -> None:
    assert states_if_it_holds(Teardown, **SIZES) > 5
    name, run = broken_without(Teardown, "fences", **SIZES)
    assert name == "not_freed_in_use"
    assert "drain" not in run and in_order(["disable"], run) and in_order(["enter"], run)

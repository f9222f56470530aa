"""The disk: what a flush promises, and what is left when the power fails."""

from __future__ import annotations

from thawcheck.checker.reference import explore
from thawcheck.model import (
    Assumption,
    Boolean,
    Choice,
    Content,
    Contents,
    Design,
    Each,
    Flag,
    Page,
    Sizes,
    action,
    always,
    every,
    implies,
    machine_of,
    require,
    some,
    sometimes,
    terminal,
)
from thawcheck.model.hardware import Disk

TWO = Sizes(pages=2, contents=2)


class Commit(Disk, Design):
    """An image is written and committed, the power fails or is switched off, and somebody reads."""

    phase = Choice("writing", "flushed", "marked", "off", "without_power")
    wanted = Contents(per=Page)
    found = Contents(per=Page)
    fetched = Flag(per=Page)
    data_before_mark = Assumption("the data are durable before the header", protects="whole")
    mark_before_off = Assumption("the header is durable before the power is switched off", protects="kept")

    def has_power(self) -> Boolean:
        return (self.phase == "writing") | (self.phase == "flushed") | (self.phase == "marked")

    def written(self) -> Boolean:
        return every(Page, lambda page: self.block[page] != "blank")

    @action
    def write(self, page: Page) -> None:
        require(self.phase == "writing", self.block[page] == "blank")
        self.block[page] = "cached"

    @action
    def flush(self) -> None:
        require(self.phase == "writing", self.written())
        self.flush_cache()
        self.phase = "flushed"

    @action
    def mark(self) -> None:
        require((self.phase == "flushed") | (~self.data_before_mark & (self.phase == "writing") & self.written()))
        self.marked = True
        self.phase = "marked"

    @action
    def switch_off(self) -> None:
        require(self.phase == "marked")
        self.flush_cache()
        self.phase = "off"

    @action
    def switch_off_unflushed(self, header_survives: Boolean, survives: Each[Page, Boolean]) -> None:
        require(~self.mark_before_off, self.phase == "marked")
        self.forget_cache(header_survives, survives)
        self.phase = "off"

    @action
    def lose_power(self, header_survives: Boolean, survives: Each[Page, Boolean]) -> None:
        super().lose_power(header_survives, survives)
        self.phase = "without_power"

    @action
    def fetch(self, page: Page, otherwise: Content) -> None:
        require(~self.has_power(), self.marked, ~self.fetched[page])
        self.found[page] = self.content_of_block(page, self.wanted[page], otherwise)
        self.fetched[page] = True

    @always
    def whole(self) -> Boolean:
        """Whoever finds a header finds the data."""
        return every(Page, lambda page: implies(self.fetched[page], self.found[page] == self.wanted[page]))

    @always
    def kept(self) -> Boolean:
        """After switching off there is a header."""
        return implies(self.phase == "off", self.marked)

    @always
    def settled(self) -> Boolean:
        """Without power nothing is half durable."""
        return self.has_power() | ((self.marked == self.durably_marked) & every(Page, lambda page: self.block[page] != "cached"))

    @sometimes
    def half(self) -> Boolean:
        """One block survives the loss of power, another one does not."""
        one = some(Page, lambda page: self.block[page] == "durable")
        return (self.phase == "without_power") & one & some(Page, lambda page: self.block[page] == "blank")

    @sometimes
    def header_gone(self) -> Boolean:
        """All data survive, and the header does not."""
        return (self.phase == "without_power") & ~self.marked & every(Page, lambda page: self.block[page] == "durable")

    @sometimes
    def header_there(self) -> Boolean:
        """The power fails before it is switched off, and the header is there."""
        return (self.phase == "without_power") & self.marked

    @terminal
    def ended(self) -> Boolean:
        """Nothing is left to read."""
        return ~self.has_power() & (~self.marked | every(Page, lambda page: self.fetched[page]))


def test_data_flush_header_flush_is_right_whenever_the_power_fails() -> None:
    result = explore(machine_of(Commit), TWO)
    assert (result.verdict, result.unmet) == ("holds", ())


def test_a_header_that_is_durable_before_the_data_leads_to_garbage() -> None:
    result = explore(machine_of(Commit), TWO, dropped=frozenset({"data_before_mark"}))
    assert (result.verdict, result.broken) == ("violated", "whole")
    assert result.run is not None
    assert [step.action for step in result.run.steps] == ["write", "write", "mark", "lose_power", "fetch"]
    assert result.run.steps[3].arguments["header_survives"] == 1


def test_a_header_that_nobody_flushes_is_lost_when_the_power_is_switched_off() -> None:
    result = explore(machine_of(Commit), TWO, dropped=frozenset({"mark_before_off"}))
    assert (result.verdict, result.broken) == ("violated", "kept")


class StepByStep(Design):
    """The same cache with a step for each write that becomes durable: it leaves nothing else behind."""

    powered = Flag(initial=True)
    written = Flag(per=Page)
    durable = Flag(per=Page)

    @action
    def write(self, page: Page) -> None:
        require(self.powered, ~self.written[page])
        self.written[page] = True

    @action
    def write_back(self, page: Page) -> None:
        require(self.powered, self.written[page])
        self.durable[page] = True

    @action
    def lose_power(self) -> None:
        require(self.powered)
        self.powered = False

    @sometimes
    def one_of_two(self) -> Boolean:
        """Of two writes one survives."""
        one = some(Page, lambda page: self.written[page] & self.durable[page])
        return ~self.powered & one & some(Page, lambda page: self.written[page] & ~self.durable[page])

    @terminal
    def off(self) -> Boolean:
        return ~self.powered


def test_deciding_at_the_loss_of_power_is_as_good_as_a_step_for_each_write() -> None:
    assert explore(machine_of(StepByStep), TWO).verdict == "holds"  # every subset of the writes is possible there
    survivors = explore(machine_of(Commit), TWO)
    assert "half" in survivors.reached  # and here

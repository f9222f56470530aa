"""A restore engine among the frames that it overwrites."""

from __future__ import annotations

from thawcheck.checker.reference import explore
from thawcheck.model import (
    Assumption,
    Boolean,
    Content,
    Contents,
    Design,
    Flag,
    Page,
    Sizes,
    action,
    always,
    arbitrary,
    every,
    implies,
    machine_of,
    require,
    some,
    sometimes,
    terminal,
)
from thawcheck.model.hardware import SafeFrames


class Restore(SafeFrames, Design):
    """The page tables are built, and pages are moved to their places."""

    memory = Contents(per=Page)
    loaded = Contents(per=Page)
    in_image = Flag(per=Page, initial=arbitrary)
    done = Flag(per=Page)
    began = Flag()
    tables_in_safe_frames = Assumption("page tables lie where nothing is moved", protects=("engine_whole", "restored"))

    @action
    def build_table(self, page: Page) -> None:
        require(~self.began, ~self.holds_engine[page], implies(self.tables_in_safe_frames, ~self.in_image[page]))
        self.holds_engine[page] = True

    @action
    def begin(self) -> None:
        require(~self.began)
        self.began = True

    @action
    def move(self, page: Page, otherwise: Content) -> None:
        require(self.began, self.in_image[page], ~self.done[page])
        self.memory[page] = self.moved(page, self.loaded[page], otherwise)
        self.done[page] = True

    @always
    def restored(self) -> Boolean:
        """What was moved has arrived."""
        return every(Page, lambda page: implies(self.done[page], self.memory[page] == self.loaded[page]))

    @sometimes
    def among_them(self) -> Boolean:
        """A page is moved while another one holds the engine."""
        return some(Page, lambda page: self.done[page]) & some(Page, lambda page: self.holds_engine[page])

    @terminal
    def ended(self) -> Boolean:
        """Everything is moved."""
        return self.began & every(Page, lambda page: ~self.in_image[page] | self.done[page])


SIZES = Sizes(pages=2, contents=2)


def test_tables_in_safe_frames() -> None:
    assert explore(machine_of(Restore), SIZES).verdict == "holds"


def test_a_loop_that_overwrites_its_page_table() -> None:
    dropped = frozenset({"tables_in_safe_frames"})
    result = explore(machine_of(Restore), SIZES, dropped=dropped)
    assert (result.verdict, result.broken) == ("violated", "engine_whole")
    assert result.run is not None
    assert [step.action for step in result.run.steps] == ["build_table", "begin", "move"]


class WrongPages(Restore):
    """Nobody asks whether the engine is whole."""

    @always
    def engine_whole(self) -> Boolean:
        """Half of memory is anything."""
        return self.engine_overwritten | ~self.engine_overwritten | self.began


def test_what_is_moved_after_that_is_anything() -> None:
    result = explore(machine_of(WrongPages), SIZES, dropped=frozenset({"tables_in_safe_frames"}))
    assert (result.verdict, result.broken) == ("violated", "restored")
    assert result.run is not None
    assert [step.action for step in result.run.steps] == ["build_table", "begin", "move", "move"]

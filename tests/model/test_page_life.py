"""The life of pages: what is not in the table may have data, and a name may have become another's."""

from __future__ import annotations

from design_checks import broken_without, in_order, states_if_it_holds

from thawcheck.model import (
    Assumption,
    Boolean,
    Choice,
    Content,
    Contents,
    Design,
    Flag,
    Page,
    action,
    always,
    assign_every,
    every,
    implies,
    require,
    terminal,
)
from thawcheck.model.hardware import ProcessPages

SIZES = {"pages": 1, "contents": 2}


class TwoDumps(ProcessPages, Design):
    """A frozen process is dumped before and after it has run; what is clean in the second dump is taken from the first."""

    phase = Choice("before", "running", "frozen", "ended")
    dirty = Flag(per=Page)
    parent = Contents(per=Page)
    image = Choice("open", "empty", "from_parent", "own", per=Page)
    copy = Contents(per=Page)
    ask_the_owner = Assumption("a page without an entry is left out only if it was never touched", protects="restored")
    same_incarnation = Assumption("a page is taken from the parent only if its name still means the same thing", protects="restored")

    def powered(self) -> Boolean:
        return (self.phase == "before") | (self.phase == "running")

    @action
    def store(self, page: Page, content: Content) -> None:
        """The process writes; the tracker of the process sees it."""
        super().store(page, content)
        self.dirty[page] = True

    @action
    def pre_dump(self) -> None:
        """The first dump, of everything; the tracker begins anew."""
        require(self.phase == "before")
        self.phase = "running"
        assign_every(self.parent, lambda page: self.memory[page])
        assign_every(self.dirty, lambda page: False)
        assign_every(self.reused, lambda page: False)

    @action
    def freeze(self) -> None:
        """The process stops: the second dump begins."""
        require(self.phase == "running")
        self.phase = "frozen"

    @action
    def leave_out(self, page: Page) -> None:
        """The page has no entry in the table."""
        require(self.phase == "frozen", self.image[page] == "open", self.place[page] != "present")
        require(implies(self.ask_the_owner, self.place[page] == "untouched"))
        self.image[page] = "empty"

    @action
    def refer(self, page: Page) -> None:
        """The page is clean since the first dump."""
        require(self.phase == "frozen", self.image[page] == "open", self.place[page] != "untouched", ~self.dirty[page])
        require(implies(self.same_incarnation, ~self.reused[page]))
        self.image[page] = "from_parent"

    @action
    def dump(self, page: Page) -> None:
        """The page is dumped."""
        require(self.phase == "frozen", self.image[page] == "open")
        self.image[page] = "own"
        self.copy[page] = self.memory[page]

    @action
    def finish(self) -> None:
        """Every page has been dealt with."""
        require(self.phase == "frozen", every(Page, lambda page: self.image[page] != "open"))
        self.phase = "ended"

    @always
    def restored(self) -> Boolean:
        """What a restore of the second dump upon the first gives is the memory when the process was frozen."""
        return implies(
            self.phase == "ended",
            every(
                Page,
                lambda page: (
                    implies(self.image[page] == "empty", self.place[page] == "untouched")
                    & implies(self.image[page] == "from_parent", self.parent[page] == self.memory[page])
                    & implies(self.image[page] == "own", self.copy[page] == self.memory[page])
                ),
            ),
        )

    @terminal
    def ended(self) -> Boolean:
        return self.phase == "ended"


def test_p41_swapped_out_is_not_never_touched() -> None:
    assert states_if_it_holds(TwoDumps, **SIZES) > 10
    name, run = broken_without(TwoDumps, "ask_the_owner", **SIZES)
    assert name == "restored"
    assert in_order(["store", "swap_out", "freeze", "leave_out", "finish"], run), run


def test_p18_the_parent_is_of_another_process() -> None:
    name, run = broken_without(TwoDumps, "same_incarnation", **SIZES)
    assert name == "restored"
    assert in_order(["pre_dump", "reuse", "freeze", "refer", "finish"], run), run

"""Large mappings and aliases: what is protected by one name and written by another."""

from __future__ import annotations

from design_checks import broken_without, in_order, states_if_it_holds

from thawcheck.model import (
    Assumption,
    Boolean,
    Content,
    Contents,
    Cpu,
    Design,
    Flag,
    Page,
    action,
    always,
    assign_every,
    every,
    implies,
    require,
)
from thawcheck.model.hardware import Aliases, LargeMapping


class ProtectByFourKilobytes(LargeMapping, Aliases, Design):
    """D04: the direct map has large entries and aliases; pages are protected one by one and read."""

    read = Flag(per=Page)
    image = Contents(per=Page)
    split_first = Assumption("the large entry is split before a page is protected", protects="unchanged")
    stays_split = Assumption("no large entry is made again while a page is protected", protects="unchanged")
    large_entries_flushed = Assumption("no CPU keeps an entry, large or small, for a page that is read", protects="unchanged")
    aliases_too = Assumption("every alias of a page is protected before the page is read", protects="unchanged")

    @action
    def protect(self, page: Page) -> None:
        """One small entry is protected."""
        require(self.small_writable[page], implies(self.split_first, ~self.large))
        self.small_writable[page] = False

    @action
    def read_page(self, page: Page) -> None:
        """A protected page is read for the image."""
        require(~self.small_writable[page], ~self.read[page])
        require(implies(self.large_entries_flushed, self.uncached(page)), implies(self.aliases_too, self.aliases_protected(page)))
        self.image[page] = self.memory[page]
        self.read[page] = True

    @action
    def collapse(self, zeros: Content) -> None:
        """Small entries are collapsed into a large one, which nobody has protected."""
        super().collapse(zeros)
        require(implies(self.stays_split, every(Page, lambda page: self.small_writable[page])))

    @always
    def unchanged(self) -> Boolean:
        """A page that was read is as it was read."""
        return every(Page, lambda page: implies(self.read[page], self.image[page] == self.memory[page]))


SIZES = {"pages": 1, "cpus": 1, "contents": 2, "aliases": 1}


def story(dropped: str) -> list[str]:
    """The run that shows what the assumption is there for."""
    name, run = broken_without(ProtectByFourKilobytes, dropped, **SIZES)
    assert name == "unchanged"
    return run


def test_d04_large_entries_and_aliases() -> None:
    assert states_if_it_holds(ProtectByFourKilobytes, **SIZES) >= 50
    assert in_order(["protect", "collapse", "read_page", "store"], story("stays_split"))
    assert in_order(["protect", "read_page", "store"], story("split_first"))
    assert in_order(["read_page", "store"], story("large_entries_flushed"))
    assert in_order(["read_page", "store_by_alias"], story("aliases_too"))


class LazyRestore(LargeMapping, Design):
    """P17: some pages are restored beforehand, the others when they are missed; then huge pages come."""

    begun = Flag()
    saved = Contents(per=Page)
    holes_stay_holes = Assumption("no huge page is made while a page is missing", protects="restored")

    @action
    def begin(self) -> None:
        """Every page is still missing."""
        require(~self.begun)
        self.begun = True
        self.large = False
        assign_every(self.present, lambda page: False)
        assign_every(self.cached_small, lambda cpu, page: False)
        assign_every(self.cached_large, lambda cpu: False)

    @action
    def restore(self, page: Page) -> None:
        """A missing page is filled: before it is missed, or because it is."""
        require(self.begun, ~self.present[page])
        self.memory[page] = self.saved[page]
        self.present[page] = True

    @action
    def store(self, cpu: Cpu, page: Page, content: Content) -> None:
        """A store, of which the saved version is made the same: what is looked for is what nobody stored."""
        super().store(cpu, page, content)
        require(self.begun)
        self.saved[page] = content

    @action
    def collapse(self, zeros: Content) -> None:
        """khugepaged."""
        require(implies(self.holes_stay_holes, every(Page, lambda page: self.present[page])))
        super().collapse(zeros)

    @always
    def restored(self) -> Boolean:
        """A page that is there holds what was saved, or what was stored since."""
        return implies(self.begun, every(Page, lambda page: implies(self.present[page], self.memory[page] == self.saved[page])))


def test_p17_a_huge_page_swallows_the_missing_ones() -> None:
    name, run = broken_without(LazyRestore, "holes_stay_holes", pages=2, cpus=1, contents=2)
    assert name == "restored"
    assert run == ["begin", "collapse"]

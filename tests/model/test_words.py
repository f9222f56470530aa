"""Pages of several words, and whether pages of two stand for them."""

from __future__ import annotations

import pytest

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
    assign_every,
    every,
    implies,
    ite,
    machine_of,
    require,
    some,
    sometimes,
)
from thawcheck.model.hardware import TornReads, Word, WordByWord


class Saved(WordByWord, Design):
    """A page is saved while it may be stored to."""

    at_begin = Contents(per=(Page, Word), ghost=True)
    stable = Assumption("a page is not stored to while it is read", protects="whole")

    def stores_allowed(self, page: Page) -> Boolean:
        return implies(self.stable, ~self.in_loop[page])

    @action
    def begin_loop(self, page: Page) -> None:
        super().begin_loop(page)
        assign_every(self.at_begin, lambda other, word: ite(other == page, self.words[other, word], self.at_begin[other, word]))

    @always
    def whole(self) -> Boolean:
        """What was read is the page of one instant."""
        return every(
            Page,
            lambda page: every(
                Word, lambda word: implies(self.has_read[page, word], self.words_read[page, word] == self.at_begin[page, word])
            ),
        )


def test_a_page_that_nobody_stores_to_is_read_as_it_is() -> None:
    assert explore(machine_of(Saved), Sizes(pages=1, words=2, contents=2)).verdict == "holds"


def test_a_store_between_two_words_tears_the_page() -> None:
    result = explore(machine_of(Saved), Sizes(pages=1, words=2, contents=2), dropped=frozenset({"stable"}))
    assert (result.verdict, result.broken) == ("violated", "whole")
    assert result.run is not None
    assert [step.action for step in result.run.steps] == ["begin_loop", "store_word", "read_word"]


class FirstAndLast(WordByWord, Design):
    """What the page was when the first word was read, and when the last one was."""

    at_first = Contents(per=(Page, Word), ghost=True)
    at_last = Contents(per=(Page, Word), ghost=True)

    @action
    def read_word(self, page: Page, word: Word) -> None:
        first = every(Word, lambda any: ~self.has_read[page, any])
        assign_every(self.at_first, lambda other, any: ite((other == page) & first, self.words[other, any], self.at_first[other, any]))
        assign_every(self.at_last, lambda other, any: ite(other == page, self.words[other, any], self.at_last[other, any]))
        super().read_word(page, word)

    @always
    def same_if_unchanged(self) -> Boolean:
        """If the page was the same when the last word was read as when the first one was, that is what was read."""
        return every(
            Page,
            lambda page: implies(
                every(Word, lambda word: self.has_read[page, word] & (self.at_first[page, word] == self.at_last[page, word])),
                every(Word, lambda word: self.words_read[page, word] == self.at_last[page, word]),
            ),
        )


def test_of_two_words_an_unchanged_page_is_read_as_it_is() -> None:
    assert explore(machine_of(FirstAndLast), Sizes(pages=1, words=2, contents=2)).verdict == "holds"


def test_of_three_words_it_may_have_changed_in_between() -> None:
    """Then a shorter loop, which ends when it is changed, has read the same mixture: see TornReads."""
    result = explore(machine_of(FirstAndLast), Sizes(pages=1, words=3, contents=2))
    assert (result.verdict, result.broken) == ("violated", "same_if_unchanged")
    assert result.run is not None
    assert [step.action for step in result.run.steps] == [
        "begin_loop", "read_word", "store_word", "read_word", "store_word", "read_word",
    ]  # fmt: skip


class SavedWhole(TornReads, Design):
    """As Saved, said with whole pages."""

    memory = Contents(per=Page)
    image = Contents(per=Page)
    at_begin = Contents(per=Page, ghost=True)
    saved = Flag(per=Page)
    stable = Assumption("a page is not stored to while it is read", protects="whole")

    @action
    def store(self, page: Page, content: Content) -> None:
        require(implies(self.stable, ~self.reading[page]))
        self.memory[page] = content

    @action
    def begin(self, page: Page) -> None:
        require(~self.reading[page], ~self.saved[page])
        self.begin_read(page, self.memory[page])
        self.at_begin[page] = self.memory[page]

    @action
    def end(self, page: Page, mixture: Content) -> None:
        require(self.reading[page])
        self.image[page] = ite(self.memory[page] == self.seen[page], self.memory[page], mixture)
        self.reading[page] = False
        self.saved[page] = True

    @always
    def whole(self) -> Boolean:
        """What was read is the page of one instant."""
        return every(Page, lambda page: implies(self.saved[page], self.image[page] == self.at_begin[page]))

    @sometimes
    def changed_later(self) -> Boolean:
        """A page has changed since it was read."""
        return some(Page, lambda page: self.saved[page] & (self.memory[page] != self.image[page]))


@pytest.mark.parametrize("dropped, verdict", [((), "holds"), (("stable",), "violated")])
def test_whole_pages_that_are_read_in_two_steps_tear_too(dropped: tuple[str, ...], verdict: str) -> None:
    result = explore(machine_of(SavedWhole), Sizes(pages=2, contents=2), dropped=frozenset(dropped))
    assert result.verdict == verdict
    if result.run is not None:
        assert [step.action for step in result.run.steps] == ["begin", "store", "end"]

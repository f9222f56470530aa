"""Pages of several words: who reads one while it changes may read what it never was."""

from __future__ import annotations

from .. import Boolean, Content, Contents, Flag, Index, Page, Part, action, every, ite, require


class Word(Index):
    """A part of a page that is read and written at once."""


class WordByWord(Part):
    """A page is read one word after the other, in any order, while others store to its words.

    An aligned quadword, or two with AVX, is the most that Intel's x86-64 promises to read or write at once (SDM volume 3A,
    "Guaranteed Atomic Operations"). A copy, a comparison and a device's read of a page are loops over words; a disk that is given a
    page which still changes gets a mixture (1d1d1a767206, "mm: only enforce stable page writes if the backing device requires it").
    """

    words = Contents(per=(Page, Word))
    words_read = Contents(per=(Page, Word))
    has_read = Flag(per=(Page, Word))
    in_loop = Flag(per=Page)

    def stores_allowed(self, page: Page) -> Boolean:
        """Somebody can store to the page now. Designs narrow this."""
        return Boolean("literal", True)

    @action
    def store_word(self, page: Page, word: Word, content: Content) -> None:
        """A store changes one word."""
        require(self.stores_allowed(page))
        self.words[page, word] = content

    @action
    def begin_loop(self, page: Page) -> None:
        """Somebody begins to read the page."""
        require(~self.in_loop[page], every(Word, lambda word: ~self.has_read[page, word]))
        self.in_loop[page] = True

    @action
    def read_word(self, page: Page, word: Word) -> None:
        """One word is read."""
        require(self.in_loop[page], ~self.has_read[page, word])
        self.words_read[page, word] = self.words[page, word]
        self.has_read[page, word] = True

    @action
    def end_loop(self, page: Page) -> None:
        """The page is read."""
        require(self.in_loop[page], every(Word, lambda word: self.has_read[page, word]))
        self.in_loop[page] = False


class TornReads(Part):
    """The same, said of whole pages of two words: one is read when the read begins, the other when it ends.

    If the page is the same at both instants, that is what was read. If not, it is a mixture of the two, and since content is opaque
    a mixture is any content: one of the two, or what was never there. A comparison then finds equal or different. More words
    add nothing: what a longer loop can read, one can that ends when the last word is read that has changed since the first.
    """

    reading = Flag(per=Page)
    seen = Contents(per=Page)  # the page when its read began

    def begin_read(self, page: Page, content: Content) -> None:
        """The first word of a page is read."""
        self.reading[page] = True
        self.seen[page] = content

    def content_read(self, page: Page, content: Content, mixture: Content) -> Content:
        """What has been read when the second word is, and the page holds ``content`` by then."""
        read: Content = ite(self.seen[page] == content, content, mixture)
        return read

from thawcheck.model import Boolean, Content, Contents, Design, Flag, Page, action, always, every, require


class PreCopy(Design):
    memory, sent = Contents(per=Page), Contents(per=Page)
    dirty, reading = Flag(per=Page, initial=True), Flag(per=Page)
    @action
    def store(self, page: Page, content: Content) -> None:
        self.memory[page], self.dirty[page] = content, True
    @action
    def read(self, page: Page) -> None:
        self.sent[page], self.reading[page] = self.memory[page], True
    @action
    def clear(self, page: Page) -> None:
        require(self.reading[page])
        self.dirty[page], self.reading[page] = False, False
    @always
    def covered(self) -> Boolean:
        """A page that is not dirty was sent as it is."""
        return every(Page, lambda page: self.dirty[page] | (self.sent[page] == self.memory[page]))

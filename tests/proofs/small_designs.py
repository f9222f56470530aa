"""Designs small enough to know by heart what can be proved of them."""

from thawcheck.model import (
    Assumption,
    Boolean,
    Choice,
    Content,
    Contents,
    Counter,
    Cpu,
    Design,
    Flag,
    Page,
    action,
    always,
    every,
    implies,
    number_of,
    require,
    some,
    sometimes,
    terminal,
)


class Saver(Design):
    """Pages are written while they may change; one that changes is flagged, and a flagged one is copied when all has stopped."""

    phase = Choice("writing", "stopped", "off")
    memory = Contents(per=Page)
    image = Contents(per=Page)
    written = Flag(per=Page)
    flagged = Flag(per=Page)
    frames = Counter(number_of(Page))
    copied = Flag(per=Page)

    stores_flag = Assumption("a store flags the page", protects="complete")

    @action
    def store(self, page: Page, content: Content) -> None:
        """A store that is noticed."""
        require(self.phase == "writing")
        self.memory[page] = content
        self.flagged[page] = True

    @action
    def store_unnoticed(self, page: Page, content: Content) -> None:
        """A store that is not."""
        require(~self.stores_flag, self.phase == "writing")
        self.memory[page] = content

    @action
    def write(self, page: Page) -> None:
        """A page goes to the image."""
        require(self.phase == "writing")
        self.image[page] = self.memory[page]
        self.written[page] = True

    @action
    def stop(self) -> None:
        """Everything is written."""
        require(self.phase == "writing", every(Page, lambda page: self.written[page]))
        self.phase = "stopped"

    @action
    def copy(self, page: Page) -> None:
        """A flagged page goes to the image once more; it takes a frame."""
        require(self.phase == "stopped", self.flagged[page], ~self.copied[page])
        taken = self.frames
        self.image[page] = self.memory[page]
        self.frames = taken + 1
        self.copied[page] = True

    @action
    def commit(self) -> None:
        """Every flagged page is copied."""
        require(self.phase == "stopped", every(Page, lambda page: ~self.flagged[page] | self.copied[page]))
        self.phase = "off"

    @always
    def complete(self) -> Boolean:
        """The image is memory."""
        return implies(self.phase == "off", every(Page, lambda page: self.image[page] == self.memory[page]))

    @sometimes
    def committed(self) -> Boolean:
        """A save ends."""
        return self.phase == "off"

    @terminal
    def ended(self) -> Boolean:
        """Switched off."""
        return self.phase == "off"


class Forgetful(Saver):
    """Wrong: the flag is set before the store is seen, and writing clears it."""

    @action
    def write(self, page: Page) -> None:
        """A page goes to the image, and its flag is cleared although it is not needed: a store may come in between."""
        super().write(page)
        self.flagged[page] = False

    @action
    def store(self, page: Page, content: Content) -> None:
        """A store that sets the flag only if the page was not written yet."""
        require(self.phase == "writing")
        written = self.written[page]
        self.memory[page] = content
        self.flagged[page] = ~written


class Pairing(Design):
    """Counts the pages in one state of a Choice: nothing about one page, and no Flag, says what the Counter says."""

    place = Choice("here", "there", per=Page)
    there = Counter(number_of(Page))

    @action
    def go(self, page: Page) -> None:
        """One goes there."""
        require(self.place[page] == "here")
        number = self.there
        self.place[page] = "there"
        self.there = number + 1

    @action
    def come(self, page: Page) -> None:
        """One comes back."""
        require(self.place[page] == "there")
        number = self.there
        self.place[page] = "here"
        self.there = number - 1


class Unset(Design):
    """Right only if content that nobody has set were the same everywhere."""

    first = Contents(per=Page)
    second = Contents(per=Page)
    compared = Flag()

    @action
    def compare(self) -> None:
        """Somebody looks."""
        self.compared = True

    @always
    def same(self) -> Boolean:
        """Both are the same."""
        return implies(self.compared, every(Page, lambda page: self.first[page] == self.second[page]))


class Guarded(Design):
    """A property that says that there is something: some CPU runs as long as the machine is on."""

    on = Flag(initial=True)
    running = Flag(per=Cpu, initial=True)

    @action
    def stop(self, cpu: Cpu, other: Cpu) -> None:
        """One stops, if another one runs on."""
        require(self.running[cpu], self.running[other], cpu != other)
        self.running[cpu] = False

    @action
    def switch_off(self) -> None:
        """The machine is switched off."""
        require(self.on)
        self.on = False

    @always
    def somebody_runs(self) -> Boolean:
        """Some CPU runs."""
        return some(Cpu, lambda cpu: self.running[cpu]) | ~self.on

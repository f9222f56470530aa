"""Designs small enough to know by heart what every engine has to say about them."""

from thawcheck.model import (
    Assumption,
    Boolean,
    Choice,
    Constant,
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


class Stairs(Design):
    """Three steps up, one at a time; a fall from the third breaks a bone unless there is a rail."""

    place = Choice("ground", "first", "second", "third")
    broken = Flag()

    rail = Assumption("there is a rail", protects="whole")

    @action
    def climb_to_first(self) -> None:
        """One up."""
        require(self.place == "ground")
        self.place = "first"

    @action
    def climb_to_second(self) -> None:
        """Another."""
        require(self.place == "first")
        self.place = "second"

    @action
    def climb_to_third(self) -> None:
        """The last."""
        require(self.place == "second")
        self.place = "third"

    @action
    def fall(self) -> None:
        """Only without a rail, and only from the top."""
        require(~self.rail)
        require(self.place == "third")
        self.place = "ground"
        self.broken = True

    @always
    def whole(self) -> Boolean:
        """No bone is broken."""
        return ~self.broken

    @sometimes
    def at_the_top(self) -> Boolean:
        """The top is reached."""
        return self.place == "third"

    @terminal
    def arrived(self) -> Boolean:
        """Nobody goes down."""
        return self.place == "third"


class Trap(Design):
    """A room that one can enter and not leave: a deadlock after one step."""

    inside = Flag()

    @action
    def enter(self) -> None:
        """The door falls shut."""
        require(~self.inside)
        self.inside = True


class Idle(Design):
    """An expectation that is never met, and an action that is never possible: vacuous."""

    on = Flag()
    never = Flag()

    @action
    def toggle(self) -> None:
        """On and off."""
        self.on = ~self.on

    @action
    def explode(self) -> None:
        """Needs what never is."""
        require(self.never)
        self.on = True

    @sometimes
    def exploded(self) -> Boolean:
        """It never is."""
        return self.never


class Purse(Design):
    """Coins for each page; a counter that leaves its range after the last one, because nobody looks."""

    coins = Counter(number_of(Page) + 1, initial=1)
    paid = Flag(per=Page)

    @action
    def pay(self, page: Page) -> None:
        """One coin."""
        self.coins = self.coins - 1
        self.paid[page] = True

    @sometimes
    def everything_paid(self) -> Boolean:
        """Every page is paid."""
        return every(Page, lambda page: self.paid[page])


class Copier(Design):
    """Pages are copied one after another while a CPU stores to them: the copy is stale after a store that comes too late."""

    boot_cpu = Constant(Cpu)
    memory = Contents(per=Page)
    image = Contents(per=Page)
    copied = Flag(per=Page)
    stopped = Flag(per=Cpu)

    stop_first = Assumption("the other CPUs have stopped before anything is copied", protects="faithful")

    @action
    def store(self, cpu: Cpu, page: Page, content: Content) -> None:
        """A CPU that runs stores what it likes."""
        require(~self.stopped[cpu])
        self.memory[page] = content

    @action
    def stop(self, cpu: Cpu) -> None:
        """A CPU stops for good."""
        require(~self.stopped[cpu], (cpu == self.boot_cpu) | ~self.stopped[self.boot_cpu])
        self.stopped[cpu] = True

    @action
    def copy(self, page: Page) -> None:
        """One page."""
        require(~self.copied[page], implies(self.stop_first, every(Cpu, lambda cpu: self.stopped[cpu])))
        self.image[page] = self.memory[page]
        self.copied[page] = True

    @always
    def faithful(self) -> Boolean:
        """What is copied equals the memory."""
        return every(Page, lambda page: implies(self.copied[page], self.image[page] == self.memory[page]))

    @sometimes
    def done(self) -> Boolean:
        """A page is copied."""
        return some(Page, lambda page: self.copied[page])

    @terminal
    def finished(self) -> Boolean:
        """Every page is copied."""
        return every(Page, lambda page: self.copied[page])

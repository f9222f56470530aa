"""What another party does later: logging that is not on yet, and channels that overtake each other."""

from __future__ import annotations

from design_checks import broken_without, in_order, states_if_it_holds

from thawcheck.model import Assumption, Boolean, Content, Contents, Design, Flag, Page, action, always, every, implies, require
from thawcheck.model.hardware import Channel, Channels, LogSwitchedOnLater


class ManyChannels(Channels, Design):
    """P15: every version of a page may go over another channel."""

    memory = Contents(per=Page)
    sent = Flag(per=Page)
    barrier_between_rounds = Assumption("no channel has a version of a page when a later one is sent", protects="newest_wins")

    @action
    def store(self, page: Page, content: Content) -> None:
        """The guest writes; the page has to be sent again."""
        self.memory[page] = content
        self.sent[page] = False

    @action
    def send(self, channel: Channel, page: Page) -> None:
        """The page is sent over some channel."""
        require(~self.sent[page], implies(self.barrier_between_rounds, self.arrived(page)))
        self.send_over(channel, page, self.memory[page])
        self.sent[page] = True

    @always
    def newest_wins(self) -> Boolean:
        """When everything has arrived, the version that was sent last is there."""
        return every(Page, lambda page: implies(self.sent[page] & self.arrived(page), self.delivered[page] == self.memory[page]))


def test_p15_an_older_version_arrives_last() -> None:
    sizes = {"pages": 1, "channels": 2, "contents": 2}
    assert states_if_it_holds(ManyChannels, **sizes) > 10
    name, run = broken_without(ManyChannels, "barrier_between_rounds", **sizes)
    assert name == "newest_wins"
    assert in_order(["send", "store", "send", "deliver", "deliver"], run), run


class FirstPass(LogSwitchedOnLater, Design):
    """P19: logging is asked for, and the first page is sent."""

    image = Contents(per=Page)
    wait_for_acknowledgement = Assumption("the first page is read when logging is known to be on", protects="covered")

    @action
    def ask(self) -> None:
        """The device model is asked to log."""
        require(self.logging == "off")
        self.logging = "asked"

    @action
    def send(self, page: Page) -> None:
        """A page is sent."""
        require(self.to_send[page] == "dirty", self.logging != "off", implies(self.wait_for_acknowledgement, self.logging == "on"))
        self.image[page] = self.memory[page]
        self.to_send[page] = "clean"

    @action
    def fetch(self, page: Page) -> None:
        """The log is merged."""
        self.fetch_marks(page)

    @always
    def covered(self) -> Boolean:
        """A page that is clean, and that nobody will mark, was sent as it is."""
        return every(
            Page,
            lambda page: implies(
                (self.to_send[page] == "clean") & ~self.marks[page] & ~self.unmarked[page],
                self.image[page] == self.memory[page],
            ),
        )


def test_p19_writes_before_the_acknowledgement_leave_no_mark() -> None:
    sizes = {"pages": 1, "devices": 1, "contents": 2}
    assert states_if_it_holds(FirstPass, **sizes) > 10
    name, run = broken_without(FirstPass, "wait_for_acknowledgement", **sizes)
    assert name == "covered"
    assert in_order(["ask", "send", "write_past_tables", "leave_unmarked"], run), run

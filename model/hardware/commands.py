"""What another party does later than it was asked to: commands that are acknowledged, and channels that deliver."""

from __future__ import annotations

from .. import Boolean, Choice, Content, Contents, Flag, Index, Page, Part, action, every, require
from .dirty_log import BackEndLog


class LogSwitchedOnLater(BackEndLog):
    """Back ends that log only once they have been asked to, and begin whenever they get to it.

    Whoever asks is not told by the asking: VHOST_USER_SET_LOG_BASE is answered by a message of its own, VHOST_USER_SET_FEATURES, which
    then sets VHOST_F_LOG_ALL, is not (QEMU, docs/interop/vhost-user.rst, "Communication"), and Xen's toolstack has to wait for the
    device model to acknowledge "logdirty" (Xen 0d176cc71600, tools/libxl). Between asking and beginning, writes leave no mark.
    """

    logging = Choice("off", "asked", "on")

    @action
    def switch_on(self) -> None:
        """The back ends begin to log, some time after they were asked to, and say so."""
        require(self.powered(), self.logging == "asked")
        self.logging = "on"

    @action
    def mark(self, page: Page) -> None:
        """A back end that logs marks the page that it has written."""
        super().mark(page)
        require(self.logging == "on")

    @action
    def leave_unmarked(self, page: Page) -> None:
        """A back end that does not log yet goes on without marking what it wrote."""
        require(self.powered(), self.unmarked[page], self.logging != "on")
        self.unmarked[page] = False


class Channel(Index):
    """One of several connections over which pages are sent."""


class Channels(Part):
    """Channels that deliver whenever they like, each independent of the others.

    A channel has at most one version of a page on its way: a second one on the same channel waits behind the first, and would
    arrive after it in any case. The order of different pages within a channel is left open, which allows more. What was sent later
    on another channel may arrive earlier (QEMU's multifd, before 6df264ac5a7f).
    """

    on_its_way = Flag(per=(Channel, Page))
    carried = Contents(per=(Channel, Page))
    delivered = Contents(per=Page)

    def send_over(self, channel: Channel, page: Page, content: Content) -> None:
        """A version of the page is on its way."""
        require(~self.on_its_way[channel, page])
        self.on_its_way[channel, page] = True
        self.carried[channel, page] = content

    @action
    def deliver(self, channel: Channel, page: Page) -> None:
        """It arrives, and overwrites what is there."""
        require(self.on_its_way[channel, page])
        self.delivered[page] = self.carried[channel, page]
        self.on_its_way[channel, page] = False

    def arrived(self, page: Page) -> Boolean:
        """No channel has a version of the page any more: what a barrier over all channels waits for."""
        return every(Channel, lambda channel: ~self.on_its_way[channel, page])

"""Who waits for whom: a thread for another one's work, a frozen thread for whoever has frozen it."""

from __future__ import annotations

from .. import Boolean, Flag, Index, Part, always, assign_every, every, require


class Actor(Index):
    """Somebody who can wait for somebody else: whoever saves, a kernel thread, a task."""


class Waiting(Part):
    """A graph of waits, of which each actor has one at a time: so it does nothing else meanwhile, and cannot be made to.

    What is waited for is left out: a lock, memory that is to be freed, an answer. To be frozen is to wait for whoever froze and will
    thaw (kernel/freezer.c, ``__refrigerator``). So whoever waits for a frozen actor waits for the freezer too, and if that is the
    freezer itself, for ever: Linux 2aede851ddf0 moved the reservation of memory before the freezing of kernel threads for that.

    A wait ends when the other does its part, for which it must not be waiting. So the waits of a cycle never end, however long it is,
    while others may go on without noticing.
    """

    waits = Flag(per=(Actor, Actor))
    behind = Flag(per=(Actor, Actor), ghost=True)  # the first waits for the second, or for somebody who does

    def goes_on(self, actor: Actor) -> Boolean:
        """This actor waits for nobody."""
        return every(Actor, lambda other: ~self.waits[actor, other])

    def begin_waiting(self, actor: Actor, other: Actor) -> None:
        """One begins to wait for the other, who may be waiting itself."""
        require(actor != other, self.goes_on(actor))
        self.waits[actor, other] = True
        assign_every(
            self.behind,
            lambda first, last: (
                self.behind[first, last] | (((first == actor) | self.behind[first, actor]) & ((last == other) | self.behind[other, last]))
            ),
        )

    def end_waiting(self, actor: Actor, other: Actor) -> None:
        """The other does what is waited for. It waits for nobody, so it was the last of those that the one was behind."""
        require(self.waits[actor, other], self.goes_on(other))
        self.waits[actor, other] = False
        assign_every(
            self.behind,
            lambda first, last: self.behind[first, last] & ~((last == other) & ((first == actor) | self.behind[first, actor])),
        )

    @always
    def no_cycle(self) -> Boolean:
        """Nobody waits for itself, directly or behind others."""
        return every(Actor, lambda actor: ~self.behind[actor, actor])

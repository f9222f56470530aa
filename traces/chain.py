"""The events of a trace that name no page: one sequence, which every page sees, and the states of everything that belongs to no page."""

from __future__ import annotations

from typing import NamedTuple

from .format import Event
from .tables import Program, Stepped, Tables


class Entry(NamedTuple):
    """An event as it waits to be settled; entries sort by end."""

    end: int
    begin: int
    actor: str
    seq: int
    line: int
    event: Event

    @property
    def name(self) -> tuple[str, int]:
        """What tells the event from all others."""
        return self.actor, self.seq


class Link(NamedTuple):
    """A step of an event without a page: between which sets of global states, None after it if the design has no such step."""

    entry: Entry
    program: Program
    place: int
    before: int
    after: int | None
    passed: dict[int, Stepped]
    """What it makes of a page that can be in the states of a set, by the set's number, so far as somebody asked."""


class Chain:
    """The links so far, in the order of their events' begins; those that every page has seen are forgotten.

    A *position* counts the links that have happened. ``unsure`` says from which time on an unexplained event proves nothing, and why:
    two events overlap whose order decides something else than what was tried, or something was not recorded.
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.links: list[Link] = []
        self.base = 0  # the number of links that are forgotten
        self.last = tables.initial_globals()
        """The set of global states after the last link that the design has."""
        self.unsure: tuple[int, str] | None = None
        self._end, self._actor = -1, ""
        self._note_unrecorded(-1)

    @property
    def length(self) -> int:
        """The position after the last link."""
        return self.base + len(self.links)

    def append(self, entry: Entry) -> None:
        """Add an event that begins no earlier than those before it."""
        event = entry.event
        program = self.tables.program(event.kind, event.cpu, False)
        if entry.begin <= self._end and entry.actor != self._actor:
            self.doubt(entry.begin, f"the order of '{event.kind}' on line {entry.line} and another event without a page is not known")
        self._end, self._actor = max(self._end, entry.end), entry.actor
        for place, unit in enumerate(program.units):
            broken = bool(self.links) and self.links[-1].after is None
            after = None if broken else self.tables.step_globally(self.last, unit)
            self.links.append(Link(entry, program, place, self.last, after, {}))
            if after is not None:
                self.last = after
        self._note_unrecorded(entry.end)

    def doubt(self, since: int, why: str) -> None:
        """From a time on, an unexplained event proves nothing."""
        if self.unsure is None or since < self.unsure[0]:
            self.unsure = since, why

    def _note_unrecorded(self, since: int) -> None:
        kind = self.tables.unrecorded_step(self.last)
        if kind is not None:
            self.doubt(since, f"'{kind}' is not always recorded, and may have happened")

    def at(self, position: int) -> int:
        """The set of global states at a position."""
        place = position - self.base
        return self.links[place].before if place < len(self.links) else self.last

    def limits(self, entry: Entry) -> tuple[int, int]:
        """The first and the last position at which an event may happen."""
        first, last = self.base, self.length
        for place in range(len(self.links) - 1, -1, -1):
            if precedes(self.links[place].entry, entry):
                first = self.base + place + 1
                break
        for place in range(first - self.base, len(self.links)):
            if precedes(entry, self.links[place].entry):
                last = self.base + place
                break
        return first, last

    def broken_by(self, entry: Entry) -> Link | None:
        """The link of an event that the design does not have, if there is one."""
        return next((link for link in self.links if link.entry is entry and link.after is None), None)

    def count_before(self, time: int) -> int:
        """The position after the links that had happened before a time."""
        count = 0
        while count < len(self.links) and self.links[count].entry.end < time and self.links[count].after is not None:
            count += 1
        return self.base + count

    def forget(self, position: int) -> None:
        """Every page has seen the links up to a position."""
        del self.links[: position - self.base]
        self.base = position


def precedes(first: Entry, second: Entry) -> bool:
    """Whether the first of two events certainly happened before the second."""
    return first.end < second.begin or (first.actor == second.actor and first.seq < second.seq)

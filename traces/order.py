"""The orders that intervals allow: which states each page can be in after the events so far, in every order that they may have had.

Two events are ordered if one ends before the other begins, or if one actor did both. Events that only concern one page meet that page
and the events without a page, which form one *chain*; so each page is followed alone. Where a page's event overlaps others on the page
or a part of the chain, every order is tried; that two pages may need different orders of the same overlapping events is not noticed.

Events are taken up in the order in which they stand in the trace, and settled in the order of their ends, once nothing that is still
to come can have happened before: so what comes out does not depend on the order of the lines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from .format import Event, Header
from .tables import Beyond, Names, Program, Renaming, Tables, Values

MOST_WAITING = 1 << 17
MOST_ORDERS = 1 << 14
CHAIN_TO_KEEP = 512

_MISSING: object = object()
_NOBODY = frozenset[str]()

Key = tuple[int, frozenset[tuple[str, int, int]]]
"""How far a page has come: the number of chain units, and the units (actor, sequence number, place) of its own events in the settling."""


class Entry(NamedTuple):
    """An event as it waits to be settled; entries sort by end."""

    end: int
    begin: int
    actor: str
    seq: int
    line: int
    event: Event


class ChainUnit(NamedTuple):
    """A step of an event without a page: between which global states, None after it if the design has none."""

    entry: Entry
    program: Program
    place: int
    before: int
    after: int | None


class Failure(NamedTuple):
    """The first event that nothing explains, and what the page (None: no page) and the machine could be like before."""

    entry: Entry
    program: Program
    place: int
    page: int | None
    number: int | None
    names: Names
    global_number: int


class PageState:
    """What a page can be like: a set of states and how much of the chain it has seen; while events overlap, one for each key."""

    __slots__ = ("keys", "latest", "longest", "names", "number", "pending", "position", "tangled_until")

    def __init__(self, number: int, names: Names, position: int) -> None:
        self.number, self.names, self.position = number, names, position
        self.keys: dict[Key, tuple[int, Names]] | None = None
        self.pending: deque[Entry] = deque()
        self.latest = self.tangled_until = -1
        self.longest = 0


class Orders:
    """Follows every page through the events of a trace. ``failure`` is set once nothing explains an event; nothing is followed after that.

    Raises Beyond when a bound is reached, NotFactored when a kind of event cannot be replayed page by page.
    """

    def __init__(self, tables: Tables, header: Header) -> None:
        self.tables = tables
        self.window = header.window
        self.latest = 0
        self.failure: Failure | None = None
        self.widest = 0
        """The largest number of events that waited."""
        self.waiting: list[Entry] = []
        self._coming: list[tuple[int, str, int, Entry]] = []  # events without a page, by their begins
        self.pages: dict[int, PageState] = {}
        self.chain: list[ChainUnit] = []
        self.base = 0  # the number of chain units that every page has seen and that are forgotten
        self.global_number = tables.initial_globals()
        self.shared = tables.factored.initial_shared()
        number, names = tables.initial_set()
        self.untouched = PageState(number, names, 0)
        """What a page is like that no event has named yet."""
        self._trim_at = CHAIN_TO_KEEP
        self._chain_end = -1
        self._chain_actor = ""
        self.unsure: tuple[int, str] | None = None
        """From when on (an end) an unexplained event proves nothing, and why."""
        self._note_unrecorded(-1)

    # ------------------------------------------------------------ taking events up

    def take(self, event: Event, line: int) -> list[Entry]:
        """Take up the next event of the trace; returns those that are settled by that, in the order of their ends."""
        end, begin = event.end, event.begin
        entry = Entry(end, begin, event.actor, event.seq, line, event)
        heappush(self.waiting, entry)
        number = event.page
        if number is None:
            heappush(self._coming, (begin, event.actor, event.seq, entry))
        else:
            page = self.pages.get(number)
            if page is None:
                blank = self.untouched
                page = self.pages[number] = PageState(blank.number, blank.names, blank.position)
            if begin <= page.latest:
                page.tangled_until = max(page.latest, end)
            if end > page.latest:
                page.latest = end
            if end - begin > page.longest:
                page.longest = end - begin
            page.pending.append(entry)
        if end > self.latest:
            self.latest = end
            return self._settle_before(end - self.window)
        return []

    def finish(self) -> list[Entry]:
        """Settle everything: the trace has ended."""
        settled = self._settle_before(None)
        if self.failure is None:
            self._advance_all(self.base + len(self.chain), None)
        return settled

    def _settle_before(self, horizon: int | None) -> list[Entry]:
        # Whatever is still to come begins at the horizon or later.
        waiting, coming = self.waiting, self._coming
        settled: list[Entry] = []
        if len(waiting) > self.widest:
            self.widest = len(waiting)
            if self.widest > MOST_WAITING:
                raise Beyond(f"more than {MOST_WAITING} events overlap, or stand out of order")
        while coming and (horizon is None or coming[0][0] < horizon):
            self._append_to_chain(heappop(coming)[3])
        while waiting and (horizon is None or waiting[0][0] < horizon):
            entry = heappop(waiting)
            settled.append(entry)
            if self.failure is None:
                if entry.event.page is None:
                    self._settle_global(entry)
                else:
                    self._settle(entry, entry.event.page)
        return settled

    # ------------------------------------------------------------ the chain

    def _append_to_chain(self, entry: Entry) -> None:
        event = entry.event
        program = self.tables.program(event.kind, event.cpu, False)
        if entry.begin <= self._chain_end and entry.actor != self._chain_actor and self.unsure is None:
            self.unsure = (entry.begin, f"line {entry.line}: '{event.kind}' overlaps another event without a page, and the order of the two is not known")
        self._chain_end, self._chain_actor = max(self._chain_end, entry.end), entry.actor
        for place, unit in enumerate(program.units):
            after = None if self.chain and self.chain[-1].after is None else self.tables.step_globally(self.global_number, unit)
            self.chain.append(ChainUnit(entry, program, place, self.global_number, after))
            if after is not None:
                self.global_number = after
        self._note_unrecorded(entry.end)
        if len(self.chain) > self._trim_at:
            self._trim()

    def _note_unrecorded(self, since: int) -> None:
        if self.unsure is None:
            kind = self.tables.unrecorded_step(self.global_number)
            if kind is not None:
                self.unsure = (since, f"events of the kind '{kind}' are not always recorded")

    def _settle_global(self, entry: Entry) -> None:
        for unit in self.chain:
            if unit.entry is entry and unit.after is None:
                self._fail(Failure(entry, unit.program, unit.place, None, None, (), unit.before))
                return
        program = self.tables.program(entry.event.kind, entry.event.cpu, False)
        if program.shared:
            self._share(entry, program, self.global_number)

    def _trim(self) -> None:
        """Forget the part of the chain that every page has seen, after showing it to the pages that have not."""
        bound = min((entry.begin for entry in self.waiting), default=self.latest)
        count = 0
        while count < len(self.chain) and self.chain[count].entry.end < bound and self.chain[count].after is not None:
            count += 1
        self._advance_all(self.base + count, None)
        if self.failure is None:
            del self.chain[:count]
            self.base += count
        self._trim_at = max(CHAIN_TO_KEEP, 2 * len(self.chain))

    def _advance_all(self, position: int, until: int | None) -> None:
        """Show every page the chain up to a position; with ``until``, only what ends by then and overlaps nothing that waits on the page."""
        first: Failure | None = self.failure
        for number, page in [(-1, self.untouched), *self.pages.items()]:
            failure = self._advance(number, page, position, until)
            if failure is not None and (first is None or (failure.entry, failure.place) < (first.entry, first.place)):
                first = failure
        self.failure = first

    def _advance(self, number: int, page: PageState, position: int, until: int | None) -> Failure | None:
        keys = page.keys or {(page.position, frozenset()): (page.number, page.names)}
        while True:
            behind = min(keys)
            if behind[0] >= position:
                break
            unit = self.chain[behind[0] - self.base]
            if until is not None:
                if unit.entry.end > until or any(entry.begin <= unit.entry.end for entry in page.pending):
                    break
            if unit.after is None:
                break
            found = keys.pop(behind)
            after = self._pass(found, unit)
            if after is not None:
                key = (behind[0] + 1, behind[1])
                keys[key] = self.tables.union(keys[key], after) if key in keys else after
            elif not keys:
                shown = self._lowest_untouched() if number < 0 else number
                return None if shown is None else Failure(unit.entry, unit.program, unit.place, shown, found[0], found[1], unit.before)
        self._keep(page, keys)
        return None

    def _lowest_untouched(self) -> int | None:
        return next((number for number in range(self.tables.header.pages) if number not in self.pages), None)

    def _pass(self, state: tuple[int, Names], unit: ChainUnit) -> tuple[int, Names] | None:
        """What a page is like after a step of the chain."""
        number, names = state
        key = (number, unit.before, unit.program.kind, unit.entry.event.cpu, unit.place)
        tables = self.tables
        found = tables.remembered.get(key, _MISSING)
        if found is _MISSING:
            found = tables.step(number, unit.before, unit.program, unit.place, unit.place + 1, Values(), _NOBODY)
            tables.remember(key, found)  # type: ignore[arg-type]
        if found is None:
            return None
        after, renaming = found  # type: ignore[misc]
        return after, tuple([names[place] for place in renaming])

    # ------------------------------------------------------------ one page

    def _settle(self, entry: Entry, number: int) -> None:
        page = self.pages[number]
        end, begin, actor, seq, _, event = entry
        pending = page.pending
        if pending[0] is entry:
            pending.popleft()
        else:
            pending.remove(entry)
        if page.keys is not None or end <= page.tangled_until:
            self._settle_tangled(entry, number, page)
            return
        # Nothing else of this page overlaps the event. What precedes it in the chain comes first.
        chain, place = self.chain, page.position - self.base
        while place < len(chain):
            unit = chain[place]
            other = unit.entry
            if other.end < begin or (other.actor == actor and other.seq < seq):
                if unit.after is None:
                    self._fail(Failure(other, unit.program, unit.place, None, None, (), unit.before))
                    return
                after = self._pass((page.number, page.names), unit)
                if after is None:
                    self._fail(Failure(other, unit.program, unit.place, number, page.number, page.names, unit.before))
                    return
                page.number, page.names = after
                place += 1
                page.position += 1
            elif other.begin > end or other.actor == actor:
                break
            else:
                self._settle_tangled(entry, number, page)
                return
        global_number = chain[place].before if place < len(chain) else self.global_number
        names, content = page.names, event.content
        if content is None:
            index = None
        elif content in names:
            index = names.index(content)
        else:
            index = len(names)
        key = (page.number, global_number, event.kind, event.cpu, index, event.in_use, event.in_image)
        tables = self.tables
        found = tables.remembered.get(key, _MISSING)
        if found is _MISSING:
            program = tables.program(event.kind, event.cpu, True)
            if program.shared:
                excluded = self._share(entry, program, global_number)
                found = tables.step(
                    page.number, global_number, program, 0, len(program.units), Values(index, event.in_use, event.in_image), excluded
                )
            else:
                found = tables.step(
                    page.number, global_number, program, 0, len(program.units), Values(index, event.in_use, event.in_image), _NOBODY
                )
                tables.remember(key, found)  # type: ignore[arg-type]
        if found is None:
            self._fail(Failure(entry, tables.program(event.kind, event.cpu, True), 0, number, page.number, names, global_number))
            return
        page.number, renaming = found  # type: ignore[misc]
        if index == len(names):
            names = (*names, content)  # type: ignore[arg-type]
        page.names = tuple([names[place] for place in renaming])

    def _share(self, entry: Entry, program: Program, global_number: int) -> frozenset[str]:
        """The actions that the shared counters forbid; changes them for the others."""
        globals_ = self.tables.globals[global_number][0]
        excluded = set()
        for move in program.shared:
            if move.false_shared(globals_, self.shared):
                excluded.add(move.action.name)
        for move in program.shared:
            if move.action.name not in excluded:
                self.shared = move.apply_shared(globals_, self.shared)
        return frozenset(excluded)

    def _settle_tangled(self, entry: Entry, number: int, page: PageState) -> None:
        """Settle an event that overlaps others on its page, or parts of the chain: in every order."""
        tables = self.tables
        end = entry.end
        own = [entry, *(other for other in page.pending if other.begin <= end)]
        programs = {(other.actor, other.seq): tables.program(other.event.kind, other.event.cpu, True) for other in own}
        excluded = {
            (other.actor, other.seq): self._share(other, programs[other.actor, other.seq], self.global_number) if other is entry else _NOBODY
            for other in own
        }
        limits = {(other.actor, other.seq): self._chain_limits(other) for other in own}
        start = page.keys or {(page.position, frozenset()): (page.number, page.names)}
        todo, done = dict(start), dict[Key, tuple[int, Names]]()
        last = (entry.actor, entry.seq, len(programs[entry.actor, entry.seq].units) - 1)
        orders = 0
        stuck: tuple[int, int, tuple[int, Names], int] | None = None
        broken: ChainUnit | None = None
        while todo:
            orders += 1
            if orders > MOST_ORDERS:
                raise Beyond(f"line {entry.line}: more than {MOST_ORDERS} orders of events that overlap on page {number}")
            key = min(todo, key=lambda candidate: candidate[0] + len(candidate[1]))
            state = todo.pop(key)
            position, applied = key
            if last in applied:
                kept = (position, applied - {(entry.actor, entry.seq, place) for place in range(last[2] + 1)})
                done[kept] = tables.union(done[kept], state) if kept in done else state
                continue
            for after_key, after in self._next(key, state, own, programs, excluded, limits, end):
                if after is None:
                    if after_key[0] > position:
                        unit = self.chain[position - self.base]
                        if unit.after is None:
                            broken = unit
                        elif stuck is None or len(applied) + position > stuck[0]:
                            stuck = (len(applied) + position, -1 - position, state, unit.before)
                    elif (entry.actor, entry.seq, 0) in after_key[1] and (stuck is None or len(applied) + position > stuck[0]):
                        place = max(p for a, s, p in after_key[1] if (a, s) == (entry.actor, entry.seq))
                        stuck = (len(applied) + position, place, state, self._global_at(position))
                    continue
                todo[after_key] = tables.union(todo[after_key], after) if after_key in todo else after
        if not done:
            self._fail_tangled(entry, number, page, stuck, broken)
            return
        self._keep(page, done)

    def _fail_tangled(
        self, entry: Entry, number: int, page: PageState, stuck: tuple[int, int, tuple[int, Names], int] | None, broken: ChainUnit | None
    ) -> None:
        program = self.tables.program(entry.event.kind, entry.event.cpu, True)
        if stuck is not None and stuck[1] < 0:
            unit = self.chain[-1 - stuck[1] - self.base]
            self._fail(Failure(unit.entry, unit.program, unit.place, number, *stuck[2], unit.before))
        elif stuck is not None:
            self._fail(Failure(entry, program, stuck[1], number, *stuck[2], stuck[3]))
        elif broken is not None:
            self._fail(Failure(broken.entry, broken.program, broken.place, None, None, (), broken.before))
        else:
            self._fail(Failure(entry, program, 0, number, page.number, page.names, self._global_at(page.position)))

    def _next(
        self,
        key: Key,
        state: tuple[int, Names],
        own: list[Entry],
        programs: dict[tuple[str, int], Program],
        excluded: dict[tuple[str, int], frozenset[str]],
        limits: dict[tuple[str, int], tuple[int, int]],
        end: int,
    ) -> Iterator[tuple[Key, tuple[int, Names] | None]]:
        """What may come next: another unit of the chain, or of one of the page's events; None where nothing explains it."""
        position, applied = key
        complete = {
            (other.actor, other.seq)
            for other in own
            if (other.actor, other.seq, len(programs[other.actor, other.seq].units) - 1) in applied
        }
        if position < self.base + len(self.chain):
            unit = self.chain[position - self.base]
            if unit.entry.begin <= end and all(
                (other.actor, other.seq) in complete for other in own if limits[other.actor, other.seq][1] <= position
            ):
                yield (position + 1, applied), None if unit.after is None else self._pass(state, unit)
        global_number = self._global_at(position)
        for other in own:
            name = (other.actor, other.seq)
            if name in complete or not limits[name][0] <= position <= limits[name][1]:
                continue
            if any(one.actor == other.actor and one.seq < other.seq and (one.actor, one.seq) not in complete for one in own):
                continue
            place = sum((other.actor, other.seq, earlier) in applied for earlier in range(len(programs[name].units)))
            after = self._do(state, global_number, other, programs[name], place, excluded[name])
            yield (position, applied | {(other.actor, other.seq, place)}), after

    def _do(
        self, state: tuple[int, Names], global_number: int, entry: Entry, program: Program, place: int, excluded: frozenset[str]
    ) -> tuple[int, Names] | None:
        number, names = state
        event = entry.event
        content = event.content
        index = None if content is None else names.index(content) if content in names else len(names)
        key = (number, global_number, event.kind, event.cpu, index, event.in_use, event.in_image, place, excluded)
        tables = self.tables
        found = tables.remembered.get(key, _MISSING)
        if found is _MISSING:
            found = tables.step(number, global_number, program, place, place + 1, Values(index, event.in_use, event.in_image), excluded)
            tables.remember(key, found)  # type: ignore[arg-type]
        if found is None:
            return None
        after, renaming = found  # type: ignore[misc]
        if content is not None and index == len(names):
            names = (*names, content)
        return after, tuple([names[place] for place in renaming])

    def _chain_limits(self, entry: Entry) -> tuple[int, int]:
        """The first and the last position in the chain at which an event may happen."""
        first, last = self.base, self.base + len(self.chain)
        for place in range(len(self.chain) - 1, -1, -1):
            other = self.chain[place].entry
            if other.end < entry.begin or (other.actor == entry.actor and other.seq < entry.seq):
                first = self.base + place + 1
                break
        for place in range(first - self.base, len(self.chain)):
            other = self.chain[place].entry
            if other.begin > entry.end or (other.actor == entry.actor and other.seq > entry.seq):
                last = self.base + place
                break
        return first, last

    def _global_at(self, position: int) -> int:
        place = position - self.base
        return self.chain[place].before if place < len(self.chain) else self.global_number

    def _keep(self, page: PageState, keys: dict[Key, tuple[int, Names]]) -> None:
        if len(keys) == 1:
            ((position, applied), (number, names)), = keys.items()
            if not applied:
                page.position, page.number, page.names, page.keys = position, number, names, None
                return
        page.keys = keys

    def _fail(self, failure: Failure) -> None:
        """An event that nothing explains; an earlier one, of which some page has not been told yet, comes first."""
        self.failure = failure
        self._advance_all(self.base + len(self.chain), failure.entry.end)

"""The orders that intervals allow: what each page can be like after the events so far, in every order that they may have had.

Two events are ordered if one ends before the other begins, or if one actor did both. An event on a page meets that page only, and the
events without a page, which form one chain; so each page is followed alone. Where a page's event overlaps others on the page, or a part
of the chain, every order is tried; that two pages may need different orders of the same overlapping events is not noticed.

Events are taken up in the order in which they stand in the trace, and settled in the order of their ends, once nothing that is still
to come can have happened before: so what comes out does not depend on the order of the lines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from .chain import Chain, Entry, Link, precedes
from .format import Event, Header
from .tables import NOTHING, Beyond, Names, Program, Stepped, Tables, Values

MOST_WAITING = 1 << 17
MOST_ORDERS = 1 << 14
LINKS_TO_KEEP = 512
MOST_PASSED = 1 << 12

_MISSING: Stepped = (-1, ())

Possible = tuple[int, Names]
"""What a page can be like: the number of a set of states, and the digests of the contents in it."""

Key = tuple[int, frozenset[tuple[str, int, int]]]
"""How far a page has come: its position in the chain, and the steps that are done of its own events that are not settled."""

HERE: frozenset[tuple[str, int, int]] = frozenset()


class Failure(NamedTuple):
    """The first event that nothing explains, at which of its steps, and what could be before: of a page, unless no page is to blame."""

    entry: Entry
    program: Program
    place: int
    page: int | None
    possible: Possible | None
    global_number: int


class PageState:
    """What a page can be like at a position of the chain; while events overlap, at several positions and with some of them done."""

    __slots__ = ("keys", "latest", "names", "number", "pending", "position", "tangled_until")

    def __init__(self, number: int, names: Names, position: int) -> None:
        self.number, self.names, self.position = number, names, position
        self.keys: dict[Key, Possible] | None = None
        self.pending: deque[Entry] = deque()
        self.latest = self.tangled_until = -1

    def all_keys(self) -> dict[Key, Possible]:
        """Every key, and what the page can be like there."""
        return dict(self.keys) if self.keys is not None else {(self.position, HERE): (self.number, self.names)}

    def keep(self, keys: dict[Key, Possible]) -> None:
        """Put these in their place."""
        self.keys = keys
        if len(keys) == 1:
            (((position, done), (number, names)),) = keys.items()
            if not done:
                self.position, self.number, self.names, self.keys = position, number, names, None


class Orders:
    """Follows every page through the events of a trace. ``failure`` is set once nothing explains an event; nothing is followed after that.

    Raises Beyond when a bound is reached, NotFactored when a kind of event cannot be replayed page by page.
    """

    def __init__(self, tables: Tables, header: Header) -> None:
        self.tables, self.window, self.page_count = tables, header.window, header.pages
        self.failure: Failure | None = None
        self.chain = Chain(tables)
        self.unchanged = tables.unchanged
        self.shared = tables.factored.initial_shared()
        """The values that the shared counters can have."""
        self.pages: dict[int, PageState] = {}
        self.untouched = PageState(*tables.initial_set(), 0)
        """What a page is like that no event has named yet."""
        self.latest = 0
        self.waiting: list[Entry] = []
        self.widest = 0
        """The largest number of events that waited for one another."""
        self._coming: list[tuple[int, str, int, Entry]] = []  # events without a page, by their begins
        self._forget_at = LINKS_TO_KEEP
        self._shared_until = -1  # the largest end of an event that changed or asked a shared counter

    # ------------------------------------------------------------ taking events up

    def take(self, event: Event, line: int) -> None:
        """Take up the next event of the trace, and settle what can be settled by now."""
        end, begin, number = event.end, event.begin, event.page
        entry = Entry(end, begin, event.actor, event.seq, line, event)
        heappush(self.waiting, entry)
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
            page.pending.append(entry)
        if end > self.latest:
            self.latest = end
            self._settle_before(end - self.window)

    def finish(self) -> None:
        """Settle everything: the trace has ended."""
        self._settle_before(None)
        if self.failure is None:
            self._show_all(self.chain.length, None)

    def _settle_before(self, horizon: int | None) -> None:
        # Whatever is still to come begins at the horizon or later.
        waiting, coming = self.waiting, self._coming
        if len(waiting) > self.widest:
            self.widest = len(waiting)
            if self.widest > MOST_WAITING:
                raise Beyond(f"more than {MOST_WAITING} events overlap, or stand out of order")
        while coming and (horizon is None or coming[0][0] < horizon):
            self.chain.append(heappop(coming)[3])
        while waiting and (horizon is None or waiting[0][0] < horizon):
            if self.failure is not None:
                waiting.clear()
                return
            entry = heappop(waiting)
            if entry.event.page is None:
                self._settle_link(entry)
            else:
                self._settle(entry, entry.event.page)
        if len(self.chain.links) > self._forget_at and self.failure is None:
            position = self.chain.count_before(min((entry.begin for entry in waiting), default=self.latest))
            self._show_all(position, None)
            if self.failure is None:
                self.chain.forget(position)
            self._forget_at = max(LINKS_TO_KEEP, 2 * len(self.chain.links))

    # ------------------------------------------------------------ events without a page

    def _settle_link(self, entry: Entry) -> None:
        link = self.chain.broken_by(entry)
        program = self.tables.program(entry.event.kind, entry.event.cpu, False)
        if link is None and program.shared and self.share(entry, program, self.chain.last):
            link = next(link for link in self.chain.links if link.entry is entry)
        if link is not None:
            self._fail(Failure(entry, program, link.place, None, None, link.before))

    def pass_link(self, possible: Possible, link: Link) -> Possible | None:
        """What a page is like after a link of the chain."""
        number, names = possible
        found = link.passed.get(number, _MISSING)
        if found is _MISSING:
            key = (number, link.before, link.program.kind, link.entry.event.cpu, link.place)
            found = self.tables.remembered.get(key, _MISSING)
            if found is _MISSING:
                found = self.tables.step(number, link.before, link.program, link.place, link.place + 1, Values(), NOTHING)
                self.tables.remember(key, found)
            if len(link.passed) >= MOST_PASSED:
                link.passed.clear()
            link.passed[number] = found
        if found is None:
            return None
        after, places = found
        return (after, names) if places is self.unchanged.get(len(names)) else (after, tuple([names[place] for place in places]))

    def _show_all(self, position: int, until: int | None) -> None:
        """Show the chain up to a position to every page; with ``until``, only what ends by then and overlaps nothing that is to come."""
        first = self.failure
        for number, page in [(None, self.untouched), *self.pages.items()]:
            failure = self._show(number, page, position, until)
            if failure is not None and (first is None or (failure.entry, failure.place) < (first.entry, first.place)):
                first = failure
        self.failure = first

    def _show(self, number: int | None, page: PageState, position: int, until: int | None) -> Failure | None:
        if number is None:
            number = next((free for free in range(self.page_count) if free not in self.pages), None)
            if number is None:
                return None
        if page.keys is None and page.position >= position:
            return None
        keys = page.all_keys()
        while min(keys)[0] < position:
            behind = min(keys)
            link = self.chain.links[behind[0] - self.chain.base]
            if link.after is None or (
                until is not None and (link.entry.end > until or any(entry.begin <= link.entry.end for entry in page.pending))
            ):
                break
            possible = keys.pop(behind)
            after = self.pass_link(possible, link)
            if after is not None:
                key = (behind[0] + 1, behind[1])
                keys[key] = self.tables.union(keys[key], after) if key in keys else after
            elif not keys:
                return Failure(link.entry, link.program, link.place, number, possible, link.before)
        page.keep(keys)
        return None

    # ------------------------------------------------------------ events on a page

    def _settle(self, entry: Entry, number: int) -> None:
        page = self.pages[number]
        end, begin, actor, seq, _, event = entry
        if page.pending[0] is entry:
            page.pending.popleft()
        else:
            page.pending.remove(entry)
        chain = self.chain
        if page.keys is not None or (end <= page.tangled_until and any(other.begin <= end for other in page.pending)):
            self._settle_tangled(entry, number, page)
            return
        # Nothing else on this page overlaps the event. What precedes it in the chain comes first.
        links, base = chain.links, chain.base
        length = base + len(links)
        while page.position < length:
            link = links[page.position - base]
            other = link.entry
            if other.end < begin or (other.actor == actor and other.seq < seq):
                after = self.pass_link((page.number, page.names), link)
                if after is None:
                    self._fail(Failure(other, link.program, link.place, number, (page.number, page.names), link.before))
                    return
                page.number, page.names = after
                page.position += 1
            elif other.begin > end or other.actor == actor:
                break
            else:
                self._settle_tangled(entry, number, page)
                return
        global_number = chain.last if page.position == length else links[page.position - base].before
        # The same as do(...) for all steps at once, except that what is remembered is found by a shorter key.
        names, content = page.names, event.content
        if content is None:
            index = None
        elif content in names:
            index = names.index(content)
        else:
            index = len(names)
            names = (*names, content)
        key = (page.number, global_number, event.kind, event.cpu, index, event.in_use, event.in_image)
        found = self.tables.remembered.get(key, _MISSING)
        if found is _MISSING:
            program = self.tables.program(event.kind, event.cpu, True)
            excluded = self.share(entry, program, global_number) if program.shared else NOTHING
            values = Values(index, event.in_use, event.in_image)
            found = self.tables.step(page.number, global_number, program, 0, len(program.units), values, excluded)
            if not program.shared:
                self.tables.remember(key, found)
        if found is None:
            program = self.tables.program(event.kind, event.cpu, True)
            self._fail(Failure(entry, program, 0, number, (page.number, page.names), global_number))
            return
        page.number, places = found
        page.names = names if places is self.unchanged.get(len(names)) else tuple([names[place] for place in places])

    def do(
        self, possible: Possible, global_number: int, event: Event, program: Program, place: int, excluded: frozenset[str]
    ) -> Possible | None:
        """What a page is like after one step of an event, and what was seen then."""
        number, names = possible
        content = event.content
        if content is None:
            index = None
        elif content in names:
            index = names.index(content)
        else:
            index = len(names)
            names = (*names, content)
        key = (number, global_number, event.kind, event.cpu, index, event.in_use, event.in_image, place, excluded)
        found = self.tables.remembered.get(key, _MISSING)
        if found is _MISSING:
            values = Values(index, event.in_use, event.in_image)
            found = self.tables.step(number, global_number, program, place, place + 1, values, excluded)
            self.tables.remember(key, found)
        return None if found is None else (found[0], tuple([names[place] for place in found[1]]))

    def share(self, entry: Entry, program: Program, global_number: int) -> frozenset[str]:
        """The actions that the shared counters forbid to an event that is settled. The others change them.

        Counters change in the order of the events' ends. Where another order would be possible, what they forbid is not certain.
        """
        globals_ = self.tables.globals[global_number][0]
        excluded = frozenset(move.action.name for move in program.shared if move.false_shared(globals_, self.shared))
        if excluded and (
            self._shared_until >= entry.begin
            or any(
                other.begin <= entry.end and self.tables.program(other.event.kind, other.event.cpu, other.event.page is not None).shared
                for other in self.waiting
            )
        ):
            self.chain.doubt(entry.begin, f"'{entry.event.kind}' on line {entry.line} overlaps others that change the same counter")
        self._shared_until = max(self._shared_until, entry.end)
        for move in program.shared:
            if move.action.name not in excluded:
                self.shared = move.apply_shared(globals_, self.shared)
        return excluded

    def _settle_tangled(self, entry: Entry, number: int, page: PageState) -> None:
        """Settle an event that overlaps others on its page, or links of the chain: in every order."""
        tangle = _Tangle(self, entry, [other for other in page.pending if other.begin <= entry.end])
        todo, found = page.all_keys(), dict[Key, Possible]()
        orders = 0
        stuck: tuple[int, Failure] | None = None
        while todo:
            orders += 1
            if orders > MOST_ORDERS:
                raise Beyond(f"line {entry.line}: more than {MOST_ORDERS} orders of events that overlap on page {number}")
            key = min(todo, key=_progress)
            possible = todo.pop(key)
            if tangle.settled in key[1]:
                found[key[0], frozenset(step for step in key[1] if step[:2] != entry.name)] = possible
                continue
            for after_key, after, tried in tangle.following(key, possible, number):
                if after is not None:
                    todo[after_key] = self.tables.union(todo[after_key], after) if after_key in todo else after
                elif (stuck is None or _progress(key) > stuck[0]) and (tried.entry is entry or tried.entry.event.page is None):
                    stuck = _progress(key), tried
        if found:
            page.keep(found)
        else:
            program = tangle.own[0].program
            self._fail(stuck[1] if stuck is not None else Failure(entry, program, 0, number, (page.number, page.names), self.chain.last))

    def _fail(self, failure: Failure) -> None:
        """An event that nothing explains; an earlier one that some page has not been shown yet comes first."""
        self.failure = failure
        self._show_all(self.chain.length, failure.entry.end)


def _progress(key: Key) -> int:
    return key[0] + len(key[1])


class _Own(NamedTuple):
    """An event of a tangle: its steps, between which positions of the chain it lies, and the events that precede it."""

    entry: Entry
    program: Program
    steps: tuple[tuple[str, int, int], ...]
    first: int
    last: int
    preceding: tuple[int, ...]


class _Tangle:
    """An event that is to be settled, and those on its page that overlap it."""

    def __init__(self, orders: Orders, entry: Entry, overlapping: list[Entry]) -> None:
        self.orders, self.entry, self.chain = orders, entry, orders.chain
        entries = [entry, *overlapping]
        self.own: list[_Own] = []
        for one in entries:
            program = orders.tables.program(one.event.kind, one.event.cpu, True)
            steps = tuple((*one.name, place) for place in range(len(program.units)))
            preceding = tuple(place for place, other in enumerate(entries) if precedes(other, one))
            self.own.append(_Own(one, program, steps, *orders.chain.limits(one), preceding))
        self.settled = self.own[0].steps[-1]
        """Done once every step of the event to be settled is."""
        program = self.own[0].program
        self.excluded = orders.share(entry, program, orders.chain.last) if program.shared else NOTHING

    def following(self, key: Key, possible: Possible, number: int) -> Iterator[tuple[Key, Possible | None, Failure]]:
        """What may come next: the next link of the chain, or a step of one of the events; None where nothing explains it."""
        position, done = key
        complete = [own.steps[-1] in done for own in self.own]
        if position < self.chain.length:
            link = self.chain.links[position - self.chain.base]
            if link.entry.begin <= self.entry.end and all(
                ready or position < own.last for own, ready in zip(self.own, complete, strict=True)
            ):
                failure = Failure(link.entry, link.program, link.place, number, possible, link.before)
                if link.after is None:
                    yield (position + 1, done), None, failure._replace(page=None, possible=None)
                else:
                    yield (position + 1, done), self.orders.pass_link(possible, link), failure
        global_number = self.chain.at(position)
        for own, ready in zip(self.own, complete, strict=True):
            if ready or not own.first <= position <= own.last or not all(complete[place] for place in own.preceding):
                continue
            place = sum(step in done for step in own.steps)
            excluded = self.excluded if own.entry is self.entry else NOTHING
            after = self.orders.do(possible, global_number, own.entry.event, own.program, place, excluded)
            failure = Failure(own.entry, own.program, place, number, possible, global_number)
            yield (position, done | {own.steps[place]}), after, failure

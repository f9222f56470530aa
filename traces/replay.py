"""Replay: is a recorded run a run of the design, and does what it observed agree with the design's properties?"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from ..model.events import EventMapping
from ..model.machine import Machine
from .boxes import describe_value
from .format import Event, Trace, open_trace
from .moves import Move
from .order import Failure, Orders
from .tables import Beyond, Names, Tables, Values
from .truth import Contradiction, Truths

Answer = Literal["holds", "violated", "not-a-behaviour", "inconclusive"]

STATES_SHOWN = 4


@dataclass(frozen=True)
class Refusal:
    """Why an action does not explain an event: the conditions that were false, as their author wrote them, each with file and line."""

    action: str
    false: tuple[tuple[str, str, int], ...]
    observed: tuple[str, ...] = ()
    """What the action would have led to, and the event says otherwise."""

    def __str__(self) -> str:
        reasons = [f"{source} is false ({os.path.basename(file)}:{line})" for source, file, line in self.false]
        return f"{self.action}: " + "; ".join([*reasons, *self.observed])


@dataclass(frozen=True)
class Unexplained:
    """The first event that nothing explains.

    ``page`` is the page that cannot go along, None if no page is to blame. ``states`` are what that page could be like before, at
    most a few of them; ``machine`` what everything else could be like.
    """

    line: int
    event: Event
    page: int | None
    machine: dict[str, str]
    states: tuple[dict[str, str], ...]
    refusals: tuple[Refusal, ...]

    def __str__(self) -> str:
        where = "" if self.page is None else f" on page {self.page}"
        return f"line {self.line}: nothing explains '{self.event.kind}'{where}"


@dataclass(frozen=True)
class Outcome:
    """What a replay found. ``reason`` is one line; the rest is the evidence.

    ``held`` names the assumptions without which more would have been possible somewhere: dropping any other changes nothing.
    ``widest`` is the largest number of events that had to wait for one another.
    """

    outcome: Answer
    reason: str
    pages: int
    events: int
    dropped: frozenset[str]
    contradictions: tuple[Contradiction, ...] = ()
    unexplained: Unexplained | None = None
    missing: tuple[str, ...] = ()
    held: frozenset[str] = frozenset()
    widest: int = 0
    followed: bool = True
    """Whether the run was followed to its end or to an event that nothing explains; otherwise a bound was hit."""


def replay(source: str | os.PathLike[str] | Trace, machine: Machine, mapping: EventMapping, *, dropped: frozenset[str] = frozenset()) -> Outcome:
    """Replay a trace, a file or one that is open and not yet read, against a design.

    ``mapping`` says what events mean for the design; ``dropped`` names the assumptions that are not held. Raises TraceError if the trace cannot be
    read, NotFactored if the design cannot be replayed page by page, ValueError for an unknown assumption.
    """
    unknown = dropped - {assumption.name for assumption in machine.assumptions}
    if unknown:
        raise ValueError(f"{machine.name} has no assumption {', '.join(sorted(unknown))}")
    trace = source if isinstance(source, Trace) else open_trace(source)
    with trace:
        return _Replay(trace, machine, mapping, dropped).run()


class _Replay:
    def __init__(self, trace: Trace, machine: Machine, mapping: EventMapping, dropped: frozenset[str]) -> None:
        self.trace, self.machine, self.mapping, self.dropped = trace, machine, mapping, dropped
        self.tables = Tables(machine, mapping, trace.header, dropped)
        self.truths = Truths(machine, mapping, trace.header)
        self.orders = Orders(self.tables, trace.header)
        self.beyond: str | None = None
        self.events = 0

    def run(self) -> Outcome:
        take, kinds, note = self.orders.take, self.truths.kinds, self.truths.note
        line = 1
        for line, event in enumerate(self.trace, 2):  # noqa: B007
            if event.kind in kinds:
                note(event)
            if self.beyond is None:
                try:
                    take(event, line)
                except Beyond as bound:
                    self.beyond = str(bound)
        self.events = line - 1
        if self.beyond is None:
            try:
                self.orders.finish()
            except Beyond as bound:
                self.beyond = str(bound)
        return self._outcome()

    def _outcome(self) -> Outcome:
        contradictions = tuple(self.truths.contradictions())
        failure = self.orders.failure
        unexplained = None if failure is None else self._explain(failure)
        proven = failure is not None and (self.orders.unsure is None or self.orders.unsure[0] >= failure.entry.end)
        missing: tuple[str, ...] = ()
        if contradictions:
            more = f", and {len(contradictions) - 1} more" if len(contradictions) > 1 else ""
            outcome, reason = "violated", f"{contradictions[0]}{more}"
            if unexplained is not None:
                reason += f"; {unexplained}"
        elif self.beyond is not None and failure is None:
            outcome, reason = "inconclusive", self.beyond
        elif unexplained is not None:
            outcome, reason = ("not-a-behaviour", str(unexplained)) if proven else ("inconclusive", f"{unexplained}, but {self.orders.unsure[1]}")  # type: ignore[index]
        else:
            missing = self._missing()
            outcome, reason = ("inconclusive", missing[0]) if missing else ("holds", "explained, and the truth of every page was seen and is right")
        return Outcome(
            outcome, reason, self.trace.header.pages, self.events, self.dropped, contradictions, unexplained, missing,  # type: ignore[arg-type]
            frozenset(self.tables.held), self.orders.widest, self.beyond is None,
        )

    def _missing(self) -> tuple[str, ...]:
        """What keeps an explained run from being known as right."""
        if not self.events:
            return ("the trace has no events",)
        ends = self._machine(self.orders.global_number)
        if not self.tables.always_terminal(self.orders.global_number):
            phases = ", ".join(f"{name} is {value}" for name, value in ends.items())
            return (f"the run was not recorded to its end ({phases})",)
        literals = self.tables.global_literals(self.orders.global_number)
        return tuple(
            f"page {page}: whether '{item.title}' cannot be told, its {' and '.join(wanted) or 'state'} was not seen"
            for page, item, wanted in self.truths.missing(literals)
        )

    # ------------------------------------------------------------ evidence

    def _machine(self, global_number: int) -> dict[str, str]:
        cells, found = self.tables.factored.globals, self.tables.globals[global_number]
        return {str(cell): " or ".join(sorted({describe_value(cell, one[place], ()) for one in found})) for place, cell in enumerate(cells)}

    def _explain(self, failure: Failure) -> Unexplained:
        tables, event = self.tables, failure.entry.event
        states: tuple[dict[str, str], ...] = ()
        refusals: list[Refusal] = []
        unit = failure.program.units[failure.place]
        if failure.number is None:
            for move in unit.alternatives:
                refusals.append(self._refusal_without_page(move, failure))
        else:
            boxes = tables.sets[failure.number]
            cells = tables.factored.local
            states = tuple(
                {str(cell): describe_value(cell, box[0][place], failure.names) for place, cell in enumerate(cells)} for box in boxes[:STATES_SHOWN]
            )
            names = failure.names
            content = None
            if event.content is not None:
                names = names if event.content in names else (*names, event.content)
                content = names.index(event.content)
            values = Values(content, event.in_use, event.in_image)
            refusals = self._refusals(failure, names, values)
        refusals += [Refusal(name, (), (f"{self.machine.name} has no such action",)) for name in failure.program.lacking]
        return Unexplained(
            failure.entry.line, event, failure.page, self._machine(failure.global_number), states, tuple(dict.fromkeys(refusals))
        )

    def _refusal_without_page(self, move: Move, failure: Failure) -> Refusal:
        best = min(
            ([c for c in move.false_conditions(self.tables.factored.initial_local(), one, None)] for one in self.tables.globals[failure.global_number]),
            key=len,
        )
        return Refusal(move.action.name, tuple((c.source, c.file, c.line) for c in best))

    def _refusals(self, failure: Failure, names: Names, values: Values) -> list[Refusal]:
        """For each action that might have explained the event, what was false where the least was false."""
        tables = self.tables
        assert failure.number is not None
        boxes, globals_ = tables.sets[failure.number], tables.globals[failure.global_number]
        found: list[Refusal] = []
        for place in range(failure.place, len(failure.program.units)):
            unit = failure.program.units[place]
            closed = tables.close(boxes, failure.global_number)
            for move in unit.alternatives:
                tried = [(box, one, move.false_conditions(box, one, values.content)) for box in closed for one in globals_]
                box, one, best = min(tried, key=lambda item: len(item[2]))
                shared = move.false_shared(one, self.orders.shared)
                observed = ()
                if not best and not shared:
                    observed = self._disagreements(list(move.apply(box, one, values.content)), unit.observes, names, values)
                    if not observed and not list(move.possible(box, one, values.content)):
                        observed = ("its conditions hold one by one but not together",)
                found.append(Refusal(move.action.name, tuple((c.source, c.file, c.line) for c in (*best, *shared)), observed))
            if not unit.alternatives:
                found.append(Refusal("observation", (), self._disagreements(list(closed), unit.observes, names, values)))
            after = [box for box in tables.unit(closed, failure.global_number, unit, values)]
            if not after:
                return found
            found.clear()
            boxes = tuple(after)
        return found

    def _disagreements(self, boxes: list, observes: tuple, names: Names, values: Values) -> tuple[str, ...]:  # type: ignore[type-arg]
        found = []
        for item in observes:
            place = self.tables.factored.place[item.variable, (0,)]
            cell = self.tables.factored.cells[place]
            could = sorted({describe_value(cell, box[0][place], names) for box in boxes})
            seen = getattr(values, item.field)
            shown = names[seen] if item.field == "content" else str(seen)
            if shown not in could and "any" not in could:
                found.append(f"{item.variable} is then {' or '.join(could[:STATES_SHOWN])}, the event says {shown}")
        return tuple(found)

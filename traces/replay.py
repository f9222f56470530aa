"""Replay: is a recorded run a run of the design, and does what it observed agree with the design's properties?"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..model.events import EventMapping, Observes
from ..model.machine import Machine
from .boxes import Box, Cells, describe_value
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


def replay(
    source: str | os.PathLike[str] | Trace, machine: Machine, mapping: EventMapping, *, dropped: frozenset[str] = frozenset()
) -> Outcome:
    """Replay a trace against a design: a file, or a trace that is open and not yet read.

    ``mapping`` says what events mean for the design; ``dropped`` names the assumptions that are not held. Raises TraceError if the
    trace cannot be read, NotFactored if the design cannot be replayed page by page, ValueError for an unknown assumption.
    """
    unknown = dropped - {assumption.name for assumption in machine.assumptions}
    if unknown:
        raise ValueError(f"{machine.name} has no assumption {', '.join(sorted(unknown))}")
    trace = source if isinstance(source, Trace) else open_trace(source)
    with trace:
        return _Replay(trace, machine, mapping, dropped).run()


def _told(contradictions: tuple[Contradiction, ...]) -> str:
    """The first contradiction, and of how many pages this and other properties are false."""
    first = contradictions[0]
    pages = Counter(found.property for found in contradictions)
    more = f", and of {pages[first.property] - 1} more" if pages[first.property] > 1 else ""
    others = [f"{name} is false of {count} page{'s' if count > 1 else ''}" for name, count in pages.items() if name != first.property]
    return "; ".join([f"{first}{more}", *others])


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
        line, following = 1, True
        for line, event in enumerate(self.trace, 2):
            if event.kind in kinds:
                note(event)
            if following:
                try:
                    take(event, line)
                    following = self.orders.failure is None
                except Beyond as bound:
                    self.beyond, following = str(bound), False
        self.events = line - 1
        if following:
            try:
                self.orders.finish()
            except Beyond as bound:
                self.beyond = str(bound)
        return self._outcome()

    def _outcome(self) -> Outcome:
        contradictions = tuple(self.truths.contradictions())
        failure = self.orders.failure
        unexplained = None if failure is None else self._explain(failure)
        unsure = self.orders.chain.unsure
        missing: tuple[str, ...] = ()
        outcome: Answer = "inconclusive"
        if contradictions:
            outcome, reason = "violated", f"{_told(contradictions)}{f'; {unexplained}' if unexplained else ''}"
        elif failure is not None and unsure is not None and unsure[0] < failure.entry.end:
            reason = f"{unexplained}, but {unsure[1]}"
        elif failure is not None:
            outcome, reason = "not-a-behaviour", str(unexplained)
        elif self.beyond is not None:
            reason = self.beyond
        elif missing := self._missing():
            reason = missing[0] + (f", and {len(missing) - 1} more" if len(missing) > 1 else "")
        else:
            outcome, reason = "holds", "the design explains the run, and the truth of every page was seen and is right"
        return Outcome(
            outcome, reason, self.trace.header.pages, self.events, self.dropped, contradictions, unexplained, missing,
            frozenset(self.tables.held), self.orders.widest, self.beyond is None,
        )

    def _missing(self) -> tuple[str, ...]:
        """What keeps an explained run from being known as right."""
        if not self.events:
            return ("the trace has no events",)
        ends = self._machine(self.orders.chain.last)
        if not self.tables.always_terminal(self.orders.chain.last):
            phases = ", ".join(f"{name} is {value}" for name, value in ends.items())
            return (f"the run was not recorded to its end ({phases})",)
        literals = self.tables.global_literals(self.orders.chain.last)
        return tuple(
            f"page {page}: whether '{item.title}' cannot be told, its {' and '.join(wanted) or 'state'} was not seen"
            for page, item, wanted in self.truths.missing(literals)
        )

    # ------------------------------------------------------------ evidence

    def _machine(self, global_number: int) -> dict[str, str]:
        cells, found = self.tables.factored.globals, self.tables.globals[global_number]
        return {str(cell): " or ".join(sorted({describe_value(cell, one[place], ()) for one in found})) for place, cell in enumerate(cells)}

    def _explain(self, failure: Failure) -> Unexplained:
        event, factored = failure.entry.event, self.tables.factored
        states: tuple[dict[str, str], ...] = ()
        if failure.possible is None:
            blank = [factored.initial_local()]
            moves = failure.program.units[failure.place].alternatives
            refusals = [self._refusal(move, blank, failure, None, everywhere=False)[0] for move in moves]
        else:
            number, names = failure.possible
            boxes = self.tables.sets[number][:STATES_SHOWN]
            states = tuple(
                {str(cell): describe_value(cell, value, names) for cell, value in zip(factored.local, box[0], strict=True)} for box in boxes
            )
            refusals = self._refusals(failure, number, names)
        refusals += [Refusal(name, (), (f"{self.machine.name} has no such action",)) for name in failure.program.lacking]
        return Unexplained(
            failure.entry.line, event, failure.page, self._machine(failure.global_number), states, tuple(dict.fromkeys(refusals))
        )

    def _refusal(
        self, move: Move, boxes: Sequence[Box], failure: Failure, content: int | None, everywhere: bool = True
    ) -> tuple[Refusal, Box, Cells]:
        """What was false of an action where the least was false, and where that is. Not ``everywhere``: only of global conditions."""
        globals_ = self.tables.globals[failure.global_number]
        tried = [(box, one, move.false_conditions(box, one, content, everywhere)) for box in boxes for one in globals_]
        box, one, false = min(tried, key=lambda item: len(item[2]))
        false = false + move.false_shared(one, self.orders.shared)
        return Refusal(move.action.name, tuple((c.source, c.file, c.line) for c in false)), box, one

    def _refusals(self, failure: Failure, number: int, names: Names) -> list[Refusal]:
        """For each action that might have explained the event, why it does not: at the first step at which none does."""
        tables, event = self.tables, failure.entry.event
        content = None
        if event.content is not None:
            names = names if event.content in names else (*names, event.content)
            content = names.index(event.content)
        values = Values(content, event.in_use, event.in_image)
        boxes = tables.sets[number]
        for unit in failure.program.units[failure.place :]:
            boxes = tables.close(boxes, failure.global_number)
            after = tuple(tables.unit(boxes, failure.global_number, unit, values))
            if not after or unit is failure.program.units[-1]:
                break
            boxes = after
        found = []
        for move in unit.alternatives:
            refusal, box, one = self._refusal(move, boxes, failure, content)
            if not refusal.false:
                reached = list(move.apply(box, one, content))
                seen = self._disagreements(reached, unit.observes, names, values) or ("its conditions do not hold together",)
                refusal = Refusal(refusal.action, (), seen)
            found.append(refusal)
        if not unit.alternatives:
            found.append(Refusal("what was seen", (), self._disagreements(boxes, unit.observes, names, values)))
        return found

    def _disagreements(self, boxes: Sequence[Box], observes: tuple[Observes, ...], names: Names, values: Values) -> tuple[str, ...]:
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

"""``thawcheck replay``: recorded runs against a design."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from .errors import CommandError
from .options import drop_option, dropped_assumptions, json_option, load_design, load_named_design
from .output import print_json

if TYPE_CHECKING:
    from ..traces.diagnosis import Diagnosis
    from ..traces.replay import Outcome

EXIT_STATUS = {"holds": 0, "violated": 12, "not-a-behaviour": 20, "inconclusive": 21}
WORST_FIRST = (2, 12, 20, 21, 0)
REFUSALS_SHOWN = 6
PLAIN_VALUES = ("False", "idle", "pending", "unknown")  # left out of the state that is shown


@dataclass(frozen=True)
class Replayed:
    """One trace, replayed: what came out, and why if the design does not explain it.

    ``seconds`` is what reading and replaying took; loading the design and looking for a diagnosis come on top.
    """

    file: str
    outcome: Outcome
    diagnosis: Diagnosis | None
    seconds: float

    def fields(self) -> dict[str, Any]:
        """What ``--json`` says of it."""
        explaining = self.diagnosis.explaining if self.diagnosis is not None else ()
        return {
            "file": self.file,
            "outcome": self.outcome.outcome,
            "pages": self.outcome.pages,
            "events": self.outcome.events,
            "seconds": round(self.seconds, 3),
            "reason": self.outcome.reason,
            "diagnosis": [sorted(names) for names in explaining] if self.diagnosis is not None else None,
        }


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--design", metavar="DESIGN", help="Another design than the one the trace names: a built-in name, FILE.py or FILE.py:CLASS.")
@drop_option
@click.option("--no-diagnosis", is_flag=True, help="Do not look for the assumption that a run has broken.")
@json_option
def replay(files: tuple[str, ...], design: str | None, drop: tuple[str, ...], no_diagnosis: bool, as_json: bool) -> int:
    """Replay recorded runs: does the design explain them, and was what they observed right?"""
    statuses: set[int] = set()
    runs: list[dict[str, Any]] = []
    for file in files:
        try:
            run = replay_file(file, design, drop, diagnosed=not no_diagnosis)
        except CommandError as fault:
            print("thawcheck: " + " ".join(str(fault).split()), file=sys.stderr)
            statuses.add(2)
            continue
        statuses.add(EXIT_STATUS[run.outcome.outcome])
        runs.append(run.fields())
        if not as_json:
            print_replayed(run)
    if as_json:
        print_json({"runs": runs})
    sys.stdout.flush()
    return next(status for status in WORST_FIRST if status in statuses)


def replay_file(file: str, design: str | None, drop: tuple[str, ...], *, diagnosed: bool) -> Replayed:
    """Replays one trace against the design that it names, or another. Raises CommandError for what the user can mend."""
    from ..model.designs import events_of
    from ..traces.boxes import NotFactored
    from ..traces.diagnosis import diagnose
    from ..traces.format import TraceError, open_trace
    from ..traces.replay import replay as replay_trace

    try:
        with open_trace(file) as trace:
            named = trace.header.design
        remedy = "if it is a run of your own design, give --design FILE.py"
        machine = load_design(design)[1] if design is not None else load_named_design(named, f"{file}:1", remedy)[1]
        try:
            mapping = events_of(named)
        except KeyError:
            raise CommandError(
                f"{file}:1: it is a trace of {named!r}, and nobody has said what its events mean; built in are traces of proposal-2010"
            ) from None
        begun = time.perf_counter()
        outcome = replay_trace(file, machine, mapping, dropped=dropped_assumptions(machine, drop))
        seconds = time.perf_counter() - begun
        diagnosis = diagnose(file, machine, mapping, outcome) if diagnosed and not drop and outcome.unexplained is not None else None
    except (TraceError, NotFactored) as fault:
        raise CommandError(str(fault)) from None
    return Replayed(file, outcome, diagnosis, seconds)


def print_replayed(run: Replayed) -> None:
    """The outcome on a line, then the evidence."""
    outcome = run.outcome
    print(f"{run.file}: {outcome.outcome}: {outcome.reason}")
    print(f"    {outcome.events:,} events of {outcome.pages:,} pages in {run.seconds:.2f} s")
    found = outcome.unexplained
    if found is not None:
        event = found.event
        shown = {name: getattr(event, name) for name in ("actor", "page", "cpu", "content") if getattr(event, name) is not None}
        print(
            f"    line {found.line}: nothing explains {event.kind} ({', '.join(f'{name} {value}' for name, value in shown.items())})"
        )
        for refusal in found.refusals[:REFUSALS_SHOWN]:
            print(f"        {refusal}")
        if found.states:
            cells = {**found.machine, **found.states[0]}.items()
            before = ", ".join(f"{cell} = {value}" for cell, value in cells if value not in PLAIN_VALUES)
            print(f"        before it: {before}" + (f" (and {len(found.states) - 1} more)" if len(found.states) > 1 else ""))
    if run.diagnosis is not None:
        print(f"    {run.diagnosis}")

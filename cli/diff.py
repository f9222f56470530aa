"""``thawcheck diff``: what a changed design does that the other did not, for whoever reviews the change."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..checker.counterexample import Counterexample, tell
from ..model.machine import Machine, Sizes
from .errors import CommandError
from .options import budget_options, default_memory, json_option, load_design, sizes_for
from .output import print_json, progress_bar

if TYPE_CHECKING:
    from ..checker.changes import Changes
    from ..checker.difference import Difference, Extra
    from ..checker.stopped import Pause, Stopping

F = TypeVar("F", bound=Callable[..., Any])
MARKS = {"added": "+", "removed": "-", "changed": "~"}


def size_options(command: F) -> F:
    """As other commands have them, but for one page: two states are looked at together here."""
    command = click.option("--size", "more_sizes", multiple=True, metavar="NAME=N", help="How many of another sort of a design.")(command)
    for name, what in (("devices", "devices (1)"), ("contents", "different contents (2)"), ("cpus", "CPUs (2)"), ("pages", "pages (1)")):
        command = click.option(f"--{name}", type=int, metavar="N", help=f"How many {what}.")(command)
    return command


@click.command()
@click.argument("old")
@click.argument("new")
@size_options
@click.option("--hide", multiple=True, metavar="ACTION", help="Compare without this shared action; may be repeated.")
@click.option("--strict", is_flag=True, help="End with status 12 if NEW can do what OLD cannot.")
@budget_options
@json_option
def diff(
    old: str, new: str, pages: int | None, cpus: int | None, contents: int | None, devices: int | None, more_sizes: tuple[str, ...],
    hide: tuple[str, ...], strict: bool, timeout: float | None, memory: int | None, as_json: bool,
) -> int:  # fmt: skip
    """Compare two designs: which actions changed, what each can do that the other cannot, and the pauses in which they stop.

    OLD and NEW are built-in names, FILE.py or FILE.py:CLASS. It is a report: the status is 0 whatever differs, and 21 if something stays
    unknown; see --strict. Whether NEW is right, say verify and prove.
    """
    from ..checker.difference import compare, shared_actions

    (old, before), (new, after) = load_design(old), load_design(new)
    given = {"pages": 1 if pages is None else pages, "cpus": cpus, "contents": contents, "devices": devices}
    sizes = [_sizes_for(machine, other, given, more_sizes) for machine, other in ((before, after), (after, before))]
    for name in hide:
        if name not in shared_actions(before, after):
            raise CommandError(f"--hide {name}: the designs share no action of that name")
    budget = memory * 2**20 if memory is not None else default_memory()
    with progress_bar(f"comparing {old} and {new}", as_json) as progress:
        found = compare(before, after, *sizes, hidden=frozenset(hide), timeout=timeout, memory=budget, progress=progress)
    if as_json:
        print_json(_fields(old, new, found))
    else:
        for line in _told(old, new, found):
            print(line)
    sys.stdout.flush()
    if strict and found.new_can.answer == "more":
        return 12
    return 21 if found.reason else 0


def _sizes_for(machine: Machine, other: Machine, given: dict[str, int | None], more: tuple[str, ...]) -> Sizes:
    """The sizes of one machine; what is said of a sort that only the other one has, is not for it."""
    mine, theirs = ({sort.plural for sort in m.sorts} for m in (machine, other))
    return sizes_for(machine, given, tuple(item for item in more if item.partition("=")[0] not in theirs - mine))


# ---------------------------------------------------------------- for people


def _told(old: str, new: str, found: Difference) -> Iterator[str]:
    yield f"old  {old}: {found.old.title}"
    yield f"new  {new}: {found.new.title}"
    yield from _changes_told(found.changes)
    hidden = [a.name for m in (found.new, found.old) for a in m.actions if a.name not in found.shared and not a.needs_dropped()]
    yield f"at {found.new_sizes}, all assumptions held, seen by {_number(len(found.shared), 'action')} that both have"
    if hidden:
        yield f"  not seen: {', '.join(dict.fromkeys(hidden))}"
    yield from _extra_told("the new design", "the old one", found.new, found.new_sizes, found.new_can)
    yield from _extra_told("the old design", "the new one", found.old, found.old_sizes, found.old_can)
    yield from _stopping_told(found)
    yield f"  {found.seconds:.1f} s, {found.states[0]:,} and {found.states[1]:,} states" + (f"; {found.reason}" if found.reason else "")


def _changes_told(changes: Changes) -> Iterator[str]:
    yield "what changed" + ("" if changes.actions or changes.declared else ": nothing that has a meaning")
    for item in changes.actions:
        yield f"  {MARKS[item.kind]} {item.name}({', '.join(item.parameters)})"
        for mark, sayings in (("-", item.went), ("+", item.came)):
            for said in sayings if item.kind != "removed" else ():
                yield f"      {mark} {said}"
    for declared in changes.declared:
        yield f"  {MARKS[declared.kind]} {declared.what} {declared.name}" + (f": {declared.new}" if declared.kind == "added" else "")
        if declared.kind == "changed":
            yield f"      - {declared.old}"
            yield f"      + {declared.new}"


def _extra_told(who: str, other: str, machine: Machine, sizes: Sizes, extra: Extra) -> Iterator[str]:
    if extra.answer == "nothing":
        yield f"  {who} can do nothing that {other} cannot: complete, {extra.pairs:,} pairs of states"
        return
    if extra.run is None:
        yield f"  {who} can do nothing that {other} cannot up to {_number(extra.depth, 'step')}; further it is unknown: {extra.reason}"
        return
    yield f"  {who} can do what {other} cannot, after {_number(extra.depth, 'step')}:"
    *steps, _ = tell(Counterexample(machine, sizes, frozenset(), None, extra.run))  # the last line says how a counterexample ends
    for line in steps:
        if line.strip() != "at the start":  # where nothing that matters is arbitrary
            yield f"    {line}"
    yield f"    {other} cannot take the last step" + "".join(f"; false there: {condition}" for condition in extra.refused)
    if extra.also:
        yield "    and elsewhere: " + ", ".join(f"{name} after {_number(length, 'step')}" for name, length in extra.also)


def _stopping_told(found: Difference) -> Iterator[str]:
    one, other = found.old_stopping, found.new_stopping
    if one is None or other is None:
        yield "  the pauses in which no CPU runs but the boot CPU: not known of " + " and ".join(
            who for who, stopping in (("the old design", one), ("the new one", other)) if stopping is None
        )
    if one is None and other is None:
        return
    yield "  the pauses in which no CPU runs but the boot CPU: steps, and pages copied"
    names = dict.fromkeys(pause.ends_by for stopping in (other, one) if stopping is not None for pause in stopping.pauses)
    rows = [(name, _pause(one, name), _pause(other, name)) for name in names]
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, before, after in rows:
        change = "as before" if before == after else f"before: {_pause_text(before)}" if one is not None else ""
        yield f"    until {name:{width}}  {_pause_text(after):30} {change}"


def _pause(stopping: Stopping | None, name: str) -> Pause | None:
    return next((pause for pause in stopping.pauses if pause.ends_by == name), None) if stopping is not None else None


def _pause_text(pause: Pause | None) -> str:
    return f"{_range(pause.steps)} steps, {_range(pause.copies)} pages" if pause is not None else "never"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"


def _range(extremes: tuple[int, int | None]) -> str:
    low, high = extremes
    return str(low) if low == high else f"{low} to {high}" if high is not None else f"{low} or more"


# ---------------------------------------------------------------- for machines


def _fields(old: str, new: str, found: Difference) -> dict[str, Any]:
    return {
        "old": old,
        "new": new,
        "sizes": {**dict(found.old_sizes), **dict(found.new_sizes)},
        "states": {"old": found.states[0], "new": found.states[1]},
        "actions": [
            {"name": a.name, "change": a.kind, "parameters": list(a.parameters), "came": list(a.came), "went": list(a.went)}
            for a in found.changes.actions
        ],
        "declared": [{"what": d.what, "name": d.name, "change": d.kind, "old": d.old, "new": d.new} for d in found.changes.declared],
        "shared": list(found.shared),
        "new_can": _extra_fields(found.new_can),
        "old_can": _extra_fields(found.old_can),
        "stopped": {"old": _stopping_fields(found.old_stopping), "new": _stopping_fields(found.new_stopping)},
        "reason": found.reason,
        "seconds": round(found.seconds, 3),
    }


def _extra_fields(extra: Extra) -> dict[str, Any]:
    steps = [{"action": step.action, "arguments": step.arguments} for step in extra.run.steps] if extra.run is not None else None
    return {
        "answer": extra.answer,
        "complete": not extra.reason,
        "depth": extra.depth,
        "pairs": extra.pairs,
        "run": steps,
        "refused": list(extra.refused),
        "also": [{"action": name, "length": length} for name, length in extra.also],
    }


def _stopping_fields(stopping: Stopping | None) -> dict[str, Any] | None:
    if stopping is None:
        return None
    return {
        "copying": list(stopping.copying),
        "pauses": [
            {
                "ends_by": pause.ends_by,
                "steps": {"fewest": pause.steps[0], "most": pause.steps[1]},
                "pages": {"fewest": pause.copies[0], "most": pause.copies[1]},
            }
            for pause in stopping.pauses
        ],
    }

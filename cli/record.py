"""``thawcheck record``: the proposal performed for real, and written down."""

from __future__ import annotations

import dataclasses

import click

from .errors import CommandError, written_to
from .options import json_option
from .output import print_json


@click.group()
def record() -> None:
    """Record a real run as a trace that replay can check."""


@record.command()
@click.option("-o", "--output", required=True, metavar="FILE", help="Where the trace goes (JSON Lines).")
@click.option("--pages", type=int, default=1024, show_default=True, help="Pages of 4 KiB.")
@click.option("--writers", type=int, default=2, show_default=True, help="Threads that store all the time.")
@click.option("--seconds", type=float, default=0.5, show_default=True, help="How long they do so, roughly.")
@click.option(
    "--break",
    "broken",
    type=click.Choice(["drop-flag", "copy-before-stop", "compare-before-protect"]),
    help="Break the protocol in one place.",
)
@click.option("--seed", type=int, help="For contents and plans; the order of events is the machine's.")
@json_option
def userfaultfd(output: str, pages: int, writers: int, seconds: float, broken: str | None, seed: int | None, as_json: bool) -> None:
    """Perform the 2010 proposal on a process's memory with the kernel's write protection and real faults."""
    from ..traces.userfaultfd import RecorderError, RecorderUnavailable
    from ..traces.userfaultfd import record as perform

    try:
        with written_to(output):
            summary = perform(output, pages=pages, writers=writers, seconds=seconds, broken=broken, seed=seed)  # type: ignore[arg-type]  # a Choice of click's
    except (ValueError, RecorderError, RecorderUnavailable) as fault:
        raise CommandError(str(fault)) from None
    fields = {**dataclasses.asdict(summary), "path": str(summary.path), "seconds": round(summary.seconds, 3)}
    if as_json:
        print_json(fields)
        return
    print(f"{summary.path}: {summary.events:,} events of {summary.pages:,} pages, {summary.stores:,} stores, {summary.faults:,} faults")
    print(
        f"    saved: {summary.flagged} pages flagged and copied, {summary.unflagged} not; "
        f"image and memory differ in {summary.image_wrong} pages"
    )
    print(
        f"    loaded: {summary.claimed} directly, {summary.discarded} found equal ({summary.kept} kept when they changed), "
        f"{summary.staged} staged"
    )
    print(f"    restored: {summary.memory_wrong} pages differ from what memory held at the atomic copy")

"""How the result of an exploration is printed: fields for machines, a line and the steps of a counterexample for people."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..checker.cache import cache_directory
from ..checker.counterexample import Counterexample, tell, to_itf
from ..checker.verdict import Result
from ..model.designs import BUILT_IN
from ..model.machine import Property
from .errors import CommandError, written_to
from .output import write_whole


def result_fields(name: str, result: Result) -> dict[str, Any]:
    """What ``--json`` says of an exploration, for verify and explore alike."""
    seconds = max(result.seconds - result.compile_seconds, 1e-9)
    return {
        "design": name,
        **{sort: result.sizes.get(sort) for sort in ("pages", "cpus", "contents")},
        "sizes": dict(result.sizes),
        "dropped": sorted(result.dropped),
        "verdict": result.verdict,
        "complete": result.complete,
        "states": result.states,
        "stored_states": result.stored,
        "transitions": result.transitions,
        "depth": result.depth,
        "seconds": round(result.seconds, 3),
        "compile_seconds": round(result.compile_seconds, 3),
        "states_per_second": round(result.states / seconds),
        "reductions": list(result.reductions),
        "property": result.broken,
        "length": len(result.run.steps) if result.run is not None else None,
        "unmet": list(result.unmet) if result.complete else [],
        "reason": result.reason,
        "progress": [unchecked(item) for item in result.machine.eventualities],
        "counterexample": to_itf(example_of(result)) if result.run is not None else None,
    }


def unchecked(item: Property) -> dict[str, Any]:
    """What ``--json`` says of what is expected eventually where nobody has looked."""
    return {
        "property": item.name,
        "verdict": "unchecked",
        "sizes": None,
        "states": 0,
        "pending": 0,
        "seconds": 0.0,
        "reason": "only explore --progress and verify look for runs that never get there",
        "length": None,
        "loop": None,
        "fairness": [],
    }


def example_of(result: Result) -> Counterexample:
    """The counterexample of a result that has a run."""
    assert result.run is not None
    return Counterexample(result.machine, result.sizes, result.dropped, result.broken, result.run, result.loop)


def summary(result: Result) -> str:
    """One line: the verdict and what was covered."""
    covered = f"{result.states:,} states, {result.transitions:,} transitions, depth {result.depth}"
    match result.verdict:
        case "holds":
            return f"holds at {result.sizes}: {covered}, complete"
        case "violated":
            assert result.run is not None
            if result.loop is not None:
                return f"violated at {result.sizes}: a fair run never gets to {result.broken}"
            return f"violated at {result.sizes}: {result.broken}, after {len(result.run.steps)} steps"
        case "deadlock":
            return f"deadlock at {result.sizes}: nothing can happen any more ({covered})"
        case "vacuous":
            return f"vacuous at {result.sizes}: never happens: {', '.join(result.unmet)} ({covered}, complete)"
    return f"unknown at {result.sizes}: {result.reason} ({covered}, not complete)"


def print_counterexample(result: Result, save: str | None, name: str) -> None:
    """The steps, and where they are kept."""
    example = example_of(result)
    for line in tell(example):
        print(line)
    path = Path(save) if save is not None else _default_path(result, name)
    try:
        with written_to(path):
            write_whole(path, json.dumps(to_itf(example), indent=1) + "\n")
    except CommandError as fault:
        if save is not None:
            raise
        print(f"thawcheck: {fault}; the counterexample was not saved", file=sys.stderr)
        return
    own = "" if name in BUILT_IN else f" --design {name}"
    print(f"saved as {path}; thawcheck show{own} prints it again")


def _default_path(result: Result, name: str) -> Path:
    label = "-".join(
        [
            "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(name).name),
            *sorted(result.dropped),
            str(result.broken or "deadlock"),
        ]
    )
    folder = cache_directory() / "counterexamples"
    folder.mkdir(exist_ok=True)
    return folder / f"{label[:150]}.itf.json"

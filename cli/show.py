"""``thawcheck show``: a saved counterexample, checked again step by step and told."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..checker.counterexample import CounterexampleError, from_itf, tell
from ..model.designs import BUILT_IN, built_in_design
from ..model.recording import machine_of
from .errors import CommandError
from .options import json_option, load_design
from .output import print_json

LARGEST_FILE = 64 * 2**20


@click.command()
@click.argument("file")
@click.option("--design", metavar="DESIGN", help="The design it is a run of, if that is your own: FILE.py or FILE.py:CLASS.")
@json_option
def show(file: str, design: str | None, as_json: bool) -> None:
    """Print the counterexample in FILE again, after checking every step with the reference."""
    data = _read(Path(file))
    meta = data.get("#meta")
    wanted = str(meta.get("design")) if isinstance(meta, dict) else ""
    if design is None:
        # A file may name any design; only built-in ones are loaded because a file says so.
        known = {machine_of(built_in_design(name)).name: name for name in BUILT_IN}
        if wanted not in known:
            raise CommandError(f"{file}: it is a run of {wanted or 'no design'}, which is not built in; give --design FILE.py:CLASS")
        design = known[wanted]
    _, machine = load_design(design)
    try:
        example = from_itf(data, machine)
    except CounterexampleError as fault:
        raise CommandError(f"{file}: {fault}") from None
    changed = isinstance(meta, dict) and meta.get("digest") != machine.digest
    if as_json:
        print_json(
            {
                "design": design,
                "property": example.broken,
                "length": len(example.run.steps),
                "loop": example.loop,
                "dropped": sorted(example.dropped),
                "checked": True,
                "design_changed": changed,
            }
        )
        return
    without = f" without {', '.join(sorted(example.dropped))}" if example.dropped else ""
    print(f"{design}{without} at {example.sizes}: {len(example.run.steps)} steps, every one checked again")
    if changed:
        print("the design has changed since; the run is one of the changed design too")
    for line in tell(example):
        print(line)


def _read(path: Path) -> dict[str, object]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise CommandError(f"{path}: it is larger than {LARGEST_FILE // 2**20} MiB; that is no counterexample")
        data = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise CommandError(f"{path}: it is not JSON: {fault}") from None
    if not isinstance(data, dict):
        raise CommandError(f"{path}: it is no counterexample: a JSON object is wanted")
    return data

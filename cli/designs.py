"""``thawcheck designs``: the designs that come with it."""

from __future__ import annotations

import click

from .options import json_option, load_design
from .output import print_json


@click.command()
@json_option
def designs(as_json: bool) -> None:
    """List the built-in designs and their assumptions."""
    from ..model.designs import BUILT_IN

    machines = [(name, load_design(name)[1]) for name in BUILT_IN]
    if as_json:
        print_json(
            {
                "designs": [
                    {
                        "name": name,
                        "title": m.title,
                        "assumptions": [a.name for a in m.assumptions],
                        "properties": [p.name for p in m.properties if p.expectation == "always"],
                    }
                    for name, m in machines
                ]
            }
        )
        return
    for name, machine in machines:
        print(f"{name}  {machine.title}")
        for assumption in machine.assumptions:
            print(f"    {assumption.name}: {assumption.title} (protects {', '.join(assumption.protects)})")

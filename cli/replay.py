"""``thawcheck replay``: recorded runs against a design."""

from __future__ import annotations

import click


@click.command()
def replay() -> None:
    """Replay recorded runs against their design."""

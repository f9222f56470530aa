"""``thawcheck record``: a real run, written down."""

from __future__ import annotations

import click


@click.command()
def record() -> None:
    """Perform the proposal for real and record it."""

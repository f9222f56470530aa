"""What ends a command early, and the exit status that goes with it."""

from __future__ import annotations


class CommandError(Exception):
    """Something that the user can mend: one line, exit status 2."""


class ExpectationError(Exception):
    """Something built in came out otherwise than it should: one line, exit status 1."""

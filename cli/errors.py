"""What ends a command early, and the exit status that goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, ENOSPC
from os import PathLike, fspath


class CommandError(Exception):
    """Something that the user can mend: one line, exit status 2."""


class ExpectationError(Exception):
    """Something built in came out otherwise than it should: one line, exit status 1."""


@contextmanager
def written_to(path: str | PathLike[str]) -> Iterator[None]:
    """What keeps the block from writing there is said of this path: the system itself names a temporary file, or none."""
    try:
        yield
    except OSError as fault:
        remedy = "make room there, or name another place" if fault.errno in (ENOSPC, EDQUOT, EFBIG) else "name another place"
        said = f"{fspath(path)}: {fault.strerror}: {remedy}" if fault.strerror else str(fault)
        raise CommandError(said) from None

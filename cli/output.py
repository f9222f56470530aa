"""How output is written, whatever it says: one JSON object for machines, whole files, a progress bar only on a terminal.

Nothing here imports an engine, so that commands that need none start at once.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Progress = Callable[[int, int, int], None]


def print_json(data: dict[str, Any]) -> None:
    """One object, on one line."""
    print(json.dumps(data))


def write_whole(path: Path, text: str) -> None:
    """Writes a file under another name and renames it: there is never half a file under the final name."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:50]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextmanager
def progress_bar(what: str, quiet: bool) -> Iterator[Progress | None]:
    """A line on a terminal that says how far a search is; nothing in a pipe."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    with Bar(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what)
        yield lambda depth, states, stored: bar.update(task, description=f"{what}: depth {depth}, {states:,} states")

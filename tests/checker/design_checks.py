"""What the tests of designs and hardware parts ask: does it hold, and which run breaks it without an assumption."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from thawcheck.checker.explorer import explore
from thawcheck.model import Design, Sizes, machine_of


def states_if_it_holds(design: type[Design], **sizes: int) -> int:
    """The number of states, if everything was explored and everything expected came up."""
    result = explore(machine_of(design), Sizes(**sizes), compiled=False)
    assert (result.verdict, result.complete, result.unmet) == ("holds", True, ())
    return result.states


def broken_without(design: type[Design], *dropped: str, **sizes: int) -> tuple[str | None, list[str]]:
    """The property that breaks, and the actions of the shortest run that breaks it."""
    assumptions = machine_of(design).assumptions
    protected = [name for assumption in assumptions if assumption.name in dropped for name in assumption.protects]
    return broken(design, *protected, dropped=dropped, **sizes)


def broken(design: type[Design], *properties: str, dropped: tuple[str, ...] = (), **sizes: int) -> tuple[str | None, list[str]]:
    """Which of these properties breaks, and the actions of the shortest run that breaks it."""
    result = explore(machine_of(design), Sizes(**sizes), dropped=frozenset(dropped), only=frozenset(properties), compiled=False)
    return result.broken, [step.action for step in result.run.steps] if result.run is not None else []


def in_order(wanted: list[str], run: list[str]) -> bool:
    """Whether these actions occur in the run, in this order, with others in between."""
    rest = iter(run)
    return all(action in rest for action in wanted)


def explored(name: str) -> dict[str, Any]:
    """What ``thawcheck explore`` says about a built-in design that holds, at the sizes of the command line, with the compiler."""
    command = [sys.executable, "-m", "thawcheck", "explore", name, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["verdict"], found["complete"], found["unmet"]) == ("holds", True, [])
    assert min(found["sizes"][sort] for sort in ("pages", "cpus", "contents")) >= 2
    return found

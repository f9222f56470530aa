"""What an engine answers: a verdict, always with what was covered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..model.machine import Machine, Sizes
from .layout import Arguments, State

Verdict = Literal["holds", "violated", "deadlock", "vacuous", "unknown"]

EXIT_STATUS: dict[str, int] = {"holds": 0, "violated": 12, "deadlock": 11, "vacuous": 14, "unknown": 21}
LIVENESS_STATUS = 13  # violated by a run that goes round for ever


@dataclass(frozen=True)
class Step:
    """One step of a run: an action, what was chosen for it, and the state it leads to."""

    action: str
    arguments: Arguments
    state: State


@dataclass(frozen=True)
class Run:
    """A run of a machine from an initial state."""

    initial: State
    steps: tuple[Step, ...]

    @property
    def last(self) -> State:
        """The state at its end."""
        return self.steps[-1].state if self.steps else self.initial


@dataclass(frozen=True)
class Result:
    """The verdict of one engine on one machine at one size.

    ``complete``: every reachable state was seen. ``states`` and ``transitions`` are counted without symmetry; a transition is an
    action with its arguments that was possible in a state. ``depth`` is the length of the longest shortest run seen. ``unmet``
    names what never happened although it should: ``sometimes`` properties and actions. ``loop`` is the number of the state to which the
    end of the run leads back, if the run is one that goes on for ever.
    """

    machine: Machine
    sizes: Sizes
    dropped: frozenset[str]
    verdict: Verdict
    complete: bool
    states: int
    transitions: int
    depth: int
    seconds: float
    compile_seconds: float = 0.0
    broken: str | None = None
    run: Run | None = None
    reason: str = ""
    fired: dict[str, int] = field(default_factory=dict)
    reached: frozenset[str] = frozenset()
    unmet: tuple[str, ...] = ()
    reductions: tuple[str, ...] = ()
    stored: int = 0
    loop: int | None = None

    @property
    def exit_status(self) -> int:
        """The exit status that the command line gives for this verdict."""
        return LIVENESS_STATUS if self.loop is not None else EXIT_STATUS[self.verdict]


def unmet_expectations(machine: Machine, dropped: frozenset[str], fired: dict[str, int], reached: frozenset[str]) -> tuple[str, ...]:
    """What should have happened in a complete exploration and did not. An action that needs a held assumption dropped is exempt."""
    missing = [item.name for item in machine.properties if item.expectation == "sometimes" and item.name not in reached]
    for action in machine.actions:
        if fired.get(action.name, 0) == 0 and set(action.needs_dropped()) <= dropped:
            missing.append(action.name)
    return tuple(missing)

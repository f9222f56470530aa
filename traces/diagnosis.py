"""Diagnosis: which assumption of the design did not hold in a run that the design does not explain?"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..model.events import EventMapping
from ..model.machine import Machine
from .replay import Outcome, replay


@dataclass(frozen=True)
class Diagnosis:
    """The smallest sets of assumptions without which the design explains the run: all that have one element, or else two.

    ``furthest`` says, if there is no such set, for each single assumption that gets further than the design itself which line is then
    the first unexplained one.
    """

    explaining: tuple[frozenset[str], ...]
    furthest: dict[str, int]
    tried: int
    """The number of replays that this took."""

    def __str__(self) -> str:
        if not self.explaining and self.furthest:
            line = max(self.furthest.values())
            names = " or ".join(sorted(name for name, reached in self.furthest.items() if reached == line))
            return f"no one or two broken assumptions explain this run; with {names} broken it is explained furthest, up to line {line}"
        if not self.explaining:
            return "no assumption of the design, nor any two of them, explains this run by being broken"
        sets = " or ".join(" and ".join(sorted(dropped)) for dropped in self.explaining)
        return f"this run is possible only if {sets} {'is' if len(self.explaining[0]) == 1 else 'are'} broken"


def diagnose(path: str | os.PathLike[str], machine: Machine, mapping: EventMapping, outcome: Outcome | None = None) -> Diagnosis | None:
    """Replay the file again with each assumption dropped, then with each two; None if the design explains the run as it is.

    ``outcome`` is that of a replay with nothing dropped, if the caller has it. Every set that could make a difference is tried:
    dropping what was nowhere in the way (see :attr:`.replay.Outcome.held`) changes nothing. Raises what :func:`.replay.replay` raises.
    """
    first = outcome or replay(path, machine, mapping)
    if first.unexplained is None:
        return None
    singles = {name: replay(path, machine, mapping, dropped=frozenset((name,))) for name in sorted(first.held)}
    tried = 1 + len(singles)
    furthest = {
        name: found.unexplained.line
        for name, found in singles.items()
        if found.unexplained is not None and found.unexplained.line > first.unexplained.line
    }
    explaining = [frozenset((name,)) for name, found in singles.items() if _explained(found)]
    if not explaining:
        pairs = {frozenset((name, other)) for name, found in singles.items() for other in found.held - {name}}
        tried += len(pairs)
        explaining = [pair for pair in sorted(pairs, key=sorted) if _explained(replay(path, machine, mapping, dropped=pair))]
    return Diagnosis(tuple(explaining), furthest, tried)


def _explained(outcome: Outcome) -> bool:
    return outcome.unexplained is None and outcome.followed

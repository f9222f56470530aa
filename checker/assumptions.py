"""Which assumptions a design needs: each is dropped, alone and then with one other, and the design explored anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..model.machine import Assumption, Machine, Sizes
from .explorer import explore
from .layout import Layout
from .liveness import analyse
from .packing import Packing, smaller_sizes
from .verdict import Result

Explore = Callable[[frozenset[str], frozenset[str], Sizes], Result]


@dataclass(frozen=True)
class Necessity:
    """Whether an assumption is necessary.

    ``yes``: without it alone a property that it protects breaks. ``together``: only with the ``others`` dropped too. ``unknown``: neither
    was found, for the ``reason`` given. ``result`` is the exploration that shows the violation.
    """

    assumption: Assumption
    necessary: Literal["yes", "together", "unknown"]
    others: tuple[str, ...] = ()
    result: Result | None = None
    reason: str = ""

    @property
    def length(self) -> int | None:
        """The number of steps of the counterexample."""
        return len(self.result.run.steps) if self.result is not None and self.result.run is not None else None


def necessities(
    machine: Machine,
    sizes: Sizes,
    *,
    timeout: float | None = None,
    memory: int | None = None,
    tried: Callable[[Necessity], None] | None = None,
) -> tuple[Necessity, ...]:
    """Each assumption dropped at the smallest size first, because almost every counterexample is small.

    A drop only counts if it breaks a property that the assumption protects. ``timeout`` bounds each exploration. ``tried`` is
    called with each answer as it is found.
    """
    layouts = list(smaller_sizes(sizes, machine))
    # One analysis serves every drop: it was made for assumptions that may all be dropped.
    liveness = analyse(machine, Packing(Layout(machine, sizes)).block_sort, None)

    def run(dropped: frozenset[str], only: frozenset[str], size: Sizes) -> Result:
        return explore(machine, size, dropped=dropped, only=only, timeout=timeout, memory=memory, liveness=liveness)

    answers: dict[str, Necessity] = {}
    for assumption in machine.assumptions:
        answers[assumption.name] = _alone(assumption, layouts, run)
        if tried is not None:
            tried(answers[assumption.name])
    for assumption in machine.assumptions:
        if answers[assumption.name].necessary == "unknown" and not answers[assumption.name].reason:
            answers[assumption.name] = _together(assumption, machine, answers, layouts, run)
            if tried is not None:
                tried(answers[assumption.name])
    return tuple(answers.values())


def _alone(assumption: Assumption, layouts: list[Sizes], run: Explore) -> Necessity:
    for size in layouts:
        result = run(frozenset({assumption.name}), frozenset(assumption.protects), size)
        if result.verdict == "violated":
            return Necessity(assumption, "yes", (), result)
        if not result.complete:
            return Necessity(
                assumption,
                "unknown",
                (),
                None,
                f"dropped alone at {size}: {result.verdict}, {result.reason or result.broken or 'not complete'}",
            )
    return Necessity(assumption, "unknown")


def _together(assumption: Assumption, machine: Machine, answers: dict[str, Necessity], layouts: list[Sizes], run: Explore) -> Necessity:
    # An assumption that breaks the design alone would break it in every pair: only those that do not are tried.
    others = [other for other in machine.assumptions if other is not assumption and answers[other.name].necessary != "yes"]
    for size in layouts:
        for other in others:
            result = run(frozenset({assumption.name, other.name}), frozenset(assumption.protects), size)
            if result.verdict == "violated":
                return Necessity(assumption, "together", (other.name,), result)
            if not result.complete:
                return Necessity(assumption, "unknown", (), None, f"dropped with {other.name} at {size}: {result.reason or result.verdict}")
    return Necessity(assumption, "unknown", (), None, f"neither alone nor with one other does it break anything at {layouts[-1]}")

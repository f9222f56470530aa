"""Is a design right for every size? An invariant is found, discharged by z3, and discharged again by cvc5."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import numpy as np

from ..checker.explorer import reachable
from ..checker.layout import Layout
from ..checker.liveness import analyse
from ..checker.packing import Packing
from ..checker.verdict import Result
from ..model.machine import Machine, Sizes
from .cardinalities import with_cardinalities
from .certificate import Certificate, certify, discharged_by_cvc5, discharged_by_z3, undischarged
from .induction import Induction, OutOfTime, Search, Step
from .obligations import Lemma
from .views import Projector, distinct_rows, features_of, slots_of

Answer = Literal["proved", "violated", "unknown"]
T = TypeVar("T")

DEFAULT_TIMEOUT = 300.0  # seconds in all
EXPLORING = 0.2  # of it, at most, for one size
MOST_WITHDRAWN = 40  # lemmas; after so many wrong ones the search begins anew in another order
ATTEMPTS = 4  # at one size, before larger ones are looked at


@dataclass
class Phases:
    """Seconds of wall time. ``learn`` is everything that leads to the lemmas but z3; ``compile`` is part of ``explore``."""

    explore: float = 0.0
    learn: float = 0.0
    z3: float = 0.0
    cvc5: float = 0.0
    compile: float = 0.0


@dataclass(frozen=True)
class Proof:
    """What :func:`prove` found.

    ``proved``: ``certificate`` has the lemmas, and both solvers discharged every obligation. ``violated``: ``exploration`` has a
    shortest run.
    ``unknown``: ``reason`` says why, ``step`` is the counterexample to induction if that is why. ``explored`` are the sizes that
    were looked at, with what was covered there.
    """

    machine: Machine
    dropped: frozenset[str]
    verdict: Answer
    explored: tuple[Result, ...]
    seconds: float
    phases: Phases
    certificate: Certificate | None = None
    exploration: Result | None = None
    step: Step | None = None
    reason: str = ""
    withdrawn: int = 0

    @property
    def lemmas(self) -> tuple[Lemma, ...]:
        """The invariant."""
        return self.certificate.lemmas if self.certificate is not None else ()

    @property
    def exit_status(self) -> int:
        """The exit status that the command line gives."""
        return {"proved": 0, "violated": 12, "unknown": 21}[self.verdict]


@dataclass
class _Progress:
    begun: float
    timeout: float
    phases: Phases = field(default_factory=Phases)
    explored: list[Result] = field(default_factory=list)

    def left(self) -> float:
        return max(0.0, self.timeout - (time.perf_counter() - self.begun))


def sizes_to_learn_from(machine: Machine) -> Iterator[Sizes]:
    """Sizes at which behaviour is looked at before lemmas are learned: one page, then three contents, then two pages."""
    counts = {sort.plural: max(2, sum(of is sort for _, of in machine.constants)) for sort in machine.sorts}
    block = Packing(Layout(machine, Sizes(**counts, contents=2))).block_sort
    small = {**counts, block.plural: 1} if block is not None else counts
    yield Sizes(**small, contents=2)
    yield Sizes(**small, contents=3)
    if small != counts:
        yield Sizes(**counts, contents=2)


def prove(
    name: str,
    machine: Machine,
    *,
    dropped: frozenset[str] = frozenset(),
    timeout: float = DEFAULT_TIMEOUT,
    memory: int | None = None,
    compiled: bool = True,
    tell: Callable[[str], None] = lambda line: None,
) -> Proof:
    """Tries to prove every ``always`` property, and the range of every Counter, for any number of indices of each sort and of contents.

    ``name`` is how the design is named in the certificate. ``timeout`` bounds everything. ``memory`` (bytes) bounds the exploration.
    ``tell`` is called with a line on what is being done. Deadlocks, ``sometimes`` and ``eventually`` are not proved.
    """
    progress = _Progress(time.perf_counter(), timeout)
    machine_with_ghosts, cardinalities = with_cardinalities(machine)
    slots = slots_of(machine_with_ghosts)
    features = features_of(machine_with_ghosts, slots, cardinalities)
    phases = progress.phases
    views = np.zeros((0, len(features)), dtype=np.uint8)
    found = Induction(False, (), None, "nothing was explored")
    withdrawn = 0

    def result(verdict: Answer, **more: object) -> Proof:
        seconds = time.perf_counter() - progress.begun
        return Proof(machine, dropped, verdict, tuple(progress.explored), seconds, phases, withdrawn=withdrawn, **more)  # type: ignore[arg-type] # the fields of Proof by name

    ladder = list(sizes_to_learn_from(machine))
    while ladder and progress.left() > 0:
        sizes = ladder.pop(0)
        tell(f"exploring {sizes}")
        begun = time.perf_counter()
        block_sort = Packing(Layout(machine, sizes)).block_sort
        liveness = analyse(machine, block_sort, dropped, faint=False)
        exploration, packing, rows = reachable(
            machine, sizes, dropped=dropped, timeout=timeout * EXPLORING, memory=memory, compiled=compiled, liveness=liveness
        )
        progress.explored.append(exploration)
        phases.explore += time.perf_counter() - begun
        phases.compile += exploration.compile_seconds
        if exploration.verdict == "violated":
            return result("violated", exploration=exploration)
        if exploration.unmet:
            ladder = ladder[-1:]  # where something never happens there is less to learn from
        tell(f"learning from {exploration.states:,} states")
        begun = time.perf_counter()
        projector = Projector(features, slots, packing, liveness, cardinalities)
        views = distinct_rows(np.concatenate([views, projector.views(np.concatenate(list(rows)))]))
        phases.learn += time.perf_counter() - begun
        # Which lemma is tried first decides which facts a proof is built on; where it went wrong, another order may not.
        for attempt in range(ATTEMPTS if not exploration.unmet and ladder else 1):
            most_withdrawn = MOST_WITHDRAWN if ladder else None
            search = Search(machine_with_ghosts, cardinalities, dropped, views, progress.left, most_withdrawn, attempt)
            found, searching = _timed(search.run)
            phases.learn += searching - search.z3_seconds
            phases.z3 += search.z3_seconds
            withdrawn += search.withdrawn
            if found.proved or found.step is not None or progress.left() <= 0:
                break
        if found.proved:
            break
    if not found.proved:
        return result(
            "unknown", step=found.step, reason=found.reason or "a step breaks what is known, and nothing that was seen rules it out"
        )
    tell(f"{len(found.lemmas)} lemmas; which are needed, and where")
    try:
        certificate, seconds = _timed(lambda: certify(name, machine, dropped, search.obligations, found.lemmas, progress.left))
        phases.z3 += seconds
        scripts, seconds = _timed(certificate.scripts)
        phases.learn += seconds
    except OutOfTime:
        return result("unknown", reason="the time was over before the proof was written down")
    tell("z3 and cvc5, every obligation")
    failed, phases_z3 = _timed(lambda: undischarged(scripts, discharged_by_z3, progress.left))
    refused, phases.cvc5 = _timed(lambda: undischarged(scripts, discharged_by_cvc5, progress.left))
    phases.z3 += phases_z3
    if failed or refused:
        who = "z3" if failed else "cvc5"
        return result("unknown", reason=f"{who} does not discharge {', '.join(failed or refused)}")
    return result("proved", certificate=certificate)


def _timed(action: Callable[[], T]) -> tuple[T, float]:
    begun = time.perf_counter()
    value = action()
    return value, time.perf_counter() - begun

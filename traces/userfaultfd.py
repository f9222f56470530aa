"""Record the 2010 proposal performed for real, through Linux's userfaultfd: real write protection, real faults, threads that store."""

import os
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .format import KINDS, Event, Header, needed_window, replacing, write_events
from .recorders.image import Image
from .recorders.machine import Break, Logged, Machine, RecorderError, RecorderUnavailable
from .recorders.proposal import Proposal
from .recorders.writers import PAGE_SIZE

__all__ = ["Break", "RecorderError", "RecorderUnavailable", "Summary", "record"]

DEFAULT_PAGES = 1024
DEFAULT_WRITERS = 2
DEFAULT_SECONDS = 0.5

MIN_PAGES, MAX_PAGES = 16, 65536
MAX_WRITERS = 32
PAGES_PER_WRITER = 8
MAX_SECONDS = 60.0


@dataclass(frozen=True)
class Summary:
    """What a recording held. Numbers of pages, unless they say otherwise."""

    path: Path
    pages: int
    events: int
    """Number of events in the trace."""
    stores: int
    """Number of stores."""
    faults: int
    """Number of faults, on both halves."""
    flagged: int
    """Copied at the atomic copy."""
    unflagged: int
    """In use at the atomic copy and not copied."""
    claimed: int
    """Loaded directly."""
    discarded: int
    """Found equal, the image's version thrown away."""
    kept: int
    """Of which the handler kept the unmodified version."""
    staged: int
    """Restored atomically with the image's version."""
    image_wrong: int
    """Whose version in the image is not what memory held at the atomic copy."""
    memory_wrong: int
    """Whose content after the restore is not what memory held at the atomic copy."""
    seconds: float


def record(
    path: str | os.PathLike[str], *, pages: int = DEFAULT_PAGES, writers: int = DEFAULT_WRITERS, seconds: float = DEFAULT_SECONDS,
    broken: Break | None = None, seed: int | None = None,
) -> Summary:
    """Perform the proposal on a process with so many pages and writing threads, for about so many seconds, and write the trace to path.

    The seed determines contents and plans, not the order of events, which is the machine's. `broken` breaks the protocol in one place.
    Raises ValueError for sizes out of range, RecorderUnavailable if this machine cannot do it, RecorderError if the recording failed, and
    OSError if a file cannot be written. Path holds a whole trace afterwards, or what it held before.
    """
    if not MIN_PAGES <= pages <= MAX_PAGES:
        raise ValueError(f"{pages} pages cannot be recorded: choose {MIN_PAGES} to {MAX_PAGES}")
    if not 1 <= writers <= MAX_WRITERS:
        raise ValueError(f"{writers} writers cannot be recorded: choose 1 to {MAX_WRITERS}")
    if pages < PAGES_PER_WRITER * writers:
        raise ValueError(f"{pages} pages are too few for {writers} writers: choose at least {PAGES_PER_WRITER * writers} pages")
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"{seconds} seconds cannot be recorded: choose more than 0 and at most {MAX_SECONDS:.0f}")
    start = time.monotonic()
    origin = time.monotonic_ns()
    if seed is None:
        seed = random.SystemRandom().getrandbits(32)
    with replacing(path) as file:
        directory = Path(os.path.realpath(path)).parent
        with tempfile.TemporaryFile(dir=directory) as image, Machine(pages, writers + 1) as machine:
            proposal = Proposal(machine, Image(image), seconds=seconds, broken=broken, seed=seed)
            proposal.save()
            proposal.load()
            log = machine.finish()
        ordered = _in_order(log, origin)
        header = Header(
            design="proposal-2010", backend="userfaultfd", pages=pages, page_size=PAGE_SIZE, cpus=writers + 1, devices=0,
            clock="CLOCK_MONOTONIC", digest="xxh3_64", window=needed_window(ordered), kinds={kind: "always" for kind in KINDS},
        )
        events = write_events(file, header, ordered)
    count = Counter(event.kind for event in log)
    return Summary(
        path=Path(path), pages=pages, events=events, stores=count["store"], faults=count["fault"], flagged=proposal.flagged,
        unflagged=len(proposal.truth) - proposal.flagged, claimed=proposal.claimed, discarded=proposal.discarded, kept=count["keep"],
        staged=proposal.staged, image_wrong=proposal.image_wrong, memory_wrong=proposal.memory_wrong, seconds=time.monotonic() - start,
    )


def _in_order(log: list[Logged], origin: int) -> list[Event]:
    """The events with their sequence numbers, sorted by their ends, times counted from the origin."""
    numbers: Counter[str] = Counter()
    events = []
    for kind, actor, begin, end, page, cpu, content, in_use, in_image in sorted(log, key=lambda logged: logged.begin):
        events.append(Event(kind, actor, numbers[actor], begin - origin, end - origin, page, cpu, content, in_use, in_image))
        numbers[actor] += 1
    return sorted(events, key=lambda event: event.end)

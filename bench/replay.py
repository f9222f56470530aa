"""How many events per second replay takes, reading included: ``python bench/replay.py [--events N] [TRACE ...]``.

Without a trace it measures made-up ones: correct runs of the 2010 proposal in which many stores follow the faults. Each is replayed three
times, and the best counts.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from thawcheck.model import machine_of
from thawcheck.model.designs import built_in_design
from thawcheck.model.designs.proposal_2010_events import EVENTS
from thawcheck.traces.format import KINDS, Event, Header, needed_window, open_trace, write_trace
from thawcheck.traces.replay import replay


class MadeUp:
    """A correct run of the proposal on at least 4 pages, made up: a little of everything, and as many stores as asked for."""

    def __init__(self, pages: int, cpus: int, stores: int, seed: int = 0) -> None:
        self.pages, self.cpus, self.stores = pages, cpus, stores
        self.random = random.Random(seed)
        self.now = 0
        self.numbers: defaultdict[str, int] = defaultdict(int)
        self.memory = [self.digest() for _ in range(pages)]

    def digest(self) -> str:
        """A content that occurs once."""
        return f"{self.random.getrandbits(64):016x}"

    def event(self, kind: str, actor: str = "cpu0", length: int = 80, **fields: object) -> Event:
        """An event that begins a little after the last one, and lasts so long that it overlaps some of those that follow."""
        self.now += self.random.randrange(50, 150)
        number = self.numbers[actor]
        self.numbers[actor] += 1
        return Event(kind, actor, number, self.now, self.now + length, **fields)  # type: ignore[arg-type]

    def stores_to(self, pages: list[int], count: int) -> Iterator[Event]:
        """Stores of all CPUs but the boot CPU; one CPU's do not overlap."""
        for _ in range(count):
            cpu, page = self.random.randrange(1, self.cpus), self.random.choice(pages)
            self.memory[page] = self.digest()
            self.now += 20
            yield self.event("store", f"cpu{cpu}", 40, cpu=cpu, page=page, content=self.memory[page])

    def fault(self, cpu: int, page: int, first: str, **fields: object) -> Iterator[Event]:
        """A store that faults, and its handling."""
        begin = self.now + 1
        trap = self.event("fault", f"trap{cpu}", 20, cpu=cpu, page=page)
        yield trap
        yield self.event(first, "handler", 20, cpu=cpu, page=page, **fields)
        yield self.event("unprotect", "handler", 20, cpu=cpu, page=page)
        self.memory[page] = self.digest()
        number = self.numbers[f"cpu{cpu}"]
        self.numbers[f"cpu{cpu}"] += 1
        yield Event("store", f"cpu{cpu}", number, max(begin, trap.begin), self.now + 30, cpu=cpu, page=page, content=self.memory[page])
        self.now += 100

    def events(self) -> Iterator[Event]:
        """The whole run, in the order of the begins, nearly."""
        everything = list(range(self.pages))
        hot = everything[: self.pages // 4]
        for page in everything:
            yield self.event("memory_at_start", page=page, content=self.memory[page], in_use=True)
        yield self.event("save_driver_state")
        yield self.event("protect")
        self.now += 200
        yield self.event("begin_writing")
        self.now += 200
        for page in hot:
            yield from self.fault(self.random.randrange(1, self.cpus), page, "flag")
        for page in everything:
            self.now += 100
            yield self.event("write_page", page=page, content=self.memory[page])
            yield from self.stores_to(hot, self.stores // 2 // self.pages)
        self.now += 200
        yield self.event("begin_stopping")
        for cpu in range(1, self.cpus):
            self.now += 200
            yield self.event("stop_cpu", cpu=cpu)
        self.now += 200
        yield self.event("begin_copying")
        self.now += 200
        for page in hot:
            yield self.event("copy_page", page=page, content=self.memory[page])
        for page in everything:
            yield self.event("truth_at_copy", page=page, content=self.memory[page])
        yield self.event("begin_writing_copies")
        for page in hot:
            yield self.event("write_copy", page=page, content=self.memory[page])
        yield self.event("commit")
        yield from self.load(everything)

    def load(self, everything: list[int]) -> Iterator[Event]:
        """The load half: every other page is found equal, the others differ and are stored to."""
        saved = list(self.memory)
        yield self.event("boot")
        other = everything[1::2]
        for page in other:
            self.memory[page] = self.digest()
        for page in everything:
            yield self.event("memory_at_boot", page=page, content=self.memory[page], in_use=True, in_image=True)
        self.now += 200
        kept, staged = [], []
        for page in everything:
            yield from self.stores_to(other, self.stores // 2 // self.pages)
            self.now += 200
            yield self.event("protect", page=page)
            yield self.event("read_page", page=page, content=saved[page])
            if self.memory[page] == saved[page]:
                yield self.event("discard", page=page)
                self.now += 100
                if page % 4 == 0:
                    yield from self.fault(1, page, "keep", content=self.memory[page])
                    kept.append(page)
            else:
                yield self.event("stage", page=page)
                yield self.event("release", page=page)
                staged.append(page)
            self.now += 100
        self.now += 200
        yield self.event("begin_suspending")
        for cpu in range(1, self.cpus):
            yield self.event("stop_cpu", cpu=cpu)
        yield self.event("suspend_drivers")
        yield self.event("begin_restoring")
        for page in [*kept, *staged]:
            yield self.event("restore_page", page=page, content=saved[page])
        for page in everything:
            yield self.event("truth_after_restore", page=page, content=saved[page])
        yield self.event("resume")


def make_up(path: Path, pages: int, cpus: int, stores: int) -> int:
    """Write a made-up run; returns the number of its events."""
    events = sorted(MadeUp(pages, cpus, stores).events(), key=lambda event: event.end)
    header = Header(
        design="proposal-2010", backend="made-up", pages=pages, page_size=4096, cpus=cpus, devices=0, clock="none", digest="none",
        window=needed_window(events), kinds=dict.fromkeys(KINDS, "always"),
    )
    return write_trace(path, header, events)


def measure(path: Path) -> str:
    """One line of figures for a trace."""
    machine = machine_of(built_in_design("proposal-2010"))
    reading = min(_timed(lambda: sum(1 for _ in open_trace(path))) for _ in range(3))
    best = min(_timed(lambda: replay(path, machine, EVENTS)) for _ in range(3))
    found = replay(path, machine, EVENTS)
    rate, read_rate = found.events / best, found.events / reading
    size = f"{found.events:,} events, at most {found.widest} waiting"
    return f"{path.name}: {found.outcome}, {size}, {best:.2f} s, {rate:,.0f} events/s (reading alone {read_rate:,.0f})"


def _timed(work: object) -> float:
    begin = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - begin


def main() -> None:
    """Measure the traces that are named, or made-up ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("traces", nargs="*", type=Path)
    parser.add_argument("--events", type=int, default=300_000)
    options = parser.parse_args()
    for path in options.traces:
        print(measure(path))
    if options.traces:
        return
    with tempfile.TemporaryDirectory() as directory:
        for pages, cpus in ((64, 3), (4096, 3), (1024, 9)):
            path = Path(directory, f"{pages}-pages-{cpus}-cpus.jsonl")
            make_up(path, pages, cpus, max(0, options.events - 8 * pages))
            print(measure(path))


if __name__ == "__main__":
    main()

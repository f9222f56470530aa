"""The 2010 proposal performed on a machine: S1 to S5 save its memory, L1 to L3 load it into a machine that runs something else by then."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from .image import Image
from .machine import PATIENCE, Break, Machine, RecorderError
from .writers import PAGE_SIZE

LONGEST_PAUSE = 0.005
"""Seconds between two stores of a CPU at most, so that CPUs stop soon."""

DROP_EVERY = 3
"""A handler that drops flags drops that of every so manieth fault."""

GAP = 0.02
"""Seconds that a step in the wrong order gives the CPUs to do damage."""


class Proposal:
    """One recording: save, then load. Call the two in this order."""

    def __init__(self, machine: Machine, image: Image, *, seconds: float, broken: Break | None, seed: int) -> None:
        self.machine = machine
        self.image = image
        self.seconds = seconds
        self.broken = broken
        self.random = random.Random(seed)
        self.pages = range(machine.pages)
        self.truth: dict[int, bytes] = {}
        """Every page in use at the atomic copy, as it was."""
        self.image_wrong = 0
        """Pages whose version in the image is not the truth."""
        self.memory_wrong = 0
        """Pages whose restored content is not the truth."""
        self.flagged = self.discarded = self.staged = self.claimed = 0

    # What both halves need.

    def plans(self, half: int, hot: list[int], warm: list[int], late: list[int], **rest: Any) -> list[dict[str, Any]]:
        """What each CPU is to do: store to hot pages often, to warm ones now and then, to late ones when asked to; never to the rest."""
        pause = min(LONGEST_PAUSE, self.seconds / (3 * self.machine.pages))
        return [
            {
                "cpu": cpu, "hot": hot, "warm": warm, "late": late, "pause": pause, "allocate_every": max(4, self.machine.pages // 16),
                "first_stamp": (half * self.machine.cpus + cpu) << 32, "seed": self.random.getrandbits(64), **rest,
            }
            for cpu in range(1, self.machine.cpus)
        ]

    def paced(self, pages: list[int]) -> Iterator[int]:
        """The pages, spread over half of the run's seconds."""
        start = time.monotonic()
        step = self.seconds / 2 / max(1, len(pages))
        for number, page in enumerate(pages):
            ahead = start + number * step - time.monotonic()
            if ahead > 0.0002:
                time.sleep(ahead)
            yield page

    def wait_until(self, reached: Callable[[], bool], what: str) -> None:
        """Let the CPUs go on until they have done enough."""
        deadline = time.monotonic() + PATIENCE
        while not reached():
            self.machine.check_handler()
            if time.monotonic() > deadline:
                raise RecorderError(f"the CPUs did too little in {PATIENCE:.0f} s ({what}): record again when this computer is less busy")
            time.sleep(0.001)

    # Save.

    def save(self) -> None:
        """S1 to S5: from a running machine to a committed image."""
        machine = self.machine
        free = max(2 * (machine.cpus - 1), machine.pages // 16)
        used = list(self.pages[: machine.pages - free])
        machine.clear_control()
        bodies = []
        for page in self.pages:
            bodies.append(self.random.randbytes(PAGE_SIZE))
            machine.write(page, bodies[page])
            machine.set_in_use(page, page in used)
        for page in self.pages:
            begin = machine.now()
            machine.add("memory_at_start", begin, page, content=machine.read(page), in_use=machine.in_use(page))
        machine.handler.drop_every = DROP_EVERY if self.broken == "drop-flag" else 0
        shuffled = self.random.sample(used, len(used))
        quarter = len(used) // 4
        allocations = free // (4 * (machine.cpus - 1)) or 1
        hot, warm = shuffled[:quarter], shuffled[quarter : 2 * quarter]
        machine.start_cpus(self.plans(0, hot, warm, [], allocations=allocations, may_free=[], flag_allocated=True))

        machine.mark("save_driver_state")
        with machine.handler.lock:
            begin = machine.now()
            machine.protect(0, len(used), on=True)
            machine.add("protect", begin)
        machine.allow_allocating()
        machine.mark("begin_writing")
        for page in self.paced(used):
            begin = machine.now()
            content = machine.read(page)
            self.image.append(page, content)
            machine.add("write_page", begin, page, content=content)
        enough = max(DROP_EVERY + 1, min(100, machine.pages // 8))
        self.wait_until(lambda: machine.handler.faults >= enough, f"{enough} faults were wanted")

        machine.mark("begin_stopping")
        if self.broken == "copy-before-stop":
            copies = self.copy()
            time.sleep(GAP)
            machine.stop_cpus()
        else:
            machine.stop_cpus()
            copies = self.copy()
        self.take_truth()

        machine.mark("begin_writing_copies")
        for page, content in copies.items():
            begin = machine.now()
            self.image.append(page, content)
            machine.add("write_copy", begin, page, content=content)
        begin = machine.now()
        self.image.commit()
        machine.add("commit", begin)
        self.flagged = len(copies)
        machine.collect(bodies)

    def copy(self) -> dict[int, bytes]:
        """S4: copy the pages that are flagged."""
        machine = self.machine
        machine.mark("begin_copying")
        copies = {}
        for page in [page for page in self.pages if machine.flagged(page)]:
            begin = machine.now()
            copies[page] = machine.read(page)
            machine.add("copy_page", begin, page, content=copies[page])
        return copies

    def take_truth(self) -> None:
        """Memory as it is when all CPUs have stopped."""
        machine = self.machine
        for page in [page for page in self.pages if machine.in_use(page)]:
            begin = machine.now()
            self.truth[page] = machine.read(page)
            machine.add("truth_at_copy", begin, page, content=self.truth[page])

    # Load.

    def load(self) -> None:
        """L1 to L3: from a machine that runs something else to the machine that was saved."""
        machine = self.machine
        in_image = self.image.find_pages()
        self.image_wrong = sum(self.truth[page] != self.image.read(page) for page in in_image) + len(self.truth.keys() - set(in_image))
        hot, equal = self.boot(in_image)
        warm, late = equal[: len(equal) // 2 + 1], equal[len(equal) // 2 + 1 :]
        bodies = [machine.read(page) for page in self.pages]
        not_in_image = sorted(set(self.pages) - set(in_image))
        allocations = max(2, machine.pages // 128)
        machine.handler.loading = True
        free = sum(not machine.in_use(page) for page in self.pages)
        machine.allow_allocating()
        machine.start_cpus(self.plans(1, hot, warm, late, allocations=allocations, may_free=not_in_image, flag_allocated=False))
        self.wait_until(lambda: sum(not machine.in_use(page) for page in self.pages) < free, "no page was allocated")

        staged: dict[int, bytes] = {}
        directly = set(self.claim(in_image))
        self.claimed = len(directly)
        compared = []
        for page in self.paced(self.random.sample(in_image, len(in_image))):
            if page in directly:
                begin = machine.now()
                content = self.image.read(page)
                machine.write(page, content)
                machine.add("load_directly", begin, page, content=content)
            elif self.broken != "compare-before-protect":
                self.protect(page)
                if not self.load_page(page, staged):
                    self.release(page)
            elif self.load_page(page, staged):
                compared.append(page)
                if len(compared) >= max(2, machine.pages // 8):
                    self.protect_late(compared)
        self.protect_late(compared)
        enough = max(1, machine.pages // 64)
        if self.kept_discarded(staged) < enough:
            machine.widen()
        self.wait_until(lambda: self.kept_discarded(staged) >= enough, f"{enough} stores to discarded pages were wanted")

        machine.mark("begin_suspending")
        machine.stop_cpus()
        machine.mark("suspend_drivers")
        self.restore(staged)
        for page, truth in self.truth.items():
            begin = machine.now()
            content = machine.read(page)
            machine.add("truth_after_restore", begin, page, content=content)
            self.memory_wrong += content != truth
        machine.mark("resume")
        self.staged = len(staged)
        machine.collect(bodies)

    def restore(self, staged: dict[int, bytes]) -> None:
        """L3: the atomic restore. A page that is staged and kept gets the staged version, which is the image's."""
        machine = self.machine
        machine.mark("begin_restoring")
        for page, content in (machine.handler.kept | staged).items():
            begin = machine.now()
            machine.write(page, content)
            machine.add("restore_page", begin, page, content=content)

    def kept_discarded(self, staged: dict[int, bytes]) -> int:
        """How many pages were discarded and then stored to, so that only the handler's copy can be restored."""
        with self.machine.handler.lock:
            return len(self.machine.handler.kept.keys() - staged.keys())

    def boot(self, in_image: list[int]) -> tuple[list[int], list[int]]:
        """Another kernel, its memory and its pages. Returns those that its CPUs store to often, and those that hold the image's content."""
        machine = self.machine
        begin = machine.now()
        machine.protect(0, machine.pages, on=False)
        machine.clear_control()
        shuffled = self.random.sample(in_image, len(in_image))
        free = max(machine.cpus, len(in_image) // 4)
        equal = set(shuffled[free : free + (len(in_image) - free) // 2])
        differing = shuffled[free + len(equal) :]
        spare = sorted(set(self.pages) - set(in_image))
        used = set(equal) | set(differing) | set(spare[: len(spare) // 2])
        for page in self.pages:
            machine.write(page, self.image.read(page) if page in equal else self.random.randbytes(PAGE_SIZE))
            machine.set_in_use(page, page in used)
        machine.add("boot", begin)
        image_pages = set(in_image)
        for page in self.pages:
            begin = machine.now()
            machine.add("memory_at_boot", begin, page, content=machine.read(page), in_use=page in used, in_image=page in image_pages)
        return differing[: len(differing) // 2 + 1], sorted(equal)

    def claim(self, in_image: list[int]) -> list[int]:
        """L1: allocate the pages that are free now and used in the image."""
        machine = self.machine
        claimed = []
        for page in in_image:
            with machine.frames:
                if not machine.in_use(page):
                    begin = machine.now()
                    machine.set_in_use(page, True)
                    machine.add("claim", begin, page)
                    claimed.append(page)
        return claimed

    def protect(self, page: int) -> None:
        """L2: write-protect the existing data."""
        with self.machine.handler.lock:
            begin = self.machine.now()
            self.machine.protect(page, 1, on=True)
            self.machine.add("protect", begin, page)

    def protect_late(self, compared: list[int]) -> None:
        """The wrong order: protect what was found equal some time ago."""
        time.sleep(GAP / 4)
        for page in compared:
            self.protect(page)
        compared.clear()

    def load_page(self, page: int, staged: dict[int, bytes]) -> bool:
        """L2a, L2c: read the image's version. Discard it if memory holds the same and the handler has not let it change; else stage it."""
        machine = self.machine
        begin = machine.now()
        content = self.image.read(page)
        machine.add("read_page", begin, page, content=content)
        # The handler cannot unprotect the page between the comparison and its consequence.
        with machine.handler.lock:
            begin = machine.now()
            guarded = machine.handler.protected[page] or self.broken == "compare-before-protect"
            equal = bool(guarded) and machine.read(page) == content
            if not equal:
                staged[page] = content
                machine.handler.staged.add(page)
            machine.add("discard" if equal else "stage", begin, page)
        self.discarded += equal
        return equal

    def release(self, page: int) -> None:
        """L2c: a staged page needs no protection."""
        with self.machine.handler.lock:
            begin = self.machine.now()
            self.machine.protect(page, 1, on=False)
            self.machine.add("release", begin, page)

"""The recorder's side of the machine: its memory past the protection, the protection, the fault handler, and a log of what happened."""

import fcntl
import json
import mmap
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from array import array
from bisect import bisect_right
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from xxhash import xxh3_64_hexdigest

from . import writers
from .writers import PAGE_SIZE, Control, FrameLock

Break = Literal["drop-flag", "copy-before-stop", "compare-before-protect"]

PATIENCE = 10.0
"""Seconds to wait for another process or thread before giving up."""

UFFDIO_WRITEPROTECT = 0xC018AA06
UFFDIO_WRITEPROTECT_MODE_WP = 1 << 0
UFFDIO_WAKE = 0x8010AA02
UFFD_EVENT_PAGEFAULT = 0x12

_WRITEPROTECT = struct.Struct("=QQQ")
_RANGE = struct.Struct("=QQ")
_MESSAGE = struct.Struct("=BBHIQQI4x")
_STAMP = struct.Struct("=d")

_MESSAGES_AT_ONCE = 64

BOOT_CPU = "cpu0"
HANDLER = "handler"


class RecorderError(Exception):
    """The recording failed; the text is one line: what went wrong: what to do."""


class RecorderUnavailable(RecorderError):
    """This machine cannot record; the text is one line: what is missing: what to do."""


class Logged(NamedTuple):
    """An event before it has its sequence number."""

    kind: str
    actor: str
    begin: int
    end: int
    page: int | None = None
    cpu: int | None = None
    content: str | None = None
    in_use: bool | None = None
    in_image: bool | None = None


@dataclass
class FaultHandler:
    """What the fault handler knows and shares with the boot CPU. Everything is read and written under the lock."""

    pages: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    loading: bool = False
    """False: flag the page (S2). True: keep a copy of the unmodified version (L2b)."""
    drop_every: int = 0
    """Forget the flag of every so manieth fault; 0 means none."""
    protected: bytearray = field(init=False)
    kept: dict[int, bytes] = field(default_factory=dict)
    staged: set[int] = field(default_factory=set)
    """Pages that the loader has staged: of these nothing needs to be kept."""
    cpu_of_thread: dict[int, int] = field(default_factory=dict)
    faults: int = 0
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.protected = bytearray(self.pages)


class Machine:
    """A process with memory, its writing CPUs, and the handler of their faults. The with statement starts and ends them."""

    def __init__(self, pages: int, cpus: int) -> None:
        self.pages = pages
        self.cpus = cpus
        self.log: list[Logged] = []
        self.handler = FaultHandler(pages)
        self._resources = ExitStack()
        self._stores: dict[int, list[tuple[int, int]]] = {cpu: [] for cpu in range(1, cpus)}

    def __enter__(self) -> "Machine":
        try:
            self._start()
        except BaseException:
            self._resources.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def _descriptor(self, descriptor: int) -> int:
        self._resources.callback(os.close, descriptor)
        return descriptor

    def _start(self) -> None:
        if mmap.PAGESIZE != PAGE_SIZE:
            raise RecorderUnavailable(f"pages have {mmap.PAGESIZE} bytes here and not {PAGE_SIZE}: record on another machine")
        if sys.platform != "linux":
            raise RecorderUnavailable(f"there is no userfaultfd on {sys.platform}: record on Linux")
        memory = self._descriptor(os.memfd_create("thawcheck-memory"))
        os.ftruncate(memory, self.pages * PAGE_SIZE)
        control = self._descriptor(os.memfd_create("thawcheck-control"))
        os.ftruncate(control, Control.size(self.pages, self.cpus))
        self.memory = mmap.mmap(memory, self.pages * PAGE_SIZE)
        self._stamps = memoryview(self.memory).cast("Q")
        self._resources.callback(self.memory.close)
        self._resources.callback(self._stamps.release)
        self.control = Control(control, self.pages, self.cpus)
        self._resources.callback(self.control.bytes.close)
        frames_read, frames_write = map(self._descriptor, os.pipe())
        os.write(frames_write, b"\0")
        self.frames = FrameLock(frames_read, frames_write)
        self._stopped, stopped = map(self._descriptor, os.pipe())
        self._channel, theirs = socket.socketpair()
        self._resources.callback(self._channel.close)
        self._channel.settimeout(PATIENCE)
        with theirs:
            given = (theirs.fileno(), memory, control, frames_read, frames_write, stopped)
            arguments = [str(number) for number in (*given, self.pages, self.cpus)]
            # A session of its own: an interrupt from the keyboard reaches only the recorder, which then ends this process.
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", writers.__file__, *arguments],
                pass_fds=given, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
        self._resources.callback(process.wait)
        self._resources.callback(process.kill)
        self._open_userfaultfd()
        self._start_handler()

    def _open_userfaultfd(self) -> None:
        try:
            answer, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
        except TimeoutError:
            raise RecorderError("the machine's process does not answer: record again when this computer is less busy") from None
        if answer == b"-":
            raise RecorderUnavailable(self._receive().decode())
        if not descriptors:
            raise RecorderError(f"the machine's process died at its start: see whether {sys.executable} runs")
        self._userfaultfd = self._descriptor(descriptors[0])
        self._address: int = json.loads(self._receive())

    def _receive(self) -> bytes:
        try:
            return writers.receive(self._channel)
        except (ConnectionError, TimeoutError):
            raise RecorderError("the machine's process is gone: record again") from None

    def now(self) -> int:
        """Nanoseconds of CLOCK_MONOTONIC, the same in every process."""
        return time.monotonic_ns()

    def add(
        self, kind: str, begin: int, page: int | None = None, *, cpu: int | None = None, content: bytes | None = None,
        in_use: bool | None = None, in_image: bool | None = None, actor: str = BOOT_CPU,
    ) -> None:
        """Log an event that began then and ends now; content is the bytes of the page."""
        end = time.monotonic_ns()
        digest = None if content is None else xxh3_64_hexdigest(content)
        self.log.append(Logged(kind, actor, begin, end, page, cpu, digest, in_use, in_image))

    def mark(self, kind: str) -> None:
        """Log that a new phase begins."""
        self.add(kind, self.now())

    # Memory, past the protection.

    def read(self, page: int) -> bytes:
        """A page's content. Its first eight bytes, which CPUs may be writing, are read at once."""
        stamp = self._stamps[page * PAGE_SIZE // 8].to_bytes(8, sys.byteorder)
        return stamp + self.memory[page * PAGE_SIZE + 8 : (page + 1) * PAGE_SIZE]

    def write(self, page: int, content: bytes) -> None:
        """Replace a page's content. No CPU may be storing to it."""
        self.memory[page * PAGE_SIZE : (page + 1) * PAGE_SIZE] = content

    def in_use(self, page: int) -> bool:
        """Whether the page is in use. Under the frame lock while CPUs run."""
        return bool(self.control.bytes[self.control.in_use + page])

    def set_in_use(self, page: int, used: bool) -> None:
        """Under the frame lock while CPUs run."""
        self.control.bytes[self.control.in_use + page] = used

    def flagged(self, page: int) -> bool:
        """Whether a fault or an allocation has flagged the page for the atomic copy."""
        return bool(self.control.bytes[self.control.flagged + page])

    def clear_control(self) -> None:
        """No page in use, none flagged, no request to stop; while no CPU runs."""
        self.control.bytes[:] = bytes(len(self.control.bytes))

    # Protection.

    def protect(self, first: int, pages: int, *, on: bool) -> None:
        """Protect pages from being written, or allow it and wake the CPUs that wait for that. Under the handler's lock while CPUs run.

        The kernel has flushed every TLB when this returns.
        """
        mode = UFFDIO_WRITEPROTECT_MODE_WP if on else 0
        fcntl.ioctl(self._userfaultfd, UFFDIO_WRITEPROTECT, _WRITEPROTECT.pack(self._address + first * PAGE_SIZE, pages * PAGE_SIZE, mode))
        self.handler.protected[first : first + pages] = bytes([on]) * pages

    # CPUs.

    def start_cpus(self, plans: list[dict[str, Any]]) -> None:
        """Start the writing CPUs of one half of the run."""
        writers.send(self._channel, json.dumps(plans).encode())
        threads = json.loads(self._receive())
        self.handler.cpu_of_thread = {thread: plan["cpu"] for thread, plan in zip(threads, plans, strict=True)}
        writers.send(self._channel, b"start")

    def allow_allocating(self) -> None:
        """From now on the CPUs allocate and free pages as they have planned."""
        self.control.bytes[self.control.allocating] = 1

    def widen(self) -> None:
        """Ask the CPUs to store from now on also to the pages that their plans keep for later."""
        self.control.bytes[self.control.widen] = 1

    def stop_cpus(self) -> None:
        """Stop the writing CPUs one by one; each acknowledges between two stores."""
        for cpu in range(1, self.cpus):
            begin = self.now()
            self.control.bytes[self.control.stop + cpu] = 1
            deadline = time.monotonic() + PATIENCE
            while not select.select([self._stopped], [], [], 0.1)[0]:
                self.check_handler()
                if time.monotonic() > deadline:
                    raise RecorderError(f"CPU {cpu} does not stop: record again when this computer is less busy")
            os.read(self._stopped, 1)
            with self.handler.lock:
                # The CPU is in no fault any more; here the handler, too, has finished with it.
                self.add("stop_cpu", begin, cpu=cpu)

    def collect(self, bodies: list[bytes]) -> None:
        """Log what the stopped CPUs did. A store replaced the first eight bytes of what the page held at the half's start: bodies."""
        for cpu in range(1, self.cpus):
            entries = array("q")
            entries.frombytes(self._receive())
            actor = f"cpu{cpu}"
            rows = iter(entries)
            for what, page, stamp, begin, end in zip(rows, rows, rows, rows, rows, strict=True):
                if what == writers.STORE:
                    content = xxh3_64_hexdigest(_STAMP.pack(stamp) + bodies[page][_STAMP.size :])
                    self.log.append(Logged("store", actor, begin, end, page, cpu, content))
                    self._stores[cpu].append((begin, page))
                else:
                    self.log.append(Logged("allocate" if what == writers.ALLOCATE else "free", actor, begin, end, page))

    def finish(self) -> list[Logged]:
        """End the fault handler and return the whole log."""
        self._stop_handler()
        self.check_handler()
        return [self._with_begin(event) if event.kind == "fault" else event for event in self.log]

    def _with_begin(self, fault: Logged) -> Logged:
        """A fault begins no earlier than the store that it interrupts, the last one that its CPU began: the CPU waits in it."""
        assert fault.cpu is not None
        stores = self._stores[fault.cpu]
        begin, page = stores[bisect_right(stores, fault.end, key=lambda store: store[0]) - 1]
        if page != fault.page:
            where = f"CPU {fault.cpu} faulted on page {fault.page} while it was storing to page {page}"
            raise RecorderError(f"{where}: report this, with the kernel's version")
        return fault._replace(begin=begin)

    # The fault handler.

    def _start_handler(self) -> None:
        self._stop_requested, self._request_stop = map(self._descriptor, os.pipe())
        self._thread = threading.Thread(target=self._handle_faults, name="fault handler", daemon=True)
        self._thread.start()
        self._resources.callback(self._stop_handler)

    def _stop_handler(self) -> None:
        if self._thread.is_alive():
            os.write(self._request_stop, b"\0")
            self._thread.join()

    def check_handler(self) -> None:
        """Raise what the fault handler died of, if it has."""
        if self.handler.error is not None:
            raise RecorderError(f"the fault handler failed ({self.handler.error}): record again") from self.handler.error

    def _handle_faults(self) -> None:
        poll = select.poll()
        poll.register(self._userfaultfd, select.POLLIN)
        poll.register(self._stop_requested, select.POLLIN)
        try:
            while self._stop_requested not in dict(poll.poll()):
                try:
                    messages = os.read(self._userfaultfd, _MESSAGES_AT_ONCE * _MESSAGE.size)
                except BlockingIOError:
                    continue
                self._handle(messages, self.now())
        except BaseException as error:
            self.handler.error = error

    def _handle(self, messages: bytes, read_at: int) -> None:
        """Handle the faults in these messages, page by page: one request unprotects a page and wakes all the CPUs that wait for it."""
        cpus_of_page: dict[int, list[int]] = {}
        for event, _, _, _, _, address, thread in _MESSAGE.iter_unpack(messages):
            if event == UFFD_EVENT_PAGEFAULT:
                cpus_of_page.setdefault((address - self._address) // PAGE_SIZE, []).append(self.handler.cpu_of_thread[thread])
        for page, cpus in cpus_of_page.items():
            with self.handler.lock:
                if self.handler.protected[page]:
                    self._handle_page(page, cpus, read_at)
                else:
                    # Somebody has unprotected the page meanwhile, and has woken the CPUs that waited at that moment. One that was only
                    # about to wait goes on waiting: wake it. There is nothing else to do for it, it tries again.
                    only_page = _RANGE.pack(self._address + page * PAGE_SIZE, PAGE_SIZE)
                    fcntl.ioctl(self._userfaultfd, UFFDIO_WAKE, only_page)

    def _handle_page(self, page: int, cpus: list[int], read_at: int) -> None:
        handler = self.handler
        for cpu in cpus:
            # Its begin is known when the CPU's own log is there.
            self.log.append(Logged("fault", f"trap{cpu}", read_at, read_at, page, cpu))
        for cpu in cpus:
            handler.faults += 1
            begin = self.now()
            if handler.loading:
                if page in handler.kept or page in handler.staged:
                    self.add("recheck", begin, page, cpu=cpu, actor=HANDLER)
                else:
                    handler.kept[page] = self.read(page)
                    self.add("keep", begin, page, cpu=cpu, content=handler.kept[page], actor=HANDLER)
            elif not handler.drop_every or handler.faults % handler.drop_every:
                self.control.bytes[self.control.flagged + page] = 1
                self.add("flag", begin, page, cpu=cpu, actor=HANDLER)
        begin = self.now()
        self.protect(page, 1, on=False)
        end = self.now()
        for cpu in cpus:
            self.log.append(Logged("unprotect", HANDLER, begin, end, page, cpu))

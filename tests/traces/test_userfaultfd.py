"""The userfaultfd recorder, end to end: real memory, real faults."""

import errno
import fcntl
import io
import os
import signal
import struct
import subprocess
import sys
import textwrap
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import thawcheck
from thawcheck.traces.format import Event, open_trace
from thawcheck.traces.recorders.image import Image, ImageError
from thawcheck.traces.recorders.machine import UFFD_EVENT_PAGEFAULT, UFFDIO_WRITEPROTECT, Machine
from thawcheck.traces.recorders.proposal import Proposal
from thawcheck.traces.recorders.writers import PAGE_SIZE, SYSTEM_CALL
from thawcheck.traces.userfaultfd import Break, Summary, record

BREAKS: tuple[Break, ...] = ("drop-flag", "copy-before-stop", "compare-before-protect")

WRITES = {"memory_at_start", "memory_at_boot", "store", "load_directly", "restore_page"}
READS = {"memory_at_start", "memory_at_boot", "write_page", "truth_at_copy", "copy_page", "keep", "truth_after_restore"}


def read(path: Path) -> list[Event]:
    with open_trace(path) as trace:
        return list(trace)


def contents(events: list[Event], kind: str) -> dict[int | None, str | None]:
    return {event.page: event.content for event in events if event.kind == kind}


def halves(events: list[Event]) -> tuple[list[Event], list[Event]]:
    """The events before and after the boot, which no other event overlaps."""
    (boot,) = [event for event in events if event.kind == "boot"]
    return [event for event in events if event.end <= boot.begin], [event for event in events if event.begin >= boot.end]


def could_read(writes: list[Event], reader: Event) -> set[str | None]:
    """What a read of a page may see: a write that it overlaps, or one before it that no other write certainly replaced."""
    began = [write for write in writes if write.begin <= reader.end]
    latest_begin_before = max((write.begin for write in began if write.end < reader.begin), default=-1)
    return {write.content for write in began if write.end >= latest_begin_before}


def assert_reads_see_writes(events: list[Event]) -> None:
    for half in halves(events):
        writes = defaultdict(list)
        for event in half:
            if event.kind in WRITES:
                writes[event.page].append(event)
        for event in half:
            if event.kind in READS:
                assert event.content in could_read(writes[event.page], event), event


def assert_faults_are_real(events: list[Event]) -> None:
    """Every fault lies in a store of its CPU, and no store to a protected page went on before the page was unprotected."""
    for half in halves(events):
        stores = defaultdict(list)
        unprotected = defaultdict(list)
        protected = {}
        everything = min((event.end for event in half if event.kind == "protect" and event.page is None), default=None)
        for event in half:
            if event.kind == "store":
                stores[event.cpu].append(event)
            elif event.kind in ("unprotect", "release"):
                unprotected[event.page].append(event.begin)
            elif event.kind == "protect" and event.page is not None:
                protected[event.page] = event.end
            elif event.kind == "memory_at_start" and event.in_use and everything is not None:
                protected[event.page] = everything
        for event in half:
            if event.kind == "fault":
                of_cpu = sorted(stores[event.cpu], key=lambda store: store.begin)
                store = of_cpu[bisect_left(of_cpu, event.begin, key=lambda store: store.begin)]
                assert (store.begin, store.page) == (event.begin, event.page) and store.end >= event.end
            elif event.kind == "store" and event.page in protected and event.begin > protected[event.page]:
                assert min(unprotected[event.page], default=event.end + 1) <= event.end, event


def assert_good(path: Path, summary: Summary) -> None:
    events = read(path)
    count = Counter(event.kind for event in events)
    assert summary.events == len(events)
    assert summary.image_wrong == summary.memory_wrong == 0
    truth = contents(events, "truth_at_copy")
    assert truth == contents(events, "truth_after_restore")
    assert truth == contents(events, "write_page") | contents(events, "write_copy")
    save, load = halves(events)
    allocated = {event.page for event in save if event.kind == "allocate"}
    assert allocated and any(event.kind == "allocate" for event in load)
    assert set(truth) == {event.page for event in events if event.kind == "memory_at_start" and event.in_use} | allocated
    assert contents(events, "copy_page") == contents(events, "write_copy")
    assert set(contents(events, "copy_page")) == {event.page for event in events if event.kind == "flag"} | allocated
    assert count["fault"] == count["unprotect"] == count["flag"] + count["keep"] + count["recheck"]
    assert count["stage"] == count["release"] == summary.staged > 0
    assert count["discard"] == summary.discarded > 0
    assert count["claim"] == count["load_directly"] == summary.claimed > 0
    assert count["stop_cpu"] == 2 * (len({event.cpu for event in events if event.kind == "store"}))
    assert 0 < summary.flagged < len(truth)
    discarded = {event.page for event in events if event.kind == "discard"}
    assert discarded & set(contents(events, "keep"))
    assert_reads_see_writes(events)
    assert_faults_are_real(events)


def test_a_default_run_has_everything(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    summary = record(path)
    assert_good(path, summary)
    assert summary.faults >= 100
    assert summary.events > 5000
    with open_trace(path) as trace:
        assert (trace.header.pages, trace.header.cpus, trace.header.design) == (1024, 3, "proposal-2010")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("pages", "writers", "seconds"), [(16, 1, 0.01), (16, 2, 0.05), (64, 8, 0.1), (256, 2, 0.3), (256, 1, 0.2)])
def test_good_runs_of_other_sizes(tmp_path: Path, pages: int, writers: int, seconds: float) -> None:
    for number in range(3):
        path = tmp_path / f"{number}.jsonl"
        assert_good(path, record(path, pages=pages, writers=writers, seconds=seconds))


def test_dropped_flags(tmp_path: Path) -> None:
    wrong = 0
    for number in range(3):
        path = tmp_path / f"{number}.jsonl"
        summary = record(path, pages=256, seconds=0.3, broken="drop-flag")
        events = read(path)
        save, _ = halves(events)
        flags = {(event.cpu, event.page) for event in save if event.kind == "flag"}
        assert [event for event in save if event.kind == "unprotect" and (event.cpu, event.page) not in flags]
        assert_reads_see_writes(events)
        assert_truth_tells(events, summary)
        wrong += summary.image_wrong > 0
    assert wrong


def test_copies_before_the_stop(tmp_path: Path) -> None:
    wrong = 0
    for number in range(3):
        path = tmp_path / f"{number}.jsonl"
        summary = record(path, pages=256, seconds=0.3, broken="copy-before-stop")
        events = read(path)
        copied = max(event.end for event in events if event.kind == "copy_page")
        assert copied < min(event.begin for event in events if event.kind == "stop_cpu")
        assert_reads_see_writes(events)
        assert_truth_tells(events, summary)
        wrong += summary.image_wrong > 0
    assert wrong


def test_comparing_before_protecting(tmp_path: Path) -> None:
    wrong = 0
    for number in range(3):
        path = tmp_path / f"{number}.jsonl"
        summary = record(path, pages=256, seconds=0.3, broken="compare-before-protect")
        events = read(path)
        _, load = halves(events)
        discarded = {event.page: event.end for event in load if event.kind == "discard"}
        protected = {event.page: event.begin for event in load if event.kind == "protect"}
        assert discarded.keys() == protected.keys()
        assert all(discarded[page] < protected[page] for page in discarded)
        assert summary.image_wrong == 0
        assert_reads_see_writes(events)
        assert_truth_tells(events, summary)
        wrong += summary.memory_wrong > 0
    assert wrong


def assert_truth_tells(events: list[Event], summary: Summary) -> None:
    """A broken run's damage stands in its truth events."""
    truth, restored = contents(events, "truth_at_copy"), contents(events, "truth_after_restore")
    assert truth.keys() == restored.keys()
    assert sum(truth[page] != restored[page] for page in truth) == summary.memory_wrong


@pytest.mark.parametrize("broken", [None, *BREAKS])
def test_a_trace_never_says_whether_it_was_broken(tmp_path: Path, broken: Break | None) -> None:
    path = tmp_path / "run.jsonl"
    record(path, pages=32, seconds=0.05, broken=broken)
    good = tmp_path / "good.jsonl"
    record(good, pages=32, seconds=0.05)
    with open_trace(path) as trace, open_trace(good) as other:
        assert msgspec.structs.replace(trace.header, window=0) == msgspec.structs.replace(other.header, window=0)
    assert not any(word in path.read_text() for word in ("break", "broken", *BREAKS))


@pytest.mark.parametrize(("options", "says"), [
    ({"pages": 15}, "choose 16"), ({"pages": 1 << 20}, "choose 16"), ({"writers": 0}, "choose 1"), ({"writers": 33}, "choose 1"),
    ({"pages": 16, "writers": 3}, "at least 24 pages"), ({"seconds": 0}, "more than 0"), ({"seconds": float("nan")}, "more than 0"),
])
def test_sizes_out_of_range_are_refused(tmp_path: Path, options: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        record(tmp_path / "run.jsonl", **options)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        record(tmp_path / "no" / "run.jsonl", pages=16, seconds=0.01)
    with pytest.raises(OSError, match="not a regular file"):
        record(tmp_path, pages=16, seconds=0.01)
    with pytest.raises(OSError, match="not a regular file"):
        record("/dev/null", pages=16, seconds=0.01)
    assert not list(tmp_path.iterdir())


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Run a script in a Python of its own that imports the same package."""
    path = os.pathsep.join([str(Path(thawcheck.__file__).resolve().parent.parent), *filter(None, sys.path)])
    environment = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        # What a shell starts in the background ignores interrupts, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


RECORD = "import sys\nfrom thawcheck.traces.userfaultfd import *\n"


def test_an_interrupt_leaves_no_file(tmp_path: Path) -> None:
    script = RECORD + """
try:
    print("go", flush=True)
    record(sys.argv[1], seconds=20)
except KeyboardInterrupt:
    sys.exit(130)
"""
    for delay in (0.0, 0.02, 0.05, 0.1, 0.3, 1.0):
        process = start(script, tmp_path / "run.jsonl")
        assert process.stdout is not None and process.stdout.readline() == "go\n"
        time.sleep(delay)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (130, "")
        assert not list(tmp_path.iterdir())
        assert all(map(ends, children))


def test_a_killed_recorder_leaves_no_process_and_nothing_under_the_final_name(tmp_path: Path) -> None:
    process = start(RECORD + "print('go', flush=True)\nrecord(sys.argv[1], seconds=20)\n", tmp_path / "run.jsonl")
    assert process.stdout is not None and process.stdout.readline() == "go\n"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 20
    while not (numbers := children.read_text().split()) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    process.kill()
    process.communicate(timeout=20)
    assert len(numbers) == 1 and ends(numbers[0])
    assert not (tmp_path / "run.jsonl").exists()


def ends(process: str) -> bool:
    """Whether a process is gone, or at most waits for its parent to take note, within some seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


def test_a_file_that_stood_there_survives_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("precious")
    # No file may grow beyond 64 KiB: as on a full disk, but with another error.
    script = RECORD + """
import resource
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    record(sys.argv[1], pages=32, seconds=0.05)
except OSError as error:
    print(error.errno)
"""
    # 32 pages in memory are 128 KiB; the image, of nearly as many and the copies, does not fit, or all but the last lines of the trace do.
    for limit in (140_000, 40_000, 4096):
        process = start(script, path, limit)
        output, errors = process.communicate(timeout=60)
        assert (output.strip(), errors) == (str(errno.EFBIG), "")
        assert list(tmp_path.iterdir()) == [path] and path.read_text() == "precious"


def test_an_ordinary_user_can_record(tmp_path: Path) -> None:
    # Full userfaultfd needs the capability CAP_SYS_PTRACE. A superuser loses it at the exec after dropping it; others have never had it.
    script = RECORD + """
import ctypes
import os
PR_CAPBSET_DROP, CAP_SYS_PTRACE = 24, 19
if len(sys.argv) == 2:
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0)
    os.execv(sys.executable, [*sys.orig_argv, "again"])
(capabilities,) = [int(line.split()[1], 16) for line in open("/proc/self/status") if line.startswith("CapEff")]
print(capabilities >> CAP_SYS_PTRACE & 1, record(sys.argv[1], pages=64, seconds=0.1).memory_wrong)
"""
    process = start(script, tmp_path / "run.jsonl")
    output, errors = process.communicate(timeout=60)
    assert (output, errors) == ("0 0\n", "")
    assert read(tmp_path / "run.jsonl")


@pytest.mark.parametrize(("refusal", "says"), [
    (errno.ENOSYS, "this kernel has no userfaultfd: use one built with CONFIG_USERFAULTFD"),
    (errno.EPERM, "userfaultfd is forbidden here (a container's seccomp profile does that): allow the system call userfaultfd"),
    (errno.EINVAL, "this kernel has no userfaultfd for user faults only: use Linux 5.19 or later"),
])
def test_a_kernel_that_refuses(tmp_path: Path, refusal: int, says: str) -> None:
    # A seccomp filter, which the recorder's processes inherit: load the system call's number; if it is userfaultfd fail, else allow it.
    load, jump, answer = 0x20, 0x15, 0x06
    allow, fail = 0x7FFF0000, 0x00050000 | refusal
    number = SYSTEM_CALL[os.uname().machine]
    lines = [(load, 0, 0, 0), (jump, 0, 1, number), (answer, 0, 0, fail), (answer, 0, 0, allow)]
    program = b"".join(struct.pack("=HBBI", *line) for line in lines)
    script = RECORD + f"""
import ctypes
program = ctypes.create_string_buffer({program!r})
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("lines", ctypes.c_void_p)]
library = ctypes.CDLL(None)
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
assert library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
assert library.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(Program(4, ctypes.addressof(program))), 0, 0) == 0
try:
    record(sys.argv[1], pages=16, seconds=0.01)
except RecorderUnavailable as error:
    print(error)
"""
    process = start(script, tmp_path / "run.jsonl")
    output, errors = process.communicate(timeout=60)
    assert (output, errors) == (says + "\n", "")
    assert not list(tmp_path.iterdir())


# What real runs show too rarely: one step at a time, on real memory.

@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine(16, 3) as machine:
        machine.handler.cpu_of_thread = {101: 1, 102: 2}
        yield machine


def message(machine: Machine, thread: int, page: int) -> bytes:
    """What the kernel says when a thread faults."""
    address = machine._address + page * PAGE_SIZE
    return struct.pack("=BBHIQQI4x", UFFD_EVENT_PAGEFAULT, 0, 0, 0, 3, address, thread)


def happened(machine: Machine) -> list[tuple[str, int | None, int | None]]:
    events, machine.log = machine.log, []
    return [(event.kind, event.page, event.cpu) for event in events]


def test_two_cpus_that_fault_on_one_page_go_through_the_handler_together(machine: Machine) -> None:
    for loading in (False, True):
        machine.handler.loading = loading
        machine.write(5, b"old." * 1024)
        machine.protect(0, 16, on=True)
        machine._handle(message(machine, 102, 5) + message(machine, 101, 5), machine.now())
        unprotects = [event for event in machine.log if event.kind == "unprotect"]
        assert len({(event.begin, event.end) for event in unprotects}) == 1
        steps = [("keep", 5, 2), ("recheck", 5, 1)] if loading else [("flag", 5, 2), ("flag", 5, 1)]
        assert happened(machine) == [("fault", 5, 2), ("fault", 5, 1), *steps, ("unprotect", 5, 2), ("unprotect", 5, 1)]
        assert machine.handler.protected == bytes([1] * 5 + [0] + [1] * 10)
        # A CPU that hears of the removed protection late has been woken: nothing happens to it.
        machine.write(5, b"new." * 1024)
        machine._handle(message(machine, 101, 5), machine.now())
        assert happened(machine) == []
    assert machine.handler.kept == {5: b"old." * 1024}


def test_a_cpu_that_missed_the_wake_of_an_unprotected_page_is_woken(machine: Machine) -> None:
    proposal = Proposal(machine, Image(io.BytesIO()), seconds=0.1, broken=None, seed=0)
    machine.clear_control()
    machine.start_cpus(proposal.plans(0, [5], [5], [], allocations=0, may_free=[], flag_allocated=False))
    with machine.handler.lock:
        machine.protect(5, 1, on=True)
        time.sleep(0.1)
        # Both CPUs wait now. Unprotect the page, and let the wake come to nothing.
        dont_wake = 1 << 1
        request = struct.pack("=QQQ", machine._address + 5 * PAGE_SIZE, PAGE_SIZE, dont_wake)
        fcntl.ioctl(machine._userfaultfd, UFFDIO_WRITEPROTECT, request)
        machine.handler.protected[5] = 0
    machine.stop_cpus()
    machine.collect([bytes(PAGE_SIZE)] * 16)
    log = machine.finish()
    assert {event.kind for event in log} == {"store", "stop_cpu"}
    assert max(event.end - event.begin for event in log) > 50_000_000


def test_a_page_that_was_unprotected_before_its_comparison_is_staged_though_equal(machine: Machine, tmp_path: Path) -> None:
    content = b"same" * 1024
    with (tmp_path / "image").open("w+b") as file:
        image = Image(file)
        image.append(5, b"late" * 1024)
        image.append(5, content)
        image.commit()
        assert image.find_pages() == [5]
        proposal = Proposal(machine, image, seconds=0.1, broken=None, seed=0)
        machine.handler.loading = True
        machine.write(5, content)
        staged: dict[int, bytes] = {}
        proposal.protect(5)
        assert proposal.load_page(5, staged) and not staged
        machine._handle(message(machine, 101, 5), machine.now())
        assert not proposal.load_page(5, staged) and staged == {5: content}
        happened(machine)
        machine.handler.kept = {5: b"kept" * 1024, 6: b"unmodified......" * 256}
        proposal.restore(staged)
        assert happened(machine) == [("begin_restoring", None, None), ("restore_page", 5, None), ("restore_page", 6, None)]
        assert machine.read(5) == content and machine.read(6) == b"unmodified......" * 256


def test_an_image_without_its_commit_record_is_no_image(tmp_path: Path) -> None:
    with (tmp_path / "image").open("w+b") as file:
        image = Image(file)
        image.append(3, bytes(PAGE_SIZE))
        with pytest.raises(ImageError):
            image.find_pages()
        file.seek(0, os.SEEK_END)
        image.commit()
        assert image.find_pages() == [3]
        file.truncate(file.tell() - 1)
        with pytest.raises(ImageError):
            image.find_pages()

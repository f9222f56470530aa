"""A job in another process: what it returns or raises comes back, and it is never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from thawcheck.cli.beside import beside
from thawcheck.cli.errors import CommandError, ExpectationError

WAITING = """
import signal, time
from thawcheck.cli.beside import beside
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
with beside(time.sleep, 60) as wait:
    print(flush=True)
    wait()
"""

# The jobs are functions of the library: a test module cannot be imported by another process.


def test_what_it_returns_comes_back() -> None:
    with beside(divmod, 17, 5) as wait:
        assert wait() == (3, 2)


def test_what_it_raises_is_raised() -> None:
    from thawcheck.cli.verify import prove_meanwhile

    with beside(prove_meanwhile, "nothing", 1.0, 2**30) as wait, pytest.raises(CommandError, match="no design 'nothing'"):
        wait()


def test_an_error_of_ours_comes_with_its_kind() -> None:
    with beside(divmod, 1, 0) as wait, pytest.raises(RuntimeError, match="in divmod: ZeroDivisionError: "):
        wait()


def test_its_end_is_told_from_an_answer() -> None:
    with beside(os._exit, 7) as wait, pytest.raises(ExpectationError, match="ended early, with status 7"):
        wait()


def test_leaving_the_block_ends_it(tmp_path: Path) -> None:
    begun = time.monotonic()
    with beside(time.sleep, 60):
        while not children(os.getpid()):
            time.sleep(0.01)
    assert not children(os.getpid()) and time.monotonic() - begun < 50


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_does_not_outlive_the_one_who_waits(how: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as waiting:
        assert waiting.stdout is not None and waiting.stdout.readline() == b"\n"
        while not (started := children(waiting.pid)):  # it has just begun
            time.sleep(0.01)
        waiting.send_signal(how)
        waiting.wait(60)
    for _ in range(600):
        if not any(alive(process) for process in started):
            break
        time.sleep(0.1)
    else:
        pytest.fail(f"still there: {started}")


def children(process: int) -> list[int]:
    """The processes that a process started to run jobs."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = entry.read_text().splitlines()
            job = b"multiprocessing.spawn" in (entry.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if job and f"PPid:\t{process}" in lines:
            found.append(int(entry.parent.name))
    return found


def alive(process: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False

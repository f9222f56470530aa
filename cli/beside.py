"""A job in a process of its own, beside what this process does: a machine has two processors, and Python uses one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from .errors import CommandError, ExpectationError

T = TypeVar("T")


@contextmanager
def beside(function: Callable[..., T], *arguments: Any) -> Iterator[Callable[[], T]]:
    """Runs ``function(*arguments)`` in another process meanwhile. What is yielded waits for it, and returns or raises what it did.

    The function must be importable by name, and what goes in and comes out must be plain data. Leaving the block ends the other process,
    whatever it is doing. It prints nothing, and does not outlive this one.
    """
    # A fresh process: a fork would copy the threads' locks in whatever state they are.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, function, arguments), daemon=True)
    process.start()
    theirs.close()

    def wait() -> T:
        try:
            returned, value = ours.recv()
        except EOFError:
            process.join()
            raise ExpectationError(f"the process that ran {function.__name__} ended early, with status {process.exitcode}") from None
        if not returned:
            raise value
        result: T = value
        return result

    try:
        yield wait
    finally:
        process.kill()
        process.join()
        ours.close()


def _work(connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the one who waits; it ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        try:
            connection.send((True, function(*arguments)))
        except (CommandError, ExpectationError, MemoryError) as fault:
            connection.send((False, fault))
        except Exception as fault:  # of which it is not known whether it can be sent
            connection.send((False, RuntimeError(f"in {function.__name__}: {type(fault).__name__}: {fault}")))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)

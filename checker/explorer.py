"""The explorer: breadth-first search over packed states with code compiled from the terms. Exact; its counterexamples are shortest."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import mmap
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..model.machine import Machine, Property, Sizes
from . import store
from .cache import cache_directory
from .generate import checked_properties, inputs, source
from .layout import Layout, State, check_sizes
from .liveness import Liveness, analyse
from .packing import Packing, Words, smaller_sizes
from .reduction import make_reduction
from .reference import Reference
from .verdict import Result, Run, Verdict, unmet_expectations

CHUNK_ROWS = 1 << 12
MOST_SEGMENT_ROWS = 1 << 20
Progress = Callable[[int, int, int], None]


def explore(
    machine: Machine,
    sizes: Sizes,
    *,
    dropped: frozenset[str] = frozenset(),
    only: frozenset[str] | None = None,
    plain: bool = False,
    timeout: float | None = None,
    memory: int | None = None,
    compiled: bool = True,
    liveness: Liveness | None = None,
    progress: Progress | None = None,
) -> Result:
    """Explores every reachable state, or ends as unknown after ``timeout`` seconds or with ``memory`` bytes in use.

    As in :mod:`.reference`, a level is finished before it is looked at. ``plain`` switches symmetry and the removal of dead state off; what
    nobody has set and nobody will read has one initial value all the same. ``only`` names the properties to check. ``compiled=False``
    runs the same generated source without the compiler. ``liveness``, if it is known already, must have been found for
    these dropped assumptions or for any. ``progress`` is called with depth, states and stored states.
    """
    check_sizes(machine, sizes)
    begun = time.perf_counter()
    search = _Search(machine, sizes, dropped, only, plain, compiled, liveness)
    compile_seconds = search.warm_up() if compiled else 0.0
    result = search.run(begun, compile_seconds, timeout, memory, progress)
    if plain or only is not None or not result.complete:
        return result
    return _count_actions_exactly(result, begun, timeout, memory, compiled)


def _count_actions_exactly(result: Result, begun: float, timeout: float | None, memory: int | None, compiled: bool) -> Result:
    """Which actions ever happen, from a search in which no condition was set aside.

    Where dead state is removed, a step that makes no difference may be seen though it is impossible, or not be seen though
    it is possible. So this is found by searches that remove less, at the smallest size at which every action happens.
    """
    machine, fired = result.machine, dict.fromkeys(result.fired, 0)
    for sizes in smaller_sizes(result.sizes, machine):
        left = None if timeout is None else max(timeout - (time.perf_counter() - begun), 0.0)
        block_sort = Packing(Layout(machine, sizes)).block_sort
        exact = analyse(machine, block_sort, result.dropped, faint=False)
        search = _Search(machine, sizes, result.dropped, frozenset(), False, compiled, exact)
        found = search.run(time.perf_counter(), 0.0, left, memory, None)
        # What happens at a smaller size counts if it was seen at the full size too; what was not is looked for up to the full size.
        full = sizes == result.sizes
        fired = {name: count + (found.fired[name] if full or result.fired[name] else 0) for name, count in fired.items()}
        unmet = unmet_expectations(machine, result.dropped, fired, result.reached)
        if not found.complete:
            return replace(
                result, verdict="unknown", complete=False, reason=f"which actions ever happen: {found.reason}", fired=fired, unmet=unmet
            )
        if not unmet:
            break
    verdict: Verdict = "vacuous" if unmet else "holds"
    return replace(result, verdict=verdict, fired=fired, unmet=unmet, seconds=time.perf_counter() - begun)


def reachable(
    machine: Machine,
    sizes: Sizes,
    *,
    dropped: frozenset[str] = frozenset(),
    timeout: float | None = None,
    memory: int | None = None,
    compiled: bool = True,
    liveness: Liveness | None = None,
) -> tuple[Result, Packing, Iterator[Words]]:
    """A plain search that also gives the states it saw: packed rows, some at a time, in the order in which they were found.

    It goes on where there is a deadlock.
    """
    check_sizes(machine, sizes)
    search = _Search(machine, sizes, dropped, None, True, compiled, liveness)
    compile_seconds = search.warm_up() if compiled else 0.0
    result = search.run(time.perf_counter(), compile_seconds, timeout, memory, None, deadlocks=False)
    return result, search.packing, (segment.rows for level in search.levels for segment in level)


@dataclass(frozen=True)
class _Segment:
    """Rows of one level that lie together in a block, and how many states each stands for."""

    rows: Words
    weights: Any


class _Pool:
    """All rows that are stored, in blocks of memory; a block is never moved."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.block: Words = np.zeros((0, width), dtype=np.uint64)
        self.used = 0
        self.nbytes = 0
        self.total = 0

    def make_room(self, count: int) -> None:
        """Sees to it that the current block has room for so many rows."""
        if self.used + count > len(self.block):
            self.block = zeroed_memory(max(count, min(max(self.total, 1 << 12), 1 << 20)), self.width)
            self.used = 0
            self.nbytes += self.block.nbytes


def zeroed_memory(rows: int, width: int) -> Words:
    """An array of zeros whose pages are there already: to fault them in one by one takes several times as long."""
    size = rows * width * 8
    if size < 1 << 20:
        return np.zeros((rows, width), dtype=np.uint64)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
    return np.frombuffer(memory, dtype=np.uint64).reshape(rows, width)


class _Search:
    def __init__(
        self,
        machine: Machine,
        sizes: Sizes,
        dropped: frozenset[str],
        only: frozenset[str] | None,
        plain: bool,
        compiled: bool,
        liveness: Liveness | None,
    ) -> None:
        self.machine, self.sizes, self.dropped, self.only = machine, sizes, dropped, only
        self.layout = Layout(machine, sizes)
        self.packing = Packing(self.layout)
        if liveness is None:
            liveness = analyse(machine, self.packing.block_sort, dropped, faint=not plain)
        self.reduction = make_reduction(self.packing, liveness, plain=plain)
        self.compiled = compiled
        self.code = load_code(machine) if compiled else _interpreted(source(machine))
        self.properties = checked_properties(machine)
        self.c = np.array(inputs(self.packing, dropped), dtype=np.int64)
        self.may = self.reduction.may
        self.most = sum(prod(self.layout.argument_domain(p) for p in action.parameters) for action in machine.actions)
        self.fired = np.zeros(len(machine.actions), dtype=np.int64)
        self.out = np.zeros((max(2 * self.most, 1 << 15), self.packing.word_count), dtype=np.uint64)
        self.table = np.zeros((1 << 12, self.packing.word_count), dtype=np.uint64)

    # -- the compiled functions, called with what they need

    def expand(self, level: _Segment, begin: int, end: int, fired: Any, stuck: Any) -> tuple[int, int]:
        """Fills ``out`` with the successors of some rows; returns the next row and how many successors there are."""
        if not self.compiled:
            return self._expand_interpreted(level, begin, end, fired, stuck)
        row, n = self.code.expand(begin, end, level.rows, level.weights, self.out, fired, stuck, self.c, self.may, self.most)
        return row, n

    def _expand_interpreted(self, level: _Segment, begin: int, end: int, fired: Any, stuck: Any) -> tuple[int, int]:
        end = min(end, begin + max(1, len(self.out) // self.most - 1))
        out = [[0] * self.packing.word_count for _ in range((end - begin) * self.most + 1)]
        dead_end = [-1]
        row, n = self.code.expand(
            0, end - begin, level.rows[begin:end].tolist(), level.weights[begin:end].tolist(), out, fired, dead_end, self.c.tolist(),
            self.may, self.most,
        )  # fmt: skip
        self.out[:n] = np.array(out[:n], dtype=np.uint64).reshape(n, self.packing.word_count)
        if stuck[0] < 0 <= dead_end[0]:
            stuck[0] = dead_end[0] + begin
        return row + begin, n

    def look(self, rows: Words, first: Any, wanted: Any) -> None:
        """Notes in ``first`` the first row that breaks, or reaches, each wanted property."""
        if self.compiled:
            self.code.look(0, len(rows), rows, first, wanted, self.reduction.matters, self.c)
        else:
            self.code.look(0, len(rows), rows.tolist(), first, wanted, self.reduction.matters, self.c.tolist())

    def warm_up(self) -> float:
        """Makes the compiler do its work now; returns the seconds it took."""
        begun = time.perf_counter()
        rows = np.zeros((1, self.packing.word_count), dtype=np.uint64)
        level = _Segment(rows, np.ones(1, dtype=np.int64))
        with _compiled_once(self.code):
            self.expand(level, 0, 0, np.zeros_like(self.fired), np.full(1, -1, dtype=np.int64))
            self.look(rows[:0], np.zeros(len(self.properties), dtype=np.int64), np.zeros(len(self.properties), dtype=np.bool_))
        self.reduction.canonicalise(rows, 0)
        self.reduction.weigh(rows, np.zeros(0, dtype=np.int64))
        store.insert(rows, 0, self.table, rows, 0)
        store.rehash(self.table, self.table[:2])
        return time.perf_counter() - begun

    # -- the search

    def run(
        self,
        begun: float,
        compile_seconds: float,
        timeout: float | None,
        memory: int | None,
        progress: Progress | None,
        *,
        deadlocks: bool = True,
    ) -> Result:
        machine = self.machine
        reference = Reference(self.layout, self.dropped)
        wanted = np.array(
            [item.expectation == "sometimes" or self.only is None or item.name in self.only for item in self.properties], dtype=np.bool_
        )
        always = [place for place, item in enumerate(self.properties) if item.expectation == "always" and wanted[place]]
        reached: set[str] = set()
        states = 0
        levels = self.levels = list[list[_Segment]]()
        pool = _Pool(self.packing.word_count)
        self.ones = np.ones(1, dtype=np.int64)

        def result(verdict: Verdict, complete: bool, broken: str | None = None, run: Run | None = None, reason: str = "") -> Result:
            fired = {action.name: int(count) for action, count in zip(machine.actions, self.fired, strict=True)}
            unmet = unmet_expectations(machine, self.dropped, fired, frozenset(reached))
            return Result(
                machine, self.sizes, self.dropped, "vacuous" if complete and unmet and self.only is None else verdict, complete, states,
                int(self.fired.sum()), max(len(levels) - 1, 0), time.perf_counter() - begun, compile_seconds, broken, run, reason, fired,
                frozenset(reached), unmet, self.reduction.names, pool.total,
            )  # fmt: skip

        def over_budget() -> str:
            if timeout is not None and time.perf_counter() - begun > timeout:
                return f"stopped after {timeout:g} s"
            if memory is not None and self.table.nbytes + pool.nbytes > memory:
                return f"stopped at {memory / 2**20:.0f} MiB"
            return ""

        rows = self.packing.initial_words(self.reduction.unset)
        self.reduction.canonicalise(rows, len(rows))
        segments = self._add(pool, rows, len(rows), [])
        while segments:
            states += sum(int(segment.weights[: len(segment.rows)].sum()) for segment in segments)
            levels.append(segments)
            first = np.full(len(self.properties), -1, dtype=np.int64)
            found: dict[int, Any] = {}
            for segment in segments:
                self.look(segment.rows, first, wanted)
                for place in np.flatnonzero(first >= 0).tolist():
                    found[place] = segment.rows[first[place]].copy()
                    first[place], wanted[place] = -1, False
            for place in always:
                if place in found:
                    broken = self.properties[place]
                    return result("violated", False, broken.name, self.run_to(levels, found[place], _breaks(reference, broken)))
            reached.update(self.properties[place].name for place in found)
            if progress is not None:
                progress(len(levels) - 1, states, pool.total)
            dead_end: Any = None
            following: list[_Segment] = []
            for segment in segments:
                stuck = np.full(1, -1, dtype=np.int64)
                row = 0
                while row < len(segment.rows):
                    row, n = self.expand(segment, row, min(row + CHUNK_ROWS, len(segment.rows)), self.fired, stuck)
                    self.reduction.canonicalise(self.out, n)
                    following = self._add(pool, self.out, n, following)
                    if reason := over_budget():
                        states += sum(int(part.weights[: len(part.rows)].sum()) for part in following)
                        return result("unknown", False, reason=reason)
                if deadlocks and dead_end is None and stuck[0] >= 0:
                    dead_end = segment.rows[stuck[0]].copy()
            if dead_end is not None:
                states += sum(int(part.weights[: len(part.rows)].sum()) for part in following)
                run = self.run_to(levels, dead_end, lambda state: not any(reference.successors(state)) and not reference.is_terminal(state))
                return result("deadlock", False, None, run)
            segments = following
        return result("holds", True)

    def _add(self, pool: _Pool, rows: Words, count: int, segments: list[_Segment]) -> list[_Segment]:
        """Puts rows into the set; those that are new become part of the level that ``segments`` makes up."""
        self._make_room(pool.total, count)
        pool.make_room(count)
        before, pool.used = pool.used, store.insert(rows, count, self.table, pool.block, pool.used)
        new = pool.block[before : pool.used]
        if not len(new):
            return segments
        pool.total += len(new)
        weights = self._weights(new)
        last = segments[-1] if segments else None
        if last is not None and last.rows.base is new.base and len(last.rows) + len(new) <= MOST_SEGMENT_ROWS:
            start = before - len(last.rows)
            joined = weights if weights is self.ones else np.concatenate([last.weights, weights])
            return [*segments[:-1], _Segment(pool.block[start : pool.used], joined)]
        segments.append(_Segment(new, weights))
        return segments

    def _weights(self, rows: Words) -> Any:
        if not self.reduction.symmetric:
            if len(self.ones) < MOST_SEGMENT_ROWS:
                self.ones = np.ones(MOST_SEGMENT_ROWS, dtype=np.int64)
            return self.ones
        weights = np.ones(len(rows), dtype=np.int64)
        self.reduction.weigh(rows, weights)
        return weights

    def _make_room(self, used: int, more: int) -> None:
        while (used + more) * 10 > len(self.table) * 6:
            larger = zeroed_memory(len(self.table) * 4, self.packing.word_count)
            store.rehash(self.table, larger)
            self.table = larger

    # -- counterexamples: parents are re-derived, not stored

    def run_to(self, levels: list[list[_Segment]], goal: Any, ends_badly: Callable[[State], bool]) -> Run:
        """A run of the machine itself (nothing zeroed, nothing renamed) that ends in a state for which the row ``goal`` stands.

        Every step of it is one of the reference, which must also say that it ends badly.
        """
        chain = [goal]
        for segments in reversed(levels[:-1]):
            chain.append(self._predecessor(segments, chain[-1]))
        run = self.reduction.concrete_run([tuple(map(int, row)) for row in reversed(chain)], self.dropped)
        if not ends_badly(run.last):
            raise AssertionError("the reference does not confirm the counterexample")
        return run

    def _predecessor(self, segments: list[_Segment], goal: Any) -> Any:
        ignored, stuck = np.zeros_like(self.fired), np.zeros(1, dtype=np.int64)
        for segment in segments:
            row = 0
            while row < len(segment.rows):
                after, n = self.expand(segment, row, min(row + CHUNK_ROWS, len(segment.rows)), ignored, stuck)
                self.reduction.canonicalise(self.out, n)
                if np.any(np.all(self.out[:n] == goal, axis=1)):
                    for single in range(row, after):
                        _, n = self.expand(segment, single, single + 1, ignored, stuck)
                        self.reduction.canonicalise(self.out, n)
                        if np.any(np.all(self.out[:n] == goal, axis=1)):
                            return segment.rows[single]
                row = after
        raise AssertionError("a state has no predecessor in the level before it")


def _breaks(reference: Reference, item: Property) -> Callable[[State], bool]:
    return lambda state: not reference.holds(item, state)


# ---------------------------------------------------------------- generated code


def load_code(machine: Machine) -> ModuleType:
    """The compiled code of a machine. Only code that is generated here and now runs: a file that says something else is replaced."""
    # The compiler takes the functions of the store into the code of the machine, and looks for changes in this one file only.
    inlined = hashlib.blake2b(Path(store.__file__).read_bytes(), digest_size=12).hexdigest()
    head = f"from {store.__name__} import compiled, copy, inner, peek, put, put_counter, start, unpack  # digest {inlined}\n\n\n"
    text = head + source(machine)
    name = "machine_" + hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    path = cache_directory() / f"{name}.py"
    try:
        same = path.read_text() == text
    except OSError:
        same = False
    if not same:
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            temporary.write_text(text)
            temporary.replace(path)
        except OSError as fault:
            temporary.unlink(missing_ok=True)
            raise OSError(fault.errno, f"{fault.strerror}: make room there, or set XDG_CACHE_HOME", str(path)) from None
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


@contextmanager
def _compiled_once(code: ModuleType) -> Iterator[None]:
    """While one process compiles a machine, others that want the same wait, and then find it done."""
    assert code.__file__ is not None
    with open(code.__file__) as file:
        with suppress(OSError):  # where files cannot be locked, each compiles for itself
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _interpreted(text: str) -> ModuleType:
    """The generated source as plain Python on lists of ints."""
    module = ModuleType("interpreted")

    def copy(out: Any, n: int, states: Any, row: int) -> None:
        out[n][:] = states[row]

    def start(n: int, out: Any) -> None:
        out[n][:] = out[-1]

    def put(n: int, c: Any, out: Any, cell: int, value: int) -> None:
        place = c[c[0] + cell]
        out[n][place >> 6] ^= ((c[cell] ^ value) & c[c[1] + cell]) << (place & 63)

    def peek(c: Any, states: Any, row: int, cell: int) -> int:
        place = c[c[0] + cell]
        found: int = (states[row][place >> 6] >> (place & 63)) & c[c[1] + cell]
        return found

    def unpack(c: Any, states: Any, row: int) -> None:
        first = len(c) - 4 * c[3]
        for cell in range(first, first + c[3]):
            place, bias = c[c[0] + cell], c[c[2] + cell]
            c[cell] = (((states[row][place >> 6] >> (place & 63)) + bias) & c[c[1] + cell]) - bias

    def as_it_is(function: Any) -> Any:
        return function

    module.__dict__.update(
        compiled=as_it_is, inner=as_it_is, copy=copy, peek=peek, start=start, put=put, put_counter=put, unpack=unpack
    )
    exec(compile(text, "<generated>", "exec"), module.__dict__)
    return module


__all__ = ["explore", "load_code", "reachable"]

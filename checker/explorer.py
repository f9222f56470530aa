"""The explorer: breadth-first search over packed states with code compiled from the terms. Exact; its counterexamples are shortest."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..model.machine import Machine, Sizes
from . import store
from .generate import checked_properties, inputs, source
from .layout import Layout, check_sizes
from .liveness import Liveness, analyse
from .packing import Packing, Words, smaller_sizes
from .reduction import make_reduction
from .verdict import Result, Run, Verdict, unmet_expectations

CHUNK_ROWS = 1 << 12
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
    runs the same generated source without the compiler. ``liveness``, if it is known already, must have been found for these dropped assumptions
    or for any. ``progress`` is called with depth, states and stored states.
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

    Where dead state is removed, a step that makes no difference may be seen though it is impossible, or not be seen though it is possible. So this is
    found by searches that remove less, at the smallest size at which every action happens.
    """
    machine, fired = result.machine, dict.fromkeys(result.fired, 0)
    for sizes in smaller_sizes(result.sizes, machine):
        left = None if timeout is None else max(timeout - (time.perf_counter() - begun), 0.0)
        block_sort = Packing(Layout(machine, sizes)).block_sort
        exact = analyse(machine, block_sort, result.dropped, faint=False)
        search = _Search(machine, sizes, result.dropped, frozenset(), False, compiled, exact)
        found = search.run(time.perf_counter(), 0.0, left, memory, None)
        fired = {name: count + found.fired[name] for name, count in fired.items()}
        unmet = unmet_expectations(machine, result.dropped, fired, result.reached)
        if not found.complete:
            return replace(result, verdict="unknown", complete=False, reason=f"which actions ever happen: {found.reason}", fired=fired, unmet=unmet)
        if not unmet:
            break
    verdict: Verdict = "vacuous" if unmet else "holds"
    return replace(result, verdict=verdict, fired=fired, unmet=unmet, seconds=time.perf_counter() - begun)


@dataclass
class _Level:
    """The rows of one level, and how many states each stands for."""

    rows: Words
    weights: Any


class _Search:
    def __init__(
        self, machine: Machine, sizes: Sizes, dropped: frozenset[str], only: frozenset[str] | None, plain: bool, compiled: bool, liveness: Liveness | None
    ) -> None:
        self.machine, self.sizes, self.dropped, self.only = machine, sizes, dropped, only
        self.layout = Layout(machine, sizes)
        self.packing = Packing(self.layout)
        self.reduction = make_reduction(self.packing, liveness or analyse(machine, self.packing.block_sort, dropped), plain=plain)
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

    def expand(self, level: _Level, begin: int, end: int, fired: Any, stuck: Any) -> tuple[int, int]:
        """Fills ``out`` with the successors of some rows; returns the next row and how many successors there are."""
        if not self.compiled:
            return self._expand_interpreted(level, begin, end, fired, stuck)
        row, n = self.code.expand(begin, end, level.rows, level.weights, self.out, fired, stuck, self.c, self.may, self.most)
        return row, n

    def _expand_interpreted(self, level: _Level, begin: int, end: int, fired: Any, stuck: Any) -> tuple[int, int]:
        end = min(end, begin + max(1, len(self.out) // self.most - 1))
        out = [[0] * self.packing.word_count for _ in range((end - begin) * self.most + 1)]
        row, n = self.code.expand(
            0, end - begin, level.rows[begin:end].tolist(), level.weights[begin:end].tolist(), out, fired, stuck, self.c.tolist(), self.may, self.most
        )
        self.out[:n] = np.array(out[:n], dtype=np.uint64).reshape(n, self.packing.word_count)
        if 0 <= stuck[0] < end - begin:
            stuck[0] += begin
        return row + begin, n

    def look(self, rows: Words, first: Any, wanted: Any) -> None:
        """Notes in ``first`` the first row that breaks, or reaches, each wanted property."""
        if self.compiled:
            self.code.look(0, len(rows), rows, first, wanted, self.c)
        else:
            self.code.look(0, len(rows), rows.tolist(), first, wanted, self.c.tolist())

    def warm_up(self) -> float:
        """Makes the compiler do its work now; returns the seconds it took."""
        begun = time.perf_counter()
        rows = np.zeros((1, self.packing.word_count), dtype=np.uint64)
        level = _Level(rows, np.ones(1, dtype=np.int64))
        self.expand(level, 0, 0, np.zeros_like(self.fired), np.full(1, -1, dtype=np.int64))
        self.look(rows[:0], np.zeros(len(self.properties), dtype=np.int64), np.zeros(len(self.properties), dtype=np.bool_))
        self.reduction.canonicalise(rows, 0)
        self.reduction.weigh(rows, np.zeros(0, dtype=np.int64))
        store.insert(rows, 0, self.table, rows, 0)
        store.rehash(self.table, self.table[:2])
        return time.perf_counter() - begun

    # -- the search

    def run(self, begun: float, compile_seconds: float, timeout: float | None, memory: int | None, progress: Progress | None) -> Result:
        machine = self.machine
        wanted = np.array(
            [item.expectation == "sometimes" or self.only is None or item.name in self.only for item in self.properties], dtype=np.bool_
        )
        always = [place for place, item in enumerate(self.properties) if item.expectation == "always" and wanted[place]]
        reached: set[str] = set()
        states = transitions = 0
        levels: list[_Level] = []
        used = 0

        def result(verdict: Verdict, complete: bool, broken: str | None = None, run: Run | None = None, reason: str = "") -> Result:
            fired = {action.name: int(count) for action, count in zip(machine.actions, self.fired, strict=True)}
            return Result(
                machine, self.sizes, self.dropped, verdict, complete, states, int(self.fired.sum()), max(len(levels) - 1, 0), time.perf_counter() - begun,
                compile_seconds, broken, run, reason, fired, frozenset(reached), unmet_expectations(machine, self.dropped, fired, frozenset(reached)),
                self.reduction.names, used,
            )  # fmt: skip

        def over_budget() -> str:
            if timeout is not None and time.perf_counter() - begun > timeout:
                return f"stopped after {timeout:g} s"
            if memory is not None and self.table.nbytes + sum(level.rows.nbytes for level in levels) > memory:
                return f"stopped at {memory / 2**20:.0f} MiB"
            return ""

        rows = self.packing.initial_words(self.reduction.unset)
        fresh = np.empty_like(rows)
        self.reduction.canonicalise(rows, len(rows))
        self._make_room(used, len(rows))
        new = store.insert(rows, len(rows), self.table, fresh, 0)
        level_rows = fresh[:new].copy()
        while True:
            used += len(level_rows)
            weights = np.ones(len(level_rows), dtype=np.int64)
            states += self.reduction.weigh(level_rows, weights)
            levels.append(_Level(level_rows, weights))
            first = np.full(len(self.properties), -1, dtype=np.int64)
            self.look(level_rows, first, wanted)
            for place in always:
                if first[place] >= 0:
                    run = self.run_to(levels, level_rows[first[place]])
                    return result("violated", False, self.properties[place].name, run)
            for place, item in enumerate(self.properties):
                if item.expectation == "sometimes" and first[place] >= 0:
                    reached.add(item.name)
                    wanted[place] = False
            if progress is not None:
                progress(len(levels) - 1, states, used)
            stuck = np.full(1, -1, dtype=np.int64)
            parts: list[Words] = []
            row = 0
            while row < len(level_rows):
                row, n = self.expand(levels[-1], row, min(row + CHUNK_ROWS, len(level_rows)), self.fired, stuck)
                self.reduction.canonicalise(self.out, n)
                self._make_room(used + sum(map(len, parts)), n)
                fresh = np.empty((n, self.packing.word_count), dtype=np.uint64)
                new = store.insert(self.out, n, self.table, fresh, 0)
                if new:
                    parts.append(fresh[:new].copy())
                if reason := over_budget():
                    states += sum(self.reduction.weigh(part, np.ones(len(part), dtype=np.int64)) for part in parts)
                    used += sum(map(len, parts))
                    return result("unknown", False, reason=reason)
            if stuck[0] >= 0:
                run = self.run_to(levels, level_rows[stuck[0]])
                states += sum(self.reduction.weigh(part, np.ones(len(part), dtype=np.int64)) for part in parts)
                used += sum(map(len, parts))
                return result("deadlock", False, None, run)
            if not parts:
                break
            level_rows = np.concatenate(parts)
        transitions = int(self.fired.sum())
        assert transitions >= 0
        fired = {action.name: int(count) for action, count in zip(machine.actions, self.fired, strict=True)}
        unmet = unmet_expectations(machine, self.dropped, fired, frozenset(reached))
        return result("vacuous" if unmet and self.only is None else "holds", True)

    def _make_room(self, used: int, more: int) -> None:
        while (used + more) * 10 > len(self.table) * 6:
            larger = np.zeros((len(self.table) * 4, self.packing.word_count), dtype=np.uint64)
            store.rehash(self.table, larger)
            self.table = larger

    # -- counterexamples: parents are re-derived, not stored

    def run_to(self, levels: list[_Level], goal: Any) -> Run:
        """A run of the machine itself (nothing zeroed, nothing renamed) that ends in a state for which the row ``goal`` stands."""
        chain = [goal]
        for level in reversed(levels[:-1]):
            chain.append(level.rows[self._predecessor(level, chain[-1])])
        return self.reduction.concrete_run([tuple(map(int, row)) for row in reversed(chain)], self.dropped)

    def _predecessor(self, level: _Level, goal: Any) -> int:
        ignored, stuck = np.zeros_like(self.fired), np.zeros(1, dtype=np.int64)
        row = 0
        while row < len(level.rows):
            after, n = self.expand(level, row, min(row + CHUNK_ROWS, len(level.rows)), ignored, stuck)
            self.reduction.canonicalise(self.out, n)
            if np.any(np.all(self.out[:n] == goal, axis=1)):
                for single in range(row, after):
                    _, n = self.expand(level, single, single + 1, ignored, stuck)
                    self.reduction.canonicalise(self.out, n)
                    if np.any(np.all(self.out[:n] == goal, axis=1)):
                        return single
            row = after
        raise AssertionError("a state has no predecessor in the level before it")


# ---------------------------------------------------------------- generated code


def code_directory() -> Path:
    """Where generated source and its machine code are kept: a directory that belongs to this user alone."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    for candidate in (Path(base) / "thawcheck", Path(tempfile.gettempdir()) / f"thawcheck-{os.getuid()}"):
        try:
            candidate.mkdir(mode=0o700, parents=True, exist_ok=True)
            if candidate.stat().st_uid == os.getuid() and os.access(candidate, os.W_OK):
                return candidate
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix="thawcheck-"))


def load_code(machine: Machine) -> ModuleType:
    """The compiled code of a machine. Only code that is generated here and now runs: a file that says something else is replaced."""
    head = f"from {store.__name__} import compiled, copy, put, put_counter, start, unpack\n\n\n"
    text = head + source(machine)
    name = "machine_" + hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    path = code_directory() / f"{name}.py"
    try:
        same = path.read_text() == text
    except OSError:
        same = False
    if not same:
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(text)
        temporary.replace(path)
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


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

    def unpack(c: Any, states: Any, row: int) -> None:
        first = len(c) - 4 * c[3]
        for cell in range(first, first + c[3]):
            place, bias = c[c[0] + cell], c[c[2] + cell]
            c[cell] = (((states[row][place >> 6] >> (place & 63)) + bias) & c[c[1] + cell]) - bias

    module.__dict__.update(compiled=lambda function: function, copy=copy, start=start, put=put, put_counter=put, unpack=unpack)
    exec(compile(text, "<generated>", "exec"), module.__dict__)
    return module


__all__ = ["code_directory", "explore", "load_code"]

"""The compiled parts of the explorer that know no machine: packed rows, their canonical form, and an exact set of them.

A row is a state in ``words`` 64-bit words. Everything here works in place on arrays of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compiles a function at its first call, and keeps the machine code beside its source for the next process."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def inner(function: F) -> F:
    """The same for a function that is only called by compiled ones: it is kept as a part of them."""
    return cast(F, numba.njit(nogil=True, error_model="numpy")(function))


OCCUPIED = np.uint64(1 << 63)


# In the functions that generated code calls, ``c`` is the array that checker/generate.py describes; the first three numbers in it say
# where the tables of packed places, masks and biases begin, counted from the first cell. Places are unsigned (uintp): a signed one is
# compared with 0 at each access, in case it counts from the end, which made these functions twice as slow.


@compiled
def unpack(c: Any, states: Any, row: int) -> None:
    """Fills the cells in ``c`` with the values of one row."""
    cells = np.uintp(c[3])
    first = np.uintp(len(c)) - np.uintp(4) * cells
    packed, masks, biases = np.uintp(c[0]), np.uintp(c[1]), np.uintp(c[2])
    for cell in range(first, first + cells):
        place = np.uintp(c[packed + cell])
        word = states[np.uintp(row), place >> np.uintp(6)] >> (place & np.uintp(63))
        bias = c[biases + cell]
        c[cell] = np.int64((word + np.uint64(bias)) & np.uint64(c[masks + cell])) - bias


@compiled
def peek(c: Any, states: Any, row: int, cell: int) -> Any:
    """The value of one cell of a row, which is no count."""
    place = c[c[0] + cell]
    return np.int64((states[row, place >> 6] >> np.uint64(place & 63)) & np.uint64(c[c[1] + cell]))


@compiled
def copy(out: Any, n: int, states: Any, row: int) -> None:
    """Copies one row."""
    for place in range(states.shape[1]):
        out[n, place] = states[row, place]


@compiled
def start(n: int, out: Any) -> None:
    """A successor begins as a copy of the state it comes from, which stands in the last row of ``out``."""
    last = np.uintp(len(out) - 1)
    for place in range(np.uintp(out.shape[1])):
        out[np.uintp(n), place] = out[last, place]


@compiled
def put(n: int, c: Any, out: Any, cell: int, value: int) -> None:
    """Changes one cell of a successor from what ``c`` says to ``value``."""
    place = np.uintp(c[np.uintp(c[0] + cell)])
    out[np.uintp(n), place >> np.uintp(6)] ^= np.uint64(c[np.uintp(cell)] ^ value) << (place & np.uintp(63))


@compiled
def put_counter(n: int, c: Any, out: Any, cell: int, value: int) -> None:
    """The same for a count, which may be out of its range."""
    place = np.uintp(c[np.uintp(c[0] + cell)])
    changed = np.uint64(c[np.uintp(cell)] ^ value) & np.uint64(c[np.uintp(c[1] + cell)])
    out[np.uintp(n), place >> np.uintp(6)] ^= changed << (place & np.uintp(63))


@compiled
def _mask_dead(
    row: Any, counters: Any, phase_place: Any, dead_blocks: Any, dead_rest: Any, block_word: Any, block_shift: Any, control_mask: Any
) -> None:  # fmt: skip
    for place in range(len(counters)):  # a count out of its range is a violation: it must stay to be seen
        if ((row[counters[place, 0]] >> counters[place, 1]) & counters[place, 2]) > counters[place, 3]:
            return
    phase = np.int64((row[phase_place[0]] >> np.uint64(phase_place[1])) & np.uint64(phase_place[2]))
    for block in range(len(block_word)):
        shift = block_shift[block]
        control = (row[block_word[block]] >> shift) & control_mask
        row[block_word[block]] &= ~(dead_blocks[phase, control] << shift)
    for place in range(len(row)):
        row[place] &= ~dead_rest[phase, place]


@compiled
def _sort_blocks(row: Any, block_word: Any, block_shift: Any, block_mask: Any) -> None:
    for last in range(1, len(block_word)):
        for block in range(last, 0, -1):
            this = (row[block_word[block]] >> block_shift[block]) & block_mask
            before = (row[block_word[block - 1]] >> block_shift[block - 1]) & block_mask
            if before <= this:
                break
            swap = this ^ before
            row[block_word[block]] ^= swap << block_shift[block]
            row[block_word[block - 1]] ^= swap << block_shift[block - 1]


@compiled
def canonicalise(
    rows: Any, count: int, symmetric: bool, zeroed: bool, flip: Any, counters: Any, phase_place: Any, dead_blocks: Any, dead_rest: Any,
    block_word: Any, block_shift: Any, block_mask: Any, control_mask: Any,
) -> None:  # fmt: skip
    """Brings rows into the form that stands for all that differ only in dead cells, in the names of pages, or of two contents."""
    width = rows.shape[1]
    other = np.zeros(width, dtype=np.uint64)
    flips = symmetric and np.any(flip != 0)
    for place in range(count):
        row = rows[place]
        if zeroed:
            _mask_dead(row, counters, phase_place, dead_blocks, dead_rest, block_word, block_shift, control_mask)
        if symmetric:
            _sort_blocks(row, block_word, block_shift, block_mask)
        if flips:
            for k in range(width):
                other[k] = row[k] ^ flip[k]
            if zeroed:
                _mask_dead(other, counters, phase_place, dead_blocks, dead_rest, block_word, block_shift, control_mask)
            _sort_blocks(other, block_word, block_shift, block_mask)
            for k in range(width):
                if other[k] != row[k]:
                    if other[k] < row[k]:
                        row[:] = other
                    break


@compiled
def weigh(
    rows: Any, first: int, count: int, weights: Any, symmetric: bool, zeroed: bool, flip: Any, counters: Any, phase_place: Any,
    dead_blocks: Any, dead_rest: Any,
    block_word: Any, block_shift: Any, block_mask: Any, control_mask: Any,
) -> int:  # fmt: skip
    """How many states each canonical row stands for by symmetry; returns the sum."""
    total = 0
    width = rows.shape[1]
    other = np.zeros(width, dtype=np.uint64)
    flips = symmetric and np.any(flip != 0)
    for place in range(first, first + count):
        weight = 1
        if symmetric:
            same = 1
            for block in range(1, len(block_word)):
                weight *= block + 1
                this = (rows[place, block_word[block]] >> block_shift[block]) & block_mask
                before = (rows[place, block_word[block - 1]] >> block_shift[block - 1]) & block_mask
                same = same + 1 if this == before else 1
                weight //= same
        if flips:
            for k in range(width):
                other[k] = rows[place, k] ^ flip[k]
            if zeroed:
                _mask_dead(other, counters, phase_place, dead_blocks, dead_rest, block_word, block_shift, control_mask)
            _sort_blocks(other, block_word, block_shift, block_mask)
            for k in range(width):
                if other[k] != rows[place, k]:
                    weight *= 2
                    break
        weights[place] = weight
        total += weight
    return total


@compiled
def _high_bits(capacity: int) -> np.uint64:
    # A row's home is given by the highest bits of its hash: so a larger table is filled in the order of the smaller one.
    shift = 64
    while capacity > 1:
        capacity >>= 1
        shift -= 1
    return np.uint64(shift)


@compiled
def insert(rows: Any, count: int, table: Any, fresh: Any, used: int) -> int:
    """Adds rows to the set ``table``; those that are new are appended to ``fresh`` from ``used``. Returns the new ``used``."""
    width = rows.shape[1]
    last = width - 1
    capacity_mask = np.uint64(len(table) - 1)
    high = _high_bits(len(table))
    occupied = np.uint64(1 << 63)
    homes = np.empty(count, dtype=np.uint64)
    for place in range(count):
        h = np.uint64(0)
        for k in range(width):
            h = (h ^ rows[place, k]) * np.uint64(0x9E3779B97F4A7C15)
            h ^= h >> np.uint64(32)
        h *= np.uint64(0xBF58476D1CE4E5B9)
        homes[place] = h >> high
    for place in range(count):
        at = homes[place]
        while True:
            if table[at, last] & occupied == 0:
                for k in range(width):
                    table[at, k] = rows[place, k]
                    fresh[used, k] = rows[place, k]
                table[at, last] |= occupied
                used += 1
                break
            same = (table[at, last] ^ occupied) == rows[place, last]
            for k in range(last):
                same = same and table[at, k] == rows[place, k]
            if same:
                break
            at = (at + np.uint64(1)) & capacity_mask
    return used


@compiled
def rehash(old: Any, new: Any) -> None:
    """Moves every row of a table to a larger one."""
    width = old.shape[1]
    last = width - 1
    occupied = np.uint64(1 << 63)
    capacity_mask = np.uint64(len(new) - 1)
    high = _high_bits(len(new))
    for place in range(len(old)):
        if old[place, last] & occupied != 0:
            h = np.uint64(0)
            for k in range(width):
                value = old[place, k]
                if k == last:
                    value ^= occupied
                h = (h ^ value) * np.uint64(0x9E3779B97F4A7C15)
                h ^= h >> np.uint64(32)
            h *= np.uint64(0xBF58476D1CE4E5B9)
            at = h >> high
            while new[at, last] & occupied != 0:
                at = (at + np.uint64(1)) & capacity_mask
            for k in range(width):
                new[at, k] = old[place, k]

"""How a state is packed into machine words, exactly: no hashing, nothing that could confuse two states.

All cells that belong to one page (or, in general, to one index of the *block sort*, the sort with most cells) lie together in one
word, at the same places for each page. So the blocks can be sorted (symmetry) and masked (dead state) with a few instructions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..model.machine import Machine, Sizes, Variable
from ..model.terms import Index, Term
from .layout import Layout, State

Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Packing:
    """Word, shift, width and bias of every cell.

    A value is stored modulo two to the width, so that 0 is 0; the bias is how far below 0 a Counter can get by a step that breaks
    its range.

    The topmost bit of the last word is never used by a cell: the hash table marks an occupied place with it.
    """

    layout: Layout

    @cached_property
    def block_sort(self) -> type[Index] | None:
        """The sort whose indices have a block each, or None if the machine does not fall into blocks."""
        machine = self.layout.machine
        counts: dict[type[Index], int] = {}
        for variable in machine.variables:
            for sort in dict.fromkeys(variable.per):
                counts[sort] = counts.get(sort, 0) + 1
        for sort in sorted(counts, key=lambda s: (-counts[s], s.__name__)):
            named = any(s is sort for _, s in machine.constants)
            twice = any(variable.per.count(sort) > 1 for variable in machine.variables)
            if not named and not twice and sum(self._width(v) * self._per_block(v, sort) for v in machine.variables if sort in v.per) < 64:
                return sort
        return None

    def _per_block(self, variable: Variable, sort: type[Index]) -> int:
        return self.layout.cells_of(variable) // self.layout.sizes.count(sort)

    def range_of(self, variable: Variable) -> tuple[int, int]:
        """The smallest and the largest value a cell can be given, for a Counter also outside its range (which is a violation)."""
        if variable.kind != "counter":
            return 0, variable.domain(self.layout.sizes) - 1
        lowest, highest = 0, variable.domain(self.layout.sizes) - 1
        for action in self.layout.machine.actions:
            for update in action.updates:
                if update.variable == variable.name:
                    low, high = self._bounds(update.value)
                    lowest, highest = min(low, lowest), max(high, highest)
        return lowest, highest

    def _bounds(self, term: Term) -> tuple[int, int]:
        match term.op:
            case "literal":
                return int(term.payload or 0), int(term.payload or 0)
            case "add":
                low, high = self._bounds(term.args[0])
                return low + int(term.payload or 0), high + int(term.payload or 0)
            case "ite":
                first, second = self._bounds(term.args[1]), self._bounds(term.args[2])
                return min(first[0], second[0]), max(first[1], second[1])
            case "read":
                return 0, self.layout.variables[str(term.payload)].domain(self.layout.sizes) - 1
        domains = [
            parameter.domain(self.layout.sizes)
            for action in self.layout.machine.actions
            for parameter in action.parameters
            if parameter.name == term.payload
        ]
        return 0, max(domains, default=1) - 1

    def _width(self, variable: Variable) -> int:
        lowest, highest = self.range_of(variable)
        return max(1, (highest - lowest).bit_length())

    @cached_property
    def block_cells(self) -> tuple[tuple[int, ...], ...]:
        """The cells of each block: control cells (Flags and Choices of the block sort alone) first."""
        sort = self.block_sort
        if sort is None:
            return ()
        blocks: list[list[int]] = [[] for _ in range(self.layout.sizes.count(sort))]
        for control in (True, False):
            for place, (variable, indices) in enumerate(self.layout.cells):
                if sort in variable.per and is_control(variable, sort) is control:
                    blocks[indices[variable.per.index(sort)]].append(place)
        return tuple(map(tuple, blocks))

    @cached_property
    def places(self) -> tuple[tuple[int, int, int, int], ...]:
        """For every cell: word, shift, width, bias."""
        widths = [self._width(variable) for variable, _ in self.layout.cells]
        free: list[int] = []
        placed: dict[int, tuple[int, int]] = {}

        def put(cells: tuple[int, ...]) -> None:
            needed = sum(widths[cell] for cell in cells)
            if all(left < needed for left in free):
                free.append(63)  # the topmost bit stays free: see the class
            word = next(place for place, left in enumerate(free) if left >= needed)
            shift = 63 - free[word]
            free[word] -= needed
            for cell in cells:
                placed[cell] = (word, shift)
                shift += widths[cell]

        for block in self.block_cells:
            put(block)
        inside = {cell for block in self.block_cells for cell in block}
        for cell in range(len(widths)):
            if cell not in inside:
                put((cell,))
        return tuple((*placed[cell], widths[cell], -self.range_of(variable)[0]) for cell, (variable, _) in enumerate(self.layout.cells))

    @cached_property
    def word_count(self) -> int:
        """How many 64-bit words a state takes."""
        return max((word for word, *_ in self.places), default=0) + 1

    @cached_property
    def bits(self) -> int:
        """How many bits of them are used."""
        return sum(width for _, _, width, _ in self.places)

    @cached_property
    def arrays(self) -> tuple[Numbers, Words, Words, Numbers]:
        """Word, shift, mask and bias of every cell as arrays."""
        table = np.array(self.places, dtype=np.int64).reshape(-1, 4)
        masks = (np.uint64(1) << table[:, 2].astype(np.uint64)) - np.uint64(1)
        return table[:, 0].copy(), table[:, 1].astype(np.uint64), masks, table[:, 3].copy()

    def pack(self, state: State) -> tuple[int, ...]:
        """The words of a state."""
        words = [0] * self.word_count
        for value, (word, shift, width, _) in zip(state, self.places, strict=True):
            words[word] |= (value & ((1 << width) - 1)) << shift
        return tuple(words)

    def unpack(self, words: tuple[int, ...]) -> State:
        """The state of some words."""
        return tuple((((words[word] >> shift) + bias) & ((1 << width) - 1)) - bias for word, shift, width, bias in self.places)

    def initial_words(self, unset: frozenset[str]) -> Words:
        """Every initial state, packed: an array of shape (states, words)."""
        found = np.zeros((1, self.word_count), dtype=np.uint64)
        for (variable, _), (word, shift, _, _) in zip(self.layout.cells, self.places, strict=True):
            if variable.initial is not None:
                values = np.array([self.layout.encode(variable, variable.initial)], dtype=np.uint64)
            else:
                values = np.arange(1 if variable.name in unset else variable.domain(self.layout.sizes), dtype=np.uint64)
            repeated = np.repeat(found, len(values), axis=0)
            repeated[:, word] |= np.tile(values << np.uint64(shift), len(found))
            found = repeated
        return found


def smaller_sizes(sizes: Sizes, machine: Machine) -> Iterator[Sizes]:
    """From one index of the block sort (one page) up to the sizes that are asked for."""
    sort = Packing(Layout(machine, sizes)).block_sort
    if sort is None:
        yield sizes
        return
    for count in range(1, sizes.count(sort) + 1):
        yield Sizes(**{**dict(sizes), sort.plural: count})


def is_control(variable: Variable, sort: type[Index]) -> bool:
    """Whether a variable is a Flag or a Choice with one cell in each block: the block's local state, as it were."""
    return variable.per == (sort,) and variable.kind in ("flag", "choice")


def phase_variable(machine: Machine) -> Variable | None:
    """The scalar Choice with most literals: the machine's phase."""
    scalars = [variable for variable in machine.variables if variable.kind == "choice" and not variable.per]
    return max(scalars, key=lambda variable: len(variable.literals), default=None)

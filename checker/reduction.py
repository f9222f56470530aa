"""Fewer states without losing any behaviour: dead state is zeroed, pages and contents that only differ in name are one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, permutations
from typing import Any

import numpy as np

from . import store
from .layout import State
from .liveness import Liveness
from .packing import Packing, Words, is_control, phase_variable
from .reference import Reference
from .verdict import Run, Step


@dataclass(frozen=True)
class Reduction:
    """What is done to every row before it is looked up, as arrays for the compiled code.

    ``dead_blocks[phase, control]`` are the bits of a block that nobody will read; ``dead_rest[phase]`` those outside the blocks.
    ``may[phase, action]`` is false where the phase alone rules an action out, ``matters[phase, property]`` where it alone decides
    that a property is as it should be; the last column says whether any matters. These two are no reduction, only a short cut.
    """

    packing: Packing
    symmetric: bool
    zeroed: bool
    unset: frozenset[str]
    dead_blocks: Words
    dead_rest: Words
    control_bits: int
    may: Any
    matters: Any

    @property
    def names(self) -> tuple[str, ...]:
        """What is done, in words."""
        found = []
        if self.symmetric and self.packing.block_sort is not None:
            found.append(f"symmetry of {self.packing.block_sort.plural}")
        if self.symmetric and self.packing.layout.sizes.contents == 2:
            found.append("symmetry of contents")
        if self.zeroed:
            found.append("dead state removed")
        return tuple(found)

    @cached_property
    def _arrays(self) -> tuple[Any, ...]:
        packing = self.packing
        flip = np.zeros(packing.word_count, dtype=np.uint64)
        if packing.layout.sizes.contents == 2:
            for (variable, _), (word, shift, _, _) in zip(packing.layout.cells, packing.places, strict=True):
                if variable.kind == "content":
                    flip[word] |= np.uint64(1 << shift)
        phase = phase_variable(packing.layout.machine)
        if phase is None:
            phase_place = (0, 0, 0)
        else:
            word, shift, width, _ = packing.places[packing.layout.offsets[phase.name]]
            phase_place = (word, shift, (1 << width) - 1)
        counters = [
            (word, shift, (1 << width) - 1, variable.domain(packing.layout.sizes) - 1)
            for (variable, _), (word, shift, width, _) in zip(packing.layout.cells, packing.places, strict=True)
            if variable.kind == "counter"
        ]
        firsts = [packing.places[block[0]] for block in packing.block_cells]
        bits = sum(packing.places[cell][2] for cell in packing.block_cells[0]) if packing.block_cells else 0
        return (
            self.symmetric, self.zeroed, flip, np.array(counters, dtype=np.uint64).reshape(-1, 4),
            np.array(phase_place, dtype=np.int64), self.dead_blocks, self.dead_rest,
            np.array([place[0] for place in firsts], dtype=np.int64), np.array([place[1] for place in firsts], dtype=np.uint64),
            np.uint64((1 << bits) - 1), np.uint64((1 << self.control_bits) - 1),
        )  # fmt: skip

    def canonicalise(self, rows: Words, count: int) -> None:
        """Brings the first ``count`` rows into canonical form, in place."""
        if self.symmetric or self.zeroed:
            store.canonicalise(rows, count, *self._arrays)

    def weigh(self, rows: Words, weights: Any) -> int:
        """Fills in how many states each canonical row stands for by symmetry, and returns the sum."""
        if not self.symmetric:
            return len(weights)
        return int(store.weigh(rows, 0, len(weights), weights, *self._arrays))

    # -- back to a run of the machine itself

    def canonical(self, state: State) -> tuple[int, ...]:
        """The canonical row of a state."""
        rows = np.array([self.packing.pack(state)], dtype=np.uint64)
        self.canonicalise(rows, 1)
        return tuple(map(int, rows[0]))

    def concrete_run(self, chain: list[tuple[int, ...]], dropped: frozenset[str]) -> Run:
        """From canonical rows, each a successor of the one before, to steps of the reference from an initial state.

        Along the chain goes a second state that is never zeroed and never renamed; a renaming leads from it to the row. What the row
        can do, it can do under other names, since they differ in dead cells only.
        """
        layout = self.packing.layout
        reference = Reference(layout, dropped)
        renamings = self._renamings()
        concrete = next(state for state in self._initial_candidates(chain[0]) if self.canonical(state) == chain[0])
        initial = concrete
        renaming = next(r for r in renamings if self._zero(r(concrete)) == chain[0])
        steps: list[Step] = []
        for row, following in pairwise(chain):
            state = self.packing.unpack(row)
            raw, arguments_of = next((step.state, step) for step in reference.successors(state) if self.canonical(step.state) == following)
            back = next(r for r in renamings if self._zero(r(raw)) == following)
            action = layout.machine.action(arguments_of.action)
            arguments = {p.name: renaming.argument_back(p, arguments_of.arguments[p.name]) for p in action.parameters}
            step = next(s for s in reference.successors(concrete) if s.action == action.name and s.arguments == arguments)
            steps.append(step)
            concrete = step.state
            renaming = renaming.then(back)
        return Run(initial, tuple(steps))

    def _initial_candidates(self, row: tuple[int, ...]) -> Any:
        state = self.packing.unpack(row)
        if not self.zeroed and not self.symmetric:
            return iter((state,))
        return self.packing.layout.initial_states(self.unset)

    def _zero(self, state: State) -> tuple[int, ...]:
        if not self.zeroed:
            return self.packing.pack(state)
        rows = np.array([self.packing.pack(state)], dtype=np.uint64)
        arrays = list(self._arrays)
        arrays[0] = False
        store.canonicalise(rows, 1, *arrays)
        return tuple(map(int, rows[0]))

    def _renamings(self) -> list[Renaming]:
        sizes = self.packing.layout.sizes
        sort = self.packing.block_sort if self.symmetric else None
        pages = list(permutations(range(sizes.count(sort)))) if sort is not None else [()]
        flips = self.symmetric and sizes.contents == 2
        contents = list(permutations(range(2))) if flips else [tuple(range(sizes.contents))]
        return [Renaming(self.packing, p, c) for p in pages for c in contents]


@dataclass(frozen=True)
class Renaming:
    """Old name to new name, for the indices of the block sort and for contents."""

    packing: Packing
    blocks: tuple[int, ...]
    contents: tuple[int, ...]

    def __call__(self, state: State) -> State:
        """The state under the new names."""
        layout, sort = self.packing.layout, self.packing.block_sort
        renamed = list(state)
        for place, (variable, indices) in enumerate(layout.cells):
            target = tuple(self.blocks[i] if s is sort and self.blocks else i for i, s in zip(indices, variable.per, strict=True))
            value = self.contents[state[place]] if variable.kind == "content" else state[place]
            renamed[layout.cell(variable.name, target)] = value
        return tuple(renamed)

    def then(self, other: Renaming) -> Renaming:
        """This renaming, and then the other."""
        return Renaming(self.packing, tuple(other.blocks[i] for i in self.blocks), tuple(other.contents[i] for i in self.contents))

    def argument_back(self, parameter: Any, value: Any) -> Any:
        """An argument under the new names, as it is called under the old ones."""
        from ..model.terms import Content

        sort = self.packing.block_sort

        def old(kind: Any, number: int) -> int:
            if kind is sort and self.blocks:
                return self.blocks.index(number)
            return self.contents.index(number) if kind is Content else number

        if not parameter.per:
            return old(parameter.sort, value)
        sizes = self.packing.layout.sizes
        shape = [sizes.count(s) for s in parameter.per]
        result = [0] * len(value)
        for place, item in enumerate(value):
            indices = np.unravel_index(place, shape)
            target = [old(s, int(i)) for s, i in zip(parameter.per, indices, strict=True)]
            result[int(np.ravel_multi_index(target, shape))] = old(parameter.sort, item)
        return tuple(result)


def make_reduction(packing: Packing, liveness: Liveness, *, plain: bool) -> Reduction:
    """The reduction for the runs that ``liveness`` was found for."""
    symmetric = not plain
    zeroed = not plain
    word_count = packing.word_count
    phase = phase_variable(packing.layout.machine)
    phases = 1 << packing.places[packing.layout.offsets[phase.name]][2] if phase is not None else 1
    sort = packing.block_sort
    control = [c for c in packing.block_cells[0] if is_control(packing.layout.cells[c][0], sort)] if sort is not None else []
    control_bits = sum(packing.places[cell][2] for cell in control)
    dead_blocks = np.zeros((phases, 1 << control_bits if zeroed else 1), dtype=np.uint64)
    dead_rest = np.zeros((phases, word_count), dtype=np.uint64)
    if zeroed:
        liveness.fill(packing, control, dead_blocks, dead_rest)
    may = np.ones((phases, len(packing.layout.machine.actions)), dtype=np.bool_)
    for place, names in liveness.excluded.items():
        may[place] = [action.name not in names for action in packing.layout.machine.actions]
    properties = packing.layout.machine.properties
    matters = np.ones((phases, len(properties) + 1), dtype=np.bool_)
    for place, names in liveness.decided.items():
        matters[place, :-1] = [item.name not in names for item in properties]  # the ranges of Counters are looked at in every row
        matters[place, -1] = matters[place, :-1].any()
    return Reduction(packing, symmetric, zeroed, liveness.unset, dead_blocks, dead_rest, control_bits, may, matters)

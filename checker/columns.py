"""Many states at once, without a compiler: the meaning of terms over columns of numbers, and the graph of everything that can happen.

A block of states is an array with a row for each cell and a column for each state. What :mod:`.evaluate` says of one state, this
says of all of them with one operation of numpy. It is for those who need each step with its name, and do not want to wait for a
compilation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from ..model.machine import Action, Machine, Property, Sizes
from ..model.terms import Term, index_sort, walk
from .layout import Arguments, Layout, State
from .liveness import analyse
from .packing import Packing, Words
from .reduction import make_reduction

Block = npt.NDArray[np.int16]
Numbers = npt.NDArray[np.int64]
Bound = Mapping[str, int | tuple[int, ...]]
Meaning = Callable[[Block, Bound], Any]
Progress = Callable[[int, int, int], None]

CHUNK = 1 << 14  # states that are looked at together


def meaning(term: Term, layout: Layout, dropped: frozenset[str]) -> Meaning:
    """The function from a block of states and the values of parameters to the values of the term: an array, or one for all."""
    evaluated = term.args[1:] if term.op in ("every", "some") else term.args
    parts = [meaning(argument, layout, dropped) for argument in evaluated]
    name = str(term.payload)
    match term.op:
        case "literal":
            constant = term.literals.index(term.payload) if isinstance(term.payload, str) else int(term.payload or 0)
            return lambda block, bound: constant
        case "constant":
            constant = layout.constants[name]
            return lambda block, bound: constant
        case "assumption":
            constant = int(name not in dropped)
            return lambda block, bound: constant
        case "maximum":
            maximum = layout.variables[name].maximum
            assert maximum is not None
            constant = maximum.at(layout.sizes)
            return lambda block, bound: constant
        case "parameter":
            return lambda block, bound: bound[name]
        case "read":
            offset, shape = layout.offsets[name], layout.shape(layout.variables[name])
            return lambda block, bound: _cells(block, offset + _place(parts, shape, block, bound))
        case "element":
            extents = tuple(layout.sizes.count(index_sort(index)) for index in term.args)
            return lambda block, bound: np.array(bound[name])[_place(parts, extents, block, bound)]
        case "not":
            return lambda block, bound: np.logical_not(parts[0](block, bound))
        case "and":
            return lambda block, bound: reduce(np.logical_and, [part(block, bound) for part in parts])
        case "or":
            return lambda block, bound: reduce(np.logical_or, [part(block, bound) for part in parts])
        case "implies":
            return lambda block, bound: np.logical_or(np.logical_not(parts[0](block, bound)), parts[1](block, bound))
        case "eq":
            return lambda block, bound: np.equal(parts[0](block, bound), parts[1](block, bound))
        case "le":
            return lambda block, bound: np.less_equal(parts[0](block, bound), parts[1](block, bound))
        case "add":
            step = int(term.payload or 0)
            return lambda block, bound: parts[0](block, bound) + step
        case "ite":
            return lambda block, bound: np.where(*(part(block, bound) for part in parts))
        case "every" | "some":
            indices = range(layout.sizes.count(index_sort(term.args[0])))
            join = np.logical_and if term.op == "every" else np.logical_or
            return lambda block, bound: reduce(join, [parts[0](block, {**bound, name: index}) for index in indices])
    raise AssertionError(f"no meaning for {term.op}")


def _place(parts: list[Meaning], shape: tuple[int, ...], block: Block, bound: Bound) -> Any:
    place: Any = 0
    for part, extent in zip(parts, shape, strict=True):
        place = place * extent + part(block, bound)
    return place


def _cells(block: Block, place: Any) -> Any:
    if np.ndim(place) == 0:
        return block[int(place)]
    return block[place.astype(np.int64), np.arange(block.shape[1])]  # an index that differs from state to state


class BlockStepper:
    """An action with one choice of arguments, ready to be taken in many states at once."""

    def __init__(self, action: Action, arguments: Arguments, layout: Layout, dropped: frozenset[str]) -> None:
        self.arguments = arguments
        self._layout = layout
        self._guard = [meaning(conjunct.term, layout, dropped) for conjunct in action.guard]
        self._writes: list[tuple[list[Meaning], tuple[int, ...], int, Meaning, Bound]] = []
        for update in action.updates:
            variable = layout.variables[update.variable]
            value, offset = meaning(update.value, layout, dropped), layout.offsets[update.variable]
            if update.binders:
                names = [str(binder.payload) for binder in update.binders]
                for cell, indices in enumerate(layout.indices(variable)):
                    self._writes.append(([], (), offset + cell, value, {**arguments, **dict(zip(names, indices, strict=True))}))
            else:
                places = [meaning(index, layout, dropped) for index in update.indices]
                self._writes.append((places, layout.shape(variable), offset, value, arguments))

    def possible(self, block: Block) -> Numbers:
        """The states in which the action is possible, by their column."""
        columns = np.arange(block.shape[1])
        for condition in self._guard:
            holds = condition(block[:, columns] if len(columns) < block.shape[1] else block, self.arguments)
            if np.ndim(holds) == 0:
                columns = columns if holds else columns[:0]
            else:
                columns = columns[holds.astype(np.bool_)]
            if not len(columns):
                break
        return columns

    def apply(self, block: Block) -> Block:
        """The states after the action."""
        after = block.copy()
        for places, shape, offset, value, bound in self._writes:
            place = offset + _place(places, shape, block, bound)
            if np.ndim(place) == 0:
                after[int(place)] = value(block, bound)
            else:
                after[place.astype(np.int64), np.arange(block.shape[1])] = value(block, bound)
        return after


# ---------------------------------------------------------------- the machine as its conditions see it


def projected(machine: Machine, *observed: Property) -> Machine:
    """The machine without what no condition of a possible step depends on; ``observed`` predicates count as conditions.

    Ghosts go by themselves, and so do steps that need a dropped assumption. What is left can take exactly the same steps.
    """
    actions = [action for action in machine.actions if not action.needs_dropped()]
    needed = {name for action in actions for conjunct in action.guard for name in _read(conjunct.term)}
    needed |= {name for item in observed for name in _read(item.predicate)}
    while True:
        more = {
            name
            for action in actions
            for update in action.updates
            if update.variable in needed
            for term in (*update.indices, update.value)
            for name in _read(term)
        }
        if more <= needed:
            break
        needed |= more
    return replace(
        machine,
        variables=tuple(variable for variable in machine.variables if variable.name in needed),
        actions=tuple(replace(a, updates=tuple(u for u in a.updates if u.variable in needed)) for a in actions),
        properties=observed,
        eventualities=(),
        terminal=type(machine.terminal)("literal", True),
    )


def _read(term: Term) -> set[str]:
    return {str(part.payload) for part in walk(term) if part.op in ("read", "maximum")}


# ---------------------------------------------------------------- the graph


@dataclass(frozen=True)
class Event:
    """An action with its arguments."""

    action: str
    arguments: tuple[tuple[str, int | tuple[int, ...]], ...]


@dataclass
class Graph:
    """The states of a projected machine that can be reached, numbered in the order of a breadth-first search, and the steps.

    The steps of state ``s`` are those from ``first[s]`` up to ``first[s + 1]``: ``events`` says which, ``targets`` where to. Of the
    states from ``expanded`` on the steps are not known, because the search was ended: ``reason`` says why. ``starts`` holds each
    initial state as it is, and its number; in it the variables in ``unset``, whose first value nobody reads, stand at 0. ``observed``
    says for each predicate in which states it is true.
    """

    layout: Layout
    names: list[Event]
    starts: list[tuple[State, int]]
    unset: frozenset[str] = frozenset()
    states: int = 0
    expanded: int = 0
    first: Numbers = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    events: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    targets: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    observed: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    reason: str = ""

    @property
    def nbytes(self) -> int:
        """Roughly what it holds, the table of the states included."""
        return 8 * len(self.events) + 130 * self.states


def graph_of(machine: Machine, sizes: Sizes, over_budget: Callable[[int], str], progress: Progress | None = None) -> Graph:
    """Everything that a projected machine can do, with all its assumptions held.

    Dead state is zeroed, in the way that keeps every step possible that was. ``over_budget`` is asked with the bytes in use;
    ``progress`` is called with depth, states and states again.
    """
    return _Builder(machine, sizes).build(over_budget, progress)


class _Builder:
    def __init__(self, machine: Machine, sizes: Sizes) -> None:
        self.layout = Layout(machine, sizes)
        self.packing = Packing(self.layout)
        liveness = analyse(machine, self.packing.block_sort, frozenset(), faint=False)
        self.unset = liveness.unset
        self.reduction = replace(make_reduction(self.packing, liveness, plain=False), symmetric=False)
        self.events: list[Event] = []
        self.steppers: list[BlockStepper] = []
        for action in machine.actions:
            for values in product(*(self.layout.argument_values(parameter) for parameter in action.parameters)):
                arguments = {parameter.name: value for parameter, value in zip(action.parameters, values, strict=True)}
                self.events.append(Event(action.name, tuple(arguments.items())))
                self.steppers.append(BlockStepper(action, arguments, self.layout, frozenset()))
        self.observed = {item.name: meaning(item.predicate, self.layout, frozenset()) for item in machine.properties}
        self.known: dict[bytes, int] = {}

    def build(self, over_budget: Callable[[int], str], progress: Progress | None) -> Graph:
        initial = list(self.layout.initial_states(self.unset))
        block = np.array(initial, dtype=np.int16).reshape(len(initial), len(self.layout.cells)).T
        fresh, numbers = self._number(self._pack(block))
        graph = Graph(self.layout, self.events, list(zip(initial, numbers.tolist(), strict=True)), self.unset)
        counts: list[Numbers] = []
        events: list[npt.NDArray[np.int32]] = []
        targets: list[npt.NDArray[np.int32]] = []
        seen: dict[str, list[npt.NDArray[np.bool_]]] = {name: [] for name in self.observed}
        used, depth = 0, 0
        while len(fresh):
            level = self._unpack(fresh)
            if progress is not None:
                progress(depth, len(self.known), len(self.known))
            for name, predicate in self.observed.items():
                seen[name].append(np.broadcast_to(np.asarray(predicate(level, {}), dtype=np.bool_), (level.shape[1],)))
            if reason := self._out_of_range(level):
                graph.reason = reason
                break
            found: list[Words] = []
            for begin in range(0, level.shape[1], CHUNK):
                chunk = level[:, begin : begin + CHUNK]
                if reason := over_budget(used + 130 * len(self.known)):
                    graph.reason = reason
                    break
                sources, taken, rows = self._expand(chunk)
                new, ids = self._number(rows)
                found.append(new)
                order = np.argsort(sources, kind="stable")
                counts.append(np.bincount(sources, minlength=chunk.shape[1]))
                events.append(taken[order].astype(np.int32))
                targets.append(ids[order].astype(np.int32))
                used += 8 * len(order)
                graph.expanded += chunk.shape[1]
            if graph.reason:
                break
            depth += 1
            fresh = np.concatenate(found)
        graph.states = len(self.known)
        each = np.concatenate([*counts, np.zeros(0, dtype=np.int64)])
        graph.first = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(each)])
        graph.events, graph.targets = (np.concatenate([*parts, np.zeros(0, dtype=np.int32)]) for parts in (events, targets))
        graph.observed = {name: np.concatenate([*parts, np.zeros(0, dtype=np.bool_)]) for name, parts in seen.items()}
        return graph

    def _expand(self, level: Block) -> tuple[Numbers, Numbers, Words]:
        sources: list[Numbers] = [np.zeros(0, dtype=np.int64)]
        taken: list[Numbers] = [np.zeros(0, dtype=np.int64)]
        rows: list[Words] = [np.zeros((0, self.packing.word_count), dtype=np.uint64)]
        for number, stepper in enumerate(self.steppers):
            columns = stepper.possible(level)
            if len(columns):
                sources.append(columns)
                taken.append(np.full(len(columns), number, dtype=np.int64))
                rows.append(self._pack(stepper.apply(level[:, columns])))
        return np.concatenate(sources), np.concatenate(taken), np.concatenate(rows)

    def _out_of_range(self, level: Block) -> str:
        for place, (variable, _) in enumerate(self.layout.cells):
            if variable.kind == "counter" and (level[place].min() < 0 or level[place].max() >= variable.domain(self.layout.sizes)):
                return f"{variable.name} leaves its range; explore the design first"
        return ""

    def _pack(self, block: Block) -> Words:
        """Rows in canonical form."""
        word, shift, mask, _ = self.packing.arrays
        rows = np.zeros((block.shape[1], self.packing.word_count), dtype=np.uint64)
        for cell in range(len(block)):
            rows[:, word[cell]] |= (block[cell].astype(np.int64).astype(np.uint64) & mask[cell]) << shift[cell]
        self.reduction.canonicalise(rows, len(rows))
        return rows

    def _unpack(self, rows: Words) -> Block:
        word, shift, mask, bias = self.packing.arrays
        block = np.zeros((len(word), len(rows)), dtype=np.int16)
        for cell in range(len(word)):
            below = np.uint64(bias[cell])
            block[cell] = (((rows[:, word[cell]] >> shift[cell]) + below) & mask[cell]).astype(np.int16) - np.int16(bias[cell])
        return block

    def _number(self, rows: Words) -> tuple[Words, Numbers]:
        """The rows that are new, and the number of each row."""
        if self.packing.word_count == 1:
            distinct, place, inverse = np.unique(rows[:, 0], return_index=True, return_inverse=True)
        else:
            keys = np.ascontiguousarray(rows).view(np.dtype((np.void, 8 * self.packing.word_count)))[:, 0]
            distinct, place, inverse = np.unique(keys, return_index=True, return_inverse=True)
        numbers = np.zeros(len(distinct), dtype=np.int64)
        new: list[int] = []
        for position in np.argsort(place, kind="stable").tolist():  # in the order of their first occurrence
            key = distinct[position].tobytes()
            if key not in self.known:
                self.known[key] = len(self.known)
                new.append(int(place[position]))
            numbers[position] = self.known[key]
        return rows[np.array(new, dtype=np.int64)], numbers[inverse.ravel()]


def steps_of(graph: Graph, state: int) -> Iterator[tuple[int, int]]:
    """The steps of a state: event and target."""
    begin, end = int(graph.first[state]), int(graph.first[state + 1])
    return zip(graph.events[begin:end].tolist(), graph.targets[begin:end].tolist(), strict=True)


__all__ = ["BlockStepper", "Event", "Graph", "graph_of", "meaning", "projected", "steps_of"]

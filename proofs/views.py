"""Views: what can be seen of a state at one tuple of indices (one page, one CPU, one device, ...) and in the scalars.

A view is a value for each *feature*. A feature is a term of the design's own language over the slots of the tuple: a Flag or a
Choice at these indices, whether two contents are equal, whether an index is a named one, how a Counter compares. Lemmas are made of
features, so they are terms too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ..checker.liveness import Liveness
from ..checker.packing import Packing, Words, is_control, phase_variable
from ..model.machine import Machine, Variable
from ..model.terms import Boolean, Content, Index, Number, Symbol, Term, disjunction, equal, walk
from .cardinalities import Cardinality

Values = npt.NDArray[np.uint8]
UNSEEN = 255  # the value of a feature that a view says nothing about


@dataclass(frozen=True)
class Slots:
    """The tuple of indices that a view looks at: as many of each sort as a variable or a property looks at together."""

    indices: tuple[Index, ...]
    constants: tuple[Index, ...]

    def of(self, sort: type[Index]) -> list[Index]:
        """The slots of a sort, then the named constants."""
        return [index for index in self.indices + self.constants if type(index) is sort]


def slots_of(machine: Machine) -> Slots:
    """The slots that the variables and properties of a machine need."""
    most: dict[type[Index], int] = {}
    for variable in machine.variables:
        for sort in variable.per:
            most[sort] = max(most.get(sort, 0), variable.per.count(sort))
    for item in machine.properties:
        if item.expectation == "always":
            for sort, count in _nested(item.predicate).items():
                most[sort] = max(most.get(sort, 0), count)
    indices = [slot(sort, place) for sort, count in most.items() for place in range(count)]
    return Slots(tuple(indices), tuple(sort("constant", name) for name, sort in machine.constants))


def slot(sort: type[Index], place: int) -> Index:
    """The slot of a sort; its name is no designer's."""
    return sort("parameter", sort.__name__.lower() + ("" if place == 0 else f" {place + 1}"))


def _nested(term: Term) -> dict[type[Index], int]:
    """How many quantifiers over each sort stand inside each other."""
    found: dict[type[Index], int] = {}
    for argument in term.args:
        for sort, count in _nested(argument).items():
            found[sort] = max(found.get(sort, 0), count)
    if term.op in ("every", "some"):
        sort = cast(type[Index], type(term.args[0]))
        found[sort] = found.get(sort, 0) + 1
    return found


@dataclass(frozen=True, eq=False)
class Feature:
    """``term`` is a Boolean or a Symbol; its values are numbered from 0, in the order False, True or of the Choice."""

    place: int
    term: Term
    count: int

    def among(self, values: Iterable[int]) -> Boolean:
        """That the feature has one of these values, as a term."""
        wanted = sorted(values)
        if isinstance(self.term, Boolean):
            return self.term if wanted == [1] else ~self.term
        term = cast(Symbol, self.term)
        if len(wanted) * 2 <= self.count + 1:
            return disjunction(*(equal(term, term.literals[value]) for value in wanted))
        return ~disjunction(*(equal(term, term.literals[value]) for value in range(self.count) if value not in wanted))

    @cached_property
    def variables(self) -> frozenset[str]:
        """The variables that it reads."""
        return frozenset(str(part.payload) for part in walk(self.term) if part.op == "read")


def features_of(machine: Machine, slots: Slots, cardinalities: tuple[Cardinality, ...]) -> tuple[Feature, ...]:
    """Everything that a view of this machine says."""
    terms: list[Term] = []
    contents: list[Term] = []
    numbers: list[Number] = []
    for variable in machine.variables:
        for indices in product(*map(slots.of, variable.per)):
            read = _read(variable, indices)
            if variable.kind == "content":
                contents.append(read)
            elif isinstance(read, Number):
                numbers.append(read)
            else:
                terms.append(read)
    terms += [equal(left, right) for left, right in combinations(contents, 2)]
    terms += [equal(left, right) for left, right in combinations(slots.indices + slots.constants, 2) if _may_be_one(left, right)]
    # What may count something is compared with how many there are; any other bound would be one that the small sizes happen to have.
    counting = {name for ghost in cardinalities for name in (ghost.name, *ghost.counters)}
    free = [number for number in numbers if number.payload not in counting]
    for number in free:
        terms += [Boolean("le", None, (number, Number("literal", bound))) for bound in _literals(machine, str(number.payload))]
    terms += [equal(left, right) for left, right in combinations(free, 2)]
    for ghost in cardinalities:
        terms += [equal(Number("read", counter), Number("read", ghost.name)) for counter in sorted(ghost.counters)]
    return tuple(Feature(place, term, len(term.literals) or 2) for place, term in enumerate(terms))


def _read(variable: Variable, indices: tuple[Index, ...]) -> Term:
    sort = {"flag": Boolean, "choice": Symbol, "counter": Number, "content": Content}[variable.kind]
    return sort("read", variable.name, indices, variable.literals)


def _may_be_one(left: Index, right: Index) -> bool:
    # Two named indices of a sort are different, and everybody knows it.
    return type(left) is type(right) and not (left.op == "constant" and right.op == "constant")


def _literals(machine: Machine, counter: str) -> list[int]:
    """The numbers that a Counter may be compared with: 0, and what stands beside it somewhere, one more and one less."""
    found = {0}
    for term in machine.terms():
        for part in walk(term):
            if part.op in ("le", "eq") and any(argument.payload == counter for argument in part.args):
                found |= {int(argument.payload or 0) for argument in part.args if argument.op == "literal" and isinstance(argument, Number)}
    return sorted(number for literal in found for number in {literal - 1, literal} if number >= 0)


# ---------------------------------------------------------------- from states to views


class Projector:
    """From packed states of a machine at certain sizes to views.

    Content that nobody will read before it is set anew says nothing: the search may have left it at any value, and no lemma needs it.
    """

    def __init__(
        self, features: tuple[Feature, ...], slots: Slots, packing: Packing, liveness: Liveness, cardinalities: tuple[Cardinality, ...]
    ) -> None:
        self.features, self.slots, self.packing, self.liveness = features, slots, packing, liveness
        self.layout = packing.layout
        self.counted = {item.name: item.flag for item in cardinalities}
        self.phase = phase_variable(self.layout.machine)

    def views(self, rows: Words) -> Values:
        """The different views of these states, at every tuple of indices: an array of shape (views, features)."""
        found = [np.zeros((0, len(self.features)), dtype=np.uint8)]
        for indices in product(*(range(self.layout.sizes.count(type(index))) for index in self.slots.indices)):
            at = {str(index.payload): value for index, value in zip(self.slots.indices, indices, strict=True)}
            for start in range(0, len(rows), CHUNK):
                found.append(_At(self, at).views(rows[start : start + CHUNK]))
        return distinct_rows(np.concatenate(found))

    def cell_values(self, cell: int, rows: Words) -> Any:
        """The value of a cell in each row."""
        word, shift, width, bias = self.packing.places[cell]
        raw = ((rows[:, word] >> np.uint64(shift)) & np.uint64((1 << width) - 1)).astype(np.int64)
        return ((raw + bias) & ((1 << width) - 1)) - bias

    @cached_property
    def _nodes(self) -> dict[tuple[int, ...], int]:
        return {node: place for place, node in enumerate(self.liveness.live)}

    def control_cells(self, block: int | None) -> list[int]:
        """The cells that make up the node of a block: the phase, and the Flags and Choices of the block alone."""
        cells = [self.layout.offsets[self.phase.name]] if self.phase is not None else []
        sort = self.liveness.block_sort
        if sort is not None and block is not None:
            cells += [cell for cell in self.packing.block_cells[block] if is_control(self.layout.cells[cell][0], sort)]
        return cells

    def is_live(self, variable: str, block: int | None, rows: Words) -> Any:
        """In which rows somebody may read a variable before it is set anew; ``block`` is its index of the block sort, if any."""
        columns = [self.cell_values(cell, rows) for cell in self.control_cells(block)]
        if self.phase is None:
            columns.insert(0, np.zeros(len(rows), dtype=np.int64))
        if block is None:
            live = self.liveness.live_in_phase
            table = np.array([variable in live.get(phase, ()) for phase in range(max(live, default=0) + 1)])
            return table[np.minimum(columns[0], len(table) - 1)]
        code, radix = np.zeros(len(rows), dtype=np.int64), 1
        codes = np.zeros(len(self.liveness.live), dtype=np.int64)
        nodes = np.array(list(self.liveness.live), dtype=np.int64).reshape(len(codes), -1)
        for place, column in enumerate(columns):
            code += column * radix
            codes += nodes[:, place] * radix
            radix *= int(max(column.max(initial=0), nodes[:, place].max(initial=0))) + 1
        alive = np.array([variable in names for names in self.liveness.live.values()], dtype=bool)
        return np.isin(code, codes[alive])


CHUNK = 1 << 18  # rows at a time


def distinct_rows(values: Values) -> Values:
    """The different rows."""
    padded = np.ascontiguousarray(np.pad(values, ((0, 0), (0, -values.shape[1] % 8))))
    _, first = np.unique(_mixed(padded.view(np.uint64)), return_index=True)
    return values[first]


def _mixed(words: Words) -> Words:
    # Rows of one hash count as one: fewer views to learn from, which can cost a proof and never makes a wrong one.
    mixed = np.zeros(len(words), dtype=np.uint64)
    for column in range(words.shape[1]):
        mixed = (mixed ^ words[:, column]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


class _At:
    """One tuple of indices."""

    def __init__(self, projector: Projector, at: Mapping[str, int]) -> None:
        self._projector, self._at = projector, at
        self._layout = projector.layout

    def views(self, rows: Words) -> Values:
        """The different views of some rows."""
        mask = np.zeros(rows.shape[1], dtype=np.uint64)
        for cell in {cell for feature in self._projector.features for cell in self._cells(feature.term)}:
            word, shift, width, _ = self._projector.packing.places[cell]
            mask[word] |= np.uint64(((1 << width) - 1) << shift)
        masked = rows & mask
        _, first = np.unique(_mixed(masked), return_index=True)
        masked = masked[first]
        values = np.zeros((len(masked), len(self._projector.features)), dtype=np.uint8)
        live: dict[str, Any] = {}
        for feature in self._projector.features:
            values[:, feature.place] = self._column(feature.term, masked)
            for read in feature.term.args if feature.term.op == "eq" else ():
                if isinstance(read, Content):
                    if read.key not in live:
                        live[read.key] = self._projector.is_live(str(read.payload), self._block(read), masked)
                    values[~live[read.key], feature.place] = UNSEEN
        return distinct_rows(values)

    def _cells(self, term: Term) -> Iterator[int]:
        for part in walk(term):
            if part.op == "read":
                yield from self._cells_of(part)
                yield from self._projector.control_cells(self._block(part)) if isinstance(part, Content) else ()

    def _cells_of(self, read: Term) -> list[int]:
        if read.payload in self._projector.counted:
            flag = self._projector.counted[str(read.payload)]
            return [self._layout.cell(flag.name, indices) for indices in self._layout.indices(flag)]
        return [self._layout.cell(str(read.payload), tuple(self._index(index) for index in read.args))]

    def _block(self, read: Term) -> int | None:
        sort = self._projector.liveness.block_sort
        return next((self._index(index) for index in read.args if type(index) is sort), None)

    def _index(self, index: Term) -> int:
        name = str(index.payload)
        return self._layout.constants[name] if index.op == "constant" else self._at[name]

    def _column(self, term: Term, rows: Words) -> Any:
        """The value of a term in each row."""
        match term.op:
            case "eq" | "le":
                left, right = (self._column(argument, rows) for argument in term.args)
                return left == right if term.op == "eq" else left <= right
            case "read":
                return sum(self._projector.cell_values(cell, rows) for cell in self._cells_of(term))
            case "literal":
                return np.int64(int(term.payload or 0))
        return np.int64(self._index(term))

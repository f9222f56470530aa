"""The meaning of terms, said once in plain Python: a term, a state and the arguments give a value.

:func:`meaning` turns a term into a function once, so that a search does not look at the tree again for every state. Values are
numbers: 0 or 1 for a Boolean, the place of a literal in its Choice, the number of a content or an index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ..model.machine import Action, Conjunct
from ..model.terms import Term, index_sort
from .layout import Arguments, Layout, State

Bound = Mapping[str, int | tuple[int, ...]]
Meaning = Callable[[State, Bound], int]


def meaning(term: Term, layout: Layout, dropped: frozenset[str]) -> Meaning:
    """The function from a state and the values of parameters to the value of the term."""
    evaluated = term.args[1:] if term.op in ("every", "some") else term.args  # the first argument of a quantifier is its bound index
    parts = [meaning(argument, layout, dropped) for argument in evaluated]
    name = str(term.payload)
    match term.op:
        case "literal":
            constant = term.literals.index(term.payload) if isinstance(term.payload, str) else int(term.payload or 0)
            return lambda state, bound: constant
        case "constant":
            constant = layout.constants[name]
            return lambda state, bound: constant
        case "assumption":
            constant = int(name not in dropped)
            return lambda state, bound: constant
        case "maximum":
            maximum = layout.variables[name].maximum
            assert maximum is not None
            constant = maximum.at(layout.sizes)
            return lambda state, bound: constant
        case "parameter":
            return lambda state, bound: bound[name]  # type: ignore[return-value]  # one value: no Each
        case "read":
            return _cell_reader(layout.offsets[name], layout.shape(layout.variables[name]), parts)
        case "element":
            return _element_reader(name, [layout.sizes.count(index_sort(index)) for index in term.args], parts)
        case "not":
            (inside,) = parts
            return lambda state, bound: 1 - inside(state, bound)
        case "and":
            return lambda state, bound: int(all(part(state, bound) for part in parts))
        case "or":
            return lambda state, bound: int(any(part(state, bound) for part in parts))
        case "implies":
            condition, conclusion = parts
            return lambda state, bound: conclusion(state, bound) if condition(state, bound) else 1
        case "eq":
            left, right = parts
            return lambda state, bound: int(left(state, bound) == right(state, bound))
        case "le":
            left, right = parts
            return lambda state, bound: int(left(state, bound) <= right(state, bound))
        case "add":
            (inside,) = parts
            step = int(term.payload or 0)
            return lambda state, bound: inside(state, bound) + step
        case "ite":
            condition, then, otherwise = parts
            return lambda state, bound: then(state, bound) if condition(state, bound) else otherwise(state, bound)
        case "every" | "some":
            (inside,) = parts
            indices = range(layout.sizes.count(index_sort(term.args[0])))
            quantifier = all if term.op == "every" else any
            return lambda state, bound: int(quantifier(inside(state, {**bound, name: index}) for index in indices))
    raise AssertionError(f"no meaning for {term.op}")


def _cell_reader(offset: int, shape: tuple[int, ...], indices: list[Meaning]) -> Meaning:
    if not shape:
        return lambda state, bound: state[offset]
    if len(shape) == 1:
        (only,) = indices
        return lambda state, bound: state[offset + only(state, bound)]
    first, second = indices
    width = shape[1]
    return lambda state, bound: state[offset + first(state, bound) * width + second(state, bound)]


def _element_reader(name: str, shape: list[int], indices: list[Meaning]) -> Meaning:
    def read(state: State, bound: Bound) -> int:
        place = 0
        for index, extent in zip(indices, shape, strict=True):
            place = place * extent + index(state, bound)
        return bound[name][place]  # type: ignore[index]  # an Each: several values

    return read


def evaluate(term: Term, state: State, arguments: Bound, layout: Layout, dropped: frozenset[str]) -> int:
    """The value of a term, for those who ask once."""
    return meaning(term, layout, dropped)(state, arguments)


@dataclass(frozen=True, eq=False)
class Stepper:
    """An action, ready to be tried in many states of one layout."""

    action: Action
    layout: Layout
    dropped: frozenset[str] = frozenset()

    @cached_property
    def _guard(self) -> list[Meaning]:
        return [meaning(conjunct.term, self.layout, self.dropped) for conjunct in self.action.guard]

    @cached_property
    def _writes(self) -> list[tuple[list[str], list[tuple[int, tuple[int, ...]]], list[Meaning], Meaning, str]]:
        writes = []
        for update in self.action.updates:
            variable = self.layout.variables[update.variable]
            names = [str(binder.payload) for binder in update.binders]
            cells = [(self.layout.cell(update.variable, indices), indices) for indices in self.layout.indices(variable)] if names else []
            places = [meaning(index, self.layout, self.dropped) for index in update.indices] if not names else []
            writes.append((names, cells, places, meaning(update.value, self.layout, self.dropped), update.variable))
        return writes

    def is_possible(self, state: State, arguments: Bound) -> bool:
        """Whether every condition of the guard holds."""
        return all(condition(state, arguments) for condition in self._guard)

    def false_conjuncts(self, state: State, arguments: Bound) -> tuple[Conjunct, ...]:
        """The conditions of the guard that do not hold: none if the action is possible."""
        return tuple(c for c, condition in zip(self.action.guard, self._guard, strict=True) if not condition(state, arguments))

    def apply(self, state: State, arguments: Bound) -> State:
        """The state after the action: every update reads the state before it."""
        cells = list(state)
        for names, whole, places, value, variable in self._writes:
            if names:
                for place, indices in whole:
                    cells[place] = value(state, {**arguments, **dict(zip(names, indices, strict=True))})
            else:
                indices = tuple(index(state, arguments) for index in places)
                cells[self.layout.cell(variable, indices)] = value(state, arguments)
        return tuple(cells)


__all__ = ["Arguments", "Bound", "Meaning", "Stepper", "evaluate", "meaning"]

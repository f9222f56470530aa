"""Where each cell of a state lies: a state is a tuple of small ints, one for each cell of each variable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

from ..model.machine import Machine, Parameter, Property, Sizes, Variable
from ..model.terms import Boolean, Content, Number, Term, conjunction, walk

State = tuple[int, ...]
Arguments = dict[str, int | tuple[int, ...]]


@dataclass(frozen=True)
class Layout:
    """A machine at certain sizes: which cell of the state belongs to which variable at which indices."""

    machine: Machine
    sizes: Sizes

    @cached_property
    def offsets(self) -> Mapping[str, int]:
        """The first cell of each variable."""
        offsets, place = {}, 0
        for variable in self.machine.variables:
            offsets[variable.name] = place
            place += self.cells_of(variable)
        return offsets

    @cached_property
    def variables(self) -> Mapping[str, Variable]:
        """The variables by name."""
        return {variable.name: variable for variable in self.machine.variables}

    @cached_property
    def constants(self) -> Mapping[str, int]:
        """The index of each named constant: constants of one sort are different, in the order of their declaration."""
        values: dict[str, int] = {}
        used: dict[str, int] = {}
        for name, sort in self.machine.constants:
            values[name] = used.get(sort.__name__, 0)
            used[sort.__name__] = values[name] + 1
            if used[sort.__name__] > self.sizes.count(sort):
                raise ValueError(
                    f"{self.machine.name} names {used[sort.__name__]} {sort.plural}, but there are only {self.sizes.count(sort)}"
                )
        return values

    def shape(self, variable: Variable) -> tuple[int, ...]:
        """The number of indices in each dimension."""
        return tuple(self.sizes.count(sort) for sort in variable.per)

    def cells_of(self, variable: Variable) -> int:
        """The number of cells of a variable."""
        return prod(self.shape(variable))

    def cell(self, name: str, indices: tuple[int, ...]) -> int:
        """The place of ``name[indices]`` in a state."""
        place = 0
        for index, extent in zip(indices, self.shape(self.variables[name]), strict=True):
            place = place * extent + index
        return self.offsets[name] + place

    def indices(self, variable: Variable) -> Iterator[tuple[int, ...]]:
        """All index tuples of a variable, in the order of its cells."""
        return product(*(range(extent) for extent in self.shape(variable)))

    @cached_property
    def cells(self) -> tuple[tuple[Variable, tuple[int, ...]], ...]:
        """The variable and the indices of every cell."""
        return tuple((variable, indices) for variable in self.machine.variables for indices in self.indices(variable))

    def domains(self) -> tuple[int, ...]:
        """The number of values of every cell."""
        return tuple(variable.domain(self.sizes) for variable, _ in self.cells)

    def encode(self, variable: Variable, value: bool | int | str) -> int:
        """The number that stands for a value of a variable."""
        return variable.literals.index(value) if isinstance(value, str) else int(value)

    def decode(self, variable: Variable, number: int) -> bool | int | str:
        """The value that a number stands for."""
        if variable.kind == "flag":
            return bool(number)
        return variable.literals[number] if variable.kind == "choice" else number

    def initial_states(self, unset: frozenset[str] = frozenset()) -> Iterator[State]:
        """Every initial state. Cells of the variables in ``unset`` (whose first value nobody reads) stand at 0 instead of at any value."""
        ranges: list[range] = []
        for variable, _ in self.cells:
            if variable.initial is not None:
                value = self.encode(variable, variable.initial)
                ranges.append(range(value, value + 1))
            else:
                ranges.append(range(1 if variable.name in unset else variable.domain(self.sizes)))
        return product(*ranges)

    def count_initial_states(self, unset: frozenset[str] = frozenset()) -> int:
        """How many :meth:`initial_states` there are."""
        return prod(v.domain(self.sizes) for v, _ in self.cells if v.initial is None and v.name not in unset)

    def argument_domain(self, parameter: Parameter) -> int:
        """How many values an argument can take; an ``Each`` argument is counted over all its cells."""
        return prod([parameter.domain(self.sizes)] * prod(map(self.sizes.count, parameter.per)))

    def argument_values(self, parameter: Parameter) -> Iterator[int | tuple[int, ...]]:
        """All values of an argument."""
        if not parameter.per:
            return iter(range(parameter.domain(self.sizes)))
        return product(range(parameter.domain(self.sizes)), repeat=prod(map(self.sizes.count, parameter.per)))

    def describe_argument(self, parameter: Parameter, value: int | tuple[int, ...]) -> object:
        """An argument as people read it."""
        if isinstance(value, tuple):
            return [self.describe_argument(Parameter(parameter.name, parameter.sort), item) for item in value]
        return bool(value) if parameter.sort is Boolean else value

    def describe(self, state: State) -> dict[str, object]:
        """A state as plain data: a value, a list or a list of lists for each variable."""
        result: dict[str, object] = {}
        for variable in self.machine.variables:
            values = [self.decode(variable, state[self.cell(variable.name, indices)]) for indices in self.indices(variable)]
            if not variable.per:
                result[variable.name] = values[0]
            elif len(variable.per) == 1:
                result[variable.name] = values
            else:
                width = self.sizes.count(variable.per[1])
                result[variable.name] = [values[start : start + width] for start in range(0, len(values), width)]
        return result


def check_sizes(machine: Machine, sizes: Sizes) -> None:
    """Raises ValueError when a sort of the machine, or its contents, have no size."""
    contents = ["contents"] if any(part.sort is Content for term in machine.terms() for part in walk(term)) else []
    missing = [name for name in (*(sort.plural for sort in machine.sorts), *contents) if name not in sizes]
    if missing:
        raise ValueError(f"{machine.name} needs the number of {', '.join(missing)}")


def range_properties(machine: Machine) -> tuple[Property, ...]:
    """The properties that a machine has without saying so: each Counter stays in its range."""
    return tuple(
        Property(
            f"{v.name}_in_range",
            "always",
            f"The counter {v.name} stays between 0 and {v.maximum}",
            _in_range(v),
            machine.file,
            machine.line,
        )
        for v in machine.variables
        if v.kind == "counter"
    )


def _in_range(variable: Variable) -> Boolean:
    from ..model.terms import every

    assert variable.maximum is not None
    maximum: Term = Number("literal", variable.maximum.offset)
    if variable.maximum.sort is not None:
        maximum = Number("maximum", variable.name)  # known once the sizes are: see evaluate.py

    def inside(*indices: Term) -> Boolean:
        value = Number("read", variable.name, indices)
        return conjunction(Boolean("le", None, (Number("literal", 0), value)), Boolean("le", None, (value, maximum)))

    if not variable.per:
        return inside()
    if len(variable.per) == 1:
        return every(variable.per[0], inside)
    return every(variable.per[0], lambda first: every(variable.per[1], lambda second: inside(first, second)))


__all__ = ["Arguments", "Content", "Layout", "State", "check_sizes", "range_properties"]

"""Bounded checking with z3: is there a run of this length that breaks a property?

The machine at certain sizes becomes one formula over the state before a step, the state after it, and what is chosen: which
action, at which indices, with which values. A flag is a Boolean, every other cell a bit-vector. Scalar index parameters are spelled
out, so that an action at each of its indices is one *instance* of it with known cells; contents, numbers and ``Each`` parameters stay open.
The formula is copied for every step, and z3's solver for finite domains is asked depth by depth.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import z3

from ..model.machine import Action, Machine, Parameter, Property, Sizes
from ..model.terms import Boolean, Content, Index, Number, Symbol, Term, walk
from .evaluate import evaluate
from .layout import Arguments, Layout, check_sizes
from .reference import properties_to_check
from .rerun import Disagreement, rerun
from .to_z3 import Bound, Expression, ask, cell_after, choice, conjunction, disjunction, equality, guard, translate
from .verdict import Result, Run, Verdict


def bounded(
    machine: Machine,
    sizes: Sizes,
    depth: int,
    *,
    dropped: frozenset[str] = frozenset(),
    only: frozenset[str] | None = None,
    timeout: float | None = None,
) -> Result:
    """Looks for a shortest run of at most ``depth`` steps that breaks a property, for ``timeout`` seconds at most.

    The verdict is violated, with a run that the reference has run again, or unknown: a bound is no proof. Deadlocks and
    ``sometimes`` are not looked for, and states are not counted. Raises ValueError for sizes that do not fit the machine or a
    negative depth, and Disagreement when the reference does not confirm a run.
    """
    begun = time.perf_counter()
    check_sizes(machine, sizes)
    if depth < 0:
        raise ValueError(f"the depth must be at least 0, not {depth}")
    layout = Layout(machine, sizes)
    relation = _Relation(layout, dropped, depth, properties_to_check(machine, only))
    translated = time.perf_counter()
    search = _Search(relation, None if timeout is None else begun + timeout)

    def result(verdict: Verdict, covered: int, reason: str = "", broken: str | None = None, run: Run | None = None) -> Result:
        seconds = time.perf_counter() - translated
        return Result(machine, sizes, dropped, verdict, False, 0, 0, covered, seconds, translated - begun, broken, run, reason)

    for length in range(depth + 1):
        if length > 0:
            search.step()
        found = search.violation()
        if found == z3.sat:
            item, run = search.broken(), search.run()
            if evaluate(item.predicate, run.last, {}, layout, dropped):
                raise Disagreement(f"z3 says that {item.name} is false after {length} steps; the reference says that it is true")
            return result("violated", length, "", item.name, run)
        if found == z3.unknown:
            covered = f"no violation up to depth {length - 1}" if length else "nothing was covered"
            return result("unknown", max(length - 1, 0), f"timed out, {covered}")
    return result("unknown", depth, f"no violation up to depth {depth}")


# ---------------------------------------------------------------- one step


@dataclass(frozen=True)
class _Instance:
    """An action at certain indices. ``free`` holds, for each other parameter, the constant of each of its cells."""

    action: Action
    indices: Mapping[str, int]
    free: Mapping[str, tuple[Expression, ...]]


class _Relation:
    """The formula for one step of a machine, over the constants ``now``, ``then`` and ``chosen``. It is an Encoding."""

    def __init__(self, layout: Layout, dropped: frozenset[str], depth: int, properties: tuple[Property, ...]) -> None:
        self.layout, self.dropped, self.properties = layout, dropped, properties
        self._counter_bits = counter_bits(layout, depth)
        self._index_bits = _bits(max((layout.sizes.count(sort) for sort in layout.machine.sorts), default=1))
        self.now = [self._constant(f"now {place}", *self._cell(place)) for place in range(len(layout.cells))]
        self.then = [self._constant(f"then {place}", *self._cell(place)) for place in range(len(layout.cells))]
        self.initial = z3.And([self._is_initial(place) for place in range(len(layout.cells))])
        self.predicates = [_formula(translate(item.predicate, self, {})) for item in properties]
        self.chosen: list[Expression] = []  # which instance, then every free argument
        self._possible_arguments: list[Expression] = []
        self.instances: list[_Instance] = []
        self.step = self._step()

    # -- Encoding

    def literal(self, term: Term) -> Expression:
        if isinstance(term, Symbol):
            return z3.BitVecVal(term.literals.index(str(term.payload)), _bits(len(term.literals)))
        return z3.BitVecVal(int(term.payload or 0), self._counter_bits)

    def constant(self, name: str) -> Expression:
        return self.layout.constants[name]

    def index(self, known: int) -> Expression:
        return z3.BitVecVal(known, self._index_bits)

    def maximum(self, counter: str) -> Expression:
        return z3.BitVecVal(self.layout.variables[counter].domain(self.layout.sizes) - 1, self._counter_bits)

    def held(self, assumption: str) -> Expression:
        return assumption not in self.dropped

    def read(self, variable: str, indices: tuple[Expression, ...]) -> Expression:
        shape = self.layout.shape(self.layout.variables[variable])
        return _pick(lambda known: self.now[self.layout.cell(variable, known)], shape, indices)

    def quantified(self, operator: str, sort: type[Index], body: Callable[[Expression], Expression]) -> Expression:
        join = conjunction if operator == "every" else disjunction
        return join(body(index) for index in range(self.layout.sizes.count(sort)))

    # -- the formula

    def _cell(self, place: int) -> tuple[str, int]:
        variable, _ = self.layout.cells[place]
        return variable.kind, variable.domain(self.layout.sizes)

    def _constant(self, name: str, kind: str, domain: int) -> Expression:
        if kind == "flag":
            return z3.Bool(name)
        return z3.BitVec(name, {"counter": self._counter_bits, "index": self._index_bits}.get(kind, _bits(domain)))

    def _is_initial(self, place: int) -> Expression:
        variable, _ = self.layout.cells[place]
        if variable.initial is None:
            return _within(self.now[place], variable.domain(self.layout.sizes))
        number = self.layout.encode(variable, variable.initial)
        return self.now[place] == (bool(number) if variable.kind == "flag" else number)

    def _shape(self, parameter: Parameter) -> tuple[int, ...]:
        return tuple(self.layout.sizes.count(sort) for sort in parameter.per)

    def _free(self, action: Action, parameter: Parameter) -> tuple[Expression, ...]:
        kind = {Boolean: "flag", Number: "counter", Content: "content"}.get(parameter.sort, "index")
        domain = parameter.domain(self.layout.sizes)
        cells = product(*(range(extent) for extent in self._shape(parameter)))
        constants = tuple(self._constant(f"{action.name} {parameter.name} {cell}", kind, domain) for cell in cells)
        self.chosen += constants
        self._possible_arguments += [_within(constant, domain) for constant in constants]
        return constants

    def _bound(self, instance: _Instance) -> Bound:
        bound: dict[str, Any] = dict(instance.indices)
        for parameter in instance.action.parameters:
            if parameter.name in instance.free:
                constants = instance.free[parameter.name]
                bound[parameter.name] = _function(constants, self._shape(parameter)) if parameter.per else constants[0]
        return bound

    def _step(self) -> Expression:
        guards: list[Expression] = []
        written: list[dict[int, Expression]] = []
        for action in self.layout.machine.actions:
            spelled = [parameter for parameter in action.parameters if issubclass(parameter.sort, Index) and not parameter.per]
            free = {parameter.name: self._free(action, parameter) for parameter in action.parameters if parameter not in spelled}
            for values in product(*(range(parameter.domain(self.layout.sizes)) for parameter in spelled)):
                instance = _Instance(action, {parameter.name: value for parameter, value in zip(spelled, values, strict=True)}, free)
                bound = self._bound(instance)
                condition = guard(action, self, bound)
                if condition is False:
                    continue
                after = ((place, cell_after(action, *cell, self, bound)) for place, cell in enumerate(self.layout.cells))
                self.instances.append(instance)
                guards.append(condition)
                written.append({place: value for place, value in after if value is not None})
        chosen = z3.BitVec("instance", _bits(len(self.instances)))
        self.chosen.insert(0, chosen)
        if not self.instances:
            return z3.BoolVal(False)
        parts = [_within(chosen, len(self.instances)), *self._possible_arguments]
        parts += [z3.Implies(chosen == number, condition) for number, condition in enumerate(guards)]
        for place, before in enumerate(self.now):
            writers = [number for number, values in enumerate(written) if place in values]
            parts += [z3.Implies(chosen == number, self.then[place] == written[number][place]) for number in writers]
            parts.append(z3.Or([chosen == number for number in writers] + [self.then[place] == before]))
        return z3.And(parts)


# ---------------------------------------------------------------- many steps


class _Search:
    """The solver, and the constants of every step so far."""

    def __init__(self, relation: _Relation, deadline: float | None) -> None:
        self._relation, self._deadline = relation, deadline
        self._solver = z3.SolverFor("QF_FD")
        self._states = [self._copies(relation.now)]
        self._choices: list[list[Expression]] = []
        self._solver.add(z3.substitute(relation.initial, *zip(relation.now, self._states[0], strict=True)))

    def _copies(self, constants: list[Expression]) -> list[Expression]:
        return [z3.FreshConst(constant.sort()) for constant in constants]

    def step(self) -> None:
        """Makes the run one step longer."""
        relation = self._relation
        self._states.append(self._copies(relation.now))
        self._choices.append(self._copies(relation.chosen))
        before = zip(relation.now + relation.then, self._states[-2] + self._states[-1], strict=True)
        self._solver.add(z3.substitute(relation.step, *before, *zip(relation.chosen, self._choices[-1], strict=True)))

    def violation(self) -> Any:
        """Whether a property can be false in the last state: sat, unsat, or unknown when the time is over."""
        places = list(zip(self._relation.now, self._states[-1], strict=True))
        holding = [z3.substitute(predicate, *places) for predicate in self._relation.predicates]
        self._breaks = [z3.FreshConst(z3.BoolSort()) for _ in holding]
        some = z3.FreshConst(z3.BoolSort())
        self._solver.add([z3.Implies(breaks, z3.Not(holds)) for breaks, holds in zip(self._breaks, holding, strict=True)])
        self._solver.add(z3.Implies(some, z3.Or(self._breaks)))
        found = self._check(some)
        if found == z3.unsat:
            self._solver.add(holding)
        return found

    def _check(self, wanted: Expression) -> Any:
        if self._deadline is not None:
            left = self._deadline - time.perf_counter()
            if left <= 0:
                return z3.unknown
            self._solver.set("timeout", max(1, int(left * 1000)))
        found = ask(self._solver, wanted)
        if found == z3.sat:
            self._model = self._solver.model()
        return found

    def broken(self) -> Property:
        """The first property that can be false in the last state; of those that are false in the run found, if the time is over."""
        for item, breaks in zip(self._relation.properties, self._breaks, strict=True):
            if z3.is_true(self._model.eval(breaks)) or self._check(breaks) == z3.sat:
                return item
        raise Disagreement("z3 found a violation of no property")

    def run(self) -> Run:
        """The run that was found, run again by the reference, which has to come to the same states."""
        relation = self._relation
        counters = [variable.kind == "counter" for variable, _ in relation.layout.cells]
        states = [tuple(map(self._number, state, counters)) for state in self._states]
        choices: list[tuple[str, Arguments]] = []
        for constants in self._choices:
            values = dict(zip(relation.chosen, map(self._number, constants), strict=True))
            instance = relation.instances[values[relation.chosen[0]]]
            arguments: Arguments = {}
            for parameter in instance.action.parameters:
                free = tuple(values[constant] for constant in instance.free.get(parameter.name, ()))
                arguments[parameter.name] = instance.indices[parameter.name] if not free else free if parameter.per else free[0]
            choices.append((instance.action.name, arguments))
        run = rerun(relation.layout, relation.dropped, states[0], choices)
        if [step.state for step in run.steps] != states[1:]:
            raise Disagreement("z3 and the reference come to different states by the same steps")
        return run

    def _number(self, constant: Expression, signed: bool = False) -> int:
        value = self._model.eval(constant, model_completion=True)
        return int(z3.is_true(value)) if z3.is_bool(value) else int(value.as_signed_long() if signed else value.as_long())


# ---------------------------------------------------------------- helpers


def counter_bits(layout: Layout, depth: int) -> int:
    """Bits for a signed number, enough for every value that a Counter can have within ``depth`` steps, inside its range or not.

    A step takes a value from a Counter, a parameter, a literal or a maximum, and adds at most what the term that does so adds.
    """
    machine = layout.machine
    largest = max((variable.domain(layout.sizes) for variable in machine.variables if variable.kind == "counter"), default=0)
    added = 0
    for action in machine.actions:
        largest = max([largest] + [parameter.domain(layout.sizes) for parameter in action.parameters if parameter.sort is Number])
    for term in machine.terms():
        numbers = [part for part in walk(term) if isinstance(part, Number)]
        largest = max([largest] + [abs(int(part.payload or 0)) for part in numbers if part.op == "literal"])
        added = max(added, sum(abs(int(part.payload or 0)) for part in numbers if part.op == "add"))
    return (largest + (depth + 1) * added).bit_length() + 1


def _bits(values: int) -> int:
    """Bits for this many different values."""
    return max(1, (values - 1).bit_length())


def _within(constant: Expression, domain: int) -> Expression:
    """A constant stands for one of the first ``domain`` numbers."""
    if z3.is_bool(constant) or domain == 1 << constant.size():
        return z3.BoolVal(True)
    return z3.ULT(constant, domain)


def _formula(condition: Expression) -> Expression:
    return z3.BoolVal(condition) if isinstance(condition, bool) else condition


def _pick(cell: Callable[[tuple[int, ...]], Expression], shape: tuple[int, ...], indices: tuple[Expression, ...]) -> Expression:
    """``cell(indices)``, where an index that is not known yet is compared with every value that it can have."""
    found: Expression = None
    possible = ((index,) if isinstance(index, int) else range(extent) for extent, index in zip(shape, indices, strict=True))
    for known in product(*possible):
        here = conjunction(equality(index, place) for index, place in zip(indices, known, strict=True))
        found = cell(known) if found is None else choice(here, cell(known), found)
    return found


def _function(constants: tuple[Expression, ...], shape: tuple[int, ...]) -> Callable[..., Expression]:
    """An ``Each`` argument as a function of its indices."""
    cells = dict(zip(product(*map(range, shape)), constants, strict=True))
    return lambda *indices: _pick(cells.__getitem__, shape, indices)


__all__ = ["bounded", "counter_bits"]

"""Counterexamples: told as steps, kept as ITF JSON, and checked again step by step when they are read.

The format is Apalache's Informal Trace Format (its ADR 015): an object with ``vars`` and ``states``; what it has no place for
stands under ``#meta``. Integers are written as plain JSON numbers, which its readers accept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from ..model.machine import Action, Machine, Parameter, Property, Sizes
from ..model.terms import Content, Index, Term, index_sort, text
from .evaluate import Stepper, meaning
from .fairness import Lasso, fault_of
from .layout import Arguments, Layout, State
from .liveness import analyse
from .packing import Packing
from .reference import Reference, properties_to_check
from .verdict import Run, Step

LONGEST = 100_000  # steps of a counterexample that is read


class CounterexampleError(Exception):
    """A counterexample that is not one: what is wrong, in one line."""


@dataclass(frozen=True)
class Counterexample:
    """A run, the property that is false at its end (None for a deadlock), and what it is a run of.

    With ``loop``, the number of an earlier state that its last one is again, it goes round for ever, and what is broken is an
    ``eventually``.
    """

    machine: Machine
    sizes: Sizes
    dropped: frozenset[str]
    broken: str | None
    run: Run
    loop: int | None = None


# ---------------------------------------------------------------- told


def tell(example: Counterexample) -> Iterator[str]:
    """The run as lines: each step with what it changes, who could only act because an assumption was dropped, and how it ends."""
    layout = Layout(example.machine, example.sizes)
    yield "at the start  " + ", ".join(_starting(layout, example.run.initial, example.dropped))
    width = max((len(_call(layout, step)) for step in example.run.steps), default=0)
    state = example.run.initial
    for number, step in enumerate(example.run.steps, 1):
        if number - 1 == example.loop:
            yield "and then for ever:"
        changes = ", ".join(changed(layout, state, step.state)) or "nothing changes"
        yield f"{number:4}  {_call(layout, step):{width}}  {changes}"
        for name in _culprits(layout, state, step, example.dropped):
            yield f"      {'':{width}}  ^ possible only without {name}"
        state = step.state
    yield from _ending(example, layout, state) if example.loop is None else _going_round(example, layout, example.loop)


def _going_round(example: Counterexample, layout: Layout, loop: int) -> Iterator[str]:
    item = _eventuality(example.machine, str(example.broken))
    states = Lasso(example.run, loop).states[loop:]
    if len(states) == 1:
        yield "and then nothing more, for ever: no step that is fair is possible"
    yield f"{item.name} never comes true: {item.title}"
    taken = {step.action for step in example.run.steps[loop:]}
    reference = Reference(layout, example.dropped)
    possible = set.intersection(*({step.action for step in reference.successors(state)} for state in states))
    unfair = [a.name for a in example.machine.actions if a.name in possible - taken and not a.fairness]
    if unfair:
        yield f"      possible all along, but nobody promises that it happens: {', '.join(unfair)}"


def _starting(layout: Layout, state: State, dropped: frozenset[str]) -> Iterator[str]:
    unset = analyse(layout.machine, Packing(layout).block_sort, dropped).unset  # what nobody reads before it is set
    for place, (variable, indices) in enumerate(layout.cells):
        if variable.initial is None and not variable.ghost and variable.name not in unset:
            yield f"{_cell(variable.name, indices)} = {show_value(layout, place, state[place])}"


def changed(layout: Layout, before: State, after: State) -> Iterator[str]:
    """What differs between two states, as text."""
    for place, (variable, indices) in enumerate(layout.cells):
        if before[place] != after[place]:
            old, new = show_value(layout, place, before[place]), show_value(layout, place, after[place])
            yield f"{_cell(variable.name, indices)}: {old} -> {new}"


def show_value(layout: Layout, place: int, value: int) -> str:
    """A cell's value as people read it: contents are letters."""
    variable = layout.cells[place][0]
    return content_name(value) if variable.kind == "content" else str(layout.decode(variable, value))


def content_name(number: int) -> str:
    """A, B, C and so on: a content is nothing but different from the others."""
    return chr(ord("A") + number) if number < 26 else f"content{number}"


def _cell(name: str, indices: tuple[int, ...]) -> str:
    return f"{name}[{','.join(map(str, indices))}]" if indices else name


def _call(layout: Layout, step: Step) -> str:
    action = layout.machine.action(step.action)
    arguments = [f"{p.name} {_argument(p, step.arguments[p.name])}" for p in action.parameters]
    return f"{step.action}({', '.join(arguments)})" if arguments else step.action


def _argument(parameter: Parameter, value: int | tuple[int, ...]) -> str:
    if isinstance(value, tuple):
        return " ".join(_argument(Parameter(parameter.name, parameter.sort), item) for item in value)
    if parameter.sort is Content:
        return content_name(value)
    return str(value) if issubclass(parameter.sort, Index) or parameter.maximum is not None else str(bool(value)).lower()


def _culprits(layout: Layout, state: State, step: Step, dropped: frozenset[str]) -> list[str]:
    """The dropped assumptions without which this step was possible, and with which it is not."""
    action = layout.machine.action(step.action)
    if Stepper(action, layout, frozenset()).is_possible(state, step.arguments):
        return []
    alone = [name for name in sorted(dropped) if not Stepper(action, layout, dropped - {name}).is_possible(state, step.arguments)]
    return alone or sorted(dropped)


def _ending(example: Counterexample, layout: Layout, state: State) -> Iterator[str]:
    if example.broken is None:
        yield "deadlock: nothing can happen any more, and the design does not call this state terminal"
        return
    item = _property(example.machine, example.broken)
    yield f"{item.name} is false: {item.title}"
    for line in why_false(item.predicate, layout, state, example.dropped):
        yield f"      {line}"


def why_false(term: Term, layout: Layout, state: State, dropped: frozenset[str], bound: dict[str, int] | None = None) -> Iterator[str]:
    """The parts of a false predicate that make it so, with the values that they compare and the index at which they do."""
    bound = bound or {}

    def true(part: Term, more: dict[str, int] | None = None) -> bool:
        return bool(meaning(part, layout, dropped)(state, {**bound, **(more or {})}))

    match term.op:
        case "every":
            sort = index_sort(term.args[0])
            for index in range(layout.sizes.count(sort)):
                here = {str(term.payload): index}
                if not true(term.args[1], here):
                    for line in why_false(term.args[1], layout, state, dropped, {**bound, **here}):
                        yield line if line.startswith(sort.__name__.lower()) else f"{sort.__name__.lower()} {index}: {line}"
                    return
        case "and":
            for part in term.args:
                if not true(part):
                    yield from why_false(part, layout, state, dropped, bound)
        case "implies":
            yield from why_false(term.args[1], layout, state, dropped, bound)
        case "eq":
            sides = [f"{_named(side, bound)} = {_shown(side, layout, state, dropped, bound)}" for side in term.args if side.op != "literal"]
            yield ", ".join(sides) + (f", not {term.args[1].payload!r}" if term.args[1].op == "literal" else "")
        case _:
            yield f"{_named(term, bound)} is false"


def _named(term: Term, bound: dict[str, int]) -> str:
    written = text(term)
    for name, index in bound.items():
        written = written.replace(name.replace("'", "_"), str(index))
    return written


def _shown(term: Term, layout: Layout, state: State, dropped: frozenset[str], bound: dict[str, int]) -> str:
    value = meaning(term, layout, dropped)(state, bound)
    if isinstance(term, Content):
        return content_name(value)
    return term.literals[value] if term.literals else str(value)


def _eventuality(machine: Machine, name: str) -> Property:
    return next(item for item in machine.eventualities if item.name == name)


def _property(machine: Machine, name: str) -> Property:
    return next(item for item in properties_to_check(machine, None) if item.name == name)


# ---------------------------------------------------------------- kept and read


def to_itf(example: Counterexample) -> dict[str, Any]:
    """The counterexample as an ITF object."""
    layout = Layout(example.machine, example.sizes)
    states: list[dict[str, Any]] = [{"#meta": {"index": 0}, **layout.describe(example.run.initial)}]
    before = example.run.initial
    for number, step in enumerate(example.run.steps, 1):
        action = example.machine.action(step.action)
        arguments = {p.name: layout.describe_argument(p, step.arguments[p.name]) for p in action.parameters}
        moved = sorted({layout.cells[place][0].name for place in range(len(before)) if before[place] != step.state[place]})
        states.append(
            {"#meta": {"index": number, "action": step.action, "arguments": arguments, "changed": moved}, **layout.describe(step.state)}
        )
        before = step.state
    return {
        "#meta": {
            "format": "ITF",
            "format-description": "https://apalache-mc.org/docs/adr/015adr-trace.html",
            "source": "thawcheck",
            "design": example.machine.name,
            "digest": example.machine.digest,
            "sizes": dict(example.sizes),
            "dropped": sorted(example.dropped),
            "broken": example.broken,
        },
        "vars": [variable.name for variable in example.machine.variables],
        "states": states,
        **({"loop": example.loop} if example.loop is not None else {}),
    }


def from_itf(data: Any, machine: Machine) -> Counterexample:
    """Reads an ITF object and checks all of it again with the reference: each step is possible, and the end is what it is said to be."""
    try:
        meta, states = data["#meta"], data["states"]
        sizes = Sizes(**{str(name): int(count) for name, count in meta["sizes"].items()})
        dropped = frozenset(map(str, meta["dropped"]))
        broken = meta["broken"]
        loop = int(data["loop"]) if "loop" in data else None
        if not isinstance(states, list) or not states or len(states) > LONGEST:
            raise CounterexampleError(f"it has no states, or more than {LONGEST}")
    except (KeyError, TypeError, AttributeError, ValueError) as fault:
        raise CounterexampleError(f"it is no counterexample of thawcheck ({type(fault).__name__}: {fault})") from None
    if max(sizes.values(), default=0) > 64:
        raise CounterexampleError("its sizes are larger than 64")
    unknown = dropped - {assumption.name for assumption in machine.assumptions}
    if unknown:
        raise CounterexampleError(f"{machine.name} has no assumption {', '.join(sorted(unknown))}")
    layout = Layout(machine, sizes)
    state = _read_state(layout, states[0], 0)
    _check_initial(layout, state)
    initial, steps = state, []
    for number, entry in enumerate(states[1:], 1):
        step = _read_step(layout, entry, number)
        action = machine.action(step.action)
        stepper = Stepper(action, layout, dropped)
        for conjunct in stepper.false_conjuncts(state, step.arguments):
            raise CounterexampleError(f"step {number}, {step.action}, is not possible: {conjunct.source} is false")
        if stepper.apply(state, step.arguments) != step.state:
            raise CounterexampleError(f"step {number}, {step.action}, does not lead to the state that is written there")
        steps.append(step)
        state = step.state
    if broken is not None or loop is not None:
        try:
            item = _property(machine, broken) if loop is None else _eventuality(machine, broken)
        except StopIteration:
            raise CounterexampleError(f"{machine.name} has no property {broken!r}") from None
        if loop is not None:
            if unfit := fault_of(layout, dropped, item, Lasso(Run(initial, tuple(steps)), loop)):
                raise CounterexampleError(unfit)
        elif meaning(item.predicate, layout, dropped)(state, {}):
            raise CounterexampleError(f"{broken} is true at the end")
    return Counterexample(machine, sizes, dropped, broken, Run(initial, tuple(steps)), loop)


def _read_state(layout: Layout, entry: Any, number: int) -> State:
    cells: list[int] = []
    for variable in layout.machine.variables:
        try:
            value = entry[variable.name]
            for indices in layout.indices(variable):
                item = value
                for index in indices:
                    item = item[index]
                code = layout.encode(variable, item)
                if not isinstance(item, (bool, int, str)) or not 0 <= code < variable.domain(layout.sizes):
                    raise ValueError(item)
                cells.append(code)
        except (KeyError, TypeError, IndexError, ValueError):
            raise CounterexampleError(f"state {number}: {variable.name} is missing or has a wrong value") from None
    return tuple(cells)


def _read_step(layout: Layout, entry: Any, number: int) -> Step:
    try:
        name, given = str(entry["#meta"]["action"]), entry["#meta"]["arguments"]
        action = next(action for action in layout.machine.actions if action.name == name)
        arguments = _read_arguments(layout, action, given)
    except StopIteration:
        raise CounterexampleError(f"step {number}: {layout.machine.name} has no action {name}") from None
    except (KeyError, TypeError, ValueError):
        raise CounterexampleError(f"step {number}: the action or its arguments are missing or wrong") from None
    return Step(name, arguments, _read_state(layout, entry, number))


def _read_arguments(layout: Layout, action: Action, given: Any) -> Arguments:
    arguments: Arguments = {}
    for parameter in action.parameters:
        value = given[parameter.name]
        cells = [int(item) for item in value] if parameter.per else [int(value)]
        wanted = prod(layout.sizes.count(sort) for sort in parameter.per)
        if len(cells) != wanted or not all(0 <= cell < parameter.domain(layout.sizes) for cell in cells):
            raise ValueError(value)
        arguments[parameter.name] = tuple(cells) if parameter.per else cells[0]
    return arguments


def _check_initial(layout: Layout, state: State) -> None:
    for place, (variable, indices) in enumerate(layout.cells):
        if variable.initial is not None and state[place] != layout.encode(variable, variable.initial):
            raise CounterexampleError(f"{_cell(variable.name, indices)} does not start as {variable.initial!r}")

"""From terms to the source of loops that a compiler likes: one function for each action, and one for the properties.

The source loops over indices instead of unrolling them, and takes sizes and assumptions at run time: one compilation serves every size and
every drop. It is ordinary Python, so that it can also run uncompiled, which is how drawn machines are tested.

Everything that a function reads stands in one array of numbers, ``c`` (many arguments would make every call dear): first what
:class:`Places` lists, then the cells of the state, then for each cell where it is packed.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..model.machine import Action, Machine, Parameter, Property, Update
from ..model.terms import Boolean, Term, index_sort, walk
from .layout import range_properties
from .packing import Packing, phase_variable

if TYPE_CHECKING:
    from collections.abc import Iterator


class Places:
    """Where the generated code finds things in ``c``; depends on the machine, not on its sizes."""

    PACKED, MASK, BIAS, CELLS = 0, 1, 2, 3  # begin of the three tables, less the first cell; the number of cells

    def __init__(self, machine: Machine) -> None:
        self.variables = {variable.name: place for place, variable in enumerate(machine.variables)}
        parameters = [parameter for action in machine.actions for parameter in action.parameters]
        self.size = 4
        self.held = self.size + len(machine.sorts)
        self.maximum = self.held + len(machine.assumptions)
        self.base = self.maximum + len(machine.variables)
        self.domain = self.base + len(machine.variables)
        self.power = self.domain + len(parameters)
        self.first_cell = self.power + 65 * sum(1 for parameter in parameters if parameter.per)


class _Writer:
    """Lines of source with an indentation, and fresh names."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.lines: list[str] = []
        self.depth = 0
        self.fresh = 0
        self.at = Places(machine)
        self.variables = self.at.variables
        self.counters = {variable.name for variable in machine.variables if variable.kind == "counter"}
        self.per = {variable.name: variable.per for variable in machine.variables}
        self.sorts = {sort: place for place, sort in enumerate(machine.sorts)}
        self.assumptions = {assumption.name: place for place, assumption in enumerate(machine.assumptions)}
        self.constants: dict[str, int] = {}
        used: dict[str, int] = {}
        for name, sort in machine.constants:
            self.constants[name] = used.get(sort.__name__, 0)
            used[sort.__name__] = self.constants[name] + 1
        self.parameters: dict[str, tuple[Parameter, int]] = {}

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def indented(self, head: str) -> Iterator[None]:
        self.line(head)
        self.depth += 1
        yield
        self.depth -= 1

    def name(self) -> str:
        self.fresh += 1
        return f"t{self.fresh}"

    # -- expressions

    def cell(self, variable: str, indices: Iterable[str]) -> str:
        place = ""
        for index, sort in zip(indices, self.per[variable], strict=True):
            place = f"({place}) * c[{self.at.size + self.sorts[sort]}] + {index}" if place else index
        return f"c[{self.at.base + self.variables[variable]}]" + (f" + {place}" if place else "")

    def number(self, term: Term) -> str:
        """An expression for the value of a term, as a number."""
        match term.op:
            case "literal":
                if isinstance(term.payload, str):
                    return str(term.literals.index(term.payload))
                return str(int(term.payload or 0))
            case "parameter":
                return _identifier(str(term.payload))
            case "constant":
                return str(self.constants[str(term.payload)])
            case "maximum":
                return f"c[{self.at.maximum + self.variables[str(term.payload)]}]"
            case "read":
                return f"c[{self.cell(str(term.payload), [self.number(index) for index in term.args])}]"
            case "element":
                return self._element(term)
            case "add":
                return f"({self.number(term.args[0])} + {int(term.payload or 0)})"
            case "ite":
                test = self.condition(term.args[0])
                return f"({self.number(term.args[1])} if {test} else {self.number(term.args[2])})"
        return f"(1 if {self.condition(term)} else 0)"

    def _element(self, term: Term) -> str:
        parameter, first_power = self.parameters[str(term.payload)]
        place = ""
        for index, sort in zip(term.args, parameter.per, strict=True):
            place = f"({place}) * c[{self.at.size + self.sorts[sort]}] + {self.number(index)}" if place else self.number(index)
        name = _identifier(str(term.payload))
        return f"(({name} // c[{first_power + 1} + {place}]) % c[{first_power}])"

    def condition(self, term: Term) -> str:
        """An expression for the truth of a term. Quantifiers become loops before the line that uses the expression."""
        if any(part.op in ("every", "some") for part in walk(term)):
            return self._condition_with_loops(term)
        match term.op:
            case "literal":
                return str(bool(term.payload))
            case "assumption":
                return f"(c[{self.at.held + self.assumptions[str(term.payload)]}] != 0)"
            case "read" | "parameter" | "element" | "ite":
                return f"({self.number(term)} != 0)"
            case "not":
                return f"(not {self.condition(term.args[0])})"
            case "or":
                return "(" + " or ".join(self._alternatives(term)) + ")"
            case "and":
                return "(" + " and ".join(self.condition(argument) for argument in term.args) + ")"
            case "implies":
                return f"((not {self.condition(term.args[0])}) or {self.condition(term.args[1])})"
            case "eq":
                return f"({self.number(term.args[0])} == {self.number(term.args[1])})"
            case "le":
                return f"({self.number(term.args[0])} <= {self.number(term.args[1])})"
        raise AssertionError(f"no source for {term.op}")

    def _alternatives(self, term: Term) -> Iterator[str]:
        """The parts of a disjunction. "This cell is one of these literals" is one look at a mask: compiling costs by the operation."""
        masks: dict[str, int] = {}
        for argument in term.args:
            cell, literal = argument.args if argument.op == "eq" else (argument, argument)
            if cell.op == "read" and literal.op == "literal" and 0 < len(literal.literals) < 64:
                key = self.number(cell)
                masks[key] = masks.get(key, 0) | 1 << literal.literals.index(literal.payload)
            else:
                yield self.condition(argument)
        for key, mask in masks.items():
            yield f"(({mask} >> {key}) & 1) != 0"

    def _condition_with_loops(self, term: Term) -> str:
        result = self.name()
        match term.op:
            case "every" | "some":
                searched = "not " if term.op == "every" else ""
                size = f"c[{self.at.size + self.sorts[index_sort(term.args[0])]}]"
                self.line(f"{result} = {term.op == 'every'}")
                with self.indented(f"for {_identifier(str(term.payload))} in range({size}):"):
                    with self.indented(f"if {searched}{self.condition(term.args[1])}:"):
                        self.line(f"{result} = {term.op != 'every'}")
                        self.line("break")
            case "and" | "or":
                self.line(f"{result} = {self.condition(term.args[0])}")
                for argument in term.args[1:]:
                    with self.indented(f"if {'' if term.op == 'and' else 'not '}{result}:"):
                        self.line(f"{result} = {self.condition(argument)}")
            case "implies":
                self.line(f"{result} = True")
                with self.indented(f"if {self.condition(term.args[0])}:"):
                    self.line(f"{result} = {self.condition(term.args[1])}")
            case "not":
                return f"(not {self.condition(term.args[0])})"
            case "eq" if isinstance(term.args[0], Boolean):
                left = self.condition(term.args[0])
                self.line(f"{result} = {left} == {self.condition(term.args[1])}")
            case "ite":
                self.line(f"{result} = {self.condition(term.args[2])}")
                with self.indented(f"if {self.condition(term.args[0])}:"):
                    self.line(f"{result} = {self.condition(term.args[1])}")
            case "eq":
                self.line(f"{result} = {self.number(term.args[0])} == {self.number(term.args[1])}")
            case "le":
                self.line(f"{result} = {self.number(term.args[0])} <= {self.number(term.args[1])}")
            case _:
                self.line(f"{result} = {self.number(term)} != 0")
        return result


def _identifier(name: str) -> str:
    return "p_" + name.replace("'", "_")


def action_source(machine: Machine, place: int) -> str:
    """The function of one action: it appends every successor to ``out``, from row ``n``, and returns the new ``n``."""
    action = machine.actions[place]
    writer = _Writer(machine)
    first_power = writer.at.power
    for number, other in enumerate(machine.actions):
        for parameter in other.parameters:
            if number == place:
                writer.parameters[parameter.name] = (parameter, first_power)
            first_power += 65 if parameter.per else 0
    writer.line("@inner")
    writer.line(f"def action_{place}(n, c, out):")
    writer.depth = 1
    writer.line(f'"""{action.name}"""')
    conjuncts = [(conjunct, _parameters_of(conjunct.term, action)) for conjunct in action.guard]
    bound: set[str] = set()
    domain = sum(len(other.parameters) for other in machine.actions[:place])

    def guards(leave: str) -> None:
        for conjunct, needed in list(conjuncts):
            if needed <= bound:
                conjuncts.remove((conjunct, needed))
                with writer.indented(f"if not {writer.condition(conjunct.term)}:"):
                    writer.line(leave)

    guards("return n")
    for number, parameter in enumerate(action.parameters):
        writer.line(f"for {_identifier(parameter.name)} in range(c[{writer.at.domain + domain + number}]):")
        writer.depth += 1
        bound.add(parameter.name)
        guards("continue")
    writer.line("start(n, out)")
    for update in action.updates:
        _write_update(writer, update)
    writer.line("n += 1")
    writer.depth = 1
    writer.line("return n")
    return "\n".join(writer.lines)


def _write_update(writer: _Writer, update: Update) -> None:
    depth = writer.depth
    for binder in update.binders:
        writer.line(f"for {_identifier(str(binder.payload))} in range(c[{writer.at.size + writer.sorts[type(binder)]}]):")
        writer.depth += 1
    value = writer.number(update.value)
    place = writer.cell(update.variable, [writer.number(index) for index in update.indices])
    function = "put_counter" if update.variable in writer.counters else "put"
    writer.line(f"{function}(n, c, out, {place}, {value})")
    writer.depth = depth


def _parameters_of(term: Term, action: Action) -> set[str]:
    names = {parameter.name for parameter in action.parameters}
    return {str(part.payload) for part in walk(term) if part.op in ("parameter", "element") and part.payload in names}


def predicate_source(name: str, machine: Machine, item: Property | Term) -> str:
    """The function of one predicate: whether it holds in the unpacked state ``s``."""
    writer = _Writer(machine)
    writer.line("@inner")
    writer.line(f"def {name}(c):")
    writer.depth = 1
    predicate = item.predicate if isinstance(item, Property) else item
    writer.line(f"return {writer.condition(predicate)}")
    return "\n".join(writer.lines)


def inputs(packing: Packing, dropped: frozenset[str]) -> list[int]:
    """The array ``c`` for a machine at certain sizes with some assumptions dropped."""
    layout, machine = packing.layout, packing.layout.machine
    at = Places(machine)
    parameters = [parameter for action in machine.actions for parameter in action.parameters]
    cells = len(layout.cells)
    c = [cells, 2 * cells, 3 * cells, cells]
    c += [layout.sizes.count(sort) for sort in machine.sorts]
    c += [int(assumption.name not in dropped) for assumption in machine.assumptions]
    c += [variable.maximum.at(layout.sizes) if variable.maximum is not None else 0 for variable in machine.variables]
    c += [at.first_cell + layout.offsets[variable.name] for variable in machine.variables]
    c += [layout.argument_domain(parameter) for parameter in parameters]
    for parameter in parameters:
        if parameter.per:
            count = parameter.domain(layout.sizes)
            c += [count] + [min(count**exponent, 2**62) for exponent in range(64)]
    assert len(c) == at.first_cell
    c += [0] * cells
    c += [word * 64 + shift for word, shift, _, _ in packing.places]
    c += [(1 << width) - 1 for _, _, width, _ in packing.places]
    c += [bias for _, _, _, bias in packing.places]
    return c


def checked_properties(machine: Machine) -> tuple[Property, ...]:
    """All properties in the order in which the generated code numbers them: as declared, then the ranges of the Counters."""
    return machine.properties + range_properties(machine)


def _range_checks(machine: Machine, properties: tuple[Property, ...]) -> list[str]:
    # A count is stored modulo a power of two that is larger than what a step outside its range leads to: below 0 is above the maximum.
    at = Places(machine)
    sorts = {sort: place for place, sort in enumerate(machine.sorts)}
    lines = []
    for variable, place in zip(
        [v for v in machine.variables if v.kind == "counter"], range(len(machine.properties), len(properties)), strict=True
    ):
        number = at.variables[variable.name]
        count = " * ".join(f"c[{at.size + sorts[sort]}]" for sort in variable.per) or "1"
        lines += [
            f"        for cell in range(c[{at.base + number}], c[{at.base + number}] + {count}):",
            f"            if wanted[{place}] and first[{place}] < 0 and peek(c, states, row, cell) > c[{at.maximum + number}]:",
            f"                first[{place}] = row",
        ]
    return lines


def source(machine: Machine) -> str:
    """The source of everything about a machine that is compiled."""
    actions, properties = machine.actions, checked_properties(machine)
    parts = [f'"""Generated from the terms of {machine.name}; digest {machine.digest}."""']
    parts += [action_source(machine, place) for place in range(len(actions))]
    parts += [predicate_source(f"property_{place}", machine, item) for place, item in enumerate(machine.properties)]
    parts.append(predicate_source("terminal", machine, machine.terminal))
    phase = phase_variable(machine)
    lines = [
        "@compiled",
        "def expand(begin, end, states, weights, out, fired, stuck, c, may, most):",
        '    """Successors of the states from begin until end, or until out might be full; stuck[0]: the first dead end."""',
        "    n = 0",
        "    row = begin",
        "    while row < end and n + most < len(out):",
        "        unpack(c, states, row)",
        "        copy(out, len(out) - 1, states, row)",
        f"        phase = {f'c[c[{Places(machine).base + Places(machine).variables[phase.name]}]]' if phase is not None else 0}",
        "        first = n",
        "        weight = weights[row]",
    ]
    for place in range(len(actions)):
        lines += [
            f"        if may[phase, {place}]:",
            "            before = n",
            f"            n = action_{place}(n, c, out)",
            f"            fired[{place}] += (n - before) * weight",
        ]
    lines += [
        "        if n == first and stuck[0] < 0 and not terminal(c):",
        "            stuck[0] = row",
        "        row += 1",
        "    return row, n",
    ]
    parts.append("\n".join(lines))
    phase_of_row = "0" if phase is None else f"peek(c, states, row, c[{Places(machine).base + Places(machine).variables[phase.name]}])"
    lines = [
        "@compiled",
        "def look(begin, end, states, first, wanted, matters, c):",
        '    """For each property that is wanted: the first row in which it is false (always) or true (sometimes)."""',
        "    for row in range(begin, end):",
        *_range_checks(machine, properties),
        f"        phase = {phase_of_row}",
        f"        if not matters[phase, {len(machine.properties)}]:",
        "            continue",
        "        unpack(c, states, row)",
    ]
    for place, item in enumerate(machine.properties):
        negation = "not " if item.expectation == "always" else ""
        lines += [
            f"        if matters[phase, {place}] and wanted[{place}] and first[{place}] < 0 and {negation}property_{place}(c):",
            f"            first[{place}] = row",
        ]
    parts.append("\n".join(lines))
    return "\n\n\n".join(parts) + "\n"


__all__ = ["Places", "checked_properties", "inputs", "source"]

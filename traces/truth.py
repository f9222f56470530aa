"""What the truth events of a trace say by themselves: the design's properties, asked about what was observed."""

from __future__ import annotations

from dataclasses import dataclass

from ..model.events import EventMapping
from ..model.machine import Machine, Property, Sizes
from ..model.terms import Page
from .boxes import Box, Cells, Compiler, Factored, Node, reads
from .format import Event, Header
from .moves import separable

Value = str | bool
Seen = dict[str, dict[int, tuple[int, str, int, Value]]]  # variable, page: what was said of it first, by end, actor and number
Situation = tuple[tuple[str, str], ...]  # variables without indices, each with one of its literals


@dataclass(frozen=True)
class Contradiction:
    """A property that what was observed of a page contradicts; ``observed`` has the variables that it reads."""

    page: int
    property: str
    title: str
    observed: tuple[tuple[str, Value], ...]

    def __str__(self) -> str:
        seen = ", ".join(f"{variable} is {value}" for variable, value in self.observed)
        return f"page {self.page}: {self.title} ({self.property}): {seen}"


class Truths:
    """Collects what truth events say about each page, what was seen first where several say something, and asks the properties.

    Only properties are asked that compare with content that software cannot see (a ghost): about the others, explaining the run says all.
    """

    def __init__(self, machine: Machine, mapping: EventMapping, header: Header) -> None:
        self.machine, self.pages = machine, header.pages
        self._witnesses = {kind: meaning.witnesses for kind, meaning in mapping.kinds.items() if meaning.witnesses}
        items = [(kind, item) for kind, found in self._witnesses.items() for item in found]
        self._shown = {item.given: False for _, item in items if item.given}  # whether the run was seen to get there
        self.kinds = self._witnesses.keys() | self._shown.keys()
        self._seen: Seen = {item.variable: {} for _, item in items}
        self._given = {item.variable: item.given for _, item in items}
        self._when: dict[str, Situation] = {item.variable: item.when for _, item in items}
        self._absent = {i.variable: i.absent for kind, i in items if i.absent is not None and header.kinds.get(kind) == "always"}
        hidden = {variable.name for variable in machine.variables if variable.ghost and variable.kind == "content"}
        self.properties = [
            item
            for item in machine.properties
            if item.expectation == "always" and reads(item.predicate) & hidden and separable(item.predicate, True)
        ]
        needed = {name for item in self.properties for name in reads(item.predicate)} | set(self._seen)
        sizes = Sizes(pages=header.pages, cpus=header.cpus, devices=max(1, header.devices), contents=1)
        self._factored = Factored(machine, sizes, frozenset(needed), frozenset())
        compiler = Compiler(self._factored, frozenset(), set(), {}, {})
        self._nodes: list[tuple[Property, Node | int]] = [(item, compiler.node(item.predicate)) for item in self.properties]
        self._asked: dict[tuple[object, ...], frozenset[int]] = {}

    def note(self, event: Event) -> None:
        """Take in what an event says, if it says something."""
        if event.kind in self._shown:
            self._shown[event.kind] = True
        page = event.page
        if page is None:
            return
        for item in self._witnesses.get(event.kind, ()):
            said = (event.end, event.actor, event.seq, getattr(event, item.field) if item.field else True)
            values = self._seen[item.variable]
            if page not in values or said < values[page]:
                values[page] = said

    def contradictions(self) -> list[Contradiction]:
        """Every page on which a property is false whatever else may be true, the properties in the order of the design."""
        found: dict[str, dict[int, Contradiction]] = {item.name: {} for item in self.properties}
        pages = self._pages()
        # In a situation counts what was seen there and what always counts: so without any situation less is known than in each.
        for situation in [one for one in dict.fromkeys(self._when.values()) if one] or [()]:
            pins = dict(situation)
            where, open_there = self._seen_where(pins), self._open(pins)
            for page in pages if open_there else ():
                seen = self._seen_of(page, where)
                for item, node in open_there:
                    if self._values(node, seen, pins) == {0}:
                        shown = tuple((name, value) for name, value in seen.items() if name in reads(item.predicate))
                        found[item.name].setdefault(page, Contradiction(page, item.name, item.title, shown))
        return [one for of_item in found.values() for _, one in sorted(of_item.items())]

    def missing(self, globals_: dict[str, frozenset[str]]) -> list[tuple[int, Property, tuple[str, ...]]]:
        """The pages for which a property cannot be told at the end of the run, with what was not seen.

        ``globals_`` gives, for each Choice without indices, the literals that it can have then. The lowest page of those that no truth
        event names stands for all of them.
        """
        pins = {name: next(iter(values)) for name, values in globals_.items() if len(values) == 1}
        unseen = next((page for page in range(self.pages) if not any(page in values for values in self._seen.values())), None)
        found, where, open_there = [], self._seen_where(pins), self._open(pins)
        for page in sorted({*self._pages(), *(() if unseen is None else (unseen,))}):
            seen = self._seen_of(page, where)
            for item, node in open_there:
                if self._values(node, seen, pins) != {1}:
                    wanted = reads(item.predicate) - set(seen)
                    names = [variable.name for variable in self.machine.variables if variable.kind == "content" and variable.name in wanted]
                    found.append((page, item, tuple(names)))
        return found

    def _pages(self) -> list[int]:
        return sorted({page for values in self._seen.values() for page in values})

    def _open(self, pins: dict[str, str]) -> list[tuple[Property, Node | int]]:
        """The properties that the global Choices alone leave open."""
        return [(item, node) for item, node in self._nodes if self._values(node, {}, pins) != {1}]

    def _seen_where(self, pins: dict[str, str]) -> Seen:
        """What was seen that counts where the global Choices are so."""
        return {
            name: values
            for name, values in self._seen.items()
            if all(pins.get(choice) == literal for choice, literal in self._when[name]) and self._shown.get(self._given[name], True)
        }

    def _seen_of(self, page: int, where: Seen) -> dict[str, Value]:
        """What of it is known of a page."""
        found: dict[str, Value] = {}
        for name, values in where.items():
            if page in values:
                found[name] = values[page][-1]
            elif name in self._absent:
                found[name] = self._absent[name]
        return found

    def _values(self, node: Node | int, seen: dict[str, Value], pins: dict[str, str]) -> frozenset[int]:
        """The values that a property can have, given what was seen and what the global Choices are."""
        if isinstance(node, int):
            return frozenset((node,))
        order: dict[str, int] = {}  # which digests are equal is all that matters
        named = {name: value if isinstance(value, bool) else order.setdefault(value, len(order)) for name, value in seen.items()}
        key = (id(node), *named.items(), *pins.items())
        found = self._asked.get(key)
        if found is None:
            found = self._asked[key] = frozenset(value for value, _, _ in node(*self._box(named, pins)))
        return found

    def _box(self, named: dict[str, int | bool], pins: dict[str, str]) -> Box:
        cells: list[int] = []
        for place, cell in enumerate(self._factored.cells):
            name, literals = cell.variable.name, cell.variable.literals
            if name in named and cell.variable.per == (Page,):
                cells.append(1 << int(named[name]) if cell.values else int(named[name]))
            elif cell.variable.kind == "choice" and name in pins and not cell.variable.per:
                cells.append(1 << literals.index(pins[name]))
            else:
                cells.append((1 << cell.values) - 1 if cell.values else -1 - place)
        result: Cells = tuple(cells)
        return result, frozenset()

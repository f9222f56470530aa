"""Sets of page-local states, and the terms of a design evaluated on them.

A design is *factored*: the cells of one page (every variable with Page among its index sorts, at that page) are the page's local
state, everything else is global. A set of local states is kept as *boxes*. In a box a cell with finitely many values holds a set of
them (a bit for each), independently of its other cells; a content is a *name* (0, 1, ...: a digest that was observed) or an *unknown*
(-1, -2, ...: some content), and the pairs of contents that are known to differ go with the box. So a union of boxes is exact: a TLB
of which nobody knows what is in it costs one box and not two states for each CPU.

Terms are evaluated with case splits: a cell whose value matters is narrowed to one value at a time, an unknown is compared by going
both ways. Nothing here knows a design, a kind of event, or a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

from ..model.machine import Machine, Sizes, Variable
from ..model.terms import Boolean, Content, Index, Page, Term, index_sort, walk

Cells = tuple[int, ...]
Apart = frozenset[tuple[int, int]]  # pairs of contents that are known to differ, the smaller first
Box = tuple[Cells, Apart]
Valued = tuple[int, Cells, Apart]
Node = Callable[[Cells, Apart], list[Valued]]

NOTHING_APART: Apart = frozenset()


class NotFactored(Exception):
    """A design that cannot be replayed page by page. The text is one line that says what in it depends on several pages at once."""


@dataclass(frozen=True)
class Cell:
    """A cell: its variable, its indices (0 at the place of Page), and how many values it has; 0 for a content."""

    variable: Variable
    indices: tuple[int, ...]
    values: int

    def __str__(self) -> str:
        shown = [index for index, sort in zip(self.indices, self.variable.per, strict=True) if sort is not Page]
        return self.variable.name + (f"[{', '.join(map(str, shown))}]" if shown else "")


class Factored:
    """A machine split by page: which cells are local, which global, and where they lie in the tuple that terms are evaluated on.

    ``needed`` names the variables to follow; what nobody asks about is left out. The variables in ``shared`` are Counters to which
    actions on single pages add: their cells come last and are neither local nor global. Raises NotFactored.
    """

    def __init__(self, machine: Machine, sizes: Sizes, needed: frozenset[str], shared: frozenset[str]) -> None:
        self.machine, self.sizes = machine, sizes
        self.variables = {variable.name: variable for variable in machine.variables if variable.name in needed}
        groups: tuple[list[Cell], list[Cell], list[Cell]] = ([], [], [])
        for variable in self.variables.values():
            if sum(sort is Page for sort in variable.per) > 1:
                raise NotFactored(f"{variable.name} of {machine.name} has a cell for every two pages")
            place = 0 if Page in variable.per else 2 if variable.name in shared else 1
            if place and variable.kind == "content":
                raise NotFactored(f"{variable.name} of {machine.name} is a content that belongs to no page")
            ranges = [range(1 if sort is Page else sizes.count(sort)) for sort in variable.per]
            values = 0 if variable.kind == "content" else variable.domain(sizes)
            groups[place].extend(Cell(variable, indices, values) for indices in product(*ranges))
        self.local, self.globals, self.shared = groups
        self.cells = [*self.local, *self.globals, *self.shared]
        self.place = {(cell.variable.name, cell.indices): number for number, cell in enumerate(self.cells)}
        self.finite = tuple(number for number, cell in enumerate(self.local) if cell.values)
        self.contents = tuple(number for number, cell in enumerate(self.local) if not cell.values)

    def initial_local(self) -> Box:
        """Every state in which a page can begin."""
        return tuple(_initial(cell) if cell.values else -1 - number for number, cell in enumerate(self.local)), NOTHING_APART

    def initial_globals(self) -> Cells:
        """Every state in which the global cells can begin."""
        return tuple(map(_initial, self.globals))

    def initial_shared(self) -> Cells:
        """The values with which the shared counters can begin."""
        return tuple(map(_initial, self.shared))


def _initial(cell: Cell) -> int:
    initial = cell.variable.initial
    if initial is None:
        return (1 << cell.values) - 1
    return 1 << (cell.variable.literals.index(initial) if isinstance(initial, str) else int(initial))


def describe_value(cell: Cell, value: int, names: tuple[str, ...]) -> str:
    """What a cell of a box holds, as people read it."""
    if not cell.values:
        return names[value] if value >= 0 else "unknown"
    if value == (1 << cell.values) - 1 and cell.values > 1:
        return "any"
    found = [number for number in range(value.bit_length()) if value >> number & 1]
    kind, literals = cell.variable.kind, cell.variable.literals
    return " or ".join(literals[n] if kind == "choice" else str(bool(n)) if kind == "flag" else str(n) for n in found)


# ---------------------------------------------------------------- terms


def reads(term: Term) -> set[str]:
    """The variables that a term reads."""
    return {str(part.payload) for part in walk(term) if part.op == "read"}


def asks_assumption(term: Term) -> bool:
    """Whether a term reads an assumption."""
    return any(part.op == "assumption" for part in walk(term))


@dataclass(frozen=True)
class Compiler:
    """Turns terms into functions on boxes.

    ``bound`` gives the number of each index parameter (a page is always 0: the page in question), ``free`` the place of the cell in
    which each other argument lies. ``held`` collects the assumptions that made a difference by being held.
    """

    factored: Factored
    dropped: frozenset[str]
    held: set[str]
    bound: dict[str, int]
    free: dict[tuple[str, tuple[int, ...]], int]

    def place(self, term: Term) -> int:
        """The place of the cell that a read, a parameter or an element of an Each parameter names."""
        indices = tuple(self._index(argument) for argument in term.args)
        name = str(term.payload)
        return self.factored.place[name, indices] if term.op == "read" else self.free[name, indices]

    def _index(self, term: Term) -> int:
        if term.op == "parameter":
            return self.bound[str(term.payload)]
        if term.sort is Page:
            raise NotFactored(f"{term!r} of {self.factored.machine.name} is one certain page")
        return [name for name, sort in self.factored.machine.constants if sort is term.sort].index(str(term.payload))

    def node(self, term: Term) -> Node | int:
        """The value of the term if it is always the same; else the function that gives, for a box, its values and where it has them."""
        if isinstance(term, Index):
            return self._index(term)
        match term.op:
            case "literal":
                return term.literals.index(term.payload) if isinstance(term.payload, str) else int(term.payload or 0)
            case "maximum":
                maximum = self.factored.variables[str(term.payload)].maximum
                assert maximum is not None
                return maximum.at(self.factored.sizes)
            case "assumption":
                return 0 if term.payload in self.dropped else _noting(str(term.payload), self.held)
            case "parameter" | "element" | "read":
                return _reader(self.place(term), isinstance(term, Content))
            case "not":
                return _mapped(self.node(term.args[0]), lambda value: 1 - value)
            case "add":
                step = int(term.payload or 0)
                return _mapped(self.node(term.args[0]), lambda value: value + step)
            case "and" | "or":
                return self._sequence(term.args, int(term.op == "or"))
            case "implies":
                return self._sequence((Boolean("not", None, (term.args[0],)), term.args[1]), 1)
            case "every" | "some":
                name, sort = str(term.payload), index_sort(term.args[0])
                count = 1 if sort is Page else self.factored.sizes.count(sort)
                inside = [Compiler(self.factored, self.dropped, self.held, {**self.bound, name: n}, self.free) for n in range(count)]
                return _joined([compiler.node(term.args[1]) for compiler in inside], int(term.op == "some"))
            case "eq":
                return self._equality(*term.args)
            case "le":
                return _compared(_as_node(self.node(term.args[0])), _as_node(self.node(term.args[1])), _at_most)
            case "ite":
                condition, then, otherwise = (self.node(argument) for argument in term.args)
                if isinstance(condition, int):
                    return then if condition else otherwise
                return _chosen(condition, _as_node(then), _as_node(otherwise))
        raise AssertionError(f"no meaning for {term.op}")

    def _sequence(self, terms: Iterable[Term], stop: int) -> Node | int:
        # What asks for an assumption comes last: then only assumptions that made a difference are collected.
        return _joined([self.node(term) for term in sorted(terms, key=asks_assumption)], stop)

    def _equality(self, left: Term, right: Term) -> Node | int:
        first, second = self.node(left), self.node(right)
        if isinstance(first, int) and isinstance(second, int):
            return int(first == second)
        if not isinstance(left, Content):
            for term, value in ((left, second), (right, first)):
                if isinstance(value, int) and term.op in ("read", "parameter", "element"):
                    return _tester(self.place(term), 1 << value)
            return _compared(_as_node(first), _as_node(second), _same_number)
        return _compared(_as_node(first), _as_node(second), same_content, again=any(term.op == "ite" for term in (left, right)))


def _as_node(node: Node | int) -> Node:
    return (lambda cells, apart: [(node, cells, apart)]) if isinstance(node, int) else node


def _noting(name: str, held: set[str]) -> Node:
    def note(cells: Cells, apart: Apart) -> list[Valued]:
        held.add(name)
        return [(1, cells, apart)]

    return note


def _mapped(node: Node | int, change: Callable[[int], int]) -> Node | int:
    if isinstance(node, int):
        return change(node)
    return lambda cells, apart: [(change(value), narrowed, pairs) for value, narrowed, pairs in node(cells, apart)]


def _reader(place: int, content: bool) -> Node:
    if content:
        return lambda cells, apart: [(cells[place], cells, apart)]

    def read(cells: Cells, apart: Apart) -> list[Valued]:
        mask = cells[place]
        if not mask & (mask - 1):
            return [(mask.bit_length() - 1, cells, apart)]
        before, after = cells[:place], cells[place + 1 :]
        return [(number, (*before, 1 << number, *after), apart) for number in range(mask.bit_length()) if mask >> number & 1]

    return read


def _tester(place: int, bit: int) -> Node:
    """Whether a cell has one certain value: two cases at most, however many values it may have."""

    def test(cells: Cells, apart: Apart) -> list[Valued]:
        mask = cells[place]
        if not mask & bit:
            return [(0, cells, apart)]
        if mask == bit:
            return [(1, cells, apart)]
        before, after = cells[:place], cells[place + 1 :]
        return [(1, (*before, bit, *after), apart), (0, (*before, mask & ~bit, *after), apart)]

    return test


def _joined(nodes: list[Node | int], stop: int) -> Node | int:
    """The conjunction (stop at 0) or the disjunction (stop at 1)."""
    if stop in [node for node in nodes if isinstance(node, int)]:
        return stop
    parts = [node for node in nodes if not isinstance(node, int)]
    if len(parts) < 2:
        return parts[0] if parts else 1 - stop

    def join(cells: Cells, apart: Apart) -> list[Valued]:
        found: list[Valued] = []
        rest = [(cells, apart)]
        for part in parts:
            going_on: list[Box] = []
            for box in rest:
                for value, narrowed, pairs in part(*box):
                    if value == stop:
                        found.append((stop, narrowed, pairs))
                    else:
                        going_on.append((narrowed, pairs))
            rest = going_on
        found.extend((1 - stop, narrowed, pairs) for narrowed, pairs in rest)
        return found

    return join


def _chosen(condition: Node, then: Node, otherwise: Node) -> Node:
    def choose(cells: Cells, apart: Apart) -> list[Valued]:
        return [
            found for value, narrowed, pairs in condition(cells, apart) for found in (then if value else otherwise)(narrowed, pairs)
        ]

    return choose


Comparison = Callable[[int, int, Cells, Apart], list[Valued]]


def _compared(left: Node, right: Node, comparison: Comparison, again: bool = False) -> Node:
    def compare(cells: Cells, apart: Apart) -> list[Valued]:
        boxes = [(cells, apart)]
        if again:  # a condition on one side may replace an unknown that the other side has given already: narrow first, then read
            for node in (left, right):
                boxes = [(narrowed, pairs) for box in boxes for _, narrowed, pairs in node(*box)]
        return [
            found
            for box in boxes
            for a, *narrowed in left(*box)
            for b, inside, pairs in right(*narrowed)  # type: ignore[arg-type]  # the cells and the pairs, which a starred name forgets
            for found in comparison(a, b, inside, pairs)
        ]

    return compare


def _same_number(a: int, b: int, cells: Cells, apart: Apart) -> list[Valued]:
    return [(int(a == b), cells, apart)]


def _at_most(a: int, b: int, cells: Cells, apart: Apart) -> list[Valued]:
    return [(int(a <= b), cells, apart)]


def same_content(a: int, b: int, cells: Cells, apart: Apart) -> list[Valued]:
    """Whether two contents are equal: where an unknown takes part, a box in which they are and one in which they are not."""
    if a == b:
        return [(1, cells, apart)]
    if a > b:
        a, b = b, a
    if a >= 0 or (a, b) in apart:  # two names differ
        return [(0, cells, apart)]
    different = (0, cells, apart | {(a, b)})
    pairs = set()
    for pair in apart:
        first, second = (b if content == a else content for content in pair)
        if first == second:
            return [different]
        if first < 0 or second < 0:
            pairs.add((min(first, second), max(first, second)))
    # Only an unknown is negative: sets of values are not, so the cells that hold it are found by their value.
    return [different, (1, tuple(b if cell == a else cell for cell in cells), frozenset(pairs))]


# ---------------------------------------------------------------- sets


def normal(boxes: Iterable[Box], factored: Factored) -> tuple[Box, ...]:
    """The same set in few boxes, in an order that does not depend on how it came about; unknowns are numbered anew in each box."""
    found = {_renumbered(box, factored) for box in boxes}
    while len(found) > 1:
        count = len(found)
        for place in factored.finite:
            union: dict[tuple[Cells, Cells, Apart], int] = {}
            for cells, apart in found:
                key = (cells[:place], cells[place + 1 :], apart)
                union[key] = union.get(key, 0) | cells[place]
            if len(union) < len(found):
                found = {((*before, mask, *after), apart) for (before, after, apart), mask in union.items()}
        if len(found) == count:
            break
    if len(found) > 1:
        found = {box for box in found if not any(other is not box and covers(other, box, factored) for other in found)}
    return tuple(sorted(found, key=lambda box: (box[0], sorted(box[1]))))


def covers(large: Box, small: Box, factored: Factored) -> bool:
    """Whether every state of one box is in the other, as far as their contents are written the same way."""
    a, b = large[0], small[0]
    if not large[1] <= small[1]:
        return False
    for place in factored.contents:
        if a[place] != b[place]:
            return False
    return all(not b[place] & ~a[place] for place in factored.finite)


def _renumbered(box: Box, factored: Factored) -> Box:
    cells, apart = box
    new: dict[int, int] = {}
    changed = list(cells[: len(factored.local)])
    for place in factored.contents:
        content = changed[place]
        if content < 0:
            changed[place] = new.setdefault(content, -1 - len(new))
    if not apart:
        return tuple(changed), apart
    pairs = set()
    for first, second in apart:
        if (first >= 0 or first in new) and (second >= 0 or second in new):
            a, b = new.get(first, first), new.get(second, second)
            pairs.add((min(a, b), max(a, b)))
    return tuple(changed), frozenset(pairs)

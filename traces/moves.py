"""The actions of a design as steps of one page: what an action does to a set of page-local states while the global state is known.

Of an action on one page, that page sees all. Of an action without a page (a phase begins, a CPU stops) every page sees its own part:
a condition on every page is asked page by page, an update of a whole array is done page by page. What an action without a page
chooses freely, every page chooses for itself: that only explains more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from ..model.machine import Action, Conjunct, Update
from ..model.terms import Content, Index, Page, Term, walk
from .boxes import NOTHING_APART, Box, Cells, Compiler, Factored, Node, NotFactored, asks_assumption, reads


@dataclass(frozen=True)
class Condition:
    """A condition of a guard, ready to be asked."""

    conjunct: Conjunct
    node: Node | int


class Move:
    """One action with certain index arguments, as a page sees it.

    ``needs_content`` says that its parameter ``content`` is given with each use: the name of what an event observed.
    """

    def __init__(self, factored: Factored, action: Action, bound: dict[str, int], needs_content: bool, dropped: frozenset[str], held: set[str]) -> None:
        self.factored, self.action, self.bound, self.needs_content = factored, action, bound, needs_content
        self.on_page = any(parameter.sort is Page for parameter in action.parameters)
        check_factored(action, factored)
        free: dict[tuple[str, tuple[int, ...]], int] = {}
        self._arguments: list[int | None] = []  # the first value of each argument cell; None for a content
        self._given = -1
        for parameter in action.parameters:
            if issubclass(parameter.sort, Index) and not parameter.per:
                continue
            ranges = [range(1 if sort is Page else factored.sizes.count(sort)) for sort in parameter.per]
            for indices in product(*ranges):
                if needs_content and parameter.name == "content":
                    self._given = len(self._arguments)
                free[parameter.name, indices] = len(factored.cells) + len(self._arguments)
                self._arguments.append(None if parameter.sort is Content else (1 << parameter.domain(factored.sizes)) - 1)
        compiler = Compiler(factored, dropped, held, bound, free)
        self._shared_names = {cell.variable.name for cell in factored.shared}
        by_asking = sorted(action.guard, key=lambda conjunct: asks_assumption(conjunct.term))
        conditions = [Condition(conjunct, compiler.node(conjunct.term)) for conjunct in by_asking]
        self.shared_conditions = [c for c in conditions if reads(c.conjunct.term) & self._shared_names]
        self.conditions = [c for c in conditions if not reads(c.conjunct.term) & self._shared_names]
        local = {cell.variable.name for cell in factored.local}
        self.global_conditions = [c for c in self.conditions if not reads(c.conjunct.term) & local]
        self._local_updates = [cell for update in action.updates if update.variable in local for cell in _cells(update, compiler)]
        self._global_updates = [
            cell for update in action.updates if update.variable in factored.variables and update.variable not in local
            for cell in _cells(update, compiler)
        ]
        self.adds = {place - len(factored.local) - len(factored.globals) for place, _, _, _ in self._global_updates if factored.cells[place] in factored.shared}
        used = [str(part.payload) for term in _terms(action) for part in walk(term) if part.op in ("parameter", "element")]
        self._once = {name for name in used if used.count(name) == 1}

    def _start(self, local: Box, globals_: Cells, content: int | None, shared: Cells | None = None) -> Box:
        cells = list(local[0] + globals_ + (shared if shared is not None else (1,) * len(self.factored.shared)))
        fresh = min(0, min(local[0], default=0))
        for number, value in enumerate(self._arguments):
            if number == self._given and content is not None:
                cells.append(content)
            elif value is None:
                fresh -= 1
                cells.append(fresh)
            else:
                cells.append(value)
        return tuple(cells), local[1]

    def possible(self, local: Box, globals_: Cells, content: int | None) -> list[Box]:
        """The parts of a box of local states, with global cells and arguments, in which the action is possible."""
        boxes = [self._start(local, globals_, content)]
        for condition in self.conditions:
            if condition.node == 1:
                continue
            if isinstance(condition.node, int):
                return []
            boxes = [(cells, apart) for box in boxes for value, cells, apart in condition.node(*box) if value]
            if not boxes:
                return []
        return boxes

    def false_conditions(self, local: Box, globals_: Cells, content: int | None) -> list[Conjunct]:
        """The conditions that hold nowhere in a box, each asked alone."""
        box = self._start(local, globals_, content)
        return [
            condition.conjunct
            for condition in self.conditions
            if not any(value for value, _, _ in ([(condition.node, *box)] if isinstance(condition.node, int) else condition.node(*box)))
        ]

    def apply(self, local: Box, globals_: Cells, content: int | None) -> Iterator[Box]:
        """The local states after the action, from those of a box in which it is possible."""
        count = len(self.factored.local)
        for box in self.possible(local, globals_, content):
            for cells, apart, changes in self._changes(box, self._local_updates):
                changed = list(cells[:count])
                for place, value in changes:
                    changed[place] = value
                yield tuple(changed), apart

    def apply_globally(self, globals_: Cells) -> Iterator[Cells]:
        """The global states after an action without a page, from those in which its conditions on global cells hold."""
        first, last = len(self.factored.local), len(self.factored.local) + len(self.factored.globals)
        boxes = [self._start(self.factored.initial_local(), globals_, None)]
        for condition in self.global_conditions:
            boxes = [
                (cells, apart)
                for box in boxes
                for value, cells, apart in ([(condition.node, *box)] if isinstance(condition.node, int) else condition.node(*box))
                if value
            ]
        updates = [update for update in self._global_updates if update[0] < last]
        for box in boxes:
            for cells, _, changes in self._changes(box, updates):
                changed = list(cells[first:last])
                for place, value in changes:
                    changed[place - first] = value
                yield tuple(changed)

    def shared_allows(self, globals_: Cells, shared: Cells) -> bool:
        """Whether its conditions on shared counters can hold."""
        box = self._start(self.factored.initial_local(), globals_, None, shared)
        return all(
            bool(c.node) if isinstance(c.node, int) else any(value for value, _, _ in c.node(*box)) for c in self.shared_conditions
        )

    def change_shared(self, globals_: Cells, shared: Cells) -> Cells:
        """The shared counters after the action."""
        first = len(self.factored.local) + len(self.factored.globals)
        box = self._start(self.factored.initial_local(), globals_, None, shared)
        after = list(shared)
        for place in {update[0] for update in self._global_updates if update[0] >= first}:
            after[place - first] = 0
            for _, _, changes in self._changes(box, [update for update in self._global_updates if update[0] == place]):
                after[place - first] |= changes[0][1]
        return tuple(after)

    def _changes(self, start: Box, updates: list[CellUpdate]) -> Iterator[tuple[Cells, tuple[tuple[int, int], ...], list[tuple[int, int]]]]:
        raise NotImplementedError

"""The actions of a design as one page sees them: what an action does to a set of page-local states.

Of an action on a page, that page sees everything. Of an action without a page (a phase begins, a CPU stops) every page sees its own
part: a condition on every page is asked page by page, an update of a whole array is done page by page. What such an action chooses
freely, each page chooses for itself, which can only explain more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

from ..model.machine import Action, Conjunct
from ..model.terms import Content, Index, Page, Term, walk
from .boxes import Apart, Box, Cells, Compiler, Factored, Node, NotFactored, asks_assumption, reads

Conditions = list[tuple[Conjunct, Node | int]]
Change = Callable[[Cells, Apart], list[tuple[int | None, Cells, Apart]]]  # the new value of one cell, None if it keeps its own


class Move:
    """One action, with certain indices as its arguments, ready to be tried on boxes.

    With ``given`` the parameter ``content`` has a value that is said with each use. ``held`` collects the assumptions that made a
    difference by being held. The caller has seen to it (:func:`check_factored`) that the action can be followed page by page.
    """

    def __init__(
        self, factored: Factored, action: Action, bound: dict[str, int], *, given: bool, dropped: frozenset[str], held: set[str]
    ) -> None:
        self.factored, self.action = factored, action
        self.on_page = any(parameter.sort is Page and not parameter.per for parameter in action.parameters)
        self._first_shared = len(factored.local) + len(factored.globals)
        free: dict[tuple[str, tuple[int, ...]], int] = {}
        self._arguments: list[int | None] = []  # what each argument's cell begins with; None for a content
        self._given = -1
        for parameter in action.parameters:
            if issubclass(parameter.sort, Index) and not parameter.per:
                continue
            if given and parameter.name == "content":
                self._given = len(self._arguments)
            for indices in product(*(range(1 if sort is Page else factored.sizes.count(sort)) for sort in parameter.per)):
                free[parameter.name, indices] = len(factored.cells) + len(self._arguments)
                self._arguments.append(None if parameter.sort is Content else (1 << parameter.domain(factored.sizes)) - 1)
        compiler = Compiler(factored, dropped, held, bound, free)
        local, shared = ({cell.variable.name for cell in cells} for cells in (factored.local, factored.shared))
        guard = sorted(action.guard, key=lambda conjunct: asks_assumption(conjunct.term))
        conditions = [(conjunct, compiler.node(conjunct.term), reads(conjunct.term)) for conjunct in guard]
        self.conditions: Conditions = [(c, node) for c, node, read in conditions if not read & shared]
        self.global_conditions: Conditions = [(c, node) for c, node, read in conditions if not read & (shared | local)]
        self.shared_conditions: Conditions = [(c, node) for c, node, read in conditions if read & shared]
        changes = _changes(action, compiler)
        self._local = [(place, change) for place, change in changes if place < len(factored.local)]
        self._global = [(place, change) for place, change in changes if len(factored.local) <= place < self._first_shared]
        self._shared = [(place, change) for place, change in changes if place >= self._first_shared]

    @property
    def changes_globals(self) -> bool:
        """Whether it changes a global cell that is followed."""
        return bool(self._global)

    @property
    def changes_shared(self) -> bool:
        """Whether it changes a shared counter."""
        return bool(self._shared)

    def possible(self, local: Box, globals_: Cells, content: int | None, conditions: Conditions | None = None) -> list[Box]:
        """The parts of a box in which the action is possible, followed by the cells of its arguments."""
        return _narrowed([self._start(local, globals_, content)], self.conditions if conditions is None else conditions)

    def open_conditions(self, globals_: Cells) -> Conditions:
        """The conditions that a box of global states does not make true by itself."""
        start = self._start(self.factored.initial_local(), globals_, None)
        decided = [conjunct for conjunct, node in self.global_conditions if _narrowed([start], [(conjunct, node)]) == [start]]
        return [(conjunct, node) for conjunct, node in self.conditions if not any(conjunct is one for one in decided)]

    def false_conditions(self, local: Box, globals_: Cells, content: int | None, everywhere: bool = True) -> list[Conjunct]:
        """The conditions that hold nowhere in a box, each asked alone; not ``everywhere``: of those that read only global cells."""
        start = self._start(local, globals_, content)
        conditions = self.conditions if everywhere else self.global_conditions
        return [conjunct for conjunct, node in conditions if not _narrowed([start], [(conjunct, node)])]

    def impossible(self, local: Box, globals_: Cells, content: int | None) -> list[Box]:
        """The parts of a box in which the action is not possible."""
        boxes, found = [self._start(local, globals_, content)], []
        for _, node in self.conditions:
            if isinstance(node, int):
                if node:
                    continue
                return [local]
            valued = [result for box in boxes for result in node(*box)]
            found += [(cells[: len(self.factored.local)], apart) for value, cells, apart in valued if not value]
            boxes = [(cells, apart) for value, cells, apart in valued if value]
        return found

    def apply(self, local: Box, globals_: Cells, content: int | None, conditions: Conditions | None = None) -> Iterator[Box]:
        """The boxes of local states that the action leads to. Of its conditions only these are asked, if any are given."""
        for cells, apart, changed in _changed(self.possible(local, globals_, content, conditions), self._local):
            after = list(cells[: len(self.factored.local)])
            for place, value in changed.items():
                after[place] = value
            yield tuple(after), apart

    def globally_possible(self, globals_: Cells) -> list[Box]:
        """The parts of a box of global states in which the conditions hold that read nothing else."""
        return _narrowed([self._start(self.factored.initial_local(), globals_, None)], self.global_conditions)

    def apply_globally(self, globals_: Cells) -> Iterator[Cells]:
        """The boxes of global states that the action leads to, as far as the global cells decide."""
        for cells, _, changed in _changed(self.globally_possible(globals_), self._global):
            yield tuple(changed.get(place, cells[place]) for place in range(len(self.factored.local), self._first_shared))

    def false_shared(self, globals_: Cells, shared: Cells) -> list[Conjunct]:
        """The conditions on shared counters that cannot hold."""
        start = self._start(self.factored.initial_local(), globals_, None, shared)
        return [conjunct for conjunct, node in self.shared_conditions if not _narrowed([start], [(conjunct, node)])]

    def apply_shared(self, globals_: Cells, shared: Cells) -> Cells:
        """The values that the shared counters can have afterwards. A counter does not go below 0."""
        after = list(shared)
        start = self._start(self.factored.initial_local(), globals_, None, shared)
        for place, change in self._shared:
            values = {value for _, _, changed in _changed([start], [(place, change)]) for value in changed.values()}
            after[place - self._first_shared] = 0
            for value in values or {start[0][place]}:
                after[place - self._first_shared] |= value
        return tuple(after)

    def _start(self, local: Box, globals_: Cells, content: int | None, shared: Cells | None = None) -> Box:
        fresh = min(0, *local[0])
        arguments = []
        for number, value in enumerate(self._arguments):
            if number == self._given:
                value = content
            if value is None:
                fresh -= 1
                value = fresh
            arguments.append(value)
        return (*local[0], *globals_, *(shared or (1,) * len(self.factored.shared)), *arguments), local[1]


def _narrowed(boxes: list[Box], conditions: Conditions) -> list[Box]:
    for _, node in conditions:
        if isinstance(node, int):
            if not node:
                return []
            continue
        boxes = [(cells, apart) for box in boxes for value, cells, apart in node(*box) if value]
    return boxes


def _changed(boxes: list[Box], changes: list[tuple[int, Change]]) -> Iterator[tuple[Cells, Apart, dict[int, int]]]:
    # Twice over: the first time splits the boxes until every new value is decided, the second time reads it.
    for _, change in changes:
        boxes = [(cells, apart) for box in boxes for _, cells, apart in change(*box)]
    for cells, apart in boxes:
        values = {place: change(cells, apart)[0][0] for place, change in changes}
        yield cells, apart, {place: value for place, value in values.items() if value is not None}


def _changes(action: Action, compiler: Compiler) -> list[tuple[int, Change]]:
    """One change for each cell that the action writes and that is followed."""
    factored = compiler.factored
    used = [str(part.payload) for term in _terms(action) for part in walk(term) if part.op in ("parameter", "element")]
    once = {name for name in used if used.count(name) == 1}
    found: list[tuple[int, Change]] = []
    for update in action.updates:
        if update.variable not in factored.variables:
            continue
        variable = factored.variables[update.variable]
        names = [str(binder.payload) for binder in update.binders]
        ranges = [range(1 if sort is Page else factored.sizes.count(sort)) for sort in variable.per] if names else []
        for numbers in product(*ranges):
            inside = Compiler(
                factored, compiler.dropped, compiler.held, {**compiler.bound, **dict(zip(names, numbers, strict=True))}, compiler.free
            )
            place = inside.place(type(update.value)("read", update.variable, update.indices or update.binders))
            found.append((place, _change(update.value, place, inside, once)))
    return found


def _change(value: Term, place: int, compiler: Compiler, once: set[str]) -> Change:
    content = isinstance(value, Content)
    if value.op == "ite":
        condition = compiler.node(value.args[0])
        then, otherwise = (_change(argument, place, compiler, once) for argument in value.args[1:])
        if isinstance(condition, int):
            return then if condition else otherwise
        return lambda cells, apart: [
            found for test, narrowed, pairs in condition(cells, apart) for found in (then if test else otherwise)(narrowed, pairs)
        ]
    if value.op == "read" and compiler.place(value) == place:
        return lambda cells, apart: [(None, cells, apart)]
    if value.op in ("parameter", "element") and not content and str(value.payload) in once:
        source = compiler.place(value)  # nothing else depends on what was chosen, so the choice stays open
        return lambda cells, apart: [(cells[source], cells, apart)]
    node = compiler.node(value)
    if isinstance(node, int):
        constant = 1 << node
        return lambda cells, apart: [(constant, cells, apart)]
    if content:
        return lambda cells, apart: list(node(cells, apart))
    return lambda cells, apart: [(1 << max(number, 0), narrowed, pairs) for number, narrowed, pairs in node(cells, apart)]


# ---------------------------------------------------------------- what cannot be split by page


def _terms(action: Action) -> Iterator[Term]:
    for conjunct in action.guard:
        yield conjunct.term
    for update in action.updates:
        yield from update.indices
        yield update.value


def check_factored(action: Action, factored: Factored) -> None:
    """Raises NotFactored if the action ties pages together in a way that cannot be followed page by page."""

    def refuse(what: str, line: int = action.line) -> None:
        raise NotFactored(f"{action.file}:{line}: {action.name} {what}, so a trace cannot be replayed page by page")

    pages = [parameter for parameter in action.parameters if parameter.sort is Page]
    if len(pages) > 1 or any(parameter.per for parameter in pages):
        refuse("has several pages")
    local, shared = ({cell.variable.name for cell in cells} for cells in (factored.local, factored.shared))
    for conjunct in action.guard:
        if pages and any(_asks_pages(part) for part in walk(conjunct.term)):
            refuse("asks about other pages than its own", conjunct.line)
        if not separable(conjunct.term, True):
            refuse("asks about several pages at once", conjunct.line)
        if reads(conjunct.term) & shared and reads(conjunct.term) & local:
            refuse("compares a counter that many pages change with the state of a page", conjunct.line)
    for update in action.updates:
        if update.variable not in factored.variables:
            continue
        if any(_asks_pages(part) for term in (*update.indices, update.value) for part in walk(term)):
            refuse(f"assigns {update.variable} from several pages")
        if update.variable in local:
            if pages and any(binder.sort is Page for binder in update.binders):
                refuse(f"assigns {update.variable} of pages that are not its own")
            if reads(update.value) & shared:
                refuse(f"assigns {update.variable} from a counter that many pages change")
        elif reads(update.value) & local:
            refuse(f"assigns {update.variable} from the state of a page")
        elif pages and update.variable not in shared:
            refuse(f"assigns {update.variable}, which belongs to no page and is no counter")


def _asks_pages(term: Term) -> bool:
    return term.op in ("every", "some") and term.args[0].sort is Page


def separable(term: Term, positive: bool) -> bool:
    """Whether the term is true of all pages together if and only if it is true of each page, with "every page" read as "this page"."""
    asking = [argument for argument in term.args if any(_asks_pages(part) for part in walk(argument))]
    if _asks_pages(term):
        return (term.op == "every") == positive and not asking
    if not asking:
        return True
    if term.op == "not":
        return separable(term.args[0], not positive)
    if term.op == "implies":
        together = not positive
        return (len(asking) == 1 or together) and separable(term.args[0], not positive) and separable(term.args[1], positive)
    if term.op in ("and", "or"):
        together = (term.op == "and") == positive
        return (len(asking) == 1 or together) and all(separable(argument, positive) for argument in term.args)
    if term.op in ("every", "some"):  # over another sort: a conjunction or a disjunction of several
        return (term.op == "every") == positive and separable(term.args[1], positive)
    return False

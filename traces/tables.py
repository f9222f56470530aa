"""What each kind of event does to the set of states that a page can be in: worked out once for each set, and remembered.

A set has a number. The digests that the contents in it stand for are kept outside, in the *names* of a page. So an event on a page is
nearly always a look-up of what such an event did to some page before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, NamedTuple

from ..model.events import Does, EventMapping, Meaning, Observes
from ..model.machine import Action, Machine, Sizes
from ..model.terms import Cpu, Device, Index, Page
from .boxes import Box, Cells, Compiler, Factored, NotFactored, covers, normal, reads, same_content
from .format import Header
from .moves import Conditions, Move, check_factored

MOST_BOXES = 2048
MOST_NAMES = 512
MOST_SETS = 1 << 17
MOST_REMEMBERED = 1 << 18

Boxes = tuple[Box, ...]
Names = tuple[str, ...]
Renaming = tuple[int, ...]
Stepped = tuple[int, Renaming] | None
"""The number of a set and which of the names that were used are its names, in its order; None if there is no state in it."""

NOTHING: frozenset[str] = frozenset()


class Beyond(Exception):
    """A bound of the replay was reached. The text is one line that says which."""


class Values(NamedTuple):
    """The fields of an event that a step or an observation uses. A content is the place of its digest in the names."""

    content: int | None = None
    in_use: bool | None = None
    in_image: bool | None = None


class Unit(NamedTuple):
    """One step of an event: the moves of which one explains it (without moves nothing is done), and what is seen after it."""

    alternatives: tuple[Move, ...]
    attempted: bool
    observes: tuple[Observes, ...]


class Program(NamedTuple):
    """The steps of an event of one kind, and of one CPU if the kind has one."""

    kind: str
    units: tuple[Unit, ...]
    shared: tuple[Move, ...]
    """The moves among them that read or change a shared counter."""
    lacking: tuple[str, ...]
    """Actions that the mapping names and the design does not have."""


class Tables:
    """A design, what events mean for it, and what a recorder saw. ``dropped`` names the assumptions that are not held.

    ``held`` collects the assumptions that made a difference by being held: dropping any other changes nothing. Raises NotFactored.
    """

    def __init__(self, machine: Machine, mapping: EventMapping, header: Header, dropped: frozenset[str] = frozenset()) -> None:
        self.machine, self.mapping, self.header, self.dropped = machine, mapping, header, dropped
        self.held: set[str] = set()
        sizes = Sizes(pages=header.pages, cpus=header.cpus, devices=max(1, header.devices), contents=1)
        for sort in machine.sorts:
            if sort not in (Page, Cpu, Device):
                raise NotFactored(f"{machine.name} has {sort.plural}, of which a trace says nothing")
        self._actions = {action.name: action for action in machine.actions}
        self._checked: set[str] = set()  # actions that are known to be separable by page
        unseen = [*mapping.unseen, *(mapping.unseen_with_devices if header.devices else ())]
        self._unrecorded = {  # action -> the kind of event that does not show it always
            name: kind
            for kind, meaning in mapping.kinds.items()
            if header.kinds.get(kind, "never") != "always"
            for does in meaning.steps
            for name in does.actions
        }
        mapped = [name for meaning in _meanings(mapping) for does in meaning.steps for name in does.actions]
        relevant = [self._actions[name] for name in dict.fromkeys([*mapped, *unseen]) if name in self._actions]
        self.factored = Factored(machine, sizes, *_followed(machine, mapping, relevant))
        self._check_observed()
        hidden = [name for name in dict.fromkeys([*unseen, *self._unrecorded]) if name in self._actions]
        moves = [(name, move) for name in hidden for move in self._moves(self._actions[name], {}, given=False)]
        self._hidden = [move for _, move in moves if not move.changes_globals]
        self._hidden_globally = [(self._unrecorded.get(name, name), move) for name, move in moves if move.changes_globals]
        self._programs: dict[tuple[str, int | None, bool], Program] = {}
        self.sets: list[Boxes] = []
        self._set_numbers: dict[Boxes, int] = {}
        self.globals: list[tuple[Cells, ...]] = []
        self._global_numbers: dict[tuple[Cells, ...], int] = {}
        self._enabled: dict[int, list[tuple[Move, list[tuple[Cells, Conditions]]]]] = {}
        self._closed: dict[tuple[Boxes, int], Boxes] = {}
        self.remembered: dict[tuple[object, ...], Stepped] = {}
        self.unchanged: dict[int, Renaming] = {}
        """For a number of names: the renaming that leaves all of them where they are. It is always this very object."""
        self._unions: dict[tuple[int, int, Renaming], tuple[int, Renaming]] = {}

    def _check_observed(self) -> None:
        for kind, meaning in self.mapping.kinds.items():
            for name in (*(item.variable for item in meaning.observes), *(item.variable for item in meaning.witnesses)):
                if name not in self.factored.variables:
                    raise NotFactored(f"{self.machine.name} has no variable {name}, which '{kind}' events show")
                if self.factored.variables[name].per != (Page,):
                    raise NotFactored(f"{name} of {self.machine.name}, which '{kind}' events show, is not one value for each page")

    # ------------------------------------------------------------ programs

    def program(self, kind: str, cpu: int | None, on_page: bool) -> Program:
        """The steps of an event."""
        key = (kind, cpu, on_page)
        found = self._programs.get(key)
        if found is None:
            found = self._programs[key] = self._program(*key)
        return found

    def _program(self, kind: str, cpu: int | None, on_page: bool) -> Program:
        meaning = self.mapping.over_all_pages.get(kind) if not on_page else None
        meaning = meaning or self.mapping.kinds.get(kind)
        if meaning is None:
            raise NotFactored(f"nothing is known about what '{kind}' events mean for {self.machine.name}")
        units: list[Unit] = []
        lacking: list[str] = []
        for does in meaning.steps:
            lacking += [name for name in does.actions if name not in self._actions]
            for bound in self._bindings(does, cpu):
                moves = tuple(
                    move
                    for name in does.actions
                    if name in self._actions
                    for move in self._moves(self._actions[name], bound, given=on_page)
                )
                if on_page and any(move.changes_globals for move in moves):
                    raise NotFactored(f"a '{kind}' event names a page, but changes the phase or a CPU of {self.machine.name}")
                units.append(Unit(moves, does.attempted, ()))
        if not units:
            units.append(Unit((), True, ()))
        units[-1] = units[-1]._replace(observes=meaning.observes)
        shared = tuple(
            move for unit in units for move in unit.alternatives if move.shared_conditions or move.changes_shared
        )
        return Program(kind, tuple(units), shared, tuple(lacking))

    def _bindings(self, does: Does, cpu: int | None) -> Iterator[dict[str, int]]:
        event = {} if cpu is None else {"cpu": cpu}
        if not does.each:
            yield event
            return
        sorts = [
            parameter.sort
            for name in does.actions
            if name in self._actions
            for parameter in self._actions[name].parameters
            if parameter.name == does.each
        ]
        for number in range(self._count(sorts[0]) if sorts else 0):
            yield {**event, does.each: number}

    def _count(self, sort: type) -> int:
        return self.factored.sizes.count(sort)

    def _moves(self, action: Action, bound: dict[str, int], given: bool) -> Iterator[Move]:
        """The action with the indices that are known, once for every choice of those that are not."""
        if action.name not in self._checked:
            check_factored(action, self.factored)
            self._checked.add(action.name)
        names, ranges = [], []
        for parameter in action.parameters:
            if issubclass(parameter.sort, Index) and not parameter.per:
                names.append(parameter.name)
                known = parameter.sort is Cpu and parameter.name in bound
                ranges.append(
                    range(1) if parameter.sort is Page else [bound[parameter.name]] if known else range(self._count(parameter.sort))
                )
        content = given and any(parameter.name == "content" for parameter in action.parameters)
        for numbers in product(*ranges):
            yield Move(
                self.factored, action, dict(zip(names, numbers, strict=True)), given=content, dropped=self.dropped, held=self.held
            )

    # ------------------------------------------------------------ sets

    def initial_set(self) -> tuple[int, Names]:
        """Every state in which a page can begin."""
        number, _ = self.intern(normal([self.factored.initial_local()], self.factored))
        return number, ()

    def intern(self, boxes: Boxes) -> tuple[int, Renaming]:
        """The number of a set, and which of the names that were used so far are its names, in its own order."""
        if len(boxes) > MOST_BOXES:
            raise Beyond(f"a page can be in more than {MOST_BOXES} groups of states")
        order: dict[int, int] = {}
        contents, finite = self.factored.contents, self.factored.finite

        def without_names(box: Box) -> tuple[object, ...]:
            first: dict[int, int] = {}
            return tuple(box[0][p] for p in finite), tuple(
                box[0][p] if box[0][p] < 0 else first.setdefault(box[0][p], len(first)) for p in contents
            )

        for cells, _ in sorted(boxes, key=without_names):
            for place in contents:
                if cells[place] >= 0:
                    order.setdefault(cells[place], len(order))
        for _, apart in boxes:
            for _, content in sorted(apart):
                if content >= 0:
                    order.setdefault(content, len(order))
        if len(order) > MOST_NAMES:
            raise Beyond(f"more than {MOST_NAMES} contents of one page matter at once")
        renamed = self.rename(boxes, order)
        number = self._set_numbers.get(renamed)
        if number is None:
            if len(self.sets) >= MOST_SETS:
                raise Beyond(f"pages can be in more than {MOST_SETS} different sets of states")
            number = self._set_numbers[renamed] = len(self.sets)
            self.sets.append(renamed)
        places = tuple(order)
        if places == tuple(range(len(places))):
            places = self.unchanged.setdefault(len(places), places)
        return number, places

    def rename(self, boxes: Boxes, order: dict[int, int]) -> Boxes:
        """The set with other numbers for its names."""
        if all(old == new for old, new in order.items()):
            return boxes
        contents = frozenset(self.factored.contents)
        renamed = [
            (
                tuple(order[cell] if place in contents and cell >= 0 else cell for place, cell in enumerate(cells)),
                frozenset((a, order[b] if b >= 0 else b) for a, b in apart),
            )
            for cells, apart in boxes
        ]
        return tuple(sorted(renamed, key=lambda box: (box[0], sorted(box[1]))))

    def union(self, first: tuple[int, Names], second: tuple[int, Names]) -> tuple[int, Names]:
        """The states of two sets of one page."""
        if first == second:
            return first
        (a, names), (b, others) = first, second
        together = [*names, *(digest for digest in others if digest not in names)]
        places = tuple(together.index(digest) for digest in others)
        found = self._unions.get((a, b, places))
        if found is None:
            moved = self.rename(self.sets[b], dict(enumerate(places)))
            found = self._unions[a, b, places] = self.intern(normal((*self.sets[a], *moved), self.factored))
            self._forget(self._unions)
        number, renaming = found
        return number, tuple(together[place] for place in renaming)

    # ------------------------------------------------------------ steps

    def step(
        self, number: int, global_number: int, program: Program, first: int, last: int, values: Values, excluded: frozenset[str]
    ) -> Stepped:
        """The set after the units from first to last (exclusive) of a program. The caller remembers it."""
        boxes: Boxes = self.sets[number]
        for unit in program.units[first:last]:
            boxes = normal(self.unit(self.close(boxes, global_number), global_number, unit, values, excluded), self.factored)
            if not boxes:
                return None
        return self.intern(boxes)

    def remember(self, key: tuple[object, ...], result: Stepped) -> None:
        """Keep the result of a step under a key."""
        self._forget(self.remembered)
        self.remembered[key] = result

    def _forget(self, table: dict[Any, Any]) -> None:
        if len(table) > MOST_REMEMBERED:
            table.clear()

    def unit(
        self, boxes: Boxes, global_number: int, unit: Unit, values: Values, excluded: frozenset[str] = frozenset()
    ) -> Iterator[Box]:
        """The boxes that one step of an event leads to, as far as they agree with what was seen."""
        moves = [move for move in unit.alternatives if move.action.name not in excluded]
        for box in boxes:
            for globals_ in self.globals[global_number]:
                for move in moves:
                    for after in move.apply(box, globals_, values.content):
                        yield from self.observed(after, unit.observes, values)
                if unit.attempted:
                    rest = [box]
                    for move in moves:
                        rest = [part for one in rest for part in move.impossible(one, globals_, values.content)]
                    for one in rest:
                        yield from self.observed(one, unit.observes, values)

    def observed(self, box: Box, observes: tuple[Observes, ...], values: Values) -> Iterator[Box]:
        """The part of a box that agrees with what was seen."""
        boxes = [box]
        for item in observes:
            place, seen = self.factored.place[item.variable, (0,)], getattr(values, item.field)
            if not self.factored.cells[place].values:
                boxes = [(cells, pairs) for c, a in boxes for same, cells, pairs in same_content(c[place], seen, c, a) if same]
            else:
                bit = 1 << int(seen)
                boxes = [((*c[:place], bit, *c[place + 1 :]), a) for c, a in boxes if c[place] & bit]
        yield from boxes

    def close(self, boxes: Boxes, global_number: int) -> Boxes:
        """The set with everything that may happen to the page unseen."""
        found = self._closed.get((boxes, global_number))
        if found is not None:
            return found
        moves = self._enabled.get(global_number)
        if moves is None:
            each = [
                (move, [(one, move.open_conditions(one)) for one in self.globals[global_number] if move.globally_possible(one)])
                for move in self._hidden
            ]
            moves = self._enabled[global_number] = [(move, places) for move, places in each if places]
        # Each action is tried on what those before it led to: so many CPUs that do the same cost one box, not one for each subset.
        known, settled = boxes, 0
        while settled < len(moves):
            for move, places in moves:
                reached = [
                    after
                    for box in known
                    for globals_, conditions in places
                    for after in move.apply(box, globals_, None, conditions)
                    if not any(covers(one, after, self.factored) for one in known)
                ]
                together = normal((*known, *reached), self.factored) if reached else known
                if len(together) > MOST_BOXES:
                    raise Beyond(f"a page can be in more than {MOST_BOXES} groups of states")
                settled = settled + 1 if together == known else 1
                known = together
                if settled >= len(moves):
                    break
        self._forget(self._closed)
        self._closed[boxes, global_number] = known
        return known

    # ------------------------------------------------------------ global states

    def initial_globals(self) -> int:
        """The number of the set of global states in which the machine can begin."""
        return self._intern_globals([self.factored.initial_globals()])

    def step_globally(self, global_number: int, unit: Unit) -> int | None:
        """The number of the set of global states after a step without a page, as far as the global cells decide; None if it is empty."""
        moves = [move for move in unit.alternatives if not move.on_page]
        if len(moves) < len(unit.alternatives) or not unit.alternatives:
            return global_number
        after = [result for globals_ in self.globals[global_number] for move in moves for result in move.apply_globally(globals_)]
        if unit.attempted:
            after += self.globals[global_number]
        return self._intern_globals(after) if after else None

    def _intern_globals(self, found: Iterable[Cells]) -> int:
        merged = set(found)
        for place in range(len(self.factored.globals)):
            union: dict[tuple[Cells, Cells], int] = {}
            for cells in merged:
                key = (cells[:place], cells[place + 1 :])
                union[key] = union.get(key, 0) | cells[place]
            merged = {(*before, mask, *after) for (before, after), mask in union.items()}
        boxes = tuple(sorted(merged))
        number = self._global_numbers.setdefault(boxes, len(self.globals))
        if number == len(self.globals):
            self.globals.append(boxes)
        return number

    def always_terminal(self, global_number: int) -> bool:
        """Whether the machine is certain to have ended, in the design's own sense."""
        compiler = Compiler(self.factored, self.dropped, set(), {}, {})
        node = compiler.node(self.machine.terminal)
        if isinstance(node, int):
            return bool(node)
        local, apart = self.factored.initial_local()
        rest = (1,) * len(self.factored.shared)
        return all(value for globals_ in self.globals[global_number] for value, _, _ in node((*local, *globals_, *rest), apart))

    def global_literals(self, global_number: int) -> dict[str, frozenset[str]]:
        """For each Choice without indices, the literals that it can have."""
        return {
            cell.variable.name: frozenset(
                literal
                for globals_ in self.globals[global_number]
                for number, literal in enumerate(cell.variable.literals)
                if globals_[place] >> number & 1
            )
            for place, cell in enumerate(self.factored.globals)
            if cell.variable.kind == "choice" and not cell.variable.per
        }

    def unrecorded_step(self, global_number: int) -> str | None:
        """The kind of event (or the action) that may now change the global state without being recorded, if there is one."""
        for what, move in self._hidden_globally:
            if any(move.globally_possible(globals_) for globals_ in self.globals[global_number]):
                return what
        return None


def _meanings(mapping: EventMapping) -> Iterator[Meaning]:
    yield from mapping.kinds.values()
    yield from mapping.over_all_pages.values()


def _followed(machine: Machine, mapping: EventMapping, actions: list[Action]) -> tuple[frozenset[str], frozenset[str]]:
    """The variables that matter for what can happen and what is seen; and those among them that are shared counters."""
    needed = {item.variable for meaning in _meanings(mapping) for item in meaning.observes}
    needed |= {item.variable for meaning in _meanings(mapping) for item in meaning.witnesses}
    needed |= {name for action in actions for conjunct in action.guard for name in reads(conjunct.term)} | reads(machine.terminal)
    needed &= {variable.name for variable in machine.variables}
    grown = True
    while grown:
        used = {
            name
            for action in actions
            for update in action.updates
            if update.variable in needed
            for term in (*update.indices, update.value)
            for name in reads(term)
        }
        grown = not used <= needed
        needed |= used
    changed_on_pages = {
        update.variable
        for action in actions
        if any(parameter.sort is Page and not parameter.per for parameter in action.parameters)
        for update in action.updates
    }
    shared = {v.name for v in machine.variables if v.name in needed & changed_on_pages and v.kind == "counter" and not v.per}
    return frozenset(needed), frozenset(shared)

"""Dead state, found from the terms: which cells nobody will read before they are written again.

The analysis follows one page (in general: one index of the block sort) through the machine. A *node* is the phase together with
that page's own Flags and Choices; everything else is unknown, but for the assumptions: they are held or dropped as in the run that
is to be reduced, so that nothing is removed for a reason that the run does not have. From node to node lead the actions, once with
the page as their parameter and once with another page. On this graph runs the classical backward analysis: a variable is live where
it may be read, or where a step leads that leaves it in place and it is live there. A condition that is false for a known reason
reads only what that reason needs.

A step that changes nothing that is live where it starts is *faint*: whether it is taken makes no difference, so its condition keeps
nothing alive. (Where no other step is certain to be possible its condition counts all the same, since it decides about a deadlock.)
States that agree on the live variables of their node then allow the same steps, but for faint ones, and satisfy the same properties; and
a shortest counterexample has no faint step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from ..model.machine import Action, Machine, Update, Variable
from ..model.terms import Boolean, Index, Term, conjunction, index_sort, walk
from .packing import Packing, Words, is_control, phase_variable

Node = tuple[int, ...]  # the phase, then the page's own Flags and Choices
Known = int | None
Role = tuple[tuple[str, str], ...]  # parameter name -> "self" or "other"
Facts = dict[tuple[str, str], int]  # (variable, group of indices) -> the value of all of them
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Liveness:
    """For every node that may be reached: the variables that are live there.

    ``unset`` are the variables whose arbitrary first value nobody reads; ``excluded`` the actions that each phase rules out,
    ``decided`` the properties that are as they should be in the whole phase.
    """

    machine: Machine
    block_sort: type[Index] | None
    live: dict[Node, frozenset[str]]
    unset: frozenset[str]
    excluded: dict[int, frozenset[str]]
    decided: dict[int, frozenset[str]]

    @cached_property
    def live_in_phase(self) -> dict[int, frozenset[str]]:
        """What is live in some node of a phase."""
        found: dict[int, frozenset[str]] = {}
        for node, names in self.live.items():
            found[node[0]] = found.get(node[0], NOTHING) | names
        return found

    def fill(self, packing: Packing, control: list[int], dead_blocks: Words, dead_rest: Words) -> None:
        """Writes the bits of dead cells into the tables of a :class:`.reduction.Reduction`."""
        layout, sort = packing.layout, self.block_sort
        first = packing.places[packing.block_cells[0][0]][1] if packing.block_cells else 0
        bits: dict[str, int] = {}
        for cell in packing.block_cells[0] if packing.block_cells else ():
            _, shift, width, _ = packing.places[cell]
            name = layout.cells[cell][0].name
            bits[name] = bits.get(name, 0) | (((1 << width) - 1) << (shift - first))
        for node, names in self.live.items():
            place = 0
            for cell, value in zip(control, node[1:], strict=True):
                place |= value << (packing.places[cell][1] - first)
            dead_blocks[node[0], place] = np.uint64(sum(mask for name, mask in bits.items() if name not in names))
        for phase, names in self.live_in_phase.items():
            for (variable, _), (word, shift, width, _) in zip(layout.cells, packing.places, strict=True):
                if (sort is None or sort not in variable.per) and variable.name not in names:
                    dead_rest[phase, word] |= np.uint64(((1 << width) - 1) << shift)


def analyse(machine: Machine, block_sort: type[Index] | None, dropped: frozenset[str] | None, *, faint: bool = True) -> Liveness:
    """The live variables of every node, for a run with these assumptions dropped; with None, for a run that drops whichever it likes.

    With ``faint=False`` the conditions of faint steps count like others: then a reduced state allows exactly the steps that the states
    allow for which it stands.
    """
    return _Analysis(machine, block_sort, dropped, faint).run()


@dataclass(frozen=True)
class _Write:
    """What a step does to a variable of the page that is followed, or to one outside all pages."""

    name: str
    values: tuple[int, ...]  # what a control variable may hold afterwards
    reads: frozenset[str]
    kills: bool
    elsewhere: bool  # the write goes to another page


@dataclass(frozen=True)
class _Edge:
    """A step as the page that is followed sees it; ``possible`` is 0 or 1 if it is known whether it can happen."""

    reads: frozenset[str]
    writes: tuple[_Write, ...]
    possible: Known
    changes: frozenset[str]  # the names it writes; "*" for another page's


class _Analysis:
    def __init__(self, machine: Machine, block_sort: type[Index] | None, dropped: frozenset[str] | None, faint: bool) -> None:
        self.machine, self.block, self.dropped, self.faint = machine, block_sort, dropped, faint
        self.phase = phase_variable(machine)
        self.variables = {variable.name: variable for variable in machine.variables}
        self.control = [v for v in machine.variables if block_sort is not None and is_control(v, block_sort)]
        self.places = {variable.name: place + 1 for place, variable in enumerate(self.control)}
        # the range of a Counter is a property of every state, and the phase is a part of every node
        self.always_live = frozenset(v.name for v in machine.variables if v.kind == "counter" or v is self.phase)
        # Flags outside all pages, of which it is followed what is known of them in each phase: see _find_facts
        self.followed = {
            v.name for v in machine.variables if v.kind == "flag" and len(v.per) <= 1 and (block_sort is None or block_sort not in v.per)
        }
        self.facts: Facts = {}
        self.inhabited: frozenset[type[Index]] = frozenset()  # sorts of which it is supposed that there are other than named indices
        self.facts_of_phase: dict[int, Facts] = {}
        self.known: dict[str, int] = {}
        self.edges: dict[tuple[object, ...], _Edge] = {}
        self.looked: dict[tuple[int, ...], frozenset[str]] = {}

    # -- three-valued reading

    def value(self, term: Term, roles: dict[str, str]) -> tuple[Known, frozenset[str]]:
        """The value if it is known, and the variables that it depends on: of this page, or outside all pages."""
        match term.op:
            case "literal":
                return (term.literals.index(term.payload) if isinstance(term.payload, str) else int(term.payload or 0)), NOTHING
            case "assumption":
                return (None if self.dropped is None else int(term.payload not in self.dropped)), NOTHING
            case "parameter" if str(term.payload) in roles and isinstance(term, Boolean):
                return int(roles[str(term.payload)] == "true"), NOTHING
            case "read":
                value, reads = self._read(term, roles)
                return value, reads.union(*(self.value(index, roles)[1] for index in term.args))
            case "not":
                value, reads = self.value(term.args[0], roles)
                return (None if value is None else 1 - value), reads
            case "and" | "or":
                return self._junction([self.value(argument, roles) for argument in term.args], 0 if term.op == "and" else 1)
            case "implies":
                value, reads = self.value(term.args[0], roles)
                negated = (None if value is None else 1 - value), reads
                return self._junction([negated, self.value(term.args[1], roles)], 1)
            case "ite":
                test, reads = self.value(term.args[0], roles)
                first, second = self.value(term.args[1], roles), self.value(term.args[2], roles)
                if test is not None:
                    chosen = first if test else second
                    return chosen[0], reads | chosen[1]
                return (first[0] if first[0] == second[0] else None), reads | first[1] | second[1]
            case "eq":
                left, right = term.args
                (first_value, first_reads), (second_value, second_reads) = self.value(left, roles), self.value(right, roles)
                if isinstance(left, Index):  # which may be chosen by a condition, and that reads
                    return self._same_index(left, right, roles), first_reads | second_reads
                both = first_value is not None and second_value is not None
                return (int(first_value == second_value) if both else None), first_reads | second_reads
            case "every" | "some":
                name, body = str(term.payload), term.args[1]
                sort, decisive = index_sort(term.args[0]), 0 if term.op == "every" else 1
                if sort is not self.block:
                    parts = [self.value(body, {**roles, name: group}) for group in self._groups(sort)]
                    if len(parts) > 1 and sort not in self.inhabited:
                        parts[-1] = self._perhaps(parts[-1], decisive)
                    return self._junction(parts, decisive)
                here = self.value(body, {**roles, name: "self"})
                there = self._perhaps(self.value(body, {**roles, name: "other"}), decisive)
                return self._junction([here, there], decisive)
        reads = NOTHING
        for argument in term.args:
            reads |= self.value(argument, roles)[1]
        return None, reads

    def _read(self, term: Term, roles: dict[str, str]) -> tuple[Known, frozenset[str]]:
        name = str(term.payload)
        variable = self.variables[name]
        if self.phase is not None and name == self.phase.name:
            return self.known[name], NOTHING
        if self.block is None or self.block not in variable.per:
            if name in self.followed:
                group = self._group(term.args, roles)
                groups = (group,) if group else self._groups(variable.per[0])
                values = {self.facts.get((name, each)) for each in groups}
                return (values.pop() if len(values) == 1 else None), frozenset({name})
            return None, frozenset({name})
        role = self._role(term.args[variable.per.index(self.block)], roles)
        if role == "other":
            return None, NOTHING
        return (self.known.get(name) if role == "self" else None), frozenset({name})

    def _role(self, index: Term, roles: dict[str, str]) -> str:
        """Whether an index is the page that is followed: "self", "other", or "either" if that is open."""
        return roles.get(str(index.payload), "other") if index.op == "parameter" else "either"

    def _same_index(self, left: Term, right: Term, roles: dict[str, str]) -> Known:
        if type(left) is not self.block:
            groups = self._group((left,), roles), self._group((right,), roles)
            return None if "" in groups or groups == ("others", "others") else int(groups[0] == groups[1])
        first, second = (roles.get(str(index.payload), "either") if index.op == "parameter" else "either" for index in (left, right))
        return None if first == second == "other" or "either" in (first, second) else int(first == second)

    def _groups(self, sort: type[Index]) -> tuple[str, ...]:
        """The named indices of a sort, and all the others together."""
        return (*(name for name, named in self.machine.constants if named is sort), "others")

    def _group(self, indices: tuple[Term, ...], roles: dict[str, str]) -> str:
        """The group of the index of a variable outside all pages; "" if it is unknown."""
        if not indices:
            return "others"
        if indices[0].op == "constant":
            return str(indices[0].payload)
        return roles.get(str(indices[0].payload), "") if indices[0].op == "parameter" else ""

    @staticmethod
    def _perhaps(part: tuple[Known, frozenset[str]], decisive: int) -> tuple[Known, frozenset[str]]:
        """What is true of the other indices, of which there may be none: then it decides nothing."""
        return (None, part[1]) if part[0] == decisive else part

    @staticmethod
    def _junction(parts: list[tuple[Known, frozenset[str]]], decisive: int) -> tuple[Known, frozenset[str]]:
        deciding = [reads for value, reads in parts if value == decisive]
        if deciding:
            return decisive, min(deciding, key=lambda reads: (len(reads), sorted(reads)))
        union = frozenset().union(*(reads for _, reads in parts))
        return (1 - decisive if all(value is not None for value, _ in parts) else None), union

    # -- steps

    def _roles(self, action: Action) -> Iterator[Role]:
        single = [p for p in action.parameters if not p.per and (p.sort is self.block or p.sort is Boolean)]
        for choice in product(*(("self", "other") if p.sort is self.block else ("false", "true") for p in single)):
            yield tuple((p.name, chosen) for p, chosen in zip(single, choice, strict=True))

    def _edge(self, action: Action, role: Role, node: Node, mentioned: tuple[int, ...]) -> _Edge:
        key = (action.name, role, node[0], tuple(node[place] for place in mentioned))
        found = self.edges.get(key)
        if found is None:
            self._know(node)
            found = self.edges[key] = self._make_edge(action, dict(role))
        return found

    def _know(self, node: Node) -> None:
        self.known = {variable.name: value for variable, value in zip(self.control, node[1:], strict=True)}
        self._enter(node[0])

    def _enter(self, phase: int) -> None:
        if self.phase is not None:
            self.known[self.phase.name] = phase
        self.facts = self.facts_of_phase.get(phase, {})

    def _make_edge(self, action: Action, roles: dict[str, str]) -> _Edge:
        value, reads = self.value(conjunction(*(c.term for c in action.guard)), roles) if action.guard else (1, NOTHING)
        writes = tuple(write for update in action.updates for write in self._writes(update, roles))
        return _Edge(reads, writes, value, frozenset("*" if write.elsewhere else write.name for write in writes))

    def _writes(self, update: Update, roles: dict[str, str]) -> Iterator[_Write]:
        variable = self.variables[update.variable]
        in_block = self.block is not None and self.block in variable.per
        index_reads = frozenset().union(*(self.value(index, roles)[1] for index in update.indices)) if update.indices else NOTHING
        if not in_block:
            value, reads = self.value(update.value, roles)
            kills = not variable.per or bool(update.binders)
            yield _Write(variable.name, self._values(variable, value), reads | index_reads, kills, False)
            return
        assert self.block is not None
        index = update.indices[variable.per.index(self.block)]
        role = self._role(index, roles)
        for case in ("self", "other") if update.binders or role == "either" else (role,):
            bound = {**roles, str(index.payload): case} if index.op == "parameter" else roles
            value, reads = self.value(update.value, bound)
            kills = case == "self" and role != "either" and (bool(update.binders) or variable.per == (self.block,))
            yield _Write(variable.name, self._values(variable, value), reads | index_reads, kills, case == "other")

    @staticmethod
    def _values(variable: Variable, value: Known) -> tuple[int, ...]:
        if value is not None:
            return (value,)
        return tuple(range(len(variable.literals))) if variable.kind == "choice" else (0, 1)

    def _successors(self, node: Node, edge: _Edge) -> Iterator[Node]:
        choices: list[tuple[int, ...]] = [(value,) for value in node]
        for write in edge.writes:
            if self.phase is not None and write.name == self.phase.name:
                choices[0] = write.values
            elif write.name in self.places and not write.elsewhere:
                place = self.places[write.name]
                choices[place] = write.values if write.kills else tuple({*choices[place], *write.values})
        yield from product(*choices)

    # -- what is known of a phase as a whole

    def _find_facts(self) -> None:
        """Follows the Flags outside all pages from phase to phase: "no CPU runs while the atomic copy is made"."""
        variables = [v for v in self.machine.variables if v.name in self.followed]
        groups = {v.name: self._groups(v.per[0]) if v.per else ("others",) for v in variables}
        first: Facts = {(v.name, group): int(v.initial) for v in variables if v.initial is not None for group in groups[v.name]}
        start = self.phase.literals.index(str(self.phase.initial)) if self.phase is not None and self.phase.initial is not None else 0
        phases = range(len(self.phase.literals)) if self.phase is not None and self.phase.initial is None else (start,)
        self.facts_of_phase = {phase: first for phase in phases}
        waiting = deque(phases)
        while waiting:
            phase = waiting.popleft()
            for action in self.machine.actions:
                self.known = {}
                self._enter(phase)
                guard = conjunction(*(c.term for c in action.guard)) if action.guard else Boolean("literal", True)
                if self.value(guard, {})[0] == 0:
                    continue
                before = self._refined(guard, groups)
                self.facts = before
                after = dict(before)
                targets: tuple[int, ...] = (phase,)
                for update in action.updates:
                    if self.phase is not None and update.variable == self.phase.name:
                        targets = self._values(self.phase, self.value(update.value, {})[0])
                    elif update.variable in self.followed:
                        self._note(update, groups[update.variable], before, after)
                for target in targets:
                    old = self.facts_of_phase.get(target)
                    joined = after if old is None else {key: value for key, value in old.items() if after.get(key) == value}
                    if joined != old:
                        self.facts_of_phase[target] = joined
                        waiting.append(target)

    def _refined(self, guard: Boolean, groups: dict[str, tuple[str, ...]]) -> Facts:
        """The facts, with those that the guard implies: a value under which it would be false is impossible."""
        found = dict(self.facts)
        for name, names in groups.items():
            # A fact about all the others is true if there are none, so it may be supposed here that there are some.
            self.inhabited = frozenset(self.variables[name].per)
            for group in names:
                for value in (0, 1):
                    self.facts = {**found, (name, group): value}
                    if (name, group) not in found and self.value(guard, {})[0] == 0:
                        found[name, group] = 1 - value
        self.inhabited = frozenset()
        return found

    def _note(self, update: Update, groups: tuple[str, ...], before: Facts, after: Facts) -> None:
        name = update.variable
        written = self._group(update.indices, {})
        for group in groups:
            key = (name, group)
            if update.binders:
                value, certain = self.value(update.value, {str(update.binders[0].payload): group})[0], True
            else:
                value, certain = self.value(update.value, {})[0], written == group and (group != "others" or not update.indices)
                if written not in (group, ""):
                    continue
            if certain and value is not None:
                after[key] = value
            elif value is None or before.get(key) != value:
                after.pop(key, None)

    # -- the two passes

    def run(self) -> Liveness:
        self._find_facts()
        initial = self._initial_nodes()
        every_action = [
            (action, role, tuple(sorted({self.places[n] for n in self._names(action) if n in self.places})))
            for action in self.machine.actions
            for role in self._roles(action)
        ]
        in_phase: dict[int, list[tuple[Action, Role, tuple[int, ...]]]] = {}
        steps: dict[Node, list[tuple[_Edge, tuple[Node, ...]]]] = {}
        sources: dict[Node, set[Node]] = {}
        live: dict[Node, frozenset[str]] = {}
        new = initial
        while new:  # a page whose dead Flags are zeroed may be at a node that no page reaches otherwise: these are followed too
            waiting = deque(new)
            while waiting:
                node = waiting.popleft()
                if node in steps:
                    continue
                if node[0] not in in_phase:
                    in_phase[node[0]] = [item for item in every_action if not self._excluded_by_phase(item[0], node[0])]
                steps[node] = []
                live[node] = self._looked_at(node)
                for action, role, mentioned in in_phase[node[0]]:
                    edge = self._edge(action, role, node, mentioned)
                    targets = tuple(self._successors(node, edge)) if edge.possible != 0 else ()
                    steps[node].append((edge, targets))
                    for target in targets:
                        sources.setdefault(target, set()).add(node)
                        if target not in steps:
                            waiting.append(target)
            self._find_live(steps, sources, live)
            new = [zeroed for node, names in live.items() if (zeroed := self._zeroed(node, names)) not in steps]
        alive_at_first = frozenset().union(*(live[node] for node in initial))
        unset = frozenset(
            v.name
            for v in self.machine.variables
            if v.initial is None and v.name not in alive_at_first and v.name not in self.places and v is not self.phase
        )
        phases = range(len(self.phase.literals) if self.phase is not None else 1)
        excluded = {phase: frozenset(a.name for a in self.machine.actions if self._excluded_by_phase(a, phase)) for phase in phases}
        decided = {phase: self._decided_by_phase(phase) for phase in phases}
        return Liveness(self.machine, self.block, live, unset, excluded, decided)

    def _find_live(
        self, steps: dict[Node, list[tuple[_Edge, tuple[Node, ...]]]], sources: dict[Node, set[Node]], live: dict[Node, frozenset[str]]
    ) -> None:
        certain = {node: [edge.reads for edge, _ in edges if edge.possible == 1] for node, edges in steps.items()}
        waiting = deque(steps)
        queued = set(steps)
        while waiting:
            node = waiting.popleft()
            queued.discard(node)
            now = self._live_before(live[node], steps[node], live, certain[node])
            if now != live[node]:
                live[node] = now
                for source in (node, *sources.get(node, ())):
                    if source not in queued:
                        queued.add(source)
                        waiting.append(source)

    def _zeroed(self, node: Node, names: frozenset[str]) -> Node:
        return (node[0], *(value if variable.name in names else 0 for variable, value in zip(self.control, node[1:], strict=True)))

    def _live_before(
        self,
        now: frozenset[str],
        edges: list[tuple[_Edge, tuple[Node, ...]]],
        live: dict[Node, frozenset[str]],
        certain: list[frozenset[str]],
    ) -> frozenset[str]:
        stays_alive = min(certain, key=lambda reads: (len(reads), sorted(reads)), default=None)
        if stays_alive is not None:
            now |= stays_alive
        for edge, targets in edges:
            if self.faint and stays_alive is not None and "*" not in edge.changes and not edge.changes & now:
                for target in targets:
                    now |= live[target]
                continue
            now |= edge.reads
            for target in targets:
                now |= self._before(edge, live[target])
        return now

    @staticmethod
    def _before(edge: _Edge, after: frozenset[str]) -> frozenset[str]:
        killed: set[str] = set()
        reads: set[str] = set()
        for write in edge.writes:
            if write.elsewhere:
                reads |= write.reads
            else:
                if write.kills:
                    killed.add(write.name)
                if write.name in after:
                    reads |= write.reads
        return (after - killed) | reads

    def _initial_nodes(self) -> list[Node]:
        ranges = []
        for variable in ([self.phase] if self.phase is not None else []) + self.control:
            if variable.initial is None:
                ranges.append(self._values(variable, None))
            else:
                ranges.append((variable.literals.index(variable.initial) if isinstance(variable.initial, str) else int(variable.initial),))
        return [node if self.phase is not None else (0, *node) for node in product(*ranges)]

    def _excluded_by_phase(self, action: Action, phase: int) -> bool:
        self.known, self.facts = {}, {}
        if self.phase is not None:
            self.known[self.phase.name] = phase
        value, reads = self.value(conjunction(*(c.term for c in action.guard)), {}) if action.guard else (1, NOTHING)
        return value == 0 and not reads

    def _decided_by_phase(self, phase: int) -> frozenset[str]:
        self.known, self.facts = {}, {}
        if self.phase is not None:
            self.known[self.phase.name] = phase
        wanted = {"always": 1, "sometimes": 0}
        return frozenset(
            item.name for item in self.machine.properties if self.value(item.predicate, {}) == (wanted[item.expectation], NOTHING)
        )

    @staticmethod
    def _names(action: Action) -> set[str]:
        terms = [c.term for c in action.guard] + [t for u in action.updates for t in (*u.indices, u.value)]
        return {str(part.payload) for term in terms for part in walk(term) if part.op == "read"}

    @cached_property
    def _predicates(self) -> list[tuple[Boolean, tuple[int, ...]]]:
        """What is looked at in every state, with the page's own Flags and Choices that each mentions."""
        predicates = [item.predicate for item in self.machine.properties] + [self.machine.terminal]
        names = [{str(part.payload) for part in walk(predicate) if part.op == "read"} for predicate in predicates]
        return [(p, tuple(sorted(self.places[n] for n in read if n in self.places))) for p, read in zip(predicates, names, strict=True)]

    def _looked_at(self, node: Node) -> frozenset[str]:
        found = self.always_live
        for number, (predicate, mentioned) in enumerate(self._predicates):
            key = (number, node[0], *(node[place] for place in mentioned))
            if key not in self.looked:
                self._know(node)
                self.looked[key] = self.value(predicate, {})[1]
            found |= self.looked[key]
        return found

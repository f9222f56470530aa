"""Machines that Hypothesis draws, on which the engines are compared.

They mean nothing, and they use the whole language: every kind of variable, parameter, guard, update and property. They keep the
rules that a design is held to where it matters to an engine: no action writes a cell twice, and an assumption only ever restricts.
The number of states is bounded by the domains of the cells, which are few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, TypeVar, cast

from hypothesis import strategies as st

from thawcheck.checker.evaluate import evaluate, meaning
from thawcheck.checker.layout import Layout, State, range_properties
from thawcheck.checker.reference import Reference, properties_to_check
from thawcheck.model.machine import (
    Action,
    Assumption,
    Conjunct,
    Extent,
    Machine,
    Parameter,
    Property,
    Sizes,
    Update,
    Variable,
    describe_action,
)
from thawcheck.model.terms import (
    Boolean,
    Content,
    Cpu,
    Index,
    Number,
    Page,
    Symbol,
    Term,
    conjunction,
    disjunction,
    equal,
    every,
    implies,
    ite,
    some,
    text,
    walk,
)

T = TypeVar("T")

MOST_STATES = 3000  # the product of the domains of all cells
MOST_ARGUMENTS = 16  # of one action
ENOUGH = 300  # states for most machines


class Slot(Index):
    """An index sort of the designer's own."""


SORTS: tuple[type[Index], ...] = (Page, Cpu, Slot)
SHAPES: tuple[tuple[type[Index], ...], ...] = ((), (), (), (Page,), (Page,), (Cpu,), (Slot,), (Page, Cpu), (Page, Page), (Cpu, Slot))
PARAMETER_SHAPES: tuple[tuple[type[Index], ...], ...] = ((Page,), (Cpu,), (Page, Cpu), (Page, Page))
MAXIMA = (Extent(None, 0, 3), Extent(Page, 2, 0), Extent(None, 0, 1), Extent(Cpu, 2, -1))
LITERALS = ("red", "green", "blue", "black")


@dataclass(frozen=True)
class Drawn:
    """A machine, the sizes and the dropped assumptions to explore it with."""

    machine: Machine
    sizes: Sizes
    dropped: frozenset[str]

    def __repr__(self) -> str:
        lines = [f"{self.sizes}; dropped: {sorted(self.dropped)}"]
        for v in self.machine.variables:
            per = ", ".join(sort.__name__ for sort in v.per)
            lines.append(f"{'ghost ' * v.ghost}{v.kind} {v.name}[{per}] {v.literals or v.maximum or ''} = {v.initial}")
        lines += [f"constant {name}: {sort.__name__}" for name, sort in self.machine.constants]
        lines += [describe_action(action) for action in self.machine.actions]
        lines += [f"{item.expectation} {item.name}: {text(item.predicate)}" for item in self.machine.properties]
        return "\n".join([*lines, f"terminal: {text(self.machine.terminal)}"])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


def operators(machine: Machine) -> set[str]:
    """The operators that occur in a machine, the ranges of its Counters included."""
    terms = [*machine.terms(), *(item.predicate for item in properties_to_check(machine, None))]
    return {part.op for term in terms for part in walk(term)}


@dataclass
class Scope:
    """The terms that may be used at some place."""

    indices: dict[type[Index], list[Term]] = field(default_factory=lambda: {sort: [] for sort in SORTS})
    contents: list[Term] = field(default_factory=list)
    booleans: list[Term] = field(default_factory=list)
    numbers: list[Term] = field(default_factory=list)
    elements: list[Parameter] = field(default_factory=list)
    ghosts: bool = False

    def with_index(self, *more: Term) -> Scope:
        """The scope inside a quantifier."""
        indices = {sort: found + [index for index in more if type(index) is sort] for sort, found in self.indices.items()}
        return replace(self, indices=indices)


class Drawing:
    """One machine in the making."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.sizes = Sizes(pages=self.among(2, 2, 1, 3), cpus=self.among(2, 1, 2), slots=self.among(2, 1), contents=self.among(2, 2, 3, 1))
        self.constants: list[tuple[str, type[Index]]] = []
        self.variables: list[Variable] = []
        self.assumptions: list[Assumption] = []
        self.tight = self.once_in(6)  # much is required, and a run may get stuck

    # -- choosing

    def below(self, number: int) -> int:
        return self.draw(st.integers(0, number - 1))

    def among(self, *options: T) -> T:
        return options[self.below(len(options))]

    def once_in(self, number: int) -> bool:
        return self.below(number) == number - 1

    # -- terms

    def index(self, sort: type[Index], scope: Scope, depth: int = 1) -> Term | None:
        """An index of a sort, or None if none can be named here."""
        known = scope.indices[sort]
        elements = [each for each in scope.elements if each.sort is sort]
        if elements and depth and self.once_in(3):
            found = self.element(self.among(*elements), scope)
            if found is not None:
                return found
        if len(known) > 1 and depth and self.once_in(6):
            return cast(Term, ite(self.condition(scope, 0), self.among(*known), self.among(*known)))
        return self.among(*known) if known else None

    def place(self, per: Sequence[type[Index]], scope: Scope, depth: int = 1) -> tuple[Term, ...] | None:
        found = [self.index(sort, scope, depth) for sort in per]
        return None if any(index is None for index in found) else tuple(index for index in found if index is not None)

    def element(self, each: Parameter, scope: Scope) -> Term | None:
        indices = self.place(each.per, scope, 0)
        return None if indices is None else each.sort("element", each.name, indices)

    def cells(self, kind: str, scope: Scope, literals: tuple[str, ...] = ()) -> list[Term]:
        """A read of each variable of a kind that can be read here."""
        sorts: dict[str, type[Term]] = {"flag": Boolean, "choice": Symbol, "counter": Number, "content": Content}
        found: list[Term] = []
        for variable in self.variables:
            readable = scope.ghosts or not variable.ghost
            if variable.kind == kind and readable and (not literals or variable.literals == literals):
                indices = self.place(variable.per, scope)
                if indices is not None:
                    found.append(sorts[kind]("read", variable.name, indices, variable.literals))
        return found

    def number(self, scope: Scope, depth: int) -> Term:
        known = [*self.cells("counter", scope), *scope.numbers]
        if not known or self.once_in(4):
            return Number("literal", self.below(3))
        found = self.among(*known)
        if depth and self.once_in(3):
            return Number("add", self.among(1, -1, 2), (found,))
        if depth and self.once_in(5):
            return cast(Term, ite(self.condition(scope, 0), found, self.number(scope, 0)))
        return found

    def content(self, scope: Scope, depth: int) -> Term | None:
        known: list[Term] = [*self.cells("content", scope), *scope.contents]
        known += [found for each in scope.elements if each.sort is Content and (found := self.element(each, scope)) is not None]
        if not known:
            return None
        if depth and len(known) > 1 and self.once_in(3):
            return cast(Term, ite(self.condition(scope, 0), self.among(*known), self.among(*known)))
        return self.among(*known)

    def symbol(self, literals: tuple[str, ...], scope: Scope, depth: int) -> Term:
        known = self.cells("choice", scope, literals)
        if known and self.once_in(3):
            return self.among(*known)
        if depth and self.once_in(4):
            return cast(Term, ite(self.condition(scope, 0), self.symbol(literals, scope, 0), self.symbol(literals, scope, 0)))
        return Symbol("literal", self.among(*literals), (), literals)

    def literal(self, literals: tuple[str, ...], place: int) -> Symbol:
        return Symbol("literal", literals[place % len(literals)], (), literals)

    def atom(self, scope: Scope) -> Boolean:
        """A condition without connectives; for want of anything else, True or False."""
        match self.below(8):
            case 0 | 1:
                known: list[Term] = [*self.cells("flag", scope), *scope.booleans]
                known += [found for each in scope.elements if each.sort is Boolean and (found := self.element(each, scope)) is not None]
                if known:
                    found = self.among(*known)
                    return equal(found, self.among(*known)) if len(known) > 1 and self.once_in(5) else found  # type: ignore[return-value]
            case 2 | 3:
                symbols = self.cells("choice", scope)
                if symbols:
                    return equal(found := self.among(*symbols), self.symbol(found.literals, scope, 0))
            case 4 | 5:
                left, right = self.content(scope, 1), self.content(scope, 0)
                if left is not None and right is not None:
                    return equal(left, right)
            case 6:
                sort = self.among(*SORTS)
                first, second = self.index(sort, scope), self.index(sort, scope)
                if first is not None and second is not None:
                    return equal(first, second)
        if not self.cells("counter", scope) and not scope.numbers:
            return self.some_cell(scope)
        numbers = self.number(scope, 1), self.number(scope, 1)
        return equal(*numbers) if self.once_in(3) else Boolean("le", None, numbers)

    def some_cell(self, scope: Scope) -> Boolean:
        """A condition on some variable, under quantifiers if its indices cannot be named here."""
        variable = self.among(*(v for v in self.variables if scope.ghosts or not v.ghost))
        return self.over(variable.per, scope, lambda inner, indices: self.about(variable, indices, inner))

    def over(self, per: Sequence[type[Index]], scope: Scope, body: Callable[[Scope, tuple[Term, ...]], Boolean], *bound: Term) -> Boolean:
        if not per:
            return body(scope.with_index(*bound), bound)
        quantifier = self.among(every, some)
        return quantifier(per[0], lambda index: self.over(per[1:], scope, body, *bound, index))

    def about(self, variable: Variable, indices: tuple[Term, ...], scope: Scope) -> Boolean:
        """A condition on one cell."""
        if variable.kind == "flag":
            found = Boolean("read", variable.name, indices)
            return ~found if self.once_in(2) else found
        if variable.kind == "choice":
            return equal(Symbol("read", variable.name, indices, variable.literals), self.among(*variable.literals))
        if variable.kind == "counter":
            return Boolean("le", None, (Number("read", variable.name, indices), Number("literal", self.below(3))))
        other = self.content(scope, 0)
        return equal(Content("read", variable.name, indices), other) if other is not None else Boolean("literal", True)

    def condition(self, scope: Scope, depth: int) -> Boolean:
        """A condition with at most ``depth`` connectives on each other."""
        if not depth:
            return self.atom(scope)
        match self.below(9):
            case 0:
                return conjunction(self.condition(scope, depth - 1), self.condition(scope, depth - 1))
            case 1:
                return disjunction(self.condition(scope, depth - 1), self.condition(scope, depth - 1))
            case 2:
                return implies(self.condition(scope, depth - 1), self.condition(scope, depth - 1))
            case 3:
                return ~self.condition(scope, depth - 1)
            case 4:
                return ite(self.atom(scope), self.condition(scope, depth - 1), self.condition(scope, depth - 1))  # type: ignore[no-any-return]
            case 5 | 6:
                quantifier = self.among(every, some)
                return quantifier(self.among(*SORTS), lambda index: self.condition(scope.with_index(index), depth - 1))
        return self.atom(scope)

    # -- the machine

    def declare(self) -> None:
        """Constants, variables and assumptions."""
        used = dict.fromkeys(SORTS, 0)
        for number in range(self.below(3)):
            sort = self.among(*SORTS)
            if used[sort] < self.sizes.count(sort):
                used[sort] += 1
                self.constants.append((f"constant{number}", sort))
        room = MOST_STATES
        for number in range(self.among(12, 12, 9, 6)):
            kind = self.among("flag", "choice", "counter", "flag", "content", "choice", "counter", "flag")
            per, ghost = self.among(*SHAPES), number > 2 and self.once_in(8)
            literals = LITERALS[: 2 + self.below(3)] if kind == "choice" else ()
            maximum = self.among(*MAXIMA) if kind == "counter" else None
            initial: Any = None if kind == "content" or self.once_in(3) else {"flag": False, "choice": "red", "counter": 0}[kind]
            if initial is not None and self.once_in(3):
                initial = {"flag": True, "choice": "green", "counter": 1}[kind]
            variable = Variable(f"{kind}{number}", kind, per, literals, maximum, initial, ghost, "")
            states = variable.domain(self.sizes)
            for sort in per:
                states **= self.sizes.count(sort)
            if states <= room:
                room //= states
                self.variables.append(variable)
        if not self.variables:
            self.variables.append(Variable("flag", "flag", (), (), None, False, False, ""))
        self.assumptions = [Assumption(f"assumption{number}", "an assumption", ("always0",)) for number in range(self.below(3))]

    def parameters(self, written: list[Variable]) -> Iterator[Parameter]:
        """Indices for most of what is written, and up to two parameters of any kind."""
        room = MOST_ARGUMENTS
        for variable in written:
            for place, sort in enumerate(variable.per):
                if self.sizes.count(sort) <= room and not self.once_in(6):
                    room //= self.sizes.count(sort)
                    yield Parameter(f"{variable.name}_index{place}", sort)
        for number in range(self.below(3)):
            match self.below(7):
                case 0 | 1 | 2:
                    found = Parameter(f"parameter{number}", self.among(*SORTS))
                case 3:
                    found = Parameter(f"parameter{number}", self.among(Boolean, Content))
                case 4:
                    found = Parameter(f"parameter{number}", Number, (), self.among(Extent(None, 0, 2), Extent(Page, 1, 0)))
                case 5:
                    found = Parameter(f"parameter{number}", self.among(Boolean, Content, Content), self.among(*PARAMETER_SHAPES))
                case _:
                    found = Parameter(f"parameter{number}", self.among(*SORTS), (self.among(*SORTS),))
            values = found.domain(self.sizes)
            for sort in found.per:
                values **= self.sizes.count(sort)
            if values <= room:
                room //= values
                yield found

    def scope_of(self, parameters: Sequence[Parameter]) -> Scope:
        """What an action can use."""
        scope = Scope()
        for name, sort in self.constants:
            scope.indices[sort].append(sort("constant", name))
        for parameter in parameters:
            term = parameter.sort("parameter", parameter.name)
            if parameter.per:
                scope.elements.append(parameter)
            elif isinstance(term, Index):
                scope.indices[type(term)].append(term)
            else:
                {Boolean: scope.booleans, Content: scope.contents, Number: scope.numbers}[type(term)].append(term)
        return scope

    def value(self, number: int, variable: Variable, indices: tuple[Term, ...], scope: Scope) -> tuple[Term | None, list[Boolean]]:
        """A new value for a cell in that action, and what the guard should require for it: actions in a row move a Choice on."""
        if variable.kind == "flag":
            flag = Boolean("read", variable.name, indices)
            return self.among(~flag, ~flag, Boolean("literal", True), Boolean("literal", False), self.condition(scope, 1)), []
        if variable.kind == "choice":
            if self.once_in(6):
                return self.symbol(variable.literals, scope, 1), []
            choice = Symbol("read", variable.name, indices, variable.literals)
            place = self.among(number, self.below(4))
            return self.literal(variable.literals, place + 1), [choice == self.literal(variable.literals, place)]
        if variable.kind == "content":
            return self.content(scope, 1), []
        assert variable.maximum is not None
        now, largest = Number("read", variable.name, indices), variable.maximum.at(self.sizes)
        match self.below(16):
            case 0:
                return (self.number(scope, 1) if self.once_in(2) else Number("literal", 0)), []
            case 1 | 2:
                return Number("literal", self.below(largest + 1)), []
            case 3 | 4 | 5:
                return ite(now >= 1, now - 1, Number("literal", largest)), []
            case 6 | 7 | 8 | 9:
                return ite(now >= largest, 0, now + 1), []
            case 10 | 11 | 12:
                return now - 1, [now >= 1]
        return now + 1, [now < largest]

    def action(self, number: int) -> Action:
        """A guarded step that writes one to three variables."""
        written = self.chosen(self.among(1, 1, 2, 3))
        parameters = tuple(self.parameters(written))
        scope = self.scope_of(parameters)
        required = [self.condition(scope, 1) for _ in range(self.among(0, 1, 0, 1) + 2 * self.tight)]
        updates: list[Update] = []
        for variable in written:
            inner = replace(scope, ghosts=variable.ghost)
            indices = self.place(variable.per, inner)
            binders: tuple[Index, ...] = ()
            if variable.per and (indices is None or self.once_in(4)):
                binders = tuple(sort("parameter", f"{sort.__name__.lower()}'whole{place}") for place, sort in enumerate(variable.per))
                indices, inner = binders, inner.with_index(*binders)
            assert indices is not None
            found, needed = self.value(number, variable, indices, inner)
            if found is None:
                continue
            updates.append(Update(variable.name, indices, found, binders))
            required += needed if not binders else []
            another = None if binders or not variable.per else self.index(variable.per[0], inner)
            if another is not None and another.key != indices[0].key and self.once_in(2):
                # A second cell of the same array: another first index, and the guard says so.
                second, needed = self.value(number, variable, (another, *indices[1:]), inner)
                if second is not None:
                    updates.append(Update(variable.name, (another, *indices[1:]), second))
                    required += [*needed, ~equal(another, indices[0])]
        if self.assumptions and self.once_in(2):
            held = Boolean("assumption", self.among(*self.assumptions).name)
            required.append(~held if self.once_in(3) else implies(held, self.condition(scope, 1)))
        guard = tuple(Conjunct(condition, text(condition), "drawn", 1) for condition in required)
        return Action(f"action{number}", "", parameters, guard, tuple(updates), "drawn", 1)

    def chosen(self, number: int) -> list[Variable]:
        """Some variables, each once, in the order of their declaration."""
        places = {self.below(len(self.variables)) for _ in range(number)}
        return [self.variables[place] for place in sorted(places)]

    def properties(self, layout: Layout, dropped: frozenset[str], levels: list[list[State]]) -> Iterator[Property]:
        """One ``always`` or two: of several, the one that breaks last, or one that does not break soon. And some ``sometimes``."""
        scope = replace(self.scope_of(()), ghosts=True)
        for number in range(self.among(1, 1, 2)):
            late, most, kept = self.below(5) < 2, 0, Boolean("literal", True)
            for _ in range(5):
                facts = [self.some_cell(scope) for _ in range(2 + self.below(4))]
                if late:
                    state = self.among(*levels[-1][:100])
                    facts = [~fact if evaluate(fact, state, {}, layout, dropped) else fact for fact in facts]
                predicate = self.condition(scope, 2) if self.once_in(6) else disjunction(*facts)
                holds = meaning(predicate, layout, dropped)
                broken = (depth for depth, level in enumerate(levels) if not all(holds(state, {}) for state in level))
                rank = next(broken, 0 if late else len(levels))
                if rank > most or (rank == most and self.once_in(8)):
                    most, kept = rank, predicate
            yield Property(f"always{number}", "always", "This is always so", kept, "drawn", 1)
        for number in range(self.below(3)):
            yield Property(f"sometimes{number}", "sometimes", "This is sometimes so", self.condition(scope, 2), "drawn", 1)

    def machine(self) -> Drawn:
        """All of it. Most machines that have too few states get more actions."""
        self.declare()
        terminal = self.condition(self.scope_of(()), 1) if self.once_in(6) else Boolean("literal", not (self.tight or self.once_in(6)))
        dropped = frozenset(item.name for item in self.assumptions if self.once_in(2))
        actions = [self.action(number) for number in range(2 + self.below(3))]
        while True:
            machine = Machine(
                "Drawn", "A drawn machine", "", "drawn", 1, tuple(self.variables), tuple(self.constants), tuple(self.assumptions),
                tuple(actions), (), terminal,
            )
            layout = Layout(machine, self.sizes)
            levels = first_levels(layout, dropped, ENOUGH)
            if sum(map(len, levels)) >= ENOUGH or len(actions) > 4 or self.once_in(8):
                properties = tuple(self.properties(layout, dropped, levels))
                return Drawn(replace(machine, properties=properties), self.sizes, dropped)
            actions += [self.action(number) for number in range(len(actions), 8)]


def first_levels(layout: Layout, dropped: frozenset[str], enough: int) -> list[list[State]]:
    """At least so many states, if there are, by the length of the shortest run that leads to them."""
    reference = Reference(layout, dropped)
    ranges = [meaning(item.predicate, layout, dropped) for item in range_properties(layout.machine)]
    levels = [list(islice(layout.initial_states(), enough))]
    seen = set(levels[0])
    while len(seen) < enough:
        inside = (state for state in levels[-1] if all(holds(state, {}) for holds in ranges))
        following = dict.fromkeys(step.state for state in inside for step in reference.successors(state) if step.state not in seen)
        if not following:
            break
        levels.append(list(following))
        seen.update(following)
    return levels


@st.composite
def drawn_machines(draw: st.DrawFn) -> Drawn:
    """Machines of every kind, with sizes and dropped assumptions."""
    return Drawing(draw).machine()

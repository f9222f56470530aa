"""What a recorded design is: plain data that every engine, proof, replay and exporter reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from .terms import Boolean, Index, Term, text, walk


@dataclass(frozen=True, eq=False)
class Extent:
    """A number that depends on the sizes: ``factor * (number of indices of sort) + offset``. The largest value of a Counter."""

    sort: type[Index] | None
    factor: int
    offset: int

    def at(self, sizes: Sizes) -> int:
        """The number, for these sizes."""
        return (self.factor * sizes.count(self.sort) if self.sort is not None else 0) + self.offset

    def __mul__(self, factor: int) -> Extent:
        if not isinstance(factor, int):
            return NotImplemented
        return Extent(self.sort, self.factor * factor, self.offset * factor)

    def __add__(self, offset: int) -> Extent:
        if not isinstance(offset, int):
            return NotImplemented
        return Extent(self.sort, self.factor, self.offset + offset)

    def __sub__(self, offset: int) -> Extent:
        return self + -offset

    __rmul__, __radd__ = __mul__, __add__

    def __str__(self) -> str:
        if self.sort is None:
            return str(self.offset)
        sign = "-" if self.offset < 0 else "+"
        return (f"{self.factor} * " if self.factor != 1 else "") + self.sort.plural + (f" {sign} {abs(self.offset)}" if self.offset else "")


def number_of(sort: type[Index]) -> Extent:
    """The number of indices of a sort, for the largest value of a Counter: ``Counter(2 * number_of(Page) + 1)``."""
    return Extent(sort, 1, 0)


class Sizes(Mapping[str, int]):
    """How many indices each sort has, and how many contents: ``Sizes(pages=2, cpus=2, contents=2)``.

    Keys are the plurals of the sorts, and ``contents``. Every size is at least 1.
    """

    def __init__(self, **counts: int) -> None:
        for name, count in counts.items():
            if count < 1:
                raise ValueError(f"{name} must be at least 1, not {count}")
        self._counts = dict(counts)

    def count(self, sort: type[Index]) -> int:
        """The number of indices of a sort."""
        return self._counts[sort.plural]

    @property
    def contents(self) -> int:
        """The number of different contents; 1 if it was not said, which is enough where there are none."""
        return self._counts.get("contents", 1)

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def __str__(self) -> str:
        return ", ".join(f"{count} {name if count != 1 else name.removesuffix('s')}" for name, count in self._counts.items())


@dataclass(frozen=True, eq=False)
class Variable:
    """A variable of the state: a cell, or an array of cells over one or two index sorts.

    ``kind`` is one of flag, choice, counter, content. ``initial`` is a bool, an int, a literal, or None for "arbitrary". A ghost
    is written and read by properties, and used by nothing else.
    """

    name: str
    kind: str
    per: tuple[type[Index], ...]
    literals: tuple[str, ...]
    maximum: Extent | None
    initial: bool | int | str | None
    ghost: bool
    doc: str

    def domain(self, sizes: Sizes) -> int:
        """How many values a cell can take; they are numbered from 0."""
        if self.kind == "flag":
            return 2
        if self.kind == "choice":
            return len(self.literals)
        if self.kind == "content":
            return sizes.contents
        assert self.maximum is not None
        return self.maximum.at(sizes) + 1


@dataclass(frozen=True, eq=False)
class Parameter:
    """What an action chooses: an index, a content, a Boolean, a number up to ``maximum``; or, with ``per``, one for every index."""

    name: str
    sort: type[Term]
    per: tuple[type[Index], ...] = ()
    maximum: Extent | None = None

    def domain(self, sizes: Sizes) -> int:
        """How many values one cell of the parameter can take."""
        if issubclass(self.sort, Index):
            return sizes.count(self.sort)
        if self.maximum is not None:
            return self.maximum.at(sizes) + 1
        return 2 if self.sort is Boolean else sizes.contents


@dataclass(frozen=True, eq=False)
class Conjunct:
    """One condition of a guard, with the text and the line that its author wrote."""

    term: Boolean
    source: str
    file: str
    line: int


@dataclass(frozen=True, eq=False)
class Update:
    """``variable[indices] = value``; with ``binders`` the whole array at once, for all values of the binders."""

    variable: str
    indices: tuple[Term, ...]
    value: Term
    binders: tuple[Index, ...] = ()


@dataclass(frozen=True, eq=False)
class Action:
    """A guarded step: if every conjunct holds, all updates happen at once, each reading the state before the step.

    ``fairness`` is "weak", "strong" or, if nobody promises that the step is ever taken, empty. It is meant for each choice of the
    action's indices by itself; what else is chosen (a content, say) may be anything.
    """

    name: str
    doc: str
    parameters: tuple[Parameter, ...]
    guard: tuple[Conjunct, ...]
    updates: tuple[Update, ...]
    file: str
    line: int
    fairness: str = ""

    def needs_dropped(self) -> tuple[str, ...]:
        """The assumptions that disable this action altogether while they are held."""
        parts = [part for conjunct in self.guard for part in (conjunct.term.args if conjunct.term.op == "and" else (conjunct.term,))]
        return tuple(str(part.args[0].payload) for part in parts if part.op == "not" and part.args[0].op == "assumption")


@dataclass(frozen=True, eq=False)
class Property:
    """An expectation: a predicate that is ``always`` true, true ``sometimes``, or true ``eventually``.

    ``eventually`` is about whole runs: every fair one comes to the predicate from each state with the ``premise``, or from the
    first state if that is None.
    """

    name: str
    expectation: str
    title: str
    predicate: Boolean
    file: str
    line: int
    premise: Boolean | None = None


@dataclass(frozen=True, eq=False)
class Assumption:
    """What a design takes for granted. Dropping it only adds behaviours; ``protects`` names the properties that then break.

    ``said`` is how the design's source says it, empty if it leaves it open.
    """

    name: str
    title: str
    protects: tuple[str, ...]
    said: str = ""


@dataclass(frozen=True, eq=False)
class Machine:
    """A design, recorded: the one definition that everything reads.

    ``properties`` are about states; ``eventualities``, those with the expectation ``eventually``, about runs.
    """

    name: str
    title: str
    doc: str
    file: str
    line: int
    variables: tuple[Variable, ...]
    constants: tuple[tuple[str, type[Index]], ...]
    assumptions: tuple[Assumption, ...]
    actions: tuple[Action, ...]
    properties: tuple[Property, ...]
    terminal: Boolean
    eventualities: tuple[Property, ...] = ()

    def variable(self, name: str) -> Variable:
        """The variable of that name."""
        return next(variable for variable in self.variables if variable.name == name)

    def action(self, name: str) -> Action:
        """The action of that name."""
        return next(action for action in self.actions if action.name == name)

    @cached_property
    def sorts(self) -> tuple[type[Index], ...]:
        """The index sorts that occur, in the order of their first use."""
        seen: dict[type[Index], None] = {}
        for variable in self.variables:
            seen.update(dict.fromkeys(variable.per))
        for _, sort in self.constants:
            seen[sort] = None
        for action in self.actions:
            for parameter in action.parameters:
                seen.update(dict.fromkeys(s for s in (*parameter.per, parameter.sort) if issubclass(s, Index)))
        for term in self.terms():
            seen.update(dict.fromkeys(type(part) for part in walk(term) if isinstance(part, Index)))
        maxima = [variable.maximum for variable in self.variables]
        maxima += [parameter.maximum for action in self.actions for parameter in action.parameters]
        seen.update(dict.fromkeys(maximum.sort for maximum in maxima if maximum is not None and maximum.sort is not None))
        return tuple(seen)

    def terms(self) -> Iterator[Term]:
        """Every term at top level: guards, updates, properties, the terminal states."""
        for action in self.actions:
            yield from (conjunct.term for conjunct in action.guard)
            for update in action.updates:
                yield from update.indices
                yield update.value
        yield from (item.predicate for item in self.properties)
        for item in self.eventualities:
            yield item.predicate
            if item.premise is not None:
                yield item.premise
        yield self.terminal

    @cached_property
    def digest(self) -> str:
        """A digest of everything that has a meaning: two machines with one digest are the same machine."""
        lines = [
            f"{v.name} {v.kind} {[s.__name__ for s in v.per]} {v.literals} {v.maximum} {v.initial!r} {v.ghost}" for v in self.variables
        ]
        lines += [f"{name} {sort.__name__}" for name, sort in self.constants]
        lines += [f"{assumption.name} {assumption.protects}" for assumption in self.assumptions]
        for action in self.actions:
            lines.append(
                f"{action.name} {[(p.name, p.sort.__name__, [s.__name__ for s in p.per], str(p.maximum)) for p in action.parameters]}"
            )
            lines += [conjunct.term.key for conjunct in action.guard]
            lines += [f"{u.variable} {[i.key for i in u.indices]} {u.value.key} {[b.key for b in u.binders]}" for u in action.updates]
        lines += [f"{action.name} {action.fairness}" for action in self.actions if action.fairness]
        lines += [f"{item.name} {item.expectation} {item.predicate.key}" for item in self.properties]
        lines += [f"{e.name} {e.premise.key if e.premise is not None else ''} {e.predicate.key}" for e in self.eventualities]
        lines.append(self.terminal.key)
        return hashlib.blake2b("\n".join(lines).encode(), digest_size=12).hexdigest()

    def __str__(self) -> str:
        return self.name


def describe_action(action: Action) -> str:
    """An action as text: its guard and its updates, for people."""
    head = f"{action.name}({', '.join(p.name for p in action.parameters)})"
    lines = [head] + [f"    require {conjunct.source}" for conjunct in action.guard]
    for update in action.updates:
        where = f"[{', '.join(text(i) for i in update.indices)}]" if update.indices else ""
        lines.append(f"    {update.variable}{where} := {text(update.value)}")
    return "\n".join(lines)

"""What has changed from one design to another, as its author would say it: read from the recorded terms, told in his own words.

Two conditions are one if their terms are, however they are written; a helper that means something else now changes every action
that calls it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from ..model.machine import Action, Machine, Parameter, Property, Update, Variable
from ..model.terms import Term, text

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class ActionChange:
    """An action that came, went or changed: the conditions and updates that it has now and had not, and those that it had and has not."""

    name: str
    kind: Kind
    parameters: tuple[str, ...]
    came: tuple[str, ...]
    went: tuple[str, ...]


@dataclass(frozen=True)
class Declared:
    """A variable, constant, assumption or property that came, went or changed, with what it says before and after."""

    what: str
    name: str
    kind: Kind
    old: str
    new: str


@dataclass(frozen=True)
class Changes:
    """All differences between two designs."""

    actions: tuple[ActionChange, ...]
    declared: tuple[Declared, ...]


def changes_between(old: Machine, new: Machine) -> Changes:
    """What a reader of both designs would have to look at."""
    return Changes(tuple(_action_changes(old, new)), tuple(_declared_changes(old, new)))


def same_parameters(one: Action, other: Action) -> bool:
    """Whether two actions are chosen in the same way: parameters of the same names and sorts, in the same order."""
    return list(map(_signature, one.parameters)) == list(map(_signature, other.parameters))


def _signature(parameter: Parameter) -> tuple[object, ...]:
    return parameter.name, parameter.sort.__name__, tuple(sort.__name__ for sort in parameter.per), str(parameter.maximum)


def _action_changes(old: Machine, new: Machine) -> Iterable[ActionChange]:
    before = {action.name: action for action in old.actions}
    after = {action.name: action for action in new.actions}
    for name in (*after, *(name for name in before if name not in after)):
        came, went = _beyond(after.get(name), before.get(name)), _beyond(before.get(name), after.get(name))
        chosen = tuple(parameter.name for parameter in (after.get(name) or before[name]).parameters)
        if name not in before:
            yield ActionChange(name, "added", chosen, tuple(said for _, said in came), ())
        elif name not in after:
            yield ActionChange(name, "removed", chosen, (), tuple(said for _, said in went))
        elif came or went or not same_parameters(before[name], after[name]):
            yield ActionChange(name, "changed", chosen, *_told_apart(came, went))


def _beyond(action: Action | None, other: Action | None) -> list[tuple[str, str]]:
    """What one action says and the other does not: as its terms say it, and as its author wrote it."""
    if action is None:
        return []
    left = Counter(key for key, _, _ in _sayings(other)) if other is not None else Counter[str]()
    found = []
    for key, exact, said in _sayings(action):
        if left[key]:
            left[key] -= 1
        else:
            found.append((exact, said))
    return found


def _sayings(action: Action) -> Iterable[tuple[str, str, str]]:
    for conjunct in action.guard:
        yield f"require {conjunct.term.key}", f"require {_written(conjunct.term)}", f"require {conjunct.source}"
    if action.fairness:
        yield f"fair {action.fairness}", f"fair: {action.fairness}", f"fair: {action.fairness}"
    for update in action.updates:
        key = f"{update.variable} {[i.key for i in update.indices]} {update.value.key} {len(update.binders)}"
        yield key, _update_text(update), _update_text(update)


def _update_text(update: Update) -> str:
    where = f"[{', '.join(map(_written, update.indices))}]" if update.indices else ""
    return f"{update.variable}{where} := {_written(update.value)}"


def _told_apart(came: list[tuple[str, str]], went: list[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The author's words; where they are the same before and after, because a helper has changed, what they mean."""
    both = {said for _, said in came} & {said for _, said in went}

    def told(sayings: list[tuple[str, str]]) -> tuple[str, ...]:
        return tuple(exact if said in both else said for exact, said in sayings)

    return told(came), told(went)


def _declared_changes(old: Machine, new: Machine) -> Iterable[Declared]:
    told: tuple[tuple[str, Callable[[Machine], dict[str, tuple[str, str]]]], ...] = (
        ("variable", lambda m: {v.name: (_variable_text(v), "") for v in m.variables}),
        ("constant", lambda m: {name: (sort.__name__.lower(), "") for name, sort in m.constants}),
        ("assumption", lambda m: {a.name: (f"{a.title} (protects {', '.join(a.protects)})", "") for a in m.assumptions}),
        ("property", lambda m: {p.name: (f"{p.expectation} {p.title}", _property_text(p)) for p in (*m.properties, *m.eventualities)}),
        ("property", lambda m: {"terminal": ("Where it is right that nothing happens any more", _written(m.terminal))}),
    )
    for what, said in told:
        yield from _named(what, said(old), said(new))


def _named(what: str, before: dict[str, tuple[str, str]], after: dict[str, tuple[str, str]]) -> Iterable[Declared]:
    """Each has two texts: the first is told unless only the second differs."""
    for name in (*after, *(name for name in before if name not in after)):
        one, other = before.get(name, ("", "")), after.get(name, ("", ""))
        if name not in before:
            yield Declared(what, name, "added", "", other[0])
        elif name not in after:
            yield Declared(what, name, "removed", one[0], "")
        elif one != other:
            which = int(one[0] == other[0])
            yield Declared(what, name, "changed", one[which], other[which])


def _variable_text(variable: Variable) -> str:
    said = "ghost " if variable.ghost else ""
    said += variable.kind if variable.maximum is None else f"{variable.kind} up to {variable.maximum}"
    said += f" of {', '.join(variable.literals)}" if variable.literals else ""
    said += f" per {', '.join(sort.__name__.lower() for sort in variable.per)}" if variable.per else ""
    return f"{said}, at first {'arbitrary' if variable.initial is None else variable.initial}"


def _property_text(item: Property) -> str:
    premise = f"{_written(item.premise)} leads to " if item.premise is not None else ""
    return f"{item.expectation} {premise}{_written(item.predicate)}"


def _written(term: Term) -> str:
    """A term as text, with primes at the indices that a quantifier or the assignment of a whole array binds."""
    return re.sub(r"__(?:whole)?(\d+)\b", lambda found: "'" * (int(found[1]) + 1), text(term))


__all__ = ["ActionChange", "Changes", "Declared", "changes_between", "same_parameters"]

"""Cardinalities: ghosts that a proof adds to a machine.

A Counter with room for every page, say, usually counts the pages with a certain Flag. That is a fact about all pages at once, which no
statement about one page can say. So the number of indices with the Flag becomes a ghost Counter of its own: the steps that change the
Flag say how it changes. What a cardinality is known to satisfy is stated in :meth:`.obligations.Theory.cardinalities`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..model.machine import Extent, Machine, Update, Variable
from ..model.terms import Boolean, Number, conjunction, ite, walk

COUNT = "number of "  # before the name of a Flag: no variable of a design has a space in its name


@dataclass(frozen=True)
class Cardinality:
    """The ghost Counter ``name`` is the number of indices at which ``flag`` is set; ``counters`` may be counting just that."""

    name: str
    flag: Variable
    counters: frozenset[str]


def with_cardinalities(machine: Machine) -> tuple[Machine, tuple[Cardinality, ...]]:
    """The machine with a ghost for each Flag that a Counter may be the number of."""
    found: list[Cardinality] = []
    for flag in machine.variables:
        if flag.kind == "flag" and len(flag.per) == 1 and flag.initial is False and (counters := _counters_of(machine, flag)):
            found.append(Cardinality(COUNT + flag.name, flag, counters))
            machine = _with_cardinality(machine, found[-1])
    return machine, tuple(found)


def _counters_of(machine: Machine, flag: Variable) -> frozenset[str]:
    """The Counters as large as the Flag's sort that go up or down where the Flag is set or cleared at an index."""
    updates = [update for action in machine.actions for update in action.updates if update.variable == flag.name]
    if any(update.binders and not (update.value.op == "literal" and update.value.payload is False) for update in updates):
        return frozenset()
    large = {v.name for v in machine.variables if v.kind == "counter" and not v.per and v.maximum and v.maximum.sort is flag.per[0]}
    return frozenset(
        update.variable
        for action in machine.actions
        if any(update.variable == flag.name and not update.binders for update in action.updates)
        for update in action.updates
        if update.variable in large and any(part.op == "add" for part in walk(update.value))
    )


def _with_cardinality(machine: Machine, item: Cardinality) -> Machine:
    counter = Variable(item.name, "counter", (), (), Extent(item.flag.per[0], 1, 0), 0, True, f"How many have {item.flag.name}.")
    actions = []
    for action in machine.actions:
        number: Number = Number("read", item.name)
        changes = [update for update in action.updates if update.variable == item.flag.name]
        for update in changes:
            if update.binders:
                number = Number("literal", 0)
                continue
            before, after = Boolean("read", item.flag.name, update.indices), update.value
            assert isinstance(after, Boolean)
            fewer = ite(conjunction(before, ~after), number - 1, number)
            number = ite(conjunction(~before, after), number + 1, fewer)
        actions.append(replace(action, updates=(*action.updates, Update(item.name, (), number))) if changes else action)
    return replace(machine, variables=(*machine.variables, counter), actions=tuple(actions))

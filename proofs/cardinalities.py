"""Cardinalities: ghosts that a proof adds to a machine.

A Counter with room for every page, say, usually counts the pages with a certain Flag. That is a fact about all pages at once, which no
statement about one page can say. So the number of indices with the Flag becomes a ghost Counter of its own: the steps that change the
Flag say how it changes. What a cardinality is known to satisfy is stated in :meth:`.obligations.Theory.cardinalities`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..model.machine import Extent, Machine, Update, Variable
from ..model.terms import Boolean, Number, conjunction, ite

COUNT = "number of "  # before the name of a Flag: no variable of a design has a space in its name


@dataclass(frozen=True)
class Cardinality:
    """The ghost Counter ``name`` is the number of indices at which ``flag`` is set."""

    name: str
    flag: Variable


def with_cardinalities(machine: Machine) -> tuple[Machine, tuple[Cardinality, ...]]:
    """The machine with a ghost for each Flag that a Counter may be the number of."""
    found: list[Cardinality] = []
    for flag in machine.variables:
        if flag.kind == "flag" and len(flag.per) == 1 and flag.initial is False and _may_be_counted(machine, flag):
            found.append(Cardinality(COUNT + flag.name, flag))
            machine = _with_cardinality(machine, found[-1])
    return machine, tuple(found)


def _may_be_counted(machine: Machine, flag: Variable) -> bool:
    counters = {v.name for v in machine.variables if v.kind == "counter" and not v.per and v.maximum and v.maximum.sort is flag.per[0]}
    updates = [update for action in machine.actions for update in action.updates if update.variable == flag.name]
    together = any(
        counters & {u.variable for u in action.updates} and flag.name in {u.variable for u in action.updates} for action in machine.actions
    )
    return together and all(not update.binders or (update.value.op == "literal" and update.value.payload is False) for update in updates)


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

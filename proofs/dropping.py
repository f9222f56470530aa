"""Dropping an assumption only adds behaviours: for each action, what its guard allows with some assumptions held, it allows with fewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import z3

from ..checker.to_z3 import Expression, ask, guard
from ..model.machine import Machine
from ..model.terms import Index
from .obligations import Encoded, Obligation, Theory


class _Open(Encoded):
    """Whether an assumption is held is open, and a quantifier is a quantifier of z3's."""

    def __init__(self, theory: Theory, mark: str) -> None:
        super().__init__(theory, {sort: [] for sort in theory.sorts})
        self._mark, self._bound = mark, 0

    def held(self, assumption: str) -> Expression:
        return z3.Bool(f"{assumption} held {self._mark}", self.theory.context)

    def quantified(self, operator: str, sort: type[Index], body: Callable[[Expression], Expression]) -> Expression:
        self._bound += 1
        index = z3.Const(f"{sort.__name__.lower()} {self._bound}", self.theory.sorts[sort])
        return (z3.ForAll if operator == "every" else z3.Exists)([index], self.theory.formula(body(index)))


def actions_that_lose(machine: Machine, seconds: float = 60.0) -> list[str]:
    """The actions for which z3 does not show that dropping assumptions only adds behaviours. Empty if all is well.

    An update never reads an assumption (the language refuses it), so the guards are all there is to compare.
    """
    theory = Theory(machine, (), frozenset())
    lost = []
    for action in machine.actions:
        bound: dict[str, Any] = Obligation(theory, action.name, (), action=action).bound
        more, fewer = _Open(theory, "before"), _Open(theory, "after")
        solver = z3.SimpleSolver(ctx=theory.context)
        solver.set("timeout", int(seconds * 1000))
        for assumption in machine.assumptions:
            solver.add(z3.Implies(fewer.held(assumption.name), more.held(assumption.name)))
        solver.add(theory.formula(guard(action, more, bound)), z3.Not(theory.formula(guard(action, fewer, bound))))
        if ask(solver) != z3.unsat:
            lost.append(action.name)
    return lost

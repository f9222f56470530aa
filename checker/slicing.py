"""A machine cut down to what can make a difference to some predicates, exactly: fewer variables, fewer steps, the same runs for them.

Two cuts. **Phases**: where the machine can no longer come to a phase in which the predicates leave anything open, nobody need look.
**Cone of influence**: what no predicate, no condition and no update that is left reads is left out; a step that then changes nothing is
left out too, unless it is fair. No condition changes. So every run of the machine, with some variables and some steps hidden, is a run of
what is left; and each run of what is left is one of the machine so hidden, as fair as that one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..model.machine import Action, Machine, Variable
from ..model.terms import Boolean, Index, Term, walk
from .packing import phase_variable


@dataclass(frozen=True)
class Slice:
    """What is left of a machine, and the values of its phase in which it goes on; without a phase it always does."""

    machine: Machine
    phase: Variable | None
    phases: frozenset[int]

    def is_possible_in(self, action: Action, value: int, dropped: frozenset[str]) -> bool:
        """Whether the action is looked at in a phase."""
        return self.phase is None or (value in self.phases and not _is_excluded(action, self.phase, value, dropped))


def cut(machine: Machine, premise: Boolean | None, goal: Boolean, dropped: frozenset[str]) -> Slice:
    """What is left of a machine for the runs from the premise (None: from the start) to the goal."""
    phase = phase_variable(machine)
    phases = frozenset[int]()
    actions: Iterable[Action] = machine.actions
    wanted = _reads(term for term in (premise, goal) if term is not None)
    if phase is not None:
        phases = _phases(machine, phase, premise, goal, dropped)
        actions = [a for a in actions if not all(_is_excluded(a, phase, value, dropped) for value in phases)]
        wanted.add(phase.name)
    while True:
        kept = [action for action in actions if action.fairness or any(update.variable in wanted for update in action.updates)]
        more = wanted | _reads(term for action in kept for term in _terms(action, wanted))
        if more == wanted:
            break
        wanted = more
    left = replace(
        machine,
        variables=tuple(variable for variable in machine.variables if variable.name in wanted),
        actions=tuple(_cut_action(action, wanted) for action in kept),
        properties=(),
        eventualities=(),
        terminal=Boolean("literal", False),
    )
    return Slice(left, phase, phases)


def _terms(action: Action, wanted: set[str]) -> list[Term]:
    updates = [update for update in action.updates if update.variable in wanted]
    return [conjunct.term for conjunct in action.guard] + [term for update in updates for term in (*update.indices, update.value)]


def _reads(terms: Iterable[Term]) -> set[str]:
    return {str(part.payload) for term in terms for part in walk(term) if part.op in ("read", "maximum")}


def _cut_action(action: Action, wanted: set[str]) -> Action:
    used = {str(part.payload) for term in _terms(action, wanted) for part in walk(term) if part.op in ("parameter", "element")}
    parameters = tuple(p for p in action.parameters if p.name in used or (action.fairness and issubclass(p.sort, Index) and not p.per))
    return replace(action, parameters=parameters, updates=tuple(update for update in action.updates if update.variable in wanted))


# ---------------------------------------------------------------- phases


def _phases(machine: Machine, phase: Variable, premise: Boolean | None, goal: Boolean, dropped: frozenset[str]) -> frozenset[int]:
    """The phases from which the premise may come to hold, and those that may lie between it and the goal."""
    values = range(len(phase.literals))
    leads: dict[int, set[int]] = {value: set() for value in values}
    for action in machine.actions:
        written = {v for update in action.updates if update.variable == phase.name for v in _values(update.value, phase)}
        for value in values:
            if written and not _is_excluded(action, phase, value, dropped):
                leads[value] |= written
    if premise is None:
        begins = set(values) if phase.initial is None else {phase.literals.index(str(phase.initial))}
        before = set(begins)
    else:
        begins = {value for value in values if _known(premise, phase, value, dropped) is not False}
        before = set(begins)
        while more := {value for value in values if leads[value] & before} - before:
            before |= more
    undecided = {value for value in values if _known(goal, phase, value, dropped) is not True}
    between = begins & undecided
    while more := {after for value in between for after in leads[value]} & undecided - between:
        between |= more
    return frozenset(before | between)


def _values(term: Term, phase: Variable) -> set[int]:
    if term.op == "literal":
        return {phase.literals.index(str(term.payload))}
    if term.op == "ite":
        return _values(term.args[1], phase) | _values(term.args[2], phase)
    return set(range(len(phase.literals)))


def _is_excluded(action: Action, phase: Variable, value: int, dropped: frozenset[str]) -> bool:
    return any(_known(conjunct.term, phase, value, dropped) is False for conjunct in action.guard)


def _known(term: Term, phase: Variable, value: int, dropped: frozenset[str]) -> bool | None:
    """The truth of a condition as far as the phase alone decides it."""
    match term.op:
        case "literal":
            return bool(term.payload)
        case "assumption":
            return term.payload not in dropped
        case "eq":
            for left, right in (term.args, term.args[::-1]):
                if left.op == "read" and left.payload == phase.name and right.op == "literal":
                    return phase.literals[value] == right.payload
        case "not" | "every" | "some":
            inside = _known(term.args[-1], phase, value, dropped)
            return inside if inside is None or term.op != "not" else not inside
        case "and" | "or" | "implies":
            parts = [_known(argument, phase, value, dropped) for argument in term.args]
            if term.op == "implies" and parts[0] is not None:
                parts[0] = not parts[0]
            decisive = term.op != "and"
            return decisive if decisive in parts else None if None in parts else not decisive
    return None


__all__ = ["Slice", "cut"]

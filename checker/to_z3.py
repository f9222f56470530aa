"""Terms as z3 expressions, whatever the sorts are in z3.

What a cell, a constant or a quantifier becomes is said by an :class:`Encoding`: bounded checking has one with a Boolean or a
bit-vector for every cell, and a proof for every size can have one with uninterpreted sorts and functions. The operators are said
here, once for all of them.

A Boolean may come back as Python's True or False where it is known, and an encoding may use Python's own numbers for indices:
then everything about indices is decided while the expression is built, and z3 never sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import z3

from ..model.machine import Action, Variable
from ..model.terms import Index, Term, index_sort

Expression = Any  # a z3 expression, or a Python bool or int
Bound = Mapping[str, Any]  # parameters and bound indices by name; an Each parameter is a function of its indices


def ask(solver: Any, *assumed: Expression) -> Any:
    """What z3 answers. It takes an interrupt for itself and then answers that it does not know: here it is an interrupt again."""
    answer = solver.check(*assumed)
    if answer == z3.unknown and "interrupted from keyboard" in solver.reason_unknown():
        raise KeyboardInterrupt
    return answer


class Encoding(Protocol):
    """What the leaves of a term are in z3."""

    def literal(self, term: Term) -> Expression:
        """A number or a literal of a Choice."""

    def constant(self, name: str) -> Expression:
        """A named index."""

    def index(self, known: int) -> Expression:
        """A z3 expression for an index that was a Python number until now. Encodings without such numbers are never asked."""

    def maximum(self, counter: str) -> Expression:
        """The largest value of a Counter."""

    def held(self, assumption: str) -> Expression:
        """Whether an assumption is held."""

    def read(self, variable: str, indices: tuple[Expression, ...]) -> Expression:
        """A cell before the step."""

    def quantified(self, operator: str, sort: type[Index], body: Callable[[Expression], Expression]) -> Expression:
        """The body for ``every`` index of a sort, or for ``some``."""


def translate(term: Term, encoding: Encoding, bound: Bound) -> Expression:
    """The term as an expression."""
    name = str(term.payload)
    if term.op == "every" or term.op == "some":
        binder, body = term.args
        return encoding.quantified(term.op, index_sort(binder), lambda index: translate(body, encoding, {**bound, name: index}))
    parts = [translate(argument, encoding, bound) for argument in term.args]
    match term.op:
        case "literal":
            return term.payload if isinstance(term.payload, bool) else encoding.literal(term)
        case "constant":
            return encoding.constant(name)
        case "maximum":
            return encoding.maximum(name)
        case "assumption":
            return encoding.held(name)
        case "parameter":
            return bound[name]
        case "element":
            return bound[name](*parts)
        case "read":
            return encoding.read(name, tuple(parts))
        case "not":
            return negation(parts[0])
        case "and":
            return conjunction(parts)
        case "or":
            return disjunction(parts)
        case "implies":
            return disjunction((negation(parts[0]), parts[1]))
        case "eq":
            return equality(parts[0], parts[1])
        case "le":
            return parts[0] <= parts[1]
        case "add":
            return parts[0] + term.payload
        case "ite":
            known = isinstance(term, Index) and not isinstance(parts[0], bool)
            then, otherwise = (encoding.index(part) if known and isinstance(part, int) else part for part in parts[1:])
            return choice(parts[0], then, otherwise)
    raise AssertionError(f"no z3 expression for {term.op}")


def guard(action: Action, encoding: Encoding, bound: Bound) -> Expression:
    """The condition under which the action is possible with these arguments."""
    return conjunction(translate(conjunct.term, encoding, bound) for conjunct in action.guard)


def cell_after(action: Action, variable: Variable, indices: tuple[Expression, ...], encoding: Encoding, bound: Bound) -> Expression | None:
    """The value of a cell after the action, or None if the action leaves the cell as it is at all events."""
    changed, value = False, encoding.read(variable.name, indices)
    for update in action.updates:
        if update.variable != variable.name:
            continue
        if update.binders:
            names = [str(binder.payload) for binder in update.binders]
            changed, value = True, translate(update.value, encoding, {**bound, **dict(zip(names, indices, strict=True))})
            continue
        written = [translate(index, encoding, bound) for index in update.indices]
        hit = conjunction(equality(index, place) for index, place in zip(indices, written, strict=True))
        if hit is not False:
            changed, value = True, choice(hit, translate(update.value, encoding, bound), value)
    return value if changed else None


# ---------------------------------------------------------------- operators over what may be known already


def negation(condition: Expression) -> Expression:
    """Not."""
    return not condition if isinstance(condition, bool) else z3.Not(condition)


def conjunction(conditions: Iterable[Expression]) -> Expression:
    """All of them."""
    return _joined(conditions, z3.And, neutral=True)


def disjunction(conditions: Iterable[Expression]) -> Expression:
    """At least one of them."""
    return _joined(conditions, z3.Or, neutral=False)


def _joined(conditions: Iterable[Expression], join: Callable[[list[Expression]], Expression], *, neutral: bool) -> Expression:
    parts = []
    for condition in conditions:
        if not isinstance(condition, bool):
            parts.append(condition)
        elif condition is not neutral:
            return not neutral
    return neutral if not parts else parts[0] if len(parts) == 1 else join(parts)


def equality(left: Expression, right: Expression) -> Expression:
    """Whether two values of one sort are equal."""
    for known, other in ((left, right), (right, left)):
        if isinstance(known, bool):
            return other if known else negation(other)
    return left == right


def choice(condition: Expression, then: Expression, otherwise: Expression) -> Expression:
    """The first value if the condition holds, the second if not."""
    if isinstance(condition, bool):
        return then if condition else otherwise
    return z3.If(condition, then, otherwise)


__all__ = [
    "Bound",
    "Encoding",
    "Expression",
    "ask",
    "cell_after",
    "choice",
    "conjunction",
    "disjunction",
    "equality",
    "guard",
    "negation",
    "translate",
]

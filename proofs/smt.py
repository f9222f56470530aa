"""SMT-LIB text, always the same for the same formulas: a certificate is compared letter by letter with what the design says now."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import z3

_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_OPERATORS = {
    z3.Z3_OP_AND: "and",
    z3.Z3_OP_OR: "or",
    z3.Z3_OP_NOT: "not",
    z3.Z3_OP_IMPLIES: "=>",
    z3.Z3_OP_EQ: "=",
    z3.Z3_OP_DISTINCT: "distinct",
    z3.Z3_OP_ITE: "ite",
    z3.Z3_OP_ADD: "+",
    z3.Z3_OP_SUB: "-",
    z3.Z3_OP_MUL: "*",
    z3.Z3_OP_UMINUS: "-",
    z3.Z3_OP_LE: "<=",
    z3.Z3_OP_GE: ">=",
    z3.Z3_OP_LT: "<",
    z3.Z3_OP_GT: ">",
}


def script(title: Iterable[str], given: Iterable[tuple[str, list[Any]]], goal: Any) -> str:
    """A script whose answer is ``unsat`` if the goal follows. ``given`` pairs each group of formulas with a remark.

    Nothing but declarations and assertions of formulas without quantifiers.
    """
    given = [(remark, list(formulas)) for remark, formulas in given]
    writer = _Writer()
    asserted = [line for remark, formulas in given for line in (f"; {remark}", *(f"(assert {writer.text(f)})" for f in formulas))]
    denied = f"(assert (not {writer.text(goal)}))"
    lines = [f"; {line}" for line in title] + ["(set-logic ALL)", *writer.declarations(), *asserted, "; and yet not", denied, "(check-sat)"]
    return "\n".join(lines) + "\n"


def symbol(name: str) -> str:
    """A name as SMT-LIB writes it."""
    return name if _SIMPLE.match(name) else f"|{name}|"


class _Writer:
    def __init__(self) -> None:
        self._texts: dict[int, tuple[str, Any]] = {}
        self._functions: dict[str, str] = {}
        self._sorts: dict[str, str] = {}

    def text(self, expression: Any) -> str:
        """An expression in prefix notation."""
        key = expression.get_id()
        if key not in self._texts:
            self._texts[key] = (self._new_text(expression), expression)
        return self._texts[key][0]

    def _new_text(self, expression: Any) -> str:
        kind = expression.decl().kind()
        parts = [self.text(child) for child in expression.children()]
        if z3.is_int_value(expression):
            number = expression.as_long()
            return str(number) if number >= 0 else f"(- {-number})"
        if kind in (z3.Z3_OP_TRUE, z3.Z3_OP_FALSE):
            return "true" if kind == z3.Z3_OP_TRUE else "false"
        if kind in _OPERATORS:
            return f"({_OPERATORS[kind]} {' '.join(parts)})"
        self._sort(expression.sort())
        name = symbol(expression.decl().name())
        if kind == z3.Z3_OP_UNINTERPRETED:
            self._declare(expression.decl(), name)
        elif kind != z3.Z3_OP_DT_CONSTRUCTOR:
            raise AssertionError(f"no SMT-LIB text for {expression.decl()}")
        return f"({name} {' '.join(parts)})" if parts else name

    def _declare(self, function: Any, name: str) -> None:
        domain = [self._sort(function.domain(place)) for place in range(function.arity())]
        line = f"(declare-fun {name} ({' '.join(domain)}) {self._sort(function.range())})"
        if self._functions.setdefault(name, line) != line:
            raise AssertionError(f"{name} is declared twice: {line} and {self._functions[name]}")

    def _sort(self, sort: Any) -> str:
        name = symbol(sort.name())
        if sort.kind() == z3.Z3_DATATYPE_SORT:
            values = " ".join(f"({symbol(sort.constructor(place).name())})" for place in range(sort.num_constructors()))
            self._sorts[name] = f"(declare-datatypes (({name} 0)) (({values})))"
        elif sort.kind() == z3.Z3_UNINTERPRETED_SORT:
            self._sorts[name] = f"(declare-sort {name} 0)"
        return name

    def declarations(self) -> list[str]:
        """The sorts and functions that occur, in alphabetical order."""
        return [self._sorts[name] for name in sorted(self._sorts)] + [self._functions[name] for name in sorted(self._functions)]

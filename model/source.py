"""What only the source text of a design shows: the words of a condition, and mistakes that leave no trace in its terms.

Python evaluates ``a & b == c`` as ``(a & b) == c``, ``a is b`` to False, a method without its call to True, and takes ``phase = "off"``
for a local name. None of that can be seen in the terms that come out, so the text of every method is looked at too. Where there is no
file (a design typed into an interpreter) the texts of conditions are made from the terms, and this look is left out.
"""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FrameType, FunctionType

from .errors import DesignError

Conditions = list[tuple[str, int]]  # the text and the line of each


def argument_sources(frame: FrameType, count: int) -> Conditions:
    """The text and the line of each argument of the call that is running in the frame, as its author wrote it; empty texts if unknown."""
    unknown = [("", frame.f_lineno)] * count
    first, last, begin, end = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    if first is None or last is None or begin is None or end is None:
        return unknown
    lines = [linecache.getline(frame.f_code.co_filename, number).encode() for number in range(first, last + 1)]
    if not all(lines):
        return unknown
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][begin:]
    source = b"".join(lines).decode()
    try:
        call = ast.parse(source, mode="eval").body
    except SyntaxError:
        return unknown
    if not isinstance(call, ast.Call) or len(call.args) != count or any(isinstance(argument, ast.Starred) for argument in call.args):
        return unknown
    return [(_words(source, argument), first + argument.lineno - 1) for argument in call.args]


def _words(source: str, node: ast.expr) -> str:
    words = ast.get_source_segment(source, node) or ""
    if "\n" in words and "#" in words:
        words = ast.unparse(node)  # without the comments between the lines
    return " ".join(words.split())


def definition_line(code: CodeType) -> int:
    """The line of the ``def``, below the decorators."""
    found = _definition(code)
    return found[0].lineno if found is not None else code.co_firstlineno


def check_source(cls: type) -> None:
    """Refuses, in the methods that a class defines, what Python accepts and what no term shows."""
    for value in vars(cls).values():
        function = inspect.unwrap(value) if callable(value) else None
        if isinstance(function, FunctionType) and (found := _definition(function.__code__)) is not None:
            _check_function(cls, found[0], found[1], function.__code__.co_filename)


def _definition(code: CodeType) -> tuple[ast.FunctionDef, list[str]] | None:
    # The parsed definition, and the lines of its file.
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename)
    found = _definitions("".join(lines)).get(code.co_firstlineno)
    return (found, lines) if found is not None and found.name == code.co_name else None


@lru_cache(maxsize=64)
def _definitions(source: str) -> dict[int, ast.FunctionDef]:
    # The functions of a file by the line where each begins, with its decorators; a file is parsed once and not for each of them.
    try:
        todo: list[ast.AST] = [ast.parse(source)]
    except SyntaxError:
        return {}
    found = {}
    while todo:
        for node in ast.iter_child_nodes(todo.pop()):
            if isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)):
                todo.append(node)
            if isinstance(node, ast.FunctionDef):
                found[min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])] = node
    return found


def _check_function(cls: type, definition: ast.FunctionDef, lines: list[str], file: str) -> None:
    def refuse(node: ast.AST, what: str, remedy: str) -> None:
        raise DesignError(f"{definition.name}: {what}", remedy, where=(file, getattr(node, "lineno", 0)))

    source = "".join(lines)
    nodes = [node for statement in definition.body for node in ast.walk(statement)]
    loaded = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for node in nodes:
        if isinstance(node, ast.Expr) and not isinstance(node.value, (ast.Call, ast.Constant, ast.Yield, ast.YieldFrom, ast.Await)):
            refuse(node, f"nobody uses the result of {_words(source, node.value)!r}", "pass it to require(...), assign it, or delete it")
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
                if isinstance(operator, (ast.Is, ast.IsNot)) and not _is_none(left) and not _is_none(right):
                    refuse(node, f"{_words(source, node)!r} compares with 'is'", "write == or !=")
                between = _between(lines, left, right)
                for side, bracket in ((left, ")"), (right, "(")):
                    if isinstance(side, ast.BinOp) and isinstance(side.op, (ast.BitAnd, ast.BitOr)) and bracket not in between:
                        mark = "&" if isinstance(side.op, ast.BitAnd) else "|"
                        refuse(
                            node,
                            f"in {_words(source, node)!r} {mark} binds stronger than the comparison",
                            "put brackets around the comparison",
                        )
        for tested in _tested(node):
            if isinstance(tested, ast.Attribute) and isinstance(getattr(cls, tested.attr, None), FunctionType):
                refuse(tested, f"{_words(source, tested)} is a method, and always true", "call it, and use require(...), ite(...), & or |")
        for target in _assigned(node):
            if target.id not in loaded and not target.id.startswith("_"):
                refuse(node, f"nobody reads the local name {target.id!r}", f"write self.{target.id} = ..., or delete it")


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _between(lines: list[str], left: ast.expr, right: ast.expr) -> str:
    first, last = left.end_lineno or left.lineno, right.lineno
    between = [line.encode() for line in lines[first - 1 : last]]
    between[-1] = between[-1][: right.col_offset]
    between[0] = between[0][left.end_col_offset or 0 :]
    return b"".join(between).decode()


def _tested(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, (ast.If, ast.IfExp, ast.While, ast.Assert)):
        yield node.test
    elif isinstance(node, ast.BoolOp):
        yield from node.values
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.Compare):
        yield from (node.left, *node.comparators)


def _assigned(node: ast.AST) -> Iterator[ast.Name]:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = [part for target in node.targets for part in (target.elts if isinstance(target, ast.Tuple) else [target])]
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
        targets = [node.target]
    yield from (target for target in targets if isinstance(target, ast.Name))


__all__ = ["argument_sources", "check_source", "definition_line"]

"""Every Python block of the documentation is executed, in order, each page in one namespace.

What a block prints must be what the ``text`` block that follows it shows. A block is executed from a file of its own, ``my_design.py``,
in a folder that is called after the line at which the block begins.
"""

import contextlib
import io
import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from thawcheck.model import Design, Part
from thawcheck.model.recording import _record_action

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("README.md"), *ROOT.glob("docs/*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of a page: its language, its text, the line where the text begins, and the text that follows as what it prints."""

    language: str
    text: str
    line: int
    printed: str | None


def blocks(words: str) -> list[Block]:
    """The fenced blocks of a page."""
    found = list(FENCE.finditer(words))
    result = []
    for block, after in zip_longest(found, found[1:]):
        shown = after is not None and after[1] == "text" and not words[block.end() : after.start()].strip()
        result.append(Block(block[1], block[2], words[: block.start(2)].count("\n") + 1, after[2] if shown and after is not None else None))
    return result


def execute(words: str, folder: Path) -> dict[str, Any]:
    """Executes the Python blocks of a page and returns its names.

    Raises what the blocks raise, and an AssertionError if one does not print what is shown.
    """
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks(words):
        if block.language != "python":
            continue
        file = folder / f"line_{block.line}" / "my_design.py"
        file.parent.mkdir()
        file.write_text(block.text)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(block.text, str(file), "exec"), names)
        printed = output.getvalue().replace(f"{file.parent}/", "")
        assert block.printed is None or printed == block.printed, f"line {block.line} prints\n{printed}\nand shows\n{block.printed}"
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run_and_print_what_it_shows(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = execute(page.read_text(), tmp_path)
    for part in names.values():
        if isinstance(part, type) and issubclass(part, Part) and not issubclass(part, Design):
            for method in [value for value in vars(part).values() if getattr(value, "_thawcheck_mark", "") == "action"]:
                _record_action(part, method.__name__, set())  # of a design it is recorded when the class is made


def test_the_page_about_the_language_has_the_smallest_model() -> None:
    smallest = (ROOT / "docs" / "examples" / "smallest.py").read_text()
    assert len(smallest.splitlines()) <= 20
    assert smallest in [block.text for block in blocks((ROOT / "docs" / "language.md").read_text())]


def test_an_example_that_fails_or_prints_something_else_is_noticed(tmp_path: Path) -> None:
    execute("Text.\n\n```python\nx = 1\n```\n\nMore.\n\n```python\nprint(x)\n```\n\n```text\n1\n```\n", tmp_path)
    with pytest.raises(AssertionError, match="line 3 prints"):
        execute("\n```python\nprint(1)\n```\n```text\n2\n```\n", tmp_path)
    with pytest.raises(ZeroDivisionError) as caught:
        execute("\n\n\n```python\n\n1 / 0\n```\n", tmp_path)
    assert (caught.traceback[-1].path, caught.traceback[-1].lineno) == (tmp_path / "line_5" / "my_design.py", 1)

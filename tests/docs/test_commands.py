"""Every command in the documentation is executed, and prints what is shown there.

A ``console`` block holds commands after ``$`` and what they print. In it ``…`` stands for any text in a line, and alone in a line for
any number of lines. The Python block before it is what ``my_design.py`` holds.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(words: str) -> list[tuple[str, str, list[str]]]:
    """The design, the command and the lines that are expected, for every command of a page."""
    found: list[tuple[str, str, list[str]]] = []
    design = ""
    for language, text in FENCE.findall(words):
        if language == "python":
            design = text
        for line in text.splitlines() if language == "console" else ():
            if line.startswith("$ "):
                found.append((design, line[2:], []))
            else:
                found[-1][2].append(line)
    return found


def matches(shown: list[str], printed: list[str]) -> bool:
    pattern = "".join("(?:.*\n)*" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + "\n" for line in shown)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page.read_text())], ids=lambda page: page.name)
def test_commands_print_what_is_shown(page: Path, tmp_path: Path) -> None:
    for design, command, shown in commands(page.read_text()):
        (tmp_path / "my_design.py").write_text(design)
        name, *arguments = shlex.split(command)
        assert name == "thawcheck", "only thawcheck is executed"
        result = subprocess.run(
            [sys.executable, "-m", "thawcheck", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=280,
            check=False,
            env=os.environ,
        )
        assert result.stderr == ""
        assert not shown or matches(shown, result.stdout.splitlines()), f"{command}\n{result.stdout}"


def test_the_matching_can_fail() -> None:
    assert matches(["a … c", "…", "d"], ["a b c", "x", "y", "d"])
    assert not matches(["a … c", "d"], ["a b c", "x", "d"])
    assert not matches(["a"], ["b"])


def test_there_are_commands() -> None:
    assert sum(len(commands(page.read_text())) for page in PAGES) >= 6

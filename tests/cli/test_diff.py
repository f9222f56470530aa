"""The command that compares two designs: what it prints, and with which status it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import thawcheck

SCHEMA = Path(thawcheck.__file__).parent / "cli" / "schemas" / "diff.schema.json"
CHANGED = Path(__file__).resolve().parents[1] / "proofs" / "changed_designs.py"
DESIGN = """
from thawcheck.model import Boolean, Cpu, Design, Flag, Index, Page, action, require, some, sometimes

class Slot(Index):
    \"\"\"A place.\"\"\"

class Old(Design):
    \"\"\"A page is marked once.\"\"\"
    marked, seen = Flag(per=Page), Flag(per=Page)
    @action
    def mark(self, page: Page) -> None:
        \"\"\"It is marked.\"\"\"
        require(~self.marked[page])
        self.marked[page] = True
    @action
    def look(self, page: Page) -> None:
        \"\"\"Somebody sees the mark.\"\"\"
        require(self.marked[page])
        self.seen[page] = True
    @sometimes
    def fine(self) -> Boolean:
        \"\"\"One is marked.\"\"\"
        return some(Page, lambda page: self.seen[page])

class New(Old):
    \"\"\"A mark is taken away while a slot is free.\"\"\"
    free = Flag(per=Slot, initial=True)
    @action
    def wipe(self, page: Page, slot: Slot) -> None:
        \"\"\"It is wiped.\"\"\"
        require(self.marked[page], self.free[slot])
        self.marked[page] = False
        self.free[slot] = False
"""


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "thawcheck", "diff", *arguments], capture_output=True, text=True, timeout=280, cwd=cwd, check=False,
        env=dict(os.environ),
    )  # fmt: skip


def fields(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert result.stdout.count("\n") == 1 and result.stderr == "", result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    return found


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(DESIGN)
    return tmp_path


def test_a_change_is_reported_and_only_strict_minds_it() -> None:
    changed = "background-snapshot", f"{CHANGED}:CopyBeforeWrite"
    result = run(*changed, "--json")
    assert result.returncode == 0
    found = fields(result)
    assert (found["new_can"]["answer"], found["new_can"]["depth"]) == ("more", 10)
    assert [step["action"] for step in found["new_can"]["run"]][-2:] == ["copy", "unprotect"]
    assert found["new_can"]["refused"] == ["implies(self.saved_before_unprotected, self.saved[page])"]
    assert (found["old_can"]["answer"], found["old_can"]["run"], found["old_can"]["complete"]) == ("nothing", None, True)
    assert [(a["name"], a["change"]) for a in found["actions"]] == [("save", "changed"), ("unprotect", "changed"), ("copy", "added")]
    assert found["stopped"]["old"] == found["stopped"]["new"] is not None and found["stopped"]["old"]["copying"] == ["save"]
    assert "copy" not in found["shared"] and "unprotect" in found["shared"]
    assert run(*changed, "--strict").returncode == 12
    assert run(*reversed(changed), "--strict").returncode == 0


def test_what_it_tells(mine: Path) -> None:
    result = run("mine.py:Old", "mine.py:New", cwd=mine)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[:-1] == [
        "old  mine.py:Old: A page is marked once",
        "new  mine.py:New: A mark is taken away while a slot is free",
        "what changed",
        "  + wipe(page, slot)",
        "      + require self.marked[page]",
        "      + require self.free[slot]",
        "      + marked[page] := False",
        "      + free[slot] := False",
        "  + variable free: flag per slot, at first True",
        "at 1 page, 2 contents, 2 slots, all assumptions held, seen by 2 actions that both have",
        "  not seen: wipe",
        "  the new design can do what the old one cannot, after 3 steps:",
        "       1  mark(page 0)          marked[0]: False -> True",
        "       2  wipe(page 0, slot 0)  marked[0]: True -> False, free[0]: True -> False",
        "       3  mark(page 0)          marked[0]: False -> True",
        "    the old one cannot take the last step; false there: ~self.marked[page]",
        "  the old design can do nothing that the new one cannot: complete, 2 pairs of states",
        "  the pauses in which no CPU runs but the boot CPU: not known of the old design and the new one",
    ]


def test_a_hidden_action_is_not_compared(mine: Path) -> None:
    assert run("mine.py:Old", "mine.py:New", "--strict", cwd=mine).returncode == 12
    assert run("mine.py:Old", "mine.py:New", "--strict", "--hide", "mark", cwd=mine).returncode == 0
    result = run("mine.py:Old", "mine.py:New", "--strict", "--hide", "mark", "--hide", "look", cwd=mine)
    assert result.returncode == 21 and "share no action" in result.stdout


def test_sizes_of_a_sort_that_only_one_of_them_has(mine: Path) -> None:
    found = fields(run("mine.py:Old", "mine.py:New", "--pages", "2", "--size", "slots=3", "--json", cwd=mine))
    assert found["sizes"] == {"pages": 2, "contents": 2, "slots": 3}
    assert found["states"] == {"old": 4, "new": 4 * 2**3}


def test_what_is_not_decided_is_unknown() -> None:
    result = run("proposal-2010", "proposal-2010", "--timeout", "0.01", "--json")
    assert result.returncode == 21
    found = fields(result)
    assert (found["new_can"]["answer"], found["stopped"]["new"], found["new_can"]["complete"]) == ("unknown", None, False)
    assert "stopped after 0.01 s" in found["reason"]
    told = run("proposal-2010", "proposal-2010", "--timeout", "0.01")
    assert "further it is unknown: stopped after 0.01 s" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["proposal-2010"], "Missing argument 'NEW'"),
        (["proposal-2010", "nothing"], "there is no design 'nothing'"),
        (["swsusp", "swsusp", "--hide", "luck"], "the designs share no action of that name"),
        (["swsusp", "swsusp", "--size", "slots=2"], "no sort called slots"),
        (["swsusp", "swsusp", "--pages", "0"], "between 1 and 64"),
    ],
)
def test_wrong_usage_gets_one_line(arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.count("\n") == 1 and said in result.stderr

"""What the command line says about progress."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import thawcheck

SCHEMAS = Path(thawcheck.__file__).parent / "cli" / "schemas"
DESIGN = '''
from thawcheck.model import Boolean, Choice, Content, Contents, Design, Page, action, always, eventually, require


class Kettle(Design):
    """Water is heated, and may cool again."""

    water = Choice("cold", "hot", "boiling", "poured")
    tea = Contents(per=Page)

    @action(fair="weak")
    def heat(self) -> None:
        """It gets hot."""
        require(self.water == "cold")
        self.water = "hot"

    @action
    def cool(self) -> None:
        """It cools."""
        require(self.water == "hot")
        self.water = "cold"

    @action(fair="weak")
    def boil(self) -> None:
        """It boils."""
        require(self.water == "hot")
        self.water = "boiling"

    @action
    def pour(self, page: Page, tea: Content) -> None:
        """A cup, and more water."""
        require(self.water == "boiling", self.tea[page] != tea)
        self.tea[page] = tea
        self.water = "cold"

    @always
    def fine(self) -> Boolean:
        """Nothing is poured away."""
        return self.water != "poured"

    @eventually
    def boils(self) -> Boolean:
        """It boils in the end."""
        return self.water == "boiling"
'''


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "thawcheck", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=cwd, env=os.environ, check=False)


def fields(result: subprocess.CompletedProcess[str], schema: str) -> dict[str, object]:
    assert result.stdout.count("\n") == 1, result.stderr
    found: dict[str, object] = json.loads(result.stdout)
    jsonschema.validate(found, json.loads((SCHEMAS / f"{schema}.schema.json").read_text()))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kettle.py").write_text(DESIGN)
    (tmp_path / "strong.py").write_text(DESIGN.replace('@action(fair="weak")\n    def boil', '@action(fair="strong")\n    def boil'))
    return tmp_path


def test_a_run_that_never_gets_there_is_told_kept_and_shown(folder: Path) -> None:
    told = run("explore", "kettle.py", "--progress", "-o", "run.itf.json", cwd=folder)
    assert told.returncode == 13, told.stderr
    assert told.stdout.startswith("kettle.py: boils: a fair run never gets there at 2 pages, 2 contents: 3 states, 2 of them on the way\n")
    loop = "and then for ever:\n   1  heat  water: cold -> hot\n   2  cool  water: hot -> cold\nboils never comes true: It boils"
    assert loop in told.stdout
    again = run("show", "run.itf.json", "--design", "kettle.py", cwd=folder)
    assert again.returncode == 0 and "and then for ever:" in again.stdout
    assert fields(run("show", "run.itf.json", "--design", "kettle.py", "--json", cwd=folder), "show")["loop"] == 0
    other = run("show", "run.itf.json", "--design", "strong.py", cwd=folder)
    assert (other.returncode, other.stderr) == (2, "thawcheck: run.itf.json: it is not fair: boil[] is put off for ever\n")
    found = fields(run("explore", "kettle.py", "--progress", "--json", cwd=folder), "explore")
    assert (found["engine"], found["verdict"], found["property"], found["length"]) == ("progress", "violated", "boils", 2)
    (row,) = found["progress"]  # type: ignore[misc]
    assert (row["verdict"], row["loop"], row["sizes"]) == ("violated", 0, {"pages": 2, "contents": 2})


def test_a_promise_that_is_kept_says_where_it_was_looked_at_and_what_it_takes(folder: Path) -> None:
    told = run("explore", "strong.py", "--progress", "--pages", "1", cwd=folder)
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[:3] == [
        "strong.py: boils: every fair run gets there at 1 page, 2 contents: 3 states, 2 of them on the way",
        "    weak fairness, necessary: heat",
        "    strong fairness, necessary: boil",
    ]


def test_an_engine_that_does_not_look_says_so(folder: Path) -> None:
    """The random runs stand for all: they take no compiler."""
    told = run("explore", "kettle.py", "--random", "--runs", "3", cwd=folder)
    assert "    boils: not checked here; --progress looks for a run that never gets there\n" in told.stdout
    found = fields(run("explore", "kettle.py", "--random", "--runs", "3", "--json", cwd=folder), "explore")
    assert [(row["property"], row["verdict"]) for row in found["progress"]] == [("boils", "unchecked")]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bounded", "3"], "--bounded and --progress are two engines; choose one"),
        (["--random"], "--random and --progress are two engines; choose one"),
        (["--plain"], "--plain is for the explorer; --progress has nothing to switch off"),
        (["--seed", "1"], "--seed is for --random"),
    ],
)
def test_what_the_search_cannot_honour_is_refused(arguments: list[str], said: str, folder: Path) -> None:
    refused = run("explore", "kettle.py", "--progress", *arguments, cwd=folder)
    assert (refused.returncode, refused.stderr) == (2, f"thawcheck: {said}\n")


def test_nothing_expected_is_nothing_to_look_for(folder: Path) -> None:
    (folder / "plain.py").write_text(DESIGN[: DESIGN.index("    @eventually")])
    refused = run("explore", "plain.py", "--progress", cwd=folder)
    assert (refused.returncode, refused.stderr) == (2, "thawcheck: --progress: plain.py expects nothing eventually; write an @eventually\n")


def test_a_used_up_budget_is_unknown(folder: Path) -> None:
    stopped = run("explore", "proposal-2010", "--progress", "--timeout", "0.1", cwd=folder)
    assert stopped.returncode == 21 and "unknown at 2 pages" in stopped.stdout and "stopped after 0.1 s" in stopped.stdout


def test_verify_looks_at_the_smallest_size(capsys: pytest.CaptureFixture[str]) -> None:
    from thawcheck.cli.progress import verify_progress
    from thawcheck.model import Sizes, machine_of
    from thawcheck.model.designs import built_in_design

    machine = machine_of(built_in_design("proposal-2010"))
    rows, status = verify_progress(machine, Sizes(pages=2, cpus=2, contents=2, devices=1), None, 2**30, as_json=False)
    assert status == 0 and [(row["property"], row["verdict"], row["sizes"]["pages"]) for row in rows] == [("save_ends", "holds", 1)]
    line, *more = capsys.readouterr().out.splitlines()
    assert line.startswith("  save_ends: every fair run gets there at 1 page, 2 cpus") and line.endswith("; not proved for every size")
    assert len(more) == 1


def test_verify_fails_with_a_run_that_never_gets_there(folder: Path) -> None:
    result = run("verify", "kettle.py", "--json", cwd=folder)
    assert result.returncode == 13, result.stderr
    (row,) = json.loads(result.stdout)["progress"]
    assert row["verdict"] == "violated"

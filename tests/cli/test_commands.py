"""The real command: what it prints, what it writes, and with which status it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

import thawcheck

SCHEMAS = Path(thawcheck.__file__).parent / "cli" / "schemas"
RECORDED = Path(thawcheck.__file__).parent / "traces" / "recorded"
DESIGN = """
from thawcheck.model import Design, Flag, Page, Boolean, action, always, every, require, sometimes

class Good(Design):
    \"\"\"A page is marked once.\"\"\"
    marked = Flag(per=Page)
    @action
    def mark(self, page: Page) -> None:
        \"\"\"It is marked.\"\"\"
        require(~self.marked[page])
        self.marked[page] = True
    @always
    def fine(self) -> Boolean:
        \"\"\"Nothing is ever wrong.\"\"\"
        return every(Page, lambda page: self.marked[page] | ~self.marked[page])
"""


def run(*arguments: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "thawcheck", *arguments],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=cwd,
        env={**os.environ, **more},
        check=False,
    )


def complaint(result: subprocess.CompletedProcess[str], status: int = 2) -> str:
    """The one line that a failure is worth."""
    assert result.returncode == status, result.stderr
    assert result.stderr.count("\n") == 1 and "Traceback" not in result.stderr, result.stderr
    return result.stderr


def fields(result: subprocess.CompletedProcess[str], schema: str) -> dict[str, object]:
    assert result.stdout.count("\n") == 1
    found: dict[str, object] = json.loads(result.stdout)
    jsonschema.validate(found, json.loads((SCHEMAS / f"{schema}.schema.json").read_text()))
    return found


def test_dropping_an_assumption_tells_a_story_with_a_culprit(tmp_path: Path) -> None:
    saved = tmp_path / "run.itf.json"
    told = run("verify", "--drop", "flush_before_trust", "-o", str(saved))
    assert told.returncode == 12
    assert "write_page(page 0)" in told.stdout and "^ possible only without flush_before_trust" in told.stdout
    assert "restored is false" in told.stdout and "memory[0] = A, snapshot[0] = B" in told.stdout
    again = run("show", str(saved))
    assert again.returncode == 0 and "18 steps, every one checked again" in again.stdout
    assert again.stdout.splitlines()[1:] == [line for line in told.stdout.splitlines() if line in again.stdout.splitlines()]
    assert fields(run("show", "--json", str(saved)), "show")["length"] == 18


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data["states"].pop(3), "not possible"),
        (lambda data: data["states"][4]["memory"].__setitem__(0, 1 - data["states"][4]["memory"][0]), "does not lead to the state"),
        (lambda data: data["states"][2]["#meta"].__setitem__("action", "jump"), "no action jump"),
        (lambda data: data["states"].pop(), "restored is true at the end"),
        (lambda data: data["#meta"].__setitem__("design", "Mine"), "not built in"),
        (lambda data: data["#meta"]["dropped"].append("luck"), "no assumption luck"),
        (lambda data: data["#meta"]["dropped"].clear(), "not possible"),
        (lambda data: data["states"][0].__setitem__("phase", "off"), "does not start as"),
        (lambda data: data["#meta"]["sizes"].__setitem__("pages", 10**9), "larger than 64"),
    ],
)
def test_an_edited_counterexample_is_refused(change: object, said: str, tmp_path: Path) -> None:
    saved = tmp_path / "run.itf.json"
    assert run("verify", "--drop", "flush_before_trust", "-o", str(saved)).returncode == 12
    data = json.loads(saved.read_text())
    change(data)  # type: ignore[operator]
    saved.write_text(json.dumps(data))
    assert said in complaint(run("show", str(saved)))


def test_json_of_every_command(tmp_path: Path) -> None:
    violated = fields(run("verify", "--drop", "commit_last", "--json"), "verify")
    assert violated["verdict"] == "violated" and violated["property"] == "complete"
    explored = fields(run("explore", "--pages", "1", "--json"), "explore")
    assert explored["verdict"] == "holds" and explored["complete"] is True and explored["pages"] == 1
    assert fields(run("explore", "--pages", "1", "--bounded", "3", "--json"), "explore")["verdict"] == "unknown"
    assert fields(run("explore", "--pages", "1", "--random", "--runs", "3", "--json"), "explore")["verdict"] == "unknown"
    listed = fields(run("designs", "--json"), "designs")
    assert "proposal-2010" in json.dumps(listed)
    trace = tmp_path / "run.jsonl"
    fields(run("record", "userfaultfd", "-o", str(trace), "--pages", "32", "--seconds", "0.05", "--json"), "record")
    replayed = fields(run("replay", "--json", str(trace)), "replay")
    assert [entry["outcome"] for entry in replayed["runs"]] == ["holds"]  # type: ignore[attr-defined, index]


def test_the_main_job() -> None:
    result = run("verify", "--json")
    assert result.returncode == 0, result.stderr
    found = fields(result, "verify")
    assert found["verdict"] == "holds" and found["complete"] is True
    assert found["pages"] == found["cpus"] == found["contents"] == 2
    assert {row["necessary"] for row in found["assumptions"]} == {"yes"}  # type: ignore[attr-defined]
    assert all(row["outcome"] == row["expected"] for row in found["runs"])  # type: ignore[attr-defined]


def test_a_recorded_run_that_comes_out_otherwise_fails_the_main_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from thawcheck.cli import verify as module
    from thawcheck.model import machine_of
    from thawcheck.model.designs import built_in_design

    monkeypatch.setattr(module, "_recorded", lambda name: [(RECORDED / "drop-flag-wrong-image.jsonl", "holds")])
    _, wrong = module._runs("proposal-2010", machine_of(built_in_design("proposal-2010")), as_json=True)
    assert len(wrong) == 1 and "came out as violated, not as holds" in wrong[0]


def test_the_worst_of_several_traces_counts() -> None:
    good, wrong, lucky = (
        str(RECORDED / name) for name in ("good-16-pages-1-writer.jsonl", "drop-flag-wrong-image.jsonl", "drop-flag-right-image.jsonl")
    )
    assert run("replay", good).returncode == 0
    assert run("replay", good, lucky).returncode == 20
    assert run("replay", lucky, wrong, good).returncode == 12
    worst = run("replay", wrong, "/nonexistent.jsonl", good)
    assert "/nonexistent.jsonl" in complaint(worst) and worst.stdout.count("good-16-pages") == 1


def test_a_design_of_your_own(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(DESIGN)
    for name in ("mine.py", "mine.py:Good"):
        result = run("verify", name, cwd=tmp_path)
        assert result.returncode == 11, result.stdout + result.stderr  # it ends, and does not say that it may
        assert "deadlock" in result.stdout
    mine.write_text(
        DESIGN
        + "    from thawcheck.model import terminal\n    @terminal\n"
        + "    def done(self) -> Boolean:\n        return every(Page, lambda page: self.marked[page])\n"
    )
    assert "holds at 2 pages" in run("verify", "mine.py", cwd=tmp_path).stdout
    assert "has no assumption luck" in complaint(run("verify", "mine.py", "--drop", "luck", cwd=tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothing_of_that_name", "mine.py:1: it does not import: ModuleNotFoundError"),
        ("x = 1\ny = (", "mine.py:2: it does not import: SyntaxError"),
        ("x = 1", "there is no design in it"),
        (DESIGN + DESIGN.replace("class Good", "class Other"), "several designs in it (Good, Other)"),
        (
            DESIGN.replace("self.marked[page] = True", "self.marcked[page] = True"),
            "mine.py:11: unknown variable or attribute 'marcked'; did you mean 'marked'?",
        ),
        ("raise SystemExit(0)", "it does not import: SystemExit"),
    ],
)
def test_a_wrong_design_file_gets_one_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(text)
    assert said in complaint(run("verify", "mine.py", cwd=tmp_path))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "nothing"], "there is no design 'nothing'"),
        (["verify", "nothing.py"], "there is no such file"),
        (["verify", "--pages", "0"], "between 1 and 64"),
        (["verify", "--pages", "two"], "not a valid integer"),
        (["verify", "--size", "slots=2"], "no sort called slots"),
        (["verify", "--drop", "luck"], "has no assumption luck"),
        (["explore", "--bounded", "3", "--plain"], "--plain is for the explorer"),
        (["explore", "--bounded", "3", "--random"], "two engines"),
        (["explore", "--seed", "3"], "--seed is for --random"),
        (["explore", "--random", "--memory", "3"], "--memory is for the explorer"),
        (["record", "userfaultfd", "-o", "/nonexistent/run.jsonl"], "/nonexistent"),
        (["record", "userfaultfd", "-o", "run.jsonl", "--pages", "3"], "3 pages cannot be recorded"),
        (["show", "/nonexistent.json"], "No such file"),
        (["show", "/"], "Is a directory"),
        (["replay", "/"], "directory"),
        (["frobnicate"], "No such command"),
    ],
)
def test_wrong_usage_gets_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    assert said in complaint(run(*arguments, cwd=tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_trace_is_no_reason_to_run_code(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("open('it-ran', 'w')\n" + DESIGN)
    lines = (RECORDED / "good-16-pages-1-writer.jsonl").read_text().splitlines()
    header = json.loads(lines[0]) | {"design": "mine.py"}
    (tmp_path / "run.jsonl").write_text("\n".join([json.dumps(header), *lines[1:]]) + "\n")
    assert "not built in" in complaint(run("replay", "run.jsonl", cwd=tmp_path))
    assert not (tmp_path / "it-ran").exists()


def test_what_shows_a_run_of_your_own_design_again_is_said(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(DESIGN.replace("self.marked[page] | ~", "~"))
    told = run("explore", "mine.py", cwd=tmp_path)
    saved, _, command = told.stdout.splitlines()[-1].partition("; ")
    assert (told.returncode, command) == (12, "thawcheck show --design mine.py prints it again")
    again = run(*command.split()[1:4], saved.removeprefix("saved as "), cwd=tmp_path)
    assert again.returncode == 0 and "every one checked again" in again.stdout


def listen_to_interrupts() -> None:
    """What a shell starts in the background ignores interrupts, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    "command",
    [
        ["explore", "--plain", "--pages", "3"],
        ["explore", "--bounded", "100"],  # inside z3, which takes interrupts for itself
        ["verify", "--pages", "3"],
        ["record", "userfaultfd", "-o", "run.jsonl", "--seconds", "30"],
    ],
)
def test_an_interrupt_leaves_nothing_behind(command: list[str], tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "thawcheck", *command], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=listen_to_interrupts,
    )  # fmt: skip
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said == "thawcheck: interrupted; nothing was written\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command",
    [
        "verify --drop commit_last -o there/run.itf.json",
        "prove background-snapshot -o there/certificate",
        "record userfaultfd -o there/run.jsonl --pages 64 --seconds 0.1",
    ],
)
@pytest.mark.parametrize("limited", [True, False])
def test_what_cannot_be_written_is_named(command: str, limited: bool, tmp_path: Path) -> None:
    said = "No such file or directory: name another place"
    if limited:  # instead of a full disk: no file may have more than a kilobyte
        (tmp_path / "there").mkdir()
        said = "File too large: make room there, or name another place"
        assert run("explore", "--pages", "1").returncode == run("prove", "background-snapshot").returncode == 0  # compiled already
    script = f"{'ulimit -f 1; ' if limited else ''}exec {sys.executable} -m thawcheck {command}"
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    there = next(word for word in command.split() if word.startswith("there"))
    if command.startswith("prove") and not limited:  # it makes the folders that are missing
        assert result.returncode == 0 and (tmp_path / there).is_dir()
        return
    assert complaint(result) == f"thawcheck: {there}: {said}\n"
    assert not limited or not list((tmp_path / "there").iterdir())


def test_a_full_disk_is_said_in_one_line() -> None:
    result = subprocess.run(f"{sys.executable} -m thawcheck designs > /dev/full", shell=True, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "No space left on device" in result.stderr and "Traceback" not in result.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    result = subprocess.run(f"{sys.executable} -m thawcheck designs | head -1", shell=True, capture_output=True, text=True, check=False)
    assert result.returncode == 0 and result.stderr == ""

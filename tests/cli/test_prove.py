"""The command that proves: what it prints, what it writes, and with which status it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import thawcheck

SCHEMA = json.loads((Path(thawcheck.__file__).parent / "cli" / "schemas" / "prove.schema.json").read_text())
SMALL = Path(__file__).resolve().parents[1] / "proofs" / "small_designs.py"


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "thawcheck", *arguments], capture_output=True, text=True, check=False, cwd=cwd)


def fields(result: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert result.stdout.count("\n") == 1
    found: dict[str, object] = json.loads(result.stdout)
    jsonschema.validate(found, SCHEMA)
    return found


def test_a_built_in_design_is_proved_and_its_certificate_checked_again(tmp_path: Path) -> None:
    proved = run("prove", "postcopy", "-o", "kept", "--json", cwd=tmp_path)
    assert proved.returncode == 0, proved.stderr
    said = fields(proved)
    assert (said["verdict"], said["rechecked"]) == ("proved", True)
    assert said["lemmas"] and all(one["z3"] and one["cvc5"] for one in said["obligations"])  # type: ignore[attr-defined]
    again = run("prove", "--recheck", "kept", "--json", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert len(fields(again)["obligations"]) == len(said["obligations"])  # type: ignore[arg-type]
    (tmp_path / "kept" / "initiation.smt2").write_text("(check-sat)\n")
    refused = run("prove", "--recheck", "kept", cwd=tmp_path)
    assert refused.returncode == 2 and refused.stdout == ""
    assert refused.stderr == "thawcheck: kept/initiation.smt2: it is not what the design and these lemmas say\n"


def test_a_certificate_of_another_design_is_stale(tmp_path: Path) -> None:
    assert run("prove", "postcopy", "-o", "kept", cwd=tmp_path).returncode == 0
    refused = run("prove", "background-snapshot", "--recheck", "kept", cwd=tmp_path)
    assert refused.returncode == 2 and "stale" in refused.stderr and refused.stderr.count("\n") == 1


def test_a_certificate_is_no_reason_to_run_code(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SMALL.read_text())
    told = run("prove", "mine.py:Saver", "-o", "kept", cwd=tmp_path)
    assert told.stdout.splitlines()[-1].endswith("thawcheck prove mine.py:Saver --recheck kept checks it again")
    assert run("prove", "mine.py:Saver", "--recheck", "kept", cwd=tmp_path).returncode == 0
    (tmp_path / "mine.py").write_text("open('it-ran', 'w')\n")
    refused = run("prove", "--recheck", "kept", cwd=tmp_path)
    assert refused.returncode == 2 and "not built in" in refused.stderr and refused.stderr.count("\n") == 1
    assert not (tmp_path / "it-ran").exists()


def test_what_is_violated_has_its_run(tmp_path: Path) -> None:
    told = run("prove", "postcopy", "--drop", "late_page_dropped", cwd=tmp_path)
    assert told.returncode == 12 and "^ possible only without late_page_dropped" in told.stdout
    said = fields(run("prove", "postcopy", "--drop", "late_page_dropped", "--json", cwd=tmp_path))
    assert said["verdict"] == "violated" and said["property"] == "restored" and said["counterexample"]
    assert not said["lemmas"] and said["rechecked"] is False


def test_what_is_unknown_says_why() -> None:
    told = run("prove", f"{SMALL}:Pairing")
    assert told.returncode == 21
    assert "the step that could not be ruled out: consecution" in told.stdout and "looked at: holds at 2 pages" in told.stdout
    said = fields(run("prove", f"{SMALL}:Pairing", "--json"))
    assert said["verdict"] == "unknown" and said["step"] and said["reason"]
    assert fields(run("prove", f"{SMALL}:Saver", "--timeout", "0.001", "--json"))["verdict"] == "unknown"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["prove", "--recheck", "nowhere"], "nowhere/manifest.json: No such file or directory"),
        (["prove", "--recheck", "nowhere", "-o", "there"], "--recheck takes"),
        (["prove", "postcopy", "--drop", "luck"], "no assumption luck"),
        (["prove", "nothing"], "no design 'nothing'"),
        (["verify", "--power-loss"], "has no disk"),
        (["prove", "postcopy", "-o", "/proc/nowhere"], "/proc"),
    ],
)
def test_wrong_usage_gets_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2 and said in result.stderr and result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_what_is_not_a_certificate_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    result = run("prove", "postcopy", "-o", ".", cwd=tmp_path)
    assert result.returncode == 2 and "no certificate" in result.stderr
    assert (tmp_path / "precious").read_text() == "mine"


def test_power_loss_is_part_of_the_job_with_a_disk() -> None:
    told = run("verify", "swsusp", "--power-loss")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "the power may fail at every step: lose_power seen " in told.stdout

"""Random runs: what they find, that they repeat with a seed, that they shrink, and that they leave nothing behind."""

import os
import subprocess
import sys
import time
import unittest
from pathlib import Path

import pytest
from small_machines import Copier, Idle, Purse, Stairs, Trap

from thawcheck.checker import random_runs as module
from thawcheck.checker.random_runs import random_runs, random_test
from thawcheck.checker.rerun import Disagreement
from thawcheck.cli.options import load_design
from thawcheck.model import Design, Sizes, machine_of

SMALLEST = Path(__file__).resolve().parents[2] / "docs" / "examples" / "smallest.py"
SIZES = Sizes(pages=2, cpus=2, contents=2)

# These are collected and run like any other test: the two lines of a user.
TestStairs = random_test(Stairs, runs=20, steps=5)
TestCopier = random_test(Copier, pages=2, cpus=2, runs=20, steps=10)


def outcome(test: type[unittest.TestCase]) -> unittest.TestResult:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(test).run(result)
    assert result.testsRun == 1
    return result


def test_without_a_violation_the_verdict_is_unknown() -> None:
    result = random_runs(machine_of(Stairs), SIZES, seed=7, runs=20, steps=5)
    assert (result.verdict, result.complete, result.run, result.depth) == ("unknown", False, None, 3)
    assert result.reason.startswith("no violation in ") and result.reason.endswith(" random runs of up to 5 steps, seed 7")
    assert int(result.reason.split()[3]) >= 20
    assert result.states == 4 and result.transitions == sum(result.fired.values()) >= 20 * 3
    assert result.reached == {"at_the_top"}


def test_what_never_happened_is_named() -> None:
    assert random_runs(machine_of(Idle), SIZES, runs=10, steps=5).unmet == ("exploded", "explode")


@pytest.mark.parametrize("seed", range(3))
def test_a_violation_is_shrunk(seed: int) -> None:
    result = random_runs(machine_of(Copier), SIZES, dropped=frozenset({"stop_first"}), seed=seed, runs=200, steps=20)
    assert result.run is not None
    assert (result.verdict, result.broken, [step.action for step in result.run.steps]) == ("violated", "faithful", ["copy", "store"])


@pytest.mark.parametrize("seed", range(4))
def test_no_step_is_left_that_is_not_needed(seed: int) -> None:
    """What Hypothesis can choose from depends on the steps before, so its own shrinking leaves some."""
    _, machine = load_design(str(SMALLEST))
    result = random_runs(machine, Sizes(pages=2, contents=2), seed=seed)
    assert result.run is not None and [step.action for step in result.run.steps] == ["read", "store", "clear"]


def test_deadlocks_and_counters_out_of_range_are_found() -> None:
    stuck = random_runs(machine_of(Trap), SIZES, runs=5, steps=3)
    assert (stuck.verdict, stuck.run and len(stuck.run.steps)) == ("deadlock", 1)
    empty = random_runs(machine_of(Purse), SIZES, runs=5, steps=5)
    assert (empty.verdict, empty.broken) == ("violated", "coins_in_range")
    ignored = random_runs(machine_of(Purse), SIZES, only=frozenset(), runs=5, steps=5)
    assert ignored.verdict == "unknown"


def test_the_same_seed_gives_the_same_runs() -> None:
    sizes = Sizes(pages=3, cpus=2, contents=3)
    first, again, other = (random_runs(machine_of(Copier), sizes, seed=seed, runs=20, steps=20) for seed in (1, 1, 2))
    assert (first.states, first.transitions, first.fired) == (again.states, again.transitions, again.fired)
    assert first.fired != other.fired


def test_nothing_is_printed_and_no_file_is_left(tmp_path: Path) -> None:
    # In a process of its own: Hypothesis decides where its files go when it is imported.
    program = """
from small_machines import Copier, Stairs
from thawcheck.checker.random_runs import random_runs
from thawcheck.model import Sizes, machine_of
sizes = Sizes(pages=2, cpus=2, contents=2)
assert random_runs(machine_of(Copier), sizes, runs=20, steps=10).verdict == "unknown"
assert random_runs(machine_of(Stairs), sizes, dropped=frozenset({"rail"}), runs=20, steps=10).verdict == "violated"
"""
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_a_time_out_is_unknown() -> None:
    begun = time.perf_counter()
    result = random_runs(machine_of(Copier), SIZES, runs=1_000_000, steps=50, timeout=0.5)
    assert time.perf_counter() - begun < 10
    assert result.verdict == "unknown" and result.reason.startswith("timed out, no violation in ")


def test_what_was_found_before_the_time_is_over_is_kept() -> None:
    # Two million runs would take for ever; the violation comes early, and whatever is left of the time goes into shrinking it.
    result = random_runs(machine_of(Stairs), SIZES, dropped=frozenset({"rail"}), runs=2_000_000, steps=10, timeout=20)
    assert result.verdict == "violated" and result.run is not None and len(result.run.steps) == 4


def test_a_run_that_the_reference_does_not_confirm_is_never_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "evaluate", lambda *arguments: 1)
    with pytest.raises(Disagreement, match="the reference says that it does not"):
        random_runs(machine_of(Purse), SIZES, runs=5, steps=5)


@pytest.mark.parametrize("design", [Purse, Trap])
def test_a_users_test_fails_where_the_design_does(design: type[Design]) -> None:
    ((_, message),) = outcome(random_test(design, pages=2, runs=20, steps=5)).failures
    assert ("coins_in_range is false" if design is Purse else "nothing can happen any more") in message
    assert ("step=pay(page=0)" if design is Purse else "step=enter()") in message


def test_a_users_test_can_drop_an_assumption() -> None:
    assert outcome(random_test(Stairs, dropped=["rail"], runs=20, steps=5)).failures
    assert outcome(random_test(Stairs, runs=20, steps=5)).wasSuccessful()


def test_bad_arguments_are_refused() -> None:
    for runs, steps in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="at least 1 run and 1 step"):
            random_runs(machine_of(Stairs), SIZES, runs=runs, steps=steps)

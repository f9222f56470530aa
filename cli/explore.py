"""``thawcheck explore``: one design, one engine, one verdict."""

from __future__ import annotations

import sys

import click

from ..checker.progress import Progress as Answer
from ..checker.verdict import Result
from .errors import CommandError
from .options import budget_options, default_memory, drop_option, dropped_assumptions, json_option, load_design, size_options, sizes_for
from .output import print_json, progress_bar
from .progress import progress_at, progress_fields, progress_lines
from .results import print_counterexample, result_fields, summary


@click.command()
@click.argument("design", default="proposal-2010")
@size_options
@drop_option
@click.option("--plain", is_flag=True, help="Without symmetry and without removing dead state.")
@click.option("--bounded", type=click.IntRange(min=1), metavar="K", help="With z3 instead, up to K steps.")
@click.option("--random", "random_runs", is_flag=True, help="Random runs with shrinking instead, by Hypothesis.")
@click.option("--progress", "lassos", is_flag=True, help="Instead, for what is expected eventually: runs that never get there.")
@click.option("--seed", type=int, default=0, show_default=True, help="For --random.")
@click.option("--runs", type=click.IntRange(min=1), default=100, show_default=True, help="For --random.")
@click.option("--steps", type=click.IntRange(min=1), default=60, show_default=True, help="For --random: the most steps of a run.")
@budget_options
@click.option("-o", "--output", metavar="FILE", help="Where a counterexample is saved, as ITF JSON.")
@json_option
@click.pass_context
def explore(
    context: click.Context, design: str, pages: int | None, cpus: int | None, contents: int | None, devices: int | None,
    more_sizes: tuple[str, ...], drop: tuple[str, ...], plain: bool, bounded: int | None, random_runs: bool, lassos: bool, seed: int,
    runs: int, steps: int, timeout: float | None, memory: int | None, output: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Explore every reachable state of DESIGN: a built-in name, FILE.py or FILE.py:CLASS."""
    given = {name for name in ("seed", "runs", "steps") if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT}
    _refuse_what_cannot_be_honoured(plain, bounded, random_runs, lassos, memory, given)
    name, machine = load_design(design)
    if lassos and not machine.eventualities:
        raise CommandError(f"--progress: {name} expects nothing eventually; write an @eventually")
    sizes = sizes_for(machine, {"pages": pages, "cpus": cpus, "contents": contents, "devices": devices}, more_sizes)
    dropped = dropped_assumptions(machine, drop)
    budget = memory * 2**20 if memory is not None else default_memory()
    result: Result
    answers: list[Answer] = []
    with progress_bar(f"exploring {name}", as_json) as progress:
        if bounded is not None:
            from ..checker.bounded import bounded as check

            result = check(machine, sizes, bounded, dropped=dropped, timeout=timeout)
        elif random_runs:
            from ..checker.random_runs import random_runs as run

            result = run(machine, sizes, dropped=dropped, only=None, seed=seed, runs=runs, steps=steps, timeout=timeout)
        elif lassos:
            result, answers = progress_at(machine, sizes, dropped, timeout, budget)
        else:
            from ..checker.explorer import explore as search

            result = search(machine, sizes, dropped=dropped, plain=plain, timeout=timeout, memory=budget, progress=progress)
    if as_json:
        engine = "bounded" if bounded is not None else "random" if random_runs else "progress" if lassos else "explorer"
        checked = {"progress": [progress_fields(answer) for answer in answers]} if lassos else {}
        print_json({"engine": engine, **result_fields(name, result), **checked})
    else:
        if not lassos:
            print(f"{name}: {summary(result)}")
        for answer in answers:
            first, *more = progress_lines(answer)
            print("\n    ".join([f"{name}: {first}", *more]))
        for item in machine.eventualities if not lassos else ():
            print(f"    {item.name}: not checked here; --progress looks for a run that never gets there")
        if result.reductions and not lassos:
            print(f"    {', '.join(result.reductions)}: {result.stored:,} states stored")
        print(f"    {result.seconds:.1f} s" + (f", {result.compile_seconds:.1f} of them compiling" if result.compile_seconds > 0.5 else ""))
        if result.run is not None:
            print_counterexample(result, output, name)
    sys.stdout.flush()
    return result.exit_status


def _refuse_what_cannot_be_honoured(
    plain: bool, bounded: int | None, random_runs: bool, lassos: bool, memory: int | None, given: set[str]
) -> None:
    asked = {"--bounded": bounded is not None, "--random": random_runs, "--progress": lassos}
    engines = [option for option, wanted in asked.items() if wanted]
    if len(engines) > 1:
        raise CommandError(f"{engines[0]} and {engines[1]} are two engines; choose one")
    other = engines[0] if engines else ""
    if other and plain:
        raise CommandError(f"--plain is for the explorer; {other} has nothing to switch off")
    if other and not lassos and memory is not None:
        raise CommandError(f"--memory is for the explorer; {other} cannot honour it, give --timeout")
    if given and not random_runs:
        raise CommandError(f"--{sorted(given)[0]} is for --random")

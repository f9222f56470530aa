"""What several commands take: a design by name or file, sizes, budgets."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ..model.designs import BUILT_IN, built_in_design
from ..model.errors import DesignError
from ..model.machine import Machine, Sizes
from ..model.recording import Design, machine_of
from .errors import CommandError

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_SIZES = {"devices": 1}  # of any other sort there are two
LARGEST_SIZE = 64


def load_design(name: str) -> tuple[str, Machine]:
    """The name and the machine of a design: a built-in name, ``FILE.py`` or ``FILE.py:CLASS``."""
    if name in BUILT_IN:
        return name, machine_of(built_in_design(name))
    file, _, wanted = name.partition(":")
    if not file.endswith(".py"):
        raise CommandError(f"there is no design {name!r}; built in are {', '.join(BUILT_IN)}; your own: FILE.py or FILE.py:CLASS")
    found = [
        value
        for value in vars(_import(Path(file))).values()
        if isinstance(value, type) and issubclass(value, Design) and value.__module__ == _module_name(file)
    ]
    names = [design.__name__ for design in found]
    if wanted:
        found = [design for design in found if design.__name__ == wanted]
    if not names:
        raise CommandError(f"{file}: there is no design in it; write a subclass of thawcheck.model.Design")
    if not found:
        raise CommandError(f"{file}: there is no design {wanted} in it; it has {', '.join(names)}")
    if len(found) > 1:
        raise CommandError(f"{file}: there are several designs in it ({', '.join(names)}); say which: {file}:{names[-1]}")
    return name, machine_of(found[0])


def load_named_design(name: str, file: str, remedy: str) -> tuple[str, Machine]:
    """The design that a file names, if it is built in: to load another would run Python code because a file says so."""
    if name not in BUILT_IN:
        raise CommandError(f"{file}: it names the design {name!r}, which is not built in ({', '.join(BUILT_IN)}); {remedy}")
    return load_design(name)


def _module_name(file: str) -> str:
    return "design_" + "".join(letter if letter.isalnum() else "_" for letter in Path(file).stem)


def _import(path: Path) -> Any:
    if not path.is_file():
        raise CommandError(f"{path}: there is no such file")
    specification = importlib.util.spec_from_file_location(_module_name(str(path)), path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        specification.loader.exec_module(module)
    except (DesignError, KeyboardInterrupt):
        raise
    except BaseException as fault:
        line = _line_in(fault, path)
        raise CommandError(f"{path}{line}: it does not import: {type(fault).__name__}: {fault}") from None
    finally:
        sys.path.pop(0)
    return module


def _line_in(fault: BaseException, path: Path) -> str:
    if isinstance(fault, SyntaxError):
        return f":{fault.lineno}"
    line, step = "", fault.__traceback__
    while step is not None:
        if Path(step.tb_frame.f_code.co_filename).resolve() == path.resolve():
            line = f":{step.tb_lineno}"
        step = step.tb_next
    return line


def sizes_for(machine: Machine, given: dict[str, int | None], more: tuple[str, ...]) -> Sizes:
    """The sizes for every sort of a machine: what was given, else the defaults."""
    wanted = {name: count for name, count in given.items() if count is not None}
    for item in more:
        name, _, count = item.partition("=")
        if not count.isdigit():
            raise CommandError(f"--size {item}: write NAME=NUMBER, for instance --size slots=2")
        wanted[name] = int(count)
    known = {sort.plural for sort in machine.sorts} | {"contents"}
    for name in wanted:
        if name not in known | {"pages", "cpus", "devices"}:
            raise CommandError(f"{machine.name} has no sort called {name}; it has {', '.join(sorted(known))}")
    counts = {sort.plural: wanted.get(sort.plural, DEFAULT_SIZES.get(sort.plural, 2)) for sort in machine.sorts}
    counts["contents"] = wanted.get("contents", 2)
    for name, number in counts.items():
        if not 1 <= number <= LARGEST_SIZE:
            raise CommandError(f"--{name} {number}: it must be between 1 and {LARGEST_SIZE}")
    order = ["pages", "cpus", "contents", "devices"]
    return Sizes(**{name: counts[name] for name in (*[n for n in order if n in counts], *[n for n in counts if n not in order])})


def dropped_assumptions(machine: Machine, names: tuple[str, ...]) -> frozenset[str]:
    """The assumptions to drop; each must be one of the design's."""
    known = [assumption.name for assumption in machine.assumptions]
    for name in names:
        if name not in known:
            raise CommandError(f"{machine.name} has no assumption {name}; it has {', '.join(known) or 'none'}")
    return frozenset(names)


def default_memory() -> int:
    """Two thirds of the machine's memory, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 2 // 3


def size_options(command: F) -> F:
    """--pages, --cpus, --contents, --devices and --size."""
    command = click.option("--size", "more_sizes", multiple=True, metavar="NAME=N", help="How many of another sort of the design.")(command)
    for name, what in (("devices", "devices (1)"), ("contents", "different contents (2)"), ("cpus", "CPUs (2)"), ("pages", "pages (2)")):
        command = click.option(f"--{name}", type=int, metavar="N", help=f"How many {what}.")(command)
    return command


def budget_options(command: F) -> F:
    """--timeout and --memory."""
    command = click.option("--memory", type=click.IntRange(min=1), metavar="MIB", help="Give up as unknown at so much memory.")(command)
    return click.option(
        "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Give up as unknown after so long."
    )(command)


def drop_option(command: F) -> F:
    """--drop, which may be repeated."""
    return click.option("--drop", "drop", multiple=True, metavar="NAME", help="Drop an assumption; may be repeated.")(command)


def json_option(command: F) -> F:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")(command)

"""How fast the explorer is on the 2010 proposal, and what its reductions save: figures of one run, on one core.

    python bench/explore.py [--seconds S]

Compilation is done before anything is timed. Compare ratios within a run, not times between machines.
"""

from __future__ import annotations

import argparse

from thawcheck.checker import reference
from thawcheck.checker.explorer import explore
from thawcheck.checker.liveness import analyse
from thawcheck.checker.verdict import Result
from thawcheck.model import Page, Sizes, machine_of
from thawcheck.model.designs.proposal_2010 import Proposal2010


def line(what: str, result: Result) -> float:
    """Prints one row and gives the states per second."""
    seconds = result.seconds - result.compile_seconds
    print(f"{what:34} {result.states:>12,} {result.transitions:>13,} {seconds:>8.2f} {result.states / seconds:>12,.0f}  {result.verdict}")
    return result.states / seconds


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="for the plain search at 2 pages, which is not finished")
    seconds = parser.parse_args().seconds
    machine = machine_of(Proposal2010)
    one = Sizes(pages=1, cpus=2, contents=2, devices=1)
    two = Sizes(pages=2, cpus=2, contents=2, devices=1)
    explore(machine, one)  # compiles
    print(f"{'':34} {'states':>12} {'transitions':>13} {'seconds':>8} {'states/s':>12}")
    small = Sizes(pages=1, cpus=1, contents=2, devices=1)
    slow = line("reference, 1 page, 1 CPU", reference.explore(machine, small, unset=analyse(machine, Page, frozenset()).unset))
    line("plain, 1 page, 1 CPU", explore(machine, small, plain=True))
    line("plain, 1 page, 2 CPUs", explore(machine, one, plain=True))
    line("reduced, 1 page, 2 CPUs", explore(machine, one))
    fast = line(f"plain, 2 pages, 2 CPUs, {seconds:g} s of it", explore(machine, two, plain=True, timeout=seconds))
    line("reduced, 2 pages, 2 CPUs", explore(machine, two))
    print(f"plain explorer against reference: {fast / slow:,.0f} times the states per second")


if __name__ == "__main__":
    main()

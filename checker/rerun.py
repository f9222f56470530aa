"""A run that an engine found is run again by the reference before anybody sees it."""

from __future__ import annotations

from collections.abc import Iterable

from .evaluate import Stepper
from .layout import Arguments, Layout, State
from .verdict import Run, Step


class Disagreement(RuntimeError):
    """An engine and the reference do not agree. That is a fault of thawcheck, never of the design."""


def rerun(layout: Layout, dropped: frozenset[str], initial: State, choices: Iterable[tuple[str, Arguments]]) -> Run:
    """The run that begins in ``initial`` and takes these actions with these arguments.

    Raises Disagreement when the machine cannot begin there, or when an action is not possible where it is taken.
    """
    for (variable, _), number in zip(layout.cells, initial, strict=True):
        only = None if variable.initial is None else layout.encode(variable, variable.initial)
        if not (0 <= number < variable.domain(layout.sizes) if only is None else number == only):
            raise Disagreement(f"{layout.machine.name} cannot begin with {variable.name} at {number}")
    state = initial
    steps: list[Step] = []
    for name, arguments in choices:
        stepper = Stepper(layout.machine.action(name), layout, dropped)
        refusing = stepper.false_conjuncts(state, arguments)
        if refusing:
            raise Disagreement(f"step {len(steps) + 1}: {name} with {arguments} is not possible, since {refusing[0].source!r} is false")
        state = stepper.apply(state, arguments)
        steps.append(Step(name, arguments, state))
    return Run(initial, tuple(steps))


__all__ = ["Disagreement", "rerun"]

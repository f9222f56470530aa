"""Which event of a recorded run is which step of a design: data that stands beside the design and never repeats a guard of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Does:
    """One step of an event: an action, or whichever of several actions is possible there.

    An argument of the action gets the event's field of the same name; what no field names is chosen freely. With ``each``, a
    parameter's name, the action happens once for every index that parameter can have, one after the other. With ``attempted``
    nothing happens where none of the actions is possible: a request over all pages leaves out those that it does not concern.
    """

    actions: tuple[str, ...]
    each: str = ""
    attempted: bool = False


@dataclass(frozen=True)
class Observes:
    """The variable's cell for the page has the value of the event's field, right after the event's last step."""

    variable: str
    field: str


@dataclass(frozen=True)
class Witnesses:
    """The truth about a page, which a property is judged by whether or not the design explains the run.

    The variable has the value of the field (or, without a field, is true), in the states in which ``when`` holds: pairs of a
    variable without indices and one of its literals; without ``when`` it has that value from then on. ``given`` is the kind of
    event that shows that the run got there: without one in the trace, nothing is witnessed. ``absent`` is what the variable is of a
    page that no such event names, where the recorder sees every event of the kind.
    """

    variable: str
    field: str = ""
    when: tuple[tuple[str, str], ...] = ()
    given: str = ""
    absent: bool | None = None


@dataclass(frozen=True)
class Meaning:
    """What a kind of event stands for: steps, in this order, then what is seen after them."""

    steps: tuple[Does, ...] = ()
    observes: tuple[Observes, ...] = ()
    witnesses: tuple[Witnesses, ...] = ()


@dataclass(frozen=True)
class EventMapping:
    """The meaning of every kind of event, and the actions that may happen although no recorder ever sees them.

    ``over_all_pages`` has the meaning of an event that names no page although others of its kind do. An action that no kind stands
    for and that is not ``unseen`` does not happen in a recorded run; those ``unseen_with_devices`` may happen if the run's header
    says that there are devices.
    """

    kinds: Mapping[str, Meaning]
    over_all_pages: Mapping[str, Meaning]
    unseen: tuple[str, ...] = ()
    unseen_with_devices: tuple[str, ...] = ()

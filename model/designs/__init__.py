"""The designs that come with thawcheck, by their name on the command line."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from ..events import EventMapping
from ..recording import Design

# name on the command line -> module and class; a design is imported when it is asked for
BUILT_IN: Final = {
    "proposal-2010": ("proposal_2010", "Proposal2010"),
    "swsusp": ("swsusp", "Swsusp"),
    "proposal-2010-full": ("proposal_2010_full", "Proposal2010Full"),
    "precopy": ("precopy", "PreCopy"),
    "background-snapshot": ("background_snapshot", "BackgroundSnapshot"),
    "tuxonice": ("tuxonice", "TuxOnIce"),
    "incremental": ("incremental", "Incremental"),
    "postcopy": ("postcopy", "PostCopy"),
}


def built_in_design(name: str) -> type[Design]:
    """The class of a built-in design. Raises KeyError for an unknown name."""
    module, attribute = BUILT_IN[name]
    design: type[Design] = getattr(import_module(f"{__name__}.{module}"), attribute)
    return design


def events_of(name: str) -> EventMapping:
    """What the events of a trace of a built-in design mean for it. Raises KeyError for an unknown name."""
    module, _ = BUILT_IN[name]
    mapping: EventMapping = import_module(f"{__name__}.{module}_events").EVENTS
    return mapping

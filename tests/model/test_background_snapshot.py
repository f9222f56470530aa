"""Background snapshot: the memory at the start is what is in the image."""

from __future__ import annotations

import pytest
from design_checks import broken_without, explored, in_order, states_if_it_holds

from thawcheck.model import machine_of
from thawcheck.model.designs.background_snapshot import BackgroundSnapshot

ONE_PAGE = {"pages": 1, "cpus": 2, "contents": 2, "devices": 1}


def test_it_holds_and_everything_in_it_happens() -> None:
    assert states_if_it_holds(BackgroundSnapshot, **ONE_PAGE) > 200


@pytest.mark.parametrize(
    "dropped, story",
    [
        ("processors_stopped", ["take", "store", "protect", "save", "complete"]),
        # P11: nothing there to protect
        ("populated_first", ["take", "run", "store", "save", "complete"]),
        ("protected_before_run", ["run", "store", "save", "complete"]),
        # P01: protected in the table, and not yet in a CPU
        ("flush_before_run", ["protect", "run", "store", "save", "complete"]),
        ("saved_before_unprotected", ["protect", "run", "unprotect", "walk", "store", "save", "complete"]),
        # D10: a late handler saves what the first one has let go
        ("first_copy_wins", ["protect", "run", "save", "write_past_tables", "save", "complete"]),
        # P08, P31: a device with an address of its own
        ("nothing_past_tables", ["take", "write_past_tables", "save", "complete"]),
        # P12: the balloon takes entry, protection and content away
        ("nothing_given_back", ["take", "give_back", "run", "save", "complete"]),
    ],
)
def test_without_an_assumption_the_hazard_comes_back(dropped: str, story: list[str]) -> None:
    name, run = broken_without(BackgroundSnapshot, dropped, **ONE_PAGE)
    assert name == "restored"
    assert in_order(story, run), run


def test_at_the_sizes_of_the_command_line() -> None:
    assert explored("background-snapshot")["states"] > 5_000
    assert len(machine_of(BackgroundSnapshot).assumptions) == 8  # each has its story above

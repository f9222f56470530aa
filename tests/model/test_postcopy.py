"""Post-copy: a page is as it was at the atomic copy when it is first seen."""

from __future__ import annotations

import pytest
from design_checks import broken_without, explored, in_order, states_if_it_holds

from thawcheck.model import machine_of
from thawcheck.model.designs.postcopy import PostCopy

TWO_PAGES = {"pages": 2, "cpus": 2, "contents": 2, "devices": 1}


def test_it_holds_and_everything_in_it_happens() -> None:
    assert states_if_it_holds(PostCopy, **TWO_PAGES) > 2_000


@pytest.mark.parametrize(
    "dropped, property_, story",
    [
        ("source_stopped", "restored", ["switch", "store_at_source", "send", "place"]),
        ("stale_discarded", "restored", ["send_early", "store_at_source", "switch", "run"]),
        # P17, seen from the guest: a hole that nobody is told about reads as zeros
        ("settled_before_run", "restored", ["run", "touch_unsettled"]),
        # P40
        ("settled_before_placed", "restored", ["send", "place_before_settled", "run"]),
        ("filled_before_seen", "restored", ["run", "send", "show_before_filled"]),
        ("late_page_dropped", "restored", ["run", "send", "place"]),
        # P17
        ("holes_stay_holes", "restored", ["settle", "collapse"]),
        ("nothing_past_tables", "restored", ["run", "write_missing_past_tables"]),
        # P12, the sibling of post-copy
        ("nothing_given_back", "restored", ["run", "give_back", "place"]),
        ("kept_until_placed", "nothing_lost", ["run", "free_at_source"]),
    ],
)
def test_without_an_assumption_the_hazard_comes_back(dropped: str, property_: str, story: list[str]) -> None:
    name, run = broken_without(PostCopy, dropped, **TWO_PAGES)
    assert name == property_
    assert in_order(story, run), run


def test_at_the_sizes_of_the_command_line() -> None:
    assert explored("postcopy")["states"] > 2_000
    assert len(machine_of(PostCopy).assumptions) == 10  # each has its story above

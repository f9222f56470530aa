"""Incremental images: harvest and commit are two things, and the power may fail between any two steps."""

from __future__ import annotations

import pytest
from design_checks import broken, broken_without, explored, in_order

from thawcheck.model import Content, Page, machine_of
from thawcheck.model.designs.incremental import Incremental

ONE_PAGE = {"pages": 1, "cpus": 1, "contents": 2, "devices": 1}


def test_one_page_on_one_cpu_is_always_restored() -> None:
    assert broken(Incremental, "restored", "promise_kept", **ONE_PAGE) == (None, [])


@pytest.mark.parametrize(
    "dropped, property_, story",
    [
        ("processors_stopped", "restored", ["pause", "store", "harvest", "write_page", "record", "find_chain", "resume"]),
        ("back_ends_stopped", "restored", ["pause", "write_past_tables", "harvest", "write_page", "record", "find_chain", "resume"]),
        # P10
        ("back_ends_mark", "restored", ["finish", "write_unmarked", "pause", "record", "find_chain", "resume"]),
        # P09
        ("logs_harvested", "restored", ["pause", "record", "find_chain", "resume"]),
        # P13: the tracker dies with unfetched bits
        ("log_outlives_slots", "restored", ["finish", "log_write", "store", "replace_slot", "pause", "record", "find_chain", "resume"]),
        # P30: an epoch fails, and its changes are nobody's
        ("failed_harvest_kept", "restored", ["harvest", "fail_and_forget", "pause", "record", "find_chain", "resume"]),
        # P03
        ("flush_before_run", "restored", ["harvest", "finish", "store", "pause", "record", "find_chain", "resume"]),
        # P05, P43, both ways round
        ("data_before_record", "restored", ["write_page", "record", "lose_power", "find_chain", "resume"]),
        ("record_before_promise", "promise_kept", ["record", "finish", "lose_power", "find_nothing"]),
        # P18: a difference upon the images of something else
        ("own_base", "restored", ["begin_next_epoch", "record", "lose_power", "load_from_another_base", "resume"]),
    ],
)
def test_without_an_assumption_the_hazard_comes_back(dropped: str, property_: str, story: list[str]) -> None:
    name, run = broken_without(Incremental, dropped, **ONE_PAGE)
    assert name == property_
    assert in_order(story, run), run


class ReadsUnrecorded(Incremental):
    """A restore that takes pages of an epoch which is not recorded: a mixture of two epochs."""

    def restored_content(self, page: Page, otherwise: Content) -> Content:
        return self.content_of_block(page, self.difference[page], otherwise)


def test_an_epoch_without_a_record_must_not_be_read() -> None:
    name, run = broken(ReadsUnrecorded, "restored", **ONE_PAGE)
    assert name == "restored" and "lose_power" in run


def test_at_the_sizes_of_the_command_line() -> None:
    assert explored("incremental")["states"] > 3_000_000
    assert len(machine_of(Incremental).assumptions) == 10  # each has its story above

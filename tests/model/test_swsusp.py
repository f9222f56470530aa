"""Hibernation as the Linux kernel does it, with the power failing at every step."""

from __future__ import annotations

import pytest
from design_checks import broken, broken_without, explored, in_order, states_if_it_holds

from thawcheck.model import Content, Page, action, machine_of, require
from thawcheck.model.designs.swsusp import Swsusp

ONE_PAGE = {"pages": 1, "cpus": 2, "contents": 2, "devices": 1}


def test_it_holds_and_everything_in_it_happens() -> None:
    assert states_if_it_holds(Swsusp, pages=2, cpus=2, contents=2, devices=1) > 3000


@pytest.mark.parametrize(
    "dropped, name, story",
    [
        ("devices_suspended_before_copy", "restored", ["begin_copying", "write_by_dma", "copy_page", "resume"]),
        ("stop_before_copy", "restored", ["begin_copying", "store", "copy_page", "resume"]),
        # P33: there is no frame, and the page is left out
        ("overflow_aborts", "restored", ["begin_copying", "skip_copy", "write_page", "mark", "resume"]),
        # P05, and its mirror image: the header survives without the data, and is lost in spite of them
        ("data_before_mark", "complete", ["write_page", "mark", "lose_power"]),
        ("mark_before_off", "saved_is_found", ["mark", "switch_off_unflushed"]),
        # P21, P34: somebody still writes to a file system
        ("tasks_frozen", "outside_unchanged", ["begin_copying", "write_outside", "mark", "boot", "jump"]),
        # P06: the boot kernel mounts it, another kernel does, and the same image is resumed again
        ("boot_kernel_mounts_nothing", "outside_unchanged", ["boot", "write_outside", "jump"]),
        ("image_not_ignored", "outside_unchanged", ["boot", "begin_afresh", "write_outside", "lose_power", "boot", "jump"]),
        ("reset_before_session", "outside_unchanged", ["reset_mark_in_cache", "write_outside", "lose_power", "boot", "jump"]),
        ("claim_before_load", "restored", ["boot", "load_in_place", "resume"]),
        # P07: the page tables of the restore are overwritten by it
        ("safe_engine", "engine_whole", ["load_aside", "place_engine", "begin_restoring", "move_page"]),
        ("stop_before_restore", "restored", ["begin_restoring", "move_page", "store", "resume"]),
        ("devices_suspended_before_restore", "restored", ["begin_restoring", "move_page", "write_by_dma", "resume"]),
        # P20: what the boot kernel left in free pages
        ("free_pages_cleared", "nothing_foreign", ["jump", "resume"]),
    ],
)
def test_without_an_assumption_the_hazard_comes_back(dropped: str, name: str, story: list[str]) -> None:
    found, run = broken_without(Swsusp, dropped, **ONE_PAGE)
    assert found == name
    assert in_order(story, run), run


def test_every_assumption_was_dropped() -> None:
    (marked,) = [mark for mark in test_without_an_assumption_the_hazard_comes_back.pytestmark if mark.name == "parametrize"]
    assert [row[0] for row in marked.args[1]] == [assumption.name for assumption in machine_of(Swsusp).assumptions]


def test_a_header_that_is_not_reset_durably_is_resumed_twice() -> None:
    """P06: the restored session loses power before the cache has made the reset durable."""
    name, run = broken(Swsusp, "consumed_once", dropped=("reset_before_session",), **ONE_PAGE)
    assert name == "consumed_once"
    assert in_order(["reset_mark_in_cache", "jump", "lose_power", "boot", "jump"], run), run


def test_a_page_that_is_moved_when_the_engine_is_gone_is_anything() -> None:
    """P07, seen in the restored memory."""
    name, run = broken(Swsusp, "restored", dropped=("safe_engine",), pages=2, cpus=1, contents=2, devices=1)
    assert name == "restored"
    assert in_order(["place_engine", "move_page", "move_page", "resume"], run), run


class LoadedFromNowhere(Swsusp):
    """What is moved is not what was loaded."""

    @action
    def load_aside(self, page: Page, otherwise: Content) -> None:
        require(self.phase == "loading", self.in_image[page], self.fate[page] == "pending")
        self.held[page] = otherwise
        self.fate[page] = "aside"


def test_the_properties_notice_a_wrong_page() -> None:
    name, _ = broken(LoadedFromNowhere, "restored", **ONE_PAGE)
    assert name == "restored"


@pytest.mark.timeout(300)
def test_the_command_line_explores_it_to_the_end() -> None:
    found = explored("swsusp")
    assert found["seconds"] - found["compile_seconds"] < 20
    assert found["states"] > 3000

"""TuxOnIce's two page sets: right while nobody writes page set 2, and broken by kernel mode setting."""

from __future__ import annotations

import pytest
from design_checks import broken, broken_without, explored, in_order, states_if_it_holds

from thawcheck.model import Content, Page, action, machine_of, require
from thawcheck.model.designs.tuxonice import TuxOnIce

ONE_PAGE = {"pages": 1, "cpus": 2, "contents": 2, "devices": 1}
TWO_PAGES = {"pages": 2, "cpus": 2, "contents": 2, "devices": 1}


def test_it_holds_and_everything_in_it_happens() -> None:
    assert states_if_it_holds(TuxOnIce, **TWO_PAGES) > 2_000


def test_a_kms_writer_breaks_it() -> None:
    """A buffer of the graphics driver lies in page set 2, is saved, and is drawn into."""
    name, run = broken_without(TuxOnIce, "set_2_untouched", **ONE_PAGE)
    assert name == "restored"
    assert in_order(["save_set_2", "write_by_kms", "begin_copying", "read_set_2", "thaw"], run), run


class DrawsLate(TuxOnIce):
    """The graphics driver leaves page set 2 alone until the atomic copy lies in it."""

    @action
    def write_by_kms(self, page: Page, content: Content) -> None:
        """Not while page set 2 is saved."""
        super().write_by_kms(page, content)
        require(self.phase == "running")


def test_a_kms_writer_also_ruins_the_copies_that_lie_in_its_pages() -> None:
    name, run = broken(DrawsLate, "restored", dropped=("set_2_untouched",), **TWO_PAGES)
    assert name == "restored"
    assert in_order(["copy_page", "write_by_kms_into_copy", "write_copy", "load_page", "thaw"], run), run


@pytest.mark.parametrize(
    "dropped, property_, story",
    [
        ("tasks_frozen", "restored", ["save_set_2", "store", "begin_copying", "read_set_2", "thaw"]),
        ("page_reads_ended", "restored", ["save_set_2", "write_by_dma", "begin_copying", "read_set_2", "thaw"]),
        ("set_2_saved_before_copy", "restored", ["freeze", "begin_copying", "mark", "thaw"]),
        ("stop_before_copy", "restored", ["begin_copying", "store", "copy_page_aside", "thaw"]),
        ("devices_suspended_before_copy", "restored", ["begin_copying", "write_by_dma", "copy_page_aside", "thaw"]),
        # P22: the boot kernel's device writes what has been restored already
        ("devices_suspended_before_restore", "restored", ["restore_page", "write_by_dma", "thaw"]),
        # P05, both ways round
        ("data_before_mark", "restored", ["save_set_2", "mark", "lose_power", "read_set_2", "thaw"]),
        ("mark_before_off", "saved_is_found", ["mark", "switch_off", "boot", "find_nothing"]),
        # P06
        ("reset_before_thaw", "consumed_once", ["thaw", "lose_power", "boot", "find_image", "thaw"]),
    ],
)
def test_without_an_assumption_the_hazard_comes_back(dropped: str, property_: str, story: list[str]) -> None:
    name, run = broken_without(TuxOnIce, dropped, **ONE_PAGE)
    assert name == property_
    assert in_order(story, run), run


def test_giving_up_after_the_atomic_copy_needs_the_disk() -> None:
    name, run = broken_without(TuxOnIce, "set_2_back_before_thaw", **TWO_PAGES)
    assert name in ("nothing_lost", "restored")
    assert in_order(["copy_page", "abort", "finish_aborting"], run), run


def test_at_the_sizes_of_the_command_line() -> None:
    assert explored("tuxonice")["states"] > 2_000
    assert len(machine_of(TuxOnIce).assumptions) == 11  # each has its story above

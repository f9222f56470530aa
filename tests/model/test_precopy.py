"""Pre-copy in rounds: the historical races of dirty logs are its assumptions."""

from __future__ import annotations

import pytest
from design_checks import broken, broken_without, explored, in_order, states_if_it_holds

from thawcheck.model import Content, Device, Page, action, machine_of, require
from thawcheck.model.designs.precopy import PreCopy

ONE_PAGE = {"pages": 1, "cpus": 1, "contents": 2, "devices": 1}


def test_it_holds_and_everything_in_it_happens() -> None:
    assert states_if_it_holds(PreCopy, **ONE_PAGE) > 500


@pytest.mark.parametrize(
    "dropped, story",
    [
        # P19: the back end had not been asked long enough when the first page was sent
        ("logging_acknowledged", ["begin", "begin_rounds", "read", "write_past_tables", "leave_unmarked", "begin_last_round", "hand_over"]),
        # P04: read, store, then the bit is taken away, and the store with it
        ("clear_before_read", ["read_before_clear", "store", "clear_after_read", "hand_over"]),
        # P02, P03, P44: a cached permission outlives the cleared bit
        ("flush_before_read", ["clear", "read", "store", "hand_over"]),
        # P28: a bit is cleared that nobody has fetched
        ("clear_only_fetched", ["clear", "log_write", "read", "store", "begin_last_round", "clear_neighbour", "hand_over"]),
        # the mark goes between the handler's two steps, and the protection is lifted all the same
        ("faults_exclude_clear", ["trap", "log_write", "clear", "unprotect", "read", "store", "hand_over"]),
        # P08, P10: a writer that nobody sees and that does not say anything
        ("back_ends_mark", ["read", "write_unmarked", "hand_over"]),
        ("processors_stopped", ["begin_last_round", "store", "hand_over"]),
        ("back_ends_stopped", ["read", "write_past_tables", "begin_last_round", "hand_over"]),
        # P09: what was marked at last is not fetched
        ("last_fetch", ["read", "write_past_tables", "mark", "begin_last_round", "hand_over"]),
    ],
)
def test_without_an_assumption_the_hazard_comes_back(dropped: str, story: list[str]) -> None:
    name, run = broken_without(PreCopy, dropped, **ONE_PAGE)
    assert name == "restored"
    assert in_order(story, run), run


def test_a_mark_under_another_name_is_a_mark_for_another_page() -> None:
    """P27."""
    name, run = broken_without(PreCopy, "marked_by_guest_address", pages=2, cpus=1, contents=2, devices=1)
    assert name == "restored"
    assert in_order(["write_past_tables", "mark_another", "hand_over"], run)


class MarksFirst(PreCopy):
    """Back ends that mark a page and write it afterwards: ``unmarked`` says here that the write is still to come."""

    @action
    def mark(self, page: Page) -> None:
        """A back end marks the page that it is going to write."""
        require(self.powered(), ~self.unmarked[page], self.logging == "on")
        self.marks[page] = True
        self.unmarked[page] = True

    @action
    def write_past_tables(self, device: Device, page: Page, content: Content) -> None:
        """It writes."""
        require(self.powered(), self.working[device], self.unmarked[page])
        self.memory[page] = content
        self.unmarked[page] = False


def test_marking_before_writing_is_not_enough() -> None:
    name, run = broken(MarksFirst, "restored", **ONE_PAGE)
    assert name == "restored"
    assert in_order(["mark", "fetch_back_ends", "clear", "read", "write_past_tables", "hand_over"], run), run


def test_at_the_sizes_of_the_command_line() -> None:
    assert explored("precopy")["states"] > 1_000_000
    assert len(machine_of(PreCopy).assumptions) == 10  # each has its story above

"""The world outside: a file system that moves on, and an image that may be resumed once."""

from __future__ import annotations

import pytest

from thawcheck.checker.reference import explore
from thawcheck.model import Assumption, Boolean, Choice, Design, Flag, Sizes, action, implies, machine_of, require, terminal
from thawcheck.model.hardware import External

ONE = Sizes(contents=2)


class Token(External, Design):
    """A session is saved, and later resumed; something else may run in between."""

    phase = Choice("running", "off", "running_again")
    image = Flag()
    destroyed_first = Assumption("an image is destroyed before it is used", protects=("consumed_once", "outside_unchanged"))
    frozen = Assumption("nothing runs between the atomic copy and switching off", protects="outside_unchanged")

    def uses_file_systems(self) -> Boolean:
        return ~self.image & (self.phase != "off") | ~self.frozen & (self.phase == "running") | (self.phase == "running_again")

    @action
    def save(self) -> None:
        require(self.phase == "running", ~self.image)
        self.believe_file_systems()
        self.image = True

    @action
    def switch_off(self) -> None:
        require(self.phase == "running", self.image)
        self.phase = "off"

    @action
    def crash(self) -> None:
        require(self.phase == "running_again")
        self.phase = "off"

    @action
    def resume(self, image_left: Boolean) -> None:
        require(self.phase == "off", self.image, implies(self.destroyed_first, ~image_left))
        self.consume_image()
        self.image = image_left
        self.phase = "running_again"

    @terminal
    def ended(self) -> Boolean:
        """It runs, or there is nothing to resume."""
        return (self.phase == "running_again") | ((self.phase == "off") & ~self.image)


def test_one_use_of_an_image_that_nothing_has_overtaken() -> None:
    assert explore(machine_of(Token), ONE).verdict == "holds"


@pytest.mark.parametrize(
    "dropped, broken, steps",
    [
        ("destroyed_first", "consumed_once", ["save", "switch_off", "resume", "crash", "resume"]),
        ("frozen", "outside_unchanged", ["save", "write_outside", "switch_off", "resume"]),
    ],
)
def test_what_is_resumed_twice_or_too_late(dropped: str, broken: str, steps: list[str]) -> None:
    result = explore(machine_of(Token), ONE, dropped=frozenset({dropped}))
    assert (result.verdict, result.broken) == ("violated", broken)
    assert result.run is not None
    assert [step.action for step in result.run.steps] == steps

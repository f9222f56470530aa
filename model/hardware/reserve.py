"""A reserve of page frames: an allocation takes one, or fails because there is none."""

from __future__ import annotations

from .. import Counter, Page, Part, number_of, require


class Reserve(Part):
    """Frames set aside for copies, counted while they are taken.

    How many there are nobody knows beforehand (Q1): so every allocation may be the one that finds the reserve empty. That allows
    everything that a reserve of any certain size allows, and more. The frames are counted and not named: which of them holds what
    makes no difference as long as nobody else may write them.
    """

    taken_frames = Counter(number_of(Page))

    def take_frame(self) -> None:
        """An allocation that succeeds. It may fail instead, at any time: then this step is not taken."""
        taken = self.taken_frames
        self.taken_frames = taken + 1

    def return_frame(self) -> None:
        """A frame goes back."""
        taken = self.taken_frames
        require(taken >= 1)
        self.taken_frames = taken - 1

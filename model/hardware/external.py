"""The world outside the image, which does not go back in time when the image is restored."""

from __future__ import annotations

from .. import Boolean, Flag, Part, action, always, require


class External(Part):
    """File systems that move on whenever a session uses them, and an image that may be resumed once.

    The memory of a saved session believes that file systems, swap and other machines are as it left them
    (Documentation/power/swsusp.rst: whoever touches something on disk between suspend and resume loses it). A file system has a
    generation, say its last mount time; the image has the one of the atomic copy. With one image all that anybody can tell is
    whether they are the same: ``moved_on`` says that they are not. What is written outside is durable at once, on a disk of its
    own: no cache keeps it in step with the disk that takes the image.

    That an image is a token which is used up when it is resumed cannot be seen in the image. So whether two sessions lived from one
    is recorded where only properties look, and what a design does about it (a header, made invalid in time) is the design's affair.
    """

    moved_on = Flag()
    contradicted = Flag(ghost=True)
    resumed_from = Flag(ghost=True)
    resumed_twice = Flag(ghost=True)

    def uses_file_systems(self) -> Boolean:
        """Somebody runs who may write outside. Designs narrow this."""
        return Boolean("literal", True)

    def believe_file_systems(self) -> None:
        """What happens at the atomic copy: the image holds the file systems of this instant."""
        self.moved_on = False

    def consume_image(self) -> None:
        """What happens when an image is resumed."""
        self.contradicted = self.contradicted | self.moved_on
        self.resumed_twice = self.resumed_twice | self.resumed_from
        self.resumed_from = True

    @action
    def write_outside(self) -> None:
        """A file system is written, a packet is sent: nothing undoes that."""
        require(self.uses_file_systems())
        self.moved_on = True

    @always
    def outside_unchanged(self) -> Boolean:
        """Nothing was written outside between the atomic copy and the resume of its image."""
        return ~self.contradicted

    @always
    def consumed_once(self) -> Boolean:
        """An image is resumed at most once."""
        return ~self.resumed_twice

"""What is said when a design cannot be read: one line with file, line and remedy."""

from __future__ import annotations

import sys
from types import FrameType


class DesignError(Exception):
    """A design that the language refuses. Its text is one line: ``FILE:LINE: what is wrong; what to do``."""

    def __init__(self, what: str, remedy: str, *, where: tuple[str, int] | None = None) -> None:
        file, line = where or caller_position()
        self.file, self.line, self.what, self.remedy = file, line, what, remedy
        super().__init__(f"{file}:{line}: {what}; {remedy}")


def caller_frame() -> FrameType:
    """The innermost frame outside the files that implement the language: the line its user wrote."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_language(frame):
        frame = frame.f_back
    return frame if frame is not None else sys._getframe(1)


def is_language(frame: FrameType) -> bool:
    """Whether the frame runs code of the language itself."""
    return frame.f_globals.get("__name__", "") in _LANGUAGE_MODULES


def caller_position() -> tuple[str, int]:
    """File and line of :func:`caller_frame`."""
    frame = caller_frame()
    return frame.f_code.co_filename, frame.f_lineno


_LANGUAGE_MODULES = frozenset(f"{__package__}.{name}" for name in ("errors", "terms", "declarations", "recording", "source"))

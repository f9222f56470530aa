"""The image: pages appended to a file, in which the later copy of a page wins, and which counts only with its commit record."""

import os
import struct
from typing import BinaryIO

from .writers import PAGE_SIZE

_ENTRY = struct.Struct("<8sQ")
_PAGE, _COMMIT = b"page\0\0\0\0", b"commit\0\0"


class ImageError(Exception):
    """The file holds no whole image."""


class Image:
    """An image in a file that is open for reading and writing."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._entries = 0
        self._places: dict[int, int] = {}

    def append(self, page: int, content: bytes) -> None:
        """Write a page, for the first time or again."""
        self._file.write(_ENTRY.pack(_PAGE, page))
        self._file.write(content)
        self._entries += 1

    def commit(self) -> None:
        """Everything before it has reached the disk when the commit record is written, and the record when this returns."""
        self._flush()
        self._file.write(_ENTRY.pack(_COMMIT, self._entries))
        self._flush()

    def _flush(self) -> None:
        self._file.flush()
        os.fdatasync(self._file.fileno())

    def find_pages(self) -> list[int]:
        """Read the file from its start and return the pages that it holds, ascending. Raises ImageError if it was not committed."""
        self._file.seek(0)
        self._places.clear()
        entries = 0
        while len(entry := self._file.read(_ENTRY.size)) == _ENTRY.size:
            tag, number = _ENTRY.unpack(entry)
            if tag == _COMMIT and number == entries:
                return sorted(self._places)
            if tag != _PAGE:
                break
            self._places[number] = self._file.tell()
            self._file.seek(PAGE_SIZE, os.SEEK_CUR)
            entries += 1
        raise ImageError("the image has no commit record")

    def read(self, page: int) -> bytes:
        """The last version of the page, from the file."""
        return os.pread(self._file.fileno(), PAGE_SIZE, self._places[page])

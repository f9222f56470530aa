"""Traces, version 1: what an event is, how a file of them is written, and how one that may be broken is read.

A trace is JSON Lines: a header, one line per event, and a closing record that counts the events. docs/trace-format.md describes it for
people, schema.json (package data, beside this module) for programs. Times are nanoseconds on the clock that the header names, from an
origin of the recorder's choice; content is a digest, sixteen hexadecimal digits.
"""

import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Annotated, BinaryIO, Literal, NoReturn, Self

import msgspec
from msgspec import Meta

VERSION = 1
MAX_LINE_BYTES = 64 * 1024
MAX_PAGES = 2**24
MAX_CPUS = 4096
MAX_ACTORS = 4096
MAX_TIME = 2**62
MAX_EARLY_EVENTS = 2**16
"""How many events may wait for an earlier sequence number of their actor before the trace is refused: it bounds the reader's memory."""

_HEX_DIGITS = "0123456789abcdef"

Nanoseconds = Annotated[int, Meta(ge=0, le=MAX_TIME)]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Seen = Literal["always", "sometimes", "never"]

KINDS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType({
    # save
    "memory_at_start": ("page", "content", "in_use"),
    "save_driver_state": (),
    "protect": ("page",),
    "begin_writing": (),
    "store": ("cpu", "page", "content"),
    "fault": ("cpu", "page"),
    "flag": ("cpu", "page"),
    "unprotect": ("cpu", "page"),
    "write_page": ("page", "content"),
    "begin_stopping": (),
    "stop_cpu": ("cpu",),
    "begin_copying": (),
    "truth_at_copy": ("page", "content"),
    "copy_page": ("page", "content"),
    "begin_writing_copies": (),
    "write_copy": ("page", "content"),
    "commit": (),
    # both halves
    "allocate": ("page",),
    "free": ("page",),
    # load
    "boot": (),
    "memory_at_boot": ("page", "content", "in_use", "in_image"),
    "claim": ("page",),
    "load_directly": ("page", "content"),
    "read_page": ("page", "content"),
    "discard": ("page",),
    "stage": ("page",),
    "release": ("page",),
    "keep": ("cpu", "page", "content"),
    "recheck": ("cpu", "page"),
    "begin_suspending": (),
    "suspend_drivers": (),
    "begin_restoring": (),
    "restore_page": ("page", "content"),
    "truth_after_restore": ("page", "content"),
    "resume": (),
})
"""Every kind of event and the fields that it has besides kind, actor, seq, begin and end."""

OPTIONAL: MappingProxyType[str, tuple[str, ...]] = MappingProxyType({"protect": ("page",)})
"""Fields of KINDS that an event may leave out: a protect without a page is one request for every page in use."""

_FIELDS = ("page", "cpu", "content", "in_use", "in_image")


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first line: what was recorded, on what, and how far the recorder could see."""

    thawcheck_trace: Annotated[int, Meta(ge=VERSION, le=VERSION)] = VERSION
    design: Name
    backend: Name
    pages: Annotated[int, Meta(ge=1, le=MAX_PAGES)]
    """Pages are numbered from 0 to pages - 1."""
    page_size: Annotated[int, Meta(ge=1, le=2**30)]
    """Bytes."""
    cpus: Annotated[int, Meta(ge=1, le=MAX_CPUS)]
    """CPUs are numbered from 0, the boot CPU, to cpus - 1."""
    devices: Annotated[int, Meta(ge=0, le=MAX_CPUS)]
    clock: Name
    digest: Name
    window: Nanoseconds
    """No event begins more than this many nanoseconds before the largest end that stands above it: it bounds overlap and disorder."""
    kinds: dict[str, Seen]
    """Which kinds of event the recorder sees; one that is not named is never seen."""


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Something that happened somewhere between begin and end.

    Two events are ordered if one ends before the other begins, or if they have the same actor; nothing else orders them.
    """

    kind: str
    actor: Name
    seq: Nanoseconds
    """Counts this actor's events from 0, in the order in which they began."""
    begin: Nanoseconds
    end: Nanoseconds
    page: Annotated[int, Meta(ge=0, lt=MAX_PAGES)] | None = None
    cpu: Annotated[int, Meta(ge=0, lt=MAX_CPUS)] | None = None
    content: Annotated[str, Meta(min_length=16, max_length=16)] | None = None
    in_use: bool | None = None
    in_image: bool | None = None


class _Closing(msgspec.Struct, forbid_unknown_fields=True):
    kind: Literal["end"]
    events: Annotated[int, Meta(ge=0)]


class _AnyVersion(msgspec.Struct):
    thawcheck_trace: int


_HEADER_DECODER = msgspec.json.Decoder(Header)
_EVENT_DECODER = msgspec.json.Decoder(Event)
_CLOSING_DECODER = msgspec.json.Decoder(_Closing)
_ANY_VERSION_DECODER = msgspec.json.Decoder(_AnyVersion)


def _one_line(text: str) -> str:
    """The text with everything that would not print, or would break the line, escaped; shortened if it is long."""
    text = "".join(letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode("ascii") for letter in text)
    return text if len(text) <= 500 else text[:497] + "..."


class TraceError(Exception):
    """A trace that cannot be read. str() is one line: FILE:LINE: what is wrong: what to do."""

    def __init__(self, path: str | os.PathLike[str], line: int, message: str) -> None:
        super().__init__(path, line, message)
        self.path = Path(path)
        self.line = line
        self.message = _one_line(message)

    def __str__(self) -> str:
        return f"{_one_line(os.fspath(self.path))}:{self.line}: {self.message}"


def _shapes(kind: str) -> set[tuple[bool, ...]]:
    """The patterns of absent fields (in the order of _FIELDS) that an event of this kind may have."""
    whole = frozenset(KINDS[kind])
    return {tuple(field not in fields for field in _FIELDS) for fields in (whole, whole - frozenset(OPTIONAL.get(kind, ())))}


class Trace:
    """An open trace: its header, and its events, once, in the order in which they stand in the file.

    Iterating checks every line and raises TraceError at the first that is wrong. It keeps a few numbers per actor, and the sequence numbers
    that came early; nothing grows with the number of events.
    """

    def __init__(self, path: Path, file: BinaryIO, header: Header) -> None:
        self.path = path
        self.header = header
        self._file = file
        self._iterated = False
        self._shapes = {kind: _shapes(kind) for kind, seen in header.kinds.items() if seen != "never"}
        self._order = _Order(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Reading to the end does so too."""
        self._file.close()

    def __iter__(self) -> Iterator[Event]:
        if self._iterated:
            raise ValueError("a trace is read once: open it again")
        self._iterated = True
        with self._file:
            yield from self._events()

    def _events(self) -> Iterator[Event]:
        # The hot loop: one decode, then a handful of comparisons; whatever fails is explained out of line.
        readline, decode, shape_of = self._file.readline, _EVENT_DECODER.decode, self._shapes.get
        pages, cpus, window = self.header.pages, self.header.cpus, self.header.window
        order = self._order
        expected, began, early = order.expected, order.began, order.early
        expected_of = expected.get
        latest = 0
        for number in count(2):
            try:
                line = readline(MAX_LINE_BYTES + 1)
                event = decode(line)
            except (ValueError, RecursionError) as error:
                self._close_or_fail(line, number, str(error))
                return
            except OSError as error:
                raise TraceError(self.path, number, f"cannot be read: {error.strerror}: copy the file anew") from None
            page, cpu, content, end = event.page, event.cpu, event.content, event.end
            shape = shape_of(event.kind)
            if shape is None or (page is None, cpu is None, content is None, event.in_use is None, event.in_image is None) not in shape:
                self._fail_fields(event, number)
            if content is not None and content.strip(_HEX_DIGITS):
                self._fail(number, f"content '{content}' is not sixteen hexadecimal digits in lower case: record the run again")
            if page is not None and page >= pages:
                self._fail(number, f"page {page} does not exist, the header says {pages} pages: record the run again")
            if cpu is not None and cpu >= cpus:
                self._fail(number, f"CPU {cpu} does not exist, the header says {cpus} CPUs: record the run again")
            begin = event.begin
            if end < begin:
                self._fail(number, f"the event ends at {end}, before it begins at {begin}: record the run again")
            if begin < latest - window:
                late = f"the event begins {latest - begin} ns before an end that stands above it"
                self._fail(number, f"{late}, and the header's window is {window} ns: sort the lines by end, or correct the header")
            if end > latest:
                latest = end
            if len(line) > MAX_LINE_BYTES:
                self._fail(number, _TOO_LONG)
            actor, seq = event.actor, event.seq
            if expected_of(actor) == seq and began[actor] <= begin and actor not in early:
                expected[actor] = seq + 1
                began[actor] = begin
            else:
                order.take(event, number)
            yield event

    def _fail(self, number: int, message: str) -> NoReturn:
        raise TraceError(self.path, number, message)

    def _fail_fields(self, event: Event, number: int) -> NoReturn:
        """Say why an event that decoded has no business here: its kind, or the fields that come with it."""
        kind = event.kind
        if kind not in KINDS:
            self._fail(number, f"kind '{kind}' is unknown: read it with the version that wrote it")
        if kind not in self._shapes:
            self._fail(number, f"the header says that kind '{kind}' is never recorded, and here it is: correct the header")
        has = [field for field in _FIELDS if getattr(event, field) is not None]
        missing = [field for field in KINDS[kind] if field not in has and field not in OPTIONAL.get(kind, ())]
        if missing:
            self._fail(number, f"{kind} lacks the field '{missing[0]}': record the run again")
        extra = [field for field in has if field not in KINDS[kind]]
        self._fail(number, f"{kind} has no field '{extra[0]}': record the run again")

    def _close_or_fail(self, line: bytes, number: int, problem: str) -> None:
        """A line that is no event is the closing record, the end of the file, or a fault."""
        if not line:
            self._fail(number, "the file ends without its closing record, so it is cut short: copy or record it again")
        if len(line) > MAX_LINE_BYTES:
            self._fail(number, _TOO_LONG)
        try:
            closing = _CLOSING_DECODER.decode(line)
        except (ValueError, RecursionError):
            self._fail(number, _why_unreadable(line, problem))
        if closing.events != number - 2:
            self._fail(number, f"the closing record counts {closing.events} events, here are {number - 2}: copy or record it again")
        self._order.finish()
        try:
            rest = self._file.read(1)
        except OSError as error:
            raise TraceError(self.path, number, f"cannot be read: {error.strerror}: copy the file anew") from None
        if rest:
            self._fail(number + 1, "something stands after the closing record: a trace ends there, remove the rest")


class _Order:
    """Sequence numbers of every actor: contiguous from 0, in the order of the begins, though the lines may come in another order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.expected: dict[str, int] = {}
        """The sequence number that each actor's next event has."""
        self.began: dict[str, int] = {}
        """When the event before that one began."""
        self.early: dict[str, dict[int, tuple[int, int]]] = {}
        """What came before its turn: its sequence number, begin and line."""
        self._early_count = 0

    def take(self, event: Event, number: int) -> None:
        """The general case: a new actor, an event before its turn or one that others waited for, or a fault."""
        actor, seq = event.actor, event.seq
        if actor not in self.expected:
            if len(self.expected) == MAX_ACTORS:
                raise TraceError(self.path, number, f"there are more than {MAX_ACTORS} actors: use fewer names")
            self.expected[actor] = 0
            self.began[actor] = 0
        waiting = self.early.setdefault(actor, {})
        if seq < self.expected[actor] or seq in waiting:
            raise TraceError(self.path, number, f"sequence number {seq} of actor '{actor}' is repeated: record the run again")
        waiting[seq] = (event.begin, number)
        self._early_count += 1
        while self.expected[actor] in waiting:
            begin, line = waiting.pop(self.expected[actor])
            self._early_count -= 1
            if begin < self.began[actor]:
                event_name = f"event {self.expected[actor]} of actor '{actor}'"
                message = f"{event_name} begins before the one that precedes it: number events in the order in which they begin"
                raise TraceError(self.path, line, message)
            self.began[actor] = begin
            self.expected[actor] += 1
        if not waiting:
            del self.early[actor]
        if self._early_count > MAX_EARLY_EVENTS:
            self._fail_missing()

    def finish(self) -> None:
        """At the end of the trace nothing may wait any more."""
        if self.early:
            self._fail_missing()

    def _fail_missing(self) -> NoReturn:
        line, actor = min((line, actor) for actor, waiting in self.early.items() for _, line in waiting.values())
        message = f"sequence number {self.expected[actor]} of actor '{actor}' is missing: copy or record it again"
        raise TraceError(self.path, line, message)


_TOO_LONG = f"the line is longer than {MAX_LINE_BYTES} bytes: give a trace, JSON Lines"
_NO_HEADER = 'the first line is no trace header {"thawcheck_trace": 1, ...}: give a trace that starts with one'


def _not_text(line: bytes) -> str:
    """A complaint if the line is no text at all, else nothing."""
    if b"\0" in line:
        return "this is a binary file: give a trace, JSON Lines"
    try:
        line.decode()
    except UnicodeDecodeError:
        return "this is not UTF-8 text: give a trace, JSON Lines"
    return ""


def _why_unreadable(line: bytes, problem: str) -> str:
    """What a line is that is neither an event nor a closing record, in words."""
    if complaint := _not_text(line):
        return complaint
    try:
        _ANY_VERSION_DECODER.decode(line)
    except (ValueError, RecursionError):
        pass
    else:
        return "this is a second header: give one trace at a time"
    if not line.endswith(b"\n"):
        return f"the line is cut short ({problem}): copy or record it again"
    return f"this is no event ({problem}): record the run again"


def open_trace(path: str | os.PathLike[str]) -> Trace:
    """Open a trace and read its header. Raises TraceError if that cannot be done; reading the events may raise it later."""
    path = Path(path)
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise TraceError(path, 1, f"cannot be opened: {reason}: name a trace file") from None
    try:
        return Trace(path, file, _read_header(path, file))
    except BaseException:
        file.close()
        raise


def _read_header(path: Path, file: BinaryIO) -> Header:
    try:
        line = file.readline(MAX_LINE_BYTES + 1)
    except OSError as error:
        raise TraceError(path, 1, f"cannot be read: {error.strerror}: name a trace file") from None
    if not line:
        raise TraceError(path, 1, "the file is empty: give a trace, JSON Lines")
    if len(line) > MAX_LINE_BYTES:
        raise TraceError(path, 1, _TOO_LONG)
    try:
        version = _ANY_VERSION_DECODER.decode(line).thawcheck_trace
    except (ValueError, RecursionError):
        raise TraceError(path, 1, _not_text(line) or _NO_HEADER) from None
    if version != VERSION:
        message = f"version {version} is unknown, this program reads version {VERSION}: read it with the version that wrote it"
        raise TraceError(path, 1, message)
    try:
        header = _HEADER_DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        raise TraceError(path, 1, f"the header is wrong ({error}): record the run again") from None
    unknown = [kind for kind in header.kinds if kind not in KINDS]
    if unknown:
        raise TraceError(path, 1, f"the header names an unknown kind '{unknown[0]}': read it with the version that wrote it")
    return header


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new file that takes the place of path when the block ends, and disappears when it fails: path never holds half of it.

    Raises OSError if the file cannot be made, or if path is something else than a regular file.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        raise FileExistsError(f"{_one_line(os.fspath(path))} is not a regular file: name a file to write")
    temporary = target.with_name(f".thawcheck-{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def needed_window(events: Iterable[Event]) -> int:
    """The smallest window that a header can state for events in this order, in nanoseconds."""
    window = latest = 0
    for event in events:
        window = max(window, latest - event.begin)
        latest = max(latest, event.end)
    return window


def write_events(file: BinaryIO, header: Header, events: Iterable[Event]) -> int:
    """Write a whole trace to an open file and return the number of its events."""
    encode = msgspec.json.Encoder().encode
    file.write(encode(header) + b"\n")
    written = 0
    for event in events:
        file.write(encode(event) + b"\n")
        written += 1
    file.write(encode(_Closing("end", written)) + b"\n")
    return written


def write_trace(path: str | os.PathLike[str], header: Header, events: Iterable[Event]) -> int:
    """Write a trace and return the number of its events. The file appears under its name when it is whole or not at all. Raises OSError."""
    with replacing(path) as file:
        return write_events(file, header, events)

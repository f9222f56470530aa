"""The trace format: what is written is read again, and what is wrong is refused in one line."""

import json
import os
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import thawcheck
from thawcheck.traces import format as traces_format
from thawcheck.traces.format import KINDS, OPTIONAL, Event, Header, TraceError, needed_window, open_trace, write_trace

TRACES = Path(thawcheck.__file__).parent / "traces"
RECORDED = sorted((TRACES / "recorded").glob("*.jsonl"))
SCHEMA = json.loads((TRACES / "schema.json").read_text())

HEADER: dict[str, Any] = {
    "thawcheck_trace": 1, "design": "proposal-2010", "backend": "test", "pages": 8, "page_size": 4096, "cpus": 3, "devices": 0,
    "clock": "CLOCK_MONOTONIC", "digest": "xxh3_64", "window": 5, "kinds": dict.fromkeys(KINDS, "always"),
}
STORE: dict[str, Any] = {
    "kind": "store", "actor": "cpu1", "seq": 0, "begin": 1, "end": 4, "page": 2, "cpu": 1, "content": "0123456789abcdef",
}
MARK: dict[str, Any] = {"kind": "begin_writing", "actor": "cpu0", "seq": 0, "begin": 2, "end": 2}


def closing(events: int) -> dict[str, Any]:
    return {"kind": "end", "events": events}


def text(*lines: object) -> bytes:
    return b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)


def written(path: Path, *lines: object) -> Path:
    path.write_bytes(text(*lines))
    return path


def read_all(path: Path) -> list[Event]:
    with open_trace(path) as trace:
        return list(trace)


def refusal(path: Path) -> TraceError:
    with pytest.raises(TraceError) as raised:
        read_all(path)
    error = raised.value
    assert str(error) == f"{error.path}:{error.line}: {error.message}"
    assert str(error).isprintable() and ": " in error.message
    return error


def test_a_smallest_trace_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", HEADER, STORE, MARK, closing(2))
    with open_trace(path) as trace:
        assert trace.header == Header(**HEADER)
        assert list(trace) == [Event(**STORE), Event(**MARK)]
        with pytest.raises(ValueError, match="read once"):
            list(trace)
    assert read_all(written(path, HEADER, closing(0))) == []


WRONG_EVENTS: list[tuple[dict[str, Any], str]] = [
    ({"page": -1}, "page"), ({"page": 8}, "page 8 does not exist, the header says 8 pages"), ({"page": 2**24}, "page"),
    ({"page": 10**30}, "page"), ({"page": "2"}, "page"),
    ({"page": 2.0}, "page"), ({"page": True}, "page"), ({"page": None}, "lacks the field 'page'"),
    ({"cpu": 3}, "CPU 3 does not exist"), ({"cpu": -1}, "cpu"), ({"cpu": None}, "lacks the field 'cpu'"),
    ({"content": None}, "lacks the field 'content'"), ({"content": "0123"}, "content"), ({"content": "0123456789abcdeF"}, "hexadecimal"),
    ({"content": "0123 456789abcde"}, "hexadecimal"), ({"content": "0123456789abcdef0"}, "content"),
    ({"in_use": True}, "store has no field 'in_use'"), ({"in_image": 1}, "in_image"), ({"colour": "blue"}, "colour"),
    ({"begin": 5}, "before it begins"), ({"begin": -1}, "begin"), ({"end": 2**63}, "end"), ({"end": "4"}, "end"),
    ({"begin": None}, "begin"), ({"seq": 1}, "sequence number 0 of actor 'cpu1' is missing"), ({"seq": -1}, "seq"),
    ({"actor": ""}, "actor"), ({"actor": "x" * 65}, "actor"),
    ({"kind": "explode"}, "kind 'explode' is unknown"), ({"kind": 7}, "kind"), ({"kind": "fault"}, "fault has no field 'content'"),
]


@pytest.mark.parametrize(("change", "says"), WRONG_EVENTS)
def test_a_wrong_event_is_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    error = refusal(written(tmp_path / "run.jsonl", HEADER, MARK, STORE | change, closing(2)))
    assert says in error.message and error.line == 3


@pytest.mark.parametrize("field", ["kind", "actor", "seq", "begin", "end", "page", "cpu", "content"])
def test_an_event_without_a_field_is_refused(tmp_path: Path, field: str) -> None:
    event = {name: value for name, value in STORE.items() if name != field}
    error = refusal(written(tmp_path / "run.jsonl", HEADER, event, closing(1)))
    assert field in error.message and error.line == 2


@pytest.mark.parametrize(("change", "says"), [
    ({"thawcheck_trace": 2}, "version 2 is unknown"), ({"thawcheck_trace": "1"}, "no trace header"), ({"pages": 0}, "pages"),
    ({"pages": 2**24 + 1}, "pages"), ({"pages": 2.5}, "pages"), ({"cpus": 0}, "cpus"), ({"devices": -1}, "devices"),
    ({"window": -1}, "window"), ({"kinds": {"store": "often"}}, "kinds"),
    ({"kinds": {"explode": "always"}}, "unknown kind 'explode'"), ({"kinds": None}, "kinds"),
    ({"broken": "drop-flag"}, "broken"), ({"design": ""}, "design"),
])
def test_a_wrong_header_is_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    error = refusal(written(tmp_path / "run.jsonl", HEADER | change, closing(0)))
    assert says in error.message and error.line == 1


@pytest.mark.parametrize(("lines", "line", "says"), [
    ((), 1, "empty"),
    ((STORE, closing(1)), 1, "no trace header"),
    ((b"", HEADER, closing(0)), 1, "no trace header"),
    ((b"hello", HEADER, closing(0)), 1, "no trace header"),
    ((b"\x7fELF\0\0\0\1",), 1, "binary"),
    ((b"\xff\xfe{",), 1, "UTF-8"),
    ((b'{"x":' + b"[" * 60000,), 1, "no trace header"),
    ((HEADER,), 2, "without its closing record"),
    ((HEADER, STORE), 3, "without its closing record"),
    ((HEADER, STORE, closing(2)), 3, "counts 2 events, here are 1"),
    ((HEADER, STORE, closing(0)), 3, "counts 0 events, here are 1"),
    ((HEADER, STORE, closing(-1)), 3, "no event"),
    ((HEADER, STORE, closing(1) | {"more": 1}), 3, "no event"),
    ((HEADER, closing(0), STORE), 3, "after the closing record"),
    ((HEADER, closing(0), closing(0)), 3, "after the closing record"),
    ((HEADER, HEADER, closing(1)), 2, "second header"),
    ((HEADER, STORE, b"", closing(2)), 3, "no event"),
    ((HEADER, STORE, b"garbage", closing(2)), 3, "no event"),
    ((HEADER, STORE, b"a\0b", closing(2)), 3, "binary"),
    ((HEADER, STORE, b'{"kind":"\xff"}', closing(2)), 3, "UTF-8"),
    ((HEADER, STORE, b"[" * 60000, closing(2)), 3, "no event"),
    ((HEADER, STORE, b'{"kind":"begin_writing","\\u000a\\u001b":1}', closing(2)), 3, "no event"),
    ((HEADER, json.dumps(STORE).encode() + b" " * 70000, closing(1)), 2, "longer than"),
    ((HEADER, b'{"kind":"' + b"x" * 70000 + b'"}', closing(1)), 2, "longer than"),
    ((b" " * 70000, closing(1)), 1, "longer than"),
    ((HEADER, STORE, STORE, closing(2)), 3, "sequence number 0 of actor 'cpu1' is repeated"),
    ((HEADER, STORE, STORE | {"seq": 2}, closing(2)), 3, "sequence number 1 of actor 'cpu1' is missing"),
    ((HEADER, STORE | {"seq": 1}, STORE | {"seq": 1}, closing(2)), 3, "repeated"),
    ((HEADER, STORE, STORE | {"seq": 1, "begin": 0}, closing(2)), 3, "begins before the one that precedes it"),
    ((HEADER, STORE | {"seq": 1, "begin": 0}, STORE, closing(2)), 2, "begins before the one that precedes it"),
    ((HEADER, STORE | {"end": 8}, MARK, closing(2)), 3, "begins 6 ns before an end that stands above it"),
    ((HEADER | {"kinds": {"store": "never"}}, STORE, closing(1)), 2, "'store' is never recorded"),
    ((HEADER | {"kinds": {}}, STORE, closing(1)), 2, "'store' is never recorded"),
])
def test_a_wrong_file_is_refused(tmp_path: Path, lines: tuple[object, ...], line: int, says: str) -> None:
    error = refusal(written(tmp_path / "run.jsonl", *lines))
    assert says in error.message and error.line == line


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "directory" in refusal(tmp_path).message
    assert "No such file" in refusal(tmp_path / "nothing").message
    assert "cannot be read" in refusal(Path("/proc/self/mem")).message
    with pytest.raises(TraceError, match="cannot be opened"):
        open_trace("a\0b")
    assert "\n" not in str(TraceError("two\nlines", 1, "bad\nthing"))


def test_lines_may_stand_in_disorder_within_the_window(tmp_path: Path) -> None:
    events = [STORE | {"seq": seq, "begin": 2 * seq, "end": 2 * seq + 1} for seq in range(8)]
    for first in range(0, 8, 2):
        events[first], events[first + 1] = events[first + 1], events[first]
    path = written(tmp_path / "run.jsonl", HEADER, *events, closing(8))
    assert [event.seq for event in read_all(path)] == [1, 0, 3, 2, 5, 4, 7, 6]
    assert needed_window(read_all(path)) == 3
    assert len(read_all(written(path, HEADER | {"window": 3}, *events, closing(8)))) == 8
    error = refusal(written(path, HEADER | {"window": 2}, *events, closing(8)))
    assert "begins 3 ns before an end that stands above it, and the header's window is 2 ns" in error.message and error.line == 3


def test_the_window_bounds_how_long_events_overlap(tmp_path: Path) -> None:
    events = [STORE | {"begin": 10, "end": 20}, MARK | {"begin": 11, "end": 30}]
    path = written(tmp_path / "run.jsonl", HEADER | {"window": 9}, *events, closing(2))
    assert needed_window(read_all(path)) == 9
    assert "begins 9 ns before" in refusal(written(path, HEADER | {"window": 8}, *events, closing(2))).message


def test_a_protect_may_name_a_page_or_none(tmp_path: Path) -> None:
    whole = {"kind": "protect", "actor": "cpu0", "seq": 0, "begin": 0, "end": 1}
    one = whole | {"seq": 1, "page": 3}
    assert [event.page for event in read_all(written(tmp_path / "run.jsonl", HEADER, whole, one, closing(2)))] == [None, 3]
    assert "has no field 'cpu'" in refusal(written(tmp_path / "run.jsonl", HEADER, whole | {"cpu": 0}, closing(1))).message


def test_actors_and_waiting_events_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    actors = [MARK | {"actor": f"actor {number}"} for number in range(traces_format.MAX_ACTORS + 1)]
    path = written(tmp_path / "run.jsonl", HEADER, *actors[:-1], closing(len(actors) - 1))
    assert len(read_all(path)) == traces_format.MAX_ACTORS
    error = refusal(written(path, HEADER, *actors, closing(len(actors))))
    assert "more than 4096 actors" in error.message and error.line == len(actors) + 1
    monkeypatch.setattr(traces_format, "MAX_EARLY_EVENTS", 10)
    gap = [MARK | {"seq": seq} for seq in range(1, 100)]
    with open_trace(written(path, HEADER, *gap, closing(99))) as trace:
        with pytest.raises(TraceError, match="number 0 of actor 'cpu0' is missing"):
            for number, _ in enumerate(trace):
                assert number < 11


# Round trips.

numbers = st.integers(0, 2**62)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "page": st.integers(0, 7), "cpu": st.integers(0, 2), "content": st.text("0123456789abcdef", min_size=16, max_size=16),
    "in_use": st.booleans(), "in_image": st.booleans(),
}


@st.composite
def event_lists(draw: st.DrawFn) -> list[Event]:
    """Events of any kind, with proper numbers, sorted by their ends."""
    drawn = []
    for kind in draw(st.lists(st.sampled_from(sorted(KINDS)), max_size=12)):
        begin, end = sorted((draw(numbers), draw(numbers)))
        fields = {field: draw(FIELDS[field]) for field in KINDS[kind] if field not in OPTIONAL.get(kind, ()) or draw(st.booleans())}
        drawn.append({"kind": kind, "actor": draw(st.text(min_size=1, max_size=3)), "begin": begin, "end": end, **fields})
    following: dict[str, int] = {}
    events = []
    for fields in sorted(drawn, key=lambda fields: fields["begin"]):
        seq = following.get(fields["actor"], 0)
        following[fields["actor"]] = seq + 1
        events.append(Event(seq=seq, **fields))
    return sorted(events, key=lambda event: event.end)


@given(event_lists())
@settings(deadline=None)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, events: list[Event]) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.jsonl"
    assert write_trace(path, Header(**HEADER | {"window": needed_window(events)}), events) == len(events)
    assert read_all(path) == events
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        VALIDATOR.validate(json.loads(line))


# Mutations of a real trace.

@cache
def sample() -> bytes:
    return RECORDED[0].read_bytes()


def flip(data: bytes, random_: random.Random) -> bytes:
    place = random_.randrange(len(data))
    return data[:place] + bytes([random_.randrange(256)]) + data[place + 1 :]


def cut(data: bytes, random_: random.Random) -> bytes:
    return data[: random_.randrange(len(data))]


def repeat(data: bytes, random_: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join([*lines, random_.choice(lines)])


def swap(data: bytes, random_: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    first, second = random_.randrange(len(lines)), random_.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return b"".join(lines)


def remove(data: bytes, random_: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    del lines[random_.randrange(len(lines))]
    return b"".join(lines)


def insert(data: bytes, random_: random.Random) -> bytes:
    place = random_.randrange(len(data))
    return data[:place] + random_.randbytes(random_.randrange(1, 100)) + data[place:]


def change_value(data: bytes, random_: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    place = random_.randrange(len(lines))
    try:
        line = dict(json.loads(lines[place]))
    except (ValueError, TypeError):
        return data  # an earlier mutation has made it no object
    values = [None, -1, 0, 1, 2**24, 2**70, 0.5, True, "", "0" * 16, [], {}, "store", "end", "\n", "\ud800"]
    line[random_.choice([*line, "page", "cpu", "content"])] = random_.choice(values)
    lines[place] = json.dumps(line).encode() + b"\n"
    return b"".join(lines)


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [flip, cut, repeat, swap, remove, insert, change_value]


@given(st.lists(st.sampled_from(MUTATIONS), min_size=1, max_size=3), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=400)
def test_a_mutated_trace_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, mutations: list[Callable[[bytes, random.Random], bytes]], random_: random.Random
) -> None:
    data = sample()
    for mutation in mutations:
        data = mutation(data, random_) if len(data) > 1 else data
    path = tmp_path_factory.getbasetemp() / "mutated.jsonl"
    path.write_bytes(data)
    try:
        read_all(path)
    except TraceError as error:
        assert re.fullmatch(r".+:\d+: .+: .+", str(error)) and str(error).isprintable()


@pytest.mark.parametrize("damage", [cut, remove, repeat])
def test_a_trace_that_lacks_something_or_has_it_twice_is_refused(tmp_path: Path, damage: Callable[[bytes, random.Random], bytes]) -> None:
    for seed in range(100):
        data = damage(sample(), random.Random(seed))
        # Without its very last character, the end of the last line, nothing is missing.
        if data != sample()[:-1]:
            path = tmp_path / "damaged.jsonl"
            path.write_bytes(data)
            refusal(path)


# Writing.

def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("precious")

    def failing() -> Any:
        yield Event(**MARK)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_trace(path, Header(**HEADER), failing())
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "precious"
    with pytest.raises(OSError, match="No such file"):
        write_trace(tmp_path / "no" / "run.jsonl", Header(**HEADER), [])


def test_a_link_is_written_through_and_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    target, link = tmp_path / "target.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(target)
    write_trace(link, Header(**HEADER), [])
    assert link.is_symlink() and read_all(target) == []
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="not a regular file"):
        write_trace(pipe, Header(**HEADER), [])
    assert pipe.is_fifo()


# The schema and the recorded runs.

VALIDATOR = Draft202012Validator(SCHEMA)


def test_the_schema_knows_the_same_kinds_and_fields() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    common = {"kind", "actor", "seq", "begin", "end"}
    described = {}
    for shape in SCHEMA["$defs"]["event"]["oneOf"]:
        for kind in shape["properties"]["kind"]["enum"]:
            assert kind not in described
            described[kind] = (set(shape["properties"]) - common, set(shape["required"]) - common)
    assert described == {kind: (set(fields), set(fields) - set(OPTIONAL.get(kind, ()))) for kind, fields in KINDS.items()}
    assert set(SCHEMA["$defs"]["header"]["properties"]["kinds"]["properties"]) == set(KINDS)
    assert set(SCHEMA["$defs"]["header"]["required"]) == set(HEADER)


# What no single line shows, and 2.0, which to JSON Schema is an integer.
BEYOND_SCHEMA: list[dict[str, Any]] = [{"page": 8}, {"page": 2.0}, {"cpu": 3}, {"begin": 5}, {"seq": 1}]


@pytest.mark.parametrize("change", [change for change, _ in WRONG_EVENTS])
def test_the_schema_refuses_what_the_reader_refuses(change: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(STORE | change) == (change in BEYOND_SCHEMA)


def test_every_kind_is_documented() -> None:
    page = (TRACES.parent / "docs" / "trace-format.md").read_text()
    for kind in KINDS:
        assert f"`{kind}`" in page


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_runs_follow_format_and_schema(path: Path) -> None:
    events = read_all(path)
    lines = path.read_text().splitlines()
    assert len(lines) == len(events) + 2
    assert path.stat().st_size < 150_000
    for line in lines:
        VALIDATOR.validate(json.loads(line))


def test_recorded_runs_have_expected_outcomes() -> None:
    expected = json.loads((TRACES / "recorded" / "expected.json").read_text())
    assert set(expected) == {path.name for path in RECORDED}
    outcomes = [entry["outcome"] for entry in expected.values()]
    assert outcomes.count("holds") >= 3 and outcomes.count("violated") + outcomes.count("not-a-behaviour") >= 4
    for name, entry in expected.items():
        assert set(entry) - {"reason"} == {"outcome", "made"}
        events = read_all(TRACES / "recorded" / name)
        truth = {event.page: event.content for event in events if event.kind == "truth_at_copy"}
        restored = {event.page: event.content for event in events if event.kind == "truth_after_restore"}
        assert truth and (truth != restored) == (entry["outcome"] == "violated")

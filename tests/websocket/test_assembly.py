"""Messages that come in pieces, as a reader puts them together."""

import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.websocket.deflate import Inflater
from hump_trio.websocket.failures import WebSocketFailure
from hump_trio.websocket.frames import BINARY, CONTINUATION, FINAL, RSV1, TEXT
from hump_trio.websocket.reader import Part, Reader
from tests.websocket.client_frames import GOOD, masked, squeezed


def fails(reader: Reader, data: bytes) -> int | None:
    """Feed a reader, and return the code of its failure, if it fails."""
    try:
        reader.feed(data)
    except WebSocketFailure as failure:
        return failure.code
    return None


def test_line_ends_are_left_as_they_are() -> None:
    """A text in fragments is what was sent."""
    reader = Reader(1000)
    reader.feed(masked(TEXT, b"a\r") + masked(CONTINUATION, b"\nb\r") + masked(FINAL, b"c\n"))
    assert [*reader.messages] == ["a\r\nb\rc\n"]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b"abc", b"\xff"),
        ("€".encode()[:1], b"a"),
        (b"a\xe2\x82", b"\xe2"),
        (b"\xed", b"\xa0"),
        (b"\xe0", b"\x80"),
        (b"\xf4", b"\x90"),
        (b"\xf0", b"\x8f"),
        (b"", b"\xc1"),
        (b"", b"\xf5"),
    ],
)
def test_text_fails_at_its_first_bad_byte(good: bytes, bad: bytes) -> None:
    """Within a frame that hasn't come whole, and in the first byte of a new fragment."""
    frame = masked(FINAL | TEXT, good + bad + b"more")
    reader = Reader(1000)
    reader.feed(GOOD + frame[: 6 + len(good)])
    assert fails(reader, frame[6 + len(good) : 7 + len(good)]) == 1007
    reader = Reader(1000)
    reader.feed(masked(TEXT, good) + masked(CONTINUATION, bad + b"more")[:6])
    assert fails(reader, masked(CONTINUATION, bad)[6:7]) == 1007


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_without_end_takes_its_length(opcode: int) -> None:
    """Small fragments hold little more memory than a frame (30 times that in a list)."""
    reader = Reader(1 << 20)
    fragments = b"".join(masked(CONTINUATION, b"%02d" % count) for count in range(100))
    reader.feed(masked(opcode, b"ab"))
    tracemalloc.start()
    for _ in range(100):
        reader.feed(fragments)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reader.held_bytes == 20_002
    assert held < 60_000
    reader.feed(masked(FINAL))
    (message,) = reader.messages
    assert len(message) == 20_002


@given(
    st.lists(
        st.tuples(st.text("aä€𝄞\r\n", max_size=5), st.booleans(), st.booleans()),
        min_size=1,
        max_size=4,
    ),
    st.lists(st.integers(0, 200), max_size=6),
    st.sets(st.integers(0, 7)),
)
def test_parts_make_up_their_messages(
    given_messages: list[tuple[str, bool, bool]], places: list[int], streamed: set[int]
) -> None:
    """Wherever streams are cut, and parts are wanted for some of the time; compressed or not."""
    stream, expected = b"", []
    for text, is_text, compressed in given_messages:
        payload = squeezed(text.encode()) if compressed else text.encode()
        first = (TEXT if is_text else BINARY) | RSV1 * compressed
        stream += masked(first, payload[:2]) + masked(0, payload[2:5]) + masked(FINAL, payload[5:])
        expected.append(text if is_text else text.encode())
    reader = Reader(1000, inflate=Inflater(15))
    bounds = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    for count, (begin, end) in enumerate(pairwise(bounds)):
        reader.streaming = count in streamed
        reader.feed(stream[begin:end])
        assert not reader.behind
    found: list[str | bytes] = []
    parts: list[Any] = []
    for message in reader.messages:
        parts.append(message.data if isinstance(message, Part) else message)
        if not isinstance(message, Part) or message.last:
            found.append("".join(parts) if isinstance(parts[0], str) else b"".join(parts))
            parts = []
    assert not parts
    assert found == expected


def test_parts_as_they_come() -> None:
    """While streaming, a message has no limit, and each piece is handed on."""
    reader = Reader(10)
    reader.streaming = True
    assert reader.streaming
    frame = masked(FINAL | TEXT, "€".encode() * 10)
    reader.feed(frame[:7])
    assert not reader.messages
    reader.feed(frame[7:10])
    reader.feed(frame[10:] + masked(BINARY, b"12345678901"))
    assert reader.held_bytes == 0
    reader.feed(masked(FINAL) + masked(FINAL | TEXT, b"whole"))
    assert [*reader.messages] == [
        Part("€", False),
        Part("€" * 9, True),
        Part(b"12345678901", False),
        Part(b"", True),
        Part("whole", True),
    ]
    reader.streaming = False
    reader.feed(GOOD)
    assert reader.messages[-1] == "good"
    assert fails(reader, masked(FINAL | TEXT, b"x" * 11)) == 1009


def test_streaming_from_the_middle_of_a_message_on() -> None:
    """What is held is the first part; a message that began in parts ends in parts."""
    reader = Reader(10)
    reader.feed(masked(TEXT, b"12345") + masked(CONTINUATION, b"6789")[:8])
    reader.streaming = True
    assert [*reader.messages] == [Part("1234567", False)]
    reader.streaming = True
    reader.streaming = False
    reader.feed(masked(CONTINUATION, b"6789")[8:] + masked(CONTINUATION, b"0123"))
    reader.feed(masked(FINAL, b"") + GOOD)
    assert [*reader.messages] == [
        Part("1234567", False),
        Part("89", False),
        Part("0123", False),
        Part("", True),
        "good",
    ]
    reader.feed(masked(TEXT))
    reader.streaming = True
    reader.feed(masked(FINAL, b"1"))
    assert reader.messages[-1] == Part("1", True)
    assert len(reader.messages) == 6

"""Messages that come in pieces, as a reader puts them together."""

import tracemalloc

import pytest

from hump_trio.websocket.failures import WebSocketFailure
from hump_trio.websocket.frames import BINARY, CONTINUATION, FINAL, TEXT
from hump_trio.websocket.reader import Part, Reader
from tests.websocket.client_frames import GOOD, masked


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


def test_a_message_without_end_takes_its_length() -> None:
    """Fragments of one byte hold no more memory than a frame (60 times that with a list)."""
    for opcode in (TEXT, BINARY):
        reader = Reader(1 << 20)
        fragments = masked(CONTINUATION, b"a") * 1000
        reader.feed(masked(opcode, b"a"))
        tracemalloc.start()
        for _ in range(100):
            reader.feed(fragments)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert reader.held_bytes == 100_001
        assert held < 200_000


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

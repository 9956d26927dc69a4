"""One stream as a server sees it."""

import pytest

from hump_trio.http2.failures import ErrorCode, StreamFailure
from hump_trio.http2.streams import STREAM_WINDOW_BYTES, Stream


class HeardStream(Stream):
    """A stream that counts how often it heard that something has come."""

    __slots__ = ("input_count",)

    def __init__(self, content_length: int | None = None, *, input_ended: bool = False) -> None:
        super().__init__(1, 65_535, content_length=content_length, input_ended=input_ended)
        self.input_count: int = 0

    def notice_input(self) -> None:
        """Count it."""
        self.input_count += 1


def receive(stream: Stream, *parts: bytes, ends: bool = False) -> None:
    """Let a stream receive parts of a body without padding, of which the last one may end it."""
    for number, part in enumerate(parts, 1):
        stream.receive_data(part, len(part), ends=ends and number == len(parts))


def code_of(stream: Stream, *parts: bytes, ends: bool = False) -> ErrorCode:
    """Return the code of the failure that some parts of a body end with."""
    with pytest.raises(StreamFailure) as raised:
        receive(stream, *parts, ends=ends)
    return raised.value.code


def test_a_body_is_taken_in_order() -> None:
    """Whether it is taken part by part, or several of them at once."""
    stream = HeardStream()
    receive(stream, b"a")
    assert stream.take() == b"a"
    receive(stream, b"b", b"c", b"", b"d")
    assert stream.take() == b"bcd"
    assert (stream.take(), stream.input_ended) == (b"", False)
    receive(stream, b"e", ends=True)
    assert (stream.take(), stream.input_ended) == (b"e", True)
    assert stream.input_count == 6


def test_what_is_taken_does_not_change() -> None:
    """More that comes is added to what waits, never to what somebody holds."""
    stream = HeardStream()
    receive(stream, b"a", b"b")
    taken = stream.take()
    receive(stream, b"c", b"d")
    assert (taken, type(taken)) == (b"ab", bytes)


@pytest.mark.parametrize("parts", [(b"abc",), (b"a", b"bc"), (b"abc", b"")])
def test_a_body_of_the_announced_length(parts: tuple[bytes, ...]) -> None:
    """It is right however it is cut (RFC 9113 section 8.1.1)."""
    stream = HeardStream(3)
    receive(stream, *parts, ends=True)
    assert stream.input_ended


@pytest.mark.parametrize(
    ("length", "parts", "ends"),
    [(3, (b"abcd",), False), (3, (b"ab", b"cd"), True), (3, (b"ab",), True), (0, (b"a",), False)],
)
def test_a_body_of_another_length(length: int, parts: tuple[bytes, ...], ends: bool) -> None:
    """More than announced is wrong at once, and less at the end (RFC 9113 section 8.1.1)."""
    assert code_of(HeardStream(length), *parts, ends=ends) is ErrorCode.PROTOCOL_ERROR


def test_trailers_end_a_body() -> None:
    """If it has its length by then."""
    stream = HeardStream(3)
    receive(stream, b"ab")
    with pytest.raises(StreamFailure):
        stream.end_input([("a", "b")])
    receive(stream, b"c")
    stream.end_input([("a", "b")])
    assert (stream.trailers, stream.input_ended) == ([("a", "b")], True)


def test_nothing_follows_the_end() -> None:
    """A half-closed stream brings no more (RFC 9113 section 5.1)."""
    stream = HeardStream()
    receive(stream, b"a", ends=True)
    assert code_of(stream, b"b") is ErrorCode.STREAM_CLOSED
    assert code_of(HeardStream(input_ended=True), b"") is ErrorCode.STREAM_CLOSED


def test_a_window_is_kept_to_the_byte() -> None:
    """All of it may be sent, and one byte more ends the stream (RFC 9113 section 6.9.1)."""
    stream = HeardStream()
    receive(stream, bytes(STREAM_WINDOW_BYTES))
    assert code_of(stream, b"a") is ErrorCode.FLOW_CONTROL_ERROR


def test_padding_takes_room() -> None:
    """It counts as what was sent (RFC 9113 section 6.9.1)."""
    stream = HeardStream()
    stream.receive_data(b"", STREAM_WINDOW_BYTES, ends=False)
    assert code_of(stream, b"a") is ErrorCode.FLOW_CONTROL_ERROR


def test_taking_makes_room() -> None:
    """The peer is told in steps of half a window, and of nothing behind the end."""
    stream = HeardStream()
    half = STREAM_WINDOW_BYTES // 2
    receive(stream, bytes(half))
    assert stream.free(half - 1) == 0
    assert stream.free(1) == half
    receive(stream, bytes(half), bytes(half), ends=True)
    assert stream.free(2 * half) == 0


def test_a_declined_body_is_not_held() -> None:
    """What was here is counted to whoever asked, and what comes takes no memory."""
    stream = HeardStream(5)
    receive(stream, b"ab")
    assert stream.decline() == 2
    receive(stream, b"c")
    assert (bytes(stream.held), stream.decline()) == (b"", 0)
    assert code_of(stream, b"def") is ErrorCode.PROTOCOL_ERROR


def test_a_plain_stream_tells_nobody() -> None:
    """What it would tell is of use to a subclass alone."""
    stream = Stream(1, 0, content_length=None, input_ended=False)
    receive(stream, b"a", ends=True)
    stream.notice_framed()
    stream.notice_reset()
    assert stream.take() == b"a"

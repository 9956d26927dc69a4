"""What is read of a client's bytes, however they come, with the mask in Python and in C."""

import math
from collections.abc import Callable

import pytest

from hump_trio.websocket import reader as reader_module
from hump_trio.websocket.failures import WebSocketFailure
from hump_trio.websocket.frames import BINARY, CLOSE, CONTINUATION, FINAL, PING, PONG, TEXT
from hump_trio.websocket.masking import apply_mask, apply_mask_plainly
from hump_trio.websocket.reader import Kind, Reader
from tests.websocket.client_frames import GOOD, KEY, MALFORMED, masked

WORD = "äöü€𝄞" * 100


@pytest.fixture(autouse=True, params=["C", "plain"])
def _mask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with either way to unmask."""
    if request.param == "plain":
        monkeypatch.setattr(reader_module, "apply_mask", apply_mask_plainly)


def fails(reader: Reader, data: bytes) -> int | None:
    """Feed a reader, and return the code of its failure, if it fails."""
    try:
        reader.feed(data)
    except WebSocketFailure as failure:
        return failure.code if 0 < len(failure.reason.encode()) < 124 else None
    return None


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000, 1 << 20])
def test_messages_in_pieces_of_any_size(step: int) -> None:
    """Whole frames, fragments, and control frames between them are read however they are cut."""
    long, word = bytes(range(256)) * 300, WORD.encode()
    stream = (
        masked(FINAL | TEXT, b"first")
        + masked(FINAL | BINARY, long)
        + masked(TEXT, word[:7])
        + masked(FINAL | PING, b"ping")
        + masked(CONTINUATION, word[7:301], b"\0\0\0\0")
        + masked(FINAL | PONG)
        + masked(FINAL | CONTINUATION, word[301:])
        + masked(BINARY)
        + masked(FINAL | CONTINUATION)
        + masked(FINAL | TEXT)
        + masked(FINAL | TEXT, b"x" * 126)
        + masked(FINAL | TEXT, b"x" * 200)
        + masked(FINAL | CLOSE, b"\x0f\xa0" + "tschüß".encode())
    )
    reader = Reader(1 << 20)
    for start in range(0, len(stream), step):
        reader.feed(stream[start : start + step])
    assert [*reader.messages] == ["first", long, WORD, b"", "", "x" * 126, "x" * 200]
    assert reader.controls == [(PING, b"ping"), (PONG, b"")]
    assert (reader.close_code, reader.close_reason) == (4000, "tschüß")
    assert not reader.held_bytes
    assert not reader.frame_begun
    assert not reader.message_begun


def test_all_of_a_read_in_one_call() -> None:
    """A burst of messages costs one call."""
    reader = Reader(1000)
    assert reader.feed(GOOD * 50 + masked(FINAL | PING) + GOOD)
    assert [*reader.messages] == ["good"] * 51
    assert reader.controls == [(PING, b"")]


@pytest.mark.parametrize("mask", [apply_mask, apply_mask_plainly])
def test_long_messages_in_one_call(
    mask: Callable[[bytes, bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And short ones between them: there is nothing else to look at."""
    monkeypatch.setattr(reader_module, "apply_mask", mask)
    reader = Reader(1 << 17)
    long = "long" * (1 << 14)
    sent: list[str | bytes] = [long, "short", (long + "er").encode(), b"short", "x" * 200, long]
    assert not reader.feed(b"".join(map(frame_of, sent)))
    assert [*reader.messages] == sent


def frame_of(message: str | bytes) -> bytes:
    """Return a client's frame of a whole message."""
    if isinstance(message, str):
        return masked(FINAL | TEXT, message.encode())
    return masked(FINAL | BINARY, message)


def test_whether_there_is_more_than_messages() -> None:
    """A call tells that of what it has taken, so that whole messages need no further look."""
    reader = Reader(1000)
    ping = masked(FINAL | PING)
    pieces = [GOOD, GOOD * 3, GOOD[:1], GOOD[1:8], GOOD[8:], GOOD + ping, GOOD, ping[:3], ping[3:]]
    pieces += [masked(BINARY), masked(FINAL), GOOD, masked(FINAL | CLOSE), GOOD]
    told = [reader.feed(piece) for piece in pieces]
    whole = [0, 1, 6, 11, 13]
    assert told == [at not in whole for at in range(len(pieces))]


def test_a_close_without_a_code() -> None:
    """It is known as 1005 (RFC 6455 section 7.1.5)."""
    reader = Reader(1000)
    reader.feed(masked(FINAL | CLOSE))
    assert (reader.close_code, reader.close_reason) == (1005, "")


@pytest.mark.parametrize("behind", [GOOD, masked(FINAL | CLOSE), b"\xff", masked(FINAL | PING)])
def test_what_follows_a_close_is_ignored(behind: bytes) -> None:
    """Be it in the same read or in a later one (RFC 6455 section 5.5.1)."""
    reader = Reader(1000)
    reader.feed(GOOD + masked(BINARY, b"half") + masked(FINAL | CLOSE, b"\x03\xe8") + behind)
    reader.feed(behind)
    assert [*reader.messages] == ["good"]
    assert reader.controls == []
    assert reader.close_code == 1000
    assert not reader.held_bytes


@pytest.mark.parametrize(("stream", "code"), MALFORMED.values(), ids=list(MALFORMED))
def test_malformed_frames(stream: bytes, code: int) -> None:
    """Wherever the stream is cut, the message before one is read, and one failure has its code.

    Nothing that follows is taken.
    """
    stream = GOOD + stream
    for cut in range(len(stream) + 1):
        reader = Reader(1000)
        found = [fails(reader, stream[:cut]), fails(reader, stream[cut:]), fails(reader, GOOD)]
        assert [each for each in found if each is not None] == [code], cut
        assert [*reader.messages] == ["good"]
        assert reader.close_code is None
        assert reader.held_bytes == 0
    reader = Reader(1000)
    found = [fails(reader, stream[at : at + 1]) for at in range(len(stream))]
    assert [each for each in found if each is not None] == [code]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (b"\x89\x00", 1002),
        (b"\xc1\x80", 1002),
        (b"\x83\x80", 1002),
        (b"\x82\xfe\x00\x7d", 1002),
        (b"\x82\xff" + (1 << 63).to_bytes(8, "big"), 1002),
        (b"\x82\xfe\x03\xe9", 1009),
        (b"\x82\xff" + (1 << 40).to_bytes(8, "big"), 1009),
    ],
)
def test_a_header_is_judged_before_its_frame_has_come(header: bytes, code: int) -> None:
    """A fault is answered at once, and a message that is too long before a byte of it is kept."""
    assert fails(Reader(1000), header) == code


@pytest.mark.parametrize("limit_bytes", [0, 5, 125, 126, 200, 70000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_limit_is_exact(limit_bytes: int, opcode: int) -> None:
    """A message of that length is taken, and one of a byte more isn't, be it in fragments."""
    data = b"x" * limit_bytes
    for more, code in ((b"", None), (b"x", 1009)):
        assert fails(Reader(limit_bytes), masked(FINAL | opcode, data + more)) == code
        stream = masked(opcode, data[:3]) + masked(FINAL, data[3:] + more)
        assert fails(Reader(limit_bytes), stream) == code


def test_no_limit() -> None:
    """A reader without one takes what comes."""
    reader = Reader(float("inf"))
    reader.feed(masked(FINAL | BINARY, bytes(1 << 21)))
    assert [*reader.messages] == [bytes(1 << 21)]


@pytest.mark.parametrize(("kind", "opcode"), [("text", BINARY), ("binary", TEXT)])
def test_a_kind_that_is_not_taken(kind: Kind, opcode: int) -> None:
    """A message of it fails with 1003, whole or begun; the other kind is taken."""
    other = TEXT if opcode == BINARY else BINARY
    for frame in (masked(FINAL | opcode, b"data"), masked(opcode, b"data")[:2]):
        reader = Reader(1000, kind)
        reader.feed(masked(FINAL | other, b"one") + masked(other, b"t") + masked(FINAL, b"wo"))
        assert [bytes(str(m), "utf-8") if kind == "text" else m for m in reader.messages] == [
            b"one",
            b"two",
        ]
        assert fails(reader, frame) == 1003


def test_what_has_begun() -> None:
    """The reader tells a frame in part from a message in part, and what it holds of them."""
    reader = Reader(1000)
    states = []
    frame = masked(BINARY, b"12345")
    for piece in (frame[:1], frame[1:7], frame[7:], masked(FINAL, b"6")[:6], b"\x01", GOOD):
        reader.feed(piece)
        states.append((reader.frame_begun, reader.message_begun, reader.held_bytes))
    assert states == [
        (True, False, 1),
        (True, True, 1),
        (False, True, 5),
        (True, True, 5),
        (False, False, 0),
        (False, False, 0),
    ]
    reader.feed(masked(FINAL | BINARY, b"12")[:7])
    assert (reader.frame_begun, reader.message_begun) == (True, False)


def test_a_key_of_zeros_and_one_for_each_frame() -> None:
    """Each frame has its own key."""
    reader = Reader(1000)
    reader.feed(masked(TEXT, b"one", b"\0\0\0\0") + masked(FINAL, b"two", KEY[::-1]))
    assert [*reader.messages] == ["onetwo"]


@pytest.mark.parametrize("first", [FINAL | PING, CONTINUATION])
def test_many_small_frames_are_taken_in_turns(first: int) -> None:
    """A read that is full of them keeps nobody waiting: the next call goes on."""
    reader = Reader(math.inf)
    reader.feed(masked(TEXT, b"a"))
    data = masked(first, b"b") * 3000
    calls = 1
    reader.feed(data)
    while reader.behind:
        assert not reader.frame_begun
        reader.feed(b"")
        calls += 1
    assert calls == 3
    reader.feed(masked(FINAL | CONTINUATION, b"c"))
    count = 3000 if first == CONTINUATION else 0
    assert list(reader.messages) == ["a" + "b" * count + "c"]
    assert len(reader.controls) == 3000 - count

"""Random streams of frames, right and wrong, cut anywhere: our reader and wsproto agree on them.

They disagree on two things, which the streams leave out and a test holds.

wsproto 1.3 takes a Close with 1014 for a violation. The code is in IANA's registry, which RFC 6455
section 11.7 makes the list of codes.

wsproto sees the first two bytes of a surrogate as a beginning, as Python's decoder does, until a
third one comes. No character begins so (RFC 3629 section 4), and RFC 6455 section 8.1 lets a text
fail at once; what comes instead of a third byte may be another fault.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from hump_trio.websocket.failures import WebSocketFailure
from hump_trio.websocket.frames import BINARY, CLOSE, CONTINUATION, FINAL, PING, PONG, TEXT
from hump_trio.websocket.reader import Part, Reader
from tests.websocket.client_frames import masked

# Messages, control frames, and the code that it ends with: the Close's or the failure's.
Found = tuple[list[str | bytes | Part], list[tuple[int, bytes]], int | None]

keys = st.binary(min_size=4, max_size=4)
texts = st.text(st.sampled_from("aä€𝄞"), max_size=8).map(str.encode)
hostile_texts = st.lists(
    st.sampled_from([b"a", b"\xff", b"\xa0", b"\xe2\x82", b"\xac", b"\xf4\x90", b"\xc0"]),
    max_size=5,
).map(b"".join)
data = st.binary(max_size=8).map(lambda data: data.replace(b"\xed", b"\xee"))
payloads = texts | texts | hostile_texts | data | st.just(bytes(range(200)))
codes = st.sampled_from([0, 999, 1000, 1001, 1004, 1005, 1006, 1011, 1013, 1015, 2999, 3000, 5000])
closings = (
    st.just(b"")
    | st.binary(max_size=1)
    | st.builds(lambda code, reason: code.to_bytes(2, "big") + reason, codes, texts | hostile_texts)
)
good = st.builds(masked, st.sampled_from([TEXT, BINARY]).map(FINAL.__or__), texts, keys)
fragments = st.builds(
    lambda opcode, parts, pinged, key: (
        masked(opcode, parts[0], key)
        + b"".join(
            masked(FINAL | PING, b"?", key) * pinged + masked(CONTINUATION, each, key)
            for each in parts[1:]
        )
        + masked(FINAL | CONTINUATION, b"", key)
    ),
    st.sampled_from([TEXT, BINARY]),
    # Of one text, cut within its characters.
    st.tuples(texts, st.integers(1, 3)).map(
        lambda pair: [pair[0][at : at + pair[1]] for at in range(0, len(pair[0]) + 1, pair[1])]
    ),
    st.booleans(),
    keys,
)
controls = st.builds(masked, st.sampled_from([PING, PONG]).map(FINAL.__or__), payloads, keys)
endings = st.builds(masked, st.just(FINAL | CLOSE), closings, keys)
# Any first byte, and a header that may be wrong about its payload.
anything = st.builds(
    masked,
    st.integers(0, 255),
    payloads,
    keys,
    st.none() | st.sampled_from([0, 5, 126, 127, 1 << 16, 1 << 63]),
)
odd_lengths = st.sampled_from([b"\x81\xfe\0\x05", b"\x82\xff" + bytes(8), b"\x81\x05", b"\x89\0"])
streams = st.lists(
    good | good | fragments | fragments | controls | endings | anything | odd_lengths, max_size=7
).map(b"".join)


def cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    """Return a stream in pieces, and behind it zeros, which end what it left open."""
    bounds = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    pieces = [stream[begin:end] for begin, end in pairwise(bounds)]
    return [*pieces, bytes(20)]


def ours(pieces: list[bytes]) -> Found:
    """Return what our reader finds."""
    reader = Reader(float("inf"))
    code = None
    for piece in pieces:
        try:
            reader.feed(piece)
        except WebSocketFailure as failure:
            code = failure.code
    return (
        [*reader.messages],
        reader.controls,
        code if reader.close_code is None else reader.close_code,
    )


def of_wsproto(pieces: list[bytes]) -> Found:
    """Return what wsproto finds; parts of messages are joined."""
    judge = Connection(ConnectionType.SERVER)
    messages: list[str | bytes | Part] = []
    found: list[tuple[int, bytes]] = []
    parts: list[Any] = []
    for piece in pieces:
        judge.receive_data(piece)
        for event in judge.events():
            if isinstance(event, CloseConnection):
                return messages, found, int(event.code)
            if isinstance(event, TextMessage | BytesMessage):
                parts.append(event.data)
                if event.message_finished:
                    text = isinstance(event, TextMessage)
                    messages.append("".join(parts) if text else b"".join(parts))
                    parts = []
            elif isinstance(event, Ping | Pong):
                found.append((PING if isinstance(event, Ping) else PONG, bytes(event.payload)))
    return messages, found, None


@settings(max_examples=300)
@given(streams, st.lists(st.integers(0, 10_000), max_size=8))
def test_wsproto_agrees(stream: bytes, places: list[int]) -> None:
    """On messages, control frames, and the code that each stream ends with."""
    pieces = cut(stream, places)
    assert ours(pieces) == of_wsproto(pieces)


@given(streams, st.lists(st.integers(0, 10_000), max_size=8))
def test_cuts_change_nothing(stream: bytes, places: list[int]) -> None:
    """A stream that comes at once, in some pieces, or byte by byte is the same."""
    whole = ours(cut(stream, []))
    assert ours(cut(stream, places)) == whole
    assert ours(cut(stream, range(len(stream)))) == whole


@pytest.mark.parametrize(
    ("stream", "code", "code_of_wsproto"),
    [
        (masked(FINAL | CLOSE, (1014).to_bytes(2, "big")), 1014, 1002),
        (masked(TEXT, b"\xed\xa0"), 1007, None),
        (masked(TEXT, b"\xed\xa0") + masked(FINAL | 3), 1007, 1002),
    ],
)
def test_where_wsproto_disagrees(stream: bytes, code: int, code_of_wsproto: int | None) -> None:
    """The reasons are above."""
    assert ours([stream]) == ([], [], code)
    assert of_wsproto([stream])[2] == code_of_wsproto

"""Frames of a server, judged by wsproto as the client."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from hump_trio.websocket.frames import (
    BINARY,
    BYTES_HEADS,
    CONTINUATION,
    FINAL,
    PING,
    PONG,
    TEXT,
    TEXT_HEADS,
    encode_bytes,
    encode_close,
    encode_frame,
    encode_text,
)

sizes = st.sampled_from([0, 1, 125, 126, 127, 65535, 65536, 70000])


def read(data: bytes) -> list[Event]:
    """Return what wsproto makes of a server's bytes."""
    judge = Connection(ConnectionType.CLIENT)
    judge.receive_data(data)
    return list(judge.events())


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), sizes)
def test_text(text: str, size: int) -> None:
    """A text of any length is one whole message."""
    text = (text * size)[:size]
    assert read(encode_text(text)) == [TextMessage(data=text, message_finished=True)]


@given(st.binary(max_size=5), sizes)
def test_bytes(data: bytes, size: int) -> None:
    """Bytes of any length are one whole message."""
    data = (data * size)[:size]
    assert read(encode_bytes(data)) == [BytesMessage(data=data, message_finished=True)]


def test_a_text_that_has_no_form() -> None:
    """A surrogate isn't sent, since no client may read it."""
    with pytest.raises(UnicodeEncodeError):
        encode_text("\ud800")


def test_fragments_and_control_frames() -> None:
    """A frame is made of any opcode and bits."""
    sent = [
        encode_frame(TEXT, b"a"),
        encode_frame(FINAL | PING, b"1"),
        encode_frame(FINAL | CONTINUATION, b"b"),
        encode_frame(FINAL | PONG, b""),
        encode_frame(FINAL | BINARY, bytes(300)),
    ]
    assert read(b"".join(sent)) == [
        TextMessage(data="a", message_finished=False),
        Ping(payload=b"1"),
        TextMessage(data="b", message_finished=True),
        Pong(payload=b""),
        BytesMessage(data=bytes(300), message_finished=True),
    ]


def test_heads_made_beforehand() -> None:
    """They are those of whole short messages, by length."""
    for size in range(126):
        assert TEXT_HEADS[size] == encode_frame(FINAL | TEXT, bytes(size))[:2]
        assert BYTES_HEADS[size] == encode_frame(FINAL | BINARY, bytes(size))[:2]


def test_a_close() -> None:
    """It has a code and a reason, or neither."""
    assert read(encode_close(4401, "sign in")) == [CloseConnection(code=4401, reason="sign in")]
    assert encode_close(1000) == b"\x88\x02\x03\xe8"
    assert encode_close(1005) == b"\x88\x00"


@pytest.mark.parametrize("reason", ["a" * 200, "ä" * 100, "€" * 50, "𝄞" * 40, "a" + "𝄞" * 31])
def test_a_long_reason_is_cut_between_characters(reason: str) -> None:
    """A control frame holds 125 bytes (RFC 6455 section 5.5), and a reason is UTF-8."""
    (event,) = read(encode_close(1007, reason))
    assert isinstance(event, CloseConnection)
    assert event.reason is not None
    assert reason.startswith(event.reason)
    assert 123 - len(reason[-1].encode()) < len(event.reason.encode()) <= 123


@given(st.text(max_size=30))
def test_a_reason_of_any_characters(reason: str) -> None:
    """A surrogate, which a reason can't have, is a question mark; nothing fails."""
    (event,) = read(encode_close(1011, reason))
    assert isinstance(event, CloseConnection)
    assert (event.reason or "") == reason.encode(errors="replace").decode()

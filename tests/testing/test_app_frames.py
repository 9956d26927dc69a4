"""What an app sends is read as wsproto reads it, and what a server may not send fails the test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode, ParseFailed

from hump_trio.testing.app_frames import AppFrames, encode_client_frame, encode_close_payload

LENGTHS = st.sampled_from([0, 1, 125, 126, 127, 65535, 65536, 70_000])
MESSAGES = st.lists(
    st.text(max_size=20)
    | st.binary(max_size=20)
    | LENGTHS.map("é".__mul__)
    | LENGTHS.map(b"x".__mul__),
    max_size=5,
)


@given(MESSAGES, st.integers(1, 200))
def test_what_a_server_sends_is_read(messages: list[str | bytes], cut_bytes: int) -> None:
    """Texts and bytes of each form of length, with a ping before each, however they are cut."""
    judge = FrameProtocol(client=False, extensions=[])
    sent = b"".join(judge.ping(b"?") + judge.send_data(message) for message in messages)
    sent += judge.close(1001, "going")
    frames = AppFrames()
    found = []
    for begin in range(0, len(sent), max(cut_bytes, len(sent) // 50)):
        found += frames.feed(sent[begin : begin + max(cut_bytes, len(sent) // 50)])
    assert [payload for kind, payload in found if kind == "message"] == messages
    assert [kind for kind, _ in found] == ["ping", "message"] * len(messages) + ["close"]
    assert (frames.close_code, frames.close_reason) == (1001, "going")


@given(LENGTHS.map(b"x".__mul__) | st.binary(max_size=20))
def test_what_a_client_sends_is_read_by_a_server(payload: bytes) -> None:
    """Masked, as wsproto unmasks it."""
    judge = FrameProtocol(client=False, extensions=[])
    judge.receive_bytes(encode_client_frame(0x82, payload))
    frames = list(judge.received_frames())
    assert b"".join(frame.payload for frame in frames) == payload  # type: ignore[misc]
    assert {frame.opcode for frame in frames} == {Opcode.BINARY}
    judge.receive_bytes(encode_client_frame(0x82, payload, masked=False))
    with pytest.raises(ParseFailed):
        list(judge.received_frames())


def test_fragments_are_one_message() -> None:
    """With control frames between them."""
    frames = AppFrames()
    assert frames.feed(b"\x01\x01\xc3" + b"\x89\x00" + b"\x8a\x02ok") == [
        ("ping", b""),
        ("pong", b"ok"),
    ]
    assert frames.feed(b"\x00\x00" + b"\x80\x01\xa9") == [("message", "é")]


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [(b"", 1005, ""), (b"\x03\xe8", 1000, ""), (b"\x11\x31bye", 4401, "bye")],
)
def test_a_closing_frame_says_its_code(payload: bytes, code: int, reason: str) -> None:
    """One without a code is 1005."""
    frames = AppFrames()
    frames.feed(encode_client_frame(0x88, payload, masked=False))
    assert (frames.close_code, frames.close_reason) == (code, reason)
    assert encode_close_payload(None if code == 1005 else code, reason) == payload


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"\xc1\x00", "reserved bits: 0xc1"),
        (b"\x81\x80", "a masked frame"),
        (b"\x83\x00", "unknown kind: 0x3"),
        (b"\x8b\x00", "unknown kind: 0xb"),
        (b"\x81\x7e\x00\x7d", "isn't minimal"),
        (b"\x81\x7f" + (65535).to_bytes(8, "big"), "isn't minimal"),
        (b"\x81\x7f" + (2**63).to_bytes(8, "big"), "isn't minimal"),
        (b"\x09\x00", "a control frame cut"),
        (b"\x89\x7e\x00\x7e" + bytes(126), "too long"),
        (b"\x80\x00", "make no message"),
        (b"\x01\x00\x01\x00", "make no message"),
        (b"\x81\x01\xff", "isn't UTF-8"),
        (b"\x88\x01\x03", "one byte"),
        (b"\x88\x02\x03\xed", "nobody may send: 1005"),
        (b"\x88\x02\x13\x88", "nobody may send: 5000"),
        (b"\x88\x03\x03\xe8\xff", "isn't UTF-8"),
        (b"\x88\x00\x81\x00", "behind its closing frame"),
    ],
)
def test_what_a_server_may_not_send(data: bytes, fault: str) -> None:
    """It fails the test, and says what was wrong."""
    with pytest.raises(AssertionError, match=fault):
        AppFrames().feed(data)

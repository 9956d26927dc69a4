"""The client that sends messages and counts them, judged by wsproto at the other end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate

from tests.benchmarks.scenarios import MESSAGES
from tests.benchmarks.websocket_client import CLOSING_FRAME, MessageCounter, encode_message

SENT: dict[str, tuple[Event, int]] = {  # what a server may send, and how many messages these are
    "text": (TextMessage("tea"), 1),
    "empty": (TextMessage(""), 1),
    "bytes": (BytesMessage(bytes(126)), 1),
    "long": (BytesMessage(bytes(70_000)), 1),
    "begun": (TextMessage("Dar", message_finished=False), 0),
    "ping": (Ping(b"still there?"), 0),
    "pong": (Pong(), 0),
}


def judge(*, compressing: bool = False, client: bool = False) -> Connection:
    """Return wsproto's end of a WebSocket that is open."""
    extension = PerMessageDeflate()
    if compressing:
        extension.accept("permessage-deflate")
    kind = ConnectionType.CLIENT if client else ConnectionType.SERVER
    return Connection(kind, [extension] if compressing else [])


def messages_of(end: Connection, data: bytes) -> list[str | bytes]:
    """Return the messages that some bytes hold."""
    end.receive_data(data)
    messages: list[str | bytes] = []
    parts: list[str | bytes] = []
    for event in end.events():
        assert isinstance(event, TextMessage | BytesMessage)
        parts.append(event.data if isinstance(event, TextMessage) else bytes(event.data))
        if event.message_finished:
            messages.append(type(parts[0])().join(parts))  # type: ignore[arg-type]
            parts.clear()
    assert not parts
    return messages


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", MESSAGES)
def test_the_same_frame_is_the_same_message_each_time(name: str, compressed: bool) -> None:
    """Masked as it has to be, and compressed without a word of what was sent before."""
    payload = MESSAGES[name].payload
    frame = encode_message(payload, compressed=compressed)
    assert messages_of(judge(compressing=compressed), frame * 3) == [payload] * 3


def test_the_closing_frame_is_an_orderly_one() -> None:
    """Its code is 1000."""
    end = judge()
    end.receive_data(CLOSING_FRAME)
    assert list(end.events()) == [CloseConnection(1000, "")]


@given(st.lists(st.sampled_from(sorted(SENT))), st.booleans(), st.data())
def test_messages_are_counted_however_they_come(
    names: list[str], compressing: bool, data: st.DataObject
) -> None:
    """In frames and reads of any size, with pings between them, which are answered."""
    end = judge(compressing=compressing)
    sent, expected, begun = b"", 0, False
    for name in names:
        event, count = SENT[name]
        if begun and isinstance(event, BytesMessage):
            continue  # a message is of one kind
        sent += end.send(event)
        expected += count
        if isinstance(event, TextMessage):
            begun = not event.message_finished
    counter = MessageCounter()
    counted = 0
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    for start, stop in pairwise([0, *cuts, len(sent)]):
        counted += counter.count(sent[start:stop])
    assert counted == expected
    end.receive_data(counter.owed)
    pings = names.count("ping")
    assert list(end.events()) == [Pong(b"still there?")] * pings


def test_a_close_is_an_error() -> None:
    """Its reason is told."""
    frame = judge().send(CloseConnection(1011, "too slow"))
    with pytest.raises(RuntimeError, match=r"closes: .*too slow"):
        MessageCounter().count(frame)

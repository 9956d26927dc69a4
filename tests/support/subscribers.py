"""WebSockets that subscribe to a topic, without a server, and what their clients read."""

from typing import Any

from hump_trio.channels.websocket import Terms, WebSocket
from hump_trio.messages.channel import Message
from hump_trio.websocket.frames import TEXT
from tests.support.channels import FakeChannel, websocket_request

__all__ = ["messages_in", "messages_of", "new_websocket"]


def new_websocket() -> tuple[FakeChannel, WebSocket[Any, Any]]:
    """Return a channel, and the WebSocket that a handler has of it."""
    request, channel = websocket_request()
    return channel, WebSocket(request, Terms())


def messages_of(channel: FakeChannel) -> list[Message]:
    """Return the messages that a client has read: texts of the handler's, and frames."""
    found = list[Message]()
    for sent in channel.sent:
        found += [sent] if isinstance(sent, str) else messages_in(sent)
    return found


def messages_in(data: bytes) -> list[Message]:
    """Return the messages of whole frames."""
    found, end = list[Message](), 0
    while end < len(data):
        kind, length, start = data[end] & 0x0F, data[end + 1], end + 2
        if length > 125:
            start += 2 if length == 126 else 8
            length = int.from_bytes(data[end + 2 : start])
        end = start + length
        found.append(data[start:end].decode() if kind == TEXT else data[start:end])
    return found

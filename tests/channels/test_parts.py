"""Messages in parts, both ways, over a channel whose client is the test."""

import pytest
import trio

from hump_trio.channels.parts import SendPart
from hump_trio.channels.websocket import Terms, WebSocket
from hump_trio.facts.exceptions import WebSocketClosed
from tests.support.channels import FakeChannel, websocket_request


def made() -> tuple[WebSocket, FakeChannel]:
    """Return a WebSocket and its channel."""
    request, channel = websocket_request()
    return WebSocket(request, Terms()), channel


async def test_large_messages_come_in_parts() -> None:
    """One message after the other; a loop that is left is gone on with."""
    ws, channel = made()
    parts: list[tuple[str | bytes, bool]]
    parts = [(b"a", False), (b"b", False), (b"c", True), ("d", True)]
    for part, last in parts:
        channel.give(part, last=last)
    async for part in ws.stream():
        assert part == b"a"
        break
    assert [part async for part in ws.stream()] == [b"b", b"c"]
    assert [part async for part in ws.stream()] == ["d"]
    channel.end()
    with pytest.raises(WebSocketClosed):
        await anext(ws.stream())


async def test_large_messages_go_in_parts() -> None:
    """They end with the block; a block without parts sends nothing."""
    ws, channel = made()
    async with ws.writer() as send:
        await send("a")
        await send("b")
        with pytest.raises(TypeError, match="a part of this message is str, not bytes"):
            await send(b"c")
    async with ws.writer() as send:
        with pytest.raises(TypeError, match="is str or bytes, not int"):
            await send(1)  # type: ignore[arg-type]
    async with ws.writer() as send:
        await send(b"d")
    assert channel.sent == [("a", False), ("b", False), ("", True), (b"d", False), (b"", True)]


async def test_a_message_that_breaks_off_ends_the_websocket(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It can't be ended as if it were whole, and nothing else can be sent in its midst."""
    ws, channel = made()
    with trio.move_on_after(1):
        async with ws.writer() as send:
            await send("a")
            await trio.sleep(2)
    assert channel.closed_with == (1011, "a message broke off")
    ws, channel = made()
    with pytest.raises(LookupError):
        async with ws.writer():
            raise LookupError
    assert channel.closed_with is None
    await ws.send("whole")


async def test_one_task_at_a_time_sends_parts() -> None:
    """And none when the block is over: what it sent would be in the midst of something else."""
    ws, channel = made()
    channel.pause()
    async with trio.open_nursery() as nursery:
        async with ws.writer() as send:
            nursery.start_soon(send, "a")
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError):
                await send("b")
            channel.resume()
            await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(RuntimeError, match="ended with its block"):
            await send("c")
    assert channel.sent == [("a", False), ("", True)]


async def test_a_block_that_is_left_while_a_part_is_sent() -> None:
    """The message breaks off: that part would stand behind its end."""
    ws, channel = made()
    channel.pause()
    async with trio.open_nursery() as nursery:

        async def send_late(send: SendPart) -> None:
            with pytest.raises(WebSocketClosed):
                await send("a")

        async def leave_early() -> None:
            async with ws.writer() as send:
                nursery.start_soon(send_late, send)
                await trio.testing.wait_all_tasks_blocked()

        with pytest.raises(trio.BusyResourceError):
            await leave_early()
    assert channel.closed_with == (1011, "a message broke off")

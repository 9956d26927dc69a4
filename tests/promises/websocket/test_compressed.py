"""Compressed messages that take more than one turn to inflate, by wsproto as the client."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.events import BytesMessage, CloseConnection, TextMessage
from wsproto.extensions import PerMessageDeflate

from hump_trio import Hump, WebSocket
from tests.support.wsproto_client import opened

TURN_BYTES = 64 * 1024  # what one turn inflates, besides the message that it is in


@pytest.fixture
def app() -> Hump:
    """An app with an echo that compresses."""
    app = Hump()

    @app.websocket("/", message_limit=None, compress=True)
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    return app


def fragments(data: bytes, count: int) -> list[BytesMessage]:
    """Return a message in fragments."""
    size = len(data) // count
    return [
        BytesMessage(data=data[start : start + size], message_finished=start + size >= len(data))
        for start in range(0, len(data), size)
    ]


@pytest.mark.parametrize("count", [2, 100, 1000])
async def test_a_message_of_many_turns(app: Hump, count: int, autojump_clock: MockClock) -> None:
    """One in fragments that come together is whole in the end, and so is one behind it."""
    data = bytes(20 * TURN_BYTES)
    async with opened(app, "/", extensions=[PerMessageDeflate()]) as client:
        await client.send(*fragments(data, count), TextMessage(data="behind"))
        assert await client.receive_message() == data
        assert await client.receive_message() == "behind"
        await client.send(CloseConnection(code=1000))
        assert (await client.receive_close())[0] == 1000


async def test_messages_of_many_turns(app: Hump, autojump_clock: MockClock) -> None:
    """Many that come together, of a turn each, are answered one by one, the client's close last."""
    data = bytes(TURN_BYTES)
    async with opened(app, "/", extensions=[PerMessageDeflate()]) as client:
        await client.send(*[BytesMessage(data=data)] * 50, CloseConnection(code=4000))
        for _ in range(50):
            assert await client.receive_message() == data
        assert (await client.receive_close())[0] == 4000


async def test_what_a_handler_leaves(autojump_clock: MockClock) -> None:
    """A handler that sleeps finds what came, and one that ends has the client's close read."""
    app = Hump()
    found = list[int]()

    @app.websocket("/", message_limit=None, compress=True)
    async def sleep_then_read(ws: WebSocket) -> None:
        await ws.accept()
        await trio.sleep(10)
        async for message in ws:
            found.append(len(message))
            if len(found) == 5:
                return

    async with opened(app, "/", extensions=[PerMessageDeflate()]) as client:
        await client.send(*[BytesMessage(data=bytes(TURN_BYTES))] * 50)
        await wait_all_tasks_blocked()
        assert app.statistics().buffered_bytes < 2 * TURN_BYTES
        await trio.sleep(9)
        await client.send(CloseConnection(code=1000))
        started = trio.current_time()
        assert (await client.receive_close())[0] == 1000
        assert trio.current_time() - started < 2
    assert found == [TURN_BYTES] * 5

"""Clients of one app share what serves it, and are left by it in good order."""

from contextlib import suppress
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump
from hump_trio.testing import client, connect
from hump_trio.testing.memory_listener import MemoryListener, running
from tests.support.wire import read_until, request
from tests.testing.apps import new_app


async def test_clients_inside_one_another_share_the_app(autojump_clock: MockClock) -> None:
    """It is served once; the outermost one starts and stops it."""
    app = new_app()
    async with client(app) as http, connect(app) as raw, client(app) as other:
        assert app.draining is False
        await raw.send(request())
        await read_until(raw, b"\r\n\r\na")
        assert (await http.get("/")).text == (await other.get("/")).text
    with pytest.raises(RuntimeError):
        app.shutdown()


async def test_two_failures_at_once_stay_a_group(autojump_clock: MockClock) -> None:
    """The app's own and the test's: neither is lost."""

    async def fail_beside_the_app() -> None:
        async with running(new_app()) as listener:
            await listener.aclose()
            try:
                await trio.sleep_forever()
            finally:
                raise LookupError

    with pytest.raises(BaseExceptionGroup) as raised:
        await fail_beside_the_app()
    assert raised.group_contains(LookupError)
    assert raised.group_contains(trio.ClosedResourceError)


async def test_a_listener_in_memory_leaves_nobody_waiting(autojump_clock: MockClock) -> None:
    """Who connected and wasn't accepted before the end sees the connection end."""
    app = Hump()
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(app.serve, listeners=[listener]))
        await wait_all_tasks_blocked()
        clients = [listener.connect(1000) for _ in range(4)]
        app.shutdown()
        with trio.fail_after(100):
            for client in clients:
                with suppress(trio.BrokenResourceError):
                    assert await client.receive_some() == b""

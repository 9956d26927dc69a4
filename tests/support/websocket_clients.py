"""Other libraries' WebSocket clients, each run in the event loop that it knows."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from selectors import DefaultSelector

import trio

from tests.support.aiohttp_client import connect_aiohttp
from tests.support.handmade_client import connect_by_hand
from tests.support.loopback import PATIENCE_SECONDS
from tests.support.websocket_offer import Connect
from tests.support.websockets_clients import connect_asyncio, connect_trio

__all__ = ["CLIENTS", "play"]

CLIENTS: dict[str, Connect] = {
    "aiohttp": connect_aiohttp,
    "websockets": connect_asyncio,
    "websockets.trio": connect_trio,
    "wsproto": connect_by_hand,
}
OVER_TRIO = {connect_trio, connect_by_hand}


async def play(connect: Connect, part: Callable[[Connect], Awaitable[None]]) -> None:
    """Run what a client does, in the event loop that it knows: Trio's, or asyncio's in a thread.

    Args:
        connect: One of `CLIENTS`.
        part: What it does. It is given `connect`, and waits for nothing else.
    """
    if connect in OVER_TRIO:
        with trio.fail_after(PATIENCE_SECONDS):
            await part(connect)
    else:
        await trio.to_thread.run_sync(run_asyncio, part, connect)


def run_asyncio(part: Callable[[Connect], Awaitable[None]], connect: Connect) -> None:
    """Run what a client does in a loop of its own, until its sockets are closed.

    With TLS aiohttp doesn't wait for that.
    """
    selector = DefaultSelector()

    async def perform() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await part(connect)
            # One is the loop's own; no event tells of it.
            while len(selector.get_map()) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=partial(asyncio.SelectorEventLoop, selector)) as runner:
        runner.run(perform())

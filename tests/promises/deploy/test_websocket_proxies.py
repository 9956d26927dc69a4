"""WebSockets behind nginx and HAProxy: as the examples configure them, and where hosts differ."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from wsproto.events import AcceptConnection, Ping, TextMessage

from hump_trio import Forwarded, Hump, Timeouts, WebSocket
from tests.support.deployment import PROXIES, Instance, deployed
from tests.support.handmade_client import Connected
from tests.support.loopback import PATIENCE_SECONDS, address_of
from tests.support.websocket_clients import CLIENTS
from tests.support.websocket_offer import Offer, RefusedError
from tests.support.websocket_proxies import PROXIES as FRONTS
from tests.support.websocket_proxies import PatientProxy, Proxy
from tests.support.wsproto_client import WsprotoClient, ask

MESSAGES: list[str | bytes] = [
    "hello",
    b"\0\xff",
    "",
    b"0123456789abcdef" * 60_000,
    "\N{TEACUP WITHOUT HANDLE}" * 250_000,
]
IDLE_SECONDS = 2
connect = CLIENTS["websockets.trio"]


@pytest.mark.parametrize("proxy", PROXIES)
async def test_what_passes(proxy: str, tmp_path: Path) -> None:
    """Messages, large ones, closes both ways; a page of the same origin, and of no other one."""
    async with deployed(proxy, tmp_path) as (_, address):
        at = "{}:{}".format(*address)
        with trio.fail_after(PATIENCE_SECONDS):
            same = Offer(fields={"origin": f"http://{at}"})
            async with connect(f"ws://{at}/echo", same) as client:
                for message in MESSAGES:
                    await client.send(message)
                    assert await client.receive() == message
                await client.ping()
                await client.close(4000, "bye")
            async with connect(f"ws://{at}/close", Offer()) as client:
                assert await client.receive_close() == (4401, "sign in")
            for fields in ({"origin": "http://evil.example"}, {"origin": "null"}):
                with pytest.raises(RefusedError) as refused:
                    async with connect(f"ws://{at}/echo", Offer(fields=fields)):
                        raise AssertionError
                assert refused.value.status == 403
            with pytest.raises(RefusedError) as refused:
                async with connect(f"ws://{at}/ready", Offer()):
                    raise AssertionError
            assert refused.value.status in (200, 405, 502)


@pytest.mark.parametrize("proxy", PROXIES)
async def test_handler_of_a_client_that_leaves_is_cancelled(proxy: str, tmp_path: Path) -> None:
    """That the client has gone without a word is passed on to the instance it has asked."""
    async with deployed(proxy, tmp_path) as (pair, address), trio.open_nursery() as nursery:

        async def listen(instance: Instance) -> None:
            await instance.read_line("resting")
            await stream.aclose()
            await instance.read_line("cancelled")
            nursery.cancel_scope.cancel()

        async with await trio.open_tcp_stream(*address) as stream:
            answer = await ask(WsprotoClient(Connected(stream)), "/sleep", host="shop.example")
            assert isinstance(answer, AcceptConnection)
            for instance in pair:
                nursery.start_soon(listen, instance)


@asynccontextmanager
async def told(proxy: Proxy, folder: Path, *fields: str) -> AsyncIterator[str]:
    """Serve an app that believes some fields of a proxy, and give the address of the proxy."""
    app = Hump("127.0.0.1", 0)
    if fields:
        app.middleware(Forwarded(proxies=["127.0.0.1"], fields=fields))

    @app.websocket("/")
    async def greet(ws: WebSocket) -> None:
        await ws.send(ws.request.host)

    async with proxy(folder, app) as url:
        yield "{}:{}".format(*address_of(url))


@pytest.mark.parametrize("proxy", FRONTS)
async def test_a_proxy_that_asks_by_another_host(proxy: Proxy, tmp_path: Path) -> None:
    """A page's origin is the host that the client has asked for, once the proxy is believed."""
    with trio.fail_after(PATIENCE_SECONDS):
        async with told(proxy, tmp_path) as at:
            with pytest.raises(RefusedError) as refused:
                async with connect(f"ws://{at}/", Offer(fields={"origin": f"http://{at}"})):
                    raise AssertionError
            assert refused.value.status == 403
        async with told(proxy, tmp_path, "x-forwarded-host") as at:
            offer = Offer(fields={"origin": f"https://{at}"})
            async with connect(f"ws://{at}/", offer) as client:
                assert await client.receive() == at
            forged = {"origin": "http://evil.example", "x-forwarded-host": "evil.example"}
            with pytest.raises(RefusedError) as refused:
                async with connect(f"ws://{at}/", Offer(fields=forged)):
                    raise AssertionError
            assert refused.value.status == 403


@pytest.mark.parametrize("proxy", FRONTS)
async def test_pings_keep_a_silent_one(proxy: PatientProxy, tmp_path: Path) -> None:
    """A WebSocket on which nobody says a word outlives the patience of a proxy, by pings."""
    app = Hump("127.0.0.1", 0, timeouts=Timeouts(ping=0.2))

    @app.websocket("/")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    async with proxy(tmp_path, app, f"{IDLE_SECONDS}s") as url:
        with trio.fail_after(PATIENCE_SECONDS):
            async with await trio.open_tcp_stream(*address_of(url)) as stream:
                client = WsprotoClient(Connected(stream))
                await ask(client, "/", host="shop.example")
                start = trio.current_time()
                while trio.current_time() - start < 1.5 * IDLE_SECONDS:
                    event = await client.receive()
                    assert isinstance(event, Ping)
                    await client.send(event.response())
                await client.send(TextMessage(data="still here?"))
                while isinstance(event := await client.receive(), Ping):
                    await client.send(event.response())
                assert isinstance(event, TextMessage)
                assert event.data == "still here?"

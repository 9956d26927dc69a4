"""Strangers that open WebSockets: websockets, its Trio half, aiohttp, and wsproto by hand."""

import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import pytest
import trio

from hump_trio import TLS, Cookie, HttpException, Hump, Timeouts, WebSocket, WebSocketClosed
from tests.support.deployment import Instance, started
from tests.support.loopback import served, wait_until
from tests.support.secured import plain_client_context, write_certificate
from tests.support.websocket_clients import CLIENTS, play
from tests.support.websocket_offer import Client, Connect, Offer, RefusedError

MESSAGES: list[str | bytes] = ["hello", b"\0\xff", "", b"", "tea \N{TEACUP WITHOUT HANDLE}" * 30]
LARGE: list[str | bytes] = [b"0123456789abcdef" * 200_000, "\N{TEACUP WITHOUT HANDLE}" * 500_000]

pytestmark = pytest.mark.parametrize(
    "connect", [pytest.param(CLIENTS[each], id=each) for each in CLIENTS]
)


@pytest.fixture
def app() -> Hump:
    """An app with an echo, and what the tests ask for besides."""
    app = Hump("localhost", 0, timeouts=Timeouts(ping=0.1))

    @app.websocket("/echo", message_limit=None)
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.websocket("/compressed", message_limit=None, compress=True)
    async def echo_compressed(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.websocket("/parts")
    async def send_parts(ws: WebSocket) -> None:
        async with ws.writer() as send:
            for part in ["in ", "three ", "parts"]:
                await send(part)

    @app.websocket("/who", subprotocols=["tea.v2", "tea.v1"])
    async def tell(ws: WebSocket, session: Annotated[str, Cookie()]) -> None:
        if session != "green":
            raise HttpException(401, "sign in")
        await ws.send(f"{ws.subprotocol} {session}")

    @app.websocket("/close")
    async def close(ws: WebSocket) -> None:
        await ws.close(4401, "sign in")

    @app.websocket("/shutdown")
    async def shut_down(ws: WebSocket) -> None:
        async for _ in ws:
            app.shutdown()

    return app


@pytest.fixture
async def url(app: Hump) -> AsyncIterator[str]:
    """The URL of the WebSockets of the app."""
    async with served(app) as http_url:
        yield websocket_url(http_url)


def websocket_url(url: str) -> str:
    """Return the URL of WebSockets at the address of another one."""
    return f"ws{url.removeprefix('http')}"


async def exchange(client: Client) -> None:
    """Send messages of each kind, and get them back."""
    for message in [*MESSAGES, *LARGE]:
        await client.send(message)
        assert await client.receive() == message
    await client.send_parts(["a", "b" * 1000, "", "c"])
    assert await client.receive() == "a" + "b" * 1000 + "c"
    await client.send_parts([b"a", b"b" * 100_000, b"", b"c"])
    assert await client.receive() == b"a" + b"b" * 100_000 + b"c"
    for message in MESSAGES:
        await client.send(message)
    assert [await client.receive() for _ in MESSAGES] == MESSAGES
    await client.close(1000, "")


@pytest.mark.parametrize("compress", [False, True])
async def test_messages(connect: Connect, compress: bool, url: str) -> None:
    """Text and bytes, empty and large, in fragments, and many at once; compressed if agreed on."""

    async def part(connect: Connect) -> None:
        path = "compressed" if compress else "echo"
        async with connect(f"{url}/{path}", Offer(compress=True)) as client:
            assert client.compresses is compress
            await exchange(client)

    await play(connect, part)


async def test_messages_over_tls(connect: Connect, app: Hump, tmp_path: Path) -> None:
    """All that goes over TLS, too."""
    write_certificate(tmp_path)
    app.tls = TLS(tmp_path / "certificate.pem", tmp_path / "key.pem")
    context: ssl.SSLContext = plain_client_context()

    async def part(connect: Connect) -> None:
        async with connect(f"{url}/compressed", Offer(compress=True, tls=context)) as client:
            assert client.compresses
            await exchange(client)

    async with served(app) as http_url:
        url = websocket_url(http_url).replace("127.0.0.1", "localhost")
        await play(connect, part)


async def test_fragments(connect: Connect, url: str) -> None:
    """What the server sends in fragments is one message, then comes the 1000 of its end."""

    async def part(connect: Connect) -> None:
        async with connect(f"{url}/parts", Offer()) as client:
            assert await client.receive() == "in three parts"
            assert await client.receive_close() == (1000, "")

    await play(connect, part)


async def test_subprotocol_and_cookie(connect: Connect, url: str) -> None:
    """The server's preference decides among what a client offers; its cookies are there."""

    async def part(connect: Connect) -> None:
        offer = Offer(subprotocols=["tea.v1", "tea.v2"], fields={"cookie": "session=green"})
        async with connect(f"{url}/who", offer) as client:
            assert client.subprotocol == "tea.v2"
            assert await client.receive() == "tea.v2 green"
            assert await client.receive_close() == (1000, "")

    await play(connect, part)


async def test_codes_of_the_server(connect: Connect, url: str) -> None:
    """A close before anything else has its code and reason read, not a failed handshake."""

    async def part(connect: Connect) -> None:
        async with connect(f"{url}/close", Offer()) as client:
            assert await client.receive_close() == (4401, "sign in")

    await play(connect, part)


async def test_codes_of_the_client(connect: Connect, app: Hump) -> None:
    """The handler reads the code and the reason that a client gives, behind its last message."""
    read: list[object] = []
    over = trio.Event()

    @app.websocket("/listen")
    async def listen(ws: WebSocket) -> None:
        try:
            while True:
                read.append(await ws.receive())
        except WebSocketClosed as closed:
            read.append((closed.code, closed.reason, closed.by))
        over.set()

    async def part(connect: Connect) -> None:
        async with connect(f"{at}/listen", Offer()) as client:
            await client.send("last words")
            await client.close(4001, "bye \N{TEACUP WITHOUT HANDLE}")

    async with served(app) as http_url:
        at = websocket_url(http_url)
        await play(connect, part)
        await over.wait()
    assert read == ["last words", (4001, "bye \N{TEACUP WITHOUT HANDLE}", "client")]


async def test_pings(connect: Connect, app: Hump) -> None:
    """A ping is answered while the handler does something else, and so is one of the server's."""
    pinged = trio.Event()

    @app.websocket("/busy")
    async def work(ws: WebSocket) -> None:
        await ws.accept()
        await pinged.wait()
        await ws.send("ask me")
        await wait_until(lambda: ws.latency_seconds is not None)
        await ws.send("done")

    def set_pinged() -> None:
        token.run_sync_soon(pinged.set)

    async def part(connect: Connect) -> None:
        async with connect(f"{at}/busy", Offer()) as client:
            await client.ping()
            set_pinged()
            assert await client.receive() == "ask me"
            assert await client.receive() == "done"
            assert await client.receive_close() == (1000, "")

    token = trio.lowlevel.current_trio_token()
    async with served(app) as http_url:
        at = websocket_url(http_url)
        await play(connect, part)


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/echo", {"origin": "https://evil.example"}, 403),
        ("/nowhere", {}, 404),
        ("/who", {"cookie": "session=black"}, 401),
        ("/who", {}, 422),
    ],
)
async def test_refusals(
    connect: Connect, path: str, fields: dict[str, str], status: int, url: str
) -> None:
    """What is refused has its status read, and is no WebSocket that is closed at once."""

    async def part(connect: Connect) -> None:
        with pytest.raises(RefusedError) as refused:
            async with connect(f"{url}{path}", Offer(fields=fields)):
                raise AssertionError
        assert refused.value.status == status

    await play(connect, part)


async def test_shutdown(connect: Connect, app: Hump) -> None:
    """A client is told when the server goes away."""

    async def part(connect: Connect) -> None:
        async with connect(f"{at}/shutdown", Offer()) as client:
            await client.send("good night")
            assert await client.receive_close() == (1001, "going away")

    async with trio.open_nursery() as nursery:
        urls: tuple[str, ...] = await nursery.start(app.serve)
        at = websocket_url(urls[0])
        await play(connect, part)


async def test_ctrl_c(connect: Connect) -> None:
    """It ends the process in good order, and clients are told."""
    instance = Instance("127.0.0.1:0", delay=0.0)
    token = trio.lowlevel.current_trio_token()
    connected = trio.Event()
    ended: list[int] = []

    async def stop() -> None:
        await connected.wait()
        ended.append(await instance.stop(signal.SIGINT))

    async def part(connect: Connect) -> None:
        async with connect(f"ws://{instance.bind}/echo", Offer()) as client:
            await client.send("here")
            assert await client.receive() == "here"
            token.run_sync_soon(connected.set)
            assert await client.receive_close() == (1001, "going away")

    async with started(instance), trio.open_nursery() as nursery:
        nursery.start_soon(stop)
        await play(connect, part)
    assert ended == [0]

"""What frameworks do is what they do elsewhere, when they are mounted: their WebSockets."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest
import websockets
import websockets.http11
import websockets.trio.client
from websockets.typing import Subprotocol

import hump_trio.testing.clients
from hump_trio import Hump, WebSocketClosed
from hump_trio.asgi import Asgi
from hump_trio.testing import Refused, websocket
from tests.support.frameworks.contract import FRAMEWORKS, Contract, make_app
from tests.support.frameworks.ways import WAYS
from tests.support.http2_client import Http2Transport
from tests.support.loopback import PATIENCE_SECONDS, served, wait_until


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    """What the app and the test share."""
    return Contract(tmp_path)


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    """One after the other."""
    name: str = request.param
    return name


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """One after the other: in memory, over TCP by a stranger, and over HTTP/2."""
    name: str = request.param
    return name


@pytest.fixture(params=["", "/mnt"])
def prefix(request: pytest.FixtureRequest) -> str:
    """Where the app is mounted."""
    place: str = request.param
    return place


@pytest.fixture
def app(framework: str, prefix: str, contract: Contract) -> Hump:
    """An app with that of a framework inside."""
    outer = Hump("localhost", 0)
    outer.mount(prefix, Asgi(make_app(framework, contract)))
    return outer


class Client(Protocol):
    """An open WebSocket."""

    subprotocol: str | None

    async def send(self, message: str | bytes) -> None:
        """Send a message."""

    async def receive(self) -> str | bytes:
        """Return the next message; raises `WebSocketClosed`."""

    async def close(self, code: int, reason: str) -> None:
        """Close, and wait for the end."""


class Stranger:
    """A WebSocket of the library websockets, by the same verbs."""

    def __init__(self, connection: websockets.trio.client.ClientConnection) -> None:
        self.subprotocol: str | None = connection.subprotocol
        self.send = connection.send
        self.close = connection.aclose
        self._connection = connection

    async def receive(self) -> str | bytes:
        """Return the next message."""
        try:
            return await self._connection.recv()
        except websockets.ConnectionClosedError as closed:
            code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
            raise WebSocketClosed(code, reason) from None


class RefusedError(Exception):
    """The handshake was answered otherwise: status, text, and the field ``x-why``."""


@asynccontextmanager
async def talking(
    app: Hump, way: str, path: str, subprotocols: Sequence[str] = ()
) -> AsyncIterator[Client]:
    """Open a WebSocket.

    Raises:
        RefusedError: The app answers otherwise.
    """
    if way == "http1":
        answer: websockets.http11.Response | None = None
        try:
            async with (
                served(app) as url,
                websockets.trio.client.connect(
                    url.replace("http", "ws") + path,
                    subprotocols=[Subprotocol(each) for each in subprotocols] or None,
                    open_timeout=PATIENCE_SECONDS,
                    proxy=None,
                ) as connection,
            ):
                yield Stranger(connection)
        except* websockets.InvalidStatus as group:
            answer = innermost(group).response
        if answer is not None:  # raised in the clause, Python 3.11.2 would put it into a group
            raise RefusedError(
                answer.status_code, answer.body.decode(), answer.headers.get("x-why")
            )
        return
    with pytest.MonkeyPatch.context() as patch:
        if way == "http2":
            patch.setattr(hump_trio.testing.clients, "PoolTransport", Http2Transport)
        try:
            async with websocket(app, path, subprotocols=subprotocols) as client:
                yield client
        except Refused as refused:
            response = refused.response
            raise RefusedError(
                response.status_code, response.text, response.headers.get("x-why")
            ) from None


def innermost(group: BaseException) -> websockets.InvalidStatus:
    """Return the one error in groups of one."""
    while isinstance(group, BaseExceptionGroup):
        (group,) = group.exceptions
    assert isinstance(group, websockets.InvalidStatus)
    return group


async def test_an_echo(app: Hump, way: str, prefix: str) -> None:
    """Texts and bytes go both ways, whatever their length; then the server closes."""
    async with talking(app, way, f"{prefix}/echo") as client:
        assert client.subprotocol is None
        messages: list[str | bytes] = ["tea", "", b"\0\xff", "\N{TEACUP WITHOUT HANDLE}" * 50_000]
        for message in messages:
            await client.send(message)
            assert await client.receive() == message
        await client.send("close")
        with pytest.raises(WebSocketClosed, match="4000 done"):
            await client.receive()


async def test_a_subprotocol(app: Hump, way: str, prefix: str) -> None:
    """The framework chooses among those that are offered."""
    async with talking(app, way, f"{prefix}/echo", ["milk", "tea"]) as client:
        assert client.subprotocol == "tea"


async def test_the_client_closes(
    framework: str,
    app: Hump,
    way: str,
    prefix: str,
    contract: Contract,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The app is told the code and the reason, where the framework hands them on.

    That a client leaves is no error of ours; some versions of Quart say so in its own log.
    """
    async with talking(app, way, f"{prefix}/echo") as client:
        await client.close(4001, "tired")
        if framework != "quart":  # it cancels the handler, or raises an error without them
            await wait_until(lambda: len(contract.events) > 1)
            assert contract.events == ["began", "left 4001 tired"]
    assert contract.events[-1] == "ended"
    assert not [
        record
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name.startswith("hump_trio")
    ]


async def test_a_refusal(framework: str, app: Hump, way: str, prefix: str) -> None:
    """It is the answer that the framework has made, where it makes one, and 403 elsewhere."""
    with pytest.raises(RefusedError) as refused:
        async with talking(app, way, f"{prefix}/denied"):
            raise AssertionError("it was opened")
    status, text, why = refused.value.args
    if framework == "litestar":
        assert (status, why) == (403, None)
    else:
        assert (status, text, why) == (401, "sign in", "tea")


async def test_an_unknown_path(app: Hump, way: str, prefix: str) -> None:
    """No framework opens a WebSocket there."""
    with pytest.raises(RefusedError) as refused:
        async with talking(app, way, f"{prefix}/coffee"):
            raise AssertionError("it was opened")
    assert refused.value.args[0] in (403, 404)

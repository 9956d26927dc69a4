"""Connections that begin with a PROXY header, and those that mustn't."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Forwarded, Hump, Request, Sockets, Timeouts
from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.frames import PREFACE, SETTINGS, encode_goaway, encode_settings
from tests.support.loopback import address_of, ask, connect_to, receive_rest, served

LINE = b"PROXY TCP4 203.0.113.7 10.0.0.1 50000 443\r\n"
LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"
ASK = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def make_app(*proxies: str, bind: str = "127.0.0.1:0") -> Hump:
    """Return an app that tells its clients who they are."""
    app = Hump(binds=[bind], sockets=Sockets(proxy_protocol=proxies))

    @app.get("/")
    async def index(request: Request) -> str:
        return str(request.client)

    @app.get("/server")
    async def server(request: Request) -> str:
        return str(request.server)

    @app.post("/")
    async def echo(request: Request) -> bytes:
        return request.body

    return app


@asynccontextmanager
async def connected(app: Hump, header: bytes = b"") -> AsyncIterator[trio.SocketStream]:
    """Serve an app, and give a connection to it that begins with some bytes."""
    async with served(app) as url:
        if url.startswith("unix:"):
            stream = await trio.open_unix_socket(url.removeprefix("unix:"))
        else:
            stream = await connect_to(app)
        async with stream:
            if header:
                await stream.send_all(header)
            yield stream


@pytest.mark.parametrize("network", ["127.0.0.0/8", "127.0.0.1", "0.0.0.0/0"])
async def test_the_client_is_the_headers(network: str, caplog: pytest.LogCaptureFixture) -> None:
    """For each request of the connection, on every path through the server, and in its log."""
    caplog.set_level(logging.INFO, "hump_trio.access")
    async with connected(make_app("10.0.0.0/8", network), LINE) as stream:
        for _ in range(2):
            assert (await ask(stream)).endswith(b"('203.0.113.7', 50000)")
        await stream.send_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n")
        await stream.send_all(b"ab" + ASK)
        assert (await receive_rest(stream)).endswith(b"('203.0.113.7', 50000)")
    assert caplog.text.count("203.0.113.7:50000") == 4


async def test_the_server_is_the_headers() -> None:
    """Not the address at which the proxy has reached us; without one it is that."""
    async with connected(make_app("127.0.0.1"), LINE) as stream:
        assert (await ask(stream, "/server")).endswith(b"('10.0.0.1', 443)")
    app = make_app("127.0.0.1")
    async with connected(app, LOCAL) as stream:
        own = str(address_of(app.addresses[0])).encode()
        assert (await ask(stream, "/server")).endswith(own)


async def test_a_header_in_pieces_and_with_its_request() -> None:
    """Not a byte of the request is lost or taken for the header's."""
    app = make_app("127.0.0.1")
    async with connected(app, LINE + ASK) as stream:
        assert b"203.0.113.7" in await receive_rest(stream)
    async with connected(app) as stream:
        for byte in LINE + ASK:
            await stream.send_all(bytes([byte]))
        assert b"203.0.113.7" in await receive_rest(stream)


@pytest.mark.parametrize("pieces", [True, False])
async def test_http2_may_follow_a_header(pieces: bool, tmp_path: Path) -> None:
    """With prior knowledge, over TCP and over a Unix socket; a GOAWAY is an answer in HTTP/2."""
    data = LINE + PREFACE + encode_settings([]) + encode_goaway(0, ErrorCode.NO_ERROR)
    for bind in ("127.0.0.1:0", f"unix:{tmp_path}/app.sock"):
        app = make_app("127.0.0.1", "unix", bind=bind)
        app.http2 = True
        async with connected(app) as stream:
            for part in [data[:50], data[50:]] if pieces else [data]:
                await stream.send_all(part)
                await wait_all_tasks_blocked(0.01)
            await stream.send_eof()
            assert (await receive_rest(stream))[3] == SETTINGS


async def test_a_proxy_that_speaks_for_itself() -> None:
    """A header without a client, as of a health check, leaves the proxy's own address."""
    async with connected(make_app("127.0.0.1"), LOCAL + ASK) as stream:
        assert b"('127.0.0.1', " in await receive_rest(stream)


@pytest.mark.parametrize("data", [ASK, b"PROXY TCP4 x\r\n" + ASK, b"G"])
async def test_a_missing_header_closes_at_once(
    data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Who has to begin with one and doesn't gets no answer, which is logged for the operator."""
    caplog.set_level(logging.INFO, "hump_trio")
    async with connected(make_app("127.0.0.1"), data) as stream:
        try:
            received = await receive_rest(stream)
        except trio.BrokenResourceError:
            received = b""
    assert received == b""
    assert caplog.text.count("refused a connection from 127.0.0.1 for its PROXY header: ") == 1


async def test_a_look_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A load balancer that connects and leaves, to see whether somebody listens, is no news."""
    caplog.set_level(logging.INFO, "hump_trio")
    async with connected(make_app("127.0.0.1")) as stream:
        await stream.send_eof()
        assert await receive_rest(stream) == b""
    assert "PROXY" not in caplog.text


@pytest.mark.parametrize("header", [LINE, LOCAL])
async def test_a_header_of_a_stranger_is_a_malformed_request(header: bytes) -> None:
    """Else everybody could say to be anybody."""
    async with connected(make_app("10.0.0.0/8", "unix"), header + ASK) as stream:
        assert (await receive_rest(stream)).startswith(b"HTTP/1.1 400 ")


async def test_a_silent_proxy_is_not_waited_for(autojump_clock: MockClock) -> None:
    """The header has the time of a handshake, and its connection is closed without a word."""
    app = make_app("127.0.0.1")
    app.timeouts = Timeouts(handshake=3)
    async with connected(app, LINE[:10]) as stream:
        assert await receive_rest(stream) == b""
    assert 3 <= trio.current_time() < 4


@pytest.mark.parametrize(
    ("proxies", "header", "client"),
    [
        (["unix"], LINE, b"('203.0.113.7', 50000)"),
        (["unix"], LOCAL, b"None"),
        (["0.0.0.0/0"], b"", b"None"),
    ],
)
async def test_over_a_unix_socket(
    proxies: list[str], header: bytes, client: bytes, tmp_path: Path
) -> None:
    """The proxy at its other end is named by a word, since it has no address."""
    app = make_app(*proxies, bind=f"unix:{tmp_path / 'app.sock'}")
    async with connected(app, header + ASK) as stream:
        assert (await receive_rest(stream)).endswith(client)


async def test_a_bad_header_over_a_unix_socket(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Is logged without an address."""
    caplog.set_level(logging.INFO, "hump_trio")
    app = make_app("unix", bind=f"unix:{tmp_path / 'app.sock'}")
    async with connected(app, ASK) as stream:
        with suppress(trio.BrokenResourceError):
            assert await receive_rest(stream) == b""
    assert "refused a connection from a Unix socket for its PROXY header: " in caplog.text


@pytest.mark.parametrize("over_unix", [False, True])
async def test_forwarded_sees_the_client_of_the_header(over_unix: bool, tmp_path: Path) -> None:
    """Its address is what is trusted or not: here a proxy behind the one that speaks PROXY."""
    bind = f"unix:{tmp_path / 'app.sock'}" if over_unix else "127.0.0.1:0"
    app = make_app("unix", "127.0.0.1", bind=bind)
    app.middleware(Forwarded(proxies=["203.0.113.0/24"], fields=["x-forwarded-for"]))
    asked = ASK.replace(b"Host: a", b"Host: a\r\nX-Forwarded-For: 198.51.100.1:7")
    async with connected(app, LINE + asked) as stream:
        assert (await receive_rest(stream)).endswith(b"('198.51.100.1', 7)")

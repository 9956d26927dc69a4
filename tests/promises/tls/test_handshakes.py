"""TLS handshakes that fail, stall or are none, and clients that leave, in virtual time."""

import logging
import math
import ssl
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import trio
import trustme
from trio.testing import MockClock

from hump_trio import Hump, Request, Timeouts
from hump_trio.transports.tls_transport import REFUSAL_TEXT
from tests.support.secured import (
    Dribbler,
    End,
    authority,
    behind_door,
    client_context,
    hello_of,
    plain_client_context,
    server_context,
)
from tests.support.wire import parse_answers, request

TIMES = Timeouts(handshake=5, send_grace=8, shutdown=3, cleanup=1)


def app_of() -> Hump:
    """Return an app."""
    app = Hump(timeouts=TIMES)
    app.state.reasons = []

    @app.get("/")
    async def index(request: Request) -> str:
        return request.scheme

    @app.post("/")
    async def length(request: Request) -> str:
        return str(len(request.body))

    @app.get("/who")
    async def who(request: Request) -> str:
        return str(request.client_certificate and request.client_certificate["subject"])

    @app.get("/large")
    async def large() -> bytes:
        return bytes(1_000_000)

    @app.get("/wait")
    async def wait(request: Request) -> None:
        try:
            await trio.sleep_forever()
        finally:
            app.state.reasons.append((request.cancel_reason, trio.current_time()))

    @app.get("/ticks")
    async def ticks() -> AsyncIterator[str]:
        while True:
            yield "tick"
            await trio.sleep(1)

    return app


async def read_rest(stream: trio.abc.ReceiveStream) -> bytes:
    """Return all that comes until the end."""
    return b"".join([bytes(part) async for part in stream])


@pytest.mark.parametrize("pause", [0, 0.01, 0.7, math.inf])
async def test_a_handshake_has_its_time(pause: float, autojump_clock: MockClock) -> None:
    """Bytes that dribble don't move its deadline; who says nothing is closed as well."""
    async with behind_door(app_of()) as door:
        client = door.connect()
        started = trio.current_time()

        async def dribble() -> None:
            for byte in hello_of(plain_client_context())[:-1]:
                await client.send_all(bytes([byte]))
                await trio.sleep(pause)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(dribble)
            assert await read_rest(client) == b""
            nursery.cancel_scope.cancel()
        assert 5 <= trio.current_time() - started <= 5.5


@pytest.mark.parametrize("pause", [0, 0.001])
async def test_a_handshake_byte_by_byte_comes_true(pause: float, autojump_clock: MockClock) -> None:
    """However it is cut into packets."""
    async with behind_door(app_of()) as door:
        client = End(Dribbler(door.connect(), pause), client_context())
        await client.handshake()
        await client.send_all(request())
        [answer] = parse_answers(await client.receive_some())
        assert answer.text == "https"
        client.close()


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "CONNECT", "brew"])
async def test_http_is_told_where_it_came(method: str, autojump_clock: MockClock) -> None:
    """Plain HTTP gets a 400 in plain HTTP, which says what to do; its rest is read away."""
    app = app_of()
    async with behind_door(app) as door:
        client = door.connect()
        await client.send_all(request(method, "/", body=bytes(100_000)))
        await client.send_eof()
        [answer] = parse_answers(await read_rest(client), method if method != "CONNECT" else "GET")
        assert (answer.status, answer.body, answer.closes) == (400, REFUSAL_TEXT, True)
        assert app.statistics().outcomes["refused"] == 0
        client.close()


async def test_a_refusal_is_not_waited_for_longer_than_a_handshake(
    autojump_clock: MockClock,
) -> None:
    """Who keeps the connection open, or has no room for the answer, is closed all the same."""
    async with behind_door(app_of()) as door:
        client = door.connect()
        client.set_window(0)
        await client.send_all(request())
        started = trio.current_time()
        await trio.sleep(5.5)
        client.set_window(math.inf)
        assert (await read_rest(client)).endswith(REFUSAL_TEXT)
        assert trio.current_time() - started <= 5.6


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x00\x05hello", b"\x80" * 100, b"\0", b"\x16\x03\x01\xff\xff" * 50]
)
async def test_nonsense_is_closed_quietly(
    data: bytes, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """With TLS's own alert if it has one; nothing is logged but for who debugs."""
    caplog.set_level(logging.DEBUG)
    async with behind_door(app_of()) as door:
        client = door.connect()
        await client.send_all(data)
        await client.send_eof()
        answer = await read_rest(client)
        assert answer == b"" or answer.startswith(b"\x15\x03")
        client.close()
    ours = [each for each in caplog.records if each.name.startswith("hump_trio")]
    assert {each.levelname for each in ours} <= {"DEBUG", "INFO"}
    assert not any(each.exc_info for each in ours)


@pytest.mark.parametrize("how", ["end", "reset", "half"])
async def test_who_leaves_during_its_handshake_leaves_nothing(
    how: str, autojump_clock: MockClock
) -> None:
    """The connection is gone at once."""
    app = app_of()
    async with behind_door(app) as door:
        client = door.connect()
        await client.send_all(hello_of(plain_client_context())[: 50 if how == "half" else None])
        if how == "reset":
            client.reset()
        else:
            await client.send_eof()
        await trio.sleep(0.5)
        assert app.statistics().connections == {}


def demanding_context(mode: ssl.VerifyMode) -> ssl.SSLContext:
    """Return a server's context that asks for the authority's certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost").configure_cert(context)
    authority().configure_trust(context)
    context.verify_mode = mode
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("shows", ["none", "wrong", "right"])
@pytest.mark.parametrize("mode", [ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED])
async def test_certificates_of_clients(
    mode: ssl.VerifyMode, shows: str, version: ssl.TLSVersion, autojump_clock: MockClock
) -> None:
    """A right one is told to handlers, a wrong one is refused, and none where one is required.

    With TLS 1.3 a client learns that after its own handshake, at the first read: the alert isn't
    lost although a request is there already.
    """
    context = client_context(maximum_version=version)
    if shows != "none":
        signer = authority() if shows == "right" else trustme.CA()
        signer.issue_cert("me@example.com", common_name="me").configure_cert(context)
    refused = shows == "wrong" or (shows, mode) == ("none", ssl.CERT_REQUIRED)
    async with behind_door(app_of(), demanding_context(mode)) as door:
        client = End(door.connect(), context)

        async def ask() -> bytes:
            await client.handshake()
            await client.send_all(request("GET", "/who"))
            return await client.receive_some()

        if refused:
            with pytest.raises(trio.BrokenResourceError, match=r"ALERT|handshake"):
                await ask()
        else:
            [answer] = parse_answers(await ask())
            assert (answer.text == "None") == (shows == "none")
            assert ("'me'" in answer.text) == (shows == "right")
        client.close()


@pytest.mark.parametrize("leaving", ["goodbye", "fin", "reset"])
async def test_who_leaves_while_its_handler_runs_is_seen(
    leaving: str, autojump_clock: MockClock
) -> None:
    """By a FIN, with a goodbye before it or not, at the second look; by a reset at the first."""
    app = app_of()
    async with behind_door(app) as door:
        client = await door.greet()
        await client.send_all(request("GET", "/wait"))
        await trio.sleep(1)
        started = trio.current_time()
        match leaving:
            case "goodbye":
                await client.send_eof()
            case "fin":
                await client.inner.send_eof()
            case _:
                client.reset()
        await trio.sleep(1)
        [(reason, when)] = app.state.reasons
        assert reason == "client-gone"
        assert when - started <= (0.3 if leaving == "reset" else 0.6)
        client.close()


async def test_a_reader_that_stopped_is_reset(autojump_clock: MockClock) -> None:
    """After `send_grace` seconds, as in plain text; what it has doesn't look whole."""
    async with behind_door(app_of()) as door:
        client = await door.greet()
        client.inner.set_window(0)
        await client.send_all(request("GET", "/large"))
        await trio.sleep(7.9)
        assert not client.inner.readable()
        await trio.sleep(1)
        with pytest.raises(trio.BrokenResourceError):
            await client.receive_some()


async def test_a_reader_that_goes_on_is_served(autojump_clock: MockClock) -> None:
    """However slowly, if it is faster than `min_rate`."""
    async with behind_door(app_of()) as door:
        client = await door.greet()
        client.inner.set_window(0)
        await client.send_all(request("GET", "/large"))
        received = b""
        while len(received) < 1_000_000:
            await trio.sleep(3)
            client.inner.set_window(60_000)
            client.inner.set_window(0)
            received += await client.receive_some()
        client.close()


async def test_shutdown_keeps_its_promise(autojump_clock: MockClock) -> None:
    """Whoever is stuck in a handshake, doesn't read, streams, idles or has been refused."""
    app = app_of()
    async with behind_door(app) as door:
        silent, half, refused = door.connect(), door.connect(), door.connect()
        await half.send_all(hello_of(plain_client_context())[:100])
        await refused.send_all(request())
        idle, reader, listener = [await door.greet() for _ in range(3)]
        reader.inner.set_window(0)
        await reader.send_all(request("GET", "/large"))
        await listener.send_all(request("GET", "/ticks"))
        await trio.sleep(1)
        started = trio.current_time()
    assert trio.current_time() - started <= TIMES.shutdown + TIMES.cleanup + 1
    assert await read_rest(idle) == b""
    for client in (silent, half, refused, idle, reader, listener):
        client.close()


async def test_many_requests_at_once_and_one_after_the_other() -> None:
    """Pipelining and keep-alive are as in plain text."""
    async with behind_door(app_of()) as door:
        client = await door.greet()
        for _ in range(3):
            await client.send_all(request() + request("POST", body=bytes(40_000)) + request())
            data = b""
            while data.count(b"HTTP/1.1 200") < 3:
                data += await client.receive_some()
            answers = parse_answers(data, "GET", "POST", "GET", ended=False)
            assert [answer.text for answer in answers] == ["https", "40000", "https"]
        client.close()


def test_a_context_is_the_servers_alone() -> None:
    """Which its handshakes would find out one by one."""
    with pytest.raises(ValueError, match="a client's"):
        Hump(tls=plain_client_context())
    with pytest.raises(TypeError, match="tls=TLS"):
        Hump(tls=cast("Any", "certificate.pem"))
    assert Hump(tls=server_context()).tls is server_context()

"""What goes through nginx and HAProxy arrives as it was meant, both ways."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from tests.support.deployment import PROXIES, Instance, deployed
from tests.support.loopback import PATIENCE_SECONDS, receive_answer, receive_more

# Not the address that the instances know as a proxy.
CLIENT = "127.0.0.99"
HEAD = "{} HTTP/1.1\r\nhost: shop.example\r\n{}\r\n"


@asynccontextmanager
async def connected(proxy: str, folder: Path) -> AsyncIterator[trio.SocketStream]:
    """Give a connection to a proxy that has two instances behind it."""
    async with deployed(proxy, folder) as (_, address):
        with trio.fail_after(2 * PATIENCE_SECONDS):
            async with await trio.open_tcp_stream(*address, local_address=CLIENT) as stream:
                yield stream


async def ask(stream: trio.SocketStream, line: str, fields: str = "", body: bytes = b"") -> bytes:
    """Send a request and return its answer."""
    await stream.send_all(HEAD.format(line, fields).encode() + body)
    return await receive_answer(stream)


@pytest.mark.parametrize("proxy", PROXIES)
async def test_what_passes(proxy: str, tmp_path: Path) -> None:
    """The awkward parts of HTTP, one after the other over one connection.

    The client is who it is, whatever it says of itself; chunks, a 100, a HEAD and an event stream
    pass; a body that is too large gets its 413, not a 502.
    """
    async with connected(proxy, tmp_path) as stream:
        forged = "x-forwarded-for: 203.0.113.7\r\nforwarded: for=203.0.113.7\r\n"
        answer = await ask(stream, "GET /", forged)
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["client"] == CLIENT

        chunks = b"3\r\ntea\r\n4\r\ntime\r\n0\r\n\r\n"
        answer = await ask(stream, "PUT /upload", "transfer-encoding: chunked\r\n", chunks)
        assert answer.endswith(b'{"bytes":7}')

        await stream.send_all(
            HEAD.format("PUT /upload", "content-length: 3\r\nexpect: 100-continue\r\n").encode()
        )
        assert (await receive_more(stream)).startswith(b"HTTP/1.1 100 ")
        await stream.send_all(b"tea")
        assert (await receive_answer(stream)).endswith(b'{"bytes":3}')

        await stream.send_all(HEAD.format("HEAD /live", "").encode())
        head = await receive_more(stream)
        assert head.endswith(b"\r\n\r\n")
        assert b"content-length: 5\r\n" in head.lower()

        answer = await ask(stream, "PUT /upload", "content-length: 10200000\r\n")
        assert answer.startswith(b"HTTP/1.1 413 ")


# HAProxy can't say an Upgrade in HTTP/2: 502.
@pytest.mark.parametrize("proxy", [proxy for proxy in PROXIES if "haproxy h2" not in proxy.values])
async def test_an_upgrade_that_nobody_speaks_is_ignored(proxy: str, tmp_path: Path) -> None:
    """Its request is answered as any other; the connection to the instance ends with it."""
    async with connected(proxy, tmp_path) as stream:
        answer = await ask(stream, "GET /live", "connection: upgrade\r\nupgrade: tea\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("proxy", PROXIES)
async def test_handler_of_a_client_that_leaves_is_cancelled(proxy: str, tmp_path: Path) -> None:
    """That the client has gone is passed on to the instance it has asked."""
    async with deployed(proxy, tmp_path) as (pair, address), trio.open_nursery() as nursery:

        async def listen(instance: Instance) -> None:
            await instance.read_line("resting")
            await stream.aclose()
            await instance.read_line("cancelled")
            nursery.cancel_scope.cancel()

        stream = await trio.open_tcp_stream(*address)
        await stream.send_all(HEAD.format("GET /slow", "").encode())
        for instance in pair:
            nursery.start_soon(listen, instance)


@pytest.mark.parametrize("proxy", PROXIES)
async def test_events_come_at_once(proxy: str, tmp_path: Path) -> None:
    """An event arrives while the stream goes on, a second before the next one."""
    async with connected(proxy, tmp_path) as stream:
        await stream.send_all(HEAD.format("GET /events", "").encode())
        received = b""
        while b"data: 0" not in received:
            received += await receive_more(stream)
        assert b"data: 1" not in received

"""A server's life on real sockets: starting, being there, and ending."""

import gc
import logging
import os
import signal
import socket
import sys
from dataclasses import replace
from functools import partial

import pytest
import trio
import trio.testing

from hump_trio import BindError, Hump, Limits, Sockets, Timeouts
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.listening.accept_turns import Turns, open_turns
from hump_trio.listening.bound_socket import open_binds
from hump_trio.routing.table import RouteTable
from hump_trio.server.server import Server
from hump_trio.server.state import ServerState
from hump_trio.transports.transport import Transport
from tests.support.loopback import (
    PATIENCE_SECONDS,
    address_of,
    ask,
    connect_to,
    receive_answer,
    receive_rest,
    served,
)

REQUEST = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"


@pytest.fixture
def app() -> Hump:
    """An app that greets."""
    app = Hump("127.0.0.1", 0)

    @app.get("/")
    async def index() -> str:
        return "hello"

    return app


async def test_starting_reports_the_urls(app: Hump) -> None:
    """`nursery.start` returns where the app is served, `addresses` holds it until the end."""
    async with trio.open_nursery() as nursery:
        urls = await nursery.start(app.serve)
        assert urls == app.addresses
        [url] = urls
        assert url.startswith("http://127.0.0.1:")
        stream = await connect_to(app)
        assert (await ask(stream)).endswith(b"hello")
        await stream.aclose()
        app.shutdown()
    assert app.addresses == ()


async def test_the_log_says_where(app: Hump, caplog: pytest.LogCaptureFixture) -> None:
    """A server that started says where it can be reached."""
    caplog.set_level(logging.INFO, "hump_trio")
    async with served(app) as url:
        assert f"serving at {url}" in caplog.messages


async def test_an_app_can_be_served_again(app: Hump) -> None:
    """A shutdown leaves nothing behind that the next run would stumble over."""
    for _ in range(2):
        async with served(app):
            stream = await connect_to(app)
            assert (await ask(stream)).endswith(b"hello")
            await stream.aclose()
        assert not app.draining


async def test_an_app_is_served_once_at_a_time(app: Hump) -> None:
    """Serving an app that is being served is an error, and the first one goes on."""
    async with served(app):
        with pytest.raises(RuntimeError, match="being served already"):
            await app.serve()
        stream = await connect_to(app)
        assert (await ask(stream)).endswith(b"hello")
        await stream.aclose()


class NotedTurns(Turns):
    """Turns of a process that is alone, which note what it says of its load."""

    loads: list[int]

    async def wait(self, count: int) -> int:
        """Note it."""
        self.loads.append(count)
        return await super().wait(count)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process waits for another")
async def test_open_streams_are_load() -> None:
    """Before it accepts, a process tells others of its connections and of what shares one."""
    descriptor = open_turns(1)
    assert descriptor is not None
    turns = NotedTurns(descriptor, 0)
    turns.loads = []
    os.close(descriptor)
    state = ServerState(Dispatcher(Hump(), RouteTable()), Limits(), Timeouts(), None)
    state.stream_count = 7
    [bound] = await open_binds(["127.0.0.1:0"], Sockets())
    [listener] = Server(state).listen([replace(bound, turns=turns)], Sockets())
    async with listener, await trio.open_tcp_stream(*address_of(listener.url)):
        (await listener.accept()).close()
    assert turns.loads == [7]
    turns.close()


async def test_a_shutdown_needs_a_server(app: Hump) -> None:
    """Asking an app to stop that isn't being served is an error."""
    with pytest.raises(RuntimeError, match="not being served"):
        app.shutdown()
    async with served(app):
        pass
    with pytest.raises(RuntimeError, match="not being served"):
        app.shutdown()


async def test_an_address_in_use_is_no_group(app: Hump) -> None:
    """Failing to bind raises `BindError` as it is, and the app can be served afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        app.port = taken.getsockname()[1]
        with pytest.raises(BindError):
            await app.serve()
    app.port = 0
    async with served(app):
        pass


async def test_two_apps_share_a_trio_run(app: Hump) -> None:
    """Apps side by side have nothing in common; each ends on its own."""
    other = Hump("127.0.0.1", 0)

    @other.get("/")
    async def index() -> str:
        return "the other"

    async with served(app):
        stream = await connect_to(app)
        async with served(other):
            other_stream = await connect_to(other)
            assert (await ask(other_stream)).endswith(b"the other")
            assert (await ask(stream)).endswith(b"hello")
            await other_stream.aclose()
        assert (await ask(stream)).endswith(b"hello")
        await stream.aclose()


async def test_after_the_end_connections_are_refused(app: Hump) -> None:
    """Once a server has ended, nobody listens at its address."""
    async with served(app) as url:
        pass
    with pytest.raises(OSError, match="all attempts to connect"):
        await trio.open_tcp_stream(*address_of(url))


async def test_listening_ends_before_the_requests_do(app: Hump) -> None:
    """While a shutdown waits for a running request, new connections are refused already."""
    running, may_answer = trio.Event(), trio.Event()

    @app.get("/slow")
    async def slow() -> str:
        running.set()
        await may_answer.wait()
        return "at last"

    async with served(app) as url:
        stream = await connect_to(app)
        await stream.send_all(REQUEST.replace(b"/ ", b"/slow ", 1))
        await running.wait()
        app.shutdown()
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(OSError, match="all attempts to connect"):
            await trio.open_tcp_stream(*address_of(url))
        may_answer.set()
        answer = await receive_answer(stream)
        assert answer.endswith(b"at last")
        assert b"connection: close" in answer.lower()
        assert await receive_rest(stream) == b""
        await stream.aclose()


async def test_the_backlog_is_served_at_the_end(app: Hump) -> None:
    """Who connected before the shutdown, and wasn't accepted yet, is answered like the others."""
    clients = []
    async with served(app) as url:
        for _ in range(5):
            client = socket.create_connection(address_of(url))
            client.sendall(REQUEST)
            clients.append(client)
        app.shutdown()
        for client in clients:
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(client))
            assert (await receive_answer(stream)).endswith(b"hello")
            await stream.aclose()


async def test_a_shutdown_during_the_start(app: Hump) -> None:
    """Asked to stop before it has begun, a server still reports its start, then ends."""

    async def stop_at_once() -> None:
        while True:
            try:
                app.shutdown()
            except RuntimeError:
                await trio.lowlevel.checkpoint()
            else:
                return

    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_at_once)
            assert await nursery.start(partial(app.serve, signals=True))


@pytest.mark.parametrize("ticks", range(12))
async def test_cancelling_a_start_leaves_nothing_open(app: Hump, ticks: int) -> None:
    """Wherever the start is cut, every socket is closed and the signals are given back."""
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(app.serve, signals=True))
        for _ in range(ticks):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    gc.collect()  # a socket left open is a warning, and so a failure
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before
    assert app.addresses == ()


async def test_cancelling_serve_ends_everything(app: Hump) -> None:
    """Cancelled from outside, handlers are cancelled, connections reset or closed, at once."""
    running = trio.Event()
    ended = []

    @app.get("/endless")
    async def endless() -> None:
        try:
            running.set()
            await trio.sleep_forever()
        finally:
            ended.append("endless")

    async with trio.open_nursery() as nursery:
        await nursery.start(app.serve)
        idle, busy, fresh = [await connect_to(app) for _ in range(3)]
        await ask(idle)
        await busy.send_all(REQUEST.replace(b"/ ", b"/endless ", 1))
        await running.wait()
        nursery.cancel_scope.cancel()
    assert ended == ["endless"]
    with pytest.raises(trio.BrokenResourceError):
        await receive_rest(busy)
    for stream in (idle, fresh):
        assert await receive_rest(stream) == b""
    for stream in (idle, busy, fresh):
        await stream.aclose()
    gc.collect()  # a socket left open is a warning, and so a failure


async def test_a_socket_that_isnt_read_keeps_nobody(app: Hump) -> None:
    """A client whose buffers are full and who never reads is cut off when the time is up."""
    app.timeouts = Timeouts(shutdown=0.05, cleanup=0.05)

    @app.get("/big")
    async def big() -> bytes:
        return bytes(2**25)

    with trio.fail_after(PATIENCE_SECONDS):
        async with served(app):
            stream = await connect_to(app)
            await stream.send_all(REQUEST.replace(b"/ ", b"/big ", 1))
            await trio.lowlevel.wait_readable(stream.socket)
    with pytest.raises(trio.BrokenResourceError):
        await receive_rest(stream)
    await stream.aclose()


class DeafListener(trio.abc.Listener[Transport]):
    """A listener that hears nobody.

    Args:
        error: What accepting raises; None if it waits forever.
    """

    def __init__(self, error: Exception | None = None) -> None:
        self.closed = False
        self._error = error

    async def accept(self) -> Transport:
        """Fail, or wait."""
        if self._error is not None:
            raise self._error
        await trio.sleep_forever()

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.closed = True
        await trio.lowlevel.checkpoint()


async def test_a_broken_listener_ends_the_server(app: Hump) -> None:
    """What a listener of the user's raises comes out of `serve`; all of them are closed."""
    listeners = [DeafListener(), DeafListener(OSError("broken"))]
    with pytest.RaisesGroup(
        pytest.RaisesExc(OSError, match="broken"), flatten_subgroups=True, allow_unwrapped=True
    ):
        await app.serve(listeners=listeners)
    assert all(listener.closed for listener in listeners)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_are_obeyed_and_given_back(app: Hump, number: signal.Signals) -> None:
    """Asked to, a server ends at a signal, and whoever had the signals before has them again."""
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(app.serve, signals=True))
            assert signal.getsignal(number) not in before
            signal.raise_signal(number)
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before

"""Lets the tests run over TCP, or TLS: the same clients and apps, on a real connection.

A test that doesn't need a port is served by a `MemoryListener`, whichever helper it uses, and
connects by its `connect`. With ``--transport=reported`` the connections of that class wait without
a task, as those of sockets do. With ``--transport=socket`` or ``plain`` it is one that listens at
an ephemeral port, accepts as a server does for strangers, and returns real connections. It is made
for Linux, where a loopback connection has delivered what was sent before the sender goes on: so
virtual time, which passes when nobody has anything to do, overtakes nothing.
"""

import ast
import select
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import hump_trio.server.server
import hump_trio.testing.memory_listener
from hump_trio.facts.settings import Sockets
from hump_trio.listening.bound_socket import open_binds
from hump_trio.listening.listeners import SocketListener
from hump_trio.server.server import Listeners, Server
from hump_trio.server.state import ServerState
from hump_trio.testing.memory_listener import MemoryListener
from hump_trio.transports.memory import WINDOW_BYTES, MemoryTransport, memory_transport_pair
from hump_trio.transports.readiness import Readiness
from hump_trio.transports.sockets import SocketTransport, set_tcp_options
from hump_trio.transports.system import PORTABLE, SYSTEM
from hump_trio.transports.transport import Transport
from tests.support.reported import report_arrivals
from tests.support.secured import secure_ends

__all__ = [
    "TRANSPORTS",
    "close_loopback",
    "connect_http2",
    "make_pair",
    "use_transport",
    "uses",
    "watching",
]

TOP = Path(__file__).parents[2]

TRANSPORTS = {
    "memory": "in memory",
    "socket": "TCP, with what this system knows of its sockets",
    "plain": "TCP, with what every system knows",
    "tls": "TLS, in memory",
    "reported": "in memory, and no connection has a task while it waits",
}

# Linux doubles what is asked for. One read takes all of it: a system frees its buffer in pieces
# as large as they came, and acknowledges no more until much of it is free.
RECEIVE_BUFFER_BYTES = 24 * 1024
# Inherited by the server's ends: together with the client's buffer they hold about as much as a
# connection in memory does, so that tests of back-pressure stay small.
SEND_BUFFER_BYTES = 16 * 1024
# Ethernet's: more than one segment is acknowledged at once, and only the last one's
# acknowledgement waits for a while, which virtual time doesn't.
SEGMENT_BYTES = 1460
# More than TCP's shortest time-out, after which it tries again (200 ms on Linux).
STILL_SECONDS = 0.3

opened: list[socket.socket] = []  # by the running test, which may leave them open
in_use: list[str] = ["memory"]  # the last one

# Linux doubles what is asked for, and no other system does.
plain = replace(PORTABLE, small_send_buffer_bytes=PORTABLE.small_send_buffer_bytes // 2)
systems = dict.fromkeys(("memory", "reported", "tls"), PORTABLE) | {
    "socket": SYSTEM,
    "plain": plain,
}


class Stillness(trio.abc.Instrument):
    """Stops virtual time until the system has been still for a while, once.

    Full buffers aren't full at once: it tries to send a little more, and acknowledges late.

    Args:
        clock: Of the test.
    """

    def __init__(self, clock: MockClock) -> None:
        self._clock = clock
        self._waiting_since = 0.0

    @classmethod
    def await_once(cls) -> None:
        """Wait when there is nothing to do the next time, if time is virtual."""
        clock = trio.lowlevel.current_clock()
        if isinstance(clock, MockClock) and clock.autojump_threshold == 0:
            clock.autojump_threshold = STILL_SECONDS
            trio.lowlevel.add_instrument(cls(clock))

    def before_io_wait(self, timeout: float) -> None:
        """Begin to wait."""
        self._waiting_since = time.perf_counter()

    def after_io_wait(self, timeout: float) -> None:
        """Let time pass again, if that was long enough."""
        if time.perf_counter() - self._waiting_since > 0.9 * STILL_SECONDS:
            self._clock.autojump_threshold = 0
            trio.lowlevel.remove_instrument(self)


class LoopbackClient(SocketTransport):
    """The client's end of a connection; its system acknowledges what fits into its buffers."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.socket: socket.socket = sock

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive, and acknowledge at once: a system waits a while, which virtual time doesn't."""
        data = await super().receive_some(max_bytes)
        with suppress(OSError):  # it has been closed or reset meanwhile
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, True)
        return data

    def set_window(self, window_bytes: float) -> None:
        """Let the buffers fill, if less is to be taken: that is all that can be done."""
        if window_bytes < WINDOW_BYTES:
            Stillness.await_once()

    def readable(self) -> bool:
        """Tell whether a read would return or raise at once."""
        return self.socket.fileno() < 0 or bool(select.select([self.socket], [], [], 0)[0])


class LoopbackListener(MemoryListener):
    """Accepts at a port of its own, to which `connect` connects."""

    def __init__(self) -> None:
        super().__init__()
        self.socket: socket.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._address = self.socket.getsockname()
        self._listener: SocketListener | None = None
        opened.append(self.socket)

    def serve_by(self, listener: SocketListener) -> None:
        """Accept as a server's own listener does, which gets this socket in place of its own."""
        listener.socket.close()
        self.socket.setblocking(False)
        set_tcp_options(self.socket)
        listener.socket = self.socket
        self._listener = listener

    async def accept(self) -> Transport:
        """Wait for a connection and for room for it. A checkpoint."""
        assert self._listener is not None
        return await self._listener.accept()

    async def aclose(self) -> None:
        """Close (see `SocketListener.aclose`)."""
        if self._listener is not None:
            await self._listener.aclose()
        self.socket.close()

    def connect(self, window_bytes: float, *, secure: bool = False) -> Any:
        """Return the client's end of a new connection.

        Raises:
            trio.BrokenResourceError: The app is no longer listening.
        """
        sock = socket.socket()
        opened.append(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        try:
            sock.connect(self._address)
        except ConnectionRefusedError as error:
            raise trio.BrokenResourceError("the app is no longer listening") from error
        return LoopbackClient(sock)


class TlsListener(MemoryListener):
    """Accepts connections that are made in memory and secured."""

    def connect(
        self, window_bytes: float, *, secure: bool = False, protocol: str = "http/1.1"
    ) -> Any:
        """Return the client's end of a new connection, which shakes hands when it has to.

        Args:
            window_bytes: How much the app may send before the client reads.
            secure: All are.
            protocol: What the client asks for in ALPN.

        Raises:
            trio.BrokenResourceError: The app is no longer listening.
        """
        client, server = secure_ends(window_bytes, protocol)
        self._ends.send_nowait(server)
        return client


class LoopbackServer(Server):
    """A server that opens a loopback listener as it opens its own."""

    def __init__(self, state: ServerState) -> None:
        super().__init__(state, systems[in_use[-1]])

    async def serve(
        self, open_listeners: Callable[[], Awaitable[Listeners]], **options: Any
    ) -> None:
        """Serve (see `Server.serve`)."""

        async def open_loopback() -> Listeners:
            listeners = await open_listeners()
            for each in listeners:
                if isinstance(each, LoopbackListener):
                    opened = await open_binds(["127.0.0.1:0"], Sockets())
                    each.serve_by(*self.listen(opened, Sockets()))
            return listeners

        await super().serve(open_loopback, **options)


def make_pair(readiness: Readiness | None = None) -> tuple[Any, Transport]:
    """Return the client's and the server's end of a new connection.

    Args:
        readiness: Watches the server's end, if it is a socket's.
    """
    if in_use[-1] in ("memory", "reported"):
        return memory_transport_pair()
    if in_use[-1] == "tls":
        return secure_ends()
    listener = LoopbackListener()
    client = listener.connect(0)
    sock, _ = listener.socket.accept()
    opened.append(sock)
    listener.socket.close()
    return client, SocketTransport(sock, system=systems[in_use[-1]], readiness=readiness)


def connect_http2(
    listener: MemoryListener, window_bytes: float, *, secure: bool = False
) -> MemoryTransport:
    """Return the client's end of a new connection on which HTTP/2 is spoken.

    Over TLS it is agreed on; else the client knows of it (RFC 9113 section 3).
    """
    if isinstance(listener, TlsListener):
        client: MemoryTransport = listener.connect(window_bytes, protocol="h2")
        return client
    return listener.connect(window_bytes, secure=secure)


@asynccontextmanager
async def watching() -> AsyncIterator[Readiness | None]:
    """Yield what a server would have its sockets watched by, while it watches."""
    readiness = systems[in_use[-1]].make_readiness()
    async with trio.open_nursery() as nursery:
        if readiness is not None:
            nursery.start_soon(readiness.watch)
            await wait_all_tasks_blocked()
        yield readiness
        nursery.cancel_scope.cancel()


def use_transport(name: str) -> None:
    """Serve over a transport what is served in memory else; before any test is imported."""
    if name == "memory":
        return
    in_use.append(name)
    patch = pytest.MonkeyPatch()
    if name == "reported":
        report_arrivals(patch)
        return
    if name == "tls":
        patch.setattr(hump_trio.testing.memory_listener, "MemoryListener", TlsListener)
        return
    patch.setattr(hump_trio.testing.memory_listener, "MemoryListener", LoopbackListener)
    patch.setattr(hump_trio.server.server, "Server", LoopbackServer)


@cache
def uses(path: Path, names: tuple[str, ...]) -> bool:
    """Tell whether a file imports one of some modules, itself or by a helper of the tests.

    What is imported from a module is named as if it were one in it.
    """
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
        else:
            continue
        for module in modules:
            helper = TOP / f"{module.replace('.', '/')}.py"
            if module.startswith(names) or (
                module.startswith("tests.") and helper.exists() and uses(helper, names)
            ):
                return True
    return False


def close_loopback() -> None:
    """Close what a test has left open, as it may in memory."""
    while opened:
        opened.pop().close()

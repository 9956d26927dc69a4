"""Listening sockets at work: accepting only while there is room."""

import math
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from ipaddress import ip_network
from typing import Any

import trio

from hump_trio.facts.grammar import is_within
from hump_trio.facts.loggers import logger
from hump_trio.listening.bound_socket import BoundSocket
from hump_trio.transports.readiness import Readiness
from hump_trio.transports.sockets import SocketTransport, UnixTransport, set_tcp_options
from hump_trio.transports.system import SYSTEM, System
from hump_trio.transports.transport import RECEIVE_BYTES, Transport

__all__ = ["SocketListener", "raise_descriptor_limit"]

# Out of descriptors or memory, the connection waits in the backlog (accept(2)); trying again
# at once would only burn the processor.
STARVED_PAUSE_SECONDS = 0.1
# Descriptors for logs, databases and the like, and for files that are opened between two sweeps of
# the watchdog, beside those of connections and files.
SPARE_DESCRIPTORS = 64
# How many connections are accepted before other tasks run. With 64, clients that are connected wait
# five times as long in a flood of connections, and a connection costs 3 % less.
TURN_ACCEPTS = 8
# What a backlog holds by default (listen(2)). A flood that goes on can't hold the shutdown up.
LAST_ACCEPTS = 4096


class SocketListener(trio.abc.Listener[Transport]):
    """Accepts from one listening socket, which it owns.

    Args:
        bound: The socket, non-blocking and listening.
        wait_room: Waits until one more connection is welcome; returns how many are.
        adopt: Takes the connections that came together with one that is accepted, and those that
            are in the backlog when the listener closes: closing the socket would reset them.
        make_room: Closes a connection that nobody misses, if there is one, where the system has no
            descriptor left; and waits until there may be one, or for some seconds.
        system: What can be known of the connections' sockets.
        readiness: Watches the connections; None: Trio does.
        proxies: The addresses and networks of proxies whose connections begin with a PROXY header,
            in the form of `Sockets.proxy_protocol`.
        secure: Returns the server's end of TLS over a transport, which it owns; None: TLS isn't
            spoken here.
    """

    def __init__(
        self,
        bound: BoundSocket,
        wait_room: Callable[[], Awaitable[int]],
        adopt: Callable[[Transport], None],
        *,
        make_room: Callable[[float], Awaitable[None]] = trio.sleep,
        system: System = SYSTEM,
        readiness: Readiness | None = None,
        proxies: Sequence[str] = (),
        secure: Callable[[Transport], Transport] | None = None,
    ) -> None:
        self.socket: socket.socket = bound.socket
        self._bound = bound
        self._over_tcp = bound.over_tcp
        self._server = bound.address()
        self._proxies = [ip_network(each) for each in proxies if each != "unix"]
        self._unix_proxy = "unix" in proxies
        self._secure = secure
        self._wait_room = wait_room
        self._adopt = adopt
        self._make_room = make_room
        make_transport: Callable[..., SocketTransport] = UnixTransport
        if bound.over_tcp:
            make_transport = SocketTransport
            if system.hands_options_on:
                set_tcp_options(self.socket)
                make_transport = partial(SocketTransport, options_set=True)
        self._make_transport = partial(
            make_transport,
            system=system,
            readiness=readiness,
            buffer=memoryview(bytearray(RECEIVE_BYTES)),
        )
        self._starved = False

    @property
    def url(self) -> str:
        """Where it can be reached."""
        return self._bound.url("http" if self._secure is None else "https")

    async def accept(self) -> Transport:
        """Wait for a connection and for room for it.

        Out of descriptors or memory, the connection that has been silent longest is closed, or
        accepting pauses until there is some again; that is logged once.

        Cancellation: a checkpoint; no connection is lost if cancelled here.
        """
        while True:
            await trio.lowlevel.wait_readable(self.socket)
            room = await self._wait_room()
            try:
                transport = self._accept_nowait()
            except OSError as error:
                if not self._starved:
                    logger.error("accepting pauses: %s", error)
                self._starved = True
                await self._make_room(STARVED_PAUSE_SECONDS)
                continue
            if transport is not None:
                self._starved = False
                self._adopt_more(min(room, TURN_ACCEPTS) - 1)
                return transport

    def _adopt_more(self, room: int) -> None:
        """Accept what came together with a connection: each costs a tenth less than by a wait."""
        with suppress(OSError):  # the next wait comes upon it again
            while room > 0 and (transport := self._accept_nowait()) is not None:
                self._adopt(transport)
                room -= 1

    def _accept_nowait(self) -> Transport | None:
        """Accept what is there; None if nothing is. Clients that have left already are passed over.

        Raises:
            OSError: There is no descriptor or memory left.
        """
        while True:
            try:
                sock, address = self.socket.accept()
            except BlockingIOError:
                return None
            except ConnectionAbortedError:
                continue
            try:
                return self._wrap(sock, address)
            except OSError:  # some systems refuse options on a connection that was reset
                sock.close()

    def _wrap(self, sock: socket.socket, address: Any) -> Transport:
        """Return the transport of a connection.

        Raises:
            OSError: It was reset.
        """
        client = address[:2] if self._over_tcp else None
        server = self._server
        if server is None and client is not None:
            server = sock.getsockname()[:2]
        transport = self._make_transport(sock, client, server)
        if client is None:
            proxied = self._unix_proxy
        else:
            proxied = bool(self._proxies) and is_within(client[0], self._proxies)
        if proxied:
            transport.expect_proxy_header()
        return transport if self._secure is None else self._secure(transport)

    async def aclose(self) -> None:
        """Hand over what the backlog holds, then close. A checkpoint; closed if cancelled here."""
        self._bound.remove_file()  # nobody comes any more, and what has come is taken in
        try:
            for _ in range(LAST_ACCEPTS):
                transport = self._accept_nowait()
                if transport is None:
                    break
                self._adopt(transport)
        except OSError as error:
            logger.error("connections in the backlog are lost: %s", error)
        trio.lowlevel.notify_closing(self.socket)
        self.socket.close()
        await trio.lowlevel.checkpoint()


def raise_descriptor_limit() -> float:
    """Raise the soft limit of descriptors to the hard one; return how many clients may have."""
    try:
        import resource
    except ImportError:
        return math.inf
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return math.inf if soft == resource.RLIM_INFINITY else soft - SPARE_DESCRIPTORS

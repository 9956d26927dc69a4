"""Listening sockets as binds ask for them: opened all or none."""

import errno
import os
import socket
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import trio

from hump_trio.facts.exceptions import BindError
from hump_trio.facts.grammar import plain_path
from hump_trio.facts.settings import Sockets
from hump_trio.listening.accept_turns import Turns
from hump_trio.listening.bind import Bind, parse_bind
from hump_trio.listening.listening_socket import ListeningSocket
from hump_trio.listening.port_owner import find_port_owner
from hump_trio.listening.service_manager import take_activated
from hump_trio.listening.unix_socket import FileIdentity, open_unix_socket, remove_socket_file
from hump_trio.transports.transport import Server

__all__ = ["BoundSocket", "open_binds"]

PORT_ATTEMPTS = 10
FAMILIES = {socket.AF_INET, socket.AF_INET6, getattr(socket, "AF_UNIX", socket.AF_INET)}


@dataclass(frozen=True, slots=True)
class BoundSocket:
    """A listening socket, non-blocking, and what it was opened for.

    Args:
        socket: The socket, which this owns.
        bind: What asked for it.
        file: The identity of the file that was made for a Unix socket; None: there is no such file.
        turns: Whose turn it is to accept, where other processes do so too.
    """

    socket: socket.socket
    bind: Bind
    file: FileIdentity | None = None
    turns: Turns | None = None

    @property
    def over_tcp(self) -> bool:
        """Whether it is a TCP socket, whose clients have addresses."""
        return self.socket.family in (socket.AF_INET, socket.AF_INET6)

    def url(self, scheme: str = "http") -> str:
        """Return where it can be reached: a URL, or ``unix:`` and a path."""
        name = self.socket.getsockname()
        if not self.over_tcp:
            return f"unix:{plain_path(name)}"
        host, port = name[:2]
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def address(self) -> Server | None:
        """Return the address that all its clients reach.

        None: it listens at all addresses of its machine, and each connection has one of them.
        """
        name = self.socket.getsockname()
        if not self.over_tcp:
            return plain_path(name), None
        host, port = name[:2]
        return None if ip_address(host).is_unspecified else (host, port)

    def remove_file(self) -> None:
        """Remove the file that was made for the socket, unless another file has its path by now.

        It is to be called before the socket is closed: as long as the socket listens, no process
        takes its file for stale, and the file's inode can't be another one's.
        """
        if self.file is not None and self.bind.path is not None:
            remove_socket_file(self.bind.path, self.file)

    def close(self) -> None:
        """Remove the socket's file and close the socket. Any number of calls are one."""
        self.remove_file()
        self.socket.close()


async def open_binds(binds: Iterable[str], sockets: Sockets) -> list[BoundSocket]:
    """Open everything that is to be listened on.

    Args:
        binds: Texts that `parse_bind` takes. Descriptors that they name are owned from here on.
        sockets: How the sockets are opened.

    Returns:
        The sockets, for the caller to close; a bind may ask for several.

    Raises:
        BindError: One of them can't be had; the others are closed again then.
        ValueError: A text isn't a bind.

    Cancellation: a checkpoint if there is a host; nothing is left open if cancelled here.
    """
    opened: list[BoundSocket] = []
    try:
        for bind in [parse_bind(text) for text in binds]:
            try:
                opened += await open_bind(bind, sockets)
            except (OSError, UnicodeError) as error:
                raise BindError(bind.text, reason_of(error, bind.port)) from error
    except BaseException:
        for each in opened:
            each.close()
        raise
    return opened


async def open_bind(bind: Bind, sockets: Sockets) -> list[BoundSocket]:
    """Open what one bind asks for.

    Raises:
        OSError: It can't be had.
        UnicodeError: The host can't be one.
    """
    if bind.path is not None:
        sock, file = open_unix_socket(bind.path, sockets.unix_mode, sockets.backlog)
        sock.setblocking(False)
        return [BoundSocket(sock, bind, file)]
    if bind.host is not None:
        found = await open_host(bind.host, bind.port, sockets)
    elif bind.descriptor is not None:
        found = adopt_descriptors([bind.descriptor])
    else:
        found = adopt_descriptors(take_activated(os.environ))
    return [BoundSocket(sock, bind) for sock in found]


def adopt_descriptors(descriptors: Sequence[int]) -> list[socket.socket]:
    """Return the listening sockets of some descriptors, which they own.

    Raises:
        OSError: A descriptor isn't a listening socket's; none is closed then.
    """
    adopted: list[socket.socket] = []
    try:
        for number in descriptors:
            adopted.append(ListeningSocket(fileno=number))
            check_listening(adopted[-1])
    except OSError:
        for sock in adopted:
            sock.detach()
        raise
    for sock in adopted:
        sock.setblocking(False)
        sock.set_inheritable(False)  # a program that a handler starts has no use for it
    return adopted


def check_listening(sock: socket.socket) -> None:
    """Refuse what no HTTP connection can come from.

    Raises:
        OSError: It isn't a listening stream socket over TCP, or a Unix one.
    """
    if sock.family not in FAMILIES or sock.type != socket.SOCK_STREAM:
        raise OSError(f"descriptor {sock.fileno()} is a socket, but not one of streams")
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise OSError(f"descriptor {sock.fileno()} is a socket that doesn't listen")


async def open_host(host: str, port: int, sockets: Sockets) -> list[socket.socket]:
    """Open one socket for each address of a host, all on the same port.

    Raises:
        OSError: The name is unknown, or an address or the port is taken.
        UnicodeError: The name can't be one.
    """
    for _ in range(PORT_ATTEMPTS - 1 if port == 0 else 0):
        try:
            return await open_addresses(host, port, sockets)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            # The port that one family was given is taken in the other.
    return await open_addresses(host, port, sockets)


async def open_addresses(host: str, port: int, sockets: Sockets) -> list[socket.socket]:
    """Try once to open all of them."""
    opened = await listen_at_all(host, port, sockets)
    ports = [sock.getsockname()[1] for sock in opened]
    if len(set(ports)) > 1:  # each family was given an ephemeral one of its own
        close_all(opened)
        opened = await listen_at_all(host, ports[0], sockets)
    return opened


async def listen_at_all(host: str, port: int, sockets: Sockets) -> list[socket.socket]:
    """Open a socket for each address, as `trio.open_tcp_listeners` does."""
    addresses = await trio.socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    opened: list[socket.socket] = []
    unsupported: OSError | None = None
    try:
        for family, _, protocol, _, address in addresses:
            try:
                sock = ListeningSocket(family, socket.SOCK_STREAM, protocol)
            except OSError as error:
                if error.errno != errno.EAFNOSUPPORT:
                    raise
                unsupported = error  # names may have addresses of a family that a system has not
                continue
            opened.append(sock)
            listen_at(sock, address, sockets)
        if unsupported is not None and not opened:
            raise unsupported
    except BaseException:
        close_all(opened)
        raise
    return opened


def listen_at(sock: socket.socket, address: tuple[Any, ...], sockets: Sockets) -> None:
    """Bind a socket and let it listen.

    Raises:
        OSError: It can't; a taken address is the error's ``filename``.
    """
    sock.setblocking(False)
    # On Windows it would let a port be taken from the process that listens on it.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, sys.platform != "win32")
    if sockets.reuse_port:
        if not hasattr(socket, "SO_REUSEPORT"):
            raise OSError("this system has no SO_REUSEPORT, so Sockets.reuse_port can't be had")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, True)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, True)
    try:
        sock.bind(address)
        sock.listen(sockets.backlog)
    except OSError as error:
        raise OSError(error.errno, error.strerror, address[0]) from error


def close_all(opened: list[socket.socket]) -> None:
    """Close some sockets."""
    for sock in opened:
        sock.close()


def reason_of(error: OSError | UnicodeError, port: int) -> str:
    """Return why something can't be listened on: the system's words, and who is in the way."""
    if not isinstance(error, OSError):
        return str(error)
    reason = error.strerror or str(error)
    taken = error.errno == errno.EADDRINUSE and port and isinstance(error.filename, str)
    owner = find_port_owner(error.filename, port) if taken else None
    return reason if owner is None else f"{reason} (by {owner})"

"""The PROXY header: what a proxy says of its client before the first byte of that client's.

Bytes to two addresses, the client's and the one that it has reached: version 1 (a line of text) and
2 (binary). Source: The PROXY protocol, https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt
"""

import re
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from hump_trio.facts.grammar import plain_address, plain_path
from hump_trio.transports.transport import Server

__all__ = ["Ends", "count_missing", "parse_proxy_header", "receive_proxy_header"]

# The client's address and the one that it has reached.
Ends: TypeAlias = tuple[tuple[str, int] | None, Server | None]

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
FIXED_BYTES = 16  # of version 2: the signature, version and command, family, length
# The addresses take up to 216; behind them are extensions, which nobody makes as long as that.
REST_BYTES = 4096
LINE_START = b"PROXY "
LINE_BYTES = 107  # of version 1, at most
# The shortest lines of each kind, and so what may be read without reading beyond one.
SHORTEST_BYTES = {
    b"UNKN": len(b"PROXY UNKNOWN\r\n"),
    b"TCP4": len(b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n"),
    b"TCP6": len(b"PROXY TCP6 :: :: 1 1\r\n"),
}
# A zone (%eth0), which Python takes for part of an address, means nothing on another machine.
LINE = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?|TCP(?:4 ([0-9.]+) ([0-9.]+)|6 ([0-9A-Fa-f:.]+) "
    rb"([0-9A-Fa-f:.]+)) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4}))\r\n"
)
# How long an address of each family is, over streams.
ADDRESS_BYTES = {0x11: 4, 0x21: 16, 0x31: 108}
UNIX_STREAM = 0x31


async def receive_proxy_header(receive: Callable[[int], Awaitable[bytes]], own: Ends) -> Ends:
    """Receive a header and not a byte beyond it; return what it says (see `parse_proxy_header`).

    Args:
        receive: Returns at most so many bytes, and none at the end.
        own: The addresses of the connection itself, for a header that says nothing of a client.

    Raises:
        ValueError: It is malformed, or there is none.
        EOFError: Nothing came at all.
    """
    data = b""
    while missing := count_missing(data):
        part = await receive(missing)
        if not part:
            raise ValueError("the connection ended within it") if data else EOFError
        data += part
    return parse_proxy_header(data, own)


def count_missing(data: bytes) -> int:
    """Return how many bytes more are sure to belong to a header; 0 if it is whole.

    Raises:
        ValueError: It doesn't begin as one, or is too long.
    """
    if not data:
        return SHORTEST_BYTES[b"UNKN"]  # no header of either version is shorter
    if data.startswith(SIGNATURE[: len(data)]):
        if len(data) < FIXED_BYTES:
            return FIXED_BYTES - len(data)
        rest_bytes = int.from_bytes(data[14:16])
        if rest_bytes > REST_BYTES:
            raise ValueError("it is too long")
        return FIXED_BYTES + rest_bytes - len(data)
    if not data.startswith(LINE_START[: len(data)]):
        raise ValueError("there is none")
    text, line_end, _ = data.partition(b"\r")
    if line_end and data != text + b"\r\n"[: len(data) - len(text)]:
        raise ValueError("its line doesn't end in CRLF")
    if data.endswith(b"\n"):
        return 0
    if len(data) >= LINE_BYTES:
        raise ValueError("it is too long")
    shortest = SHORTEST_BYTES.get(data[6:10], SHORTEST_BYTES[b"UNKN"])
    return max(shortest - len(data), 1 if line_end or len(data) == LINE_BYTES - 1 else 2)


def parse_proxy_header(data: bytes, own: Ends) -> Ends:
    """Return the addresses that a whole header names: the client's, and what it has reached.

    A header that names none (``UNKNOWN``, ``LOCAL``) is of a proxy that speaks for itself; the
    client of one that got it over a Unix socket has no address. Extensions are passed over.

    Raises:
        ValueError: It is malformed.
    """
    if data.startswith(SIGNATURE):
        return parse_binary(data, own)
    line = LINE.fullmatch(data)
    if line is None:
        raise ValueError("its line is malformed")
    source, destination = line[1] or line[3], line[2] or line[4]
    if source is None:
        return own
    kind = IPv4Address if line[1] else IPv6Address
    port, server_port = int(line[5]), int(line[6])
    if max(port, server_port) > 0xFFFF:
        raise ValueError("a port is no number of 16 bits")
    client, server = kind(source.decode()), kind(destination.decode())
    return (str(plain_address(client)), port), (str(plain_address(server)), server_port)


def parse_binary(data: bytes, own: Ends) -> Ends:
    """Parse a whole header of version 2.

    Raises:
        ValueError: It is malformed.
    """
    version_command, family, rest = data[12], data[13], data[FIXED_BYTES:]
    if version_command not in (0x20, 0x21):
        raise ValueError("its version or its command is unknown")
    if version_command == 0x20 or family == 0x00:
        return own  # LOCAL, or UNSPEC
    address_bytes = ADDRESS_BYTES.get(family)
    if address_bytes is None:
        raise ValueError("its family is unknown, or isn't one of streams")
    ports, port_bytes = 2 * address_bytes, 0 if family == UNIX_STREAM else 2
    if len(rest) < ports + 2 * port_bytes:
        raise ValueError("it is too short for its addresses")
    source, destination = rest[:address_bytes], rest[address_bytes:ports]
    if family == UNIX_STREAM:
        path = destination.rstrip(b"\0")
        return None, (plain_path(path), None) if path else None
    kind = IPv4Address if address_bytes == 4 else IPv6Address
    port = int.from_bytes(rest[ports : ports + port_bytes])
    server_port = int.from_bytes(rest[ports + port_bytes : ports + 2 * port_bytes])
    client, server = plain_address(kind(source)), plain_address(kind(destination))
    return (str(client), port), (str(server), server_port)

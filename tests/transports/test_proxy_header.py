"""The PROXY header as bytes: what it says, and where it ends."""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.transports.proxy_header import (
    REST_BYTES,
    SIGNATURE,
    Ends,
    count_missing,
    parse_proxy_header,
    receive_proxy_header,
)

OWN = ("192.0.2.9", 9), ("192.0.2.1", 80)
REQUEST = b"GET / HTTP/1.1\r\n"

IPV4 = IPv4Address("203.0.113.7").packed + IPv4Address("10.0.0.1").packed
IPV6 = IPv6Address("2001:db8::7").packed + IPv6Address("fd00::1").packed
MAPPED = IPv6Address("::ffff:203.0.113.7").packed + IPv6Address("fd00::1").packed
PORTS = struct.pack("!HH", 50000, 443)
TLV = b"\x04\x00\x03abc"


def binary(family: int, rest: bytes, *, first: int = 0x21) -> bytes:
    """Return a header of version 2."""
    return SIGNATURE + struct.pack("!BBH", first, family, len(rest)) + rest


GOOD = {
    b"PROXY TCP4 203.0.113.7 10.0.0.1 50000 443\r\n": (("203.0.113.7", 50000), ("10.0.0.1", 443)),
    b"PROXY TCP4 1.1.1.1 1.1.1.1 0 0\r\n": (("1.1.1.1", 0), ("1.1.1.1", 0)),
    b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n": (
        ("255.255.255.255", 65535),
        ("255.255.255.255", 65535),
    ),
    b"PROXY TCP6 2001:DB8::7 fd00::1 50000 443\r\n": (("2001:db8::7", 50000), ("fd00::1", 443)),
    b"PROXY TCP6 :: :: 1 1\r\n": (("::", 1), ("::", 1)),
    b"PROXY TCP6 ::ffff:203.0.113.7 ::1 1 1\r\n": (("203.0.113.7", 1), ("::1", 1)),
    b"PROXY TCP6 ::1 ::ffff:10.0.0.1 1 2\r\n": (("::1", 1), ("10.0.0.1", 2)),
    b"PROXY TCP6 " + b" ".join([b"ffff:" * 7 + b"ffff"] * 2) + b" 65535 65535\r\n": (
        ("ffff:" * 7 + "ffff", 65535),
        ("ffff:" * 7 + "ffff", 65535),
    ),
    b"PROXY UNKNOWN\r\n": OWN,
    b"PROXY UNKNOWN " + b"ffff:" * 18 + b"x\r\n": OWN,
    binary(0x11, IPV4 + PORTS): (("203.0.113.7", 50000), ("10.0.0.1", 443)),
    binary(0x11, IPV4 + PORTS + TLV): (("203.0.113.7", 50000), ("10.0.0.1", 443)),
    binary(0x21, IPV6 + PORTS): (("2001:db8::7", 50000), ("fd00::1", 443)),
    binary(0x21, MAPPED + PORTS): (("203.0.113.7", 50000), ("fd00::1", 443)),
    binary(0x31, bytes(216)): (None, None),
    binary(0x31, bytes(216) + TLV): (None, None),
    binary(0x31, bytes(108) + b"/run/app.sock".ljust(108, b"\0")): (None, ("/run/app.sock", None)),
    binary(0x31, bytes(108) + b"\0app".ljust(108, b"\0")): (None, ("@app", None)),
    binary(0x00, b""): OWN,
    binary(0x00, b"whatever"): OWN,
    binary(0x11, IPV4 + PORTS, first=0x20): OWN,
    binary(0x00, b"", first=0x20): OWN,
    binary(0x11, IPV4 + PORTS + bytes(REST_BYTES - 12)): (
        ("203.0.113.7", 50000),
        ("10.0.0.1", 443),
    ),
}

BAD = {
    REQUEST: "there is none",
    b"\x16\x03\x01\x02\x00\x01": "there is none",
    b"\r\n\r\n\0\r\nQUIX": "there is none",
    b"proxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n": "there is none",
    b"PROXY\tTCP4 1.1.1.1 1.1.1.1 1 1\r\n": "there is none",
    b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n": "malformed",
    b"PROXY TCP4 1.1.1.1\r1.1.1.1 1 1\r\n": "CRLF",
    b"PROXY UNKNOWN\rX": "CRLF",
    b"PROXY TCP4 1.1.1.1 1.1\r\n1 1111": "CRLF|malformed",
    b"PROXY UNKNOWN " + b"x" * 93: "too long",
    b"PROXY UNKNOWN " + b"x" * 92 + b"\r": "too long",
    b"PROXY UNKNOWNX\r\n": "malformed",
    b"PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n": "malformed",
    b"PROXY TCP4  1.1.1.1 1.1.1.1 1 1\r\n": "malformed",
    b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 \r\n": "malformed",
    b"PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r\n": "16 bits",
    b"PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n": "16 bits",
    b"PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n": "malformed",
    b"PROXY TCP4 1.1.1.1 1.1.1.1 -1 1\r\n": "malformed",
    b"PROXY TCP4 1.1.1.1 1.1.1.256 1 1\r\n": "Octet",
    b"PROXY TCP4 1.1.1.1.1 1.1.1.1 1 1\r\n": "4 octets",
    b"PROXY TCP4 ::1 ::1 1 1111111111\r\n": "malformed",
    b"PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n": "parts|colon",
    b"PROXY TCP6 fe80::1%e ::1 1 1\r\n": "malformed",
    binary(0x11, IPV4 + PORTS, first=0x11): "version",
    binary(0x11, IPV4 + PORTS, first=0x22): "command",
    binary(0x11, IPV4 + PORTS[:3]): "too short",
    binary(0x21, IPV6): "too short",
    binary(0x31, bytes(215)): "too short",
    binary(0x12, IPV4 + PORTS): "family",
    binary(0x41, IPV4 + PORTS): "family",
    binary(0x01, b""): "family",
    binary(0x11, bytes(REST_BYTES + 1)): "too long",
}


def read(data: bytes, step: int | None = None) -> tuple[Ends, bytes]:
    """Return what a header at the beginning of some bytes says, and the bytes behind it.

    Args:
        data: All that comes.
        step: How many bytes come at once, at most.
    """
    left = bytearray(data)

    async def receive(max_bytes: int) -> bytes:
        count = min(max_bytes, step or max_bytes)
        part = bytes(left[:count])
        del left[:count]
        return part

    return trio.run(receive_proxy_header, receive, OWN), bytes(left)


@pytest.mark.parametrize("step", [None, 1, 2, 7])
@pytest.mark.parametrize("header", GOOD)
def test_what_a_header_says(header: bytes, step: int | None) -> None:
    """In whatever pieces it comes; and what follows it is left where it is."""
    assert read(header + REQUEST, step) == (GOOD[header], REQUEST)


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("data", BAD)
def test_what_is_no_header(data: bytes, step: int | None) -> None:
    """Is refused, however it comes, and not repaired."""
    with pytest.raises(ValueError, match=BAD[data]):
        read(data + b"\r\n" * 100, step)


def test_a_missing_header_is_noticed_at_its_first_bytes() -> None:
    """Not only when as much as a header has come: a client that waits for us sends no more."""
    with pytest.raises(ValueError, match="there is none"):
        count_missing(b"G")


@pytest.mark.parametrize("header", GOOD)
def test_an_end_within_a_header(header: bytes) -> None:
    """Is an error at every byte; before the first one nobody has said anything."""
    with pytest.raises(EOFError):
        read(b"")
    for length in range(1, len(header), 1 + len(header) // 50):
        with pytest.raises(ValueError, match="the connection ended within it"):
            read(header[:length])


@given(st.binary(max_size=300), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE]))
def test_any_bytes_are_a_header_or_an_error(data: bytes, start: bytes) -> None:
    """Nothing else is raised, and no more is read than the longest header."""
    try:
        ends, rest = read(start + data)
    except (ValueError, EOFError):
        return
    header = (start + data).removesuffix(rest)
    assert ends == parse_proxy_header(header, OWN)
    assert count_missing(header) == 0


@given(st.ip_addresses(), st.integers(0, 65535), st.binary(max_size=100), st.booleans())
def test_every_client_comes_through(
    address: IPv4Address | IPv6Address, port: int, rest: bytes, in_text: bool
) -> None:
    """What a proxy writes is what is read, and the bytes behind it are left."""
    if in_text:
        header = f"PROXY TCP{address.version} {address} {address} {port} {port}\r\n".encode()
    else:
        family = {4: 0x11, 6: 0x21}[address.version]
        header = binary(family, address.packed * 2 + struct.pack("!HH", port, 1) + TLV)
    (client, server), left = read(header + rest)
    assert client is not None
    assert server is not None
    assert left == rest
    expected = getattr(address, "ipv4_mapped", None) or address
    assert (ip_address(client[0]), client[1]) == (expected, port)
    assert (ip_address(server[0]), server[1]) == (expected, port if in_text else 1)

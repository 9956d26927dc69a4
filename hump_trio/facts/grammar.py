"""What passes for a token, a number or an address, wherever one is asked for."""

import math
import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeGuard

__all__ = [
    "NUMBER",
    "TOKEN",
    "is_integer",
    "is_number",
    "is_within",
    "known_method",
    "match_float",
    "match_int",
    "plain_address",
    "plain_path",
]

# RFC 9110 section 5.6.2: what methods and the names of fields, parameters and cookies are.
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# A number that a client writes: as in JSON, so without blanks, underscores, NaN and infinity, but
# zeros may lead. 309 digits are what a float holds; a longer number is no identifier and slow to
# convert, as are exponents beyond three digits.
INTEGER = re.compile(r"-?[0-9]{1,309}")
NUMBER = re.compile(rf"{INTEGER.pattern}(?:\.[0-9]{{1,309}})?(?:[eE][+-]?[0-9]{{1,3}})?")

# Methods that figures name as they are; clients can make up any number of others.
METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)


def known_method(method: str) -> str:
    """Return a method as figures name it: one of few, ``_OTHER`` for those that nobody knows."""
    return method if method in METHODS else "_OTHER"


def is_integer(value: object) -> TypeGuard[int]:
    """Tell whether a value is a whole number; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether a value is a number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def match_int(text: str) -> int | None:
    """Return the integer that a text is, or None: digits alone, not ``1.0`` or ``1e3``."""
    # Most have no sign, and to see so saves a third of the instructions.
    is_plain = text.isdecimal() and text.isascii() and len(text) < 310
    return int(text) if is_plain or INTEGER.fullmatch(text) else None


def match_float(text: str) -> float | None:
    """Return the finite number that a text is, or None: as in JSON, also ``1e3``."""
    number = float(text) if NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def plain_address(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return an address; an IPv4 one that is written as IPv6 (``::ffff:10.0.0.1``) is IPv4."""
    return getattr(address, "ipv4_mapped", None) or address


def plain_path(name: str | bytes) -> str:
    """Return the path of a Unix socket; an abstract one, which has no file, begins with ``@``."""
    text = name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")
    return text.replace("\0", "@", 1)


def is_within(host: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Tell whether an address is in one of some networks.

    Raises:
        ValueError: It is no address.
    """
    address = plain_address(ip_address(host))
    return any(address in network for network in networks)

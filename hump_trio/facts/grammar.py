"""What passes for a token, a number or an address, wherever one is asked for."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeGuard

__all__ = ["TOKEN", "is_integer", "is_number", "is_within", "plain_address"]

# RFC 9110 section 5.6.2: methods, names of fields, of parameters and of cookies.
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def is_integer(value: object) -> TypeGuard[int]:
    """Tell whether a value is a whole number; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether a value is a number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def plain_address(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return an address; an IPv4 one that is written as IPv6 (``::ffff:10.0.0.1``) is IPv4."""
    return getattr(address, "ipv4_mapped", None) or address


def is_within(host: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Tell whether an address is in one of some networks.

    Raises:
        ValueError: It is no address.
    """
    address = plain_address(ip_address(host))
    return any(address in network for network in networks)

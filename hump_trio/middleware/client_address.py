"""The address that a client is told from others by."""

from functools import lru_cache
from ipaddress import IPv6Network, ip_address

from hump_trio.facts.grammar import plain_address
from hump_trio.messages.request import Request, joined_values

__all__ = ["client_address", "tells_another"]

# Addresses that are kept in mind: a client has many requests, and to read its address takes 10 µs.
KNOWN_COUNT = 512
NETWORK_BITS = 64
# By these a proxy tells of its clients.
FIELDS = frozenset({"forwarded", "x-forwarded-for"})


def client_address(request: Request) -> str:
    """Return the address that a request counts for, as a `RateLimit` takes it by default.

    It is that of `Request.client`: behind a proxy, what `Forwarded` or a PROXY header says of it.
    An IPv4 address stands for itself, also where it is written as IPv6. An IPv6 address stands for
    its network of 64 bits, such as ``2001:db8::/64``, since whoever has one address of that has
    all of them. All clients without an address are one, by the name ``""``: those whose address
    the proxy doesn't tell.

    Args:
        request: The request.
    """
    if request.client is None:
        return ""
    host = request.client[0]
    return network_of(host) if ":" in host else host


@lru_cache(KNOWN_COUNT)
def network_of(host: str) -> str:
    """Return the network of an IPv6 address, or the IPv4 address that it stands for."""
    try:
        address = plain_address(ip_address(host.partition("%")[0]))
    except ValueError:  # of middleware that names clients otherwise
        return host
    if address.version == 4:
        return str(address)
    return str(IPv6Network((int(address), NETWORK_BITS), strict=False))


def tells_another(request: Request) -> bool:
    """Tell whether a request has fields of a proxy, and its client isn't among those they name.

    The client may be that proxy then: nobody has read the fields.
    """
    told = " ".join(joined_values(request, FIELDS).values()).lower()
    return bool(told) and request.client is not None and request.client[0] not in told

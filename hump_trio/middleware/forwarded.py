"""The client's address, scheme and host as the proxies in front of an app tell them."""

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address, ip_address, ip_network

from hump_trio.facts.grammar import TOKEN, is_within, plain_address
from hump_trio.messages.headers import Headers
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.messages.target import is_authority
from hump_trio.middleware.option_checks import list_of_text
from hump_trio.routing.layer import CallNext

__all__ = ["Forwarded"]

FIELDS = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"})
# RFC 7239 section 4, except for commas within quotes: neither an address nor a host has one.
PAIR = re.compile(rf'({TOKEN.pattern})=(?:({TOKEN.pattern})|"([^"\\]*)")')
ELEMENT = re.compile(rf"(?:{PAIR.pattern}[ \t]*)?(?:;[ \t]*(?:{PAIR.pattern}[ \t]*)?)*")
# RFC 7239 section 6. X-Forwarded-For also has IPv6 addresses without brackets and port.
NODE = re.compile(
    r"(?:([0-9.]+)|\[([0-9a-f:.]+)\]|unknown|_[a-z0-9._-]+)(?::(?:([0-9]{1,5})|_[a-z0-9._-]+))?",
    re.IGNORECASE,
)
BARE_IPV6 = re.compile(r"[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*", re.IGNORECASE)


class Forwarded:
    """Sets ``request.client``, ``scheme`` and ``host`` to those that proxies in front tell.

    Register it first, as in ``app.middleware(Forwarded(proxies=["10.0.0.0/8"],
    fields=["forwarded"]))``.

    The fields count only if the peer is one of the proxies. Each proxy adds the address of its own
    peer on the right. The list is read from the right, up to the first address that isn't a
    proxy's: this is the client. Whatever stands left of it, the client may have forged. If the
    proxies don't tell the client's address, or the field is malformed, ``request.client`` is None,
    since the proxy's own address would pass for a client's. The scheme and the host are set if the
    fields have exactly one valid value.

    Args:
        proxies: The proxies' networks or addresses, such as ``10.0.0.0/8``; ``unix`` for peers on
            Unix sockets, which have no address.
        fields: The fields that the nearest proxy sets in every request, whatever a client has sent:
            ``["forwarded"]`` (RFC 7239), or some of ``x-forwarded-for``, ``x-forwarded-proto`` and
            ``x-forwarded-host``. There is no default, and the two families can't be mixed: a client
            can forge any field that the proxy passes on unchanged.

    Raises:
        TypeError: An option isn't a list of str.
        ValueError: An option is empty, a proxy isn't a network, or the fields are others than
            these, or of both families.

    Source: RFC 7239.
    """

    def __init__(self, *, proxies: Iterable[str], fields: Iterable[str]) -> None:
        names = list_of_text("proxies", proxies)
        try:
            self._networks = [ip_network(name) for name in names if name != "unix"]
        except ValueError as error:
            raise ValueError(f"proxies lists networks, as in '10.0.0.0/8': {error}") from None
        self._unix = "unix" in names
        self._fields = {name.lower() for name in list_of_text("fields", fields)}
        alone = "forwarded" not in self._fields or len(self._fields) == 1
        if not names or not self._fields or not self._fields <= FIELDS or not alone:
            raise ValueError(
                "name at least one proxy, and the fields that it sets: fields=['forwarded'], or"
                " some of 'x-forwarded-for', 'x-forwarded-proto' and 'x-forwarded-host'"
            )

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """Set client, scheme and host if the peer is a proxy, and let the request pass."""
        if self._trusts(request.client):
            try:
                self._apply(request)
            except ValueError:
                request.client = None
        return await call_next(request)

    def _trusts(self, peer: tuple[str, int] | None) -> bool:
        """Tell whether a peer is one of the proxies."""
        if peer is None:
            return self._unix
        return is_within(peer[0], self._networks)

    def _apply(self, request: Request) -> None:
        """Set client, scheme and host as told of the first peer that isn't a proxy.

        Raises:
            ValueError: A field that tells of it is malformed.
        """
        client, claims = request.client, dict[str, str]()
        for claims in self._hops(request.headers):
            client = parse_node(claims.get("for", "unknown"))
            if client is None or not self._trusts(client):
                break
        for name in self._fields - {"forwarded", "x-forwarded-for"}:
            claims[name.removeprefix("x-forwarded-")] = request.headers.get(name, "")
        request.client = client
        scheme, host = claims.get("proto", "").lower(), claims.get("host", "")
        if scheme in {"http", "https"}:
            request.scheme = scheme
        if host and "," not in host and is_authority(host):  # one with a comma may be two
            request.host = host

    def _hops(self, headers: Headers) -> Iterator[dict[str, str]]:
        """Yield the parameters by which each proxy describes its peer, the nearest proxy first.

        Raises:
            ValueError: A field is malformed.
        """
        if "forwarded" in self._fields:
            yield from map(parse_element, items_of(headers, "forwarded"))
        elif "x-forwarded-for" in self._fields:
            yield from ({"for": item} for item in items_of(headers, "x-forwarded-for"))


def items_of(headers: Headers, name: str) -> Iterator[str]:
    """Yield the items of a field that holds a list, the last one first."""
    items = [item.strip(" \t") for item in headers.get(name, "").split(",")]
    return filter(None, reversed(items))


def parse_element(text: str) -> dict[str, str]:
    """Parse one proxy's element of a ``Forwarded`` field; the names are in lower case.

    Raises:
        ValueError: The element is malformed.
    """
    if not ELEMENT.fullmatch(text):
        raise ValueError("a malformed element")
    pairs = [(found[1].lower(), found[2] or found[3]) for found in PAIR.finditer(text)]
    claims = dict(pairs)
    if len(claims) < len(pairs):
        raise ValueError("a parameter comes twice")
    return claims


def parse_node(text: str) -> tuple[str, int] | None:
    """Parse an address and its port, 0 if that isn't told; None for one that is kept secret.

    Raises:
        ValueError: It is malformed.
    """
    found = NODE.fullmatch(f"[{text}]" if BARE_IPV6.fullmatch(text) else text)
    if found is None or int(found[3] or 0) > 0xFFFF:
        raise ValueError("a malformed address")
    if found[2]:
        IPv6Address(found[2])  # nothing else stands in brackets
    text = found[1] or found[2]
    return (str(plain_address(ip_address(text))), int(found[3] or 0)) if text else None

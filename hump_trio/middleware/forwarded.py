"""Who asks, as the proxies in front of an app say."""

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address, ip_address, ip_network

from hump_trio.facts.grammar import TOKEN, is_within, plain_address
from hump_trio.messages.headers import Headers
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.messages.target import is_authority
from hump_trio.middleware.options import list_of_text
from hump_trio.routing.layer import CallNext

__all__ = ["Forwarded"]

FIELDS = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"})
# RFC 7239 section 4, but for commas within quotes: neither an address nor a host needs one.
PAIR = re.compile(rf'({TOKEN.pattern})=(?:({TOKEN.pattern})|"([^"\\]*)")')
ELEMENT = re.compile(rf"(?:{PAIR.pattern}[ \t]*)?(?:;[ \t]*(?:{PAIR.pattern}[ \t]*)?)*")
# Section 6; X-Forwarded-For has IPv6 addresses without brackets and port, too.
NODE = re.compile(
    r"(?:([0-9.]+)|\[([0-9a-f:.]+)\]|unknown|_[a-z0-9._-]+)(?::(?:([0-9]{1,5})|_[a-z0-9._-]+))?",
    re.IGNORECASE,
)
BARE_IPV6 = re.compile(r"[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*", re.IGNORECASE)


class Forwarded:
    """Sets ``request.client``, ``scheme`` and ``host`` to what the proxies in front say.

    They are believed only if the peer is one of them. Each has added its own peer on the right:
    they are gone through from there, as long as they are proxies themselves, so that what a
    client has written further left counts for nothing. Where they don't say who the client is, or
    not in good order, ``request.client`` is None: the proxy's own address would pass for a
    client's. Scheme and host are taken if there is one good value. Register it first.

    Args:
        proxies: Their networks or addresses, such as ``10.0.0.0/8``; ``unix`` for peers without
            an address, on Unix sockets.
        fields: Those that the nearest proxy sets in every request, whatever a client has sent:
            ``["forwarded"]`` (RFC 7239), or some of ``x-forwarded-for``, ``x-forwarded-proto``
            and ``x-forwarded-host``. There is no default, and no mixture of the two families: a
            field that the proxy lets pass is the client's to forge.

    Raises:
        TypeError: An option is no list of str.
        ValueError: It is empty, or what it names is no network, no such field, or of both families.
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
        """Believe the proxies, if it is they who ask."""
        if self._trusts(request.client):
            try:
                self._believe(request)
            except ValueError:
                request.client = None
        return await call_next(request)

    def _trusts(self, peer: tuple[str, int] | None) -> bool:
        if peer is None:
            return self._unix
        return is_within(peer[0], self._networks)

    def _believe(self, request: Request) -> None:
        """Take over what is said of the first peer that is no proxy.

        Raises:
            ValueError: What a proxy should have said of it is malformed.
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
        """Yield what each proxy says of its own peer, the nearest proxy's words first.

        Raises:
            ValueError: They are malformed.
        """
        if "forwarded" in self._fields:
            yield from map(parse_element, items_of(headers, "forwarded"))
        elif "x-forwarded-for" in self._fields:
            yield from ({"for": item} for item in items_of(headers, "x-forwarded-for"))


def items_of(headers: Headers, name: str) -> Iterator[str]:
    """Yield the items of a field that is a list, the last one first."""
    items = [item.strip(" \t") for item in headers.get(name, "").split(",")]
    return filter(None, reversed(items))


def parse_element(text: str) -> dict[str, str]:
    """Parse what one proxy says in a ``Forwarded`` field, names in lower case.

    Raises:
        ValueError: It is malformed.
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

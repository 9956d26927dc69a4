"""The client's address, scheme and host as the proxies in front of an app tell them."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from ipaddress import IPv6Address, ip_address, ip_network

from hump_trio.dispatch.stepped import Stepped
from hump_trio.facts.grammar import TOKEN, is_within, plain_address
from hump_trio.messages.request import Request, joined_values
from hump_trio.messages.target import is_authority
from hump_trio.middleware.option_checks import list_of_text

__all__ = ["Forwarded"]

# Addresses of proxies, and lists that they send, that are kept in mind, at 0.6 KiB each; and the
# longest list that is. A client has many requests, and to read its address takes 20 µs.
KNOWN_COUNT = 512
KNOWN_CHARACTERS = 128
# The client of an empty list.
NOBODY = ("", 0)
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


class Forwarded(Stepped):
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
            networks = [ip_network(name) for name in names if name != "unix"]
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
        # The field that lists the peers of proxies.
        self._path_field = "forwarded" if "forwarded" in self._fields else "x-forwarded-for"
        self._is_proxy = lru_cache(KNOWN_COUNT)(partial(is_within, networks=networks))
        self._follow_known = lru_cache(KNOWN_COUNT)(self._follow)

    @property
    def __names_unix_clients__(self) -> bool:
        """Whether clients of a Unix socket have the addresses that are told there."""
        return self._unix

    def __begin__(self, request: Request) -> None:
        """Set client, scheme and host if the peer is a proxy, and let the request pass."""
        if self._trusts(request.client):
            try:
                self._apply(request)
            except ValueError:
                request.client = None

    def _trusts(self, peer: tuple[str, int] | None) -> bool:
        """Tell whether a peer is one of the proxies."""
        if peer is None:
            return self._unix
        return self._is_proxy(peer[0])

    def _apply(self, request: Request) -> None:
        """Set client, scheme and host as told of the first peer that isn't a proxy.

        Raises:
            ValueError: A field that tells of it is malformed.
        """
        given = joined_values(request, self._fields)
        path = given.get(self._path_field, "")
        follow = self._follow_known if len(path) <= KNOWN_CHARACTERS else self._follow
        client, claims = follow(path)
        scheme, host = claims.get("proto", ""), claims.get("host", "")
        for name, value in given.items():
            if name == "x-forwarded-proto":
                scheme = value
            elif name == "x-forwarded-host":
                host = value
        if client is not NOBODY:
            request.client = client
        scheme = scheme.lower()
        if scheme in {"http", "https"}:
            request.scheme = scheme
        if host and "," not in host and is_authority(host):  # one with a comma may be two
            request.host = host

    def _follow(self, path: str) -> tuple[tuple[str, int] | None, Mapping[str, str]]:
        """Return the first peer that isn't a proxy, and the parameters that describe it.

        Args:
            path: The field that lists the peers, the nearest proxy's last.

        Returns:
            The peer; `NOBODY` if the list is empty, None if its address is kept secret.

        Raises:
            ValueError: The list is malformed.
        """
        client: tuple[str, int] | None = NOBODY
        claims: Mapping[str, str] = {}
        for item in items_of(path):
            is_element = self._path_field == "forwarded"
            claims = parse_element(item) if is_element else {"for": item}
            client = parse_node(claims.get("for", "unknown"))
            if client is None or not self._trusts(client):
                break
        return client, claims


def items_of(value: str) -> list[str]:
    """Return the items of a field that holds a list, the last one first."""
    return [text for item in reversed(value.split(",")) if (text := item.strip(" \t"))]


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

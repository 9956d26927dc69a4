"""The handshake of a WebSocket over HTTP/1.1, judged by its fields (RFC 6455 section 4.2)."""

import re
from base64 import b64encode
from hashlib import sha1

from hump_trio.facts.exceptions import HttpException
from hump_trio.facts.grammar import TOKEN
from hump_trio.messages.headers import FieldLines

__all__ = [
    "UPGRADE_FIELDS",
    "accept_key",
    "asks_websocket",
    "check_handshake",
    "check_version",
    "parse_subprotocols",
]

VERSION = "13"
# RFC 6455 section 1.3: what a server hashes behind the client's key.
KEY_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # sixteen bytes in base64
# Subprotocols that are looked at; programs offer one or two.
SUBPROTOCOL_COUNT = 100
# What a client that doesn't ask for this version of the protocol is to ask for.
UPGRADE_FIELDS = (("upgrade", "websocket"), ("sec-websocket-version", VERSION))


def asks_websocket(fields: FieldLines) -> bool:
    """Tell whether a request of HTTP/1.1 asks for a WebSocket (RFC 9110 section 7.8)."""
    return has_word(fields, "upgrade", "websocket") and has_word(fields, "connection", "upgrade")


def check_handshake(fields: FieldLines, *, method: str, version: str, has_body: bool) -> str:
    """Return the key of a handshake that is to be accepted.

    Args:
        fields: The fields of the request.
        method: Its method.
        version: Its version of HTTP, such as ``1.1``.
        has_body: Whether it has a body, which would be taken for frames by one of two readers.

    Raises:
        HttpException: 405 for a method other than GET; 426 for a request that asks for no
            WebSocket, or for one of another version; 400 for any other fault.

    Source: RFC 6455 sections 4.2.1 and 4.4; RFC 9110 section 15.5.22.
    """
    if method != "GET":
        raise HttpException(405, headers=(("allow", "GET"),))
    if version != "1.1":
        raise HttpException(400, "a WebSocket needs HTTP/1.1")
    if has_body:
        raise HttpException(400, "a handshake has no body")
    if not asks_websocket(fields):
        raise HttpException(426, "only WebSockets are served here", headers=UPGRADE_FIELDS)
    check_version(fields)
    keys = values_of(fields, "sec-websocket-key")
    if len(keys) != 1 or not KEY.fullmatch(keys[0]):
        raise HttpException(400, "the key of a handshake is sixteen bytes in base64, once")
    return keys[0]


def check_version(fields: FieldLines) -> None:
    """Refuse a handshake for another version of the protocol.

    Raises:
        HttpException: 426, with the version that is spoken.

    Source: RFC 6455 section 4.4; RFC 8441 section 5.
    """
    if values_of(fields, "sec-websocket-version") != [VERSION]:
        raise HttpException(
            426, f"only version {VERSION} of WebSocket is spoken here", headers=UPGRADE_FIELDS
        )


def accept_key(key: str) -> str:
    """Return what proves to a client that its handshake was understood (RFC 6455 section 4.2.2).

    Args:
        key: The client's key, which has been checked.
    """
    digest = sha1(key.encode("ascii") + KEY_SUFFIX, usedforsecurity=False).digest()
    return b64encode(digest).decode("ascii")


def parse_subprotocols(fields: FieldLines) -> list[str]:
    """Return the subprotocols that a client offers, the preferred one first.

    Empty elements of the list are skipped (RFC 9110 section 5.6.1.2).

    Raises:
        HttpException: 400, one of them is no token or is there twice, or they are too many.

    Source: RFC 6455 sections 4.1 and 11.3.4.
    """
    joined = ",".join(values_of(fields, "sec-websocket-protocol"))
    names = [name for each in joined.split(",") if (name := each.strip(" \t"))]
    if (
        len(names) > SUBPROTOCOL_COUNT
        or len(set(names)) < len(names)
        or not all(map(TOKEN.fullmatch, names))
    ):
        raise HttpException(400, "subprotocols are some tokens, each once")
    return names


def values_of(fields: FieldLines, name: str) -> list[str]:
    """Return every value of a field, in order."""
    return [value for present, value in fields if present == name]


def has_word(fields: FieldLines, name: str, word: str) -> bool:
    """Tell whether a field that is a list has a word, which may be written in any case."""
    for present, value in fields:
        if present == name:
            lowered = value.lower()
            if lowered == word or word in [each.strip(" \t") for each in lowered.split(",")]:
                return True
    return False

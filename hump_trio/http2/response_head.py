"""Heads and trailers of responses as header blocks, which hold no framing (RFC 9113 section 8.3.2).

Nothing enters the table of the peer's decoder, so a block is the same for every connection.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from hump_trio.http2.literals import encode_literal, encode_plain_literal, encode_status
from hump_trio.messages.framing import BODYLESS, announce_length
from hump_trio.messages.headers import FieldLines

__all__ = [
    "ResponseHead",
    "begin_head",
    "encode_head",
    "encode_informational",
    "encode_trailers",
]

# Fields that no answer has over HTTP/2 (RFC 9113 section 8.2.2), and the one that is the server's.
NEVER_SENT = frozenset(
    {"connection", "http2-settings", "keep-alive", "proxy-connection", "te"}
    | {"transfer-encoding", "upgrade", "content-length"}
)
# Fields whose values come again in many answers, and are no secret of anybody's.
STEADY = frozenset(
    {"accept-ranges", "access-control-allow-credentials", "access-control-allow-headers"}
    | {"access-control-allow-methods", "access-control-expose-headers", "access-control-max-age"}
    | {"allow", "alt-svc", "cache-control", "content-encoding", "content-language", "content-type"}
    | {"cross-origin-opener-policy", "cross-origin-resource-policy", "permissions-policy"}
    | {"referrer-policy", "retry-after", "strict-transport-security", "vary"}
    | {"x-content-type-options", "x-frame-options"}
)
# The longest value that is kept, and how many are: 100 KiB of text and as much encoded.
KEPT_LENGTH = 200
KEPT_COUNT = 512


@dataclass(slots=True, eq=False)
class ResponseHead:
    """An encoded head, and the length that it announces.

    Args:
        block: The header block.
        body_follows: Whether the body is sent at all; not for HEAD, 204, 205 and 304.
        content_length: The length in bytes that is announced; None if none is.
        closes: Whether the fields ask for the end of the connection, which no field can tell here.
    """

    block: bytes
    body_follows: bool
    content_length: int | None
    closes: bool


def encode_head(
    method: str,
    status: int,
    fields: FieldLines,
    *,
    body_bytes: int | None,
    date: bytes,
    server: bytes,
) -> ResponseHead:
    """Encode the head of a response.

    Args:
        method: The method of the request; empty for one that had none.
        status: A final status.
        fields: The fields of the response, checked. Those of a connection are left out, and so is
            a ``Content-Length``, unless the body is streamed, or is the empty body of an answer
            to HEAD.
        body_bytes: The length of the body; None for a streamed body.
        date: The encoded ``Date``, left out if ``fields`` has a date.
        server: The encoded ``Server``, left out if ``fields`` has such a field; may be empty.

    Raises:
        ValueError: The ``Content-Length`` in ``fields`` isn't a number.
    """
    parts = [encode_status(status)]
    given_length, closes = None, False
    for name, value in fields:
        if name in NEVER_SENT:
            if name == "content-length":
                given_length = value
            elif name == "connection":
                closes |= "close" in [option.strip(" \t") for option in value.lower().split(",")]
            continue
        if name == "date":
            date = b""
        elif name == "server":
            server = b""
        parts.append(encode_field(name, value))
    parts += (date, server)

    length = announce_length(method, status, given_length, body_bytes)
    if length is not None:
        parts.append(encode_plain_literal("content-length", str(length)))
    return ResponseHead(
        block=b"".join(parts),
        body_follows=status not in BODYLESS and method != "HEAD",
        content_length=length,
        closes=closes,
    )


def begin_head(content_type: str, date: bytes, server: bytes) -> bytes:
    """Return the block of a 200, up to the name of its ``Content-Length``.

    The length goes behind it as a byte that counts its digits, and the digits.

    Args:
        content_type: The type of the body.
        date: The encoded ``Date``.
        server: The encoded ``Server``; may be empty.
    """
    name = encode_plain_literal("content-length", "")[:-1]  # without the byte that counts nothing
    return encode_status(200) + encode_field("content-type", content_type) + date + server + name


def encode_trailers(fields: FieldLines) -> bytes:
    """Encode the fields that end an answer, checked; those of a connection are left out."""
    return b"".join([encode_field(*field) for field in fields if field[0] not in NEVER_SENT])


def encode_informational(status: int, fields: FieldLines) -> bytes:
    """Encode the head of an answer that isn't the last one of its request.

    Args:
        status: A status below 200 and not 101, which HTTP/2 lacks (RFC 9113 section 8.6).
        fields: Checked; those of a connection and a length are left out.
    """
    assert 100 <= status < 200
    assert status != 101
    return encode_status(status) + encode_trailers(fields)


def encode_field(name: str, value: str) -> bytes:
    """Encode a field, by Huffman's code where that is done once for many answers.

    Blanks around a value don't belong to it, and a value that has them is malformed (RFC 9113
    section 8.2.1).
    """
    value = value.strip(" \t")
    if name in STEADY and len(value) <= KEPT_LENGTH:
        return encode_steady(name, value)
    return encode_plain_literal(name, value)


encode_steady: Callable[[str, str], bytes] = lru_cache(maxsize=KEPT_COUNT)(encode_literal)

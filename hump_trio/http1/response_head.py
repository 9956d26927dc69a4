"""The head of a response, with exactly one framing (RFC 9112 section 6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from hump_trio.facts.exceptions import phrase_of
from hump_trio.http1.head import keeps_alive, options_of
from hump_trio.messages.framing import BODYLESS, announce_length
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.target import RequestLine

__all__ = [
    "CONTINUE",
    "LAST_CHUNK",
    "ResponseHead",
    "begin_head",
    "encode_answer",
    "encode_chunk",
    "encode_head",
    "encode_informational",
    "encode_last_chunk",
]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
SERVER_FIELDS = frozenset({"connection", "content-length", "transfer-encoding", "upgrade"})

RULED_FIELDS = SERVER_FIELDS | {"date", "server"}


@dataclass(slots=True, eq=False)
class ResponseHead:
    """An encoded head, and the framing that it announces.

    Args:
        data: The bytes of the head.
        body_follows: Whether the body is sent at all; not for HEAD, 204, 205 and 304.
        content_length: The length in bytes that the body has to have; None if any will do. It is
            announced unless the body is sent in chunks.
        chunked: Whether the body is sent in chunks.
        keep_alive: Whether the head tells the client that the connection stays open.
    """

    data: bytes
    body_follows: bool
    content_length: int | None
    chunked: bool
    keep_alive: bool


def encode_head(
    line: RequestLine | None,
    status: int,
    fields: FieldLines,
    *,
    body_bytes: int | None,
    keep_alive: bool,
    date: str,
    server: str,
    trailers: bool = False,
) -> ResponseHead:
    """Encode the head of a response, with exactly one framing.

    Args:
        line: The request line; None for bytes that weren't a request.
        status: A final status.
        fields: The fields of the response, checked. Framing fields among them are replaced, with
            two exceptions: ``Connection: close`` is obeyed, and a ``Content-Length`` is sent if
            the body is streamed, or is the empty body of an answer to HEAD. ``Upgrade`` gets the
            option of ``Connection`` that belongs to it (RFC 9110 section 7.8).
        body_bytes: The length of the body; None for a streamed body.
        keep_alive: Whether the server is willing to keep the connection open.
        date: The ``Date`` line, left out if ``fields`` has a date.
        server: The ``Server`` line, left out if ``fields`` has such a field; may be empty.
        trailers: Whether fields are to follow the body, which is sent in chunks for that, even if
            its length is known. False if no body follows.

    Raises:
        ValueError: The ``Content-Length`` in ``fields`` isn't a number.
    """
    method = "" if line is None else line.method
    version = "1.1" if line is None else line.version
    lines = [STATUS_LINES.get(status) or status_line(status)]
    given_length = None
    for name, value in fields:
        if name not in SERVER_FIELDS:
            lines.append(f"{name}: {value}\r\n")
            if name == "date":
                date = ""
            elif name == "server":
                server = ""
        elif name == "content-length":
            given_length = value
        elif name == "upgrade":
            lines.append(f"upgrade: {value}\r\nconnection: upgrade\r\n")
        elif name == "connection" and not keeps_alive(options_of(value), "1.1"):
            keep_alive = False
    lines += (date, server)

    bodyless = status in BODYLESS
    length, chunked = body_bytes, False
    if given_length is not None or bodyless:
        length = announce_length(method, status, given_length, body_bytes)
    if length is not None and not trailers:
        lines.append(f"content-length: {length}\r\n")
    elif not bodyless and version == "1.1":
        chunked = True
        lines.append("transfer-encoding: chunked\r\n")
    elif not bodyless:
        keep_alive = False
    if not keep_alive:
        lines.append("connection: close\r\n")
    elif version == "1.0":
        lines.append("connection: keep-alive\r\n")
    lines.append("\r\n")
    return ResponseHead(
        data="".join(lines).encode("latin-1"),
        body_follows=not bodyless and method != "HEAD",
        content_length=length,
        chunked=chunked,
        keep_alive=keep_alive,
    )


def encode_answer(status: int, fields: FieldLines, body: bytes, *, date: str, server: str) -> bytes:
    """Encode an answer that is given at once to a request that wants nothing special, as most are.

    That is what `encode_head` and the body are together, in a third of the time.

    Args:
        status: A final status.
        fields: The fields of the response, checked.
        body: The body.
        date: The ``Date`` line.
        server: The ``Server`` line; may be empty.

    Returns:
        The bytes; none where `encode_head` has to judge: a status or a field needs a rule of its
        own, or the length isn't that of the body.
    """
    line = STATUS_LINES.get(status)
    if line is None or status in BODYLESS:
        return b""
    lines = [f"{name}: {value}\r\n" for name, value in fields if name not in RULED_FIELDS]
    if len(lines) < len(fields):
        length = [("content-length", str(len(body)))]
        if [field for field in fields if field[0] in RULED_FIELDS] != length:
            return b""
    head = f"{line}{''.join(lines)}{date}{server}content-length: {len(body)}\r\n\r\n"
    return head.encode("latin-1") + body


def encode_informational(status: int, fields: FieldLines) -> bytes:
    """Encode an informational response, which is a head alone (RFC 9110 section 15.2)."""
    lines = [f"{name}: {value}\r\n" for name, value in fields]
    return "".join((STATUS_LINES[status], *lines, "\r\n")).encode("latin-1")


def begin_head(status: int, content_type: str) -> bytes:
    """Return the first lines of a head: the status line and the content type."""
    return f"{STATUS_LINES[status]}content-type: {content_type}\r\n".encode("latin-1")


def status_line(status: int) -> str:
    """Return a status line; without a standard phrase it ends in a space (RFC 9112 section 4)."""
    return f"HTTP/1.1 {status:d} {phrase_of(status)}\r\n"


STATUS_LINES = {int(status): status_line(status) for status in HTTPStatus}


def encode_chunk(data: bytes) -> bytes:
    """Encode a chunk of a body; the data must not be empty, as an empty chunk ends the body."""
    assert data
    return b"%x\r\n%b\r\n" % (len(data), data)


def encode_last_chunk(trailers: Sequence[tuple[str, str]]) -> bytes:
    """Encode the end of a chunked body, with the fields that follow it, which are checked."""
    lines = [f"{name}: {value}\r\n" for name, value in trailers]
    return "".join(("0\r\n", *lines, "\r\n")).encode("latin-1")

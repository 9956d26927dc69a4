"""What frames a message, whatever the protocol: its length, and what may not follow its body."""

__all__ = [
    "BODYLESS",
    "FORBIDDEN_TRAILERS",
    "LENGTH_DIGITS",
    "announce_length",
    "count_body",
    "may_follow_answer",
]

# Statuses without a body (RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5). A 205 announces a length of
# zero, the others announce none.
BODYLESS = frozenset({204, 205, 304})
# More digits than a 64-bit count has.
LENGTH_DIGITS = 19
# RFC 9110 section 6.5.1: fields that frame, route, authenticate or describe the content.
FRAMING_TRAILERS = {"connection", "content-length", "keep-alive", "te", "trailer"}
FRAMING_TRAILERS |= {"proxy-connection", "transfer-encoding", "upgrade"}
ROUTING_TRAILERS = {"expect", "host", "max-forwards"}
IDENTITY_TRAILERS = {"authorization", "cookie", "proxy-authorization"}
CONDITION_TRAILERS = {"cache-control", "if-match", "if-modified-since", "if-none-match"}
CONDITION_TRAILERS |= {"if-range", "if-unmodified-since", "range"}
CONTENT_TRAILERS = {"content-encoding", "content-range", "content-type"}
FORBIDDEN_TRAILERS = frozenset(FRAMING_TRAILERS).union(
    ROUTING_TRAILERS, IDENTITY_TRAILERS, CONDITION_TRAILERS, CONTENT_TRAILERS
)
# Fields that tell a client or a cache, before the body, what to do with the answer.
CONTROL_TRAILERS = {"age", "date", "expires", "location", "pragma", "retry-after", "set-cookie"}
CONTROL_TRAILERS |= {"proxy-authenticate", "vary", "warning", "www-authenticate"}
FORBIDDEN_IN_ANSWERS = FORBIDDEN_TRAILERS | CONTROL_TRAILERS


def may_follow_answer(name: str) -> bool:
    """Tell whether a field of this name, in lower case, may be a trailer of an answer.

    What describes the content is refused by its prefix; a digest of the content is what trailers
    are made for (RFC 9530 section 2).
    """
    if name.startswith("content-"):
        return name == "content-digest"
    return name not in FORBIDDEN_IN_ANSWERS


def count_body(missing_bytes: int | None, byte_count: int, *, ends: bool) -> int | None:
    """Return what is missing of a streamed body's announced length behind another part of it.

    Args:
        missing_bytes: What was missing before; None if no length was announced.
        byte_count: The length of the part.
        ends: Whether it is the last one.

    Raises:
        ValueError: The body is longer than was announced, or ends before that.
    """
    if missing_bytes is None:
        return None
    missing_bytes -= byte_count
    if missing_bytes < 0:
        raise ValueError("a streamed body is longer than its Content-Length")
    if ends and missing_bytes:
        raise ValueError("a streamed body is shorter than its Content-Length")
    return missing_bytes


def announce_length(
    method: str, status: int, given: str | None, body_bytes: int | None
) -> int | None:
    """Return the length that the head of a response announces; None if it announces none.

    A length that a handler gives counts where only the handler can know it: for a streamed body,
    and for the empty body of an answer to HEAD.

    Args:
        method: The method of the request.
        status: The status of the response.
        given: The ``Content-Length`` among the fields of the response, if there is one.
        body_bytes: The length of the body; None for a streamed body.

    Raises:
        ValueError: The length that counts is ``given``, and isn't ``1*DIGIT``.

    Source: RFC 9110 section 8.6.
    """
    if given is not None and (body_bytes is None or (method == "HEAD" and not body_bytes)):
        if not (given.isascii() and given.isdigit()):
            raise ValueError(f"a Content-Length that is none: {given!r}")
        body_bytes = int(given)
    if status in BODYLESS:
        return 0 if status == 205 else None
    return body_bytes

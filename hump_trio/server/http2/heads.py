"""What the heads of an HTTP/2 connection say, and what becomes of those that are refused.

What a connection has said before is remembered, and is no other connection's business.
"""

import re
from typing import TypeAlias

from hump_trio.facts.exceptions import HttpParserError, StatusError
from hump_trio.facts.loggers import logger
from hump_trio.http2.failures import ErrorCode, StreamFailure
from hump_trio.http2.frames import DATA, END_STREAM, encode_frame, encode_headers
from hump_trio.http2.hpack import Field
from hump_trio.http2.huffman import decode_huffman
from hump_trio.http2.messages import RequestHead, parse_request, with_target
from hump_trio.http2.response_head import encode_head
from hump_trio.messages.response import error_response, settle
from hump_trio.server.access_log import access_of, log_access
from hump_trio.server.http2.multiplexer import Multiplexer
from hump_trio.server.http2.prepared import Chosen

__all__ = ["Known", "know", "read_head", "recall"]

# Most heads: indexed fields, the path as a Huffman-coded literal that isn't to be indexed, and
# whatever other fields there are.
SPLIT = re.compile(rb"([\x81-\xfe]*)\x04([\x80-\xfe])").match
# How many blocks a connection remembers.
MEMO_COUNT = 64
# How long those may be: those of browsers are shorter, and all of them together are little.
MEMO_BLOCK_BYTES = 512
# How much text the heads of all of them may have, about: a few bytes may stand for a long cookie in
# many pieces, which is a copy in each head.
MEMO_HEAD_BYTES = 64 * 1024

# What is known of a request by its block alone.
Known: TypeAlias = tuple[RequestHead, Chosen]


def recall(mux: Multiplexer, block: bytes, *, ends: int) -> Known | None:
    """Return what a block says whose path alone is new, or that has a body behind it; else None."""
    memo = mux.receiver.decoder.memo
    parts = SPLIT(block)
    if parts is None:
        known: Known | None = None if ends else memo.get((block, None))
        return known
    at = parts.end()
    after = at + block[at - 1] - 0x80
    base = memo.get((parts[1], block[after:], ends))
    if base is None or after > len(block):
        return None
    try:
        path = decode_huffman(block[at:after]).decode("latin-1")
        head = with_target(base, path, mux.connection.state.limits)
    except (StreamFailure, HttpParserError):
        return None  # `know` finds the same
    return head, mux.prepared.choose(head.line)


def know(mux: Multiplexer, stream_id: int, block: bytes, now: float, *, ends: int) -> Known | None:
    """Return what a new block says; None if it was refused.

    What a connection has said before it needn't say again: whole blocks are remembered, and what
    stands around a path. Both hold until the table of fields changes. They are no other
    connection's business, which could learn from the time of an answer what this one sends.

    Raises:
        ConnectionFailure: The block can't be decoded.
    """
    decoder = mux.receiver.decoder
    memo, insertion_count = decoder.memo, decoder.insertion_count
    fields = decoder.decode(block)
    mux.session.last_id = stream_id
    head = read_head(mux, stream_id, fields, now, ends=bool(ends))
    if head is None:
        return None
    choice, path_params, inline = mux.prepared.choose(head.line)
    known = head, (choice, path_params, inline and not head.expect)
    # A block that inserts has to do so each time that it comes.
    if decoder.insertion_count == insertion_count and len(block) <= MEMO_BLOCK_BYTES:
        if len(memo) >= MEMO_COUNT or len(memo) * head.head_bytes > MEMO_HEAD_BYTES:
            memo.clear()
        parts = SPLIT(block)
        if parts is None:
            memo[block if ends else (block, None)] = known
        elif not (head.expect or head.protocol):
            at = parts.end()
            after = at + block[at - 1] - 0x80
            memo[parts[1], block[after:], ends] = head
    return known


def read_head(
    mux: Multiplexer, stream_id: int, fields: list[Field | None], now: float, *, ends: bool
) -> RequestHead | None:
    """Return the head that the fields of a new stream are; None if it was refused.

    Args:
        mux: What the lanes of the connection share.
        stream_id: The stream.
        fields: As they were decoded.
        now: The time.
        ends: Whether no body follows.

    Raises:
        ConnectionFailure: There were too many glitches.
    """
    try:
        head = parse_request(fields, mux.connection.state.limits)
        if ends and head.content_length:
            raise StreamFailure(ErrorCode.PROTOCOL_ERROR, "a body that doesn't come")
        if ends and head.protocol:
            raise HttpParserError(400, "a WebSocket whose client sends nothing")
    except StreamFailure as failure:
        refuse_malformed(mux, stream_id, failure, now)
        return None
    except HttpParserError as error:
        refuse(mux, stream_id, error, now, ends=ends)
        return None
    return head


def refuse_malformed(mux: Multiplexer, stream_id: int, failure: StreamFailure, now: float) -> None:
    """Reset the stream of what is no request (RFC 9113 section 8.1.1).

    Raises:
        ConnectionFailure: There were too many glitches.
    """
    logger.info("refused a request: %s", failure)
    note_refusal(mux, 0, 0)
    mux.session.reset(stream_id, failure.code, now)


def refuse(mux: Multiplexer, stream_id: int, error: StatusError, now: float, *, ends: bool) -> None:
    """Answer what is no request that the app hears of, with the head alone if windows are shut."""
    logger.info("refused a request: %s", error)
    session, prepared = mux.session, mux.prepared
    if now >= prepared.stamp_until:
        prepared.stamp_anew(now)
    response = error_response(error)
    settle(response)
    content = response.body
    assert isinstance(content, bytes)
    if len(content) > min(session.sources.window, session.initial_window):
        content = b""
    head = encode_head(
        "GET",
        response.status,
        response.headers.items(),
        body_bytes=len(content),
        date=prepared.date_field,
        server=prepared.server_field,
    )
    block = session.size_update + head.block
    session.size_update = b""
    session.sources.window -= len(content)
    answer = encode_headers(stream_id, block, ends=not content)
    if content:
        answer += encode_frame(DATA, END_STREAM, stream_id, content)
    session.out.append(answer)
    if not ends:
        session.cut(stream_id, ErrorCode.NO_ERROR)
    note_refusal(mux, response.status, len(answer))


def note_refusal(mux: Multiplexer, status: int, byte_count: int) -> None:
    """Count what was refused, and write its line into the access log."""
    connection = mux.connection
    connection.state.outcomes["refused"] += 1
    if connection.state.access_log:
        log_access(
            access_of(
                None,
                status,
                outcome="refused",
                byte_count=byte_count,
                seconds=0.0,
                client=connection.transport.client,
            )
        )

"""Compressed messages: ``permessage-deflate`` (RFC 7692)."""

import zlib
from dataclasses import dataclass
from typing import Any

from hump_trio.messages.headers import FieldLines
from hump_trio.websocket.failures import WebSocketFailure

__all__ = ["Deflate", "Deflater", "Inflater", "negotiate"]

NAME = "permessage-deflate"
# The parameters of an offer, and what each may be; empty where it needs no value. Two are words,
# and two are sizes of windows, as powers of two (RFC 7692 section 7.1). zlib makes none of 8 bits.
SERVER_FORGETS, CLIENT_FORGETS = "server_no_context_takeover", "client_no_context_takeover"
SERVER_WINDOW, CLIENT_WINDOW = "server_max_window_bits", "client_max_window_bits"
LARGEST_BITS = 15
PARAMETERS: dict[str, dict[str, int]] = {
    SERVER_FORGETS: {"": 0},
    CLIENT_FORGETS: {"": 0},
    SERVER_WINDOW: {str(bits): bits for bits in range(9, 16)},
    CLIENT_WINDOW: {"": LARGEST_BITS} | {str(bits): bits for bits in range(8, 16)},
}
# Offers that are looked at. A client sends two or three, the second for servers that take less.
OFFER_COUNT = 16
# What a server's state has: 4 KiB of window and as much to work in take 53 KiB in all, where zlib's
# own choice takes 270 and makes messages of 100 bytes of JSON a seventh shorter.
STATE_BITS, STATE_LEVEL = 12, 5

# What a sender leaves out at the end of each message (RFC 7692 section 7.2.1), and behind it an
# empty last block, which tells whether the message ended between two blocks.
TAIL = b"\0\0\xff\xff" + b"\x03\0"
# Last blocks in one message. Each makes a new state and copies what follows. A sender that can't
# flush otherwise ends a message with one (RFC 7692 section 7.2.3.4).
LAST_BLOCK_COUNT = 100


@dataclass(frozen=True, slots=True)
class Deflate:
    """What was agreed on with a client about compression.

    Args:
        answer: What the field ``Sec-WebSocket-Extensions`` of the answer says.
        server_bits: The size of the server's window, as a power of two.
        client_bits: The size of the client's window at most.
        keeps_context: Whether messages to the client may refer to those before them. Without that
            the same compressed message can go to many clients.
    """

    answer: str
    server_bits: int
    client_bits: int
    keeps_context: bool

    def inflater(self) -> "Inflater":
        """Return what inflates the client's messages."""
        return Inflater(self.client_bits)

    def deflater(self) -> "Deflater":
        """Return what compresses messages to the client."""
        return Deflater(self.server_bits, keeps_context=self.keeps_context)


def negotiate(fields: FieldLines) -> Deflate | None:
    """Return what becomes of the first of a client's offers that can be taken; None for none.

    A malformed offer is declined, as is one of a parameter that the RFC doesn't name, and one of a
    server's window of 256 bytes, which zlib can't make. The answer always says that the client
    keeps no context, so that nothing is held here for a client that is silent.

    Args:
        fields: The fields of the handshake.

    Source: RFC 6455 section 9.1; RFC 7692 sections 5.1 and 7.1.
    """
    joined = ",".join(value for name, value in fields if name == "sec-websocket-extensions")
    for offer in joined.split(",", OFFER_COUNT)[:OFFER_COUNT]:
        parameters = parse_offer(offer)
        if parameters is None:
            continue
        server_bits = min(parameters.get(SERVER_WINDOW, LARGEST_BITS), STATE_BITS)
        client_bits = parameters.get(CLIENT_WINDOW, 0)
        answer = [NAME, CLIENT_FORGETS, f"{SERVER_WINDOW}={server_bits}"]
        if client_bits:  # only a client that offers it lets itself be told
            client_bits = min(client_bits, STATE_BITS)
            answer.append(f"{CLIENT_WINDOW}={client_bits}")
        if SERVER_FORGETS in parameters:
            answer.append(SERVER_FORGETS)
        return Deflate(
            "; ".join(answer),
            server_bits,
            client_bits or LARGEST_BITS,
            keeps_context=SERVER_FORGETS not in parameters,
        )
    return None


def parse_offer(offer: str) -> dict[str, int] | None:
    """Return the parameters of an offer that can be taken, by the numbers in `PARAMETERS`.

    A value is a token, also where it is quoted, so that no comma or semicolon is within one.
    """
    name, *rest = offer.split(";", len(PARAMETERS) + 1)
    if name.strip(" \t") != NAME:
        return None
    found: dict[str, int] = {}
    for each in rest:
        key, equals, value = (part.strip(" \t") for part in each.partition("="))
        if len(value) > 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        number = PARAMETERS.get(key, {}).get(value)
        if number is None or key in found or (equals and not value):
            return None
        found[key] = number
    return found


class Deflater:
    """Compresses messages to one client (RFC 7692 section 7.2.1).

    Args:
        window_bits: The size of its window, as a power of two.
        keeps_context: Whether messages may refer to those before them. That is the whole gain for
            short ones: 200 messages of JSON of 100 bytes become a quarter as long, and 84 % without
            it.
    """

    __slots__ = ("_keeps_context", "_state", "_window_bits")

    def __init__(self, window_bits: int, *, keeps_context: bool) -> None:
        self._window_bits = window_bits
        self._keeps_context = keeps_context
        self._state: Any = None  # of zlib

    def deflate(self, payload: bytes) -> bytes:
        """Return the payload of a frame with RSV1 that holds a whole message.

        It is to be sent, in this order, since the next one may refer to it.
        """
        state = self._state
        if state is None:
            state = zlib.compressobj(wbits=-self._window_bits, memLevel=STATE_LEVEL)
        data: bytes = state.compress(payload) + state.flush(zlib.Z_SYNC_FLUSH)
        if self._keeps_context:
            self._state = state
        return data[:-4] or b"\0"

    def release(self) -> None:
        """Let go of the state's memory. The next message refers to none before it."""
        self._state = None


class Inflater:
    """Inflates the messages of one client, each with a state of its own.

    The client was told to keep no context between its messages, so that a WebSocket which waits
    holds no memory. A state costs 0.4 µs to make.

    Args:
        window_bits: The size of the client's window at most, as a power of two.
    """

    __slots__ = ("_last_blocks", "_state", "_window_bits")

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._state: Any = None  # of zlib; None between two messages, and behind a last block
        self._last_blocks = 0

    def inflate(self, data: bytes, room: float) -> bytes:
        """Return what a piece of a message inflates to.

        Args:
            data: The piece; it may be empty.
            room: How many bytes may come of it. If more do, one of them is returned, and the rest
                of the message can't be inflated.

        Raises:
            WebSocketFailure: 1007, the data is damaged; 1002, its last blocks are too many.
        """
        found = b""
        while data and len(found) <= room:
            if self._state is None:
                self._state = zlib.decompressobj(-self._window_bits)
            state = self._state
            found += decompress(state, data, room - len(found))
            if not state.eof:
                break
            self._state = None
            data = state.unused_data
            self._last_blocks += 1
            if self._last_blocks > LAST_BLOCK_COUNT:
                raise WebSocketFailure(1002, "too many last blocks in a compressed message")
        return found

    def finish(self, room: float) -> bytes:
        """Return the rest of a message whose pieces have all been inflated.

        Args:
            room: As in `inflate`.

        Raises:
            WebSocketFailure: 1007, the data is damaged or incomplete.
        """
        state, self._state, self._last_blocks = self._state, None, 0
        if state is None:
            return b""
        found = decompress(state, TAIL, room)
        if len(found) <= room and not state.eof:
            raise WebSocketFailure(1007, "a compressed message that isn't whole")
        return found


def decompress(state: Any, data: bytes, room: float) -> bytes:
    """Return what data inflates to; at most a byte more than there is room for."""
    try:
        inflated: bytes = state.decompress(data, 0 if room == float("inf") else int(room) + 1)
    except zlib.error:
        raise WebSocketFailure(1007, "a compressed message that can't be inflated") from None
    return inflated

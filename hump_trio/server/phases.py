"""What is being waited for, and what follows when that has lasted too long: one row a phase.

The table is the one place where a phase's limit, its name for people and its consequence stand.
Clocks, lanes, statistics and logs go by a row's word and consequence. What a row says of its limit
is for readers: clocks set each limit by themselves, and `tests/server/test_phases.py` holds them,
and the reference's table of timeouts, to the rows. The docstring of `Timeouts` tells them again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

__all__ = ["ASKED_ERROR", "LATE_ANSWER", "RULES", "Expiry", "Phase", "Progress"]


class Phase(Enum):
    """What is being waited for.

    The first ones, up to `STREAMS`, belong to a connection, and the others to an exchange.
    `LINGER` belongs to a connection again: it is its end. `SPARE` belongs to a lane that waits
    while others lead or serve.
    """

    HANDSHAKE = auto()  # what comes before the first byte of HTTP
    OPENED = auto()  # the first byte after the accept
    ANSWERED = auto()  # the next sweep, which begins the wait for the next request
    IDLE = auto()  # the first byte of the next request
    HEAD = auto()  # the rest of a head
    STREAMS = auto()  # requests side by side, each in a time of its own
    SPARE = auto()  # a request that a lane among others may serve
    BODY = auto()  # the rest of a body
    HANDLER = auto()  # the app
    SEND = auto()  # the peer's acknowledgements
    OPEN = auto()  # whatever either side of a WebSocket does next
    CLOSING = auto()  # the peer's closing frame, and its close
    BEHIND = auto()  # the end of what the app does behind its answer
    CLOSE_BODY = auto()  # the end of a streamed body whose bytes have all been sent
    DRAIN = auto()  # the rest of a body that nobody wants
    LINGER = auto()  # the peer's close

    if not TYPE_CHECKING:  # type checkers would take it for a type that nobody has declared
        __hash__ = object.__hash__  # that of `Enum` is a function of Python's: 700 instructions


class Expiry(Enum):
    """What follows when a phase has lasted too long."""

    NOTHING = auto()  # it has no deadline of its own
    CLOSE = auto()  # the connection is closed without a word
    ANSWER = auto()  # the request gets an error for its answer; cut instead if one was started
    RESET = auto()  # the connection is reset, so that no message looks whole


class Progress(Enum):
    """What moves the deadline of a phase."""

    NONE = auto()
    RECEIVED = auto()  # bytes that the peer has sent
    ACKNOWLEDGED = auto()  # bytes that the peer has acknowledged


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One phase's limit and its consequence.

    Args:
        word: What statistics and logs call the phase.
        setting: The field of `Timeouts` that limits it; empty if nothing does.
        progress: What moves its deadline, by ``Timeouts.min_rate``.
        expiry: What follows when the deadline has passed.
        error: Status and detail, where an answer follows, or may still follow before its first
            byte is out.
        resets: Whether a connection that is closed here is reset, since what is under way must not
            look whole to its peer.
    """

    word: str
    setting: str = ""
    progress: Progress = Progress.NONE
    expiry: Expiry = Expiry.NOTHING
    error: tuple[int, str] | None = None
    resets: bool = False


LATE_ANSWER = (503, "the answer took too long")

RULES: Mapping[Phase, Rule] = {
    Phase.HANDSHAKE: Rule(word="handshake", setting="handshake", expiry=Expiry.CLOSE),
    Phase.OPENED: Rule(word="opened", setting="head", expiry=Expiry.CLOSE),
    Phase.ANSWERED: Rule(word="idle", expiry=Expiry.CLOSE),
    Phase.IDLE: Rule(word="idle", setting="keep_alive", expiry=Expiry.CLOSE),
    Phase.HEAD: Rule(
        word="head",
        setting="head",
        expiry=Expiry.ANSWER,
        error=(408, "the request took too long to arrive"),
    ),
    Phase.STREAMS: Rule(
        word="streams",
        setting="send_grace",
        progress=Progress.ACKNOWLEDGED,
        expiry=Expiry.RESET,
        resets=True,
    ),
    Phase.SPARE: Rule(word="idle", expiry=Expiry.CLOSE),
    Phase.BODY: Rule(
        word="body",
        setting="stall_grace",
        progress=Progress.RECEIVED,
        expiry=Expiry.ANSWER,
        error=(408, "the body took too long to arrive"),
        resets=True,
    ),
    Phase.HANDLER: Rule(
        word="handler", setting="handler", expiry=Expiry.ANSWER, error=LATE_ANSWER, resets=True
    ),
    Phase.SEND: Rule(
        word="send",
        setting="send_grace",
        progress=Progress.ACKNOWLEDGED,
        expiry=Expiry.RESET,
        error=LATE_ANSWER,  # where a route's own time has passed before anything was sent
        resets=True,
    ),
    Phase.OPEN: Rule(word="open", resets=True),
    Phase.CLOSING: Rule(word="closing", setting="close", expiry=Expiry.CLOSE),
    Phase.BEHIND: Rule(word="behind"),
    Phase.CLOSE_BODY: Rule(word="send", setting="cleanup"),
    Phase.DRAIN: Rule(
        word="drain", setting="stall_grace", progress=Progress.RECEIVED, expiry=Expiry.CLOSE
    ),
    Phase.LINGER: Rule(
        word="linger", setting="stall_grace", progress=Progress.RECEIVED, expiry=Expiry.CLOSE
    ),
}
# The answer to a request whose caller has asked for less time than it would have had.
ASKED_ERROR = (504, "the answer took longer than its caller waits")

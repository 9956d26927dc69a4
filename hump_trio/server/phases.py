"""What a connection is waiting for, and what follows when it has waited too long."""

from enum import Enum, auto

__all__ = ["ASKED_ERROR", "CUT_PHASES", "EXPIRED_ERRORS", "SILENT_PHASES", "Phase"]


class Phase(Enum):
    """What a connection is waiting for."""

    HANDSHAKE = auto()  # what comes before the first byte of HTTP
    OPENED = auto()  # the first byte after the accept
    IDLE = auto()  # the first byte of the next request
    HEAD = auto()  # the rest of a head
    BODY = auto()  # the rest of a body
    HANDLER = auto()  # the app
    SEND = auto()  # the peer's acknowledgements
    DRAIN = auto()  # the rest of a body that nobody wants
    LINGER = auto()  # the peer's close


# Where a connection that is cut here must not look whole to its peer.
CUT_PHASES = frozenset({Phase.BODY, Phase.HANDLER, Phase.SEND})
# Where a connection that has waited too long is closed without a word.
SILENT_PHASES = frozenset({Phase.HANDSHAKE, Phase.OPENED, Phase.IDLE})
# What a request gets whose deadline has passed.
EXPIRED_ERRORS = {
    Phase.HEAD: (408, "the request took too long to arrive"),
    Phase.BODY: (408, "the body took too long to arrive"),
    Phase.HANDLER: (503, "the answer took too long"),
    Phase.SEND: (503, "the answer took too long"),
}
# The same where the caller has asked for less time than it would have had.
ASKED_ERROR = (504, "the answer took longer than its caller waits")

"""How a request goes on when the scope that bounds it was cancelled: one pure decision."""

from enum import Enum, auto

from hump_trio.server.phases import RULES, Expiry, Phase

__all__ = ["Verdict", "judge"]


class Verdict(Enum):
    """What follows in a new scope."""

    GO_ON = auto()  # what came true just before: an answer goes out, or has gone
    CUT = auto()  # nothing: nothing can be answered any more
    LOOK_AGAIN = auto()  # nothing, unless a request has come at the last moment
    SEND_LATE = auto()  # the answer that middleware has made for a request whose time has passed
    ANSWER = auto()  # an answer that says that the time has passed


def judge(
    *, expired: Phase | None, phase: Phase, spoiled: bool, late: bool, answered: bool
) -> Verdict:
    """Return how to go on after a scope was cancelled, and left.

    Args:
        expired: The phase whose time has passed; None if something else has cancelled the scope.
        phase: What was being waited for when the scope was left.
        spoiled: Whether nothing can be answered: the peer has gone, a write was cut, or bytes of
            an answer are out.
        late: Whether the handler was told, through its middleware, that its time has passed.
        answered: Whether there is an answer that hasn't been sent.
    """
    if expired is None or spoiled:
        return Verdict.CUT
    if RULES[expired].expiry is Expiry.CLOSE:
        return Verdict.LOOK_AGAIN
    if late and answered:
        return Verdict.SEND_LATE
    if phase is Phase.SEND or (not answered and expired is not Phase.SEND):
        return Verdict.ANSWER
    return Verdict.GO_ON

"""How a request goes on when its scope was cancelled, as a table."""

from itertools import product

import pytest

from hump_trio.server.phases import RULES, Expiry, Phase
from hump_trio.server.verdict import Verdict, judge

# What has expired, what was waited for, whether middleware was told, whether there is an answer.
ROWS = [
    (Phase.HANDSHAKE, Phase.HANDSHAKE, False, False, Verdict.LOOK_AGAIN),
    (Phase.IDLE, Phase.IDLE, False, False, Verdict.LOOK_AGAIN),
    (Phase.ANSWERED, Phase.ANSWERED, False, False, Verdict.LOOK_AGAIN),
    (Phase.HEAD, Phase.HEAD, False, False, Verdict.ANSWER),
    (Phase.BODY, Phase.BODY, False, False, Verdict.ANSWER),
    (Phase.BODY, Phase.HANDLER, False, False, Verdict.ANSWER),
    (Phase.HANDLER, Phase.HANDLER, False, False, Verdict.ANSWER),
    (Phase.HANDLER, Phase.HANDLER, False, True, Verdict.GO_ON),
    (Phase.HANDLER, Phase.HANDLER, True, True, Verdict.SEND_LATE),
    (Phase.HANDLER, Phase.HANDLER, True, False, Verdict.ANSWER),
    (Phase.SEND, Phase.SEND, False, True, Verdict.ANSWER),
    (Phase.SEND, Phase.CLOSE_BODY, False, True, Verdict.GO_ON),
    (Phase.SEND, Phase.CLOSE_BODY, False, False, Verdict.GO_ON),
]


@pytest.mark.parametrize(("expired", "phase", "late", "answered", "verdict"), ROWS)
def test_a_deadline_that_has_passed(
    expired: Phase, phase: Phase, verdict: Verdict, *, late: bool, answered: bool
) -> None:
    """As long as nothing was sent, what has waited too long is answered, or closed in silence."""
    assert (
        judge(expired=expired, phase=phase, spoiled=False, late=late, answered=answered) is verdict
    )


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("expired", [None, *Phase])
def test_what_is_spoiled_is_cut(expired: Phase | None, phase: Phase) -> None:
    """Never a second answer, nor one to a peer that has gone; so is what no deadline has ended."""
    for late, answered in product([False, True], repeat=2):
        verdict = judge(expired=expired, phase=phase, spoiled=True, late=late, answered=answered)
        assert verdict is Verdict.CUT
        other = judge(expired=None, phase=phase, spoiled=False, late=late, answered=answered)
        assert other is Verdict.CUT


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("expired", Phase)
def test_only_a_phase_with_an_error_is_answered(expired: Phase, phase: Phase) -> None:
    """The table of phases has status and words for each that an answer may follow."""
    for late, answered in product([False, True], repeat=2):
        verdict = judge(expired=expired, phase=phase, spoiled=False, late=late, answered=answered)
        if verdict is Verdict.ANSWER and RULES[expired].expiry is not Expiry.NOTHING:
            if expired is Phase.STREAMS:
                continue  # no lane has it: its clock is the keeper's
            assert RULES[expired].error is not None

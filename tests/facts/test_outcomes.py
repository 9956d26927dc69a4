"""How requests end, and why handlers are cancelled."""

from typing import get_args

from hump_trio.facts.outcomes import CANCELLED_OUTCOMES, CancelReason, Outcome


def test_every_cancellation_is_counted() -> None:
    """For each reason to cancel a handler there is an outcome, as which its request counts."""
    assert set(CANCELLED_OUTCOMES) == set(get_args(CancelReason))
    assert set(CANCELLED_OUTCOMES.values()) <= set(get_args(Outcome))

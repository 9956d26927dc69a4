"""How long the slot of a worker stays empty."""

import pytest

from hump_trio.command.slot import Slot, backoff_seconds


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0.1), (1, 0.2), (5, 3.2), (8, 25.6), (9, 30), (10_000, 30)],
)
def test_the_wait_doubles(failures: int, seconds: float) -> None:
    """From a tenth of a second to half a minute."""
    assert backoff_seconds(failures) == pytest.approx(seconds)


def test_a_worker_that_has_lived_is_forgiven() -> None:
    """Failures count in a row, and one that comes after a minute is the first again."""
    slot = Slot()
    assert [slot.fail(age) for age in (0, 59, 0, 60, 1)] == [0.1, 0.2, 0.4, 0.1, 0.2]

"""What answers after its deadline is logged, if it is late enough to matter."""

import pytest
import trio
from trio.testing import MockClock

from hump_trio.tasks.lateness import log_late


@pytest.mark.parametrize(("late_seconds", "logged"), [(-1, False), (0.05, False), (0.5, True)])
async def test_late(
    late_seconds: float,
    logged: bool,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By less than a task may wait for its turn, nothing is late."""
    log_late(trio.current_time() - late_seconds, "GET /")
    assert ("answered 0.5 s after its deadline: GET /" in caplog.text) is logged

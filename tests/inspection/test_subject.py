"""An app as what an operator looks at, and what can be done about it."""

import logging
import os
from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump
from hump_trio.inspection.subject import AppSubject, measure_lag, set_log_level
from hump_trio.testing import client


@pytest.fixture
def root_level() -> Iterator[logging.Logger]:
    """Set the level of the root logger back."""
    root = logging.getLogger()
    level = root.level
    yield root
    root.setLevel(level)


async def test_an_app_that_is_not_served(autojump_clock: MockClock) -> None:
    """It does nothing, and nothing can be done about it."""
    subject = AppSubject(Hump(), queries=True)
    found = await subject.look(1.0, 10)
    [worker] = found.workers
    assert (worker.pid, worker.state, found.request_count) == (os.getpid(), "starting", 0)
    assert not await subject.cancel("name")
    assert not await subject.drain(os.getpid())


async def test_a_process_is_asked_to_end(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It drains as at a signal, and says who wanted it; another process isn't meant."""
    app = Hump()
    subject = AppSubject(app, queries=True)

    @app.get("/")
    async def wait() -> str:
        await app.wait_draining()
        await trio.sleep(1)
        [worker] = (await subject.look(0.01, 1)).workers
        return worker.state

    answers = []
    async with client(app) as http, trio.open_nursery() as nursery:

        async def ask() -> None:
            answers.append((await http.get("/")).text)

        nursery.start_soon(ask)
        await trio.sleep(5)
        assert not await subject.drain(os.getpid() + 1)
        [worker] = (await subject.look(0.01, 1)).workers
        assert (worker.state, worker.request_count, worker.connection_count) == ("serving", 1, 1)
        assert worker.age_seconds == pytest.approx(5.01, abs=0.1)
        assert await subject.drain(os.getpid())
    assert answers == ["ending"]
    assert "an operator has asked for the end" in caplog.messages


async def test_the_level_of_the_log_is_set(
    root_level: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """That of the root logger; the log says so."""
    await AppSubject(Hump(), queries=True).set_log_level("debug")
    assert root_level.level == logging.DEBUG
    set_log_level("error")
    assert root_level.level == logging.ERROR
    assert caplog.messages == [
        "an operator has set the level of the log to debug",
        "an operator has set the level of the log to error",
    ]


async def test_the_lag_is_that_of_the_worst_look(mock_clock: MockClock) -> None:
    """Several looks within a second; a loop that stands still between two of them is late."""
    lags = []

    async def measure() -> None:
        lags.append(await measure_lag(1.0, 2))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(measure)
        await wait_all_tasks_blocked()
        mock_clock.jump(0.75)
        await wait_all_tasks_blocked()
        mock_clock.jump(0.5)
    assert lags == [pytest.approx(0.25)]

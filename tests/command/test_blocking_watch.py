"""Warnings of code that keeps all tasks waiting."""

import logging
import threading
import time
from collections.abc import Callable

import pytest
import trio

from hump_trio import Hump, Request
from hump_trio.command.blocking_watch import BlockingWatch, is_late
from hump_trio.testing import client
from tests.support.loopback import PATIENCE_SECONDS


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.mark.parametrize(("now", "late"), [(10.0, False), (10.99, False), (11.0, True), (20, True)])
def test_a_step_has_its_time(now: float, late: bool) -> None:
    """To the moment, it is late."""
    assert is_late(10, now, 1) is late


def watched_run(work: Callable[[BlockingWatch, Clock], None]) -> BlockingWatch:
    """Run something as a task's step, with a watch whose thread doesn't look by itself."""
    clock = Clock()
    watch = BlockingWatch(1, clock)

    async def main() -> None:
        work(watch, clock)
        await trio.lowlevel.checkpoint()

    trio.run(main, instruments=[watch])
    return watch


def test_one_warning_for_each_step(caplog: pytest.LogCaptureFixture) -> None:
    """While it lasts, with its stack: the program's own lines alone."""

    def block(watch: BlockingWatch, clock: Clock) -> None:
        watch.look()
        clock.now = 1.5
        for _ in range(2):
            look_from_another_thread(watch)

    watched_run(block)
    [record] = caplog.records
    text = record.getMessage()
    assert (record.levelname, record.name) == ("WARNING", "hump_trio")
    first = "the task tests.command.test_blocking_watch.watched_run.<locals>.main keeps all"
    assert first.replace("the task ", "") in text
    assert "1.50 s so far" in text
    lines = [line for line in text.splitlines() if line.startswith("  File")]
    assert lines[0].endswith("in main")
    assert lines[1].endswith("in block")
    assert "trio/_core" not in text


def look_from_another_thread(watch: BlockingWatch) -> None:
    """Look as the watch's own thread does, while this one stands here."""
    looking = threading.Thread(target=watch.look)
    looking.start()
    looking.join()


def test_between_steps_nothing_is_late(caplog: pytest.LogCaptureFixture) -> None:
    """Waiting for others blocks nobody."""
    clock = Clock()
    watch = BlockingWatch(1, clock)
    watch.look()
    clock.now = 5
    watch.look()
    assert caplog.records == []


def test_a_step_that_ends_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    """Its stack can't be had any more; another's would mislead."""
    times = iter([0.0, 5.0])

    def end_and_tell() -> float:
        now = next(times)
        if now:
            watch.after_task_step(trio.lowlevel.current_task())
        return now

    watch = BlockingWatch(1, end_and_tell)

    async def main() -> None:
        watch.before_task_step(trio.lowlevel.current_task())
        watch.look()

    trio.run(main)
    assert caplog.records == []


async def test_it_names_the_request(caplog: pytest.LogCaptureFixture) -> None:
    """That the task serves, and the line of the handler."""
    app = Hump()
    clock = Clock()
    watch = BlockingWatch(1, clock)

    @app.get("/slow")
    async def slow(request: Request) -> str:
        clock.now += 2
        look_from_another_thread(watch)
        return "slow"

    trio.lowlevel.add_instrument(watch)
    try:
        async with client(app) as http:
            await http.get("/slow?x=1")
    finally:
        trio.lowlevel.remove_instrument(watch)
    [text] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert text.startswith("GET /slow?x=1 keeps all others waiting, for 2.00 s so far")
    lines = text.splitlines()
    assert lines[1].endswith("in slow")


def test_it_looks_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    """On a real clock: code that blocks until it was seen; the thread ends with the watch."""
    before = threading.active_count()

    async def block() -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not caplog.records and time.monotonic() < deadline:
            threading.Event().wait(0.001)

    with BlockingWatch(0.01) as watch:
        assert threading.active_count() == before + 1
        trio.run(block, instruments=[watch])
    assert threading.active_count() == before
    assert "in block" in caplog.records[0].getMessage()

"""Streamed bodies are closed in time, whatever closing them raises."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio.tasks.closing import close_body, close_source


class Body:
    """A body whose closing does something.

    Args:
        closing: What it does.
    """

    def __init__(self, closing: Callable[[], Any]) -> None:
        self._closing = closing
        self.closed = False

    async def aclose(self) -> None:
        """Close it."""
        await self._closing()
        self.closed = True


def raising(error: BaseException) -> Callable[[], Any]:
    """Return what raises an error."""

    async def raise_it() -> None:
        raise error

    return raise_it


async def close(body: object, seconds: float = 5) -> None:
    """Close a body within a scope of its own."""
    with trio.CancelScope() as scope:
        await close_body(body, trio.current_time() + seconds, scope)


async def test_a_generator_is_closed() -> None:
    """Its `finally` has run then; what can't be closed is left alone."""
    closed = []

    async def generate() -> AsyncIterator[str]:
        try:
            yield "a"
        finally:
            closed.append(True)

    for step in (close, close_source):
        parts = generate()
        assert await anext(parts) == "a"
        await step(parts)
        await step(["a list"])
    assert closed == [True, True]


async def test_closing_goes_on_while_its_task_is_cancelled(autojump_clock: MockClock) -> None:
    """It is shielded until its deadline."""
    body = Body(partial(trio.sleep, 4))
    with trio.CancelScope() as outer:
        outer.cancel()
        await close(body)
    assert body.closed


async def test_closing_that_takes_too_long(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is cancelled at its deadline, and logged."""
    body = Body(trio.sleep_forever)
    before = trio.current_time()
    await close(body, 3)
    assert trio.current_time() == before + 3
    assert not body.closed
    assert "closing a streamed body took too long and was cancelled" in caplog.text


@pytest.mark.parametrize("error", [ValueError("x"), ExceptionGroup("", [ValueError("x")])])
async def test_a_failure_is_logged(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """The answer was sent already: nothing is raised."""
    await close(Body(raising(error)))
    assert "closing a streamed body failed" in caplog.text


async def test_what_closing_throws_into_a_body_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """`GeneratorExit` comes of closing itself."""
    await close(Body(raising(GeneratorExit())))
    await close(Body(raising(BaseExceptionGroup("", [GeneratorExit()]))))
    assert caplog.text == ""


async def test_the_end_of_the_program_passes() -> None:
    """Ctrl-C while a body is closed ends the program."""
    with pytest.raises(KeyboardInterrupt):
        await close(Body(raising(KeyboardInterrupt())))

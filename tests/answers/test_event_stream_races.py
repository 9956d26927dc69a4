"""`EventStream`: what comes at the very moment of something else."""

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from hump_trio.testing import connect
from tests.support.events import app_of
from tests.support.wire import parse_answers, read_to_end, request


@pytest.mark.parametrize("steps", [*range(8)] * 4)
async def test_an_event_that_comes_with_the_shutdown(
    steps: int, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever is first, a nursery that is held across events is left as it was entered."""
    send, receive = trio.open_memory_channel[str](2)
    noted = []

    async def events() -> AsyncIterator[str]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                async for each in receive:
                    yield each
            finally:
                noted.append("left")
                nursery.cancel_scope.cancel()

    app = app_of(events)
    async with connect(app) as raw:
        await raw.send(request())
        await trio.sleep(1)
        app.shutdown()
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        send.send_nowait("a")
        send.send_nowait("b")
        [answer] = parse_answers(await read_to_end(raw))
    assert answer.whole
    assert noted == ["left"]
    assert "ERROR" not in caplog.text

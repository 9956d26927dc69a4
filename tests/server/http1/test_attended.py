"""A coroutine each of whose waits is heard of."""

from collections.abc import Generator
from functools import partial
from types import coroutine

import trio

from hump_trio.server.http1.attended import Attended


async def test_each_wait_of_what_is_attended_is_heard_of() -> None:
    """Also one behind a cancellation; where it waits is seen from outside."""
    heard: list[None] = []
    names: list[str] = []
    task = trio.lowlevel.current_task()

    async def work() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.001)

    def look() -> None:
        names.extend(frame.f_code.co_name for frame, _ in task.iter_await_frames())
        scope.cancel()

    with trio.CancelScope() as scope:
        trio.lowlevel.current_trio_token().run_sync_soon(look)
        await Attended(work(), partial(heard.append, None))
    assert scope.cancelled_caught
    assert len(heard) == 2
    assert {"work", "sleep_forever"} <= set(names)


async def test_an_error_that_is_thrown_into_what_is_attended() -> None:
    """As Trio does where what was awaited isn't its own; the wait behind it is heard of."""
    heard: list[None] = []

    @coroutine
    def wait() -> Generator[str, None, None]:
        try:
            yield "first"
        except ValueError:
            yield "second"

    async def work() -> None:
        await wait()

    steps = Attended(work(), partial(heard.append, None)).__await__()
    assert [steps.send(None), steps.throw(ValueError())] == ["first", "second"]
    assert len(heard) == 2
    steps.close()

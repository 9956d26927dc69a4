"""What a handler's own scopes and nurseries may do to the server: nothing."""

import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Timeouts
from hump_trio.testing import connect
from tests.support.wire import ask, read_to_reset, request


def crowded_app() -> Hump:
    """Return an app whose bodies leave scopes open across their parts."""
    app = Hump(timeouts=Timeouts(cleanup=2))

    @app.get("/")
    async def index() -> str:
        return "still here"

    @app.get("/scope")
    async def scope() -> AsyncIterator[bytes]:
        with trio.move_on_after(5):
            while True:
                yield bytes(50_000)

    @app.get("/nursery")
    async def nursery() -> AsyncIterator[bytes]:
        async with trio.open_nursery() as crew:
            crew.start_soon(fail)
            while True:
                yield bytes(50_000)

    @app.get("/clinging")
    async def clinging() -> AsyncIterator[bytes]:
        try:
            with trio.move_on_after(5):
                while True:
                    yield bytes(50_000)
        finally:
            await trio.sleep_forever()

    async def fail() -> None:
        await trio.sleep(5)
        raise ValueError("child")

    return app


@pytest.mark.parametrize("path", ["/scope", "/nursery", "/clinging"])
async def test_a_scope_left_open_by_a_body_ends_its_own_answer_alone(
    path: str, autojump_clock: MockClock
) -> None:
    """Cancelled while the server writes to a slow reader, it resets that answer; others go on."""
    app = crowded_app()
    async with connect(app) as raw:
        raw.pause_reading()
        await raw.send(request("GET", path))
        await trio.sleep(20)
        [answer] = await ask(app, request())
        assert answer.text == "still here"
        await read_to_reset(raw)


async def test_a_nursery_held_across_parts_is_closed_in_order(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Closing a body whose client has gone says nothing: Trio's scopes end in their order."""
    app = Hump()

    @app.get("/")
    async def ticks() -> AsyncIterator[bytes]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            while True:
                yield b"tick"
                await trio.sleep(1)

    async with connect(app) as raw:
        await raw.send(request())
        await raw.receive()
        raw.reset()
        await trio.sleep(3)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_nursery_left_open_by_a_handler_ends_its_connection_alone(
    autojump_clock: MockClock,
) -> None:
    """An inner generator that nobody closes corrupts its task; the server goes on."""
    app = Hump()
    kept = []

    async def inner() -> AsyncIterator[str]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 1)
            yield "first"

    @app.get("/leak")
    async def leak() -> str:
        kept.append(inner())
        async for part in kept[0]:
            return part
        return ""

    @app.get("/")
    async def index() -> str:
        return "still here"

    async with connect(app) as raw:
        with suppress(trio.BrokenResourceError):
            await raw.send(request("GET", "/leak", "Connection: close"))
            await raw.half_close()
            while await raw.receive():
                pass
        await trio.sleep(10)
        [answer] = await ask(app, request())
        assert answer.text == "still here"


async def test_a_stuck_task_of_a_handlers_nursery_is_named(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Not only the handler that waits for it."""
    app = Hump(timeouts=Timeouts(shutdown=1, cleanup=1))

    async def stuck_child() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(50)

    @app.get("/")
    async def handler() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stuck_child)

    async with connect(app) as raw:
        await raw.send(request())
        await wait_all_tasks_blocked()
    [record] = [record for record in caplog.records if "can't be" in record.message]
    assert "stuck_child" in record.message


async def test_what_iterates_by_a_generator_is_closed_itself(autojump_clock: MockClock) -> None:
    """An object with an `aclose` of its own, as clients' streams are, isn't left open."""
    closed = []

    class Upstream:
        """A body that owns something besides its iterator."""

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"part"

        async def aclose(self) -> None:
            """Give back what it owns."""
            closed.append(self)

    app = Hump()

    @app.get("/")
    async def index() -> Upstream:
        return Upstream()

    [answer] = await ask(app, request())
    assert answer.body == b"part"
    assert len(closed) == 1


class OnlyExceptions(BaseExceptionGroup[Exception]):
    """A group that could be an ExceptionGroup and isn't."""


async def test_an_odd_group_is_a_failure(autojump_clock: MockClock) -> None:
    """A base group with nothing worse than exceptions in it is a 500."""
    app = Hump()

    @app.get("/odd")
    async def odd() -> None:
        raise OnlyExceptions("odd", [ValueError()])

    @app.get("/")
    async def index() -> str:
        return "still here"

    odd_answer, following = await ask(app, request("GET", "/odd") + request(), "GET", "GET")
    assert (odd_answer.status, following.text) == (500, "still here")


async def ask_and_leave(app: Hump) -> None:
    """Ask for the front page and break the connection off in its midst."""
    async with connect(app) as raw:
        await raw.send(request())
        await raw.receive()
        raw.reset()
        await trio.sleep(1)


async def test_an_interrupt_in_a_bodys_clean_up_is_raised_on(autojump_clock: MockClock) -> None:
    """What ends the program isn't logged away with what failed beside it."""
    app = Hump()

    @app.get("/")
    async def body() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"part"
        finally:
            raise BaseExceptionGroup("both", [KeyboardInterrupt(), ValueError()])

    with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)) as caught:
        await ask_and_leave(app)
    assert "KeyboardInterrupt" in "".join(traceback.format_exception(caught.value))

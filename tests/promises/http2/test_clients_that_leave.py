"""A client that leaves one stream, or all: who hears of it, when, and what goes on."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Limits, Request, Timeouts
from hump_trio.http2.failures import ErrorCode
from tests.support.frames import data, reset, speak

POLL_SECONDS = Timeouts().disconnect_poll


class Left:
    """An app, and what its handlers hear of their clients.

    Args:
        options: Of the app.
    """

    def __init__(self, **options: Any) -> None:
        self.app: Hump = Hump(**options)
        self.ends: list[tuple[str, float, str | None]] = []

        @self.app.get("/cancel")
        async def cancel(request: Request) -> str:
            return await self.wait(request)

        @self.app.get("/finish", on_disconnect="finish")
        async def finish(request: Request) -> str:
            return await self.wait(request)

        @self.app.get("/grace", on_disconnect=2)
        async def grace(request: Request) -> str:
            return await self.wait(request)

        @self.app.get("/ticks")
        async def ticks(request: Request) -> AsyncIterator[str]:
            yield "tick"
            yield await self.wait(request)

        @self.app.post("/read", stream=True)
        async def read(request: Request) -> str:
            try:
                return str(sum([len(part) async for part in request.stream]))
            finally:
                self.ends.append((request.path, trio.current_time(), request.cancel_reason))

    async def wait(self, request: Request) -> str:
        """Wait ten seconds."""
        try:
            await trio.sleep(10)
        finally:
            self.ends.append((request.path, trio.current_time(), request.cancel_reason))
        return "waited"


@pytest.mark.parametrize("path", ["/cancel", "/ticks", "/read"])
@pytest.mark.parametrize("alone", [False, True])
async def test_a_reset_cancels_at_once(path: str, alone: bool, autojump_clock: MockClock) -> None:
    """Without any time in between; nothing is answered, and the others go on."""
    left = Left()
    async with speak(left.app) as peer:
        method = "POST" if path == "/read" else "GET"
        await peer.send(peer.head(1, path=path, method=method, end=method == "GET"))
        if not alone:
            await peer.send(peer.head(3, path="/finish"))
        await peer.frames()
        began = trio.current_time()
        await peer.send(reset(1))
        await peer.frames()
        assert left.ends == [(path, began, "client-gone")]
        assert not peer.answers[1].ended
        await trio.sleep(11)
        if not alone:
            assert (await peer.answer(3)).text == "waited"
        await peer.expect_open()
        assert left.app.statistics().outcomes["client-gone"] == 1


@pytest.mark.parametrize(("path", "seconds"), [("/finish", 10), ("/grace", 2)])
async def test_a_handler_may_finish(path: str, seconds: float, autojump_clock: MockClock) -> None:
    """To its end, or for some seconds; and counts as a stream as long as it goes on."""
    left = Left(limits=Limits(streams=1))
    async with speak(left.app) as peer:
        await peer.send(peer.head(1, path=path))
        await peer.frames()
        began = trio.current_time()
        await peer.send(reset(1))
        await trio.sleep(1)
        await peer.send(peer.head(3, path=path))
        assert (await peer.answer(3)).reset == ErrorCode.REFUSED_STREAM
        assert left.app.statistics().streams == 1
        await trio.sleep(10)
        [(_, ended, reason)] = left.ends
        assert seconds <= ended - began <= seconds + POLL_SECONDS
        assert reason == ("client-gone" if path == "/grace" else None)
        await peer.send(peer.head(5, path="/finish"))
        await trio.sleep(10)
        assert (await peer.answer(5)).text == "waited"


async def test_a_connection_that_breaks_is_left_by_all(autojump_clock: MockClock) -> None:
    """Each handler by its own rule; none is answered, and nothing of the connection stays."""
    left = Left()
    paths = ["/cancel", "/finish", "/grace", "/ticks"]
    async with speak(left.app) as peer:
        await peer.send(*(peer.head(2 * n + 1, path=path) for n, path in enumerate(paths)))
        await peer.frames()
        began = trio.current_time()
        peer.transport.reset()
        await trio.sleep(11)
        times = {path: round(when - began) for path, when, _ in left.ends}
        assert times == {"/cancel": 0, "/ticks": 0, "/grace": 2, "/finish": 10}
        statistics = left.app.statistics()
        assert (statistics.streams, sum(statistics.connections.values())) == (0, 0)


async def test_who_has_ended_its_half_still_gets_a_stream(autojump_clock: MockClock) -> None:
    """As long as parts of it are written, and each when it is ready."""
    app = Hump(timeouts=Timeouts(half_closed=0))

    @app.get("/{parts:int}")
    async def stream(parts: int) -> AsyncIterator[str]:
        for _ in range(parts):
            yield "part"
            await trio.sleep(0.2)

    async with speak(app) as peer:
        await peer.send(peer.head(1, path="/20"), peer.head(3, path="/30"))
        await peer.transport.send_eof()
        for count in (1, 2, 3):
            assert (await peer.answer(3)).text == "part" * count
            await trio.sleep(0.2)
        await trio.sleep(7)
        await peer.frames()
        assert peer.answers[1].text == "part" * 20
        assert peer.answers[3].text == "part" * 30
        assert peer.state == "ended"


@pytest.mark.parametrize("repeat", range(10))
async def test_a_reader_in_another_task_hears_of_it(repeat: int, autojump_clock: MockClock) -> None:
    """By the same errors as ever, whichever of the two tasks is first."""
    app = Hump()
    errors: list[BaseException] = []

    async def read(request: Request) -> None:
        try:
            async for _ in request.stream:
                pass
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            errors.append(error)

    async with trio.open_nursery() as nursery:

        @app.post("/", stream=True)
        async def handler(request: Request) -> None:
            nursery.start_soon(read, request)
            await trio.sleep_forever()

        async with speak(app) as peer:
            await peer.send(peer.head(1, method="POST", end=False), data(1, b"abc"))
            await peer.frames()
            await peer.send(reset(1))
            await peer.frames()
            assert len(errors) == 1
            await peer.expect_open()

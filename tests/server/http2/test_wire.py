"""What brings requests to one lane of an HTTP/2 connection."""

from typing import Any

import trio
from trio.testing import MockClock

from hump_trio import Hump
from hump_trio.http2.failures import ErrorCode
from tests.support.frames import frame, speak


async def test_a_lane_that_is_done_serves_again(autojump_clock: MockClock) -> None:
    """Handlers that wait one after the other run in few tasks, whatever order they end in."""
    tasks = list[trio.lowlevel.Task]()
    app = Hump()

    @app.get("/")
    async def index() -> str:
        tasks.append(trio.lowlevel.current_task())
        await trio.sleep(1)
        return "hello"

    async with speak(app) as peer:
        for first_id in range(1, 60, 6):
            await peer.send(*(peer.head(first_id + n) for n in (0, 2, 4)))
            await trio.sleep(2)
            for n in (0, 2, 4):
                assert (await peer.answer(first_id + n)).text == "hello"
    assert len(tasks) == 30
    assert len(set(tasks)) <= 5


async def test_a_stream_that_is_cut_is_reset(autojump_clock: MockClock) -> None:
    """One that nobody else has reset: its client must not wait for the rest."""
    app = Hump()

    @app.get("/")
    async def index() -> trio.abc.ReceiveChannel[str]:
        send, receive = trio.open_memory_channel[str](1)
        send.send_nowait("a part")
        trio.lowlevel.spawn_system_task(fail_later, send)
        return receive

    async def fail_later(send: trio.MemorySendChannel[Any]) -> None:
        await trio.sleep(1)
        await send.send(object())

    async with speak(app) as peer:
        assert (await peer.ask(1)).text == "a part"
        await trio.sleep(2)
        await peer.expect_reset(1, ErrorCode.INTERNAL_ERROR)


async def test_what_ends_the_connection_ends_its_lanes(autojump_clock: MockClock) -> None:
    """Their handlers are cancelled."""
    ended = list[str]()
    app = Hump()

    @app.get("/{name}")
    async def wait(name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(name)

    async with speak(app) as peer:
        await peer.send(peer.head(1, path="/a"), peer.head(3, path="/b"))
        await peer.frames()
        await peer.send(frame(0, 0, 0, b"DATA on no stream"))
        await peer.expect_goaway(ErrorCode.PROTOCOL_ERROR)
    assert sorted(ended) == ["a", "b"]


async def test_no_request_pays_for_the_one_before(autojump_clock: MockClock) -> None:
    """Whichever lane serves it: what is too late gets its 503, however many were before."""
    app = Hump()

    @app.get("/", timeout=1)
    async def index() -> None:
        await trio.sleep_forever()

    async with speak(app) as peer:
        for stream_id in range(1, 20, 2):
            await peer.send(peer.head(stream_id))
            await trio.sleep(1.5)
            assert (await peer.answer(stream_id)).status == 503
        for stream_id in range(21, 60, 2):
            await peer.send(peer.head(stream_id))
        await trio.sleep(1.5)
        await peer.frames()
    assert {each.status for each in peer.answers.values()} == {503}

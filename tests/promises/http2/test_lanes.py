"""What the lanes of a connection keep apart, and what they let go of."""

import gc
import weakref
from contextvars import ContextVar
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import HttpException, Hump, Request
from hump_trio.server.http1.peer import Nobody
from hump_trio.server.lane import Lane
from hump_trio.server.statistics import report
from hump_trio.server.watchdog import Watchdog
from tests.support.frames import data, reset, speak
from tests.support.loopback import count_tasks

variable: ContextVar[str] = ContextVar("variable", default="unset")


async def test_context_variables_are_of_one_request(autojump_clock: MockClock) -> None:
    """Whether its handler waits or not, and whichever task it runs in."""
    app = Hump()

    @app.get("/sets/{steps:int}")
    async def sets(steps: int) -> str:
        before = variable.get()
        variable.set("set")
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        return before

    async with speak(app) as peer:
        paths = [f"/sets/{n % 3}" for n in range(30)]
        await peer.send(*(peer.head(2 * n + 1, path=path) for n, path in enumerate(paths)))
        await peer.frames()
        for n in range(30, 40):
            await peer.ask(2 * n + 1, path=f"/sets/{n % 3}")
        assert {each.text for each in peer.answers.values()} == {"unset"}
        assert len(peer.answers) == 40


class Incomparable:
    """What raises when it is compared, as an array does."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise ValueError("an array is neither true nor false")


async def test_a_value_that_cannot_be_compared_is_of_one_request(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has changed what was there before, whatever else the program's context holds."""
    monkeypatch.setattr("hump_trio.server.lane.is_comparable", lambda value: True)
    app = Hump()
    held: ContextVar[object] = ContextVar("held")
    held.set("first")

    @app.get("/")
    async def index() -> str:
        before = held.get()
        held.set(Incomparable())
        return str(before)

    async with speak(app) as peer:
        await peer.send(*(peer.head(stream_id) for stream_id in (1, 3, 5)))
        await peer.frames()
        assert {each.text for each in peer.answers.values()} == {"first"}


@pytest.mark.parametrize("waits", [False, True])
async def test_a_nursery_that_is_left_open_costs_one_lane(
    waits: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The stream of its handler; the connection goes on, and so do others."""
    app = Hump()

    @app.get("/ruins")
    async def ruins() -> str:
        await trio.open_nursery().__aenter__()
        if waits:
            await trio.sleep(1)
        return "ruined"

    @app.get("/naps")
    async def naps() -> str:
        await trio.sleep(3)
        return "rested"

    async with speak(app) as peer, speak(app) as other:
        await other.send(other.head(1, path="/naps"))
        await peer.send(peer.head(1, path="/naps"), peer.head(3, path="/ruins"))
        await peer.send(peer.head(5, path="/naps"))
        await trio.sleep(5)
        await peer.frames()
        assert [peer.answers[n].text for n in (1, 5)] == ["rested"] * 2
        assert (await other.answer(1)).text == "rested"
        assert peer.answers[3].status in (0, 200, 500)
        await peer.send(peer.head(7, path="/naps"))
        await trio.sleep(4)
        assert (await peer.answer(7)).text == "rested"


async def test_a_report_shows_where_handlers_of_streams_stand(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its own task and line, and nothing of lanes that wait."""
    watchdogs: list[Watchdog] = []
    sweep = Watchdog.sweep

    async def note(watchdog: Watchdog) -> None:
        watchdogs.append(watchdog)
        await sweep(watchdog)

    monkeypatch.setattr(Watchdog, "sweep", note)
    app = Hump()

    @app.get("/{name}")
    async def wait(name: str) -> str:
        await trio.sleep(3)  # here
        return name

    async with speak(app) as peer:
        await peer.send(*(peer.head(n, path=f"/{n}") for n in range(1, 9, 2)))
        await trio.sleep(1)
        text = report(watchdogs[0].clocks, None)
        assert text.startswith("4 requests in flight")
        for n in range(1, 9, 2):
            assert f"GET /{n} by /{{name}}" in text
        assert text.count("test_lanes.py") == 4
        statistics = app.statistics()
        assert [each.phase for each in statistics.requests] == ["handler"] * 4
        assert dict(statistics.connections) == {"streams": 1}
        assert statistics.streams >= 3  # one of them may have come alone, or last
        await trio.sleep(3)
        assert app.statistics().streams == 0
        assert dict(app.statistics().connections) == {"idle": 1}


class Thing:
    """Something that a request holds."""


async def test_lanes_that_are_not_needed_end(autojump_clock: MockClock) -> None:
    """After a burst an idle connection has one that leads, and its keeper."""
    app = Hump()

    @app.get("/")
    async def index() -> str:
        await trio.sleep(1)
        return "hello"

    async with speak(app) as peer:
        await peer.send(*(peer.head(2 * n + 1) for n in range(90)))
        await trio.sleep(0.5)
        assert count_tasks() >= 91
        await trio.sleep(10)
        await peer.frames()
        assert {each.text for each in peer.answers.values()} == {"hello"}
        assert count_tasks() <= 2
        await peer.send(*(peer.head(2 * n + 1) for n in range(90, 180)))
        await trio.sleep(2)
        await peer.frames()
        assert len([each for each in peer.answers.values() if each.text == "hello"]) == 180


@pytest.mark.parametrize("how", ["plain", "waits", "reads", "left", "raises"])
async def test_nothing_holds_a_request_that_is_over(how: str, autojump_clock: MockClock) -> None:
    """Nor a lane or its stream, once the connection has ended: nothing waits for a collection."""
    requests: list[weakref.ref[Thing]] = []
    app = Hump()

    @app.route("/", methods=["GET", "POST"])
    async def index(request: Request) -> str:
        thing = request.state["thing"] = Thing()
        requests.append(weakref.ref(thing))
        del thing
        if how in ("waits", "left"):
            await trio.sleep(1)
        if how == "raises":
            raise HttpException(418)
        return "hello"

    def lanes() -> list[Any]:
        lanes = [each for each in gc.get_objects() if isinstance(each, Lane)]
        # One that waits for any connection of HTTP/1.1 holds nothing.
        return [each for each in lanes if not isinstance(getattr(each.clock, "peer", None), Nobody)]

    gc.collect()
    before = len(lanes())
    gc.disable()
    try:
        async with speak(app) as peer:
            method = "POST" if how == "reads" else "GET"
            for stream_id in (1, 3, 5):
                await peer.send(peer.head(stream_id, method=method, end=how != "reads"))
                if how == "reads":
                    await peer.send(data(stream_id, b"abc", end=True))
            await peer.frames()
            if how == "left":
                await peer.send(*(reset(n) for n in (1, 3, 5)))
            await trio.sleep(2)
            await peer.frames()
            assert [each() for each in requests] == [None] * 3
            await trio.sleep(80)
            await peer.frames()
            assert peer.state == "ended"
        assert len(lanes()) == before
    finally:
        gc.enable()

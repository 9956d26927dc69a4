"""An app that speaks is told that its client has gone before it is cancelled (see `Reply.gone`)."""

import logging
import math

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpParserError, Hump, Response, Timeouts
from hump_trio.facts.outcomes import OnDisconnect
from hump_trio.messages.reply import Reply, Spoken
from hump_trio.testing import connect
from tests.support.frames import reset, speak
from tests.support.wire import request

POLL_SECONDS = Timeouts().disconnect_poll


class Told:
    """An app that speaks, and what it hears of its client.

    Args:
        on_disconnect: The option of the route.
        begins: Whether it begins its answer before it waits.
        leaves: Whether it returns as soon as it is told.
        options: Of the app.
    """

    def __init__(
        self,
        on_disconnect: OnDisconnect = "cancel",
        *,
        begins: bool = False,
        leaves: bool = False,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.app = Hump(timeouts=timeouts)
        self.events: list[tuple[str, float]] = []

        async def tell(reply: Reply) -> None:
            if begins:
                reply.begin(200, [])
                await reply.send(b"a")
            assert not reply.gone
            try:
                await reply.wait_over()
                assert reply.gone
                self.note("told")
                await reply.wait_over()
                if leaves and not begins:
                    reply.begin(200, [])
                for give in (reply.send, reply.finish):
                    if reply.begun:
                        with pytest.raises(trio.BrokenResourceError):
                            await give(b"b")
                if leaves:
                    return
                await trio.sleep(60)
                self.note("finished")
            except trio.Cancelled:
                self.note("cancelled")
                raise

        @self.app.get("/", on_disconnect=on_disconnect)
        async def index() -> Response:
            return Response(Spoken(tell))

    def note(self, event: str) -> None:
        """Note something, and when it was."""
        self.events.append((event, trio.current_time()))


@pytest.mark.parametrize("begins", [False, True])
@pytest.mark.parametrize("leave", ["reset", "half_close"])
async def test_it_has_one_look_left(
    leave: str, begins: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told as soon as a handler would be cancelled."""
    told = Told(begins=begins)
    async with connect(told.app) as raw:
        await raw.send(request("GET"))
        await trio.sleep(1.1)
        started = trio.current_time()
        if leave == "reset":
            raw.reset()
        else:
            await raw.half_close()
        await trio.sleep(2)
        assert [event for event, _ in told.events] == ["told", "cancelled"]
        looks = 1 if leave == "reset" else 2
        assert told.events[0][1] - started <= looks * POLL_SECONDS
        between = told.events[1][1] - told.events[0][1]
        assert between == pytest.approx(POLL_SECONDS, abs=0.01)
        assert told.app.statistics().outcomes["client-gone"] == 1
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("on_disconnect", "events"),
    [("finish", ["told", "finished"]), (3.0, ["told", "cancelled"])],
)
async def test_it_may_have_more_time(
    on_disconnect: OnDisconnect, events: list[str], autojump_clock: MockClock
) -> None:
    """As a handler has by its route's option."""
    told = Told(on_disconnect, timeouts=Timeouts(handler=100))
    async with connect(told.app) as raw:
        await raw.send(request("GET"))
        await trio.sleep(1.1)
        raw.reset()
        await trio.sleep(70)
    assert [event for event, _ in told.events] == events
    if on_disconnect != "finish":
        between = told.events[1][1] - told.events[0][1]
        assert 3 <= between <= 3 + 2 * POLL_SECONDS


async def test_a_half_closed_client_may_be_served(autojump_clock: MockClock) -> None:
    """Nothing is told as long as the app says so."""
    told = Told(timeouts=Timeouts(half_closed=5))
    async with connect(told.app) as raw:
        await raw.send(request("GET"))
        await raw.half_close()
        started = trio.current_time()
        await trio.sleep(10)
    assert [event for event, _ in told.events] == ["told", "cancelled"]
    assert 5 <= told.events[0][1] - started <= 5 + 3 * POLL_SECONDS


@pytest.mark.parametrize("begins", [False, True])
async def test_who_returns_then_is_no_news(
    begins: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """No answer was possible any more."""
    told = Told(begins=begins, leaves=True)
    async with connect(told.app) as raw:
        await raw.send(request("GET"))
        await trio.sleep(1.1)
        raw.reset()
        await trio.sleep(2)
        assert told.app.statistics().outcomes["client-gone"] == 1
    assert [event for event, _ in told.events] == ["told"]
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize("begins", [False, True])
async def test_a_reset_stream_is_told_at_once(begins: bool, autojump_clock: MockClock) -> None:
    """And cancelled one look later; other streams go on."""
    told = Told(begins=begins)
    async with speak(told.app) as peer:
        await peer.send(peer.head(1))
        await peer.send(peer.head(3))
        await peer.frames()
        await trio.sleep(1.1)
        started = trio.current_time()
        await peer.send(reset(1))
        await wait_all_tasks_blocked()
        assert told.events == [("told", started)]
        await trio.sleep(POLL_SECONDS)
        assert [event for event, _ in told.events] == ["told", "cancelled"]
        await peer.expect_open()


async def test_a_body_that_breaks_off_is_told_first(autojump_clock: MockClock) -> None:
    """The app that reads it hears of an error of the client's, and then that it has gone."""
    events: list[str] = []

    async def read(reply: Reply) -> None:
        try:
            assert await reply.receive() == b"12345"
            with pytest.raises(HttpParserError):
                await reply.receive()
            events.append(f"gone: {reply.gone}")
            await trio.sleep(math.inf)
        finally:
            events.append("cancelled")

    app = Hump()

    @app.post("/", stream=True)
    async def index() -> Response:
        return Response(Spoken(read))

    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 10") + b"12345")
        await trio.sleep(1.1)
        raw.reset()
        await wait_all_tasks_blocked()
        assert events == ["gone: True"]
        await trio.sleep(2 * POLL_SECONDS)
        assert events == ["gone: True", "cancelled"]

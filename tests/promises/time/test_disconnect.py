"""A client that goes while its handler runs: when it is noticed, and what is done about it."""

import logging
import math
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpException, HttpParserError, Hump, Request, Response, RouteError, Timeouts
from hump_trio.facts.outcomes import OnDisconnect
from hump_trio.testing import connect
from tests.support.wire import parse_answers, read_to_end, read_to_reset, request

POLL_SECONDS = Timeouts().disconnect_poll


class Watched:
    """An app with one slow handler, and what became of it.

    Args:
        seconds: How long the handler takes.
        on_disconnect: The route's option.
        swallows: Whether the handler answers in spite of its cancellation.
    """

    def __init__(
        self,
        seconds: float = 20,
        on_disconnect: OnDisconnect = "cancel",
        *,
        swallows: bool = False,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.app = Hump(timeouts=timeouts)
        self.events: list[tuple[str, float]] = []
        self.reasons: list[str | None] = []

        @self.app.get("/slow", on_disconnect=on_disconnect)
        async def slow(request: Request) -> str:
            started = trio.current_time()
            try:
                await trio.sleep(seconds)
            except trio.Cancelled:
                self.events.append(("cancelled", trio.current_time() - started))
                with trio.move_on_after(1, shield=True):
                    await trio.sleep(0.5)
                self.events.append(("cleaned up", trio.current_time() - started))
                if not swallows:
                    raise
            else:
                self.events.append(("finished", trio.current_time() - started))
            finally:
                self.reasons.append(request.cancel_reason)
            return "slow"

        @self.app.get("/")
        async def index() -> str:
            return "quick"

        @self.app.get("/ticks", timeout=None)
        async def ticks() -> AsyncIterator[str]:
            try:
                for _ in range(3):
                    yield "tick"
                    await trio.sleep(10)
            except trio.Cancelled:
                self.events.append(("cancelled", trio.current_time()))
                raise

    @property
    def names(self) -> list[str]:
        """What happened, in order."""
        return [name for name, _ in self.events]


@pytest.mark.parametrize("swallows", [False, True])
@pytest.mark.parametrize(("leave", "polls"), [("reset", 1), ("half_close", 2)])
async def test_a_handler_whose_client_has_gone_is_cancelled(
    leave: str,
    polls: int,
    swallows: bool,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A reset within one look, a FIN within two; it cleans up, and nothing is written.

    That is no news: besides the access log it is said at DEBUG alone.
    """
    caplog.set_level(logging.DEBUG)
    watched = Watched(swallows=swallows)
    async with connect(watched.app) as raw:
        await raw.send(request("GET", "/slow"))
        await trio.sleep(1)
        if leave == "reset":
            raw.reset()
        else:
            await raw.half_close()
            with pytest.raises(trio.BrokenResourceError):
                await raw.receive()
        await trio.sleep(3)
    assert watched.names == ["cancelled", "cleaned up"]
    assert 1 <= watched.events[0][1] <= 1 + polls * POLL_SECONDS
    assert watched.reasons == ["client-gone"]
    [record] = [each for each in caplog.records if "cut after" in each.message]
    assert "GET /slow (handler), the client has gone" in record.message
    assert record.levelno == logging.DEBUG
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize("half_closed", [3, math.inf])
async def test_half_closed_clients_may_be_served(
    half_closed: float, autojump_clock: MockClock
) -> None:
    """For as long as the app says; a reset cancels their handlers as ever."""
    watched = Watched(5, timeouts=Timeouts(half_closed=half_closed))
    async with connect(watched.app) as raw:
        await raw.send(request("GET", "/slow"))
        await raw.half_close()
        if half_closed == math.inf:
            [answer] = parse_answers(await read_to_end(raw))
            assert (answer.status, answer.text) == (200, "slow")
        else:
            await read_to_reset(raw)
            assert watched.events[0][0] == "cancelled"
            assert 3 <= watched.events[0][1] <= 3 + 2 * POLL_SECONDS
    async with connect(watched.app) as raw:
        await raw.send(request("GET", "/slow"))
        await raw.half_close()
        await trio.sleep(1)
        raw.reset()
        await trio.sleep(2)
    assert watched.names[-2:] == ["cancelled", "cleaned up"]
    assert watched.events[-2][1] <= 1 + 2 * POLL_SECONDS


async def test_a_half_closed_client_gets_an_answer_that_is_quick(
    autojump_clock: MockClock,
) -> None:
    """Each handler is looked at twice anew: three quick ones make no slow one."""
    watched = Watched(0.2)
    async with connect(watched.app) as raw:
        await raw.send(request("GET", "/slow") * 3)
        await raw.half_close()
        answers = parse_answers(await read_to_end(raw), "GET", "GET", "GET")
    assert [answer.text for answer in answers] == ["slow"] * 3
    assert watched.reasons == [None] * 3


@pytest.mark.parametrize("leave", ["reset", "half_close"])
async def test_a_route_may_finish_without_its_client(leave: str, autojump_clock: MockClock) -> None:
    """A payment runs to its end; who has only half gone even reads the answer."""
    watched = Watched(on_disconnect="finish")
    async with connect(watched.app) as raw:
        await raw.send(request("GET", "/slow"))
        await wait_all_tasks_blocked()
        if leave == "reset":
            raw.reset()
            await trio.sleep(21)
        else:
            await raw.half_close()
            [answer] = parse_answers(await read_to_end(raw))
            assert answer.text == "slow"
    assert watched.events == [("finished", 20)]
    assert watched.reasons == [None]


async def test_a_route_that_finishes_may_read_on_till_its_client_is_gone(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What it answers then has nobody to read it, and that is all there is to say."""
    caplog.set_level(logging.DEBUG, "hump_trio")
    app = Hump()

    @app.post("/", stream=True, on_disconnect="finish")
    async def upload(request: Request) -> str:
        with pytest.raises(HttpParserError):
            async for _ in request.stream:
                pass
        return "half of it"

    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 10") + b"half")
        await trio.sleep(0.1)
        raw.reset()
        await trio.sleep(1)
        assert app.statistics().outcomes["client-gone"] == 1
    assert "the peer has gone" in caplog.text
    assert "scope" not in caplog.text.lower()


@pytest.mark.parametrize(("seconds", "name"), [(4, "finished"), (20, "cancelled")])
async def test_a_route_may_give_some_grace(
    seconds: float, name: str, autojump_clock: MockClock
) -> None:
    """Counted from when the client was found gone."""
    watched = Watched(seconds, on_disconnect=5)
    async with connect(watched.app) as raw:
        await raw.send(request("GET", "/slow"))
        await wait_all_tasks_blocked()
        raw.reset()
        await trio.sleep(21)
    assert watched.names[0] == name
    assert watched.events[0][1] <= 5 + 3 * POLL_SECONDS


async def test_a_request_that_waits_is_no_sign_of_death(autojump_clock: MockClock) -> None:
    """Nor of life: a pipelining client is there as long as it hasn't ended its half."""
    watched = Watched()
    async with connect(watched.app) as raw:
        await raw.send(request("GET", "/slow") + request("GET", "/", "Connection: close"))
        slow, quick = parse_answers(await read_to_end(raw), "GET", "GET")
        assert (slow.text, quick.text) == ("slow", "quick")
    async with connect(watched.app) as raw:
        await raw.send(request("GET", "/slow") + request("GET", "/"))
        await raw.half_close()
        with pytest.raises(trio.BrokenResourceError):
            await raw.receive()
    assert watched.names == ["finished", "cancelled", "cleaned up"]


@pytest.mark.parametrize("leave", ["reset", "half_close"])
async def test_a_stream_between_its_parts(leave: str, autojump_clock: MockClock) -> None:
    """It is ended though it writes nothing: at the first look after a reset, else the second."""
    watched = Watched()
    async with connect(watched.app) as raw:
        await raw.send(request("GET", "/ticks"))
        await raw.receive()
        if leave == "reset":
            raw.reset()
        else:
            await raw.half_close()
        await trio.sleep(30)
    [(name, seconds)] = watched.events
    assert name == "cancelled"
    assert seconds <= (1 if leave == "reset" else 2) * POLL_SECONDS


@pytest.mark.parametrize(("pause", "whole"), [(0.2, True), (1, False)])
async def test_a_stream_to_a_client_that_has_half_closed(
    pause: float, whole: bool, autojump_clock: MockClock
) -> None:
    """It goes on as long as its parts come quickly, since they would be refused if nobody read."""
    app = Hump()

    @app.get("/")
    async def count() -> AsyncIterator[str]:
        for number in range(20):
            yield f"{number} "
            await trio.sleep(pause)

    async with connect(app) as raw:
        await raw.send(request())
        await raw.half_close()
        data = await (read_to_end(raw) if whole else read_to_reset(raw))
    assert data.endswith(b"0\r\n\r\n") == whole


async def test_a_stream_may_finish_without_its_client(autojump_clock: MockClock) -> None:
    """A route that finishes goes on with a stream whose client may still read it."""
    app = Hump()

    @app.get("/", on_disconnect="finish")
    async def slow() -> AsyncIterator[str]:
        yield "a"
        await trio.sleep(10)
        yield "b"

    async with connect(app) as raw:
        await raw.send(request())
        await raw.half_close()
        [answer] = parse_answers(await read_to_end(raw))
    assert answer.text == "ab"


async def test_a_deadline_and_a_shutdown_are_other_reasons(autojump_clock: MockClock) -> None:
    """`cancel_reason` tells which of them it was."""
    watched = Watched(timeouts=Timeouts(handler=5, shutdown=1))
    async with connect(watched.app) as raw:
        await raw.send(request("GET", "/slow"))
        await raw.receive()
        await raw.send(request("GET", "/slow"))
        await wait_all_tasks_blocked()
        watched.app.shutdown()
        await trio.sleep(2)
    assert watched.reasons == ["deadline", "shutdown"]


async def test_looking_may_be_rarer(autojump_clock: MockClock) -> None:
    """`disconnect_poll` is the time between two looks."""
    watched = Watched(timeouts=Timeouts(disconnect_poll=3))
    async with connect(watched.app) as raw:
        await raw.send(request("GET", "/slow"))
        await wait_all_tasks_blocked()
        raw.reset()
        await trio.sleep(10)
    assert 2.9 < watched.events[0][1] <= 3


@pytest.mark.parametrize("poll", [3, math.inf])
async def test_looking_rarely_delays_no_deadline(poll: float, autojump_clock: MockClock) -> None:
    """Whoever doesn't care for clients that go still bounds those that stay."""
    watched = Watched(timeouts=Timeouts(disconnect_poll=poll, handler=5, head=7))
    async with connect(watched.app) as raw:
        await raw.send(request("GET", "/slow"))
        await raw.receive()
        assert 5 <= trio.current_time() <= 5.25 + 1
        await raw.send(b"GET / HT")
        await read_to_end(raw)
        assert trio.current_time() <= 6 + 7 + 0.5
    assert watched.reasons == ["deadline"]


async def test_a_cut_at_shutdown_is_not_blamed_on_the_client(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once, for what it is; a connection without a request too."""
    caplog.set_level(logging.INFO)
    watched = Watched(timeouts=Timeouts(shutdown=1))
    async with connect(watched.app) as raw, connect(watched.app) as other:
        await raw.send(request("GET", "/slow"))
        await other.send(b"GET / HT")
        await wait_all_tasks_blocked()
        watched.app.shutdown()
        await trio.sleep(3)
    handler, head = sorted(each.message for each in caplog.records if "cut" in each.message)
    assert handler.startswith("cut at shutdown: GET /slow (handler), it stands at /")
    assert handler.endswith(" in Watched.__init__.<locals>.slow")
    assert head == "cut at shutdown: no request (head)"


async def test_an_error_page_of_a_route_that_finishes_is_finished_too(
    autojump_clock: MockClock,
) -> None:
    """What a route says of its client's leaving goes for what its deadline is answered with."""
    watched = Watched(on_disconnect="finish", timeouts=Timeouts(handler=5))
    pages = []

    @watched.app.exception_handler(HttpException)
    async def page(request: Request, error: HttpException) -> Response:
        await trio.sleep(3)
        pages.append(error.status)
        return Response("sorry", error.status)

    async with connect(watched.app) as raw:
        await raw.send(request("GET", "/slow"))
        await raw.half_close()
        [answer] = parse_answers(await read_to_end(raw))
    assert (pages, answer.text) == ([503], "sorry")


@pytest.mark.parametrize("value", ["never", -1, True, None, float("nan")])
def test_other_words_are_refused(value: OnDisconnect) -> None:
    """At registration, with those that there are."""
    with pytest.raises(RouteError, match="on_disconnect is 'cancel', 'finish' or seconds, not "):
        Watched(on_disconnect=value)


async def test_a_stream_that_fails_at_shutdown_is_not_blamed_on_the_client(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure is logged, and so is the cut; nothing is said of a client that is still there."""
    caplog.set_level(logging.DEBUG)
    app = Hump(timeouts=Timeouts(shutdown=1))

    @app.get("/")
    async def stream() -> AsyncIterator[str]:
        yield "part"
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            raise ValueError("badly cut") from None

    async with connect(app) as raw:
        await raw.send(request())
        await raw.receive()
        app.shutdown()
        with pytest.raises(trio.BrokenResourceError):
            await raw.receive()
    cut, failed = (each.message for each in caplog.records if each.levelno >= logging.WARNING)
    assert cut.startswith("cut at shutdown: GET / (send), it stands at ")
    assert failed == "a handler failed while it was cancelled"
    assert "the client has gone" not in caplog.text

"""Work behind an answer: an app that goes on when its answer is out holds nobody up."""

import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

import httpx2
import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Limits, Request, Response, Timeouts
from hump_trio.messages.reply import Reply, Spoken
from hump_trio.testing import client, connect
from hump_trio.testing.memory_listener import running
from tests.support.frames import reset, speak
from tests.support.wire import parse_answers, read_to_end, request

PLAIN = [("content-type", "text/plain")]


def app_of(
    behind: Callable[[Reply], Awaitable[None]],
    *,
    whole: bool = True,
    limits: Limits | None = None,
) -> Hump:
    """Return an app that answers and then does something, and at another path just answers.

    Args:
        behind: What it does.
        whole: Whether the answer is given at once.
        limits: The app's.
    """
    app = Hump(limits=limits, timeouts=Timeouts(handler=5, shutdown=20))

    async def speak(reply: Reply) -> None:
        reply.begin(200, PLAIN)
        if not whole:
            await reply.send(b"a pot of ")
        await reply.finish(b"tea")
        await behind(reply)

    @app.route("/", methods=["GET", "POST"])
    async def index() -> Response:
        return Response(Spoken(speak, "shop"))

    @app.get("/plain")
    async def plain() -> str:
        return "plain"

    return app


def lines_of(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    """Return what was logged."""
    return [each.getMessage() for each in caplog.records if each.levelno >= level]


@pytest.mark.parametrize("whole", [True, False])
async def test_the_next_request_does_not_wait(whole: bool, autojump_clock: MockClock) -> None:
    """The work goes on past the time of a handler, and ends by itself."""
    events: list[str] = []

    async def behind(reply: Reply) -> None:
        events.append("begins")
        await trio.sleep(10)
        events.append("ends")

    app = app_of(behind, whole=whole)
    async with client(app) as user:
        for _ in range(3):
            answer = await user.get("/")
            assert answer.text.endswith("tea")
            assert (await user.get("/plain")).text == "plain"
        assert trio.current_time() < 1
        assert app.statistics().requests == ()
        assert app.statistics().outcomes["ok"] == 6
        assert events == ["begins"] * 3
        await trio.sleep(11)
        assert events == ["begins"] * 3 + ["ends"] * 3
        assert (await user.get("/plain")).text == "plain"


async def test_requests_that_have_come_already_do_not_wait(autojump_clock: MockClock) -> None:
    """Nor does the end of a connection."""

    async def behind(reply: Reply) -> None:
        await trio.sleep(10)

    async with connect(app_of(behind)) as raw:
        await raw.send(request("GET") * 3 + request("GET", "/plain", "Connection: close"))
        answers = parse_answers(await read_to_end(raw), *["GET"] * 4)
        assert [each.text for each in answers] == ["tea", "tea", "tea", "plain"]
        assert trio.current_time() < 1
    async with connect(app_of(behind)) as raw:
        started = trio.current_time()
        await raw.send(request("GET", "/", "Connection: close"))
        [answer] = parse_answers(await read_to_end(raw), "GET")
        assert answer.text == "tea"
        assert trio.current_time() < started + 1


@pytest.mark.parametrize("whole", [True, False])
async def test_a_client_starts_no_more_work_than_there_may_be(
    whole: bool, autojump_clock: MockClock
) -> None:
    """As many apps as there may be connections work on; then a connection waits for its own."""
    working = most = 0

    async def behind(reply: Reply) -> None:
        nonlocal working, most
        working += 1
        most = max(most, working)
        await trio.sleep(10)
        working -= 1

    app = app_of(behind, whole=whole, limits=Limits(connections=4, streams=3))
    async with client(app) as user:
        answered = 0
        while answered < 30:
            try:
                assert (await user.get("/")).text.endswith("tea")
                answered += 1
            except httpx2.ReadError:  # a stream was refused, to be asked for once more
                await trio.sleep(1)
    assert trio.current_time() > 20
    assert most <= 8  # by HTTP/1.1 one more than may be, by HTTP/2 one more for each lane


async def test_a_body_that_nobody_reads_is_read_away(autojump_clock: MockClock) -> None:
    """The next request is found behind it."""

    async def behind(reply: Reply) -> None:
        await trio.sleep(10)

    async with connect(app_of(behind)) as raw:
        post = request("POST", "/", "Content-Length: 10")
        await raw.send(post + b"12345")
        await trio.sleep(1)
        await raw.send(b"67890" + request("GET", "/plain", "Connection: close"))
        answers = parse_answers(await read_to_end(raw), "POST", "GET")
    assert [each.status for each in answers] == [200, 200]


async def test_a_client_that_leaves_ends_nothing(autojump_clock: MockClock) -> None:
    """Although the app has nobody to work for any more."""
    events: list[str] = []

    async def behind(reply: Reply) -> None:
        await reply.wait_over()
        try:
            await trio.sleep(10)
            events.append("ends")
        except trio.Cancelled:
            events.append("cancelled")
            raise

    app = app_of(behind)
    async with running(app):
        async with client(app) as user:
            await user.get("/")
        await trio.sleep(1)
        assert events == []
        await trio.sleep(10)
        assert events == ["ends"]


async def test_it_has_the_context_of_its_request(autojump_clock: MockClock) -> None:
    """And no other request has."""
    who: ContextVar[str] = ContextVar("who", default="nobody")
    seen: list[str] = []

    async def behind(reply: Reply) -> None:
        await trio.sleep(10)
        seen.append(who.get())

    app = app_of(behind)

    @app.middleware
    async def set_who(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        seen.append(who.get())
        who.set(request.path)
        return await call_next(request)

    async with client(app) as user:
        await user.get("/")
        await trio.sleep(1)
        await user.get("/plain")
        await trio.sleep(10)
    assert seen == ["nobody", "nobody", "/"]


async def test_a_shutdown_waits_for_it(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """As it waits for background work."""
    events: list[str] = []

    async def behind(reply: Reply) -> None:
        await trio.sleep(10)
        events.append("ends")

    app = app_of(behind)
    async with running(app):
        async with client(app) as user:
            await user.get("/")
        app.shutdown()
    assert events == ["ends"]
    assert lines_of(caplog) == []


async def test_a_shutdown_cuts_it_in_the_end(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """And says what it was."""
    events: list[str] = []

    async def behind(reply: Reply) -> None:
        try:
            await trio.sleep(100)
        except trio.Cancelled:
            events.append("cancelled")
            raise

    app = app_of(behind)
    async with running(app):
        async with client(app) as user:
            await user.get("/")
        app.shutdown()
    assert events == ["cancelled"]
    [line] = lines_of(caplog)
    assert line.startswith("cut at shutdown: GET /, route /, handler shop (behind), it stands at ")


@pytest.mark.parametrize("seconds", [0, 10])
async def test_its_errors_are_logged_once(
    seconds: float, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """With its name; nobody else is disturbed."""

    async def behind(reply: Reply) -> None:
        await trio.sleep(seconds)
        raise ValueError("no milk")

    async with client(app_of(behind)) as user:
        await user.get("/")
        await trio.sleep(11)
        assert (await user.get("/plain")).text == "plain"
    assert lines_of(caplog) == ["failed behind its answer: GET /, route /, handler shop"]


async def test_what_it_gives_behind_the_end_is_refused(autojump_clock: MockClock) -> None:
    """The client has its answer."""

    async def behind(reply: Reply) -> None:
        for give in (reply.send, reply.finish):
            with pytest.raises(trio.ClosedResourceError):
                await give(b"more")
        with pytest.raises(RuntimeError):
            reply.begin(200, [])

    async with client(app_of(behind)) as user:
        assert (await user.get("/")).text == "tea"
        assert (await user.get("/plain")).text == "plain"


async def test_a_nursery_that_it_leaves_open_is_no_harm(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Other connections, and its own, are served on."""

    async def behind(reply: Reply) -> None:
        manager = trio.open_nursery()
        nursery = await manager.__aenter__()
        nursery.start_soon(trio.sleep_forever)
        await trio.sleep(1)

    async with client(app_of(behind)) as user:
        for _ in range(3):
            assert (await user.get("/")).text == "tea"
            await trio.sleep(3)
            assert (await user.get("/plain")).text == "plain"


async def test_a_report_names_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among the tasks in the background, with the line that it stands at."""

    async def behind(reply: Reply) -> None:
        await trio.sleep(1000)

    reports: list[str] = []
    app = app_of(behind)
    async with running(app):
        async with client(app) as user:
            await user.get("/")
            await trio.sleep(1)
            server = app._server
            assert server is not None
            monkeypatch.setattr(server.console, "report", reports.append)
            server._report()
        app.shutdown()
    [text] = reports
    lines = text.splitlines()
    assert lines[:3] == [
        "0 requests in flight",
        "1 tasks in the background",
        "GET /, route /, handler shop (behind)",
    ]
    assert lines[3].endswith("behind")


async def test_a_group_that_a_shutdown_makes_is_logged(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What fails while it is cancelled is no less a failure."""

    async def fail_late() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("no milk")

    async def behind(reply: Reply) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_late)
            nursery.start_soon(trio.sleep_forever)

    app = app_of(behind)
    async with running(app):
        async with client(app) as user:
            await user.get("/")
            await trio.sleep(1)
        app.shutdown()
    lines = lines_of(caplog)
    assert len(lines) == 2
    assert lines[1] == "failed behind its answer: GET /, route /, handler shop"


async def test_who_swallows_the_cancellation_ends_all_the_same(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """When it returns; nothing follows."""

    async def behind(reply: Reply) -> None:
        with pytest.raises(trio.Cancelled):
            await trio.sleep(1000)

    app = app_of(behind)
    async with running(app):
        async with client(app) as user:
            await user.get("/")
            await trio.sleep(1)
        app.shutdown()
    assert len(lines_of(caplog)) == 1


async def test_a_cancellation_of_another_task_is_a_failure(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It belongs to no scope around the work, and ends neither the connection nor the server."""

    async def behind(reply: Reply) -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.sleep(1)
            except trio.Cancelled as error:
                kept = error
        raise kept

    async with client(app_of(behind)) as user:
        for _ in range(2):
            assert (await user.get("/")).text == "tea"
            await trio.sleep(1)
    assert lines_of(caplog) == ["failed behind its answer: GET /, route /, handler shop"] * 2


@pytest.mark.parametrize("ends", [SystemExit, KeyboardInterrupt])
async def test_what_ends_the_program_ends_it(ends: type[BaseException]) -> None:
    """From behind an answer, too."""

    async def behind(reply: Reply) -> None:
        raise ends

    async def use() -> None:
        async with client(app_of(behind)) as user:
            await user.get("/")
            await trio.sleep(1)

    with pytest.raises(BaseExceptionGroup) as caught:
        await use()
    assert caught.group_contains(ends)


async def test_it_takes_no_place_of_a_stream(autojump_clock: MockClock) -> None:
    """However much of it there is, the connection of HTTP/2 that it began on goes on."""
    ends: list[float] = []

    async def behind(reply: Reply) -> None:
        await trio.sleep(10)
        ends.append(trio.current_time())

    app = app_of(behind)
    app.limits = Limits(streams=2)
    async with speak(app) as peer:
        for stream_id in range(1, 21, 2):
            await peer.send(peer.head(stream_id))
            assert (await peer.answer(stream_id)).text == "tea"
            await trio.sleep(0.1)
        assert not ends
        await peer.expect_open()
        await trio.sleep(10)
        assert len(ends) == 10


async def test_a_connection_that_ends_cancels_none_of_it(autojump_clock: MockClock) -> None:
    """Nor does a reset of the stream that is over."""
    ends: list[float] = []

    async def behind(reply: Reply) -> None:
        await trio.sleep(10)
        ends.append(trio.current_time())

    app = app_of(behind)
    async with running(app):
        async with speak(app) as peer:
            await peer.send(peer.head(1))
            await peer.answer(1)
            await peer.send(reset(1))
        await trio.sleep(11)
        assert len(ends) == 1


@pytest.mark.parametrize("whole", [True, False])
async def test_an_answer_past_its_time_has_no_work_behind_it(
    whole: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The app was cancelled before, and has shielded no more than the answer; that is logged."""
    app = Hump(timeouts=Timeouts(handler=5))

    async def speak(reply: Reply) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(6)
            reply.begin(200, PLAIN)
            if not whole:
                await reply.send(b"a pot of ")
            await reply.finish(b"tea")
        await trio.sleep(1)

    @app.get("/")
    async def index() -> Response:
        return Response(Spoken(speak, "shop"))

    async with client(app) as user:
        assert (await user.get("/")).text.endswith("tea")
        await trio.sleep(1)
        assert app.statistics().requests == ()
    cut = "cut behind its answer, whose time had passed: GET /, route /, handler shop"
    assert lines_of(caplog).count(cut) == 1

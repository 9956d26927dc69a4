"""The lane of a WebSocket: from the handshake to both closes, cancelled or not."""

import logging
from typing import Self

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from hump_trio import (
    HttpException,
    Hump,
    Limits,
    Request,
    Response,
    Timeouts,
    WebSocket,
    WebSocketClosed,
)
from hump_trio.messages.access_record import AccessRecord
from hump_trio.testing import Refused, websocket
from tests.support.handled import SWEEP_SECONDS, Handled

# The lane of a connection, and the handshake of HTTP/1.1.
ONE_LANE = pytest.mark.http1_only("a stream has a lane beside that of its connection, and no 101")


def access(caplog: pytest.LogCaptureFixture) -> AccessRecord:
    """Return what the access log has of the last request."""
    found = [record.access for record in caplog.records if record.name == "hump_trio.access"]  # type: ignore[attr-defined]
    assert isinstance(found[-1], AccessRecord)
    return found[-1]


@pytest.fixture(autouse=True)
def access_log(caplog: pytest.LogCaptureFixture) -> None:
    """Have requests logged."""
    caplog.set_level(logging.INFO, "hump_trio")


@ONE_LANE
async def test_a_handler_that_returns(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is closed with 1000, and its line in the access log has what went both ways."""
    handled = Handled()
    async with websocket(handled.app, "/") as ws:
        for _ in range(3):
            await ws.send("message")
            await ws.receive()
        await ws.close(4000)
    record = access(caplog)
    assert (record.status, record.outcome) == (101, "ok")
    assert (record.close_code, record.received_count, record.sent_count) == (4000, 3, 3)
    assert record.byte_count > 0


async def test_a_client_that_has_gone_without_a_close(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has 1006 for it."""
    handled = Handled()
    async with websocket(handled.app, "/") as ws:
        await ws.send("message")
        await ws.receive()
        ws.reset()
        await trio.sleep(1)
    record = access(caplog)
    assert (record.close_code, record.outcome) == (1006, "client-gone")


@ONE_LANE
async def test_its_statistics(autojump_clock: MockClock) -> None:
    """It is counted while it is open, in its phases, and is no request in flight."""
    handled = Handled(timeouts=Timeouts(close=3))
    async with websocket(handled.app, "/") as ws:
        await ws.send("message")
        await ws.receive()
        statistics = handled.app.statistics()
        assert (statistics.websockets, statistics.connections["open"]) == (1, 1)
        [request] = statistics.requests
        assert (request.phase, request.remaining_seconds) == ("open", float("inf"))
        ws.ignore_closing()
        await ws.half_close()
        await trio.lowlevel.checkpoint()


async def test_the_time_of_a_route_is_that_of_its_life(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The handler is cancelled then, exactly, and the client hears why."""

    async def sleep(ws: WebSocket) -> None:
        await ws.accept()
        assert ws.request.server_deadline == pytest.approx(trio.current_time() + 2)
        await trio.sleep_forever()

    handled = Handled(sleep, timeout=2)
    async with websocket(handled.app, "/") as ws:
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1001, "time limit")
    assert handled.ends == [(2, "Cancelled", "deadline")]
    assert "its time has passed, it stood at" in caplog.text
    assert access(caplog).outcome == "deadline"


@pytest.mark.parametrize(
    ("fields", "options", "seconds", "status"),
    [
        ({}, {}, 4, 503),
        ({}, {"timeout": 3}, 3, 503),
        ({}, {"timeout": None}, 4, 503),
        ({"x-wait-ms": "1000"}, {}, 1, 504),
    ],
)
async def test_the_time_before_it_is_opened(
    fields: dict[str, str],
    options: dict[str, float | None],
    seconds: float,
    status: int,
    autojump_clock: MockClock,
) -> None:
    """That of a handler: an ordinary answer follows."""
    timeouts = Timeouts(handler=4, deadline_header="x-wait-ms")
    app = Hump(timeouts=timeouts)

    @app.websocket("/", **options)  # type: ignore[arg-type]
    async def sleep(ws: WebSocket) -> None:
        await trio.sleep_forever()

    with pytest.raises(Refused) as caught:
        async with websocket(app, "/", headers=fields):
            pass
    assert caught.value.response.status_code == status
    assert trio.current_time() == pytest.approx(seconds, abs=2 * SWEEP_SECONDS)


async def test_the_callers_time_ends_when_it_is_opened(autojump_clock: MockClock) -> None:
    """It was for the answer to the handshake."""
    handled = Handled(timeouts=Timeouts(deadline_header="x-wait-ms", handler=2))
    async with websocket(handled.app, "/", headers={"x-wait-ms": "1000"}) as ws:
        await trio.sleep(15)
        await ws.send("still there")
        assert await ws.receive() == "still there"


async def test_a_task_that_opens_it_while_an_error_is_answered(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is open, and closes as one whose handler has failed; the answer is dropped and closed."""
    app = Hump(timeouts=Timeouts(handler=2))
    seen: list[str | int] = []

    class Parts:
        def __aiter__(self) -> Self:
            return self

        async def __anext__(self) -> bytes:
            raise NotImplementedError

        async def aclose(self) -> None:
            seen.append("closed")

    async def open_late(ws: WebSocket) -> None:
        await trio.sleep(3)
        await ws.accept()
        with pytest.raises(WebSocketClosed) as caught:
            await ws.receive()
        seen.append(caught.value.code)

    @app.exception_handler(HttpException)
    async def answer(request: Request, error: HttpException) -> Response:
        await trio.sleep(1.9)
        return Response(Parts(), error.status)

    @app.websocket("/")
    async def sleep(ws: WebSocket) -> None:
        app.start_soon(open_late, ws)
        await trio.sleep_forever()

    async with websocket(app, "/") as ws:
        assert trio.current_time() == pytest.approx(3)
        await ws.wait_closed()
        assert ws.close_code == 1011
    assert seen == ["closed", 1011]
    assert (access(caplog).close_code, access(caplog).outcome) == (1011, "deadline")


async def test_a_handler_that_refuses(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the first use that is an ordinary answer, and nothing in the log tells of a close."""

    async def refuse(ws: WebSocket) -> None:
        raise HttpException(401, "sign in")

    with pytest.raises(Refused) as caught:
        async with websocket(Handled(refuse).app, "/"):
            pass
    assert caught.value.response.status_code == 401
    assert access(caplog).close_code == 0


async def test_there_may_be_so_many(autojump_clock: MockClock) -> None:
    """One more is answered 503; one that is over makes room."""
    handled = Handled(limits=Limits(websockets=1))
    async with websocket(handled.app, "/") as ws:
        await ws.send("x")
        with pytest.raises(Refused) as caught:
            async with websocket(handled.app, "/"):
                pass
        assert caught.value.response.status_code == 503
    async with websocket(handled.app, "/") as ws:
        await ws.send("x")
        assert await ws.receive() == "x"


@ONE_LANE
async def test_a_handshake_that_is_malformed(autojump_clock: MockClock) -> None:
    """Is answered 400, whatever the handler would do."""
    with pytest.raises(Refused) as caught:
        async with websocket(Handled().app, "/", headers={"Sec-WebSocket-Key": "short"}):
            pass
    assert caught.value.response.status_code == 400


@ONE_LANE
async def test_a_close_that_is_not_answered(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection ends in time; the handler has ended in its own way all the same."""

    async def leave(ws: WebSocket) -> None:
        await ws.send("bye")

    handled = Handled(leave, timeouts=Timeouts(close=3))
    async with websocket(handled.app, "/", timeout=None) as ws:
        ws.ignore_closing()
        assert await ws.receive() == "bye"
        await trio.sleep(1)
        statistics = handled.app.statistics()
        assert (statistics.websockets, statistics.connections["closing"]) == (1, 1)
        await ws.wait_closed()
        assert trio.current_time() == pytest.approx(3 + SWEEP_SECONDS / 2, abs=SWEEP_SECONDS)
        await trio.sleep(1)
        assert handled.app.statistics().websockets == 0
    assert access(caplog).outcome == "ok"


async def test_a_client_that_has_closed_before_its_handler_ends(
    autojump_clock: MockClock,
) -> None:
    """The handler is cancelled in time; the close was answered long before."""

    async def sleep(ws: WebSocket) -> None:
        await ws.accept()
        await trio.sleep_forever()

    handled = Handled(sleep)
    async with websocket(handled.app, "/") as ws:
        await trio.sleep(1)
        await ws.close()
    await trio.lowlevel.checkpoint()
    [(seconds, how, reason)] = handled.ends
    assert (how, reason) == ("Cancelled", "client-gone")
    assert seconds == pytest.approx(6 + SWEEP_SECONDS / 2, abs=SWEEP_SECONDS)


@ONE_LANE
async def test_where_there_is_no_websocket_an_upgrade_is_ignored(autojump_clock: MockClock) -> None:
    """The request is one like any other (RFC 9110 section 7.8), and the connection ends with it."""
    app = Hump()

    @app.get("/")
    async def index() -> str:
        return "index"

    with pytest.raises(Refused) as caught:
        async with websocket(app, "/"):
            pass
    response = caught.value.response
    assert (response.status_code, response.text) == (200, "index")
    assert response.headers["connection"] == "close"

"""What heads of HTTP/2 say, and what those get that are refused."""

from logging import LogRecord

import pytest
import trio
from trio.testing import MockClock

from hump_trio import CallNext, Hump, Request, Response
from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.literals import encode_literal
from tests.support.frames import END_HEADERS, END_STREAM, HEADERS, frame, speak


@pytest.fixture
def app() -> Hump:
    """An app that says what it was asked for."""
    app = Hump(limits=Limits(head_bytes=400))

    @app.get("/{name}")
    async def tell(request: Request) -> str:
        return f"{request.path} {request.headers.get('x', '-')}"

    return app


async def test_what_stands_around_a_path_is_remembered(
    app: Hump, autojump_clock: MockClock
) -> None:
    """Requests with the same fields but another path are each asked and answered as they are."""
    lead = b"\x82\x86"
    rest = encode_literal(":authority", "a") + encode_literal("x", "1")
    async with speak(app) as peer:
        for number, path in enumerate(["/first", "/second", "/first", "/third"]):
            block = lead + encode_literal(":path", path) + rest
            await peer.send(peer.heads(2 * number + 1, block))
            assert (await peer.answer(2 * number + 1)).text == f"{path} 1"


@pytest.mark.parametrize("path", ["/%zz", "/" + "a" * 30 + "%zz", "/" + "a" * 500])
async def test_a_path_that_is_refused_is_refused_behind_others(
    app: Hump, path: str, autojump_clock: MockClock
) -> None:
    """What is remembered of other requests changes nothing of that."""
    lead, rest = b"\x82\x86", encode_literal(":authority", "a")
    async with speak(app) as peer:
        await peer.send(peer.heads(1, lead + encode_literal(":path", path) + rest))
        alone = await peer.answer(1)
        await peer.send(peer.heads(3, lead + encode_literal(":path", "/good") + rest))
        assert (await peer.answer(3)).status == 200
        await peer.send(peer.heads(5, lead + encode_literal(":path", path) + rest))
        behind = await peer.answer(5)
    assert alone.status in (400, 431)
    assert (behind.status, behind.text) == (alone.status, alone.text)


async def test_a_refusal_is_counted_and_logged(
    app: Hump, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A malformed request has no status, since its stream is reset; another one has its own."""
    with caplog.at_level("INFO", "hump_trio.access"):
        async with speak(app) as peer:
            await peer.ask(1, ("connection", "close"))
            await peer.expect_reset(1, ErrorCode.PROTOCOL_ERROR)
            assert (await peer.ask(3, ("x", "y" * 500))).status == 431
            assert app.statistics().outcomes["refused"] == 2
    assert [refused(each) for each in caplog.records if each.name == "hump_trio.access"] == [0, 431]


def refused(record: LogRecord) -> int:
    """Return the status that the access log has for a request that was refused."""
    access = record.__dict__["access"]
    assert access.outcome == "refused"
    status: int = access.status
    return status


async def test_a_refusal_fits_shut_windows(app: Hump, autojump_clock: MockClock) -> None:
    """Where the client takes no body, the head says all."""
    async with speak(app, initial_window_size=0) as peer:
        answer = await peer.ask(1, ("x", "y" * 500))
    assert (answer.status, answer.body, answer.ended) == (431, b"", True)


async def test_a_refusal_asks_for_no_body(app: Hump, autojump_clock: MockClock) -> None:
    """What is still to come of the request needn't be sent (RFC 9113 section 8.1)."""
    async with speak(app) as peer:
        await peer.send(peer.head(1, ("x", "y" * 500), end=False))
        answer = await peer.answer(1)
    assert (answer.status, answer.ended, answer.reset) == (431, True, ErrorCode.NO_ERROR)


async def test_an_expectation_is_no_part_of_what_is_remembered(
    app: Hump, autojump_clock: MockClock
) -> None:
    """One that nobody meets is refused each time, whatever the path."""
    async with speak(app) as peer:
        for number in range(3):
            path = encode_literal(":path", "/" + "a" * (10 + number))
            rest = encode_literal(":authority", "a") + encode_literal("expect", "tea")
            await peer.send(peer.heads(2 * number + 1, b"\x82\x86" + path + rest))
            assert (await peer.answer(2 * number + 1)).status == 417


CONNECT = encode_literal(":method", "CONNECT") + encode_literal(":protocol", "websocket")


def websocket_block(path: str) -> bytes:
    """Return the head of a request for a WebSocket, in the shape that most heads have."""
    return b"\x86" + encode_literal(":path", path) + CONNECT + encode_literal(":authority", "a")


@pytest.mark.parametrize("paths", [["/one", "/two", "/three"], ["/same"] * 3], ids=str)
async def test_a_websocket_is_one_however_often_its_head_came(
    app: Hump, paths: list[str], autojump_clock: MockClock
) -> None:
    """Nothing but DATA may follow it (RFC 9113 section 8.5), so trailers are malformed."""

    @app.middleware
    async def wait(request: Request, call_next: CallNext) -> Response:
        await trio.sleep(1)
        return await call_next(request)

    async with speak(app) as peer:
        for number, path in enumerate(paths):
            stream_id = 2 * number + 1
            await peer.send(peer.heads(stream_id, websocket_block(path), end=False))
            await peer.send(frame(HEADERS, END_HEADERS | END_STREAM, stream_id))
            await peer.expect_reset(stream_id, ErrorCode.PROTOCOL_ERROR)


async def test_a_websocket_whose_client_sends_nothing(app: Hump, autojump_clock: MockClock) -> None:
    """The end of the stream came with its head: there is nothing to talk about."""
    async with speak(app) as peer:
        for stream_id in (1, 3):
            await peer.send(peer.heads(stream_id, websocket_block("/x")))
            answer = await peer.answer(stream_id)
            assert (answer.status, answer.ended, answer.reset) == (400, True, None)

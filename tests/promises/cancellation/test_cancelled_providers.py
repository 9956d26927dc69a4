"""Handlers within providers, cut at every wait, in every way there is.

Whatever is cut where: each provider that was entered is left once, the inner one first; what an
answer of 200 says was done is kept, and what was not kept is undone; nothing stays open.
"""

import logging
from collections.abc import AsyncIterator
from itertools import count

import pytest
import trio
from trio.testing import MockClock

from hump_trio import HttpException, Hump, Request, Timeouts, UploadFile, WebSocket
from hump_trio.server.state import ServerState
from hump_trio.testing.app_frames import encode_client_frame
from tests.support.forms import TYPE, encode_form
from tests.support.handled import HANDSHAKE
from tests.support.served import served, served_anew
from tests.support.struck import STRIKES, Countdown, Strike, check, serve_struck
from tests.support.struck_streams import STRIKES as STREAM_STRIKES
from tests.support.struck_streams import Strike as StreamStrike
from tests.support.struck_streams import each_cut
from tests.support.wire import parse_answers, request

FORM = encode_form([("file", "name", "", b"x" * 500)])
CLOSE = "Connection: close"
SCENARIOS: dict[str, tuple[bytes, str, int]] = {
    "value": (request("GET", "/value", CLOSE), "GET", 200),
    "failing": (request("GET", "/failing", CLOSE), "GET", 404),
    "refused": (request("GET", "/refused", CLOSE), "GET", 409),
    "stream": (request("GET", "/stream", CLOSE), "GET", 200),
    "file": (
        request("POST", "/file", CLOSE, f"Content-Type: {TYPE}", body=FORM),
        "POST",
        200,
    ),
}


class Transaction:
    """What a handler works in."""


class Session:
    """What belongs to a transaction."""


class Shop:
    """An app with handlers within two providers, and a count of what became of these."""

    def __init__(self) -> None:
        self.app = Hump()
        app = self.app
        app.provide(self.transaction)
        app.provide(self.session)
        app.get("/value")(self.value)
        app.get("/failing")(self.failing)
        app.get("/refused")(self.refused)
        app.get("/stream")(self.stream)
        app.post("/file")(self.file)
        app.websocket("/")(self.chat)
        timeouts = Timeouts(handler=3000, stall_grace=1, send_grace=3)
        self.state = served(app=app, timeouts=timeouts, server="test")
        self.begin()

    def begin(self) -> None:
        """Count anew."""
        self.state = served_anew(self.state)
        self.begun = self.kept = self.undone = 0
        self.open: list[str] = []

    async def transaction(self, request: Request) -> AsyncIterator[Transaction]:
        """Keep what was done, or undo it; a task watches meanwhile."""
        await trio.lowlevel.checkpoint()
        self.begun += 1
        self.open.append("transaction")
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                await trio.lowlevel.checkpoint()
                yield Transaction()
                await trio.lowlevel.checkpoint()
                if request.path == "/refused":
                    raise HttpException(409)
                nursery.cancel_scope.cancel()
            self.kept += 1
        except BaseException:
            with trio.move_on_after(2, shield=True):
                await trio.sleep(1)
            self.undone += 1
            raise
        finally:
            assert self.open.pop() == "transaction"

    async def session(self, transaction: Transaction) -> AsyncIterator[Session]:
        """Have a scope of its own, and take a step at both ends."""
        with trio.CancelScope():
            await trio.lowlevel.checkpoint()
            self.open.append("session")
            try:
                yield Session()
                await trio.lowlevel.checkpoint()
            finally:
                assert self.open.pop() == "session"

    async def value(self, session: Session) -> str:
        """Take a few steps."""
        for _ in range(3):
            await trio.sleep(0.1)
        return "done"

    async def failing(self, session: Session, transaction: Transaction) -> None:
        """Find nothing."""
        await trio.lowlevel.checkpoint()
        raise HttpException(404)

    async def refused(self, session: Session) -> str:
        """Do what can't be kept."""
        await trio.lowlevel.checkpoint()
        return "done"

    async def stream(self, session: Session) -> AsyncIterator[str]:
        """Answer in parts."""
        for _ in range(3):
            yield "part"
            await trio.sleep(0.1)

    async def file(self, file: UploadFile, session: Session) -> str:
        """Read a file."""
        return f"{len(await file.read())}"

    async def chat(self, ws: WebSocket, session: Session) -> None:
        """Send back what comes."""
        async for message in ws:
            await ws.send(message)


@pytest.mark.parametrize("strike", STRIKES)
@pytest.mark.parametrize("name", SCENARIOS)
async def test_providers_cut_anywhere(
    name: str, strike: Strike, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """See this module."""
    data, method, status = SCENARIOS[name]
    shop = Shop()
    for nth in count(1):
        shop.begin()
        countdown = Countdown(nth)
        tapped = await serve_struck(shop.state, [data], "step", countdown, strike, None)
        check(tapped, (method,))
        assert shop.open == []
        assert shop.begun == shop.kept + shop.undone <= 1
        assert (shop.state.request_count, shop.state.buffered_bytes) == (0, 0)
        answers = parse_answers(bytes(tapped.sent), method, ended=False)
        if any(answer.whole and answer.status == 200 for answer in answers):
            assert shop.kept == 1
        if countdown.left > 0:
            [answer] = answers
            assert answer.whole
            assert answer.status == status
            assert shop.kept == (status == 200)
            assert nth > 5
            break
    errors = {each.message for each in caplog.records if each.levelno >= logging.ERROR}
    # An answer of the handler's that a shield has made too late.
    assert errors <= ({"a handler failed while it was cancelled"} if status > 200 else set())


@pytest.mark.parametrize("strike", STREAM_STRIKES)
async def test_providers_of_a_websocket_cut_anywhere(
    strike: StreamStrike, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """See this module: they are left behind the last message."""
    shop = Shop()
    parts = [HANDSHAKE, encode_client_frame(0x81, b"a"), encode_client_frame(0x88, b"\x03\xe8")]

    def anew() -> ServerState:
        shop.begin()
        return shop.state

    async for _, tapped in each_cut(anew, parts, "step", strike):
        assert shop.open == []
        assert shop.begun == shop.kept + shop.undone <= 1
        assert tapped.closings
    assert shop.kept == 1
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]

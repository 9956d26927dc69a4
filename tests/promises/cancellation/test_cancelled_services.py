"""A late body behind stores, credentials, a provider and a watcher, cut at every wait in every way.

Whatever is cut where: a watcher hears once of the end, a provider that was entered is left, a new
session that a visitor hears of is kept, and nothing is counted or held for the request any more.
"""

import gc
from collections.abc import AsyncIterator, Generator
from itertools import count
from typing import Annotated, Any
from weakref import ref

import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    Bearer,
    CallNext,
    Ended,
    HttpException,
    Hump,
    Limits,
    MemorySessions,
    RateLimit,
    Request,
    Response,
    SameOrigin,
    Sessions,
    Timeouts,
)
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.dispatch.router import layer_of, table_of
from hump_trio.dispatch.watchers import Entered
from hump_trio.server.state import ServerState
from tests.support.served import served_anew
from tests.support.struck import STRIKES, Countdown, Strike, check, serve_struck
from tests.support.wire import parse_answers, request

FIELDS = ("Connection: close", "Authorization: Bearer tom", "Cookie: session=forged")
HEAD = request("POST", "/", *FIELDS, "Content-Length: 8")
# What is sent, in parts, and how the answer to all of it begins.
SCENARIOS: dict[str, tuple[list[bytes], int]] = {
    "whole": ([HEAD + b"abcdefgh"], 200),
    "late": ([HEAD, b"abcd", b"efgh"], 200),
    "failing": ([HEAD, b"fail", b"fail"], 404),
    "large": (
        [request("POST", "/", *FIELDS, "Transfer-Encoding: chunked"), b"3c\r\n" + b"x" * 60],
        413,
    ),
    "refused": ([request("POST", "/", *FIELDS[::2], "Content-Length: 8"), b"abcdefgh"], 401),
}


class User:
    """Who calls."""


class Held:
    """What a request holds."""


class SlowRates:
    """A store of rates that takes its time."""

    async def take(self, key: str, cost: int, interval: float, burst: int) -> float:
        """Refuse nobody."""
        await trio.sleep(0.1)
        return 0


class SlowSessions(MemorySessions):
    """A store of sessions that takes its time.

    Args:
        saved: Gets the ids that were saved.
    """

    def __init__(self, saved: list[str]) -> None:
        super().__init__()
        self.saved = saved

    async def save(self, id: str, data: dict[str, Any], seconds: int, /, *, new: bool) -> None:
        """Save between two waits."""
        await trio.sleep(0.1)
        await super().save(id, data, seconds, new=new)
        self.saved.append(id)
        await trio.sleep(0.1)


class Shop:
    """An app with all of that.

    Args:
        looks: Whether there is a middleware, too, that may look at bodies.
    """

    def __init__(self, *, looks: bool) -> None:
        app = Hump()
        self.saved: list[str] = []
        app.middleware(SameOrigin())
        app.middleware(RateLimit("1000/second", store=SlowRates()))
        app.middleware(Sessions(secrets=["x" * 32], store=SlowSessions(self.saved)))
        if looks:
            app.middleware(self.look)
        app.provide(self.user)
        app.post("/")(self.handle)
        watchers = [self.watch]
        self.state = ServerState(
            Dispatcher(app, table_of(app), layer_of(app), lambda each: Entered(watchers, each)),
            Limits(body_bytes=50),
            Timeouts(handler=3000, stall_grace=1, send_grace=3),
            "test",
        )
        self.begin()

    def begin(self) -> None:
        """Count anew."""
        self.state = served_anew(self.state)
        self.begun = self.ended = 0
        self.entered = self.left = 0
        self.saved.clear()
        self.held: list[ref[Held]] = []

    def watch(self, request: Request) -> Generator[None, Ended, None]:
        """Count the request, and give it something to hold."""
        self.begun += 1
        request.state["held"] = held = Held()
        self.held.append(ref(held))
        del held
        yield
        self.ended += 1

    async def look(self, request: Request, call_next: CallNext) -> Response:
        """Wait before a look at the body."""
        await trio.lowlevel.checkpoint()
        return await call_next(request)

    async def user(self, token: Annotated[str, Bearer()]) -> AsyncIterator[User]:
        """Count how often it is entered and left."""
        self.entered += 1
        try:
            yield User()
        finally:
            self.left += 1

    async def handle(self, request: Request, user: User) -> str:
        """Begin a session, and find nothing for some bodies."""
        request.session["seen"] = True
        await trio.sleep(0.1)
        if request.body == b"failfail":
            raise HttpException(404)
        return request.body.decode()


@pytest.mark.parametrize("strike", STRIKES)
@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("looks", [False, True])
async def test_a_late_body_cut_anywhere(
    looks: bool, name: str, strike: Strike, autojump_clock: MockClock
) -> None:
    """See this module; no collector of garbage is needed."""
    parts, status = SCENARIOS[name]
    shop = Shop(looks=looks)
    gc.disable()
    try:
        for nth in count(1):
            shop.begin()
            countdown = Countdown(nth)
            tapped = await serve_struck(shop.state, parts, "step", countdown, strike, None)
            check(tapped, ("POST",))
            assert shop.begun == shop.ended <= 1
            assert shop.entered == shop.left <= 1
            assert [held() for held in shop.held] == [None] * shop.begun
            assert (shop.state.request_count, shop.state.buffered_bytes) == (0, 0)
            answers = parse_answers(bytes(tapped.sent), "POST", ended=False)
            told = tapped.sent.count(b"set-cookie: session=")
            assert told <= len(shop.saved) <= 1
            if countdown.left > 0:
                assert [answer.status for answer in answers] == [status]
                assert nth > 3
                break
    finally:
        gc.enable()

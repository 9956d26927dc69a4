"""Requests beyond a rate are refused at their heads, whatever they bring and however they come."""

import math
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, RateLimit, Request, Timeouts, UploadFile, WebSocket, rate_limit
from hump_trio.testing import client, connect, websocket
from tests.support.forms import TYPE, encode_form
from tests.support.served import served
from tests.support.struck import STRIKES, Countdown, Strike, check, serve_struck
from tests.support.wire import ask, parse_answers, read_to_end, read_until, request

SWEEP_SECONDS = 0.25


class Store:
    """Keeps no count: it does what it is told, when it is told.

    Args:
        waits: What it returns, in order.
    """

    def __init__(self, *waits: float) -> None:
        self.waits = list(waits)
        self.asked = trio.Event()
        self.entered = 0
        self.left = 0

    async def take(self, key: str, cost: int, interval: float, burst: int) -> float:
        """Return the next wait; hang where it is infinite."""
        self.entered += 1
        self.asked.set()
        try:
            await trio.lowlevel.checkpoint()
            wait = self.waits.pop(0)
            if wait == math.inf:
                await trio.sleep_forever()
        finally:
            self.left += 1
        return wait


def limited_app(by: str, store: Store | None = None, **options: Any) -> Hump:
    """Return an app that takes one request an hour of each client, and ``/after`` at any time."""
    app = Hump(**options)

    def decorate(handler: Callable[..., Any]) -> Callable[..., Any]:
        if by == "decorator":
            return rate_limit("1/hour", store=store, name="all")(handler)
        return handler

    if by == "middleware":
        app.middleware(RateLimit("1/hour", store=store, cost=cost_of))

    @app.post("/")
    @decorate
    async def echo(request: Request) -> bytes:
        return request.body

    @app.post("/stream", stream=True)
    @decorate
    async def size(request: Request) -> str:
        return str(sum([len(part) async for part in request.stream]))

    @app.post("/files")
    @decorate
    async def files(upload: UploadFile) -> str:
        return str(upload.size_bytes)

    @app.get("/number")
    @decorate
    async def number(number: int) -> str:
        return f"{number}"

    @app.websocket("/ws")
    @decorate
    async def talk(websocket: WebSocket) -> None:
        async for message in websocket:
            await websocket.send(message)

    @app.get("/after")
    async def after() -> str:
        return "served"

    return app


def cost_of(request: Request) -> int:
    """Return what a request costs."""
    return int(request.path != "/after")


each_way = pytest.mark.parametrize("by", ["decorator", "middleware"])
POST = request("POST", "/", body=b"tea")
AFTER = request("GET", "/after")


@each_way
async def test_a_refusal_comes_before_the_body(by: str, autojump_clock: MockClock) -> None:
    """At once, although not a byte of the body has come, and instead of a 100."""
    app = limited_app(by)
    async with connect(app) as raw:
        await raw.send(POST)
        await read_until(raw, b"tea")
        await raw.send(request("POST", "/", "Content-Length: 100000"))
        assert b" 429 " in await read_until(raw, b"too many requests")
        assert trio.current_time() < SWEEP_SECONDS
    async with connect(app) as raw:
        await raw.send(POST + request("POST", "/", "Expect: 100-continue", "Content-Length: 5"))
        _, answer = parse_answers(await read_to_end(raw), "POST", "POST")
    assert (answer.status, answer.informational, answer.closes) == (429, [], True)
    assert answer.headers["retry-after"] == "3600"


@each_way
@pytest.mark.parametrize("path", ["/stream", "/files"])
async def test_a_body_in_parts(path: str, by: str, autojump_clock: MockClock) -> None:
    """A route that reads its body by itself isn't called either."""
    files = encode_form([("upload", "a.txt", "", b"leaves")])
    data = request("POST", path, f"Content-Type: {TYPE}", body=files)
    app = limited_app(by)
    first, second = await ask(app, data + data, "POST", "POST")
    assert (first.status, second.status) == (200, 429)
    assert first.text == ("6" if path == "/files" else str(len(files)))


@each_way
async def test_the_connection_goes_on(by: str, autojump_clock: MockClock) -> None:
    """Behind a refusal, also one whose body came."""
    answers = await ask(
        limited_app(by), POST + POST + POST + AFTER + AFTER, "POST", "POST", "POST", "GET", "GET"
    )
    assert [each.status for each in answers] == [200, 429, 429, 200, 200]


async def test_a_refusal_comes_before_binding(autojump_clock: MockClock) -> None:
    """A client that guesses at values is told nothing of them; and bad values count."""
    data = request("GET", "/number?number=x") + request("GET", "/number?number=y")
    first, second = await ask(limited_app("decorator"), data, "GET", "GET")
    assert (first.status, second.status) == (422, 429)
    assert first.headers["ratelimit"] == '"all";r=0;t=3600'


@each_way
async def test_a_websocket_counts_by_its_handshake(by: str, autojump_clock: MockClock) -> None:
    """What it sends doesn't count; the next handshake is refused as any request."""
    app = limited_app(by)
    async with websocket(app, "/ws") as ws:
        for _ in range(5):
            await ws.send("tea")
            assert await ws.receive() == "tea"
    opening = request(
        "GET", "/ws", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )  # fmt: skip
    [answer] = await ask(app, opening, "GET")
    assert (answer.status, answer.headers["retry-after"]) == (429, "3600")


@each_way
async def test_other_protocols(by: str, autojump_clock: MockClock) -> None:
    """The same, whatever a client speaks; HEAD is told all but the words."""
    app = limited_app(by)
    async with client(app) as http:
        answers = [await http.post("/", content=b"tea") for _ in range(2)]
        head = await http.head("/number?number=1")
        assert (await http.get("/after")).text == "served"
    assert [each.status_code for each in answers] == [200, 429]
    assert answers[1].headers["retry-after"] == "3600"
    assert head.status_code == (200 if by == "decorator" else 429)


@each_way
async def test_who_asks_is_logged_as_refused(
    by: str, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """In the access log and the statistics, and nowhere else: a flood is quiet."""
    app = limited_app(by)
    async with client(app) as http:
        for _ in range(4):
            await http.post("/", content=b"tea")
        outcomes = app.statistics().outcomes
    assert outcomes["refused"] == 3
    assert [each.name for each in caplog.records if "access" not in each.name] == []


@each_way
@pytest.mark.parametrize("kind", ["hang", "deadline", "gone"])
async def test_a_store_is_left(kind: str, by: str, autojump_clock: MockClock) -> None:
    """Within its own time, that of the request, and when the client has gone."""
    store = Store(math.inf, -5.0)
    app = limited_app(by, store, timeouts=Timeouts(handler=0.25 if kind == "deadline" else 30))
    async with connect(app) as raw:
        await raw.send(POST)
        if kind != "gone":
            answer = await read_until(raw, b"too long" if kind == "deadline" else b"tea")
            assert trio.current_time() == pytest.approx(0.25 if kind == "deadline" else 0.5)
            assert b"ratelimit" not in answer
        await store.asked.wait()
    assert (store.entered, store.left) == (1, 1)


@each_way
@pytest.mark.memory_only("it counts the waits of a connection in memory")
@pytest.mark.parametrize("strike", STRIKES)
async def test_a_store_cut_anywhere(by: str, strike: Strike, autojump_clock: MockClock) -> None:
    """Nothing is left of a request that is cut while its store is asked, and it is one request."""
    for nth in count(1):
        store = Store(-5.0, -5.0)
        countdown = Countdown(nth)
        state = served(app=limited_app(by, store))
        data = request("POST", "/", "Connection: close", body=b"tea")
        parts = [data[:-3], data[-3:]]
        tapped = await serve_struck(state, parts, "step", countdown, strike, None)
        check(tapped, ("POST",))
        assert store.entered == store.left <= 1
        assert (state.request_count, state.buffered_bytes) == (0, 0)
        if countdown.left > 0:
            [answer] = parse_answers(bytes(tapped.sent), "POST")
            assert (answer.status, answer.text, nth > 2) == (200, "tea", True)
            break

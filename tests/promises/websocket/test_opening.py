"""Who may open a WebSocket, what its handler is given, and what everybody else is answered."""

from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Annotated, Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    Cookie,
    Forwarded,
    Header,
    Hump,
    Limits,
    Query,
    RequestId,
    Router,
    TrustedHosts,
    WebSocket,
)
from hump_trio.testing import Refused, client, connect, websocket
from hump_trio.testing.app_frames import encode_client_frame
from tests.support.handled import HANDSHAKE, Handled, echo
from tests.support.wire import parse_answers, read_to_end, request


async def refusal(app: Hump, url: str = "/", **options: object) -> Refused:
    """Return how an app refuses a WebSocket."""
    with pytest.raises(Refused) as refused:
        async with websocket(app, url, **options):  # type: ignore[arg-type]
            raise AssertionError
    return refused.value


def bound_app() -> Hump:
    """Return an app whose handler says what it was given."""
    app = Hump()
    rooms = Router("/rooms")

    @rooms.websocket("/{room}/{number}")
    async def chat(
        ws: WebSocket,
        room: str,
        number: int,
        token: Annotated[str, Header("x-token")],
        session: Annotated[str, Cookie()],
        pages: Annotated[list[int], Query("page")],
        mood: str = "calm",
    ) -> None:
        await ws.send(repr((room, number, token, session, pages, mood)))

    @rooms.get("/{room}/{number}")
    async def look(room: str, number: int) -> str:
        return f"{room} {number}"

    app.include(rooms)
    return app


async def test_a_handler_takes_what_any_handler_takes(autojump_clock: MockClock) -> None:
    """Of path, query, header and cookie, and the same path may have a handler of HTTP."""
    app = bound_app()
    async with (
        client(app) as http,
        websocket(
            app,
            "/rooms/tea/7?page=1&page=2&mood=merry",
            headers={"x-token": "t"},
            cookies={"session": "ann"},
        ) as ws,
    ):
        assert await ws.receive() == repr(("tea", 7, "t", "ann", [1, 2], "merry"))
        assert (await http.get("/rooms/tea/7")).text == "tea 7"


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/rooms/tea/x?page=1", 422),
        ("/rooms/tea/7?page=x", 422),
        ("/rooms/tea/7", 422),
        ("/rooms", 404),
    ],
)
async def test_what_cannot_be_given_is_refused(
    url: str, status: int, autojump_clock: MockClock
) -> None:
    """Before the handshake is answered, and the connection with it."""
    refused = await refusal(bound_app(), url, headers={"x-token": "t"}, cookies={"session": "a"})
    assert refused.response.status_code == status
    if refused.response.http_version == "HTTP/1.1":
        assert refused.response.headers["connection"] == "close"


@pytest.mark.http1_only("is about its handshake")
@pytest.mark.parametrize(
    ("line", "changed", "status"),
    [
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", 426),
        ("Sec-WebSocket-Version: 13", "X: y", 426),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "X: y", 400),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: dGhl", 400),
        ("Host: a", "Host: a\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 400),
        ("Host: a", "Host: a\r\nContent-Length: 5", 400),
        ("Host: a", "Host: a\r\nTransfer-Encoding: chunked", 400),
        (" HTTP/1.1", " HTTP/1.0", 426),  # it has no upgrades (RFC 9110 section 7.8)
        ("GET /", "POST /", 405),
    ],
)
async def test_a_handshake_by_the_rules_or_none(
    line: str, changed: str, status: int, autojump_clock: MockClock
) -> None:
    """One answer, however it is followed: nothing behind it is read as a request."""
    handled = Handled(echo)
    data = HANDSHAKE.replace(line.encode(), changed.encode(), 1)
    assert data != HANDSHAKE
    for behind in (b"", request(path="/admin"), b"hello" + request(path="/admin")):
        async with connect(handled.app) as raw:
            await raw.send(data + behind)
            [answer] = parse_answers(await read_to_end(raw), data.split()[0].decode())
        assert answer.status == status
        if status == 426:
            assert answer.headers["sec-websocket-version"] == "13"
            assert answer.headers["upgrade"] == "websocket"
        assert "close" in answer.headers["connection"]
    assert not handled.ends


@pytest.mark.http1_only("is about its handshake")
@pytest.mark.parametrize("line", ["Upgrade: websocket", "Connection: Upgrade"])
async def test_a_plain_request_is_told_to_upgrade(line: str, autojump_clock: MockClock) -> None:
    """It asks for nothing by half of the two fields, and has its answer as any other."""
    handled = Handled(echo)
    async with connect(handled.app) as raw:
        await raw.send(HANDSHAKE.replace(line.encode(), b"X: y"))
        await raw.send(request("GET", "/", "Connection: close"))
        answers = parse_answers(await read_to_end(raw), "GET", "GET")
    for answer in answers:
        assert (answer.status, answer.headers["upgrade"]) == (426, "websocket")
        assert answer.headers["sec-websocket-version"] == "13"
    assert len(answers) == 2


@pytest.mark.http1_only("is about its handshake")
@pytest.mark.parametrize("protocol", ["h2c", "h2c, foo", "TLS/1.0"])
async def test_other_upgrades_are_not_meant(protocol: str, autojump_clock: MockClock) -> None:
    """A route of HTTP answers as if nothing were said, and nothing more on that connection."""
    app = bound_app()
    async with connect(app) as raw:
        await raw.send(
            request("GET", "/rooms/tea/7", "Connection: Upgrade", f"Upgrade: {protocol}")
            + request("GET", "/rooms/tea/8")
        )
        [answer] = parse_answers(await read_to_end(raw), "GET", "GET")
    assert (answer.text, answer.closes) == ("tea 7", True)


@pytest.mark.http1_only("is about its handshake")
async def test_nothing_follows_a_refusal(autojump_clock: MockClock) -> None:
    """Whoever tunnels what it took for an upgrade gets no second answer out of it."""
    app = bound_app()

    @app.get("/admin")
    async def admin() -> str:
        raise AssertionError

    handshake = HANDSHAKE.replace(b"GET / ", b"GET /rooms/tea/x ")
    async with connect(app) as raw:
        await raw.send(handshake + request(path="/admin") * 3)
        [answer] = parse_answers(await read_to_end(raw))
    assert (answer.status, answer.closes) == (422, True)


@pytest.mark.http1_only("is about its handshake")
@pytest.mark.parametrize("cut_bytes", [0, 1, 3, 7, 12])
async def test_an_eager_client_is_heard(cut_bytes: int, autojump_clock: MockClock) -> None:
    """What it sends behind the handshake, without waiting for the answer, are its first frames."""
    handled = Handled(echo)
    frames = encode_client_frame(0x81, b"first") + encode_client_frame(0x88, b"\x03\xe8")
    async with connect(handled.app) as raw:
        await raw.send(HANDSHAKE + frames[:cut_bytes])
        await trio.sleep(1)
        await raw.send(frames[cut_bytes:])
        data = await read_to_end(raw)
    head, _, answered = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert answered == b"\x81\x05first\x88\x02\x03\xe8"
    assert handled.ends == [(1, "returned", None)]


@pytest.mark.http1_only("is about its handshake")
async def test_an_eager_client_does_not_say_too_much(autojump_clock: MockClock) -> None:
    """What it sends before the answer counts against the limits as what comes after it."""

    async def open_late(ws: WebSocket) -> None:
        await trio.sleep(10)
        async for _ in ws:
            pass

    handled = Handled(open_late, limits=Limits(message_bytes=1000))
    async with connect(handled.app) as raw:
        await raw.send(HANDSHAKE)
        with trio.move_on_after(9) as scope:
            for _ in range(1000):
                await raw.send(encode_client_frame(0x82, bytes(1000)))
        assert scope.cancelled_caught


SHOP = "https://shop.example"
FORWARDED = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "https://shop.example.evil.com",
        "https://evil.com/https://shop.example",
        "https://shop.example:444",
        "https://shop.example/",
        "shop.example",
        "https://",
        "",
        "https://testserver@evil.example",
    ],
)
@pytest.mark.parametrize("listed", [True, False])
async def test_other_origins_are_refused(
    origin: str, listed: bool, autojump_clock: MockClock
) -> None:
    """By default whatever isn't the host that was asked for, and with a list what isn't on it."""
    options: dict[str, Any] = {"origins": [SHOP]} if listed else {}
    handled = Handled(echo, **options)
    url = "/" if listed else "http://shop.example/"
    refused = await refusal(handled.app, url, origin=origin)
    assert refused.response.status_code == 403
    assert not handled.ends


@pytest.mark.parametrize(
    ("origin", "url", "origins"),
    [
        (None, "/", ...),
        (None, "/", [SHOP]),
        ("http://testserver", "/", ...),
        ("https://testserver", "/", ...),
        ("http://testserver:8000", "http://testserver:8000/", ...),
        ("https://SHOP.example", "http://shop.EXAMPLE/", ...),
        (SHOP, "/", [SHOP]),
        ("https://anything.example", "/", ["*"]),
    ],
)
async def test_these_origins_are_let_in(
    origin: str | None, url: str, origins: object, autojump_clock: MockClock
) -> None:
    """The same host, what is listed, all if a route says so, and programs, which say nothing."""
    options: dict[str, Any] = {} if origins is ... else {"origins": origins}
    handled = Handled(echo, **options)
    async with websocket(handled.app, url, origin=origin) as ws:
        await ws.send("in")
        assert await ws.receive() == "in"


@pytest.mark.http1_only("sends a field twice")
async def test_two_origins_are_none(autojump_clock: MockClock) -> None:
    """Which one is meant isn't guessed."""
    handled = Handled(echo)
    async with connect(handled.app) as raw:
        twice = b"Host: a" + b"\r\nOrigin: http://a" * 2
        await raw.send(HANDSHAKE.replace(b"Host: a", twice, 1))
        [answer] = parse_answers(await read_to_end(raw))
    assert (answer.status, answer.closes) == (403, True)


async def test_an_origin_is_that_of_the_host_that_a_proxy_was_asked_for(
    autojump_clock: MockClock,
) -> None:
    """What stands in front is believed, as everywhere."""
    handled = Handled(echo)
    handled.app.middleware(Forwarded(proxies=["0.0.0.0/0", "unix"], fields=FORWARDED))
    headers = {"x-forwarded-for": "9.9.9.9", "x-forwarded-host": "shop.example"}
    headers["x-forwarded-proto"] = "https"
    async with websocket(handled.app, "/", origin=SHOP, headers=headers) as ws:
        await ws.send("in")
        assert await ws.receive() == "in"


async def test_subprotocols(autojump_clock: MockClock) -> None:
    """The route's order counts; without a common one a browser would fail without a reason."""

    async def say(ws: WebSocket) -> None:
        await ws.send(str(ws.subprotocol))

    handled = Handled(say, subprotocols=["chat.v2", "chat.v1"])
    for offered, chosen in [
        (["chat.v1", "chat.v2"], "chat.v2"),
        (["x", "chat.v1"], "chat.v1"),
        ([], None),
    ]:
        async with websocket(handled.app, "/", subprotocols=offered) as ws:
            assert (await ws.receive(), ws.subprotocol) == (str(chosen), chosen)
    refused = await refusal(handled.app, subprotocols=["x", "y"])
    assert refused.response.status_code == 400


# Time and surroundings.


async def test_a_handler_that_never_opens_it_is_late(autojump_clock: MockClock) -> None:
    """As any handler that doesn't answer; once it is open that time is over."""

    async def dawdle(ws: WebSocket) -> None:
        await trio.sleep(31)

    async def open_late(ws: WebSocket) -> None:
        await trio.sleep(29)
        await ws.accept()
        await trio.sleep(1000)

    handled = Handled(dawdle)
    refused = await refusal(handled.app)
    assert (refused.response.status_code, trio.current_time()) == (503, 30)
    assert handled.ends == [(30, "Cancelled", "deadline")]
    handled = Handled(open_late)
    async with websocket(handled.app, "/", timeout=None) as ws:
        assert trio.current_time() == 59
        await ws.wait_closed()
    assert handled.ends == [(1059, "returned", None)]


async def test_a_route_limits_the_whole_life(autojump_clock: MockClock) -> None:
    """The client is told by 1001, exactly then."""
    handled = Handled(echo, timeout=2)
    async with websocket(handled.app, "/") as ws:
        await ws.send("a")
        assert [message async for message in ws] == ["a"]
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason, ws.was_reset) == (1001, "time limit", False)
        assert trio.current_time() == 2
    assert handled.ends == [(2, "Cancelled", "deadline")]


async def test_what_stands_around_handlers_stands_around_these(
    autojump_clock: MockClock,
) -> None:
    """Middleware, a lifespan's context and state, and the request with what it knows."""
    variable: ContextVar[str] = ContextVar("variable")
    app = Hump()
    app.middleware(RequestId(trust=True))
    app.middleware(Forwarded(proxies=["0.0.0.0/0", "unix"], fields=FORWARDED))
    app.middleware(TrustedHosts(["testserver"]))

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        variable.set("of the lifespan")
        app.state.database = "open"
        yield

    @app.websocket("/", name="door")
    async def door(ws: WebSocket) -> None:
        request = ws.request
        assert request.client is not None
        found = (variable.get(), app.state.database, request.client[0], request.scheme)
        await ws.send(f"{found} {app.url_for('door')} {request.state['request_id']}")

    headers = {"x-forwarded-for": "9.9.9.9", "x-forwarded-proto": "https"}
    headers["x-request-id"] = "abc-123"
    async with websocket(app, "/", headers=headers) as ws:
        message = await ws.receive(str)
        assert message == "('of the lifespan', 'open', '9.9.9.9', 'https') / abc-123"
    refused = await refusal(app, "http://evil.example/", headers=headers)
    assert refused.response.status_code == 421
    assert refused.response.headers["x-request-id"] == "abc-123"


async def test_what_a_handler_started_ends_with_it(autojump_clock: MockClock) -> None:
    """When its client closes, and it is cancelled, too."""
    ended = []

    async def tick(ws: WebSocket) -> None:
        try:
            while True:
                await trio.sleep(1)
                await ws.send("tick")
        finally:
            ended.append(trio.current_time())

    async def serve(ws: WebSocket) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick, ws)
            async for message in ws:
                if message == "stop":
                    nursery.cancel_scope.cancel()

    handled = Handled(serve)
    async with websocket(handled.app, "/") as ws:
        assert await ws.receive() == "tick"
        await ws.send("stop")
        await ws.wait_closed()
    assert (ended, handled.ends) == ([1], [(1, "returned", None)])

"""Credentials on the wire: refused at the head, over every protocol, before a WebSocket opens."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    ApiKey,
    Basic,
    Bearer,
    CallNext,
    Credentials,
    HttpException,
    Hump,
    Request,
    Response,
    Router,
    UploadFile,
    WebSocket,
)
from hump_trio.dispatch.router import table_of
from hump_trio.http2.failures import ErrorCode
from hump_trio.openapi.document import document_of
from hump_trio.testing import client, connect, websocket
from tests.support.frames import data, speak
from tests.support.loopback import served
from tests.support.wire import chunked, parse_answers, read_to_end, read_until, request

TOKEN = Annotated[str, Bearer()]


def secured_app() -> Hump:
    """Return an app all of whose routes need credentials."""
    app = Hump()

    @app.post("/")
    async def length(request: Request, token: TOKEN) -> str:
        return f"{token} {len(request.body)}"

    @app.post("/item")
    async def item(item: dict[str, int], token: TOKEN) -> str:
        return f"{token} {item}"

    @app.post("/file")
    async def file(file: UploadFile, token: TOKEN) -> str:
        return f"{token} {file.filename}"

    @app.post("/stream", stream=True)
    async def stream(request: Request, token: TOKEN) -> str:
        return f"{token} {sum([len(part) async for part in request.stream])}"

    @app.get("/user")
    async def user(user: Annotated[Credentials, Basic(realm="shop")]) -> str:
        return f"{user.user} {user.password}"

    @app.websocket("/chat")
    async def chat(websocket: WebSocket[str], token: TOKEN) -> None:
        await websocket.send(token)

    @app.websocket("/cookie")
    async def of_cookie(
        websocket: WebSocket[str], key: Annotated[str | None, ApiKey(cookie="key")] = None
    ) -> None:
        await websocket.send(str(key))

    return app


@pytest.mark.parametrize("path", ["/", "/item", "/file", "/stream"])
@pytest.mark.parametrize("line", ["X: y", "Authorization: Bearer", "Authorization: Basic YTpi"])
async def test_a_body_without_credentials_is_not_asked_for(
    path: str, line: str, autojump_clock: MockClock
) -> None:
    """The refusal comes instead of a 100, and before a byte of the body has come."""
    async with connect(secured_app()) as raw:
        lines = ("Expect: 100-continue", "Content-Length: 5", line)
        await raw.send(request("POST", path, *lines))
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert (answer.status, answer.informational) == (401, [])
    assert answer.headers["www-authenticate"].startswith('Bearer realm="api"')
    async with connect(secured_app()) as raw:
        await raw.send(request("POST", path, "Content-Length: 100000", line))
        assert (await raw.receive()).startswith(b"HTTP/1.1 401 Unauthorized\r\n")
        assert trio.current_time() < 1


async def test_a_body_with_credentials_is_taken(autojump_clock: MockClock) -> None:
    """Late or not, on every kind of route, and over every protocol."""
    sent = {"authorization": "Bearer abc"}
    async with client(secured_app()) as http:
        answers = [
            await http.post("/", content=bytes(200_000), headers=sent),
            await http.post("/item", json={"a": 1}, headers=sent),
            await http.post("/file", files={"file": ("tea.txt", bytes(20_000))}, headers=sent),
            await http.post("/stream", content=bytes(200_000), headers=sent),
        ]
    texts = ["abc 200000", "abc {'a': 1}", "abc tea.txt", "abc 200000"]
    assert [answer.text for answer in answers] == texts


async def test_streams_of_http2_are_refused_alone(autojump_clock: MockClock) -> None:
    """Their neighbours on the connection go on."""
    async with speak(secured_app()) as peer:
        token = ("authorization", "Bearer abc")
        twice = (token, ("authorization", "Bearer abc"))
        await peer.send(
            peer.head(1, method="POST", end=False),
            peer.head(3, token, method="POST", end=False),
            peer.head(5, *twice, method="POST", end=False),
        )
        assert (await peer.answer(1)).status == (await peer.answer(5)).status == 401
        await trio.sleep(1)
        await peer.expect_reset(1, ErrorCode.NO_ERROR)
        await peer.send(data(3, b"hello", end=True))
        assert (await peer.answer(3)).text == "abc 5"
        await peer.expect_open()


async def test_a_websocket_without_credentials_is_not_opened(autojump_clock: MockClock) -> None:
    """Its handshake is answered with 401, which a client sees as any other answer."""
    app = secured_app()
    lines = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    async with connect(app) as raw:
        await raw.send(request("GET", "/chat", *lines, key))
        [answer] = parse_answers(await read_until(raw, b"needed"))
        assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="api"')
    async with websocket(app, "/chat", headers={"authorization": "Bearer abc"}) as ws:
        assert await ws.receive() == "abc"
    for headers, value in (({}, "None"), ({"cookie": "key=abc"}, "abc")):
        async with websocket(app, "/cookie", headers=headers) as ws:
            assert await ws.receive() == value
    async with connect(app) as raw:
        await raw.send(request("GET", "/cookie", *lines, key, "Cookie: key="))
        [answer] = parse_answers(await read_until(raw, b"empty"))
        assert answer.status == 401


async def test_middleware_and_handlers_of_errors_see_refusals(autojump_clock: MockClock) -> None:
    """As any other answer; what middleware puts into the head is what a client has sent."""
    app, router = Hump(), Router("/api")

    @app.middleware
    async def take_from_cookie(request: Request, call_next: CallNext) -> Response:
        if "token" in request.cookies:
            request.headers["authorization"] = f"Bearer {request.cookies['token']}"
        response = await call_next(request)
        response.headers["x-seen"] = str(response.status)
        return response

    @router.exception_handler(HttpException)
    async def tell(request: Request, error: HttpException) -> Response:
        return Response(f"no: {error.detail}", error.status, error.headers)

    @router.get("/")
    async def show(token: TOKEN) -> str:
        return token

    app.include(router)
    async with client(app) as http:
        refused = await http.get("/api/")
        assert (refused.status_code, refused.text) == (401, "no: credentials are needed")
        assert (refused.headers["x-seen"], "www-authenticate" in refused.headers) == ("401", True)
        assert (await http.get("/api/", headers={"cookie": "token=abc"})).text == "abc"


@dataclass
class User:
    """Who calls."""

    name: str


class Basket(list[str]):
    """What a user has chosen."""


def provided_app(opened: list[str]) -> Hump:
    """Return an app in which a provider knows who calls.

    Args:
        opened: Gets the names of those for whom a provider has begun.
    """
    app = Hump()

    @app.provide
    async def current_user(token: TOKEN) -> User:
        if token == "expired":
            raise HttpException(401, "this token has expired")
        return User(token)

    @app.provide
    async def basket(user: User) -> AsyncIterator[Basket]:
        opened.append(user.name)
        yield Basket([user.name])

    @app.post("/")
    async def order(item: dict[str, int], user: User, items: Basket) -> str:
        return f"{user.name} {item} {items}"

    @app.get("/parts")
    async def parts(user: User) -> AsyncIterator[str]:
        yield user.name

    @app.websocket("/chat")
    async def chat(websocket: WebSocket[str], user: User) -> None:
        await websocket.send(user.name)

    return app


async def test_a_provider_takes_credentials_as_a_handler_does(autojump_clock: MockClock) -> None:
    """Whatever wants what it provides is refused at the head, and says so in the document."""
    opened: list[str] = []
    app = provided_app(opened)
    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Expect: 100-continue", "Content-Length: 5"))
        [answer] = parse_answers(await read_to_end(raw), "POST")
        assert (answer.status, answer.informational) == (401, [])
    tom = {"authorization": "Bearer tom"}
    async with client(app) as http:
        refused = [
            await http.post("/", json={"a": 1}, headers={"authorization": "Bearer expired"}),
            await http.post("/", content=b"{", headers={"content-type": "text/plain"}),
            await http.get("/parts"),
        ]
        told = await http.post("/", json={"a": 1}, headers=tom)
        streamed = await http.get("/parts", headers=tom)
    assert [each.status_code for each in refused] == [401] * 3
    assert {each.headers["www-authenticate"] for each in refused} == {'Bearer realm="api"'}
    assert (told.text, streamed.text, opened) == ("tom {'a': 1} ['tom']", "tom", ["tom"])
    async with websocket(app, "/chat", headers=tom) as ws:
        assert await ws.receive() == "tom"
    document = document_of(table_of(app).routes, {"title": "A", "version": "1"})
    for path, method in (("/", "post"), ("/parts", "get")):
        assert document["paths"][path][method]["security"] == [{"Bearer": []}]


async def test_a_stream_that_refuses_credentials_asks_for_others(autojump_clock: MockClock) -> None:
    """Its first part is made when its handler has returned, and its providers are entered then."""
    app = Hump()

    @app.provide
    async def user(token: TOKEN) -> User:
        raise HttpException(401, "unknown token")

    @app.get("/provided")
    async def provided(user: User) -> AsyncIterator[str]:
        yield "never"

    @app.get("/own")
    async def own(token: TOKEN) -> AsyncIterator[str]:
        if token:
            raise HttpException(401, "unknown token")
        yield "never"

    async with client(app, headers={"authorization": "Bearer x"}) as http:
        for path in ("/provided", "/own"):
            answer = await http.get(path)
            assert (answer.status_code, answer.text) == (401, "unknown token")
            assert answer.headers["www-authenticate"] == 'Bearer realm="api"'


async def test_a_fake_of_who_calls_needs_no_credentials(autojump_clock: MockClock) -> None:
    """In a test that provides it, nobody has to sign in."""
    async with client(provided_app([]), provide={User: User("fake")}) as http:
        assert (await http.post("/", json={"a": 1})).text == "fake {'a': 1} ['fake']"


async def test_refusals_are_counted_as_such(autojump_clock: MockClock) -> None:
    """In the statistics and in the access log."""
    app = secured_app()
    async with client(app) as http:
        await http.get("/user")
        await http.get("/user", auth=("tom", "secret"))
        outcomes = app.statistics().outcomes
    assert (outcomes["refused"], outcomes["ok"]) == (1, 1)


@pytest.mark.program("curl")
@pytest.mark.parametrize("user", ["tom:secret", "né:日本:x", "tom:", ":secret"])
async def test_curl_says_who_it_is(user: str) -> None:
    """By ``-u`` and by ``--oauth2-bearer``."""
    app = secured_app()
    app.host, app.port = "127.0.0.1", 0
    async with served(app) as url:
        command = ["curl", "-s", "-u", user, f"{url}/user"]
        asked = await trio.run_process(command, capture_stdout=True)
        bearer = ["--oauth2-bearer", "abc", "--data", "12345", f"{url}/"]
        told = await trio.run_process(["curl", "-s", *bearer], capture_stdout=True)
        large = ["--data-binary", "@-", "-w", "%{http_code} %{size_upload}", "-o", "/dev/null"]
        refused = await trio.run_process(
            ["curl", "-s", "-H", "Expect: 100-continue", *large, f"{url}/"],
            stdin=bytes(1_000_000),
            capture_stdout=True,
        )
    assert asked.stdout.decode() == " ".join(user.split(":", 1))
    assert told.stdout == b"abc 5"
    assert refused.stdout == b"401 0"


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("Bearer " + "a" * 20_000, 200),
        ("Bearer " + "a" * 40_000, 431),
        ("Bearer " + " " * 20_000 + "a", 200),
        ("Bearer " + "=" * 20_000, 401),
        ("Bearer a" + "=" * 20_000 + "!", 401),
        ("b" * 20_000, 401),
        ("," * 20_000, 401),
        ("Bearer \xff\xfe", 401),
        ("B\xc3\xa9arer a", 401),
        ("Bearer a\x80", 401),
    ],
)
async def test_hostile_fields_are_refused_and_say_nothing(
    value: str, status: int, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Huge ones by the limit of any head; no answer and no log repeats what came."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nAuthorization: %b\r\n\r\nhello"
    async with connect(secured_app()) as raw:
        await raw.send(head % value.encode("latin-1"))
        received = await raw.receive()
        if status == 200:
            assert received.startswith(b"HTTP/1.1 200 OK\r\n")
            return
    assert received.startswith(b"HTTP/1.1 %d " % status)
    assert not any(text in received for text in (b"aaaa", b"====", b"\xff", b"\xc3", b"\x80"))
    assert not any(text in caplog.text for text in ("aaaa", "====", "\xff"))


async def test_what_comes_in_trailers_is_no_credential(autojump_clock: MockClock) -> None:
    """They come too late, and from whoever has written the body."""
    async with connect(secured_app()) as raw:
        sent = chunked(b"hello", trailers="Authorization: Bearer abc\r\n")
        await raw.send(sent)
        assert (await raw.receive()).startswith(b"HTTP/1.1 401 ")

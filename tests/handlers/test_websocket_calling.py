"""What the handler of a WebSocket is given, and what its typed messages are."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any, NoReturn

import msgspec
import pytest

from hump_trio import (
    BindingError,
    Body,
    Cookie,
    Header,
    Hump,
    Query,
    Request,
    RouteError,
    UploadFile,
)
from hump_trio.channels.websocket import WebSocket
from hump_trio.content import json_text
from hump_trio.content.standard_json import StandardJson
from hump_trio.facts.exceptions import HttpException
from hump_trio.handlers.websocket_calling import match_subprotocol
from tests.support.annotated import Item
from tests.support.channels import FakeChannel, open_websocket, websocket_request


class Say(msgspec.Struct, tag=True):
    """A message of a client."""

    text: str


class Move(msgspec.Struct, tag=True):
    """Another one."""

    to: list[int]


@dataclass
class Answer:
    """A message of the server."""

    number: int


@dataclass
class SecretAnswer(Answer):
    """A message with more than its reader may see."""

    secret: str = "x"


def app_with(handler: Callable[..., Any], path: str = "/", **options: Any) -> Hump:
    """Return an app of one WebSocket."""
    app = Hump()
    app.add_websocket(path, handler, **options)
    return app


async def play(app: Hump, *messages: str | bytes, path: str = "/") -> FakeChannel:
    """Return the channel when the handler is over, whose client has sent some messages."""

    def give(channel: FakeChannel) -> None:
        for each in messages:
            channel.give(each)

    _, channel, _ = await open_websocket(app, path, client=give)
    return channel


async def test_parameters() -> None:
    """Whatever a handler of HTTP takes of the head, and the request itself."""
    got: list[Any] = []

    async def handler(
        room: int,
        ws: WebSocket,
        request: Request,
        *,
        page: int = 1,
        x_token: Annotated[str, Header()],
        session: Annotated[str | None, Cookie()] = None,
    ) -> None:
        assert ws.request is request
        got.append((room, page, x_token, session))

    fields = [("x-token", "t"), ("cookie", "session=s")]
    app = app_with(handler, "/rooms/{room:int}")
    response, _, _ = await open_websocket(app, "/rooms/7?page=2", *fields)
    assert (response.status, got) == (101, [(7, 2, "t", "s")])
    response, channel, _ = await open_websocket(app, "/rooms/7?page=x")
    assert (response.status, channel.opened) == (422, False)
    assert b"query.page" in response.body  # type: ignore[operator]
    assert b"header.x-token" in response.body  # type: ignore[operator]


async def test_ways_to_take_it() -> None:
    """Without an annotation, by position alone, by name alone, and through decorators."""

    async def bare(ws):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        await ws.send("bare")

    async def second(room: str, ws) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
        await ws.send(room)

    async def positional(ws: WebSocket, /, room: str) -> None:
        await ws.send(room)

    async def named(*, ws: "WebSocket") -> None:
        await ws.send("named")

    async def optional(ws: WebSocket | None) -> None:
        assert ws is not None
        await ws.send("optional")

    async def collected(*args: Any, **kwargs: Any) -> None:
        await args[0].send(repr(kwargs))

    def checked(handler: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        @wraps(handler)
        async def check(request: Request, **kwargs: Any) -> None:
            assert request.path
            await handler(**kwargs)

        return check

    class Called:
        async def __call__(self, ws: WebSocket[str]) -> NoReturn:
            await ws.send("called")
            await ws.close()
            await ws.receive()
            raise AssertionError

        async def method(self, ws: WebSocket) -> None:
            await ws.send("method")

    handlers: list[tuple[Any, str]] = [
        (bare, "bare"),
        (second, "tea"),
        (positional, "tea"),
        (named, "named"),
        (optional, "optional"),
        (collected, "{'room': 'tea'}"),
        (checked(second), "tea"),
        (Called(), "called"),
        (Called().method, "method"),
    ]
    for handler, sent in handlers:
        channel = await play(app_with(handler, "/{room}"), path="/tea")
        assert channel.sent == [sent], handler


async def test_typed_messages() -> None:
    """They are converted both ways, as text."""

    async def handler(ws: WebSocket[Say | Move, Answer]) -> None:
        assert await ws.receive() == Say("hi")
        assert await anext(ws) == Move([1])
        await ws.send(Answer(7))
        await ws.send(SecretAnswer(8))

    channel = await play(
        app_with(handler), '\ufeff{"type":"Say","text":"hi"}', '{"type":"Move","to":[1]}'
    )
    assert (channel.rules.kind, channel.closed_with) == ("text", (1000, ""))
    assert channel.sent == ['{"number":7}', '{"number":8}']


async def test_typed_messages_in_bytes() -> None:
    """The route says so."""

    async def handler(ws: WebSocket[list[int], dict[str, int]]) -> None:
        async for numbers in ws:
            await ws.send({"sum": sum(numbers)})
            break

    app = app_with(handler, binary=True, message_limit=7, compress=True, subprotocols=["a"])
    channel = await play(app, b"[1,2]")
    assert channel.sent == [b'{"sum":3}']
    rules = channel.rules
    assert (rules.kind, rules.limit_bytes, rules.compress) == ("binary", 7, True)


@pytest.mark.parametrize(
    ("text", "place", "status"),
    [
        ('{"type":"Move","to":[1,"x"]}', "message.to[1]", 422),
        ('{"type":"Say"}', "message", 422),
        ("{", "message", 400),
        ("", "message", 400),
        ("[" * 100_000, "message", 400),
    ],
)
@pytest.mark.parametrize("caught", [False, True])
async def test_messages_that_do_not_fit(
    text: str, place: str, status: int, *, caught: bool
) -> None:
    """They raise what a body would, with the place; uncaught it is the reason of the close."""
    raised: list[BindingError] = []

    async def handler(ws: WebSocket[Say | Move]) -> None:
        try:
            await ws.receive()
        except BindingError as error:
            raised.append(error)
            if not caught:
                raise
        assert await ws.receive() == Say("hi")

    channel = await play(app_with(handler), text, '{"type":"Say","text":"hi"}')
    (error,) = raised
    assert error.status == status
    assert error.places[0][0].startswith(place)
    expected = (1000, "") if caught else (1007, error.detail)
    assert channel.closed_with == expected


async def test_costly_messages() -> None:
    """What a body is refused for is refused here too, with the message as the place."""

    async def handler(ws: WebSocket[dict[float, int], None]) -> None:
        await ws.receive()

    channel = await play(app_with(handler), '{"nan":1}')
    assert channel.closed_with is not None
    assert channel.closed_with[0] == 1007
    assert channel.closed_with[1].startswith("message")


@pytest.mark.parametrize(
    ("annotation", "kind", "good", "bad"),
    [
        (WebSocket, None, ["a", b"b"], [1]),
        (WebSocket[str | bytes], None, ["a", b"b"], [1]),
        (WebSocket[Any, Any], None, ["a", b"b"], [1]),
        (WebSocket[str], "text", ["a"], [b"b", 1]),
        (WebSocket[bytes], "binary", [b"b"], ["a", 1]),
        (WebSocket[str, bytes], "text", [b"b"], ["a"]),
        (WebSocket[bytes, Answer], "binary", [Answer(1)], ["a", {"number": 1}]),
        (WebSocket[str, list[Answer]], "text", [[Answer(1)]], [[1], Answer(1)]),
        (WebSocket[str, object], "text", ["a"], [Answer(1)]),
        (WebSocket[str, Answer | str], "text", [Answer(1), "a"], [1]),
        (WebSocket[str, int | Any], "text", [1, {"a": 1}], []),
    ],
)
async def test_what_may_be_sent(
    annotation: Any, kind: str | None, good: list[Any], bad: list[Any]
) -> None:
    """What the annotation says; something else is an error of the program's."""

    async def handler(ws: annotation) -> None:
        for each in good:
            await ws.send(each)
        for each in bad:
            with pytest.raises(TypeError, match=r"send"):
                await ws.send(each)

    channel = await play(app_with(handler))
    assert (channel.rules.kind, channel.closed_with) == (kind, (1000, ""))
    assert len(channel.sent) == len(good)


async def takes_nothing(room: str) -> None:
    """Forget the WebSocket."""


async def takes_two(ws: WebSocket, other: WebSocket) -> None:
    """Take one thing twice."""


async def takes_vague(ws: WebSocket, other) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """Take something that is nowhere."""


async def takes_body(ws: WebSocket, item: Item) -> None:
    """Take what there is none of."""


async def takes_marked(ws: WebSocket, item: Annotated[int, Body()]) -> None:
    """Take what there is none of."""


async def takes_file(ws: WebSocket, picture: UploadFile) -> None:
    """Take what there is none of."""


async def marks_it(ws: Annotated[WebSocket, Body()]) -> None:
    """Take it from where it isn't."""


async def queries_it(ws: Annotated[WebSocket, Query()]) -> None:
    """Take it from where it isn't."""


async def yields(ws: WebSocket):  # type: ignore[no-untyped-def] # noqa: ANN201
    """Yield messages."""
    yield "a"


async def returns(ws: WebSocket) -> str:
    """Return a message."""
    return "a"


async def foreign(ws: WebSocket[complex]) -> None:
    """Take what JSON has nothing for."""


async def sends_foreign(ws: WebSocket[str, complex]) -> None:
    """Send what JSON has nothing for."""


async def plain(ws: WebSocket[bytes]) -> None:
    """Take bytes as they are."""


async def shaded(ws: WebSocket, page: "Nowhere") -> None:  # type: ignore[name-defined] # noqa: F821
    """Name what isn't there."""


@pytest.mark.parametrize(
    ("handler", "options", "message"),
    [
        (takes_nothing, {}, "takes none: give it a parameter, as in `websocket: WebSocket`"),
        (takes_two, {}, "'other' that is neither the WebSocket nor in its path; annotate it"),
        (takes_vague, {}, "'other' that is neither the WebSocket nor in its path; annotate it"),
        (takes_body, {}, "'item' that is a body, which a WebSocket has none of: its messages are"),
        (takes_marked, {}, "'item' that is a body, which a WebSocket has none of"),
        (takes_file, {}, "'picture' that is a body, which a WebSocket has none of"),
        (marks_it, {}, "'ws' that is the WebSocket: drop the Body()"),
        (queries_it, {}, "takes none"),
        (yields, {}, "has a yield: write `await websocket.send(...)` instead"),
        (returns, {}, "returns handles a WebSocket and returns something: send that"),
        (
            foreign,
            {},
            "'ws' that can't be taken from the websocket: JSON has nothing for a complex",
        ),
        (sends_foreign, {}, "JSON has nothing for a complex"),
        (plain, {"binary": True}, "binary=True is for the JSON of a `WebSocket[Question, Answer]`"),
    ],
)
def test_what_makes_no_sense_is_refused(
    handler: Any, options: dict[str, Any], message: str
) -> None:
    """At registration, with what to write instead."""
    with pytest.raises(RouteError) as caught:
        app_with(handler, "/{room}", **options)
    assert message in str(caught.value)


def test_no_websocket_in_http() -> None:
    """A handler of HTTP has none to take."""
    with pytest.raises(RouteError, match=r"'ws' .* WebSocket: register it with @app.websocket"):
        Hump().get("/chat")(plain)


def test_names_may_follow() -> None:
    """Serving begins with another look."""
    app_with(shaded)


def test_types_take_msgspec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it only text and bytes are messages."""
    monkeypatch.setattr(json_text, "json_codec", StandardJson())
    app_with(plain)

    async def takes_numbers(ws: WebSocket[int, str]) -> None: ...

    async def sends_numbers(ws: WebSocket[str, int]) -> None: ...

    for handler in (takes_numbers, sends_numbers):
        with pytest.raises(RouteError, match="this takes msgspec"):
            app_with(handler)


@pytest.mark.parametrize(
    ("spoken", "offered", "expected"),
    [
        ((), "", None),
        ((), "v1", None),
        (("v2", "v1"), "", None),
        (("v2", "v1"), "v1, v2", "v2"),
        (("v2", "v1"), "v0,v1", "v1"),
    ],
)
def test_subprotocols(spoken: tuple[str, ...], offered: str, expected: str | None) -> None:
    """The server's order counts; who offers none gets none."""
    fields = [("sec-websocket-protocol", offered)] if offered else []
    request, _ = websocket_request(*fields)
    assert match_subprotocol(spoken, request) == expected


def test_no_common_subprotocol() -> None:
    """A browser would fail without a reason, so that it is told one."""
    request, _ = websocket_request(
        ("sec-websocket-protocol", "v3"), ("sec-websocket-protocol", "a")
    )
    with pytest.raises(HttpException, match="400 the subprotocols here are v2, v1"):
        match_subprotocol(("v2", "v1"), request)
    assert request.outcome == "refused"

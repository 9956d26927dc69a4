"""What an app of ASGI is told of a WebSocket, and how it opens or refuses it."""

import logging
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpException, Request, Response
from hump_trio.testing import Refused, websocket
from tests.support.asgi_apps import Message, Receive, Scope, Send, hump_of

ACCEPT = {"type": "websocket.accept"}
START = "websocket.http.response.start"
BODY = "websocket.http.response.body"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Send back what comes, as the reference of ASGI does it."""
    assert (await receive()) == {"type": "websocket.connect"}
    await send(ACCEPT)
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


def errors_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged as an error: the message, and the last line of a traceback."""
    return [
        f"{record.getMessage()} | {record.exc_info[1]!r}"
        if record.exc_info
        else record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.ERROR
    ]


async def refusal_of(app: Any, **options: Any) -> tuple[int, str, list[tuple[str, str]]]:
    """Return status, text and fields of the answer to a handshake."""
    with pytest.raises(Refused) as refused:
        async with websocket(hump_of(app), "/", **options):
            raise AssertionError("it was opened")
    answer = refused.value.response
    return answer.status_code, answer.text, answer.headers.multi_items()


async def test_texts_and_bytes_go_both_ways() -> None:
    """Each message is one message, of its own kind; an empty one, too."""
    async with websocket(hump_of(echo), "/") as ws:
        for message in ["tea", "", b"\0\xff", b"", "x" * 100_000]:
            await ws.send(message)
            assert await ws.receive() == message
    assert (ws.close_code, ws.was_reset) == (1000, False)


async def test_bytes_may_be_of_any_kind() -> None:
    """What can be sent as bytes is."""

    async def talk(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        await send({"type": "websocket.send", "bytes": bytearray(b"a"), "text": None})
        await send({"type": "websocket.send", "bytes": memoryview(b"b")})

    async with websocket(hump_of(talk), "/") as ws:
        assert [message async for message in ws] == [b"a", b"b"]


async def test_the_scope() -> None:
    """It tells all that the request has, at the top or below a prefix."""
    scopes: list[Scope] = []

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await send(ACCEPT)

    app = hump_of(note, "/old")
    url = "/old/caf%C3%A9/x%2Fy?a=1&b=%20"
    async with websocket(
        app, url, subprotocols=["tea", "milk"], origin="null", headers={"X-Cup": "blue"}
    ):
        pass
    (scope,) = scopes
    assert scope["type"] == "websocket"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.5"}
    assert scope["http_version"] in ("1.1", "2")
    assert (scope["path"], scope["raw_path"]) == ("/old/caf\xe9/x/y", b"/old/caf%C3%A9/x%2Fy")
    assert (scope["query_string"], scope["root_path"]) == (b"a=1&b=%20", "/old")
    assert scope["subprotocols"] == ["tea", "milk"]
    assert {(b"origin", b"null"), (b"x-cup", b"blue")} <= set(scope["headers"])
    assert scope["extensions"] == {"websocket.http.response": {}}
    assert {"client", "server", "state"} <= set(scope)


@pytest.mark.memory_only("another transport decides by itself whether it is secure")
async def test_the_scope_over_tls() -> None:
    """Its scheme says so, and its host is the one that was asked for."""
    scopes: list[Scope] = []

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await send(ACCEPT)

    app = hump_of(note, "/old")
    async with websocket(app, "/old"), websocket(app, "wss://shop.example/old"):
        pass
    plain, secure = scopes
    assert (plain["scheme"], plain["path"], plain["subprotocols"]) == ("ws", "/old", [])
    assert (secure["scheme"], dict(secure["headers"])[b"host"]) == ("wss", b"shop.example")


async def test_what_can_not_be_subprotocols() -> None:
    """Such an offer is refused before the app is called, as for any WebSocket."""
    status, _, _ = await refusal_of(echo, headers={"Sec-WebSocket-Protocol": "a, a"})
    assert status == 400


async def test_an_answer_of_the_apps_own_making() -> None:
    """It may choose a subprotocol, and add fields."""

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"X-Pot", b"full"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
        await send({**ACCEPT, "subprotocol": "milk", "headers": headers})

    async with websocket(hump_of(choose), "/", subprotocols=["tea", "milk"]) as ws:
        assert ws.subprotocol == "milk"
        assert ws.response.headers["x-pot"] == "full"
        assert ws.response.headers.get_list("set-cookie") == ["a=1", "b=2"]


async def test_middleware_sees_the_handshake() -> None:
    """It stands around an app as around any handler, and sees how a WebSocket was answered."""
    seen: list[int] = []
    app = hump_of(echo)

    @app.middleware
    async def look(request: Request, call_next: Any) -> Response:
        if "no" in request.query_string:
            raise HttpException(401, "sign in")
        response: Response = await call_next(request)
        seen.append(response.status)
        return response

    async with websocket(app, "/") as ws:
        await ws.send("tea")
        assert await ws.receive() == "tea"
    with pytest.raises(Refused, match="sign in"):
        async with websocket(app, "/?no"):
            raise AssertionError
    assert seen == [101]


async def test_a_task_may_receive_before_another_one_accepts(autojump_clock: MockClock) -> None:
    """It waits for the decision; Quart has such a task."""
    received: list[Message] = []

    async def talk(scope: Scope, receive: Receive, send: Send) -> None:
        async def gather() -> None:
            received.append(await receive())
            received.append(await receive())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(gather)
            await wait_all_tasks_blocked()
            assert received == [{"type": "websocket.connect"}]
            await send(ACCEPT)

    async with websocket(hump_of(talk), "/") as ws:
        await ws.send("tea")
        assert await anext(ws, None) is None
    assert received[1:] == [{"type": "websocket.receive", "text": "tea"}]


async def test_a_ready_message_is_received_at_once() -> None:
    """Also by a task that was cancelled: an app may look whether there is one."""
    polled: list[Message] = []

    async def poll(receive: Receive) -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            polled.append(await receive())

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        await poll(receive)
        await send(ACCEPT)
        await receive()  # the first one, and what came with it
        await poll(receive)
        await poll(receive)  # nothing
        await send({"type": "websocket.send", "text": "looked"})

    async with websocket(hump_of(look), "/") as ws:
        await ws.send_raw(b"".join(bytes([0x81, 0x81, 0, 0, 0, 0, each]) for each in b"ab"))
        assert await ws.receive() == "looked"
    assert polled == [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "b"},
    ]


# Refusals.


async def test_a_close_before_the_handshake_is_a_refusal() -> None:
    """It is answered with 403; the app that goes on receiving is told that nobody is there."""
    received: list[Message] = []

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        received.append(await receive())
        await send({"type": "websocket.close", "code": 4401, "reason": "sign in"})
        received.extend([await receive(), await receive()])

    status, _, _ = await refusal_of(refuse)
    assert status == 403
    gone = {"type": "websocket.disconnect", "code": 1006, "reason": ""}
    assert received == [{"type": "websocket.connect"}, gone, gone]


async def test_a_refusal_of_the_apps_own_making() -> None:
    """Its status, fields and body are the answer; a browser's page isn't told, but programs are."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"7"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
        await send({"type": START, "status": 401, "headers": headers})
        await send({"type": BODY, "body": b"sign ", "more_body": True})
        await send({"type": BODY, "body": b"in"})

    status, text, fields = await refusal_of(refuse)
    assert (status, text) == (401, "sign in")
    assert [value for name, value in fields if name == "set-cookie"] == ["a=1", "b=2"]
    assert [value for name, value in fields if name == "content-length"] == ["7"]


async def test_a_task_that_waits_is_told_of_a_refusal() -> None:
    """It has been waiting for what becomes of the handshake."""
    received: list[Message] = []

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        async def gather() -> None:
            received.append(await receive())
            received.append(await receive())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(gather)
            await wait_all_tasks_blocked()
            await send({"type": START, "status": 404})
            await send({"type": BODY})

    assert (await refusal_of(refuse))[:2] == (404, "")
    assert [each["type"] for each in received] == ["websocket.connect", "websocket.disconnect"]


async def test_a_refusal_is_a_page_at_most(caplog: pytest.LogCaptureFixture) -> None:
    """It is held until the app has returned: so it has a limit, of a megabyte."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": START, "status": 401})
        while True:
            await send({"type": BODY, "body": bytes(65_536), "more_body": True})

    status, text, _ = await refusal_of(refuse)
    assert (status, "\0" in text) == (500, False)
    assert [each.partition(" | ")[2] for each in errors_in(caplog)] == [
        f"RuntimeError('{BODY}: a refusal has at most 1048576 bytes')"
    ]


async def test_a_failure_behind_a_refusal(caplog: pytest.LogCaptureFixture) -> None:
    """The refusal stands, and the failure is logged."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close"})
        raise ValueError("late")

    status, text, _ = await refusal_of(refuse)
    assert (status, "late" in text) == (403, False)
    assert len(errors_in(caplog)) == 1
    assert errors_in(caplog)[0].startswith("failed behind its refusal: WebSocket /: ASGI app ")
    assert errors_in(caplog)[0].endswith("ValueError('late')")


async def test_an_app_that_lets_pass_that_nobody_is_there() -> None:
    """Its refusal stands, and what says no more than that is no failure."""

    class WebSocketDisconnect(Exception):
        """As Starlette's."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close"})
        await receive()
        raise WebSocketDisconnect

    assert (await refusal_of(refuse))[0] == 403


async def return_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    """Decide nothing."""


async def return_in_mid_refusal(scope: Scope, receive: Receive, send: Send) -> None:
    """Begin to refuse."""
    await send({"type": START, "status": 401})
    await send({"type": BODY, "body": b"sig", "more_body": True})


async def fail_in_mid_refusal(scope: Scope, receive: Receive, send: Send) -> None:
    """Begin to refuse."""
    await send({"type": START, "status": 401})
    raise RuntimeError("the kettle is empty")


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    """Decide nothing."""
    raise RuntimeError("the kettle is empty")


async def send_too_early(scope: Scope, receive: Receive, send: Send) -> None:
    """Make a mistake, and decide nothing."""
    try:
        await send({"type": "websocket.send", "text": "tea"})
    except RuntimeError:
        return


@pytest.mark.parametrize(
    ("app", "logged"),
    [
        (return_at_once, "has returned without accepting"),
        (return_in_mid_refusal, "has returned without accepting"),
        (fail_in_mid_refusal, "the kettle is empty"),
        (fail, "the kettle is empty"),
        (send_too_early, "has returned without accepting"),
    ],
)
async def test_an_app_that_fails_before_the_handshake(
    app: Any, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a 500 without a word of what was begun, and one line in the log."""
    status, text, _ = await refusal_of(app)
    assert status == 500
    assert "sig" not in text
    assert "kettle" not in text
    assert len(errors_in(caplog)) == 1
    assert logged in errors_in(caplog)[0]

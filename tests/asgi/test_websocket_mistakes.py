"""What an app of ASGI may not send on a WebSocket."""

import logging
from typing import Any

import pytest

from hump_trio.testing import Refused, websocket
from tests.support.asgi_apps import Receive, Scope, Send, hump_of

ACCEPT = {"type": "websocket.accept"}
CLOSE = {"type": "websocket.close"}
TEXT = {"type": "websocket.send", "text": "tea"}
START = {"type": "websocket.http.response.start", "status": 401}
BODY = {"type": "websocket.http.response.body", "body": b""}


class Erring:
    """An app that sends what it may not, and goes on.

    Args:
        messages: What it sends; the last one is the mistake.

    Attributes:
        error: What it was told.
    """

    def __init__(self, *messages: Any) -> None:
        self._messages = messages
        self.error: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all, and open the WebSocket or refuse it whatever happens."""
        for message in self._messages[:-1]:
            await send(message)
        with pytest.raises((RuntimeError, TypeError)) as raised:
            await send(self._messages[-1])
        self.error = raised.value
        if len(self._messages) == 1:
            await send(ACCEPT)


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([{"type": "http.response.start"}], RuntimeError("http.response.start: no message")),
        ([{}], TypeError("an ASGI message is a dict with a 'type', not {}")),
        (["tea"], TypeError("an ASGI message is a dict with a 'type', not 'tea'")),
        ([TEXT], RuntimeError("websocket.send: the WebSocket is connecting")),
        ([BODY], RuntimeError("response.body: the WebSocket is connecting")),
        ([{**START, "status": "401"}], RuntimeError("from 200 to 599, not '401'")),
        ([{"type": START["type"]}], RuntimeError("lacks its 'status'")),
        ([{**START, "headers": [("a", "b")]}], TypeError("headers are pairs of bytes")),
        ([{**ACCEPT, "headers": [(b"a",)]}], TypeError("headers are pairs of bytes")),
        (
            [{**ACCEPT, "headers": [(b"upgrade", b"x")]}],
            RuntimeError("upgrade is the server's own"),
        ),
        ([{**ACCEPT, "subprotocol": "tea"}], RuntimeError("has not offered the subprotocol 'tea'")),
        ([ACCEPT, ACCEPT], RuntimeError("websocket.accept: the WebSocket is open")),
        ([ACCEPT, START], RuntimeError("the WebSocket is open")),
        ([ACCEPT, {"type": "websocket.send"}], RuntimeError("it has either a text or bytes")),
        ([ACCEPT, {**TEXT, "bytes": b"x"}], RuntimeError("it has either a text or bytes")),
        (
            [ACCEPT, {**TEXT, "text": b"x"}],
            TypeError("a text is str and bytes are bytes, not b'x'"),
        ),
        (
            [ACCEPT, {"type": "websocket.send", "bytes": "x"}],
            TypeError("a text is str and bytes are bytes, not 'x'"),
        ),
        ([ACCEPT, {**TEXT, "text": "\ud800"}], RuntimeError("surrogates not allowed")),
        ([ACCEPT, {**CLOSE, "code": 1006}], RuntimeError("1006")),
        ([ACCEPT, {**CLOSE, "code": "1000"}], TypeError("a close has a code")),
        ([ACCEPT, {**CLOSE, "reason": "x" * 124}], RuntimeError("at most 123 bytes")),
        ([ACCEPT, CLOSE, TEXT], RuntimeError("websocket.send: the WebSocket is closed")),
        ([ACCEPT, CLOSE, CLOSE], RuntimeError("websocket.close: the WebSocket is closed")),
        ([ACCEPT, CLOSE, ACCEPT], RuntimeError("websocket.accept: the WebSocket is closed")),
    ],
)
async def test_a_mistake(
    messages: list[Any], error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """It raises in the app, which may go on; it is logged once, and leaves the WebSocket alone."""
    app = Erring(*messages)
    async with websocket(hump_of(app), "/") as ws:
        assert await anext(ws, None) is None
    assert ws.close_code == 1000
    assert type(app.error) is type(error)
    assert str(error) in str(app.error)
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert "WebSocket /: ASGI app tests.asgi." in record.getMessage()
    assert record.getMessage().endswith(f" went on after {app.error}")


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        ([CLOSE, ACCEPT], 403),
        ([CLOSE, CLOSE], 403),
        ([START, BODY, BODY], 401),
        ([START, BODY, TEXT], 401),
    ],
)
async def test_a_mistake_behind_a_refusal(
    messages: list[Any], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The refusal stands."""
    app = Erring(*messages)
    with pytest.raises(Refused) as refused:
        async with websocket(hump_of(app), "/"):
            raise AssertionError
    assert refused.value.response.status_code == status
    assert "the WebSocket is refused" in str(app.error)
    assert len([each for each in caplog.records if each.levelno >= logging.ERROR]) == 1


async def test_a_body_of_a_refusal_that_is_none(caplog: pytest.LogCaptureFixture) -> None:
    """A text isn't bytes: the app that goes on may say it better."""
    errors: list[Exception] = []

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        try:
            await send({**BODY, "body": "sign in"})
        except TypeError as error:
            errors.append(error)
        await send({**BODY, "body": b"sign in"})

    with pytest.raises(Refused, match="401 Unauthorized: sign in"):
        async with websocket(hump_of(refuse), "/"):
            raise AssertionError
    assert len(errors) == 1


async def test_a_mistake_that_comes_out(caplog: pytest.LogCaptureFixture) -> None:
    """It is an error of the app's like any other: 1011, and one line in the log."""

    async def err(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        await send(ACCEPT)

    async with websocket(hump_of(err), "/") as ws:
        assert await anext(ws, None) is None
    assert ws.close_code == 1011
    assert len([each for each in caplog.records if each.levelno >= logging.ERROR]) == 1

"""Answers that depend on their request are resolved before anyone looks at them."""

from typing import ClassVar

import pytest

from hump_trio import CallNext, HttpException, Hump, Request, Response
from hump_trio.testing import client, connect
from tests.support.wire import request


class Echo(Response):
    """An answer that tells what was asked for."""

    __slots__ = ()
    __depends_on_request__: ClassVar[bool] = True

    async def __resolve__(self, request: Request) -> Response:
        """Return the answer, or refuse."""
        if request.path == "/refused":
            raise HttpException(412, "not today")
        return Response(request.url, 203)


def an_app() -> Hump:
    """Return an app that answers so from everywhere."""
    app = Hump()

    @app.get("/refused")
    @app.get("/{name}")
    async def index() -> Response:
        return Echo()

    @app.get("/error/{name}")
    async def fail() -> str:
        raise LookupError

    @app.exception_handler(LookupError)
    async def answer(request: Request, error: LookupError) -> Response:
        return Echo()

    return app


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [("/a?b", 203, "/a?b"), ("/error/a", 203, "/error/a"), ("/refused", 412, "not today")],
)
@pytest.mark.parametrize("pieces", ["whole", "in two"])
async def test_on_both_paths(path: str, status: int, text: str, pieces: str) -> None:
    """Whether the request comes whole or not, from a handler and from an exception handler."""
    head = request("GET", path, "Connection: close")
    async with connect(an_app()) as raw:
        if pieces == "whole":
            await raw.send(head)
        else:
            await raw.trickle(head, pause=0)
        answer = b""
        while part := await raw.receive():
            answer += part
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.endswith(b"\r\n\r\n" + text.encode())


async def test_middleware_sees_what_is_sent() -> None:
    """A layer gets the resolved answer, and may give one to be resolved itself."""
    app, seen = an_app(), list[int]()

    @app.middleware
    async def replace(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        return Echo() if request.path == "/replaced" else response

    @app.middleware
    async def look(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        seen.append(response.status)
        return response

    async with client(app) as http:
        for path in ("/a", "/error/a", "/refused", "/replaced"):
            await http.get(path)
        assert (await http.get("/replaced")).text == "/replaced"
    assert seen == [203, 203, 412, 203, 203]


async def test_most_answers_are_themselves() -> None:
    """One that depends on nothing is resolved to itself, so that code may ask any."""
    response = Response("a")
    assert await response.__resolve__(Request("GET", "/", "/")) is response

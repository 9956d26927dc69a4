"""One layer of an onion by itself: a request in, what a handler would answer, an answer out."""

from typing import Any

import pytest
import trio

from hump_trio import Headers, Hump, Request, Response
from hump_trio.testing import connect
from tests.support.wire import parse_answers, read_to_end, request


def a_request(method: str = "GET", headers: Any = (), **fields: Any) -> Request:
    """Return a request for the front page."""
    return Request(method, "/", "/", headers=Headers(headers), **fields)


async def pass_through(
    middleware: Any, request: Request, answer: Response | Exception | None = None
) -> Response:
    """Return what a layer makes of an answer, or of an error."""

    async def call_next(request: Request) -> Response:
        if isinstance(answer, Exception):
            raise answer
        return Response("text") if answer is None else answer

    response = await middleware(request, call_next)
    assert isinstance(response, Response)
    return response


async def check_cancelled_handler(middleware: Any) -> None:
    """Check that a handler under a layer is cancelled, and the next request answered as ever."""
    app, noted = Hump(), list[str]()
    app.middleware(middleware)

    @app.get("/", timeout=2)
    async def index() -> str:
        try:
            await trio.sleep(60)
        finally:
            noted.append("cancelled")
        return "never"

    @app.get("/quick")
    async def quick() -> str:
        return "quick"

    async with connect(app) as raw:
        await raw.send(request() + request("GET", "/quick", "Connection: close"))
        cut, answer = parse_answers(await read_to_end(raw), "GET", "GET")
    assert (cut.status, answer.text, noted) == (503, "quick", ["cancelled"])


async def check_unforeseen_error(
    middleware: Any, caplog: pytest.LogCaptureFixture, headers: Any = ()
) -> Response:
    """Return what a layer makes of an error that nobody foresaw: a 500, logged once."""
    response = await pass_through(middleware, a_request(headers=headers), RuntimeError("secret"))
    assert (response.status, response.body) == (500, b"Internal Server Error")
    assert [record.getMessage() for record in caplog.records] == ["GET / failed"]
    return response

"""The fast path answers as the plain path does, whatever a handler returns or raises."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Any, NamedTuple

import pytest
import trio

from hump_trio import (
    HtmlResponse,
    HttpException,
    Hump,
    JsonResponse,
    Request,
    Response,
    Send,
    StreamResponse,
)
from hump_trio.facts.exceptions import DeadlineError, OverloadError
from hump_trio.server.http1.stream import JOINED_BYTES
from tests.support.both_paths import Stage, both_alike, play_both
from tests.support.wire import request


@dataclass
class Point:
    """What becomes JSON."""

    x: int


class Pair(NamedTuple):
    """What becomes JSON as a tuple."""

    x: int


class Text(str):
    """What is no plain text by its type."""

    __slots__ = ()


class Fields(dict[str, int]):
    """What is no plain dict by its type."""


async def parts() -> AsyncIterator[str]:
    """Yield a body."""
    for part in ("some", "", "more"):
        await trio.lowlevel.checkpoint()
        yield part


async def produce(send: Send) -> None:
    """Send a body."""
    await send(b"some")
    await send("more")


def raising(make: Callable[[], Exception]) -> Callable[[], Any]:
    """Return a function that raises something new each time."""

    def fail() -> None:
        raise make()

    return fail


def changed(**values: Any) -> Callable[[], Response]:
    """Return a function that returns a response which was changed after it was made."""

    def make() -> Response:
        response = Response("changed")
        for name, value in values.items():
            setattr(response, name, value)
        return response

    return make


def with_status(status: int) -> Callable[[], Response]:
    """Return a function that returns a response of a status, with a body that it may not have."""
    return lambda: Response("body", status)


def with_field(name: str, value: str, body: Any = "body") -> Callable[[], Response]:
    """Return a function that returns a response with a field."""
    return lambda: Response(body, headers={name: value})


# An answer's head takes about 140 bytes.
EDGES = [JOINED_BYTES - 200 + more for more in (0, 20, 40, 50, 55, 60, 65, 70, 80, 199, 200, 201)]
SHARED = Response("shared", headers={"x-a": "b"})

VALUES: dict[str, Callable[[], Any]] = {
    "text": lambda: "hello",
    "text-of-many": lambda: "grüße €",
    "empty-text": lambda: "",
    "text-by-another-name": lambda: Text("hello"),
    "text-without-utf8": lambda: "\ud800",
    "bytes": lambda: b"hello",
    "empty-bytes": lambda: b"",
    "bytearray": lambda: bytearray(b"hello"),
    "memoryview": lambda: memoryview(b"hello"),
    "none": lambda: None,
    "dict": lambda: {"a": [1, "b"], "c": None},
    "empty-dict": lambda: {},
    "dict-by-another-name": lambda: Fields(a=1),
    "list": lambda: [1, 2],
    "tuple": lambda: (1, 2),
    "pair": lambda: Pair(1),
    "dataclass": lambda: Point(1),
    "dict-of-dataclass": lambda: {"point": Point(1)},
    "dict-without-json": lambda: {"a": object()},
    "dict-of-half-a-pair": lambda: {"a": "\ud800"},
    "set": lambda: {1},
    "number": lambda: 1,
    "coroutine-function": lambda: parts,
    "exception": lambda: ValueError("returned"),
    "generator": parts,
    "produced": lambda: StreamResponse(produce),
    "streamed-response": lambda: Response(parts()),
    "streamed-with-length": lambda: Response(parts(), headers={"content-length": "8"}),
    "streamed-with-wrong-length": lambda: Response(parts(), headers={"content-length": "7"}),
    "streamed-with-no-length": lambda: Response(parts(), headers={"content-length": "x"}),
    "shared-response": lambda: SHARED,
    "empty-response": lambda: Response(),
    "html": lambda: HtmlResponse("<p>"),
    "json": lambda: JsonResponse({"a": 1}, 201),
    "cookies": lambda: Response("a", headers=[("set-cookie", "a=b"), ("Set-Cookie", "c=d")]),
    "type-of-its-own": with_field("Content-Type", "text/csv"),
    "closing": with_field("connection", "close"),
    "closing-among-others": with_field("Connection", "x, Close"),
    "keeping": with_field("connection", "keep-alive"),
    "length-of-its-own": with_field("content-length", "3"),
    "length-of-none": with_field("content-length", "7", None),
    "length-that-is-none": with_field("content-length", "x"),
    "coding-of-its-own": with_field("transfer-encoding", "chunked"),
    "date-of-its-own": with_field("date", "Tue, 15 Nov 1994 08:12:31 GMT"),
    "server-of-its-own": with_field("Server", "other/1"),
    "latin-field": with_field("x-name", "caf\xe9"),
    "status-of-the-library": lambda: Response("body", HTTPStatus.CREATED),
    "changed-body": changed(body=b"bytes"),
    "changed-to-parts": lambda: changed(body=parts())(),
    "changed-to-nonsense": changed(body=1),
    "changed-status": changed(status=404),
    "changed-to-no-status": changed(status=99),
    "changed-headers": changed(headers={"x-a": "b"}),
    **{f"status-{status}": with_status(status) for status in (204, 205, 206, 299, 304, 418, 599)},
    "http-exception": raising(lambda: HttpException(418, "no coffee", headers={"x-a": "b"})),
    "redirect": raising(lambda: HttpException(302, headers={"location": "/"})),
    "shed": raising(lambda: OverloadError("too many")),
    "too-late": raising(lambda: DeadlineError("here")),
    "value-error": raising(lambda: ValueError("wrong")),
    "key-error": raising(lambda: KeyError("handled")),
    "os-error": raising(lambda: OSError("its handler fails")),
    "group": raising(lambda: ExceptionGroup("", [HttpException(409), HttpException(410)])),
    "group-of-both": raising(lambda: ExceptionGroup("", [HttpException(409), ValueError("x")])),
    "group-handled": raising(lambda: ExceptionGroup("", [KeyError("a"), KeyError("b")])),
    "broken": raising(lambda: trio.BrokenResourceError("of a client of its own")),
    **{f"text-{size}": partial("x".__mul__, size) for size in EDGES},
    **{f"bytes-{size}": partial(bytes, size) for size in EDGES},
    "much-json": lambda: ["x" * JOINED_BYTES],
    "much-text": lambda: "x" * 200_000,
    "much-response": lambda: Response(bytes(200_000)),
}


def build_value(name: str, stage: Stage, *, middleware: bool = False) -> Hump:
    """Return an app with a route for a value, and handlers for some errors."""
    app = Hump()
    numbers = count(1)

    @app.route(f"/{name}", methods=["GET", "POST"])
    async def handler() -> Any:
        return VALUES[name]()

    @app.exception_handler(KeyError)
    async def handle_key(request: Request, error: KeyError) -> Response:
        stage.note("handled", request.url, repr(error))
        return Response(f"no {error}", 404)

    @app.exception_handler(OSError)
    async def handle_os(request: Request, error: OSError) -> Response:
        raise RuntimeError("the handler of an error fails")

    if middleware:

        @app.middleware
        async def number(request: Request, call_next: Any) -> Any:
            request.state["number"] = next(numbers)
            response = await call_next(request)
            response.headers["x-number"] = str(request.state["number"])
            return response

    return app


def requests_for(path: str) -> list[bytes]:
    """Return requests of every kind for a path."""
    return [
        request("GET", path),
        request("GET", f"{path}?a=b", "Accept: application/json"),
        request("GET", path, "Connection: keep-alive", "Cookie: a=b"),
        request("HEAD", path),
        request("OPTIONS", path),
        request("POST", path),
        request("POST", path, body=b"body"),
        request("DELETE", path),
        request("GET", path, "Connection: close"),
        request("GET", path, version="1.0"),
    ]


@pytest.mark.parametrize("middleware", [False, True])
@pytest.mark.parametrize("name", VALUES)
@both_alike
def test_whatever_a_handler_returns(name: str, *, middleware: bool) -> None:
    """Or raises: the answer is the same, and so are its line in the log and what is counted."""

    async def scene(stage: Stage) -> None:
        for data in requests_for(f"/{name}"):
            client = stage.connect()
            await stage.send(client, data, data)
            client.close()

    stage = play_both(partial(build_value, name, middleware=middleware), scene)
    assert stage.fast_count > 4


@both_alike
@pytest.mark.parametrize("more", [b"more", request()])
def test_who_sends_more_than_the_last_request_reads_the_whole_answer(more: bytes) -> None:
    """Closing at once would reset the connection, and destroy the answer on its way."""

    async def nap() -> str:
        await trio.sleep(0.1)
        return "slept"

    def build(stage: Stage) -> Hump:
        app = Hump()
        app.get("/")(nap)
        return app

    async def scene(stage: Stage) -> None:
        client = stage.connect()
        client.send_nowait(request("GET", "/", "Connection: close"))
        await trio.sleep(0.05)
        await stage.send(client, more)
        client.send_nowait(more)  # it is still read, and so it breaks nothing
        client.close()
        await stage.send(client)

    assert "ended" in repr(play_both(build, scene).seen)

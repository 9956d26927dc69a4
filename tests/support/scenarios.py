"""What connections carry that are cut anywhere, and the app that answers it."""

import math
from collections.abc import AsyncIterator
from functools import cache
from typing import Annotated, TypeAlias

import pytest
import trio

from hump_trio import (
    Bearer,
    Begin,
    CallNext,
    HttpException,
    Request,
    Response,
    Send,
    StreamResponse,
    Timeouts,
)
from hump_trio.messages.reply import Reply, Spoken
from hump_trio.routing.layer import Layer
from hump_trio.routing.route import Route
from hump_trio.server.life import Life
from hump_trio.server.state import ServerState
from tests.support.served import served, served_anew
from tests.support.struck import (
    Countdown,
    cancel,
    serve_struck,
)
from tests.support.wire import Answer, chunked, parse_answers, request

# What is sent, with a pause behind each part, and the methods of the requests that it is.
Scenario: TypeAlias = tuple[list[bytes], tuple[str, ...]]

GET = request("GET", "/", "Connection: close")
TOKEN = "Authorization: Bearer abc"
SCENARIOS: dict[str, Scenario] = {
    "get": ([GET], ("GET",)),
    "post": ([request("POST", "/", "Connection: close", body=b"x" * 1000)], ("POST",)),
    "chunked": ([chunked(b"abc", b"d" * 500, path="/")], ("POST",)),
    "expect": ([request("POST", "/", "Expect: 100-continue", "Content-Length: 5")], ("POST",)),
    "upload": ([chunked(b"abc", b"d" * 500, path="/upload")], ("POST",)),
    "stream": ([request("GET", "/stream")], ("GET",)),
    "both-ways": ([chunked(b"abc", b"d" * 500, path="/echo")], ("POST",)),
    "large": ([request("GET", "/large")], ("GET",)),
    "error": ([request("GET", "/error")], ("GET",)),
    "unread": ([request("POST", "/nowhere", body=b"x" * 500)], ("POST",)),
    "malformed": ([request("GET", "/") + b"GET\r\n\r\n"], ("GET", "GET")),
    "three": (
        [request() + request("POST", body=b"abc") + request("HEAD")],
        ("GET", "POST", "HEAD"),
    ),
    "apart": ([request(), request("POST", body=b"abc"), GET], ("GET", "POST", "GET")),
    "waiting": ([request("GET", "/wait"), request("GET", "/wait")], ("GET", "GET")),
    "lingering": ([request("GET", "/nap", "Connection: close"), b"more"], ("GET",)),
    "trailers": ([request("GET", "/sum", "TE: trailers")], ("GET",)),
    "hints": ([request("GET", "/hints", "User-Agent: judge")] * 2, ("GET", "GET")),
    "large-hints": ([request("GET", "/large-hints", "User-Agent: judge")] * 2, ("GET", "GET")),
    "spoken": ([request("POST", "/spoken", body=b"abc"), GET], ("POST", "GET")),
    "spoken-parts": ([chunked(b"abc", b"d" * 500, path="/spoken-parts"), GET], ("POST", "GET")),
    "spoken-unread": ([request("POST", "/spoken-large", body=b"x" * 500), GET], ("POST", "GET")),
    "spoken-trailers": ([request("GET", "/begun", "TE: trailers"), GET], ("GET", "GET")),
    "spoken-head": ([request("HEAD", "/begun"), GET], ("HEAD", "GET")),
    "checked": ([chunked(b"abc", b"d" * 500, path="/checked"), GET], ("POST", "GET")),
    "checked-expect": (
        [request("POST", "/checked", "Expect: 100-continue", "Content-Length: 5"), b"hello"],
        ("POST",),
    ),
    "checked-refused": (
        [request("POST", "/checked", "X-No: 1", "Content-Length: 9") + b"abc", b"defghi", GET],
        ("POST", "GET"),
    ),
    "secured": (
        [
            request("POST", "/secured", "Authorization: Bearer a", "Content-Length: 9"),
            b"x" * 9,
            GET,
        ],
        ("POST", "GET"),
    ),
    "filling": ([request("GET", "/much")] * 3, ("GET", "GET", "GET")),
}
# As the fast path wants it, and as it doesn't.
each_arrival = pytest.mark.parametrize("receive_bytes", [None, 150], ids=["whole", "little"])


async def whole(request: Request) -> bytes:
    """Answer with the body."""
    return request.body


async def check_head(request: Request) -> None:
    """Refuse a request by its head, after a wait."""
    await trio.lowlevel.checkpoint()
    if "x-no" in request.headers:
        raise HttpException(401)


async def checked(request: Request) -> bytes:
    """Answer with the body of a request that was let pass."""
    return request.body


checked.__head_checks__ = (check_head,)  # type: ignore[attr-defined]  # as decorators set it


async def secured(request: Request, token: Annotated[str, Bearer()]) -> bytes:
    """Answer with the body of a request that has a token."""
    return request.body


async def look(request: Request, call_next: CallNext) -> Response:
    """Look at the body, as middleware may."""
    await trio.lowlevel.checkpoint()
    assert len(request.body) in (0, 9)
    return await call_next(request)


async def wait() -> list[int]:
    """Answer when a task of its own has ended."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.lowlevel.checkpoint)
    return [1, 2]


async def nap() -> None:
    """Answer when more has come."""
    await trio.sleep(0.02)


async def much() -> str:
    """Answer with nearly as much as the wire holds."""
    return "x" * 60_000


async def large() -> bytes:
    """Answer with more than the wire holds."""
    return bytes(300_000)


async def stream() -> AsyncIterator[bytes]:
    """Answer in parts."""
    for _ in range(3):
        await trio.lowlevel.checkpoint()
        yield b"part"


async def send_sum(send: Send) -> dict[str, str]:
    """Send a part, and what follows it."""
    await send("part")
    return {"x-sum": "x" * 300}


async def total() -> StreamResponse:
    """Answer with trailers."""
    return StreamResponse(send_sum, trailers={"x-count": "1"})


async def hints(request: Request) -> str:
    """Answer after early hints."""
    for _ in range(2):
        await request.send_early_hints("</a.css>; rel=preload", "</b.js>; rel=preload")
    return "hinted"


async def large_hints(request: Request) -> str:
    """Answer after more hints than the wire holds."""
    for _ in range(10):
        await request.send_early_hints("x" * 10_000)
    return "hinted"


async def upload(request: Request) -> str:
    """Read in parts."""
    return str(sum([len(part) async for part in request.stream]))


async def echo(request: Request) -> AsyncIterator[bytes]:
    """Answer each part as it comes."""
    async for part in request.stream:
        yield part


async def error() -> None:
    """Raise what has an answer."""
    raise HttpException(418)


async def spoken() -> Response:
    """Answer with the body, after a wait, and go on."""

    async def speak(reply: Reply) -> None:
        body = await reply.receive()
        await trio.lowlevel.checkpoint()
        reply.begin(200, [("content-type", "text/plain")])
        await reply.finish(body)
        await reply.wait_over()
        await trio.lowlevel.checkpoint()

    return Response(Spoken(speak))


async def spoken_parts() -> Response:
    """Answer each part as it comes, and go on."""

    async def speak(reply: Reply) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reply.wait_over)
            reply.begin(200, [])
            while part := await reply.receive():
                await reply.send(part)
            await reply.finish()
            await trio.lowlevel.checkpoint()

    return Response(Spoken(speak))


async def spoken_large() -> Response:
    """Answer with more than the wire holds, whatever is asked."""

    async def speak(reply: Reply) -> None:
        reply.begin(200, [])
        await reply.finish(bytes(300_000))

    return Response(Spoken(speak))


async def begun() -> StreamResponse:
    """Answer with what begins its answer."""

    async def produce(send: Send, begin: Begin) -> dict[str, str]:
        await trio.lowlevel.checkpoint()
        begin(201, {"x-tea": "green"})
        await send("part")
        return {"x-sum": "x" * 300}

    return StreamResponse(produce, trailers={"x-count": "1"})


@cache
def first_state() -> ServerState:
    """Return the state of a server with these handlers; nobody connects to it."""
    get, post = ("GET",), ("POST",)
    return served(
        Route(template="/", methods=get + post, handler=whole),
        Route(template="/secured", methods=post, handler=secured, layers=(Layer([look]),)),
        Route(template="/checked", methods=post, handler=checked),
        Route(template="/wait", methods=get, handler=wait),
        Route(template="/nap", methods=get, handler=nap),
        Route(template="/much", methods=get, handler=much),
        Route(template="/sum", methods=get, handler=total),
        Route(template="/hints", methods=get, handler=hints),
        Route(template="/large-hints", methods=get, handler=large_hints),
        Route(template="/large", methods=get, handler=large),
        Route(template="/stream", methods=get, handler=stream, timeout=20),
        Route(template="/upload", methods=post, handler=upload, stream=True),
        Route(template="/echo", methods=post, handler=echo, stream=True),
        Route(template="/error", methods=get, handler=error),
        Route(template="/spoken", methods=post, handler=spoken),
        Route(template="/spoken-parts", methods=post, handler=spoken_parts, stream=True),
        Route(template="/spoken-large", methods=post, handler=spoken_large, stream=True),
        Route(template="/begun", methods=get, handler=begun, timeout=20),
        timeouts=Timeouts(keep_alive=1),  # each sweep of an idle connection takes real time
        server="test",
    )


def new_state() -> ServerState:
    """Return the state of a server with these handlers."""
    state = served_anew(first_state())
    state.start_attendant = lambda run: None  # the connection waits for what is behind an answer
    return state


async def check_following(state: ServerState, data: bytes = GET) -> list[Answer]:
    """Return the answers to a request on the next connection; nothing is left of earlier ones."""
    assert (state.request_count, state.buffered_bytes) == (0, 0)
    state.life = Life.SERVING
    tapped = await serve_struck(state, [data], "before", Countdown(math.inf), cancel, None)
    return parse_answers(bytes(tapped.sent))

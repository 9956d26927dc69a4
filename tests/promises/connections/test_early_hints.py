"""Early hints: before the answer, alike on both paths, and for nobody who may misread them."""

import gc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Request, Response, Send, StreamResponse, Timeouts
from hump_trio.server.connection import Connection
from hump_trio.testing import connect
from tests.support.both_paths import Stage, both_alike, play_both
from tests.support.wire import ask, read_to_end, request

LINK = "</style.css>; rel=preload; as=style"
NAMED = ("User-Agent: judge/1", "Connection: close")
HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload; as=style\r\n\r\n"


def build(stage: Stage) -> Hump:
    """Return an app whose handlers send early hints at different times."""
    app = Hump(timeouts=Timeouts(handler=5, send_grace=3))

    async def hint(request: Request, name: str) -> None:
        try:
            await request.send_early_hints(LINK, f"</{name}>")
        except Exception as error:
            stage.note(name[:9], repr(error))

    @app.get("/")
    async def index(request: Request) -> str:
        await hint(request, "first")
        await hint(request, "second")
        return "hello"

    @app.get("/stream")
    async def stream(request: Request) -> StreamResponse:
        async def produce(send: Send) -> None:
            await hint(request, "before")
            await send("part")
            await hint(request, "after")

        return StreamResponse(produce)

    @app.get("/late")
    async def late(request: Request) -> str:
        async def hint_later() -> None:
            await trio.sleep(0.1)
            await hint(request, "late")

        app.start_soon(hint_later)
        return "hello"

    @app.get("/aside")
    async def aside(request: Request) -> str:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hint, request, "aside")
        return "hello"

    @app.get("/error")
    async def fail(request: Request) -> str:
        await hint(request, "error")
        raise ValueError("after hints")

    @app.get("/cut")
    async def cut(request: Request) -> str:
        for _ in range(9):
            with trio.move_on_after(0.5):
                await hint(request, "a" * 30_000)
        return "hello"

    @app.get("/stall", on_disconnect="finish")
    async def stall(request: Request) -> str:
        for _ in range(9):
            await hint(request, "a" * 30_000)
        return "hello"

    @app.get("/beside")
    async def beside(request: Request) -> str:
        for _ in range(9):
            app.start_soon(hint, request, "a" * 30_000)
        await trio.sleep(0.5)
        return "hello"

    return app


@both_alike
@pytest.mark.parametrize("lines", [NAMED[:1], ("User-Agent: Mozilla/5.0",), ()])
@pytest.mark.parametrize("path", ["/", "/stream", "/late", "/aside", "/error"])
def test_hints_are_alike_on_both_paths(path: str, lines: tuple[str, ...]) -> None:
    """Before one request and before the next one, whatever the handler is and does."""

    async def scene(stage: Stage) -> None:
        client = stage.connect()
        asked = request("GET", path, *lines)
        await stage.send(client, asked, asked, asked + asked, request("GET", path, *NAMED))

    assert play_both(build, scene).fast_count >= 2


@both_alike
@pytest.mark.parametrize(
    ("path", "leaves"),
    [
        ("/cut", False),
        ("/cut", True),
        ("/stall", False),
        ("/stall", True),
        ("/beside", False),  # who hears first of a client that leaves is up to chance
    ],
)
def test_a_client_that_does_not_read_hints_is_alike_on_both_paths(
    path: str, *, leaves: bool
) -> None:
    """Nothing follows hints that were cut or are under way, least of all an answer."""

    async def scene(stage: Stage) -> None:
        client = stage.connect(window_bytes=40_000)
        client.send_nowait(request("GET", path, *NAMED[:1]))
        if leaves:
            await trio.sleep(0.2)
            client.reset()
        await trio.sleep(20)
        stage.look(client)

    play_both(build, scene)


async def test_hints_are_a_response_of_their_own(autojump_clock: MockClock) -> None:
    """To the byte, and h11 takes the answer for what follows it."""
    app = build(Stage(lambda stage: Hump()))
    [answer] = await ask(app, request("GET", "/", *NAMED))
    assert (answer.informational, answer.status, answer.text) == ([103, 103], 200, "hello")
    one = Hump()

    @one.get("/")
    async def index(request: Request) -> str:
        await request.send_early_hints(LINK)
        return "hello"

    async with connect(one) as raw:
        await raw.send(request("GET", "/", *NAMED))
        data = await read_to_end(raw)
    assert data.startswith(HINTS + b"HTTP/1.1 200 OK\r\n")


async def test_middleware_and_error_handlers_send_hints(autojump_clock: MockClock) -> None:
    """The request is the same to all of them."""
    app = Hump()

    @app.middleware
    async def hint(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        await request.send_early_hints(LINK)
        return await call_next(request)

    @app.exception_handler(KeyError)
    async def explain(request: Request, error: KeyError) -> str:
        await request.send_early_hints(LINK)
        return "no key"

    @app.get("/")
    async def index() -> str:
        raise KeyError

    [answer] = await ask(app, request("GET", "/", *NAMED))
    assert (answer.informational, answer.text) == ([103, 103], "no key")


@pytest.mark.parametrize("path", ["/", "/stream"])
async def test_a_request_that_is_kept_holds_no_connection(
    path: str, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor can it be hinted for any more."""
    app, kept = Hump(), list[Request]()
    made: list[weakref.ref[object]] = []
    write = Connection.write

    async def note(self: Connection, data: bytes) -> None:
        made.append(weakref.ref(self.transport))
        await write(self, data)

    monkeypatch.setattr(Connection, "write", note)

    @app.get("/")
    async def index(request: Request) -> str:
        kept.append(request)
        await request.send_early_hints(LINK)
        return "hello"

    @app.get("/stream")
    async def stream(request: Request) -> AsyncIterator[str]:
        kept.append(request)
        await request.send_early_hints(LINK)
        yield "hello"

    await ask(app, request("GET", path, *NAMED))
    gc.collect()
    assert len(kept) == 1
    assert made
    assert [each() for each in made] == [None] * len(made)
    with pytest.raises(trio.ClosedResourceError, match="the request is over"):
        await kept[0].send_early_hints(LINK)

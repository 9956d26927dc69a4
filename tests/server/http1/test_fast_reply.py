"""An answer that an app begins on the fast path is what it would be on the plain path."""

from collections.abc import Awaitable, Callable

import pytest
import trio

from hump_trio import Hump, Limits, Request, Response, Timeouts
from hump_trio.messages.choice import Choice
from hump_trio.messages.reply import Reply, Spoken
from tests.support.both_paths import Stage, both_alike, play_both
from tests.support.wire import request

pytestmark = both_alike

TYPE = ("content-type", "text/plain")
Speak = Callable[[Reply], Awaitable[None]]


def giving(
    *fields: tuple[str, str],
    status: int = 200,
    parts: tuple[bytes, ...] = (),
    data: bytes = b"tea",
    waits: tuple[float, float, float] = (0, 0, 0),
) -> Speak:
    """Return what gives an answer.

    Args:
        fields: Those of the answer.
        status: That of the answer.
        parts: What is sent before the end.
        data: What is sent with the end.
        waits: Seconds before the beginning, before the end, and behind it.
    """

    async def speak(reply: Reply) -> None:
        if waits[0]:
            await trio.sleep(waits[0])
        body = await reply.receive()
        assert await reply.receive() == b""
        reply.begin(status, [*fields])
        for part in parts:
            await reply.send(part)
        if waits[1]:
            await trio.sleep(waits[1])
        await reply.finish(body + data)
        if waits[2]:
            await trio.sleep(waits[2])

    return speak


async def trailing(reply: Reply) -> None:
    """Give trailers."""
    reply.begin(200, [TYPE], trailers=True)
    await reply.finish(b"tea", [("x-sum", "3")])


async def silent(reply: Reply) -> None:
    """Give nothing."""


async def cut_off(reply: Reply) -> None:
    """Give no end."""
    reply.begin(200, [TYPE])
    await reply.send(b"te")


async def failing(reply: Reply) -> None:
    """Fail at the beginning."""
    reply.begin(200, [TYPE])
    raise ValueError("no tea")


async def failing_behind(reply: Reply) -> None:
    """Fail when all is given."""
    reply.begin(200, [TYPE])
    await reply.finish(b"tea")
    raise ValueError("no milk")


async def hinting(reply: Reply) -> None:
    """Wait within the time of a sweep and past it."""
    await trio.sleep(0.6)
    reply.begin(200, [TYPE, ("set-cookie", "a=1"), ("set-cookie", "b=2")])
    await trio.sleep(0.6)
    await reply.finish(b"tea")


SPEAKERS: list[Speak] = [
    giving(TYPE),
    giving(TYPE, ("content-length", "3")),
    giving(TYPE, ("content-length", "2")),
    giving(TYPE, ("content-length", "30")),
    giving(TYPE, ("content-length", "three")),
    giving(TYPE, ("x-tea", "grün"), ("x-Tea", "\tblack ")),
    giving(("x-tea", "g\nreen")),
    giving(("date", "now"), ("server", "shop"), ("upgrade", "h2c"), ("transfer-encoding", "gzip")),
    giving(TYPE, ("connection", "close")),
    giving(status=204),
    giving(status=304),
    giving(status=205, data=b""),
    giving(status=299),
    giving(status=199),
    giving(data=b""),
    giving(TYPE, parts=(b"", b"a pot ", b"of ")),
    giving(TYPE, ("content-length", "12"), parts=(b"a pot ", b"of ")),
    giving(TYPE, data=b"t" * 200_000),
    giving(TYPE, waits=(0.6, 0, 0)),
    giving(TYPE, waits=(0, 0.6, 0)),
    giving(TYPE, waits=(0, 0, 0.6)),
    giving(TYPE, waits=(10, 0, 0)),
    giving(TYPE, waits=(0, 10, 0)),
    giving(TYPE, waits=(0, 0, 10)),
    trailing,
    silent,
    cut_off,
    failing,
    failing_behind,
    hinting,
    giving(TYPE, data=b"t" * 120_000),
    giving(TYPE, parts=(b"a cup ",), waits=(0.03, 0, 0)),
    giving(TYPE, waits=(0.03, 0, 0)),
]


def build_speaking(stage: Stage) -> Hump:
    """Return an app with a path for each of those that speak."""
    app = Hump(limits=Limits(body_bytes=20), timeouts=Timeouts(handler=5))
    for index, speak in enumerate(SPEAKERS):

        def make(speak: Speak) -> Callable[[Request], Awaitable[Response]]:
            async def handler(request: Request) -> Response:
                return Response(Spoken(speak, "speaker"), headers={"x-shop": "open"})

            return handler

        app.route(f"/{index}", methods=["GET", "POST"])(make(speak))

    @app.get("/")
    async def plain() -> str:
        return "plain"

    return app


@pytest.mark.parametrize("index", range(len(SPEAKERS)))
@pytest.mark.parametrize("access", [False, True])
def test_every_answer_is_the_same(index: int, access: bool) -> None:
    """With its connection's rest, its logs and its statistics."""

    async def scene(stage: Stage) -> None:
        client = stage.connect()
        path = f"/{index}"
        await stage.send(client, request("GET", path), request("POST", path, body=b"green "))
        await stage.send(client, request("GET", "/"))
        await trio.sleep(20)
        stage.look(client)
        last = stage.connect()
        await stage.send(last, request("GET", path, "Connection: close"))
        pipelined = stage.connect()
        await stage.send(pipelined, request("GET", path) + request("GET", "/"))
        await trio.sleep(20)
        stage.look(pipelined)
        stage.app.shutdown()

    play_both(build_speaking, scene, access=access)


@pytest.mark.parametrize("index", [0, 15, 17, 18, 20, 30])
@pytest.mark.parametrize("window_bytes", [0, 1000])
def test_a_client_that_takes_little_gets_the_same(index: int, window_bytes: int) -> None:
    """And one that leaves then is no news."""

    async def scene(stage: Stage) -> None:
        for leaves in (False, True):
            client = stage.connect(window_bytes)
            await stage.send(client, request("GET", f"/{index}"))
            if leaves:
                client.reset()
            for _ in range(4):
                await trio.sleep(1)
                stage.look(client)
        stage.app.shutdown()

    play_both(build_speaking, scene)


@pytest.mark.parametrize("index", [31, 32])
def test_a_client_that_leaves_before_it_is_looked_for_is_no_news(index: int) -> None:
    """The first write finds it gone."""

    async def scene(stage: Stage) -> None:
        client = stage.connect()
        client.send_nowait(request("GET", f"/{index}"))
        await trio.sleep(0.02)
        client.reset()
        for _ in range(3):
            await trio.sleep(1)
            stage.look(client)
        stage.app.shutdown()

    play_both(build_speaking, scene)


def test_a_request_that_came_whole_is_served_on_the_fast_path() -> None:
    """Although its app may read the body in parts."""

    async def call(request: Request) -> Response:
        return Response()

    assert Choice(call, {}, speaks=True).plain
    assert not Choice(call, {}, stream=True).plain
    assert not Choice(call, {}, speaks=True, timeout=None).plain


@pytest.mark.parametrize("more", [b"more", request()])
def test_who_sends_more_than_the_last_request_reads_the_whole_answer(more: bytes) -> None:
    """Closing at once would reset the connection, and destroy the answer on its way."""

    def build(stage: Stage) -> Hump:
        app = Hump()

        @app.get("/")
        async def speak() -> Response:
            return Response(Spoken(giving(TYPE, waits=(0.1, 0, 0)), "speaker"))

        return app

    async def scene(stage: Stage) -> None:
        client = stage.connect()
        client.send_nowait(request("GET", "/", "Connection: close"))
        await trio.sleep(0.05)
        await stage.send(client, more)
        client.close()
        await stage.send(client)

    assert "ended" in repr(play_both(build, scene).seen)

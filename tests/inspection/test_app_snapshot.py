"""A server at one moment: what is shown of it, and what isn't."""

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Request, WebSocket, limit
from hump_trio.app import server_of
from hump_trio.asgi import Asgi
from hump_trio.inspection.app_snapshot import take_snapshot, tree_of
from hump_trio.inspection.figures import Figures
from hump_trio.inspection.snapshot import Snapshot
from hump_trio.server.statistics import report
from hump_trio.testing import client, connect, websocket
from tests.support.frames import speak
from tests.support.wire import request


def look(app: Hump, figures: Figures | None = None, *, queries: bool = True) -> Snapshot:
    """Return what the server of an app does now."""
    figures = figures or Figures(queries=queries)
    return take_snapshot(app, figures, key=b"key", lag_seconds=0.0, queries=queries)


async def wait_deep() -> None:
    """Stand in the line below."""
    await trio.sleep_forever()


async def wait_with_children() -> None:
    """Stand at the end of a nursery; one of its tasks stands nowhere in the program."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_deep)
        nursery.start_soon(trio.sleep_forever)


async def test_requests_are_shown_with_their_trees_oldest_first(autojump_clock: MockClock) -> None:
    """Where each task stands is what a report says, too; the innermost lines are told apart."""
    app = Hump()

    @app.get("/{name}", timeout=20)
    async def wait(name: str, request: Request) -> None:
        await (wait_deep if name == "flat" else wait_with_children)()

    async with connect(app) as raw, connect(app) as other:
        await raw.send(request("GET", "/flat?key=secret", "Cookie: a=secret"))
        await trio.sleep(2)
        await other.send(request("GET", "/tree"))
        await trio.sleep(1)
        flat, tree = look(app, queries=False).requests
        text = report(server_of(app).watchdog.clocks, None)
    assert (flat.method, flat.target, flat.route) == ("GET", "/flat?…", "/{name}")
    assert (flat.protocol, flat.phase) == ("HTTP/1.1", "handler")
    assert (flat.age_seconds, flat.remaining_seconds, flat.sent_bytes) == (3, 17, 0)
    assert flat.cause == "its route's time"
    [task] = flat.tasks
    assert task.line.endswith("in wait_deep")
    assert task.innermost
    assert [(each.depth, each.innermost) for each in tree.tasks] == [
        (0, False),
        (1, True),
        (1, True),
    ]
    assert sorted(each.name.rpartition(".")[2] for each in tree.tasks[1:]) == [
        "sleep_forever",
        "wait_deep",
    ]
    for each in (*flat.tasks, *tree.tasks):
        assert (
            f"{'  ' * (each.depth + 1)}{each.name} at {each.line or 'a line of the server'}" in text
        )
    assert "secret" not in repr((flat, tree))


async def test_a_task_is_innermost_whose_children_stand_nowhere(autojump_clock: MockClock) -> None:
    """Nobody but the one who has started them can tell what they are for."""
    app = Hump()

    @app.get("/")
    async def wait() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)

    async with connect(app) as raw:
        await raw.send(request())
        await wait_all_tasks_blocked()
        [found] = look(app).requests
    assert [(bool(each.line), each.innermost) for each in found.tasks] == [
        (True, True),
        (False, True),
    ]


async def test_lists_are_bounded(autojump_clock: MockClock) -> None:
    """A hundred requests, fifty tasks of each, a hundred trees of other work."""
    app = Hump()

    @app.get("/")
    async def wait() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(60):
                nursery.start_soon(wait_deep)

    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            async with connect(app) as raw:
                await raw.send(request())
                await trio.sleep_forever()

        async with connect(app):
            for _ in range(105):
                nursery.start_soon(ask)
                app.start_soon(wait_deep)
            await trio.sleep(1)
            found = look(app)
        nursery.cancel_scope.cancel()
    assert (found.request_count, len(found.requests)) == (105, 100)
    assert len(found.requests[0].tasks) == 5
    assert len(found.background) == 100


async def test_a_request_that_waits_has_a_name_until_it_ends(autojump_clock: MockClock) -> None:
    """No other one has it, and it tells no address."""
    app = Hump()

    @app.get("/", timeout=5)
    async def wait() -> None:
        await wait_deep()

    async with connect(app) as raw:
        names = set()
        for _ in range(3):
            await raw.send(request())
            await wait_all_tasks_blocked()
            for _ in range(2):
                [found] = look(app).requests
                names.add(found.id)
            await raw.receive()
    assert len(names) == 3


async def test_websockets_and_streams_are_shown(autojump_clock: MockClock) -> None:
    """As requests in their phases, with the bytes that were sent; nothing limits a WebSocket."""
    app = Hump()

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None:
        await ws.send("some text")
        await wait_deep()

    @app.get("/ticks")
    async def ticks() -> AsyncIterator[bytes]:
        yield bytes(1000)
        await wait_deep()

    async with websocket(app, "/live") as ws, client(app) as http, trio.open_nursery() as nursery:
        assert await ws.receive() == "some text"
        nursery.start_soon(http.get, "/ticks")
        await trio.sleep(1)
        found = look(app)
        nursery.cancel_scope.cancel()
    by_target = {each.target: each for each in found.requests}
    assert found.websockets == 1
    open_one, stream = by_target["/live"], by_target["/ticks"]
    assert (open_one.phase, open_one.remaining_seconds) == ("open", None)
    assert open_one.protocol.startswith("WebSocket, HTTP/")
    assert open_one.sent_bytes > len("some text")
    assert (stream.phase, stream.remaining_seconds) == ("send", None)
    assert 1000 <= stream.sent_bytes < 2000


async def test_streams_of_one_connection_are_requests(autojump_clock: MockClock) -> None:
    """Each with a task and bytes of its own, in whatever way HTTP/2 serves it."""
    app = Hump()

    @app.get("/wait")
    async def wait() -> None:
        await wait_deep()

    @app.get("/ticks")
    async def ticks() -> AsyncIterator[bytes]:
        yield bytes(1000)
        await wait_deep()

    async with speak(app) as peer:
        await peer.send(peer.head(1, path="/ticks"))
        await peer.frames()
        await peer.send(*(peer.head(number, path="/wait") for number in (3, 5)))
        await trio.sleep(1)
        await peer.frames()
        found = look(app)
    # One whose head its lane has just read is no stream yet, until another lane reads on.
    assert found.streams in {2, 3}
    assert found.connections == {"streams": 1}
    assert sorted((each.target, each.protocol, each.phase) for each in found.requests) == [
        ("/ticks", "HTTP/2", "send"),
        ("/wait", "HTTP/2", "handler"),
        ("/wait", "HTTP/2", "handler"),
    ]
    for each in found.requests:
        assert (each.sent_bytes > 1000) == (each.target == "/ticks")
        assert each.tasks[-1].line.endswith("in wait_deep")


async def test_a_server_that_starts_has_nothing_yet() -> None:
    """A program may look as soon as its lifespan is entered."""
    app = Hump()
    found = list[Snapshot]()

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        found.append(look(app))
        yield

    async with client(app):
        [snapshot] = found
    assert (snapshot.requests, snapshot.background, snapshot.connections) == ((), (), {})
    assert tree_of(None, 50) == ()


async def test_limits_are_shown_with_what_waits(autojump_clock: MockClock) -> None:
    """Once each, however many routes and decorators there are; and Trio's threads."""
    app = Hump()

    @app.get("/a")
    @app.get("/b")
    @limit(5)
    @limit(1, wait=60)
    async def bounded() -> None:
        await wait_deep()

    async with client(app) as http, trio.open_nursery() as nursery:
        for path in ("/a", "/b"):
            nursery.start_soon(http.get, path)
        await wait_all_tasks_blocked()
        outer, inner, threads = look(app).limits
        nursery.cancel_scope.cancel()
    assert "bounded" in outer.name
    assert (outer.used, outer.total, outer.waiting) == (2, 5, 0)
    assert (inner.used, inner.total, inner.waiting) == (1, 1, 1)
    assert (threads.name, threads.total) == ("Trio's threads", 40)


async def test_threads_may_have_no_limit(autojump_clock: MockClock) -> None:
    """That has no number in JSON."""
    app = Hump()
    threads = trio.to_thread.current_default_thread_limiter()
    async with connect(app):
        threads.total_tokens = math.inf
        assert look(app).limits[-1].total is None


async def work_on(scope: Any, receive: Any, send: Any) -> None:
    """Answer, and work on behind that; an app of ASGI."""
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body"})
    await wait_deep()


async def test_work_that_no_client_waits_for_is_shown(autojump_clock: MockClock) -> None:
    """That of the lifespan, of `start_soon`, and of mounted apps, but not the server's own."""
    app = Hump()
    app.mount("/old", Asgi(work_on, lifespan="off"))

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_with_children)
            yield
            nursery.cancel_scope.cancel()

    async with client(app) as http:
        await http.get("/old")
        app.start_soon(wait_deep)
        await trio.sleep(1)
        found = look(app)
    assert len(found.lifespan) == 1
    assert found.lifespan[0].text.endswith("wait_with_children")
    assert [each.depth for each in found.lifespan[0].tasks] == [0, 1, 1]
    behind, soon = found.background
    assert "behind" in behind.text
    assert soon.text.endswith("wait_deep")
    for each in (behind, soon):
        assert each.tasks[-1].line.endswith("in wait_deep")


async def test_what_has_ended_is_shown(autojump_clock: MockClock) -> None:
    """By route, the busiest first, and the last crash first."""
    app = Hump()
    figures = Figures(queries=True)
    app.watch(figures.watch)

    @app.get("/fails/{number:int}")
    async def fail(number: int) -> None:
        raise ValueError

    @app.get("/")
    async def index() -> str:
        await trio.sleep(1)
        return ""

    async with client(app) as http:
        for path in ("/", "/fails/1", "/fails/2", "/nothing"):
            await http.get(path)
        found = look(app, figures)
    assert [(each.route, each.count, each.outcomes) for each in found.routes] == [
        ("/fails/{number:int}", 2, {"crash": 2}),
        ("/", 1, {"ok": 1}),
        ("", 1, {"refused": 1}),
    ]
    assert found.routes[1].p50_seconds == pytest.approx(1, rel=0.25)
    assert [each.target for each in found.crashes] == ["/fails/2", "/fails/1"]
    assert found.outcomes["crash"] == 2


async def test_many_large_trees_are_cut_so_that_a_look_is_quick(autojump_clock: MockClock) -> None:
    """The more trees there are of a kind, the less is shown of each."""
    app = Hump()

    async def wait() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(60):
                nursery.start_soon(wait_deep)

    counts = []
    async with connect(app):
        for _ in range(4):
            for _ in range(30):
                app.start_soon(wait)
            await wait_all_tasks_blocked()
            background = look(app).background
            counts.append((len(background), {len(each.tasks) for each in background}))
    assert counts == [(30, {16}), (60, {8}), (90, {5}), (100, {5})]

"""Connections that wait without a task share lanes, and nothing else."""

import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Request, Send, StreamResponse, Timeouts, timeout
from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection
from hump_trio.server.http1.fast_path import TURN_REQUESTS
from hump_trio.server.http1.leaders import Leaders
from hump_trio.server.http1.peer import Http1Peer, Nobody
from hump_trio.server.lane import SCOPE_SECONDS
from hump_trio.testing.memory_listener import running
from hump_trio.transports.memory import MemoryTransport
from hump_trio.transports.transport import Arrivals
from tests.support.frames import PREFACE
from tests.support.reported import ReportedTransport, report_arrivals
from tests.support.wire import parse_answers, request

user: ContextVar[str] = ContextVar("user", default="nobody")
served_by: ContextVar[str] = ContextVar("served_by", default="nobody")

CLOSE = "Connection: close"
SLOW = "Expect: 100-continue"  # which the fast path leaves to the plain one


class Guests:
    """Clients of one app, whose connections wait without a task.

    Args:
        app: Theirs.
    """

    def __init__(self, app: Hump) -> None:
        self.app = app
        self._ends: list[MemoryTransport] = []

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Callable[[], MemoryTransport]]:
        """Serve the app, and yield what connects to it."""
        with pytest.MonkeyPatch.context() as patch:
            report_arrivals(patch)
            async with running(self.app) as listener:
                yield lambda: listener.connect(float("inf"))


async def take(client: MemoryTransport) -> str:
    """Return the body of an answer that has come when everybody waits."""
    await wait_all_tasks_blocked()
    data = client.receive_nowait()
    assert data is not None, "it is answered"
    [answer] = parse_answers(data)
    return answer.text


async def leak() -> str:
    """Set a context variable."""
    user.set("ann")
    return "leaked"


async def leak_parts(send: Send) -> None:
    """Set one in a body that speaks."""
    user.set("ann")
    await send(b"leaked")


@pytest.fixture
def app() -> Hump:
    """An app whose handlers set context variables, and tell them."""
    return make_app()


def make_app(deadline_header: str | None = None) -> Hump:
    """Return such an app."""
    app = Hump(timeouts=Timeouts(deadline_header=deadline_header))
    app.get("/leak")(leak)

    @app.get("/part")
    async def part() -> StreamResponse:
        return StreamResponse(leak_parts)

    @app.get("/who")
    async def who() -> str:
        return f"{user.get()}, served by {served_by.get()}"

    @app.get("/who-waits")
    async def who_waits() -> str:
        await trio.sleep(1)
        return await who()

    @app.get("/slow")
    async def slow() -> str:
        await trio.sleep(10)
        return "slow"

    kept = []

    async def parts(how: str) -> AsyncIterator[str]:
        scope = trio.CancelScope(deadline=trio.current_time() + 5, shield=how == "shield")
        with scope:
            if how == "cancelled":
                scope.cancel()
            if how == "nursery":
                async with trio.open_nursery():
                    yield "left open"
            yield "left open"

    @app.get("/open/{how}")
    async def open_scope(how: str) -> str:
        kept.append(parts(how))
        return await anext(kept[-1])

    @app.get("/open/{how}/spoken")
    async def open_in_a_body(how: str) -> StreamResponse:
        async def produce(send: Send) -> None:
            await send(await open_scope(how))

        return StreamResponse(produce)

    return app


@pytest.mark.parametrize("field", ["Accept: */*", SLOW, CLOSE])
@pytest.mark.parametrize("path", ["/leak", "/part"])
@pytest.mark.parametrize("behind", [1, 5])
async def test_no_other_client_sees_a_context_variable(
    app: Hump, path: str, field: str, behind: int, autojump_clock: MockClock
) -> None:
    """Whoever is served next by the same lane, or by one that was started meanwhile."""
    served_by.set("the host")
    async with Guests(app).serving() as connect:
        for _ in range(3):
            clients = [connect() for _ in range(behind + 1)]
            await wait_all_tasks_blocked()
            for index, each in enumerate(clients):
                each.send_nowait(request("GET", "/who-waits" if index % 2 else "/who"))
            clients.append(connect())
            clients[-1].send_nowait(request("GET", path, field))
            others = [connect() for _ in range(behind + 1)]
            for index, each in enumerate(others):
                each.send_nowait(request("GET", "/who-waits" if index % 2 else "/who"))
            await trio.sleep(2)
            assert await take(clients.pop()) == "leaked"
            for each in clients + others:
                assert await take(each) == "nobody, served by the host"
            for each in clients + others:
                each.send_nowait(request("GET", "/who"))
            for each in clients + others:
                assert await take(each) == "nobody, served by the host"


async def test_who_comes_together_with_a_client_of_http2_is_served(
    app: Hump, autojump_clock: MockClock
) -> None:
    """The lane that has found out goes on with HTTP/2, and another one looks at the rest."""
    async with Guests(app).serving() as connect:
        clients = [connect() for _ in range(9)]
        await wait_all_tasks_blocked()
        for index, each in enumerate(clients):
            each.send_nowait(PREFACE if index % 2 else request("GET", "/who"))
        for each in clients[::2]:
            assert (await take(each)).startswith("nobody")


@pytest.mark.parametrize("where", ["receive_nowait", "watch", "send_nowait"])
async def test_an_error_of_the_servers_own_ends_one_connection(
    app: Hump,
    where: str,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Such as the system's, which watches no more than so many sockets; it is logged."""

    def fail(*_: object) -> None:
        raise OSError("no space")

    async with Guests(app).serving() as connect:
        clients = [connect() for _ in range(9)]
        await wait_all_tasks_blocked()
        with monkeypatch.context() as patch:
            patch.setattr(ReportedTransport, where, fail)
            clients[:0] = [connect(), connect()]
            for each in clients[:5]:
                each.send_nowait(request("GET", "/who"))
            await wait_all_tasks_blocked()
        left = [each for each in clients if each.peer_state() == "open"]
        assert 6 <= len(left) < len(clients)
        for each in left:
            each.receive_nowait()
            each.send_nowait(request("GET", "/who"))
            assert (await take(each)).startswith("nobody")
        assert app.statistics().connections == {"idle": len(left)}
    assert "no space" in caplog.text


@pytest.mark.parametrize("field", ["Accept: */*", SLOW, CLOSE])
@pytest.mark.parametrize("kind", ["", "/spoken"])
@pytest.mark.parametrize("how", ["deadline", "shield", "cancelled", "nursery"])
async def test_a_scope_that_a_handler_leaves_open_cuts_nobody_else(
    app: Hump, how: str, kind: str, field: str, autojump_clock: MockClock
) -> None:
    """It is noticed before the lane serves another client, if that doesn't come at once."""
    async with Guests(app).serving() as connect:
        clients = [connect() for _ in range(5)]
        clients[0].send_nowait(request("GET", f"/open/{how}{kind}", field))
        await wait_all_tasks_blocked()
        await trio.sleep(SCOPE_SECONDS)
        for turn in range(3):
            for each in clients[1:]:
                each.send_nowait(request("GET", "/slow"))
                await trio.sleep(turn)
            await trio.sleep(11)
            for each in clients[1:]:
                assert await take(each) == "slow"
        clients[0].close()
        await trio.sleep(1)
        assert app.statistics().connections == {"idle": 4}


async def test_a_scope_that_was_left_open_ends_while_its_lane_waits(
    app: Hump, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its deadline passes; that is logged, and the lane goes on."""
    async with Guests(app).serving() as connect:
        client = connect()
        client.send_nowait(request("GET", "/open/deadline"))
        assert await take(client) == "left open"
        assert "a handler left a scope open" not in caplog.text
        await trio.sleep(6)
        assert caplog.text.count("a handler left a scope open") == 1
        client.send_nowait(request("GET", "/slow"))
        await trio.sleep(11)
        assert await take(client) == "slow"


@pytest.mark.parametrize("steps", range(12))
async def test_who_comes_as_the_server_is_cancelled_is_closed(
    app: Hump, steps: int, autojump_clock: MockClock
) -> None:
    """At whatever step of the lanes that are started for such clients."""
    clients: list[MemoryTransport] = []
    with trio.CancelScope() as scope:
        async with Guests(app).serving() as connect:
            for index in range(80):
                clients.append(connect())
                clients[-1].send_nowait(request("GET", "/slow" if index % 2 else "/who"))
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            scope.cancel()
            with suppress(trio.BrokenResourceError):
                clients.append(connect())
            for each in clients[::3]:
                with suppress(trio.BrokenResourceError):
                    each.send_nowait(request("GET", "/who"))
    assert scope.cancelled_caught
    assert {each.peer_state() for each in clients} <= {"reset", "half_closed"}


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("path", ["/raise", "/raise-late"])
async def test_what_ends_the_program_ends_all(
    app: Hump, path: str, raised: type[BaseException], autojump_clock: MockClock
) -> None:
    """It is raised by `Hump.serve`, and every connection is closed."""

    @app.get("/raise")
    async def raise_now() -> None:
        raise raised

    @app.get("/raise-late")
    async def raise_late() -> None:
        await trio.sleep(0.5)
        raise raised

    clients: list[MemoryTransport] = []

    async def ask_all() -> None:
        async with Guests(app).serving() as connect:
            clients.extend([connect() for _ in range(9)])
            await wait_all_tasks_blocked()
            for index, each in enumerate(clients):
                each.send_nowait(request("GET", (path, "/who", "/slow")[index % 3]))
            await trio.sleep(1)

    with pytest.raises(BaseExceptionGroup) as caught:
        await ask_all()
    assert caught.group_contains(raised)
    assert {each.peer_state() for each in clients} <= {"reset", "half_closed"}


async def leave(client: MemoryTransport) -> None:
    """Close the client's end."""
    client.close()


async def reset(client: MemoryTransport) -> None:
    """Reset it."""
    client.reset()


async def ask_last(client: MemoryTransport) -> None:
    """Say that nothing follows a request."""
    client.send_nowait(request("GET", "/who", CLOSE))


async def ask_slowly(client: MemoryTransport) -> None:
    """Send a request in two parts, and wait until there is no more time."""
    data = request("GET", "/who")
    client.send_nowait(data[:9])
    await trio.sleep(1)
    client.send_nowait(data[9:])


async def ask_twice(client: MemoryTransport) -> None:
    """Ask before the answer to another request is there."""
    client.send_nowait(request("GET", "/who-waits"))
    await trio.sleep(0.5)
    client.send_nowait(request("GET", "/who"))


@pytest.mark.parametrize("end", [leave, reset, ask_last, ask_slowly, ask_twice])
async def test_nothing_holds_a_connection_that_has_ended(
    app: Hump, end: Callable[[MemoryTransport], Awaitable[None]], autojump_clock: MockClock
) -> None:
    """No lane does, nor do its parts hold each other: nothing waits for a collection."""

    def held() -> list[object]:
        kinds = (Connection, Clock, Http1Peer, Request)
        nobody = [each for each in gc.get_objects() if isinstance(each, Nobody)]
        return [
            each
            for each in gc.get_objects()
            if isinstance(each, kinds)
            and not (isinstance(each, Clock) and getattr(each, "peer", None) in nobody)
        ]

    gc.collect()
    before = len(held())
    gc.disable()
    try:
        async with Guests(app).serving() as connect:
            clients = [connect() for _ in range(5)]
            await wait_all_tasks_blocked()
            for each in clients:
                each.send_nowait(request("GET", "/who"))
            await trio.sleep(1)
            async with trio.open_nursery() as nursery:
                for each in clients:
                    nursery.start_soon(end, each)
            await trio.sleep(100)
            assert not app.statistics().connections
            del clients, each
            assert len(held()) == before
    finally:
        gc.enable()


async def test_nothing_holds_a_connection_that_ended_with_the_server(
    app: Hump, autojump_clock: MockClock
) -> None:
    """One that waited, and had nothing to ask."""
    gc.collect()
    before = len([each for each in gc.get_objects() if isinstance(each, Http1Peer)])
    gc.disable()
    try:
        with trio.CancelScope() as scope:
            async with Guests(app).serving() as connect:
                clients = [connect() for _ in range(5)]
                clients[0].send_nowait(request("GET", "/who"))
                await trio.sleep(1)
                scope.cancel()
        assert len([each for each in gc.get_objects() if isinstance(each, Http1Peer)]) == before
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("count", "together", "limit"),
    [(1, 1, 3), (200, 1, 3 * TURN_REQUESTS), (1, 5, 3), (40, 5, 2 * 2 * 40 + 1)],
)
async def test_a_flood_keeps_nobody_from_running(
    app: Hump, count: int, together: int, limit: int, mock_clock: MockClock
) -> None:
    """On however many connections: handlers that wait, timers and the watchdog have their turns.

    Between two turns of any other task a lane answers so many plain requests, or one of a client
    that sends many at once; behind the last one of such a client, the first one of the next. Tasks
    run in an order of chance, so that two turns may be side by side, and the lane whose handler has
    waited has one of its own.
    """
    asked_count = 0

    @app.get("/flood")
    async def flood() -> str:
        nonlocal asked_count
        asked_count += 1
        return "flood"

    most = 0
    async with Guests(app).serving() as connect:
        silent, waiting, *others = [connect() for _ in range(count + 2)]
        await wait_all_tasks_blocked()
        waiting.send_nowait(request("GET", "/who-waits"))
        await wait_all_tasks_blocked()
        ask = request("GET", "/flood") * together
        for each in others:
            each.send_nowait(ask)
        for turn in range(300):
            before = asked_count
            await trio.lowlevel.checkpoint()
            most = max(most, asked_count - before)
            for each in others:
                if each.receive_nowait():
                    each.send_nowait(ask)
            if turn == 100:
                mock_clock.jump(1.1)
            if turn == 120:
                assert waiting.receive_nowait()
            if turn > 120:  # in steps, since the watchdog forgives a standstill
                mock_clock.jump(0.2)
        assert silent.peer_state() == "half_closed", "its time has passed"
        assert asked_count > 20
        mock_clock.autojump_threshold = 0  # until the server has ended
    assert 0 < most <= limit


@pytest.mark.parametrize("path", ["/timed", "/bounded", "/asked", "/swallows"])
@pytest.mark.parametrize("seconds", [0.99, 1.0, 1.01])
async def test_a_deadline_that_passes_at_the_last_moment_strikes_nobody_else(
    path: str, seconds: float, autojump_clock: MockClock
) -> None:
    """Whether the handler was cut or had just returned: its lane serves others as long as ever."""
    app = make_app("X-Wait" if path == "/asked" else None)

    @app.get("/asked")
    @app.get("/timed", timeout=1)
    async def timed() -> str:
        await trio.sleep(seconds)
        return "timed"

    @app.get("/bounded")
    @timeout(1)
    async def bounded() -> str:
        await trio.sleep(seconds)
        return "timed"

    @app.get("/swallows", timeout=1)
    async def swallow() -> str:
        with suppress(trio.Cancelled):
            await trio.sleep(seconds)
        return "timed"

    async with Guests(app).serving() as connect:
        clients = [connect() for _ in range(6)]
        for _ in range(3):
            for each in clients[:3]:
                field = "X-Wait: 1000" if path == "/asked" else "Accept: */*"
                each.send_nowait(request("GET", path, field))
            await trio.sleep(1)
            for each in clients[3:]:
                each.send_nowait(request("GET", "/slow"))
            await trio.sleep(20)
            for each in clients[3:]:
                assert await take(each) == "slow"
            for each in clients[:3]:
                each.receive_nowait()
        assert app.statistics().connections == {"idle": 6}
        assert not app.statistics().requests


async def test_the_cancellation_of_another_task_ends_one_connection(
    app: Hump, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that raises it, as a cache may, ends nobody else's; it is logged."""
    found: list[trio.Cancelled] = []

    @app.get("/elsewhere")
    async def raise_elsewhere() -> None:
        raise found[0]

    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as error:
            found.append(error)
    async with Guests(app).serving() as connect:
        clients = [connect() for _ in range(5)]
        await wait_all_tasks_blocked()
        for index, each in enumerate(clients):
            each.send_nowait(request("GET", "/who" if index else "/elsewhere"))
        for each in clients[1:]:
            assert (await take(each)).startswith("nobody")
        assert clients[0].peer_state() == "reset"
        assert app.statistics().connections == {"idle": 4}
    assert "a connection failed" in caplog.text
    found.clear()


async def test_connections_go_on_where_nobody_reports_any_more(
    app: Hump, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a task then, which waits as it can."""
    reports: list[Arrivals] = []
    watch = ReportedTransport.watch
    leaders: set[Leaders] = set()

    def note(self: ReportedTransport) -> Arrivals:
        assert self.leaders is not None
        leaders.add(self.leaders)
        reports.append(watch(self))
        return reports[-1]

    monkeypatch.setattr(ReportedTransport, "watch", note)
    async with Guests(app).serving() as connect:
        clients = [connect() for _ in range(5)]
        await wait_all_tasks_blocked()
        for report in reports:
            report.watched = False
        hear = reports[0].hear  # one of them is woken, as at the end of a watch
        assert hear is not None
        hear()
        for each in leaders:
            each.wake()
        await wait_all_tasks_blocked()
        for _ in range(3):
            for client in clients:
                client.send_nowait(request("GET", "/who"))
            for client in clients:
                assert (await take(client)).startswith("nobody")

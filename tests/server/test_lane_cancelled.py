"""Handlers and bodies that are cancelled and take it badly; and the last look before a close."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Response, Timeouts
from hump_trio.routing.route import Route
from hump_trio.server.connection import Connection
from hump_trio.server.life import Life
from hump_trio.server.phases import Phase
from hump_trio.server.protocols import serve_connection
from hump_trio.server.state import ServerState
from hump_trio.transports.memory import MemoryTransport
from tests.support.served import served
from tests.support.transports import make_pair
from tests.support.wire import parse_answers, request


class Swallower:
    """A streamed body of one part that ends in good order when it is cancelled."""

    def __init__(self) -> None:
        self.steps = 0

    def __aiter__(self) -> "Swallower":
        return self

    async def __anext__(self) -> bytes:
        self.steps += 1
        if self.steps == 1:
            return b"part"
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            raise StopAsyncIteration from None


async def stream_on() -> Response:
    """Answer with a body that swallows its cancellation."""
    return Response(Swallower())


async def return_late() -> str:
    """Swallow the cancellation and return."""
    with suppress(trio.Cancelled):
        await trio.sleep_forever()
    return "late"


async def fail() -> None:
    """Raise while being cancelled."""
    try:
        await trio.sleep_forever()
    finally:
        raise ValueError("failed late")


async def fail_in_a_nursery() -> None:
    """Raise from one task of two while being cancelled."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail)
        nursery.start_soon(trio.sleep_forever)


async def raise_a_group_of_cancellations() -> None:
    """Raise what nurseries of older Trios raise when all their tasks are cancelled."""
    try:
        await trio.sleep_forever()
    except trio.Cancelled as cancelled:
        raise BaseExceptionGroup("all of them", [cancelled]) from None


async def interrupt() -> None:
    """Raise what no server may keep to itself."""
    async with trio.open_nursery():
        raise KeyboardInterrupt


Handler: TypeAlias = Callable[[], Awaitable[object]]


def state_of(handler: Handler, timeouts: Timeouts | None = None) -> ServerState:
    """Return the state of a server with one route."""
    route = Route(template="/", methods=("GET",), handler=handler, timeout=1)
    return served(route, timeouts=timeouts)


def connection_to(state: ServerState) -> tuple[MemoryTransport, Connection]:
    """Return the client's end of a connection, and the server's."""
    client, theirs = make_pair()
    return client, Connection(theirs, state)


def received(client: MemoryTransport) -> bytes | None:
    """Return all that has come to a client; None if its connection was reset."""
    data = b""
    try:
        while part := client.receive_nowait():
            data += part
    except trio.BrokenResourceError:
        return None
    return data


def errors_in(caplog: pytest.LogCaptureFixture) -> int:
    """Return how many records of errors there are."""
    return len([record for record in caplog.records if record.levelno >= logging.ERROR])


@pytest.mark.parametrize(
    ("handler", "status", "logged"),
    [
        (stream_on, None, 0),
        (fail_in_a_nursery, None, 1),
        (raise_a_group_of_cancellations, None, 0),
        (fail, 500, 1),
        (return_late, 200, 0),
    ],
)
async def test_a_handler_cancelled_from_outside_is_reset_or_answers_once(
    handler: Handler,
    status: int | None,
    logged: int,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As at the end of a shutdown: nothing is made to look whole, real errors are logged.

    One that replaces its cancellation by an answer or an error has answered.
    """
    client, connection = connection_to(state_of(handler))
    await client.send_all(request())
    with trio.move_on_after(0.5) as scope:
        await serve_connection(connection)
    assert scope.cancel_called
    data = received(client)
    answers = [] if data is None else parse_answers(data)
    assert [answer.status for answer in answers] == ([] if status is None else [status])
    assert errors_in(caplog) == logged
    assert connection.state.request_count == 0


@pytest.mark.parametrize(
    ("handler", "status", "logged"),
    [
        (fail_in_a_nursery, 503, 1),
        (raise_a_group_of_cancellations, 503, 0),
        (fail, 500, 1),
        (return_late, 200, 0),
    ],
)
async def test_a_handler_that_takes_its_deadline_badly_is_answered_once(
    handler: Handler,
    status: int,
    logged: int,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By 503, or by what it came up with; what else it raised is logged."""
    client, connection = connection_to(state_of(handler))
    await client.send_all(request("GET", "/", "Connection: close"))
    await client.send_eof()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_connection, connection)
        await wait_all_tasks_blocked()
        connection.clock.expire(trio.current_time())
    data = received(client)
    assert data is not None
    assert [answer.status for answer in parse_answers(data)] == [status]
    assert errors_in(caplog) == logged


async def test_an_interrupt_is_never_kept(autojump_clock: MockClock) -> None:
    """KeyboardInterrupt within a group goes on its way; the connection is reset."""
    client, connection = connection_to(state_of(interrupt))
    await client.send_all(request())
    with pytest.raises(BaseExceptionGroup) as raised:
        await serve_connection(connection)
    assert raised.group_contains(KeyboardInterrupt)
    assert received(client) is None


async def answer() -> str:
    """Answer."""
    return "answer"


def send_before(client: MemoryTransport, connection: Connection, data: bytes) -> None:
    """Send just before the deadline passes."""
    client.send_nowait(data)
    connection.clock.expire(trio.current_time())


def send_behind(client: MemoryTransport, connection: Connection, data: bytes) -> None:
    """Send just when the deadline has passed."""
    connection.clock.expire(trio.current_time())
    client.send_nowait(data)


Meet: TypeAlias = Callable[[MemoryTransport, Connection, bytes], None]


@pytest.mark.parametrize("meet", [send_before, send_behind])
@pytest.mark.parametrize("first", [b"", request()], ids=["opened", "idle"])
@pytest.mark.parametrize("cut", [0, 1, 20], ids=["whole", "a-byte", "a-part"])
async def test_a_request_that_comes_with_the_deadline_of_silence_is_served(
    meet: Meet, first: bytes, cut: int, autojump_clock: MockClock
) -> None:
    """A silent connection is looked at once more before it is closed."""
    client, connection = connection_to(state_of(answer))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_connection, connection)
        await client.send_all(first)
        await wait_all_tasks_blocked()
        assert connection.clock.phase is (Phase.IDLE if first else Phase.OPENED)
        last = request("GET", "/", "Connection: close")
        meet(client, connection, last[:cut] or last)
        await wait_all_tasks_blocked()
        if cut:
            await client.send_all(last[cut:])
        await client.send_eof()
    data = received(client)
    assert data is not None
    assert data.endswith(b"answer")
    assert data.count(b"HTTP/1.1 200 OK") == 1 + bool(first)


@pytest.mark.parametrize("blank", [b"", b"\r", b"\r\n"])
async def test_a_silent_connection_is_closed_without_a_word(
    blank: bytes, autojump_clock: MockClock
) -> None:
    """Half an empty line is no request, however often it is looked at."""
    client, connection = connection_to(state_of(answer))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_connection, connection)
        await client.send_all(blank)
        for _ in range(2):
            await wait_all_tasks_blocked()
            connection.clock.expire(trio.current_time())
    assert received(client) == b""


async def test_a_client_that_leaves_with_the_deadline_of_silence_is_no_error(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The last look finds it gone."""
    client, connection = connection_to(state_of(answer))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_connection, connection)
        await wait_all_tasks_blocked()
        connection.clock.expire(trio.current_time())
        client.reset()
    assert not caplog.records


async def test_a_connection_that_becomes_idle_after_the_shutdown_began_is_not_kept(
    autojump_clock: MockClock,
) -> None:
    """Its answer had promised to stay; it stays for `drain_idle` and no longer."""

    async def body() -> AsyncIterator[str]:
        yield "first"
        await trio.sleep(0.5)
        yield "last"

    async def handler() -> Response:
        return Response(body())

    state = state_of(handler, Timeouts(drain_idle=0.1))
    client, connection = connection_to(state)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_connection, connection)
        await client.send_all(request())
        await wait_all_tasks_blocked()
        connection.drain()
        await trio.sleep(0.5)
        await wait_all_tasks_blocked()
        assert connection.clock.phase is Phase.IDLE
        assert connection.clock.deadline == pytest.approx(trio.current_time() + 0.1)
        connection.clock.expire(trio.current_time())


@pytest.mark.plain_only("it has the time of a handshake first")
async def test_a_new_connection_of_a_closing_server_has_little_time(
    autojump_clock: MockClock,
) -> None:
    """It was in the backlog; a request may be on its way."""
    state = state_of(answer, Timeouts(drain_idle=0.1))
    state.advance(Life.CLOSING)
    _, connection = connection_to(state)
    assert connection.clock.deadline == trio.current_time() + 0.1


async def test_a_client_that_sends_many_requests_at_once_starves_nobody(
    autojump_clock: MockClock,
) -> None:
    """It waits its turn before each; quick handlers don't wait for anything themselves."""
    served: list[str] = []

    async def note() -> None:
        served.append(trio.lowlevel.current_task().name)

    state = state_of(note)
    greedy, greedy_connection = connection_to(state)
    modest, modest_connection = connection_to(state)
    await greedy.send_all(request() * 50)
    await modest.send_all(request())
    async with trio.open_nursery() as nursery:
        for name, connection in (("greedy", greedy_connection), ("modest", modest_connection)):
            nursery.start_soon(serve_connection, connection, name=name)
        await greedy.send_eof()
        await modest.send_eof()
    assert len(served) == 51
    assert served.index("modest") < 10

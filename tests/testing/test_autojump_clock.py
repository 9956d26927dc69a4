"""`AutojumpClock`: waiting takes no time, and threads have theirs."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from functools import partial

import pytest
import trio
from trio.testing import active_thread_count, wait_all_tasks_blocked

from hump_trio import Hump, Request
from hump_trio.tasks.threads import awaited_count, thread_awaited
from hump_trio.testing import AutojumpClock, client, connect


@pytest.fixture
def clock() -> AutojumpClock:
    """A clock that pytest-trio runs the test on."""
    return AutojumpClock()


def derive() -> str:
    """Take longer than a loop does that has nothing else to do."""
    return hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 100_000).hex()


async def test_time_passes_when_nobody_has_anything_to_do(clock: AutojumpClock) -> None:
    """It begins at 0, and goes from deadline to deadline."""
    seen = []

    async def note(seconds: float) -> None:
        await trio.sleep(seconds)
        seen.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for seconds in (3, 1000, 0.5, 3):
            nursery.start_soon(note, seconds)
    assert seen == [0.5, 3, 3, 1000]
    with trio.move_on_after(7) as scope:
        await trio.sleep_forever()
    assert (scope.cancelled_caught, trio.current_time()) == (True, 1007)


async def test_a_thread_has_the_time_it_needs(clock: AutojumpClock) -> None:
    """A handler's deadline waits for what it does in a thread, and for nothing else."""
    app = Hump()

    @app.get("/login")
    async def login() -> str:
        return await trio.to_thread.run_sync(derive)

    @app.get("/slow", timeout=5)
    async def slow(request: Request) -> str:
        await trio.to_thread.run_sync(derive)
        await trio.sleep(60)
        return "never"

    async with client(app) as http:
        for _ in range(3):
            assert (await http.get("/login")).text == derive()
        assert trio.current_time() < 1
        began = trio.current_time()
        assert (await http.get("/slow")).status_code == 503
        assert 5 <= trio.current_time() - began < 6


async def test_many_threads_and_other_tasks(clock: AutojumpClock) -> None:
    """Tasks that have something to do go on beside them; those that sleep wait for the last one."""
    order = []

    async def think(seconds: float) -> None:
        await trio.sleep(seconds)
        await trio.to_thread.run_sync(derive)
        order.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for seconds in (0, 0, 2, 4):
            nursery.start_soon(think, seconds)
        nursery.start_soon(trio.sleep, 3)
    assert order == [0, 0, 2, 4]


async def test_an_abandoned_thread_is_not_waited_for(clock: AutojumpClock) -> None:
    """Its caller has gone on."""
    ended = threading.Event()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(trio.to_thread.run_sync, ended.wait, abandon_on_cancel=True))
            await wait_all_tasks_blocked()
            assert active_thread_count() == 1
            scope.cancel()
    await trio.sleep(10)
    assert trio.current_time() == 10
    ended.set()


async def test_a_thread_that_is_still_awaited(clock: AutojumpClock) -> None:
    """One that goes on behind its call, as that of an app of WSGI, may be awaited."""
    ended = trio.Event()
    token = trio.lowlevel.current_trio_token()
    trio.lowlevel.start_thread_soon(derive, lambda _: token.run_sync_soon(ended.set))
    with trio.move_on_after(10), thread_awaited():
        assert awaited_count() == 1
        await ended.wait()
    assert ended.is_set()
    assert (awaited_count(), trio.current_time()) == (0, 0)


async def test_who_waits_for_all_tasks_comes_first(clock: AutojumpClock) -> None:
    """However long it wants them to be blocked."""
    with trio.move_on_after(1):
        for cushion in (0.0, 0.001):
            await wait_all_tasks_blocked(cushion)
            assert trio.current_time() == 0
        await trio.sleep_forever()
    assert trio.current_time() == 1


@pytest.fixture
def ends() -> Iterator[tuple[trio.SocketStream, trio.SocketStream]]:
    """Two ends of a real connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield (
            trio.SocketStream(trio.socket.from_stdlib_socket(ours)),
            trio.SocketStream(trio.socket.from_stdlib_socket(theirs)),
        )


async def test_what_has_come_is_read_first(
    clock: AutojumpClock, ends: tuple[trio.SocketStream, trio.SocketStream]
) -> None:
    """Bytes that are there are no reason to be cut."""
    ours, theirs = ends

    async def echo() -> None:
        async for part in theirs:
            await theirs.send_all(part)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(echo)
        for _ in range(100):
            with trio.fail_after(1):
                await ours.send_all(b"x")
                assert await ours.receive_some() == b"x"
        assert trio.current_time() == 0
        nursery.cancel_scope.cancel()


async def test_a_raw_connection_on_it(clock: AutojumpClock) -> None:
    """A head that doesn't come is given up."""
    async with connect(Hump()) as raw:
        await raw.send(b"GET / HTTP/1.1\r\n")
        assert (await raw.receive()).startswith(b"HTTP/1.1 408 ")
        assert 10 <= trio.current_time() < 11


def test_it_is_passed_to_trio() -> None:
    """``trio.run(test, clock=...)``, anew for each run."""

    async def test() -> float:
        await trio.to_thread.run_sync(derive)
        await trio.sleep(3600)
        return trio.current_time()

    assert trio.run(test, clock=AutojumpClock()) == 3600
    assert trio.run(test, clock=AutojumpClock()) == 3600

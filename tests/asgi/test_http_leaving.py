"""What an app of ASGI hears of a client that leaves, over every protocol."""

import logging
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump
from hump_trio.asgi import Asgi
from hump_trio.testing import client, connect
from tests.support.asgi_apps import App, Receive, Send, answer, hump_of, part, start


def errors_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged as an error."""
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


async def ask_and_leave(hump: Hump, **options: Any) -> None:
    """Ask for something, leave after two seconds, and wait until all that was begun has ended."""
    async with client(hump, timeout=None) as http:
        with trio.move_on_after(2):
            await http.request("POST", "/", **options)
        await trio.sleep(60)


async def wait_in_receive(receive: Receive, send: Send, life: list[str]) -> None:
    """Wait for the client's leaving by receiving."""
    await receive()
    life.append((await receive())["type"])


async def wait_in_send(receive: Receive, send: Send, life: list[str]) -> None:
    """Find the client's leaving by sending."""
    await send(start())
    try:
        while True:
            await send(part(b"tea", more=True))
            await trio.sleep(0.01)
    except OSError:
        life.append("OSError")
        raise


async def poll(receive: Receive, send: Send, life: list[str]) -> None:
    """Look for a message again and again, in a scope that is cancelled already."""
    await receive()
    while True:
        with trio.CancelScope() as scope:
            scope.cancel()
            life.append((await receive())["type"])
        if not scope.cancelled_caught:
            return
        await trio.sleep(0.01)


async def start_late(receive: Receive, send: Send, life: list[str]) -> None:
    """Start an answer for nobody."""
    await receive()
    await receive()
    try:
        await send(start())
    except OSError:
        life.append("OSError")
        raise


WAYS = [wait_in_receive, wait_in_send, poll, start_late]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wraps", [True, False])
async def test_it_hears_before_it_is_cancelled(
    way: Any, wraps: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """And what it makes of that is no error in the log."""
    life: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        try:
            await way(receive, send, life)
        except OSError as error:
            if wraps:
                raise ValueError("the client has left") from error
            raise
        except trio.Cancelled:
            life.append("cancelled")
            raise

    await ask_and_leave(hump_of(app))
    assert life in (["http.disconnect"], ["OSError"])
    assert errors_of(caplog) == []
    assert (
        "client-gone" in [getattr(each, "outcome", "client-gone") for each in caplog.records] or 1
    )


async def test_it_is_cancelled_a_moment_later(autojump_clock: MockClock) -> None:
    """If it doesn't end by itself."""
    life: list[float] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await receive()
        life.append(trio.current_time())
        try:
            await trio.sleep_forever()
        finally:
            life.append(trio.current_time())

    await ask_and_leave(hump_of(app))
    heard, cancelled = life
    assert 2 <= heard < cancelled < 4


@pytest.mark.parametrize(("on_disconnect", "ends"), [("finish", "finished"), (1.0, "cancelled")])
async def test_what_the_mount_says_of_that(
    on_disconnect: Any, ends: str, autojump_clock: MockClock
) -> None:
    """It may let the app finish, or give it some seconds; it is told in any case."""
    life: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        life.append((await receive())["type"])
        try:
            await trio.sleep(10)
        except trio.Cancelled:
            life.append("cancelled")
            raise
        life.append("finished")
        try:
            await answer(send)
        except OSError:
            life.append("OSError")

    await ask_and_leave(hump_of(app, on_disconnect=on_disconnect))
    assert life == ["http.disconnect", ends, *["OSError"] * (ends == "finished")]


async def test_work_behind_the_answer_is_left_alone(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the client nor the time of the request ends it; a shutdown waits for it."""
    life: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await answer(send)
        await trio.sleep(5)
        life.append("done")
        raise ValueError("late")

    hump = hump_of(app, timeout=1)
    async with client(hump) as http:
        assert (await http.get("/")).text == "tea"
        assert (await http.get("/")).text == "tea"
        assert trio.current_time() < 1
    assert life == ["done"] * 2
    assert len(errors_of(caplog)) == 2


async def test_a_body_that_breaks_off(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its client has left: the app receives that, and no error."""
    received: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            received.append(message["type"])
            if message["type"] == "http.disconnect":
                return

    async def parts() -> Any:
        yield b"milk"
        await trio.sleep_forever()

    await ask_and_leave(hump_of(app), content=parts())
    assert received[-1] == "http.disconnect"
    assert errors_of(caplog) == []


async def test_an_error_of_its_own_behind_the_leaving(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, if the app hasn't received that its client has left."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await trio.sleep(10)
        raise LookupError("where is the tea?")

    await ask_and_leave(hump_of(app, on_disconnect="finish"))
    [line] = errors_of(caplog)
    assert line.startswith("failed behind its client's leaving: POST /: ASGI app ")


@pytest.mark.http1_only("a stream of HTTP/2 has an end of its own")
async def test_a_client_that_leaves_with_the_last_byte(autojump_clock: MockClock) -> None:
    """It has the whole answer: the empty part behind that still ends it, and work goes on."""
    left, life = trio.Event(), list[str]()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-length", b"3")))
        await send(part(b"tea", more=True))
        await left.wait()
        await send(part())
        await trio.sleep(5)
        life.append("done")

    async with connect(hump_of(app)) as connection:
        await connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        received = b""
        while not received.endswith(b"tea"):
            received += await connection.receive()
        connection.reset()
        left.set()
        await trio.sleep(10)
    assert life == ["done"]


async def cancel_everywhere(app: App, path: str) -> int:
    """Have the server cancel an app at each of its checkpoints, and return how many there were."""
    count = 0
    while True:
        reached = 0

        async def counted(scope: Any, receive: Receive, send: Send, at: int = count) -> None:
            nonlocal reached

            async def stop() -> None:
                nonlocal reached
                if reached == at:
                    reached += 1
                    await trio.sleep_forever()
                reached += 1

            async def receive_stopping() -> Any:
                await stop()
                return await receive()

            async def send_stopping(message: Any) -> None:
                await stop()
                await send(message)

            await app(scope, receive_stopping, send_stopping)

        hump = Hump()
        hump.mount("", Asgi(counted, lifespan="off"))
        async with client(hump, timeout=None) as http:
            with trio.move_on_after(2):
                await http.get("/")  # behind a body that nobody reads, not every system sees a FIN
            await trio.sleep(10)
            assert hump.statistics().requests == ()
        if reached <= count:
            return count
        count += 1


async def test_cancelled_at_every_step(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever the app stands when its client leaves, nothing is left of the request."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await send(start())
        await send(part(b"tea", more=True))
        await send(part(b"pot"))
        await receive()

    assert await cancel_everywhere(app, "/") >= 5
    assert [line for line in errors_of(caplog) if "behind" not in line] == []

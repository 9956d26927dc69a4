"""A client that raises what handlers raise, and nothing that the app has answered itself."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    HttpException,
    Hump,
    Request,
    Response,
    WebSocket,
    WebSocketClosed,
)
from hump_trio.testing import client, websocket
from hump_trio.testing.crashes import Crashes, RaisingTransport


class Broken(Exception):
    """What a handler raises."""


class Known(Exception):
    """What the app has an answer for."""


def failing_app() -> Hump:
    """Return an app that fails in each way."""
    app = Hump()

    @app.get("/broken/{word}")
    async def break_down(word: str) -> str:
        await trio.sleep(1)
        raise Broken(word) from LookupError("why")

    @app.get("/group")
    async def break_together() -> str:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 1)
            raise Broken("group")

    @app.get("/known")
    async def raise_known() -> str:
        raise Known

    @app.exception_handler(Known)
    async def answer_known(request: Request, error: Known) -> Response:
        return Response("known", 418)

    @app.get("/status/{code:int}")
    async def raise_status(code: int) -> str:
        raise HttpException(code)

    @app.get("/late", timeout=1)
    async def be_late() -> str:
        await trio.sleep(10)
        return "never"

    @app.get("/stream")
    async def break_off() -> AsyncIterator[bytes]:
        yield b"begun"
        await trio.sleep(1)
        raise Broken("stream")

    @app.get("/refused")
    async def refuse_the_rest() -> AsyncIterator[bytes]:
        yield b"begun"
        await trio.sleep(1)
        raise HttpException(400)

    @app.get("/background")
    async def leave_work() -> str:
        app.start_soon(fail_later)
        return "accepted"

    async def fail_later() -> None:
        await trio.sleep(3)
        raise Broken("background")

    @app.websocket("/ws")
    async def hang_up(ws: WebSocket[str]) -> None:
        await ws.receive()
        raise Broken("websocket")

    return app


async def test_what_a_handler_raises_is_raised(autojump_clock: MockClock) -> None:
    """The error itself, with its cause and the lines that it came by; groups as they are."""
    async with client(failing_app(), raise_errors=True) as http:
        with pytest.raises(Broken, match="tea") as raised:
            await http.get("/broken/tea")
        assert isinstance(raised.value.__cause__, LookupError)
        assert raised.traceback[-1].name == "break_down"
        with pytest.raises(ExceptionGroup) as group:
            await http.get("/group")
        assert group.group_contains(Broken, match="group")


async def test_what_is_answered_is_not_raised(autojump_clock: MockClock) -> None:
    """Errors that have an answer: of an exception handler, of a status, of a deadline."""
    async with client(failing_app(), raise_errors=True) as http:
        paths = ["/known", "/status/404", "/status/500", "/late", "/nowhere"]
        assert [(await http.get(path)).status_code for path in paths] == [418, 404, 500, 503, 404]


async def test_without_the_option_it_is_a_500(autojump_clock: MockClock) -> None:
    """Beside a client that raises, too, which has nothing to raise then."""
    app = failing_app()
    async with client(app, raise_errors=True) as http, client(app) as plain:
        assert (await plain.get("/broken/tea")).status_code == 500
        assert (await http.get("/known")).status_code == 418


async def test_each_request_has_its_own_error(autojump_clock: MockClock) -> None:
    """However many fail at a time; and one that was given up leaves nothing behind."""
    seen: list[str] = []

    async def ask(http: httpx2.AsyncClient, word: str) -> None:
        try:
            await http.get(f"/broken/{word}")
        except Broken as error:
            seen.append(f"{word} {error}")

    async with client(failing_app(), raise_errors=True) as http:
        with trio.move_on_after(0.5):
            await http.get("/broken/a")
        async with trio.open_nursery() as nursery:
            for word in ("a", "b", "a", "c"):
                nursery.start_soon(ask, http, word)
    assert sorted(seen) == ["a a", "a a", "b b", "c c"]


async def test_an_answer_that_breaks_off_raises_what_it_broke_off_for(
    autojump_clock: MockClock,
) -> None:
    """Where its body is read; the part before is there."""
    async with client(failing_app(), raise_errors=True) as http:
        async with http.stream("GET", "/stream") as response:
            assert response.status_code == 200
            parts = response.aiter_raw()
            assert await anext(parts) == b"begun"
            with pytest.raises(Broken, match="stream"):
                await anext(parts)
        with pytest.raises(Broken, match="stream"):
            await http.get("/stream")


async def test_a_connection_that_is_reset_before_the_head_is_read() -> None:
    """The error is raised in place of httpx's own, as it is later."""
    crashes = Crashes()

    def fail(asked: httpx2.Request) -> httpx2.Response:
        crashes.asked[-1].crash = Broken("head")
        raise httpx2.ReadError("reset")

    transport = RaisingTransport(httpx2.MockTransport(fail), crashes)
    async with httpx2.AsyncClient(transport=transport) as http:
        with pytest.raises(Broken, match="head"):
            await http.get("http://testserver/")
    assert not crashes.asked


async def test_an_answer_may_be_left_before_its_end(autojump_clock: MockClock) -> None:
    """Without an error: its client has gone."""
    async with client(failing_app(), raise_errors=True) as http:
        async with http.stream("GET", "/stream") as response:
            assert response.status_code == 200
        await trio.sleep(5)


async def test_a_network_error_stays_one(autojump_clock: MockClock) -> None:
    """Where no handler has raised anything."""
    app = failing_app()
    async with client(app, raise_errors=True) as http:
        with pytest.raises(httpx2.TransportError):
            await http.get("/refused")
        app.shutdown()
        await trio.sleep(1)
        with pytest.raises(httpx2.ConnectError):
            await http.get("/known")


async def test_what_fails_behind_its_answer_is_raised_at_the_end(
    autojump_clock: MockClock,
) -> None:
    """Work in the background has no answer that could tell of it; several errors are a group."""

    async def leave_work(times: int, **options: Any) -> None:
        async with client(failing_app(), **options) as http:
            for _ in range(times):
                assert (await http.get("/background")).text == "accepted"

    with pytest.raises(Broken, match="background"):
        await leave_work(1, raise_errors=True)
    with pytest.raises(ExceptionGroup, match="no answer tells of it") as group:
        await leave_work(2, raise_errors=True)
    assert len(group.value.exceptions) == 2
    await leave_work(1)


async def test_a_failed_assertion_comes_first(autojump_clock: MockClock) -> None:
    """What fails in the background doesn't hide what the test itself has found."""

    async def fail_too() -> None:
        async with client(failing_app(), raise_errors=True) as http:
            await http.get("/background")
            await trio.sleep(5)
            raise AssertionError("plain")

    with pytest.raises(AssertionError, match="plain"):
        await fail_too()


async def test_the_handler_of_a_websocket_raises_at_the_end(autojump_clock: MockClock) -> None:
    """The WebSocket itself tells its client 1011."""

    async def talk() -> None:
        app = failing_app()
        async with client(app, raise_errors=True), websocket(app, "/ws") as ws:
            await ws.send("x")
            with pytest.raises(WebSocketClosed):
                await ws.receive()
            assert ws.close_code == 1011

    with pytest.raises(Broken, match="websocket"):
        await talk()


@pytest.mark.memory_only("what stands for TLS there is only said")
async def test_a_client_asks_over_tls(autojump_clock: MockClock) -> None:
    """By one word; a base of the test's own comes first."""
    app = Hump()

    @app.get("/")
    async def index(request: Request) -> str:
        return f"{request.scheme} {request.host}"

    async with client(app, tls=True) as http:
        assert (await http.get("/")).text == "https testserver"
    async with client(app, tls=True, base_url="https://shop.example") as http:
        assert (await http.get("/")).text == "https shop.example"


@pytest.mark.parametrize("status", [500, 503])
async def test_a_page_for_any_error_is_no_answer(status: int) -> None:
    """What the log calls a crash is raised, whatever page a visitor would see."""
    app = failing_app()

    @app.exception_handler(Exception)
    async def page(request: Request, error: Exception) -> Response:
        return Response("our fault", status)

    async with client(app, raise_errors=True) as http:
        with pytest.raises(Broken, match="word"):
            await http.get("/broken/word")
        assert (await http.get("/known")).status_code == 418

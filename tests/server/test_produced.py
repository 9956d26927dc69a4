"""Answers that a producer begins (see `Begin`)."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx2
import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    Begin,
    Compression,
    Headers,
    HttpException,
    Hump,
    Request,
    Response,
    SecurityHeaders,
    Send,
    StreamResponse,
    Timeouts,
    timeout,
)
from hump_trio.messages.response import Producer
from hump_trio.testing import client, connect
from tests.support.wire import parse_answers, read_to_end, request

PLAIN = {"content-type": "text/plain"}


def app_of(produce: Any, *args: Any, **options: Any) -> Hump:
    """Return an app whose front page a function sends.

    Args:
        produce: The function.
        args: Further arguments of the response.
        options: Of the app.
    """
    app = Hump(**options)

    @app.route("/", methods=["GET", "POST"])
    async def index() -> Response:
        return StreamResponse(produce, *args)

    return app


def errors_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged as an error."""
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


async def test_it_decides_status_and_fields() -> None:
    """In place of those that the response has; others stay."""

    async def produce(send: Send, begin: Begin) -> None:
        begin(201, {"Content-Type": "text/tea", "X-Tea": "green"})
        await send("a pot of ")
        await send(b"tea")

    app = app_of(produce, 200, {"x-tea": "black", "x-milk": "none"})
    app.middleware(Compression(minimum_bytes=0))
    app.middleware(SecurityHeaders())
    async with client(app) as user:
        for _ in range(2):
            answer = await user.get("/")
            assert (answer.status_code, answer.text) == (201, "a pot of tea")
            assert answer.headers.get_list("x-tea") == ["green"]
            assert answer.headers["content-type"] == "text/tea"
            assert answer.headers["x-milk"] == "none"
            assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("parts", "kind"),
    [(["é", b"x"], "text/plain; charset=utf-8"), ([b"x", "é"], "application/octet-stream")],
)
async def test_without_a_beginning_it_is_the_response(parts: list[Any], kind: str) -> None:
    """The first part tells the type, as ever."""

    async def produce(send: Send, begin: Begin) -> None:
        for part in parts:
            await send(part)

    async with client(app_of(produce, 202, {"x-tea": "black"})) as user:
        answer = await user.get("/")
        assert (answer.status_code, answer.headers["x-tea"]) == (202, "black")
        assert (sorted(answer.text), answer.headers["content-type"]) == (["x", "é"], kind)


async def test_nothing_is_an_answer_too() -> None:
    """With a beginning or without one."""

    async def produce(send: Send, begin: Begin) -> None:
        pass

    async def produce_begun(send: Send, begin: Begin) -> None:
        begin(404)

    async with client(app_of(produce, 202)) as user:
        assert (await user.get("/")).status_code == 202
    async with client(app_of(produce_begun)) as user:
        answer = await user.get("/")
        assert (answer.status_code, answer.content) == (404, b"")


async def test_a_beginning_is_the_first_thing_and_comes_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """RuntimeError else; the answer goes on."""

    async def produce(send: Send, begin: Begin) -> None:
        begin(200, PLAIN)
        with pytest.raises(RuntimeError, match="once, before its first part"):
            begin(200)
        await send("tea")
        with pytest.raises(RuntimeError, match="once, before its first part"):
            begin(200)

    async def produce_late(send: Send, begin: Begin) -> None:
        await send("tea")
        with pytest.raises(RuntimeError, match="once, before its first part"):
            begin(200)

    for each in (produce, produce_late):
        async with client(app_of(each)) as user:
            assert (await user.get("/")).text == "tea"
    assert errors_of(caplog) == []


@pytest.mark.parametrize(
    ("status", "headers"), [(99, {}), (600, {}), ("200", {}), (200, {"x": "a\nb"}), (200, {"x": 1})]
)
async def test_what_cannot_be_sent_is_no_beginning(status: Any, headers: Any) -> None:
    """The producer hears of it, and may begin rightly."""

    async def produce(send: Send, begin: Begin) -> None:
        with pytest.raises((ValueError, TypeError)):
            begin(status, headers)
        begin(418, Headers(PLAIN))
        await send("tea")

    async with client(app_of(produce)) as user:
        answer = await user.get("/")
        assert (answer.status_code, answer.text) == (418, "tea")


@pytest.mark.parametrize("begins", [False, True])
async def test_an_error_before_the_first_part_is_answered(begins: bool) -> None:
    """By the exception handlers of the app."""

    async def produce(send: Send, begin: Begin) -> None:
        if begins:
            begin(200, PLAIN)
        raise HttpException(502, "no tea")

    app = app_of(produce, 200, {"x-tea": "black"})

    @app.exception_handler(HttpException)
    async def answer_error(request: Request, error: HttpException) -> Response:
        return Response(f"sorry: {error.detail}", error.status)

    async with client(app) as user:
        answer = await user.get("/")
        assert (answer.status_code, answer.text) == (502, "sorry: no tea")
        assert answer.headers["x-tea"] == "black"  # what middleware sets stays in the same way


async def test_an_error_in_the_middle_breaks_the_answer_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It never looks whole."""

    async def produce(send: Send, begin: Begin) -> None:
        begin(200, PLAIN)
        await send("a pot")
        raise ValueError("no tea")

    async with client(app_of(produce)) as user:
        with pytest.raises(httpx2.TransportError):
            await user.get("/")
    assert len(errors_of(caplog)) == 1


async def test_a_producer_that_is_late_is_a_503(autojump_clock: MockClock) -> None:
    """The handler's time counts until the beginning, and no longer."""
    seconds = {"before": 10.0, "behind": 0.0}

    async def produce(send: Send, begin: Begin) -> None:
        await trio.sleep(seconds["before"])
        begin(200, PLAIN)
        for _ in range(3):
            await send("tea")
            await trio.sleep(seconds["behind"])

    async with client(app_of(produce, timeouts=Timeouts(handler=5))) as user:
        assert (await user.get("/")).status_code == 503
        seconds.update(before=3, behind=10)
        assert (await user.get("/")).text == "tea" * 3


async def test_a_bound_of_the_program_encloses_it(autojump_clock: MockClock) -> None:
    """As it does with any other producer."""

    async def produce(send: Send, begin: Begin) -> None:
        await trio.sleep(10)
        begin(200, PLAIN)

    app = Hump()

    @app.get("/")
    @timeout(2)
    async def index() -> Response:
        return StreamResponse(produce)

    async with client(app) as user:
        assert (await user.get("/")).status_code == 503
        assert trio.current_time() == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("status", [200, 204, 304])
@pytest.mark.parametrize("begins", [False, True])
async def test_without_a_body_it_runs_up_to_its_beginning(
    status: int, begins: bool, autojump_clock: MockClock
) -> None:
    """Or to its first part, and is cancelled there."""
    events: list[str] = []

    async def produce(send: Send, begin: Begin) -> None:
        try:
            await trio.sleep(1)
            if begins:
                begin(status, {"content-length": "3"} if status == 200 else {})
                events.append("begun")
            await send("tea")
            events.append("sent")
        finally:
            events.append("ends")

    async with client(app_of(produce, status, {"x-tea": "black"})) as user:
        answer = await (user.head("/") if status == 200 else user.get("/"))
        assert (answer.status_code, answer.content) == (status, b"")
        assert answer.headers["x-tea"] == "black"
        if begins and status == 200:
            assert answer.headers["content-length"] == "3"
        assert (await user.head("/")).status_code == status
    assert events == (["begun", "ends"] if begins else ["ends"]) * 2


async def test_trailers_follow() -> None:
    """Those of the response, then those that the producer returns."""

    async def produce(send: Send, begin: Begin) -> dict[str, str]:
        begin(200, PLAIN)
        await send("tea")
        return {"x-sum": "3"}

    app = Hump()

    @app.get("/")
    async def index() -> Response:
        return StreamResponse(produce, trailers={"x-first": "1"})

    async with connect(app) as raw:
        await raw.send(request("GET", "/", "TE: trailers", "Connection: close"))
        [answer] = parse_answers(await read_to_end(raw))
    assert answer.text == "tea"
    assert answer.trailers == [("x-first", "1"), ("x-sum", "3")]


async def test_many_tasks_may_send() -> None:
    """Each part goes out whole, and none behind the end."""
    kept: list[Send] = []

    async def produce(send: Send, begin: Begin) -> None:
        begin(200, PLAIN)
        kept.append(send)
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(send, "ab" * 10)

    async with client(app_of(produce)) as user:
        assert (await user.get("/")).text == "ab" * 50
    with pytest.raises(trio.ClosedResourceError):
        await kept[0]("more")


class Callee:
    """Something that can be called."""

    async def __call__(self, send: Send, begin: Begin) -> None:
        """Be a producer."""

    async def produce(self, send: Send) -> None:
        """Be one, too."""


async def one(send: Send) -> None:
    """Take a function."""


async def defaulted(send: Send, begin: Any = None) -> None:
    """Need no more than one."""


async def both(send: Send, begin: Begin) -> None:
    """Need two."""


async def named(request: Any, send: Send) -> None:
    """Need two, of which one is given."""


async def three(request: Any, send: Send, begin: Begin) -> None:
    """Need three."""


@pytest.mark.parametrize(
    ("producer", "begins"),
    [
        (one, False),
        (defaulted, False),
        (both, True),
        (Callee(), True),
        (Callee().produce, False),
        (partial(three, None), True),
        (partial(named, None), False),
        (lambda send: one(send), False),
        (max, False),  # whose parameters nobody knows
    ],
)
def test_a_second_parameter_tells(producer: Callable[..., Any], begins: bool) -> None:
    """One that has a default is the producer's own."""
    body = StreamResponse(producer).body
    assert isinstance(body, Producer)
    assert body.begins is begins

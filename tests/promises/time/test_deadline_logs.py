"""What is said of a deadline that has passed: the line where the handler stood, and a page."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpException, Hump, Request, Response, StreamResponse, Timeouts
from hump_trio import timeout as bounded
from hump_trio.messages.response import Send
from hump_trio.testing import client, connect
from tests.support.wire import parse_answers, read_to_reset, request


async def stand() -> None:
    """Wait for something that doesn't come."""
    await trio.sleep(1000)


async def stand_in_a_child() -> None:
    """Wait for a task that waits."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stand)


async def stand_deep_in_children() -> None:
    """Wait for a task that waits for a task that waits."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stand_in_a_child)


async def stand_and_clean_up() -> None:
    """Wait, and have something to do when cancelled."""
    try:
        await stand()
    finally:
        with trio.move_on_after(1, shield=True):
            await trio.sleep(0.1)


async def answer_slowly() -> str:
    """Return an answer too late."""
    await stand()
    return "late"


async def yield_slowly() -> AsyncIterator[str]:
    """Yield a first part too late."""
    await stand()
    yield "late"


async def yield_slowly_from_a_child() -> AsyncIterator[str]:
    """Wait for a child before the first part."""
    await stand_in_a_child()
    yield "late"


async def produce_slowly() -> Response:
    """Send a first part too late."""

    async def produce(send: Send) -> None:
        await stand()

    return StreamResponse(produce)


async def stall() -> AsyncIterator[str]:
    """Yield a part in time and another too late."""
    yield "early"
    await stand()
    yield "late"


PLACE = f"it stood at {__file__}:{stand.__code__.co_firstlineno + 2} in stand"
HANDLERS = [
    answer_slowly,
    stand_in_a_child,
    stand_deep_in_children,
    stand_and_clean_up,
    yield_slowly,
    yield_slowly_from_a_child,
    produce_slowly,
]


async def get_expired(app: Hump, status: int, **headers: str) -> None:
    """Ask an app for something that comes too late."""
    async with client(app) as http:
        response = await http.get("/", headers=headers)
    assert response.status_code == status


@pytest.mark.parametrize("handler", HANDLERS)
async def test_a_routes_deadline_names_the_line(
    handler: Any, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning with the request and where the handler stood, in a task of its own too."""
    app = Hump()
    app.get("/", timeout=2)(handler)
    await get_expired(app, 503)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.message.startswith("the answer took too long: GET / (")
    assert record.message.endswith(f"), {PLACE}")


@pytest.mark.parametrize("handler", HANDLERS[:4])
async def test_the_apps_deadline_names_the_line(
    handler: Any, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """As a route's does."""
    app = Hump(timeouts=Timeouts(handler=2))
    app.get("/")(handler)
    await get_expired(app, 503)
    [record] = caplog.records
    assert record.message == f"the answer took too long: GET / (handler), {PLACE}"


@pytest.mark.parametrize("handler", HANDLERS[:4])
async def test_a_callers_deadline_names_the_line(
    handler: Any, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """And says that it was the caller's."""
    app = Hump(timeouts=Timeouts(deadline_header="X-Wait-MS"))
    app.get("/")(handler)
    await get_expired(app, 504, **{"x-wait-ms": "1000"})
    [record] = caplog.records
    text = "the answer took longer than its caller waits: GET / (handler), "
    assert record.message == text + PLACE


@pytest.mark.parametrize("handler", [*HANDLERS[:6]])
async def test_a_decorators_deadline_names_the_line(
    handler: Any, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Likewise."""
    app = Hump()
    app.get("/")(bounded(2)(handler))
    await get_expired(app, 503)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.message == f"the answer took too long: GET /, {PLACE}"


async def stand_in_a_nursery() -> None:
    """Wait for a task that runs no line of the program."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 1000)
        nursery.start_soon(trio.sleep_forever)


async def stand_in_nurseries() -> None:
    """Wait for a task that waits for such a one."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stand_in_a_nursery)
        nursery.start_soon(trio.sleep_forever)


@pytest.mark.parametrize("handler", [stand_in_a_nursery, stand_in_nurseries])
async def test_a_nursery_names_the_line_that_its_tasks_lack(
    handler: Any, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Trio's own functions stand in no line of the program, but somebody's nursery runs them."""
    app = Hump()
    app.get("/", timeout=2)(handler)
    await get_expired(app, 503)
    [record] = caplog.records
    assert f", it stood at {__file__}:" in record.message
    assert record.message.endswith(f" in {stand_in_a_nursery.__name__}")


@pytest.mark.parametrize("handler", HANDLERS[:4])
async def test_a_shutdown_names_the_line(
    handler: Any, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The same as a deadline does, in a task of its own too."""
    app = Hump(timeouts=Timeouts(shutdown=1))
    app.get("/")(handler)
    async with connect(app) as raw:
        await raw.send(request())
        await wait_all_tasks_blocked()
        app.shutdown()
        await trio.sleep(3)
    [record] = [each for each in caplog.records if "cut" in each.message]
    assert record.message == f"cut at shutdown: GET / (handler), {PLACE.replace('stood', 'stands')}"


@pytest.mark.parametrize("decorated", [False, True], ids=["route", "decorator"])
async def test_an_answer_that_is_cut_names_the_line(
    decorated: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What began in time and is reset later is worth a line too."""
    caplog.set_level(logging.INFO)
    app = Hump()
    if decorated:
        app.get("/")(bounded(2)(stall))
    else:
        app.get("/", timeout=2)(stall)
    async with connect(app) as raw:
        await raw.send(request())
        await read_to_reset(raw)
    [record] = [each for each in caplog.records if PLACE in each.message]
    assert "GET / (send)" in record.message


class Paged:
    """An app with a page for what went wrong.

    Args:
        seconds: How long the page takes.
        options: Of the slow route.
    """

    def __init__(self, seconds: float, **options: Any) -> None:
        self.app = Hump(timeouts=Timeouts(handler=3))
        self.seen: list[Any] = []

        self.app.get("/", **options)(answer_slowly)

        @self.app.exception_handler(HttpException)
        async def page(request: Request, error: HttpException) -> Response:
            self.seen += [error.status, request.deadline, request.cancel_reason]
            await trio.sleep(seconds)
            return Response("sorry", error.status)

    async def get(self) -> tuple[str, float]:
        """Return what goes out and when; it is a 503, and the connection goes on."""
        async with client(self.app) as http:
            response = await http.get("/")
            now = trio.current_time()
            assert response.status_code == 503
            assert "connection" not in response.headers
            await http.get("/")
        return response.text, now


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/count", "the body took too long to arrive: POST /count (body)"),
        ("/echo", "cut after 5.0 s: POST /echo (body), its time has passed"),
    ],
)
async def test_the_phase_that_was_too_long_is_named(
    path: str, said: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A body that stalls is told as such, whatever its handler was doing meanwhile."""
    caplog.set_level(logging.INFO, logger="hump_trio")
    app = Hump("127.0.0.1", 0)

    @app.post("/count", stream=True)
    async def count(request: Request) -> str:
        return str(sum([len(part) async for part in request.stream]))

    @app.post("/echo", stream=True)
    async def echo(request: Request) -> AsyncIterator[bytes]:
        async for part in request.stream:
            yield part

    async with connect(app) as raw:
        await raw.send(request("POST", path, "Content-Length: 9") + b"some")
        await trio.sleep(6)
    records = [record for record in caplog.records if record.name == "hump_trio"]
    lines = [record.getMessage() for record in records if "POST" in record.getMessage()]
    assert [line.partition(", it stood at")[0] for line in lines] == [said]


@pytest.mark.parametrize("options", [{}, {"timeout": 2}, {"timeout": 8}], ids=str)
async def test_a_page_has_a_handlers_time_of_its_own(
    options: dict[str, Any], autojump_clock: MockClock
) -> None:
    """The app's, whatever the route's was: it starts when the deadline has passed."""
    paged = Paged(2.5, **options)
    expired = options.get("timeout", 3)
    assert await paged.get() == ("sorry", expired + 2.5)
    assert paged.seen[:3] == [503, expired + 3, "deadline"]


@pytest.mark.parametrize("options", [{}, {"timeout": 2}, {"timeout": 8}], ids=str)
async def test_a_page_that_takes_too_long_is_left_out(
    options: dict[str, Any], autojump_clock: MockClock
) -> None:
    """A plain 503 goes out when its own time has passed; it isn't asked a second time."""
    paged = Paged(1000, **options)
    expired = options.get("timeout", 3)
    assert await paged.get() == ("the answer took too long", expired + 3)
    assert paged.seen[::3] == [503] * 2


@pytest.mark.parametrize("options", [{}, {"timeout": 2}], ids=str)
async def test_what_is_sent_for_a_page_is_not_destroyed(
    options: dict[str, Any], autojump_clock: MockClock
) -> None:
    """By a reset, for what its client still sends: it is read away first."""
    paged = Paged(1000)
    paged.app.post("/", stream=True, body_limit=None, **options)(answer_slowly)
    async with connect(paged.app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 1000000") + b"first")
        await trio.sleep(6.5)
        await raw.send(b"later")
        [answer] = parse_answers(await raw.receive(), "POST", ended=False)
    assert (answer.status, answer.closes, answer.whole) == (503, True, True)


async def test_a_page_for_a_decorators_503_runs_in_the_handlers_time(
    autojump_clock: MockClock,
) -> None:
    """The exception was raised below the handler, as any other."""
    paged = Paged(0.5)
    paged.app.get("/bounded")(bounded(2)(answer_slowly))
    async with client(paged.app) as http:
        response = await http.get("/bounded")
        assert (response.text, trio.current_time()) == ("sorry", 2.5)
    assert paged.seen == [503, 3, "deadline"]

"""What answers a request whose time has passed: made within the onion, so that middleware sees it.

At each layer of it, and only if it was the deadline that has cancelled what is below.
"""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    CallNext,
    Compression,
    Cors,
    HttpException,
    Hump,
    Request,
    RequestId,
    Response,
    Router,
    SecurityHeaders,
    StreamResponse,
    Timeouts,
    timeout,
)
from hump_trio.testing import client, connect
from hump_trio.testing.memory_listener import MemoryListener
from tests.support.wire import parse_answers, read_to_end, read_to_reset, read_until, request

TIMEOUTS = Timeouts(handler=2, cleanup=3, shutdown=1, deadline_header="x-ms", stall_grace=4)
ASK = ("Origin: https://a.example", "Accept-Encoding: gzip")


@dataclass
class Way:
    """A way in which the time of a request passes.

    Args:
        data: The request; a body in it doesn't come to its end.
        status: Of the answer.
        text: Of the answer.
        outcome: Of the request.
        closes: Whether the connection ends.
    """

    data: bytes
    status: int = 503
    text: str = "the answer took too long"
    outcome: str = "deadline"
    closes: bool = False


LONGER, STALLED = "the answer took longer than its caller waits", "the body took too long to arrive"
PART = "Content-Length: 9"
WAYS = {
    "app": Way(request("GET", "/slow", *ASK)),
    "route": Way(request("GET", "/timed", *ASK)),
    "caller": Way(request("GET", "/slow", "x-ms: 500", *ASK), 504, LONGER),
    "caller-timed": Way(request("GET", "/timed", "x-ms: 500", *ASK), 504, LONGER),
    "body": Way(request("POST", "/whole", PART, *ASK) + b"x", 408, STALLED, "stalled", True),
    "stream": Way(request("POST", "/parts", PART, *ASK) + b"x", 408, STALLED, "stalled", True),
    "decorated": Way(request("GET", "/decorated", *ASK)),
}
# Those in which a handler is cancelled by the server.
CANCELLING = ["app", "route", "caller", "caller-timed", "stream"]


async def wait() -> str:
    """Wait longer than anybody does."""
    await trio.sleep(1000)
    return "late"


def new_app(handler: Callable[[], Awaitable[Any]] = wait, **options: Any) -> Hump:
    """Return an app whose handlers take too long, or get a body that stalls.

    Args:
        handler: Of the slow routes.
        options: Of the app.
    """
    app = Hump(timeouts=TIMEOUTS, **options)
    app.get("/slow")(handler)
    app.get("/timed", timeout=1.5)(handler)
    app.get("/decorated")(timeout(1)(handler))

    @app.get("/")
    async def index() -> str:
        return "quick"

    @app.post("/whole")
    async def whole() -> str:
        return "never"

    @app.post("/parts", stream=True)
    async def parts(request: Request) -> str:
        return str([part async for part in request.stream])

    return app


async def ask(app: Hump, way: Way) -> Any:
    """Return the answer to a request whose time passes; the connection is as it should be then."""
    async with connect(app) as raw:
        await raw.send(way.data)
        if way.closes:
            answers = parse_answers(await read_to_end(raw), way.data[:4].decode().strip())
        else:
            data = await raw.receive()
            await raw.send(request())
            data += await read_until(raw, b"quick")
            answers = parse_answers(data, "GET", "GET", ended=False)
        assert answers[0].closes is way.closes
        expected = Counter([way.outcome, *["ok"] * (len(answers) - 1)])
        assert +Counter[str](app.statistics().outcomes) == expected
    return answers[0]


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged as a warning, or worse."""
    return [each.message for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize("way", WAYS)
async def test_the_box_sees_it(
    way: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer has its request's name, and the fields for browsers; one line is logged."""
    app = new_app()
    app.middleware(RequestId())
    app.middleware(SecurityHeaders())
    app.middleware(Cors(origins=["https://a.example"]))
    app.middleware(Compression())
    answer = await ask(app, WAYS[way])
    assert (answer.status, answer.text) == (WAYS[way].status, WAYS[way].text)
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.headers["x-request-id"]) == 32
    assert len(warnings_of(caplog)) == 1
    assert warnings_of(caplog)[0].startswith(WAYS[way].text)


class Layered:
    """An app with middleware of each kind around its handlers, of its own and of two routers.

    Args:
        handler: Of the slow routes.
    """

    def __init__(self, handler: Callable[[], Awaitable[Any]] = wait) -> None:
        self.seen: list[tuple[str, int]] = []
        self.app = new_app()
        outer, inner = Router("/outer"), Router("/inner")
        for router in (self.app, outer, inner):
            for _ in range(2):
                router.middleware(self.layer(f"layer-{len(self.seen)}"))
                self.seen.append(("", 0))
        self.seen.clear()
        inner.get("/slow")(handler)
        inner.get("/timed", timeout=1.5)(handler)
        outer.include(inner)
        self.app.include(outer)

    def layer(self, name: str) -> Any:
        """Return middleware that notes what it sees, and marks it."""

        async def see(request: Request, call_next: CallNext) -> Response:
            response = await call_next(request)
            self.seen.append((name, response.status))
            response.headers[name] = str(request.cancel_reason)
            return response

        return see


@pytest.mark.parametrize("path", ["slow", "timed"])
async def test_every_layer_sees_it(path: str, autojump_clock: MockClock) -> None:
    """Those of routers too, from the innermost on, once each."""
    layered = Layered()
    way = Way(request("GET", f"/outer/inner/{path}"))
    answer = await ask(layered.app, way)
    assert (answer.status, answer.text) == (503, way.text)
    assert layered.seen[:6] == [(f"layer-{index}", 503) for index in (5, 4, 3, 2, 1, 0)]
    assert all(answer.headers[f"layer-{index}"] == "deadline" for index in range(6))


@pytest.mark.parametrize("way", CANCELLING)
@pytest.mark.parametrize("depth", [0, 1, 2])
async def test_middleware_that_awaits_after_it(
    depth: int, way: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is cancelled there, and the next layer outwards sees the answer anew; one line is said."""
    app = new_app()
    seen = []

    def layer(number: int) -> Any:
        async def see(request: Request, call_next: CallNext) -> Response:
            response = await call_next(request)
            seen.append((number, response.status, request.cancel_reason))
            if number == depth:
                await trio.lowlevel.checkpoint()
            response.headers[f"layer-{number}"] = "yes"
            return response

        return see

    for number in range(3):
        app.middleware(layer(number))
    answer = await ask(app, WAYS[way])
    assert (answer.status, answer.text) == (WAYS[way].status, WAYS[way].text)
    assert seen[:3] == [(number, WAYS[way].status, "deadline") for number in (2, 1, 0)]
    marked = [number for number in range(3) if f"layer-{number}" in answer.headers]
    assert marked == list(range(depth))
    assert len(warnings_of(caplog)) == 1


async def test_what_middleware_shields_is_done(autojump_clock: MockClock) -> None:
    """As anywhere."""
    app = new_app()

    @app.middleware
    async def save(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        with trio.move_on_after(1, shield=True):
            await trio.sleep(0.5)
            response.headers["saved"] = "yes"
        return response

    assert (await ask(app, WAYS["route"])).headers["saved"] == "yes"


@pytest.mark.parametrize("way", CANCELLING)
async def test_middleware_may_answer_something_else(way: str, autojump_clock: MockClock) -> None:
    """What came out of the onion is sent: also by one that makes nothing of being cancelled."""
    app = new_app()

    @app.middleware
    async def instead(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        if response.status == 200:
            return response
        with suppress(trio.Cancelled):
            await trio.sleep(1)
        return Response(f"instead of {response.status}", 500)

    answer = await ask(app, WAYS[way])
    assert (answer.status, answer.text) == (500, f"instead of {WAYS[way].status}")


@pytest.mark.parametrize("way", ["app", "route", "caller"])
async def test_middleware_that_is_slow_itself(
    way: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What stands further out sees the answer, and the log names its line."""
    app = new_app()
    app.middleware(RequestId())

    @app.middleware
    async def dawdle(request: Request, call_next: CallNext) -> Response:
        if request.path != "/":
            await trio.sleep(1000)
        return await call_next(request)

    answer = await ask(app, WAYS[way])
    assert answer.status == WAYS[way].status
    assert "x-request-id" in answer.headers
    assert warnings_of(caplog)[0].endswith("dawdle")


@pytest.mark.parametrize("path", ["/slow", "/timed"])
async def test_a_scope_of_middlewares_own(path: str, autojump_clock: MockClock) -> None:
    """It cancels what is below as ever, and no layer takes that for the deadline."""
    app = new_app()

    @app.middleware
    async def outer(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers["outer"] = "yes"
        return response

    @app.middleware
    async def hurry(request: Request, call_next: CallNext) -> Response:
        with trio.move_on_after(0.5):
            return await call_next(request)
        return Response("cached")

    @app.middleware
    async def inner(request: Request, call_next: CallNext) -> Response:
        return await call_next(request)

    async with client(app) as http:
        response = await http.get(path)
        assert (response.text, trio.current_time()) == ("cached", 0.5)
    assert response.headers["outer"] == "yes"


async def test_middleware_in_a_task_of_its_own(autojump_clock: MockClock) -> None:
    """What calls the rest from a nursery sees the answer there."""
    app = new_app()

    @app.middleware
    async def apart(request: Request, call_next: CallNext) -> Response:
        answers = []

        async def call() -> None:
            answers.append(await call_next(request))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
        answers[0].headers["apart"] = "yes"
        return answers[0]

    answer = await ask(app, WAYS["route"])
    assert answer.status == 503


@pytest.mark.parametrize("reason", ["client-gone", "shutdown"])
async def test_other_cancellations_go_through(reason: str, autojump_clock: MockClock) -> None:
    """Nobody is there to answer: middleware is cancelled with its handler."""
    app = new_app()
    seen = []

    @app.middleware
    async def see(request: Request, call_next: CallNext) -> Response:
        try:
            return await call_next(request)
        except trio.Cancelled:
            seen.append(request.cancel_reason)
            raise

    async with connect(app) as raw:
        await raw.send(request("GET", "/timed"))
        await trio.sleep(0.3)
        if reason == "shutdown":
            app.shutdown()
            assert await read_to_reset(raw) == b""
        else:
            raw.reset()
            await trio.sleep(1)
    assert seen == [reason]


async def test_a_host_that_cancels_goes_first(autojump_clock: MockClock) -> None:
    """The deadline that passes while a handler cleans up then makes no answer."""
    seen = []

    async def clean_up() -> None:
        try:
            await trio.sleep(1000)
        finally:
            with trio.move_on_after(5, shield=True):
                await trio.sleep(3)

    app = new_app(clean_up)

    @app.middleware
    async def see(request: Request, call_next: CallNext) -> Response:
        try:
            return await call_next(request)
        except trio.Cancelled:
            seen.append(request.cancel_reason)
            raise

    listener = MemoryListener()

    async def serve(task_status: trio.TaskStatus[tuple[str, ...]]) -> None:
        await app.serve(listeners=[listener], task_status=task_status)

    async with trio.open_nursery() as nursery:
        await nursery.start(serve)
        listener.connect(1000).send_nowait(request("GET", "/timed"))
        await trio.sleep(0.5)
        nursery.cancel_scope.cancel()
    assert seen == ["server-failed"]


async def fail_while_cancelled() -> None:
    """Fail in one task, be cancelled in another."""

    async def fail() -> None:
        try:
            await trio.sleep(1000)
        finally:
            raise LookupError("clean-up")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail)
        nursery.start_soon(trio.sleep, 1000)


async def cancelled_in_tasks() -> None:
    """Be cancelled in two tasks."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 1000)
        nursery.start_soon(trio.sleep, 1000)


async def stray_group() -> None:
    """Be cancelled in a group that no nursery has made."""
    try:
        await trio.sleep(1000)
    except trio.Cancelled as error:
        raise BaseExceptionGroup("", [error, BaseExceptionGroup("", [error])]) from None


@pytest.mark.parametrize("way", ["app", "route"])
@pytest.mark.parametrize("handler", [fail_while_cancelled, cancelled_in_tasks, stray_group])
async def test_groups(
    handler: Callable[[], Awaitable[None]],
    way: str,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A group of cancellations is one; a failure in it is logged, and the answer is the 503."""
    app = new_app(handler)
    app.middleware(RequestId())
    answer = await ask(app, WAYS[way])
    assert answer.status == 503
    assert "x-request-id" in answer.headers
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(errors) == (handler is fail_while_cancelled)
    for record in errors:
        assert record.message == "a handler failed while it was cancelled"
        assert record.exc_info is not None
        assert isinstance(record.exc_info[1], ExceptionGroup)


@pytest.mark.parametrize("way", ["app", "route"])
async def test_what_ends_the_program_goes_on(way: str, autojump_clock: MockClock) -> None:
    """Beside a cancellation by the deadline, too."""

    async def leave() -> None:
        try:
            await trio.sleep(1000)
        finally:
            raise SystemExit(3)

    async def handler() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(leave)
            nursery.start_soon(trio.sleep, 1000)

    app = new_app(handler)
    app.middleware(RequestId())
    with pytest.RaisesGroup(SystemExit, flatten_subgroups=True):
        async with connect(app) as raw:
            await raw.send(WAYS[way].data)
            await trio.sleep(10)


@pytest.mark.parametrize("path", ["/slow", "/timed"])
async def test_an_answer_in_spite_of_the_deadline_is_seen_as_it_is(
    path: str, autojump_clock: MockClock
) -> None:
    """Of a handler that shields, or makes nothing of its cancellation."""

    async def swallow() -> str:
        with suppress(trio.Cancelled):
            await trio.sleep(1000)
        return "late"

    app = new_app(swallow)
    app.middleware(RequestId())
    answer = await ask(app, Way(request("GET", path), outcome="ok"))
    assert (answer.status, answer.text) == (200, "late")
    assert "x-request-id" in answer.headers


class Paged:
    """An app, and a router in it, with a page each for what went wrong.

    Args:
        seconds: What the pages await.
    """

    def __init__(self, seconds: float) -> None:
        self.app = new_app()
        self.app.middleware(RequestId())
        self.seen: list[tuple[float, str | None]] = []
        self.seconds = seconds
        router = Router("/router")
        router.middleware(RequestId(header="x-router"))
        router.get("/timed", timeout=1.5)(wait)
        self.app.exception_handler(HttpException)(self.page_of("app"))
        router.exception_handler(HttpException)(self.page_of("router"))
        self.app.include(router)

    def page_of(self, name: str) -> Any:
        """Return an exception handler that takes its time."""

        async def page(request: Request, error: HttpException) -> Response:
            self.seen.append((request.deadline, request.cancel_reason))
            await trio.sleep(self.seconds)
            return Response(f"{name}: {error.detail}", error.status)

        return page


@pytest.mark.parametrize("seconds", [0, 2])
@pytest.mark.parametrize(("path", "name"), [("/timed", "app"), ("/router/timed", "router")])
async def test_a_page_is_made_within(
    path: str, name: str, seconds: float, autojump_clock: MockClock
) -> None:
    """It has the time of clean-up for what it awaits, is asked once, and middleware sees it."""
    paged = Paged(seconds)
    answer = await ask(paged.app, Way(request("GET", path)))
    assert (answer.status, answer.text) == (503, f"{name}: the answer took too long")
    assert ("x-router" in answer.headers, "x-request-id" in answer.headers) == (
        name == "router",
        True,
    )
    assert paged.seen == [(1.5 + 3, "deadline")]


async def test_a_page_that_takes_too_long(autojump_clock: MockClock) -> None:
    """The plain answer goes out then, and middleware sees that."""
    paged = Paged(1000)
    answer = await ask(paged.app, WAYS["route"])
    assert (answer.status, answer.text) == (503, "the answer took too long")
    assert "x-request-id" in answer.headers
    assert trio.current_time() == 1.5 + 3


async def test_a_page_that_fails(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a 500, as anywhere."""
    app = new_app()
    app.middleware(RequestId())

    @app.exception_handler(HttpException)
    async def page(request: Request, error: HttpException) -> Response:
        raise LookupError

    answer = await ask(app, replace(WAYS["route"], outcome="crash"))
    assert answer.status == 500
    assert "x-request-id" in answer.headers


async def test_a_streamed_page_has_its_time(autojump_clock: MockClock) -> None:
    """Also on a route whose own time would bound its sending, and has passed."""
    app = new_app()
    app.middleware(RequestId())

    @app.exception_handler(HttpException)
    async def page(request: Request, error: HttpException) -> Response:
        async def parts() -> AsyncIterator[str]:
            yield "sorry, "
            await trio.sleep(1)
            yield "later"

        return Response(parts(), error.status)

    async with client(app) as http:
        response = await http.get("/timed")
    assert (response.status_code, response.text) == (503, "sorry, later")


async def test_a_page_holds_a_shutdown_up_no_longer_than_clean_up(
    autojump_clock: MockClock,
) -> None:
    """What is left to it is its own time, whatever happens meanwhile."""
    paged = Paged(1000)
    async with connect(paged.app) as raw:
        await raw.send(WAYS["route"].data)
        await trio.sleep(2)
        paged.app.shutdown()
        [answer] = parse_answers(await read_to_end(raw))
    assert (answer.status, answer.text) == (503, "the answer took too long")
    assert trio.current_time() == 1.5 + TIMEOUTS.cleanup


async def test_a_request_that_middleware_has_copied(autojump_clock: MockClock) -> None:
    """The layers around it know of the deadline all the same."""
    app = new_app()
    app.middleware(RequestId())

    @app.middleware
    async def copying(request: Request, call_next: CallNext) -> Response:
        return await call_next(replace(request, path_params={}))

    answer = await ask(app, WAYS["app"])
    assert answer.status == 503
    assert "x-request-id" in answer.headers


@pytest.mark.parametrize(
    ("path", "status"), [("/late", 503), ("/late-own", 503), ("/failing", 500), ("/refusing", 409)]
)
async def test_a_stream_that_never_begins_is_answered_with_the_fields_of_middleware(
    path: str, status: int, autojump_clock: MockClock
) -> None:
    """Which has seen the stream; but for those that are about its body, or its client's alone."""
    app = new_app()
    app.middleware(RequestId())
    app.middleware(Cors(origins=["https://a.example"]))
    stays = HttpException(409, "not now", headers={"x-said": "by the error"})

    def streaming(produce: Callable[[Any], Awaitable[None]]) -> Callable[[], Awaitable[Response]]:
        async def stream() -> Response:
            headers = {"content-type": "text/csv", "etag": '"1"', "x-said": "by the stream"}
            response = StreamResponse(produce, headers=headers)
            response.set_cookie("login", "yes")
            return response

        return stream

    async def late(send: Any) -> None:
        await trio.sleep(1000)

    async def failing(send: Any) -> None:
        raise LookupError

    async def refusing(send: Any) -> None:
        raise stays

    app.get("/late", timeout=1)(streaming(late))
    app.get("/late-own")(timeout(1)(streaming(late)))
    app.get("/failing")(streaming(failing))
    app.get("/refusing")(streaming(refusing))
    outcome = {503: "deadline", 500: "crash", 409: "ok"}[status]
    for _ in range(2):
        async with client(app) as http:
            answer = await http.get(path, headers={"origin": "https://a.example"})
            assert app.statistics().outcomes[cast("Any", outcome)] == 1
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert len(answer.headers.get_list("x-request-id")) == 1
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert not {"etag", "set-cookie"} & answer.headers.keys()
        said = "by the error" if status == 409 else "by the stream"
        assert answer.headers.get_list("x-said") == [said]


@pytest.mark.parametrize("path", ["/slow", "/timed", "/decorated"])
async def test_a_thread_outlives_its_deadline(
    path: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What can't be cancelled is waited for, and its answer sent; the log says by how much."""

    async def shield() -> str:
        with trio.CancelScope(shield=True):  # as a thread that isn't abandoned
            await trio.sleep(5)
        return "late"

    app = new_app(shield)
    answer = await ask(app, Way(request("GET", path), outcome="ok"))
    assert (answer.status, answer.text) == (200, "late")
    seconds = {"/slow": 3, "/timed": 3.5, "/decorated": 4}[path]
    name = "shield" if path == "/decorated" else f"GET {path}, route {path}"
    line = warnings_of(caplog)[0]
    assert f"answered {seconds:.1f} s after its deadline: " in line
    assert f": {name}; " in line
    assert "abandon_on_cancel=True" in line
    assert len(warnings_of(caplog)) == 1 + (path == "/decorated")  # the app's, which is later


def slowly_answering(layers: int, begun: list[float]) -> Hump:
    """Return an app whose handler for errors waits for long, as does middleware after it.

    Args:
        layers: How many middleware there are.
        begun: Is given the times at which that handler begins.
    """
    app = new_app()

    async def see(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        await trio.lowlevel.checkpoint()
        return response

    for _ in range(layers):
        app.middleware(see)

    @app.exception_handler(HttpException)
    async def answer(request: Request, error: HttpException) -> Response:
        begun.append(trio.current_time())
        assert request.deadline == 1.5 + TIMEOUTS.cleanup
        await trio.sleep(1000)
        return Response("never")

    return app


@pytest.mark.parametrize("layers", [1, 3])
async def test_all_layers_have_one_time(layers: int, autojump_clock: MockClock) -> None:
    """However many make the answer anew, it comes when the time of clean-up has passed once."""
    begun: list[float] = []
    async with connect(slowly_answering(layers, begun)) as raw:
        await raw.send(request("GET", "/timed"))
        [answer] = parse_answers(await raw.receive(), ended=False)
        assert trio.current_time() == 1.5 + TIMEOUTS.cleanup
    assert (answer.status, answer.text) == (503, WAYS["route"].text)
    assert begun == [1.5, *[1.5 + TIMEOUTS.cleanup] * layers]


async def test_a_host_that_cancels_while_it_is_answered(autojump_clock: MockClock) -> None:
    """No layer takes that for the deadline, either: the answer isn't made anew."""
    begun: list[float] = []
    app, listener = slowly_answering(3, begun), MemoryListener()

    async def serve(task_status: trio.TaskStatus[tuple[str, ...]]) -> None:
        await app.serve(listeners=[listener], task_status=task_status)

    async with trio.open_nursery() as nursery:
        await nursery.start(serve)
        listener.connect(1000).send_nowait(request("GET", "/timed"))
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    assert begun == [1.5]
    assert trio.current_time() == 1.5 + TIMEOUTS.cleanup

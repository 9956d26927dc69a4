"""The onion: what middleware sees, in which order, and what it may do."""

import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from hump_trio import CallNext, HttpException, Hump, JsonResponse, Request, Response
from hump_trio.testing import client


def an_app(*, error: Exception | None = None) -> Hump:
    """Return an app whose front page raises, or shows what middleware left for it."""
    app = Hump()

    @app.get("/")
    async def index(request: Request) -> str:
        if error is not None:
            raise error
        return f"seen by {request.state.get('seen')}"

    return app


def note(app: Hump, seen: list[str], name: str) -> None:
    """Add middleware that notes what passes."""

    @app.middleware
    async def noting(request: Request, call_next: CallNext) -> Response:
        seen.append(f"{name} in")
        try:
            response = await call_next(request)
        except Exception as error:
            seen.append(f"{name} {type(error).__name__}")
            raise
        seen.append(f"{name} {response.status}")
        return response


async def test_the_first_is_the_outermost() -> None:
    """In by order of registration, out in reverse."""
    app, seen = an_app(), list[str]()
    note(app, seen, "outer")
    note(app, seen, "inner")
    async with client(app) as http:
        assert (await http.get("/")).status_code == 200
    assert seen == ["outer in", "inner in", "inner 200", "outer 200"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/x", 404), ("POST", "/", 405), ("BREW", "/", 501), ("OPTIONS", "/", 204)],
)
async def test_it_sees_what_no_handler_answers(method: str, path: str, status: int) -> None:
    """404, 405, 501 and automatic OPTIONS are responses like any other, and may be changed."""
    app, seen = an_app(), list[str]()
    note(app, seen, "mw")

    @app.middleware
    async def stamp(request: Request, call_next: CallNext) -> Response:
        assert request.app is app
        response = await call_next(request)
        response.headers["x-stamp"] = "yes"
        return response

    async with client(app) as http:
        answer = await http.request(method, path)
    assert (answer.status_code, answer.headers["x-stamp"]) == (status, "yes")
    assert seen == ["mw in", f"mw {status}"]


async def test_it_sees_errors_as_responses() -> None:
    """What a handler raises and somebody answers has become a response."""
    for error in (HttpException(409), KeyError("x"), ExceptionGroup("", [HttpException(409)])):
        app, seen = an_app(error=error), list[str]()
        note(app, seen, "mw")

        @app.exception_handler(KeyError)
        async def conflict(request: Request, error: KeyError) -> Response:
            return Response("conflict", 409)

        async with client(app) as http:
            assert (await http.get("/")).status_code == 409
        assert seen == ["mw in", "mw 409"]


async def test_a_failed_exception_handler_is_seen_as_a_500() -> None:
    """It is answered where the error was."""
    app, seen = an_app(error=KeyError("x")), list[str]()
    note(app, seen, "mw")

    @app.exception_handler(KeyError)
    async def failing(request: Request, error: KeyError) -> Response:
        raise RuntimeError

    async with client(app) as http:
        assert (await http.get("/")).status_code == 500
    assert seen == ["mw in", "mw 500"]


async def test_unexpected_errors_pass_through(caplog: pytest.LogCaptureFixture) -> None:
    """So that a transaction can be rolled back; then it is a 500, logged once."""
    app, seen = an_app(error=RuntimeError("x")), list[str]()
    note(app, seen, "outer")
    note(app, seen, "inner")
    async with client(app) as http:
        assert (await http.get("/")).status_code == 500
    assert seen == ["outer in", "inner in", "inner RuntimeError", "outer RuntimeError"]
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1


async def test_middleware_may_answer_an_unexpected_error(caplog: pytest.LogCaptureFixture) -> None:
    """Then it is no longer unexpected."""
    app = an_app(error=RuntimeError("x"))

    @app.middleware
    async def rescue(request: Request, call_next: CallNext) -> Response:
        try:
            return await call_next(request)
        except RuntimeError:
            return Response("rescued")

    async with client(app) as http:
        assert (await http.get("/")).text == "rescued"
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("error", [HttpException(401, "who?"), PermissionError("who?")])
async def test_errors_of_middleware_are_seen_as_responses_outside(error: Exception) -> None:
    """An answer for what an inner layer raises is made at that layer."""
    app, seen = an_app(), list[str]()
    note(app, seen, "outer")

    @app.middleware
    async def refuse(request: Request, call_next: CallNext) -> Response:
        raise error

    @app.exception_handler(PermissionError)
    async def unauthorized(request: Request, error: PermissionError) -> Response:
        return Response(str(error), 401)

    note(app, seen, "inner")
    async with client(app) as http:
        answer = await http.get("/")
    assert (answer.status_code, answer.text) == (401, "who?")
    assert seen == ["outer in", "outer 401"]


async def test_middleware_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """500, and one record, also after the handler has answered."""
    app = an_app()

    @app.middleware
    async def failing(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        raise RuntimeError("x")

    async with client(app) as http:
        assert (await http.get("/")).status_code == 500
        assert (await http.get("/x")).status_code == 500
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 2


async def test_it_may_answer_by_itself() -> None:
    """Whatever lies below isn't called; plain values are taken as from handlers."""
    app, seen = an_app(), list[str]()
    values: list[Any] = [Response("a", 201), "b", {"c": 1}]

    async def short(request: Request, call_next: CallNext) -> Any:
        return values.pop(0)

    app.middleware(short)
    note(app, seen, "inner")
    async with client(app) as http:
        assert (await http.get("/")).status_code == 201
        assert (await http.get("/")).text == "b"
        assert (await http.get("/")).json() == {"c": 1}
    assert seen == []


async def test_a_forgotten_return_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """Not an empty success; the log names the function."""
    app = an_app()

    async def forgetful(request: Request, call_next: CallNext) -> None:
        await call_next(request)

    app.middleware(forgetful)
    async with client(app) as http:
        assert (await http.get("/")).status_code == 500
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_text is not None
    assert "forgetful must return a response, not None" in record.exc_text


async def test_it_leaves_things_for_handlers() -> None:
    """In ``request.state``, new for each request."""
    app = an_app()

    @app.middleware
    async def leave(request: Request, call_next: CallNext) -> Response:
        assert request.state == {}
        request.state["seen"] = "mw"
        return await call_next(request)

    async with client(app) as http:
        for _ in range(2):
            assert (await http.get("/")).text == "seen by mw"


async def test_it_sees_plain_return_values_as_responses() -> None:
    """Also None, a generator's stream and a value with a JSON form."""
    app, seen = an_app(), list[Response]()

    async def none() -> None:
        return None

    async def stream() -> AsyncIterator[str]:
        yield "a"

    async def table() -> list[int]:
        return [1]

    for handler in (none, stream, table):
        app.get(f"/{handler.__name__}")(handler)

    @app.middleware
    async def see(request: Request, call_next: CallNext) -> Response:
        seen.append(await call_next(request))
        return seen[-1]

    async with client(app) as http:
        assert [(await http.get(f"/{name}")).text for name in ("none", "stream", "table")] == [
            "",
            "a",
            "[1]",
        ]
    assert [response.status for response in seen] == [204, 200, 200]


async def test_middleware_may_be_an_object_or_a_partial() -> None:
    """Whatever is async and takes its two parameters."""
    app = an_app()

    class Stamp:
        async def __call__(self, request: Request, call_next: CallNext) -> Response:
            response = await call_next(request)
            response.headers["x-object"] = "yes"
            return response

    async def stamp(request: Request, call_next: CallNext, *, name: str) -> Response:
        response = await call_next(request)
        response.headers[name] = "yes"
        return response

    app.middleware(Stamp())
    app.middleware(partial(stamp, name="x-partial"))
    async with client(app) as http:
        headers = (await http.get("/")).headers
    assert headers["x-object"] == headers["x-partial"] == "yes"


async def test_an_answer_that_is_returned_again_does_not_grow() -> None:
    """What middleware adds is added to a copy, of handlers' answers and of those to errors."""
    app = Hump()
    fixed, failed = JsonResponse({"a": 1}), Response("failed", 503)

    @app.middleware
    async def add(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers.add("x-added", "a")
        return response

    @app.get("/")
    async def index() -> Response:
        return fixed

    @app.get("/error")
    async def error() -> Response:
        raise LookupError

    @app.exception_handler(LookupError)
    async def answer(request: Request, error: LookupError) -> Response:
        return failed

    async with client(app) as http:
        for path in ("/", "/error", "/", "/error"):
            assert (await http.get(path)).headers.get_list("x-added") == ["a"]
    assert "x-added" not in fixed.headers
    assert "x-added" not in failed.headers

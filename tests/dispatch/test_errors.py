"""What is raised below a handler, and the answer that it becomes."""

import logging
from collections.abc import AsyncIterator, Generator
from typing import Any

import httpx2
import pytest
import trio

from hump_trio import (
    CallNext,
    Ended,
    Headers,
    HttpException,
    HttpParserError,
    Hump,
    JsonResponse,
    Request,
    Response,
)
from hump_trio.testing import client

SECRET = "the password is xyzzy"
PLAIN_500 = (500, "Internal Server Error")


def app_raising(error: BaseException) -> Hump:
    """Return an app whose front page raises."""
    app = Hump()

    @app.get("/")
    async def index() -> None:
        raise error

    return app


async def front_page(app: Hump, **headers: str) -> httpx2.Response:
    """Return the answer of an app's front page."""
    async with client(app) as http:
        return await http.get("/", headers=headers)


def of(answer: httpx2.Response) -> tuple[int, str]:
    """Return what a client is told."""
    return answer.status_code, answer.text


def errors_in(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what was logged as an error."""
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


class OwnError(ValueError):
    """An error of an app's."""


async def test_an_http_exception_is_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Status, detail and headers; nobody's fault, so nothing is logged as an error."""
    error = HttpException(409, "taken", headers=Headers([("x", "1"), ("x", "2")]))
    answer = await front_page(app_raising(error))
    assert of(answer) == (409, "taken")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers.get_list("x") == ["1", "2"]
    assert errors_in(caplog) == []


async def test_a_redirect_may_be_raised() -> None:
    """An exception answers with any status from 300 on."""
    answer = await front_page(app_raising(HttpException(303, headers={"location": "/x"})))
    assert (answer.status_code, answer.headers["location"]) == (303, "/x")


@pytest.mark.parametrize("path", ["/", "/missing"])
async def test_errors_are_json_for_clients_that_prefer_it(path: str) -> None:
    """RFC 9457, for raised errors and for those of the framework's own, 500 included."""
    app = app_raising(RuntimeError(SECRET))
    async with client(app) as http:
        answer = await http.get(path, headers={"accept": "application/json, */*;q=0.5"})
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
        assert SECRET not in answer.text
        plain = await http.get(path, headers={"accept": "text/html, application/json"})
        assert plain.headers["content-type"] == "text/plain; charset=utf-8"


async def test_anything_else_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    """One record with method, target and traceback; the client is told nothing of it."""
    app = app_raising(RuntimeError(SECRET))
    answer = await front_page(app)
    assert of(answer) == PLAIN_500
    assert SECRET not in str(answer.headers)
    (record,) = errors_in(caplog)
    assert record.getMessage() == "GET / failed: route /, handler index"
    assert record.name == "hump_trio"
    assert record.exc_text is not None
    assert SECRET in record.exc_text
    assert "in index" in record.exc_text


async def test_the_connection_stays_usable(caplog: pytest.LogCaptureFixture) -> None:
    """A failing handler harms no later request."""
    app = app_raising(RuntimeError())
    app.get("/fine")(generate)
    async with client(app) as http:
        first = await http.get("/")
        second = await http.get("/fine")
    assert (first.status_code, second.text) == (500, "a")
    assert "connection" not in first.headers
    assert len(errors_in(caplog)) == 1


async def generate() -> AsyncIterator[str]:
    """Yield a body."""
    yield "a"


@pytest.mark.parametrize("value", [1, {1}, object(), {"a": object()}, "\ud800", {"a": 2j}])
async def test_what_no_answer_can_be_made_of(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is the developer's error: 500, with the reason in the log."""
    app = Hump()

    @app.get("/")
    async def index() -> Any:
        return value

    assert of(await front_page(app)) == PLAIN_500
    (record,) = errors_in(caplog)
    assert record.exc_info


@pytest.mark.parametrize(("name", "value"), [("status", 99), ("body", 7)])
async def test_a_response_changed_for_the_worse(
    name: str, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What can't be sent is found before anything is."""
    app = Hump()

    @app.get("/")
    async def index() -> Response:
        response = Response("a")
        setattr(response, name, value)
        return response

    assert of(await front_page(app)) == PLAIN_500
    assert len(errors_in(caplog)) == 1


async def test_a_bad_header_in_an_http_exception(caplog: pytest.LogCaptureFixture) -> None:
    """It can't split the answer: 500, and the log names the field."""
    answer = await front_page(app_raising(HttpException(404, headers={"x": "a\r\nb: c"})))
    assert of(answer) == PLAIN_500
    assert not {"x", "b"} & set(answer.headers)
    (record,) = errors_in(caplog)
    assert record.exc_text is not None
    assert "a value of x that can't be sent" in record.exc_text


async def test_the_handler_of_the_nearest_class_counts() -> None:
    """A class of its own, else that of the nearest base."""
    app = Hump()

    @app.get("/{name}")
    async def index(name: str) -> None:
        raise {"own": OwnError, "value": UnicodeError, "key": KeyError, "http": HttpException}[
            name
        ](*([418] if name == "http" else [name]))

    @app.exception_handler(Exception)
    async def any_error(request: Request, error: Exception) -> Response:
        return Response(f"any {error}", 500)

    @app.exception_handler(ValueError)
    async def value_error(request: Request, error: ValueError) -> str:
        return f"value {error}"

    @app.exception_handler(OwnError)
    async def own_error(request: Request, error: OwnError) -> dict[str, str]:
        return {"own": f"{request.path} {error}"}

    async with client(app) as http:
        assert (await http.get("/own")).json() == {"own": "/own own"}
        assert of(await http.get("/value")) == (200, "value value")
        assert of(await http.get("/key")) == (500, "any 'key'")
        assert of(await http.get("/http")) == (418, "I'm a Teapot")


async def test_errors_of_the_framework_can_be_handled() -> None:
    """404 and the like are `HttpException`, and an app may answer them its own way."""
    app = Hump()

    @app.exception_handler(HttpException)
    async def page(request: Request, error: HttpException) -> Response:
        return JsonResponse({"sorry": error.detail}, error.status, error.headers)

    async with client(app) as http:
        answer = await http.get("/x")
        assert (answer.status_code, answer.json()) == (404, {"sorry": "nothing is here"})


async def test_a_handler_may_raise_an_http_exception() -> None:
    """Mapping an error to a status; the page for that status is asked too."""
    app = app_raising(KeyError("x"))
    asked: list[str] = []

    @app.exception_handler(KeyError)
    async def missing(request: Request, error: KeyError) -> Response:
        asked.append("missing")
        raise HttpException(404, "no such thing") from error

    assert of(await front_page(app)) == (404, "no such thing")

    @app.exception_handler(HttpException)
    async def page(request: Request, error: HttpException) -> Response:
        asked.append("page")
        return Response(f"page of {error.status}", error.status)

    assert of(await front_page(app)) == (404, "page of 404")
    assert asked == ["missing", "missing", "page"]


async def test_a_page_that_raises_its_own_kind() -> None:
    """An exception handler is asked once; then the error answers for itself."""
    app = app_raising(HttpException(404))
    asked: list[int] = []

    @app.exception_handler(HttpException)
    async def page(request: Request, error: HttpException) -> Response:
        asked.append(error.status)
        raise HttpException(410, "gone for good")

    assert of(await front_page(app)) == (410, "gone for good")
    assert asked == [404]


async def test_a_handler_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """500; one record that holds both errors; it isn't asked to handle its own failure."""
    app = app_raising(OwnError("first"))
    asked: list[str] = []

    @app.exception_handler(Exception)
    async def failing(request: Request, error: Exception) -> Response:
        asked.append(str(error))
        raise RuntimeError(SECRET)

    answer = await front_page(app)
    assert of(answer) == PLAIN_500
    assert asked == ["first"]
    (record,) = errors_in(caplog)
    assert record.exc_text is not None
    assert "OwnError: first" in record.exc_text
    assert SECRET in record.exc_text


async def test_a_handler_that_forgets_to_return(caplog: pytest.LogCaptureFixture) -> None:
    """An error never becomes an empty success."""
    app = app_raising(OwnError())

    @app.exception_handler(OwnError)
    async def forgetful(request: Request, error: OwnError) -> None:
        pass

    assert of(await front_page(app)) == PLAIN_500
    (record,) = errors_in(caplog)
    assert record.exc_text is not None
    assert "forgetful must return a response, not None" in record.exc_text


@pytest.mark.parametrize("answer", ["\ud800", Response("\ud800")])
async def test_a_handler_that_answers_with_what_cannot_be_sent(
    answer: str | Response, caplog: pytest.LogCaptureFixture
) -> None:
    """The last check stands outside all handlers."""
    app = app_raising(OwnError())

    @app.exception_handler(Exception)
    async def surrogate(request: Request, error: Exception) -> str | Response:
        return answer

    assert of(await front_page(app)) == PLAIN_500
    assert len(errors_in(caplog)) == 1


async def test_a_body_that_breaks_off_before_its_first_part(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As long as nothing was sent, the error is answered like any other."""
    app = Hump()

    @app.get("/{name}")
    async def broken(name: str) -> AsyncIterator[str]:
        raise {"own": OwnError(), "http": HttpException(409), "other": RuntimeError()}[name]
        yield ""

    @app.exception_handler(OwnError)
    async def own(request: Request, error: OwnError) -> Response:
        return Response("own", 418)

    async with client(app) as http:
        assert of(await http.get("/own")) == (418, "own")
        assert of(await http.get("/http")) == (409, "Conflict")
        assert errors_in(caplog) == []
        assert of(await http.get("/other")) == PLAIN_500
    assert len(errors_in(caplog)) == 1


async def test_an_error_in_a_nursery_is_answered() -> None:
    """A task that raises `HttpException` below the handler answers the request."""
    app = Hump()

    @app.get("/")
    async def index() -> None:
        async def child() -> None:
            raise HttpException(404, "no such thing")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(child)

    assert of(await front_page(app)) == (404, "no such thing")


async def test_a_parser_error_answers_for_itself() -> None:
    """What a streamed body raises needs no handler of the app's."""
    assert of(await front_page(app_raising(HttpParserError(400, "odd")))) == (400, "odd")


async def test_a_crash_is_logged_with_its_handler_and_route(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In one line, which a search finds; what no route takes has neither.

    It doesn't say that the error is the handler's: middleware may have raised it.
    """
    app = Hump()

    @app.middleware
    async def around(request: Request, call_next: CallNext) -> Response:
        if request.path in ("/items/8", "/nowhere"):
            raise LookupError
        return await call_next(request)

    @app.get("/items/{item}")
    async def show(item: str) -> str:
        raise LookupError

    async with client(app) as http:
        for request in ("GET /items/7", "GET /items/8", "HEAD /items/7", "GET /nowhere"):
            assert (await http.request(*request.split())).status_code == 500
    assert [record.getMessage() for record in errors_in(caplog)] == [
        "GET /items/7 failed: route /items/{item}, handler show",
        "GET /items/8 failed: route /items/{item}, handler show",
        "HEAD /items/7 failed: route /items/{item}",
        "GET /nowhere failed",
    ]


async def test_a_handler_that_raises_its_error_leaves_it_to_the_next() -> None:
    """Here to what is built in: so it may look at all errors, and change some."""
    app = Hump()
    seen: list[str] = []

    @app.exception_handler(HttpException)
    async def look(request: Request, error: HttpException) -> str:
        seen.append(f"{error.status}")
        raise error

    @app.get("/{number}")
    async def show(number: int) -> str:
        raise HttpException(418, "short and stout")

    async with client(app) as http:
        teapot = await http.get("/7")
        other = await http.get("/few")
    assert (teapot.status_code, teapot.text) == (418, "short and stout")
    assert (other.status_code, other.json()["errors"][0]["place"]) == (422, "path.number")
    assert seen == ["418", "422"]


def app_with_a_page(status: int) -> tuple[Hump, list[Ended]]:
    """Return an app that fails and has a page for any error, and how its requests have ended."""
    app, seen = app_raising(OwnError(SECRET)), list[Ended]()

    @app.exception_handler(Exception)
    async def page(request: Request, error: Exception) -> Response:
        return Response("our fault", status)

    @app.watch
    def watch(request: Request) -> Generator[None, Ended, None]:
        seen.append((yield))

    return app, seen


@pytest.mark.parametrize("status", [500, 503])
async def test_a_page_for_any_error_hides_no_crash(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The client has the page; the log the traceback, and its line the outcome ``crash``."""
    app, seen = app_with_a_page(status)
    assert of(await front_page(app)) == (status, "our fault")
    (record,) = errors_in(caplog)
    assert record.getMessage() == "GET / failed: route /"
    assert record.exc_text is not None
    assert f"OwnError: {SECRET}" in record.exc_text
    assert [ended.access.outcome for ended in seen] == ["crash"]
    assert isinstance(seen[0].error, OwnError)


async def test_what_a_handler_for_any_error_answers_below_500_is_no_crash(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It says that it knows the error; so does a handler for a class, with whatever status."""
    app, seen = app_with_a_page(409)
    assert of(await front_page(app)) == (409, "our fault")

    @app.exception_handler(OwnError)
    async def known(request: Request, error: OwnError) -> Response:
        return Response("known", 502)

    assert of(await front_page(app)) == (502, "known")
    assert [ended.access.outcome for ended in seen] == ["ok", "ok"]
    assert errors_in(caplog) == []


async def test_a_handler_for_any_error_may_raise_the_500(caplog: pytest.LogCaptureFixture) -> None:
    """For which the page for `HttpException` is shown; what is logged is the error behind it."""
    app = app_raising(OwnError("first"))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> None:
        raise HttpException(500)

    @app.exception_handler(HttpException)
    async def page(request: Request, error: HttpException) -> Response:
        return Response(f"page of {error.status}", error.status)

    assert of(await front_page(app)) == (500, "page of 500")
    (record,) = errors_in(caplog)
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], OwnError)


async def test_a_status_that_was_raised_is_no_crash(caplog: pytest.LogCaptureFixture) -> None:
    """Though a handler for any error answers it, by a group too."""
    app = app_raising(ExceptionGroup("both", [HttpException(503), HttpException(502)]))

    @app.exception_handler(Exception)
    async def page(request: Request, error: Exception) -> None:
        raise AssertionError

    assert of(await front_page(app)) == (503, "Service Unavailable")
    assert errors_in(caplog) == []


async def test_a_page_for_errors_lets_redirects_through() -> None:
    """By raising them again: they keep their ``Location``, and have no page."""
    app = app_raising(HttpException(303, headers={"location": "/login"}))

    @app.exception_handler(HttpException)
    async def page(request: Request, error: HttpException) -> Response:
        if error.status < 400:
            raise error
        return Response("a page", error.status)

    answer = await front_page(app)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    async with client(app) as http:
        assert of(await http.get("/nowhere")) == (404, "a page")

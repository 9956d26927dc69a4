"""The seam between an app and its server, as a server sees it that knows nothing else."""

import math
from typing import Any

import pytest
import trio

from hump_trio import CallNext, HttpException, Hump, Request, Response
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.dispatch.router import layer_of, table_of
from hump_trio.facts.exceptions import HttpParserError, OverloadError, StatusError
from hump_trio.messages.choice import BELOW, Application, Choice, prefix_of
from hump_trio.messages.renderers import RENDERERS
from hump_trio.messages.request import build_request
from hump_trio.messages.target import parse_target


def application_of(app: Hump) -> Application:
    """Return what a server knows of an app."""
    return Dispatcher(app, table_of(app), layer_of(app))


def app_with(*, middleware: bool = False) -> Hump:
    """Return an app with a few routes."""
    app = Hump()

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.route("/items/{number:int}", methods=["PUT", "SHELVE"], timeout=7, body_limit=10)
    async def item(number: int) -> dict[str, int]:
        return {"number": number}

    @app.post("/fails", stream=True)
    async def fails() -> None:
        raise ValueError("a secret")

    if middleware:

        @app.middleware
        async def see(request: Request, call_next: CallNext) -> Response:
            response = await call_next(request)
            response.headers.add("x-seen", "yes")
            return response

    return app


def request_for(
    application: Application, method: str, target: str, *fields: tuple[str, str]
) -> Request:
    """Return a request as a server makes it, of a protocol without a request line."""
    line = parse_target(method, target, "2")
    request = build_request(line, "a", list(fields), None)
    request.app = application.app
    return request


async def answer(application: Application, method: str, path: str) -> tuple[int, Any, str]:
    """Return status, body and outcome of the answer to a request."""
    request = request_for(application, method, path)
    choice, values = application.choose(method, "" if method == "CONNECT" else path)
    request.route, request.path_params = choice.route, values
    response = await application.respond(choice, request)
    return response.status, response.body, request.outcome


@pytest.mark.parametrize("middleware", [False, True])
@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", (200, b"hello", "ok")),
        ("HEAD", "/", (200, b"hello", "ok")),
        ("PUT", "/items/7", (200, b'{"number":7}', "ok")),
        ("POST", "/fails", (500, b"Internal Server Error", "crash")),
        ("GET", "/nothing", (404, b"nothing is here", "refused")),
        ("GET", "/items/7", (405, b"this path takes OPTIONS, PUT, SHELVE", "refused")),
        ("BREW", "/", (501, b"this method is not implemented here", "refused")),
        ("CONNECT", "a:80", (501, b"this method is not implemented here", "refused")),
        ("OPTIONS", "/", (204, b"", "ok")),
        ("OPTIONS", "*", (204, b"", "ok")),
    ],
)
async def test_answers(
    method: str, path: str, expected: tuple[int, Any, str], *, middleware: bool
) -> None:
    """Any method and path has a choice, and any choice a settled answer, again and again."""
    application = application_of(app_with(middleware=middleware))
    for _ in range(2):
        assert await answer(application, method, path) == expected


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("GET", "/items/7"), ("OPTIONS", "/"), ("OPTIONS", "*")],
)
async def test_middleware_changes_one_answer_alone(method: str, path: str) -> None:
    """What it adds to a refusal isn't in the next one, though both are made of the same choice."""
    application = application_of(app_with(middleware=True))
    for _ in range(2):
        choice, _values = application.choose(method, path)
        response = await application.respond(choice, request_for(application, method, path))
        assert response.headers.get_all("x-seen") == ["yes"]


def test_the_same_question_has_the_same_answer() -> None:
    """A choice is made at the start, or when it is first needed, and serves all requests."""
    application = application_of(app_with())
    for method, path in [("GET", "/"), ("GET", "/nothing"), ("GET", "/items/7"), ("OPTIONS", "*")]:
        first, _ = application.choose(method, path)
        second, _ = application.choose(method, path)
        assert first is second
    assert set(application.static_paths) == {("GET", "/"), ("POST", "/fails")}


def test_what_a_choice_allows() -> None:
    """Limits of the route's own, and whether a request that came whole may be answered at once."""
    application = application_of(app_with())
    index, _ = application.choose("GET", "/")
    assert (index.plain, index.refused) == (True, False)
    assert (index.timeout, index.body_limit_bytes) == (..., ...)
    item, values = application.choose("PUT", "/items/7")
    assert (item.plain, item.timeout, item.body_limit_bytes) == (False, 7, 10)
    assert values == {"number": 7}
    fails, _ = application.choose("POST", "/fails")
    assert (fails.plain, fails.stream) == (False, True)
    missing, _ = application.choose("GET", "/nothing")
    assert (missing.plain, missing.refused, missing.fixed, missing.route) == (True, True, True, "")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (HttpException(417, "only 100-continue is expected"), "refused"),
        (HttpParserError(400, "the body broke off"), "refused"),
        (OverloadError("too many requests"), "shed"),
        (OverloadError("the disk is full", 507), "shed"),
    ],
)
@pytest.mark.parametrize("middleware", [False, True])
async def test_errors_of_the_server(error: StatusError, outcome: str, *, middleware: bool) -> None:
    """Answered through middleware; equal errors have one choice, and none is handed on."""
    application = application_of(app_with(middleware=middleware))
    choice = application.refuse(error)
    request = request_for(application, "GET", "/")
    response = await application.respond(choice, request)
    assert (response.status, response.body) == (error.status, error.detail.encode())
    assert ("x-seen" in response.headers) == middleware
    assert (request.outcome, error.__traceback__) == (outcome, None)
    assert application.refuse(error) is choice
    problem = request_for(application, "GET", "/", ("accept", "application/problem+json"))
    response = await application.respond(choice, problem)
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("middleware", [False, True])
async def test_what_has_happened_to_a_request_stays(*, middleware: bool) -> None:
    """A request whose time has passed is refused, and doesn't count as refused."""
    application = application_of(app_with(middleware=middleware))
    choice = application.refuse(HttpException(408, "the body took too long"))
    request = request_for(application, "GET", "/")
    request.outcome = "deadline"
    await application.respond(choice, request)
    assert request.outcome == "deadline"


async def test_an_exception_handler_has_an_error_of_its_own() -> None:
    """What is done to it, or raised with it, is not in what the next request is refused for."""
    app = app_with()
    seen: list[HttpException] = []

    @app.exception_handler(HttpException)
    async def handle(request: Request, error: HttpException) -> Response:
        seen.append(error)
        error.add_note("seen")
        error.detail = "changed"
        return Response(request.path, error.status, error.headers)

    application = application_of(app)
    for _ in range(2):
        assert (await answer(application, "GET", "/items/7"))[0] == 405
    first, second = seen
    assert first is not second
    assert (second.headers, second.args) == ((("allow", "OPTIONS, PUT, SHELVE"),), first.args)


def test_many_errors_are_not_kept() -> None:
    """A server that tells ever other texts fills no memory with what they are answered by."""
    application = application_of(app_with())
    errors = [HttpException(413, f"larger than {limit} bytes") for limit in range(1000)]
    choices = [application.refuse(error) for error in errors]
    kept = [application.refuse(error) in choices for error in errors]
    assert kept[0]
    assert not kept[-1]
    assert sum(kept) < 257


async def test_a_cancellation_is_raised_on(autojump_clock: trio.testing.MockClock) -> None:
    """No answer is made of it, and nothing is left behind."""
    app = Hump()

    @app.get("/")
    async def wait() -> None:
        await trio.sleep(math.inf)

    application = application_of(app)
    with trio.move_on_after(1) as scope:
        await answer(application, "GET", "/")
    assert scope.cancelled_caught


async def test_a_server_may_render_by_itself() -> None:
    """What ``renderers`` make of a value is the body of what ``render`` makes of it."""
    values: list[Any] = ["grüße", {"a": [1]}, [1, 2]]
    choice = Choice(app_with, RENDERERS)  # type: ignore[arg-type]
    for value in values:
        content_type, encode = choice.renderers[type(value)]
        response = choice.render(value)
        assert (response.status, response.body) == (200, encode(value))
        assert response.headers.items() == [("content-type", content_type)]


@pytest.mark.parametrize("prefix", ["", "/old", "/old/{rest:path}/b"])
def test_prefix_of_a_mount(prefix: str) -> None:
    """It is the same for the prefix itself and for what is below it."""
    assert prefix_of(prefix) == prefix_of(prefix + BELOW) == prefix

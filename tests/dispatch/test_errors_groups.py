"""Exception groups, and what one answer they become."""

import logging
from typing import Any

import httpx2
import pytest

from hump_trio import HttpException, Hump, Request, Response
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.messages.headers import Headers
from hump_trio.routing.layer import Layer
from hump_trio.routing.route import Route
from hump_trio.routing.table import RouteTable
from hump_trio.tasks.failures import leaves_of
from hump_trio.testing import client


async def front_page(error: BaseException, *kinds: type[Exception]) -> httpx2.Response:
    """Return the answer of an app that raises, with a handler for each of some types."""
    app = Hump()

    @app.get("/")
    async def index() -> None:
        raise error

    for kind in kinds:

        async def handle(request: Request, error: Exception, kind: Any = kind) -> Response:
            return Response(f"{kind.__name__}: {error}", 418)

        app.exception_handler(kind)(handle)
    async with client(app) as http:
        return await http.get("/")


def group(*errors: Exception) -> ExceptionGroup[Exception]:
    """Return a group that a nursery might raise."""
    return ExceptionGroup("a nursery", errors)


FIRST, SECOND = HttpException(404, "first"), HttpException(409, "second")


@pytest.mark.parametrize(
    "error", [group(FIRST), group(FIRST, SECOND), group(group(group(FIRST)), SECOND)]
)
async def test_http_exceptions_alone(error: Exception) -> None:
    """The first leaf answers, however deep."""
    answer = await front_page(error)
    assert (answer.status_code, answer.text) == (404, "first")


@pytest.mark.parametrize(
    ("error", "kinds", "text"),
    [
        (group(ValueError("a"), ValueError("b")), (ValueError,), "ValueError: a"),
        (group(UnicodeError("a"), ValueError("b")), (ValueError,), "ValueError: a"),
        (group(KeyError(1), ValueError("b")), (Exception,), "Exception: 1"),
        (group(FIRST, ValueError("b")), (HttpException, ExceptionGroup), "ExceptionGroup: "),
        (group(KeyError(1), ValueError()), (KeyError, ExceptionGroup), "ExceptionGroup: a nursery"),
        (group(KeyError(1), KeyError(2)), (ExceptionGroup,), "ExceptionGroup: a nursery"),
        (group(KeyError(1), KeyError(2)), (KeyError, ExceptionGroup), "KeyError: 1"),
        (group(FIRST, SECOND), (ExceptionGroup, HttpException), "HttpException: 404 first"),
    ],
)
async def test_one_handler_for_all(
    error: Exception, kinds: tuple[type[Exception], ...], text: str
) -> None:
    """One that fits every leaf gets the first; else one for the group itself gets all."""
    answer = await front_page(error, *kinds)
    assert answer.status_code == 418
    assert answer.text.startswith(text)


@pytest.mark.parametrize(
    "error",
    [
        group(FIRST, ValueError("b")),
        group(ValueError("a"), FIRST),
        group(ValueError("a"), KeyError("b")),
        group(KeyError("a"), KeyError("b")),
    ],
)
async def test_a_mixed_group(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is lost by answering one of it: 500, and the whole group once in the log."""
    answer = await front_page(error, ValueError)
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.parametrize("worse", [KeyboardInterrupt(), SystemExit(3)])
async def test_what_ends_a_program_is_raised_on(worse: BaseException) -> None:
    """Alone or in a group with others: no handler sees it, nothing is answered."""
    asked: list[Exception] = []

    async def index() -> None:
        raise error

    async def handle(request: Request, error: Exception) -> str:
        asked.append(error)
        return ""

    table = RouteTable()
    table.add(Route(template="/", methods=("GET",), handler=index))
    dispatcher = Dispatcher(None, table, Layer(exception_handlers={Exception: handle}))
    choice, _ = dispatcher.choose("GET", "/")
    for error in (worse, BaseExceptionGroup("both", [HttpException(404), worse])):
        with pytest.raises(type(error)) as caught:
            await dispatcher.respond(choice, Request("GET", "/", "/", Headers()))
        assert caught.value is error
    assert asked == []


def test_leaves() -> None:
    """In order, whatever the nesting; an error alone is its own leaf."""
    one, two, three = ValueError(1), KeyError(2), ValueError(3)
    assert list(leaves_of(group(group(one), two, group(group(three))))) == [one, two, three]
    assert list(leaves_of(one)) == [one]

"""Middleware in two steps, and the answer from below, which it may change."""

from typing import Any

import pytest

from hump_trio import JsonResponse, Request, Response
from hump_trio.dispatch.stepped import Stepped
from hump_trio.messages.response import own_copy
from tests.middleware.onion import a_request


def test_a_copy_has_headers_of_its_own() -> None:
    """An answer that a handler returns again and again is not changed, whatever its class."""
    shared = JsonResponse({"a": 1}, 201, {"x-a": "b"})
    copy = own_copy(shared)
    copy.headers["x-a"] = "c"
    copy.body = b""
    assert type(copy) is JsonResponse
    assert (copy.status, shared.headers["x-a"], shared.body) == (201, "b", b'{"a":1}')


class Answering(Stepped):
    """Marks each answer, those to errors too."""

    __answers_errors__ = True

    def __finish__(self, request: Request, response: Response, begun: Any) -> Response:
        """Mark an answer."""
        response.headers["x-marked"] = "yes"
        return response


async def test_an_error_is_answered_once(caplog: pytest.LogCaptureFixture) -> None:
    """One that nobody foresaw is logged and a 500; what isn't an `Exception` passes."""
    request = a_request()

    async def fail(request: Request) -> Response:
        raise LookupError("secret")

    async def leave(request: Request) -> Response:
        raise SystemExit

    answer = await Answering()(request, fail)
    assert (answer.status, answer.headers["x-marked"]) == (500, "yes")
    assert request.outcome == "crash"
    assert [str(record.exc_info and record.exc_info[1]) for record in caplog.records] == ["secret"]
    with pytest.raises(SystemExit):
        await Answering()(request, leave)


def test_a_middleware_may_have_one_step_alone() -> None:
    """The other one changes nothing."""
    request, response = a_request(), Response("text")
    assert Stepped().__begin__(request) is None
    assert Stepped().__finish__(request, response, None) is response

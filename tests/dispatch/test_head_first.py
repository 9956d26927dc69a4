"""Which middleware runs before the body of a request has come."""

from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import CallNext, Headers, HttpException, Request, RequestId, Response
from hump_trio.dispatch.head_first import before_looking, begins_at_head, first_to_look
from hump_trio.facts.exceptions import CredentialsError
from hump_trio.handlers.gate import Gate
from hump_trio.messages.late_body import LateBody, behind_body
from hump_trio.routing.layer import Layer, Middleware


async def look(request: Request, call_next: CallNext) -> Response:
    """Look at whatever there is."""
    return await call_next(request)


async def refuse(request: Request, call_next: CallNext) -> Response:
    """Refuse by the head."""
    return await call_next(request)


refuse.__needs_head_alone__ = True  # type: ignore[attr-defined]  # as its rule says


async def check(request: Request) -> None:
    """Let a request pass."""


def find(request: Request) -> str:
    """Find credentials."""
    if "x-caller" not in request.headers:
        raise CredentialsError("who are you?", "Call")
    return request.headers["x-caller"]


OPEN, CHECKED, SECRET = Gate(()), Gate((check,)), Gate((), (find,))


@pytest.mark.parametrize(
    ("middleware", "begins", "looks"),
    [
        ([], (False, True, True), None),
        ([RequestId()], (False, True, True), None),
        ([look], (False, False, True), look),
        ([look, refuse], (False, False, True), look),
        ([refuse], (True, True, True), None),
        ([RequestId(), refuse, look], (True, True, True), look),
    ],
)
def test_a_call_begins_at_the_head_if_something_may_refuse_it_by_that(
    middleware: list[Middleware], begins: tuple[bool, ...], looks: Middleware | None
) -> None:
    """For what else may refuse it than credentials, nothing around may look at the body before."""
    for layers in ([Layer(middleware)], [Layer([each]) for each in middleware]):
        found = tuple(begins_at_head(layers, gate) for gate in (OPEN, CHECKED, SECRET))
        assert found == begins
        assert first_to_look(layers) is looks


async def length_of(request: Request) -> Response:
    """Answer with the length of the body that is there."""
    return Response(str(len(request.body)))


@pytest.mark.parametrize(
    ("headers", "late", "length"),
    [
        ({"x-caller": "me"}, True, "5"),
        ({}, True, "0"),
        ({"x-caller": "me"}, False, "3"),
        ({}, False, "3"),
    ],
)
async def test_who_looks_finds_the_body_of_what_will_not_be_refused(
    headers: dict[str, str], late: bool, length: str
) -> None:
    """Of what will be, it is received only if it is there anyway."""
    request = Request("POST", "/", "/", Headers(headers), body=b"tea")

    async def receive() -> None:
        request.body = b"hello"

    if late:
        request.body = LateBody(receive)
    assert (await before_looking(SECRET, length_of, request)).body == length


async def test_what_is_wrong_with_a_body_is_raised_where_a_handler_would_be_called() -> None:
    """Whatever is around that sees the answer."""
    request = Request("POST", "/", "/")

    async def receive() -> None:
        raise HttpException(413)

    request.body = LateBody(receive)
    with pytest.raises(HttpException) as raised:
        await before_looking(OPEN, partial(behind_body, length_of), request)
    assert raised.value.status == 413
    assert (await before_looking(OPEN, length_of, request)).body == "0"


async def test_what_ends_a_body_without_an_answer_ends_the_call() -> None:
    """As a client that has gone does."""
    request = Request("POST", "/", "/")

    async def receive() -> None:
        raise trio.BrokenResourceError

    request.body = LateBody(receive)
    with pytest.raises(trio.BrokenResourceError):
        await before_looking(OPEN, length_of, request)


@pytest.mark.parametrize("seconds", [1, 3])
async def test_a_late_answer_has_its_own_time(seconds: float, autojump_clock: MockClock) -> None:
    """Middleware that takes longer is left out of it."""
    request, seen = Request("POST", "/", "/"), list[int]()
    late = HttpException(408), trio.current_time() + 2
    request.late = lambda error: late

    async def receive() -> None:
        raise ValueError("the time has passed")

    async def wait(request: Request) -> Any:
        await trio.sleep(seconds)
        seen.append(len(request.body))
        return await behind_body(length_of, request)

    request.body = LateBody(receive)
    with pytest.raises(HttpException) as raised:
        await before_looking(OPEN, wait, request)
    assert raised.value.status == 408
    assert seen == ([0] if seconds < 2 else [])

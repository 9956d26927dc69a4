"""What a request passes before its handler is called: checks, then credentials."""

import gc
from contextlib import suppress
from functools import wraps
from typing import Any
from weakref import ref

import pytest

from hump_trio import HttpException, Request
from hump_trio.handlers.gate import Gate, checks_of
from hump_trio.tasks.failures import leaves_of


async def answer(request: Request) -> str:
    """Answer."""
    return "answered"


async def pass_all(request: Request) -> None:
    """Let a request pass."""
    request.state["passed"] = True


async def pass_none(request: Request) -> None:
    """Refuse a request."""
    raise HttpException(429 if request.state else 401)


def test_checks_are_passed_on_by_decorators_around_them() -> None:
    """A handler without any has none."""

    @wraps(answer)
    async def checked(*args: Any) -> str:
        return await answer(*args)

    checked.__head_checks__ = (pass_all,)  # type: ignore[attr-defined]  # as decorators set it

    @wraps(checked)
    async def around(*args: Any) -> str:
        return await checked(*args)

    assert checks_of(answer) == ()
    assert checks_of(around) == (pass_all,)


async def test_checks_run_in_their_order_and_before_the_call() -> None:
    """The first one that refuses a request has the last word."""
    request = Request("GET", "/", "/")
    assert await Gate((pass_all,)).call(answer, request) == "answered"
    for checks, status in (((pass_all, pass_none), 429), ((pass_none, pass_all), 401)):
        with pytest.raises(HttpException) as raised:
            await Gate(checks).call(answer, Request("GET", "/", "/"))
        assert raised.value.status == status


def test_a_gate_of_nothing_is_open() -> None:
    """Then nothing stands around the handler."""
    assert Gate(()).open
    assert not Gate((pass_all,)).open
    assert not Gate((), (lambda request: None,)).open
    assert Gate((), (lambda request: None,)).takes_secrets
    assert not Gate((pass_all,)).takes_secrets


@pytest.mark.parametrize(
    ("error", "challenges"),
    [
        (HttpException(401), ["Bearer", 'Basic realm="a"']),
        (HttpException(401, headers=[("x-a", "b")]), ["Bearer", 'Basic realm="a"']),
        (HttpException(401, headers=[("WWW-Authenticate", "Digest")]), ["Digest"]),
        (HttpException(403), []),
    ],
)
async def test_a_handler_that_refuses_credentials_asks_for_others(
    error: HttpException, challenges: list[str]
) -> None:
    """By all that it takes, unless it asks for something itself; raised again, it asks once."""

    async def refuse(request: Request) -> None:
        raise error

    gate = Gate((), (lambda request: "token",), ("Bearer", 'Basic realm="a"'))
    for _ in range(2):
        with pytest.raises(HttpException) as raised:
            await gate.call(refuse, Request("GET", "/", "/"))
        found = [value for name, value in raised.value.headers if name.lower()[0] == "w"]
        assert found == challenges


async def test_an_error_of_several_routes_asks_for_what_each_takes() -> None:
    """A program may raise one object again and again: it stays as it was."""
    shared = HttpException(401, "who is it?", headers=[("x-a", "b")])
    group = ExceptionGroup("several", [ExceptionGroup("", [shared]), cause := ValueError()])

    async def refuse(request: Request) -> None:
        raise (group if request.path == "/group" else shared) from cause

    for challenge in ("Bearer", "ApiKey"):
        gate = Gate((), (), (challenge,))
        for path in ("/", "/group"):
            with pytest.raises((HttpException, ExceptionGroup)) as raised:
                await gate.call(refuse, Request("GET", path, path))
            [asked] = [each for each in leaves_of(raised.value) if isinstance(each, HttpException)]
            assert (asked.status, asked.detail) == (401, "who is it?")
            assert asked.headers == (("x-a", "b"), ("www-authenticate", challenge))
            assert raised.value.__cause__ is cause
    assert shared.headers == (("x-a", "b"),)


async def test_an_error_is_let_go() -> None:
    """It holds the frames that it went through, and none of them holds it."""
    error: ref[HttpException]

    async def fail(request: Request) -> None:
        nonlocal error
        error = ref(raised := HttpException(404))
        try:
            raise raised
        finally:
            del raised

    gc.disable()
    try:
        with suppress(HttpException):
            await Gate((), (), ("Bearer",)).call(fail, Request("GET", "/", "/"))
        assert error() is None
    finally:
        gc.enable()


async def test_a_refusal_out_of_a_nursery_asks_as_well() -> None:
    """A provider's, around the handler, makes a group of it."""

    async def refuse(request: Request) -> None:
        raise ExceptionGroup("", [ValueError(), HttpException(401)])

    with pytest.raises(ExceptionGroup) as raised:
        await Gate((), (), ("Bearer",)).call(refuse, Request("GET", "/", "/"))
    error = raised.value.exceptions[1]
    assert isinstance(error, HttpException)
    assert error.headers == (("www-authenticate", "Bearer"),)

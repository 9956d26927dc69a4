"""Checks of a handler, which run before all else of it."""

from functools import wraps
from typing import Any

import pytest

from hump_trio import HttpException, Request
from hump_trio.handlers.head_checks import call_checked, checks_of


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
    assert await call_checked((pass_all,), answer, request) == "answered"
    for checks, status in (((pass_all, pass_none), 429), ((pass_none, pass_all), 401)):
        with pytest.raises(HttpException) as raised:
            await call_checked(checks, answer, Request("GET", "/", "/"))
        assert raised.value.status == status

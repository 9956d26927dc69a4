"""Requests that share a connection share nothing else."""

from collections.abc import AsyncIterator
from contextvars import ContextVar

import pytest
import trio
from trio.testing import MockClock

from hump_trio import CallNext, Hump, Request, Response, Timeouts
from hump_trio.testing import connect
from tests.support.wire import ask, parse_answers, read_until, request

user: ContextVar[str] = ContextVar("user", default="nobody")
served_by: ContextVar[str] = ContextVar("served_by", default="nobody")


def leaky_app() -> Hump:
    """Return an app whose handlers leave a variable set in every way there is."""
    app = Hump(timeouts=Timeouts(handler=1))

    @app.get("/who")
    async def who() -> str:
        return f"{user.get()}, served by {served_by.get()}"

    @app.get("/returns")
    async def returns() -> str:
        user.set("ann")
        await trio.sleep(0.1)
        return user.get()

    @app.get("/crashes")
    async def crashes() -> None:
        user.set("bob")
        raise ValueError("a crash")

    @app.get("/is-cancelled")
    async def is_cancelled() -> None:
        user.set("eve")
        await trio.sleep(10)

    @app.get("/streams")
    async def streams() -> AsyncIterator[str]:
        user.set("sue")
        yield user.get()

    return app


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("path", ["/returns", "/crashes", "/is-cancelled", "/streams"])
async def test_a_context_variable_ends_with_its_request(
    path: str, known: bool, autojump_clock: MockClock
) -> None:
    """On a connection that goes on, and behind it in one packet; what the host set stays.

    So it is whether the host has given the variable a value or not.
    """
    served_by.set("the host")
    if known:
        user.set("nobody")
    async with connect(leaky_app()) as raw:
        await raw.send(request("GET", path) + request("GET", "/who"))
        first, second = parse_answers(await read_until(raw, b"the host"), "GET", "GET")
        assert second.text == "nobody, served by the host"
        await raw.send(request("GET", "/who"))
        [third] = parse_answers(await read_until(raw, b"the host"))
        assert third.text == second.text
    assert first.status == {"/crashes": 500, "/is-cancelled": 503}.get(path, 200)


async def test_middleware_and_handler_share_a_context(autojump_clock: MockClock) -> None:
    """Within one request a variable is what it is in any task."""
    app = Hump()

    @app.middleware
    async def sign_in(request: Request, call_next: CallNext) -> Response:
        user.set("ann")
        return await call_next(request)

    @app.get("/")
    async def index() -> str:
        return user.get()

    [answer] = await ask(app, request())
    assert answer.text == "ann"

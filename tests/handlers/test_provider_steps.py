"""What a provider encloses, and what becomes of errors."""

from collections.abc import AsyncIterator
from contextvars import ContextVar

import pytest
import trio

from hump_trio import HttpException, Hump
from hump_trio.testing import client


class Session:
    """What a handler needs."""


async def test_a_provider_is_left_before_the_answer_is_sent() -> None:
    """So that an error there is the answer, by whatever handles it."""
    app = Hump()

    @app.provide
    async def session(commit: str) -> AsyncIterator[Session]:
        yield Session()
        if commit != "well":
            raise LookupError(commit)

    @app.exception_handler(LookupError)
    async def explain(request: object, error: LookupError) -> str:
        return f"nothing was kept: {error}"

    @app.get("/")
    async def keep(session: Session) -> str:
        return "kept"

    async with client(app) as http:
        assert (await http.get("/?commit=well")).text == "kept"
        assert (await http.get("/?commit=late")).text == "nothing was kept: late"


async def test_an_error_of_the_handler_is_raised_in_its_providers() -> None:
    """From the inside outwards. One of them may raise another."""
    log: list[str] = []
    app = Hump()

    class Outer:
        """What the session needs."""

    @app.provide
    async def outer() -> AsyncIterator[Outer]:
        try:
            yield Outer()
        except HttpException as error:
            log.append(f"outer {error.status}")
            raise

    @app.provide
    async def session(outer: Outer) -> AsyncIterator[Session]:
        try:
            yield Session()
        except LookupError:
            log.append("session")
            raise HttpException(404) from None

    @app.get("/")
    async def find(session: Session) -> None:
        raise LookupError

    async with client(app) as http:
        assert (await http.get("/")).status_code == 404
    assert log == ["session", "outer 404"]


async def test_a_scope_a_nursery_and_a_variable_enclose_the_handler() -> None:
    """Since the provider runs in the handler's task, and ends behind it."""
    variable = ContextVar("variable", default="none")
    app = Hump()

    @app.provide
    async def session() -> AsyncIterator[trio.Nursery]:
        token = variable.set("set")
        with trio.CancelScope(deadline=trio.current_time() + 5):
            async with trio.open_nursery() as nursery:
                yield nursery
        variable.reset(token)

    @app.get("/")
    async def show(nursery: trio.Nursery) -> list[object]:
        nursery.start_soon(trio.lowlevel.checkpoint)
        left = trio.current_effective_deadline() - trio.current_time()
        return [variable.get(), left <= 5]

    @app.get("/bare")
    async def bare() -> str:
        return variable.get()

    async with client(app) as http:
        assert (await http.get("/")).json() == ["set", True]
        assert (await http.get("/bare")).text == "none"


@pytest.mark.parametrize("fails", [False, True])
async def test_a_provider_yields_once(fails: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Not twice, and not never; a second one is closed where it stands."""
    closed = []
    app = Hump()

    @app.provide
    async def twice() -> AsyncIterator[Session]:
        try:
            try:
                yield Session()
            finally:
                yield Session()
        finally:
            closed.append(True)

    @app.provide
    async def never(is_there: bool = False) -> AsyncIterator[trio.Event]:
        if is_there:
            yield trio.Event()

    @app.get("/twice")
    async def show(session: Session) -> None:
        if fails:
            raise LookupError

    @app.get("/never")
    async def wait(event: trio.Event) -> None: ...

    async with client(app) as http:
        assert (await http.get("/twice")).status_code == 500
        assert closed == [True]
        assert "RuntimeError: the provider twice has yielded twice" in caplog.text
        assert (await http.get("/never")).status_code == 500
        assert "RuntimeError: the provider never has yielded nothing" in caplog.text

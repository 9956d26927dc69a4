"""What a provider encloses, and what becomes of errors."""

import inspect
import re
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import GenericAlias
from typing import Any, Protocol

import pytest
import trio

from hump_trio import (
    CallNext,
    FileResponse,
    HttpException,
    Hump,
    Request,
    Response,
    UploadFile,
    timeout,
)
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


@dataclass
class User:
    """What is answered."""

    name: str


async def middleware(request: Request, call_next: CallNext) -> Response:
    """Do nothing."""
    return await call_next(request)


@pytest.mark.parametrize("around", [False, True])
@pytest.mark.parametrize("path", ["/none", "/user", "/object", "/text", "/changed", "/file"])
async def test_nothing_is_kept_for_a_result_that_is_no_answer(path: str, around: bool) -> None:
    """A client that gets a 500 sends the order once more."""
    log: list[str] = []
    app = Hump()
    if around:
        app.middleware(middleware)

    @app.provide
    async def session() -> AsyncIterator[Session]:
        try:
            yield Session()
        except Exception as error:
            log.append(type(error).__name__)
            raise
        log.append("commits")

    @app.provide
    async def event(session: Session) -> trio.Event:
        return trio.Event()

    @app.post("/none")
    async def none(event: trio.Event, is_there: bool = False) -> User:
        return User("ann") if is_there else None  # type: ignore[return-value]

    @app.post("/user")
    async def user(session: Session, is_there: bool = False) -> User:
        return User("ann" if is_there else object())  # type: ignore[arg-type]

    @app.post("/object")
    @timeout(5)
    async def show(session: Session, is_there: bool = False) -> dict[str, Any]:
        return {"name": "ann" if is_there else object()}

    @app.post("/text")
    async def text(session: Session, is_there: bool = False) -> str:
        return '{"name":"ann"}' if is_there else "\ud800"

    @app.post("/changed")
    async def changed(session: Session, is_there: bool = False) -> Response:
        response = Response('{"name":"ann"}')
        response.status = 200 if is_there else 99
        return response

    @app.post("/file")
    async def file(file: UploadFile, session: Session, is_there: bool = False) -> User:
        return User("ann") if is_there else None  # type: ignore[return-value]

    async with client(app) as http:
        files = {"file": b"leaf"} if path == "/file" else None
        assert (await http.post(path, files=files)).status_code == 500
        assert len(log) == 1
        assert log != ["commits"]
        response = await http.post(f"{path}?is_there=true", files=files)
        assert (response.status_code, response.json()) == (200, {"name": "ann"})
    assert log[1:] == ["commits"]


async def test_an_answer_that_the_request_decides_is_made_behind_its_providers(
    tmp_path: Path,
) -> None:
    """Such as a part of a file: what a handler returned is whole within them."""
    (tmp_path / "file").write_bytes(b"leaf")
    app = Hump()

    @app.provide
    async def session() -> AsyncIterator[Session]:
        yield Session()

    @app.get("/")
    async def show(session: Session) -> FileResponse:
        return FileResponse(tmp_path / "file")

    async with client(app) as http:
        response = await http.get("/", headers={"range": "bytes=1-2"})
    assert (response.status_code, response.text) == (206, "ea")


class Mailer(Protocol):
    """What sends."""

    def send(self) -> None:
        """Send."""


class Tenant(Session):
    """A special one."""


async def late() -> Session:
    """Return what isn't waited for."""
    raise AssertionError


MISFITS: dict[str, tuple[Any, Any, str]] = {
    "none": (Session, lambda: None, "annotated to give .*Session, and gave None"),
    "base": (Tenant, Session, "annotated to give .*Tenant, and gave .* of type Session"),
    "union": (Session | None, lambda: 3, r"gave 3 of type int\n"),
    "error": (Session, lambda: HttpException(403), "an HttpException that is raised"),
    "answer": (Mailer, lambda: Response("no", 403), "an HttpException that is raised"),
    "error_for_any": (Mailer, lambda: HttpException(403), "an HttpException that is raised"),
    "coroutine": (Session, late, "is an await missing"),
    "coroutine_for_any": (Mailer, late, "is an await missing"),
}


@pytest.mark.parametrize("name", MISFITS)
@pytest.mark.parametrize("encloses", [False, True])
async def test_a_handler_is_not_run_with_what_is_no_value_of_its_annotation(
    name: str, encloses: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Many a provider checks who asks, and only forgets a ``raise``: the answer is a 500."""
    key, give, message = MISFITS[name]
    value = give()
    ended = list[TypeError]()
    app = Hump()

    async def giving() -> Any:
        return value

    async def enclosing() -> AsyncIterator[Any]:
        try:
            yield value
        except TypeError as error:
            ended.append(error)
            raise

    giving.__annotations__["return"] = key
    enclosing.__annotations__["return"] = GenericAlias(AsyncIterator, (key,))
    app.provide(enclosing if encloses else giving)

    async def delete(given: Any) -> None:
        raise AssertionError

    delete.__annotations__["given"] = key
    app.delete("/")(delete)
    async with client(app) as http:
        assert (await http.delete("/")).status_code == 500
    assert len(ended) == encloses
    assert re.search(message, caplog.text)
    if inspect.iscoroutine(value):
        value.close()


@pytest.mark.parametrize(
    ("key", "value"),
    [(Session, Tenant()), (Session | None, None), (Session | None, Session()), (Mailer, 3)],
)
async def test_a_value_is_of_one_of_the_classes_that_its_key_names(key: Any, value: Any) -> None:
    """Or of a child of them; of a protocol, everything may be."""
    app = Hump()

    async def session() -> Any:
        return value

    session.__annotations__["return"] = key
    app.provide(session)

    async def show(given: Any) -> str:
        return str(given is value)

    show.__annotations__["given"] = key
    app.get("/")(show)
    async with client(app) as http:
        assert (await http.get("/")).text == "True"

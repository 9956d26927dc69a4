"""Middleware of the box in one coroutine, held to what it is as layers of its own."""

import gc
import logging
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple
from weakref import ReferenceType, ref

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from hump_trio import (
    CallNext,
    Compression,
    Cors,
    Forwarded,
    Headers,
    HttpException,
    HttpsRedirect,
    Hump,
    Request,
    RequestId,
    Response,
    Router,
    SecurityHeaders,
    TrustedHosts,
)
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.dispatch.fold import Fold
from hump_trio.dispatch.router import layer_of, table_of
from hump_trio.dispatch.stepped import Stepped
from hump_trio.facts.loggers import logger
from hump_trio.routing.layer import Middleware

ORIGIN = "https://shop.example"
LARGE = "a large text " * 200


class Case(NamedTuple):
    """A request."""

    path: str
    method: str = "GET"
    fields: tuple[tuple[str, str], ...] = ()
    host: str = "shop.example"
    client: str = "10.0.0.1"


class Outcome(NamedTuple):
    """All that can be seen of how a request has ended."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes
    raised: str
    request: tuple[Any, ...]
    said: list[str]


class Saying(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record's text, and the error that it tells of."""
        error = record.exc_info and record.exc_info[1]
        self.said.append(f"{record.getMessage()} {error!r}")


class Odd(Response):
    """A response that depends on its request, and is the same one each time."""

    __depends_on_request__ = True

    async def __resolve__(self, request: Request) -> Response:
        """Return the response that all requests share."""
        return SHARED


SHARED = Response("shared", 201, {"vary": "Accept", "x-frame-options": "SAMEORIGIN", "etag": '"a"'})
WRONG = Response("wrong")
WRONG.status = 99


async def call_plainly(inner: Any, request: Request, call_next: CallNext) -> Response:
    """Be a layer that calls a middleware, as anybody's would."""
    response = await inner(request, call_next)
    assert isinstance(response, Response)
    return response


async def pass_on(request: Request, call_next: CallNext) -> Response:
    """Be a layer that changes nothing, and returns one response for all requests of its own."""
    response = await call_next(request)
    return SHARED if request.path == "/own" else response


async def fail_behind(request: Request, call_next: CallNext) -> Response:
    """Be a layer that fails when it has an answer."""
    await call_next(request)
    raise RuntimeError("failed behind")


class Picky(Stepped):
    """Ends requests in every way that is left: at its first step, and at its second."""

    __answers_errors__ = True

    def __begin__(self, request: Request) -> Any:
        """Refuse a request, fail, or answer it."""
        if request.path == "/large":
            raise HttpException(418, "too large")
        if request.path == "/stream":
            raise ValueError("no streams")
        return SHARED if request.path == "/nothing" else request.path

    def __finish__(self, request: Request, response: Response, begun: Any) -> Response:
        """Mark an answer, and fail at some."""
        response.headers.add("x-picky", begun)
        if request.path == "/odd":
            raise KeyError("odd")
        return response


class Slow(Stepped):
    """Does the same, when it has waited."""

    __answers_errors__ = True

    async def __begin__(self, request: Request) -> Any:
        """Wait, and do what `Picky` does."""
        await trio.lowlevel.checkpoint()
        return Picky().__begin__(request)

    def __finish__(self, request: Request, response: Response, begun: Any) -> Response:
        """Do what `Picky` does."""
        return Picky().__finish__(request, response, begun)


BOX: dict[str, Middleware] = {
    "picky": Picky(),
    "slow": Slow(),
    "request id": RequestId(trust=True),
    "forwarded": Forwarded(proxies=["10.0.0.0/8"], fields=["x-forwarded-for", "x-forwarded-proto"]),
    "security": SecurityHeaders(hsts_seconds=60),
    "cors": Cors(origins=[ORIGIN], credentials=True),
    "any cors": Cors(origins="*", expose=["x-a"]),
    "hosts": TrustedHosts(["*.example"]),
    "redirect": HttpsRedirect(),
    "compression": Compression(),
    "plain": pass_on,
    "failing": fail_behind,
}
ID = ("x-request-id", "seven")
PROXIED = (("x-forwarded-for", "9.9.9.9"), ("x-forwarded-proto", "https"))
FROM_SHOP = ("origin", ORIGIN)
GZIP = ("accept-encoding", "gzip")
CASES = [
    *(Case(path, fields=(ID, *PROXIED, FROM_SHOP, GZIP)) for path in (
        "/", "/shared", "/large", "/stream", "/crash", "/lookup", "/key", "/refused", "/group",
        "/wrong", "/odd", "/nothing", "/leaves", "/own", "/inner/", "/inner/lookup", "/inner/crash",
    )),
    Case("/", fields=(ID,)),
    Case("/large", fields=(ID, GZIP), client="9.9.9.9"),
    Case("/", "POST", (ID, FROM_SHOP)),
    Case("/", "OPTIONS", (ID, FROM_SHOP, *PROXIED)),
    Case("/", "OPTIONS", (ID, FROM_SHOP, *PROXIED, ("access-control-request-method", "PUT"))),
    Case("/large", "HEAD", (ID, GZIP, *PROXIED)),
    Case("/", fields=(ID, ("x-forwarded-for", "nobody"), ("origin", "https://other.example"))),
    Case("/", fields=(ID,), host="elsewhere"),
    Case("/crash", fields=(ID,), host=""),
]  # fmt: skip


def build(middleware: Sequence[Middleware]) -> Dispatcher:
    """Return an app with some middleware, and in it a router with the same."""
    app, inner = Hump(), Router("/inner")
    for each in middleware:
        app.middleware(each)
        inner.middleware(each)

    values = {"/": "hello", "/shared": SHARED, "/large": LARGE, "/odd": Odd(), "/wrong": WRONG}
    errors = {
        "/crash": ValueError("crashed"), "/lookup": LookupError("x"), "/key": KeyError("x"),
        "/refused": HttpException(409, "no"), "/group": ExceptionGroup("", [LookupError("x")]),
        "/leaves": SystemExit("left"), "/own": HttpException(402, "pay"),
    }  # fmt: skip

    async def answer(request: Request) -> Any:
        path = f"/{request.path.rpartition('/')[2]}"
        if path in errors:
            raise errors[path]
        return values[path]

    for path in (*values, *errors):
        app.get(path)(answer)
        inner.get(path)(answer)

    @app.get("/stream")
    async def stream() -> AsyncIterator[str]:
        yield LARGE
        yield "end"

    @app.exception_handler(LookupError)
    async def not_found(request: Request, error: LookupError) -> Response:
        return SHARED

    @app.exception_handler(KeyError)
    async def fail(request: Request, error: KeyError) -> Response:
        raise RuntimeError("a handler failed")

    @inner.exception_handler(ValueError)
    async def conflict(request: Request, error: ValueError) -> Response:
        return Response("inner", 409)

    app.include(inner)
    return Dispatcher(app, table_of(app), layer_of(app))


async def play(dispatcher: Dispatcher, case: Case) -> Outcome:
    """Return how a request ends."""
    request = Request(
        case.method, case.path, case.path, headers=Headers(case.fields), host=case.host,
        client=(case.client, 7),
    )  # fmt: skip
    status, fields, body, raised = 0, list[tuple[str, str]](), b"", ""
    saying, logger = Saying(), logging.getLogger("hump_trio")
    logger.addHandler(saying)
    try:
        choice, request.path_params = dispatcher.choose(case.method, case.path)
        response = await dispatcher.respond(choice, request)
        status, fields = response.status, response.headers.items()
        body = await read(response.body)
    except BaseException as error:
        raised = repr(error)
    finally:
        logger.removeHandler(saying)
    seen = request.outcome, request.client, request.scheme, request.host, request.state
    return Outcome(status, fields, body, raised, seen, saying.said)


async def read(body: Any) -> bytes:
    """Return a body whole."""
    if not isinstance(body, AsyncIterable):
        assert isinstance(body, bytes)
        return body
    parts = [part async for part in body]
    return b"".join(part.encode() if isinstance(part, str) else part for part in parts)


def check_alike(names: Sequence[str], cases: Sequence[Case]) -> None:
    """Check that requests end alike, whether layers are folded or called one by one."""
    folded = build([BOX[name] for name in names])
    plain = build([partial(call_plainly, BOX[name]) for name in names])

    async def check() -> None:
        for case in cases:
            assert await play(folded, case) == await play(plain, case), (names, case)

    trio.run(check)


@pytest.mark.parametrize("outer", BOX)
def test_two_layers_are_as_each_by_itself(outer: str) -> None:
    """Whatever is within or around: answers, order of fields, errors, and what is logged."""
    for inner in BOX:
        check_alike([outer, inner], CASES)


@settings(max_examples=60)
@given(st.permutations(list(BOX)), st.integers(1, len(BOX)), st.sampled_from(CASES))
def test_many_layers_are_as_each_by_itself(names: list[str], count: int, case: Case) -> None:
    """In any order."""
    check_alike(names[:count], [case])


def test_the_box_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its middlewares; a class made of one of them is called, and what it replaces."""
    folded = list[Sequence[Any]]()

    class Noting(Fold):
        def __init__(self, middleware: Sequence[Any], *args: Any, **options: Any) -> None:
            folded.append(middleware)
            super().__init__(middleware, *args, **options)

    monkeypatch.setattr("hump_trio.dispatch.dispatcher.Fold", Noting)
    box = [each for name, each in BOX.items() if name not in ("plain", "failing")]
    app = Hump()
    for each in box:
        app.middleware(each)
    Dispatcher(app, table_of(app), layer_of(app))
    assert folded
    assert all(each == box for each in folded)

    class Quiet(SecurityHeaders):
        async def __call__(self, request: Request, call_next: CallNext) -> Response:
            return await call_next(request)

    class Same(SecurityHeaders):
        pass

    folded.clear()
    quiet = Hump()
    quiet.middleware(Quiet())
    quiet.middleware(Same())
    monkeypatch.setattr(Cors, "__call__", call_plainly)
    quiet.middleware(Cors(origins="*"))
    Dispatcher(quiet, table_of(quiet), layer_of(quiet))
    assert folded == []


async def test_what_a_subclass_replaces_is_called() -> None:
    """It may call what it replaces, as ever."""

    class Marking(SecurityHeaders):
        async def __call__(self, request: Request, call_next: CallNext) -> Response:
            response = await super().__call__(request, call_next)
            response.headers["x-marked"] = "yes"
            return response

    app = Hump()
    app.middleware(Marking())
    outcome = await play(Dispatcher(app, table_of(app), layer_of(app)), Case("/"))
    assert ("x-marked", "yes") in outcome.fields
    assert ("x-content-type-options", "nosniff") in outcome.fields


class Lost(Exception):
    """An error."""


class Left(BaseException):
    """One that ends the task."""


@pytest.mark.parametrize("name", ["hosts", "security"])
@pytest.mark.parametrize("kind", [Lost, Left])
@pytest.mark.parametrize("answered", [False, True])
async def test_nothing_holds_an_error_whose_request_has_ended(
    answered: bool, kind: type[BaseException], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it hold itself by its traceback: nothing waits for a collection."""
    monkeypatch.setattr(logger, "disabled", True)
    errors: list[ReferenceType[BaseException]] = []
    app = Hump()
    app.middleware(BOX[name])

    def noted(error: BaseException) -> BaseException:
        errors.append(ref(error))
        return error

    @app.get("/")
    async def fail() -> str:
        raise noted(kind())

    if answered:

        @app.exception_handler(Lost)
        async def answer(request: Request, error: Lost) -> Response:
            return SHARED

    dispatcher = Dispatcher(app, table_of(app), layer_of(app))
    gc.disable()
    try:
        choice, _ = dispatcher.choose("GET", "/")
        with suppress(Lost, Left):
            await dispatcher.respond(choice, Request("GET", "/", "/", host="shop.example"))
        assert [error() for error in errors] == [None]
    finally:
        gc.enable()

"""Handlers that are given several values, and what is answered where they don't fit."""

import contextlib
import functools
import gc
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
import trio

from hump_trio import (
    BindingError,
    Header,
    HttpException,
    Hump,
    Request,
    Response,
    limit,
    timeout,
)
from hump_trio.messages.headers import Headers
from hump_trio.testing import client
from tests.support.annotated import Item, Point
from tests.support.typed_handlers import JSON, ask, bind, places_of, taking


async def read_all(
    number: int, item: Point, request: Request, q: bool = False, *, token: Annotated[str, Header()]
) -> dict[str, Any]:
    """Take something of each kind."""
    return {"number": number, "item": item, "path": request.path, "q": q, "token": token}


async def read_first(request: Request, item: Point, number: int) -> dict[str, Any]:
    """Take the request by its place."""
    return {"number": number, "item": item, "path": request.path}


async def read_item_first(item: Point, request: Request) -> dict[str, Any]:
    """Take one value, and the request after it."""
    return {"number": 7, "item": item, "path": request.path}


async def read_plain(name: str, number: int, item: Point) -> dict[str, Any]:
    """Take a value of the path as it is beside others."""
    return {"number": number, "item": item, "name": name}


class Reader:
    """A handler that is an object."""

    async def __call__(self, request: Request, item: Point, number: int) -> dict[str, Any]:
        """Do as `read_first`."""
        return await read_first(request, item, number)

    async def read(self, request: Request, item: Point, number: int) -> dict[str, Any]:
        """Do as `read_first`."""
        return await read_first(request, item, number)


@pytest.mark.parametrize(
    ("handler", "template", "expected"),
    [
        (read_all, "/{number}/x", {"q": True, "token": "t", "path": "/7/x"}),
        (read_first, "/{number}/x", {"path": "/7/x"}),
        (read_plain, "/{number:int}/{name}", {"name": "x"}),
        (read_item_first, "/7/x", {"path": "/7/x"}),
        (Reader(), "/{number}/x", {"path": "/7/x"}),
        (Reader().read, "/{number}/x", {"path": "/7/x"}),
        (
            functools.partial(read_all, q=False),
            "/{number}/x",
            {"q": False, "token": "t", "path": "/7/x"},
        ),
        (timeout(5)(read_first), "/{number}/x", {"path": "/7/x"}),
        (limit(5)(timeout(5)(read_all)), "/{number}/x", {"q": True, "token": "t", "path": "/7/x"}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_all_at_once(handler: Any, template: str, expected: dict[str, Any]) -> None:
    """Path, query, header, body and request, in any order; through decorators and partials."""
    app = Hump()
    app.post(template)(handler)
    async with client(app) as http:
        answer = await http.post("/7/x?q=1", json={"atX": 1}, headers={"token": "t"})
    assert answer.json() == {"number": 7, "item": {"atX": 1}, **expected}


async def test_every_place_is_told_at_once() -> None:
    """Of all parameters and of all in the body; the status is of the worst."""
    app = Hump()
    app.post("/{number}")(read_all)
    bad = {"content-type": "text/plain"}
    async with client(app) as http:
        broken = await http.post("/x?q=maybe", json={"atX": "y"})
        undecodable = await http.post("/x?q=%ff", content="{", headers={"content-type": JSON})
        strange = await http.post("/x?q=%ff", content="{", headers=bad)
    assert places_of(broken) == {
        "path.number": "expected `int`",
        "body.atX": "expected `int`, got `str`",
        "query.q": "expected `bool`: true or false",
        "header.token": "missing",
    }
    assert list(places_of(undecodable)) == ["path.number", "body", "query", "header.token"]
    assert [each.status_code for each in (broken, undecodable, strange)] == [422, 400, 415]


async def one(a: int = 1) -> tuple[int, ...]:
    """Take a value."""
    return (a,)


async def two(a: int = 1, b: int = 2) -> tuple[int, ...]:
    """Take two values."""
    return a, b


async def three(a: int = 1, b: int = 2, c: int = 3) -> tuple[int, ...]:
    """Take three values."""
    return a, b, c


@pytest.mark.parametrize("handler", [one, two, three])
@pytest.mark.parametrize("query", ["", "a=4&c=5&b=6", "a=x&b=y&c=z", "b=y", "a=4&c=5&c=6"])
async def test_values_are_passed_in_order_as_they_are_by_name(handler: Any, query: str) -> None:
    """However many there are: the same values, and the same is told of those that don't fit."""

    @functools.wraps(handler)
    async def by_name(**kwargs: Any) -> Any:
        return await handler(**kwargs)

    request = Request("GET", "/", "/", query_string=query)
    outcomes: list[Any] = []
    for each in (handler, by_name):
        try:
            outcomes.append(await bind(each)(request))
        except BindingError as error:
            outcomes.append((error.places, error.status))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("body", [b'{"name":1,"tags":[2]}', b"{", b""])
def test_what_does_not_fit_is_forgotten_at_once(body: bytes) -> None:
    """No circle of references holds it, and a large body with it, for the garbage collector."""

    async def read(number: int, item: Item) -> None: ...

    call = bind(read, "/{number}", "POST")
    request = Request("POST", "/x", "/x", Headers({"content-type": JSON}), body=body)
    request.path_params = {"number": "x"}
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(BindingError):
            call(request)
        assert gc.collect() == 0
    finally:
        gc.enable()


async def test_what_is_fixed_by_a_partial_is_no_clients_business() -> None:
    """Only the program can say it; a value of the path goes before it, as ever."""

    async def read(admin: bool = False, number: int = 1) -> str:
        return f"{admin} {number}"

    handler = functools.partial(functools.partial(read, admin=False), number=2)
    assert (await ask(handler, "/?admin=1&number=3")).text == "False 2"
    assert (await ask(handler, "/3?admin=1", template="/{number}")).text == "False 3"


async def test_streams_and_generators_are_bound_too() -> None:
    """A handler that reads its body in parts, and one that answers in parts."""
    app = Hump()

    @app.put("/{name}", stream=True)
    async def upload(request: Request, name: str, limit: int = 5) -> str:
        return f"{name} {limit} {b''.join([part async for part in request.stream])!r}"

    @app.get("/count")
    async def count(to: int) -> AsyncIterator[str]:
        for number in range(to):
            yield f"{number} "

    async with client(app) as http:
        assert (await http.put("/a?limit=6", content=b"abc")).text == "a 6 b'abc'"
        assert places_of(await http.put("/a?limit=x", content=b"abc")).keys() == {"query.limit"}
        assert (await http.get("/count?to=3")).text == "0 1 2 "
        assert places_of(await http.get("/count")) == {"query.to": "missing"}
        assert (await http.head("/count")).status_code == 422


async def test_middleware_sees_what_does_not_fit() -> None:
    """As any other answer; on the plain path too."""
    app = Hump()
    seen: list[int] = []

    @app.middleware
    async def note(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        seen.append(response.status)
        return response

    app.get("/")(taking(int))
    app.get("/slowly", timeout=5)(taking(int))
    async with client(app) as http:
        for path in ("/", "/slowly", "/?value=1"):
            await http.get(path)
    assert seen == [422, 422, 200]


@pytest.mark.parametrize("kind", [BindingError, HttpException])
async def test_the_answer_may_be_replaced(kind: type[HttpException]) -> None:
    """By an exception handler for it or for all of its kind."""
    app = Hump()

    @app.exception_handler(kind)
    async def answer(request: Request, error: BindingError) -> Response:
        return Response(repr(error.places), 418)

    app.get("/")(taking(int))
    async with client(app) as http:
        found = await http.get("/", headers={"accept": "text/plain"})
    assert (found.status_code, found.text) == (418, "(('query.value', 'missing'),)")


async def test_a_handler_may_say_the_same_by_itself() -> None:
    """Raised from anywhere below it."""

    async def refuse() -> None:
        async with trio.open_nursery():
            raise BindingError([("body.name", "taken")])

    assert places_of(await ask(refuse)) == {"body.name": "taken"}

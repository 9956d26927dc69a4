"""Requests beyond a rate are refused with a 429 that says when to come again."""

import functools
import inspect
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    Forwarded,
    HttpException,
    Hump,
    RateLimit,
    Request,
    RequestId,
    Response,
    Router,
    client_address,
    limit,
    rate_limit,
    timeout,
)
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.dispatch.fold import Fold
from hump_trio.dispatch.router import layer_of, table_of
from hump_trio.testing import client
from tests.middleware.onion import a_request, pass_through


def by_name(request: Request) -> str:
    """Return who sends a request."""
    return request.headers["x-name"]


def constant(value: Any, request: Request) -> Any:
    """Return a value for any request."""
    return value


class Store:
    """Returns the same each time, in time."""

    def __init__(self, wait: float) -> None:
        self.wait = wait
        self.asked: list[Any] = []

    async def take(self, key: str, cost: int, interval: float, burst: int) -> float:
        """Give the answer."""
        await trio.lowlevel.checkpoint()
        self.asked.append((key, cost, interval, burst))
        if self.wait < -1000:
            raise OSError("down")
        return self.wait


def named(name: str) -> Request:
    """Return a request of somebody."""
    return a_request(headers={"x-name": name})


async def status_of(limit: RateLimit, request: Request) -> int:
    """Return how a request ends at a limit."""
    try:
        return (await pass_through(limit, request)).status
    except HttpException as error:
        assert request.outcome == "refused"
        return error.status


async def test_each_client_by_itself(mock_clock: MockClock) -> None:
    """A burst, then a request each so many seconds; others have theirs."""
    limit = RateLimit("30/minute", burst=2, by=by_name)
    for _ in range(2):
        assert [await status_of(limit, named("a")) for _ in range(3)] == [200, 200, 429]
        assert await status_of(limit, named("b")) == 200
        mock_clock.jump(60)
    mock_clock.jump(2)
    assert [await status_of(limit, named("a")) for _ in range(3)] == [200, 200, 429]
    mock_clock.jump(2)
    assert [await status_of(limit, named("a")) for _ in range(2)] == [200, 429]


async def test_what_answers_tell(mock_clock: MockClock) -> None:
    """What is left and of what, in structured fields; and when to come again (RFC 9651)."""
    limit = RateLimit("6/minute", burst=2, name="search")
    told = []
    for _ in range(2):
        answer = await pass_through(limit, a_request())
        assert "retry-after" not in answer.headers
        told.append((answer.headers["ratelimit-policy"], answer.headers["ratelimit"]))
    mock_clock.jump(2.5)
    with pytest.raises(HttpException) as caught:
        await pass_through(limit, a_request())
    assert told == [
        ('"search";q=2;w=20', '"search";r=1;t=10'),
        ('"search";q=2;w=20', '"search";r=0;t=10'),
    ]
    assert (caught.value.status, dict(caught.value.headers)) == (
        429,
        {"retry-after": "8", "ratelimit-policy": told[0][0], "ratelimit": '"search";r=0;t=8'},
    )


async def test_a_cost(mock_clock: MockClock) -> None:
    """A request may take several units, none, or more than there ever are."""
    limit = RateLimit("1/minute", burst=5, cost=lambda request: int(request.headers["x-name"]))
    assert await status_of(limit, named("3")) == 200
    assert await status_of(limit, named("3")) == 429
    assert await status_of(limit, named("2")) == 200
    free = await pass_through(limit, named("0"))
    assert "ratelimit" not in free.headers, "it isn't limited"
    with pytest.raises(HttpException, match="more than there ever is") as caught:
        await pass_through(limit, named("6"))
    assert (caught.value.status, caught.value.headers) == (429, ())
    fixed = RateLimit("1/minute", burst=5, cost=5)
    assert [await status_of(fixed, a_request()) for _ in range(2)] == [200, 429]
    wrong: Any
    for wrong in (-1, 1.0, "1", None, True):
        odd = RateLimit("1/minute", cost=partial(constant, wrong))
        with pytest.raises(ValueError, match="a cost is a whole number from 0 on"):
            await pass_through(odd, a_request())


async def test_what_is_counted_by() -> None:
    """Texts and numbers; nothing is a client too; what may differ by chance is refused."""
    counted: list[Any] = ["a", "b", 7, None]
    limit = RateLimit("1/day", by=lambda request: counted[0])
    while counted:
        assert [await status_of(limit, a_request()) for _ in range(2)] == [200, 429]
        counted.pop(0)
    for wrong in (object(), 1.5, b"a", ["a"]):
        counted = [wrong]
        with pytest.raises(TypeError, match="counted by a str or an int"):
            await pass_through(limit, a_request())


async def test_keys_of_any_length() -> None:
    """A client can't fill the memory by long ones, nor pass for another by them."""
    store = Store(0.0)
    names = ["a" * 64, "a" * 65, "a" * 64 + "b", "a" * 60000, "\udc80" * 100, "\u2603" * 100]
    for name in names:
        limits = [
            RateLimit("1/day", by=partial(constant, name), store=kept) for kept in (None, store)
        ]
        assert [await status_of(limits[0], a_request()) for _ in range(2)] == [200, 429]
        assert await status_of(limits[1], a_request()) == 200
    keys = [key for key, *_ in store.asked]
    assert len(set(keys)) == len(names)
    assert max(map(len, keys)) == len("default:") + 64


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"burst": 0}, ValueError, "burst is a whole number"),
        ({"burst": 1.5}, ValueError, "burst is a whole number"),
        ({"keys": 0}, ValueError, "keys is a whole number"),
        ({"by": "address"}, TypeError, "by is a plain function"),
        ({"cost": -1}, ValueError, "cost is a whole number"),
        ({"cost": 11}, ValueError, "cost is a whole number from 0 to 10"),
        ({"name": ""}, ValueError, "name has letters"),
        ({"name": 'a"b'}, ValueError, "name has letters"),
        ({"name": "a\n"}, ValueError, "name has letters"),
        ({"store": object()}, TypeError, "a store has `async def take"),
        ({"store_timeout": 0}, ValueError, "store_timeout is a number of seconds"),
        ({"store_timeout": "1"}, ValueError, "store_timeout is a number of seconds"),
        ({"on_failure": "pass"}, ValueError, "on_failure is 'allow' or 'refuse'"),
        ({"on_error": "pass"}, TypeError, "on_error"),
    ],
)
def test_options_that_make_no_sense(options: Any, kind: type[Exception], says: str) -> None:
    """They are refused where they are written, of the decorator too."""
    for make in (RateLimit, rate_limit):
        with pytest.raises(kind, match=says):
            make("10/minute", **options)


def test_functions_are_plain() -> None:
    """An async one would have to be awaited before anything is known."""
    late: Any = trio.sleep
    with pytest.raises(TypeError, match="by is a plain function"):
        RateLimit("1/minute", by=late)
    with pytest.raises(TypeError, match="cost is a plain function"):
        RateLimit("1/minute", cost=late)


async def test_a_store() -> None:
    """What it returns is judged as what is in memory; nothing is told where it fails."""
    store = Store(-6.0)
    limit = RateLimit("10/minute", store=store, cost=2, by=by_name)
    answer = await pass_through(limit, named("a"))
    assert store.asked == [("default:a", 2, 6.0, 10)]
    assert answer.headers["ratelimit"] == '"default";r=1;t=6'
    store.wait = 7.5
    with pytest.raises(HttpException) as caught:
        await pass_through(limit, named("a"))
    assert dict(caught.value.headers)["retry-after"] == "8"
    assert dict(caught.value.headers)["ratelimit"] == '"default";r=0;t=2'
    store.wait = -5000
    answer = await pass_through(limit, named("a"))
    assert "ratelimit" not in answer.headers


async def test_in_an_onion(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is folded with the box; answers to what isn't there count; all see the 429."""
    folded = list[Any]()

    class Noting(Fold):
        def __init__(self, middleware: Any, *args: Any, **options: Any) -> None:
            folded.append(middleware)
            super().__init__(middleware, *args, **options)

    monkeypatch.setattr("hump_trio.dispatch.dispatcher.Fold", Noting)
    app = Hump()
    box = [RequestId(), RateLimit("2/hour")]
    for each in box:
        app.middleware(each)

    @app.exception_handler(HttpException)
    async def own(request: Request, error: HttpException) -> Response:
        return Response(f"own {error.status}", error.status, error.headers)

    async with client(app) as http:
        answers = [await http.get("/") for _ in range(3)]
    assert folded
    assert all(each == box for each in folded)
    assert [each.text for each in answers] == ["own 404", "own 404", "own 429"]
    assert all("x-request-id" in each.headers for each in answers)
    assert answers[2].headers["retry-after"] == "1800"


def traced(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return a handler as many a decorator does."""

    @functools.wraps(handler)
    async def call(*args: Any, **kwargs: Any) -> Any:
        result = handler(*args, **kwargs)
        return result if inspect.isasyncgen(result) else await result

    return call


ORDERS: dict[str, list[Callable[[Any], Any]]] = {
    "alone": [rate_limit("2/hour")],
    "outside": [rate_limit("2/hour"), timeout(3), limit(9), traced],
    "between": [traced, timeout(3), rate_limit("2/hour"), limit(9)],
    "inside": [limit(9), traced, timeout(3), rate_limit("2/hour")],
    "twice": [rate_limit("2/hour"), traced, rate_limit("9/hour")],
    "within": [rate_limit("9/hour"), rate_limit("2/hour"), traced],
}


def decorate(handler: Any, decorators: list[Callable[[Any], Any]]) -> Any:
    """Return a handler under some decorators, the outermost first."""
    for decorator in reversed(decorators):
        handler = decorator(handler)
    return handler


async def by_number(number: int, name: str = "x") -> str:
    """Take what the path and the query have."""
    return f"{number} {name}"


async def free(number: int) -> str:
    """Have no limit."""
    return f"{number}"


async def by_request(request: Request) -> str:
    """Take the request."""
    return request.path


async def in_parts(number: int) -> AsyncIterator[str]:
    """Answer in parts."""
    yield f"{number}"
    yield "!"


class Shop:
    """A handler that is a method, and one that is an object."""

    async def find(self, number: int) -> str:
        """Find it."""
        return f"found {number}"

    async def __call__(self, number: int) -> str:
        """Call it."""
        return f"called {number}"


HANDLERS = {
    "7 x": by_number,
    "/7": by_request,
    "7!": in_parts,
    "found 7": Shop().find,
    "called 7": Shop(),
    "7 y": partial(by_number, name="y"),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("text", HANDLERS)
async def test_a_handler_of_its_own(text: str, order: str) -> None:
    """Any kind of handler, in any order with other decorators; other handlers aren't limited."""
    app = Hump()
    app.get("/{number:int}")(decorate(HANDLERS[text], ORDERS[order]))
    app.get("/free/{number:int}")(free)
    async with client(app) as http:
        answers = [await http.get("/7") for _ in range(3)]
        assert [each.status_code for each in answers] == [200, 200, 429]
        assert answers[0].text == text
        assert "retry-after" in answers[2].headers
        assert (await http.get("/free/7")).headers.get("ratelimit") is None


async def test_limits_of_several_layers(mock_clock: MockClock) -> None:
    """Each tells what is left by its own name; what one refuses has passed those around it."""
    app, router = Hump(), Router("/shop")
    app.middleware(RateLimit("100/minute"))
    router.middleware(RateLimit("50/minute", name="shop"))

    @router.post("/login")
    @rate_limit("1/minute")
    async def login() -> str:
        return "in"

    app.include(router)
    async with client(app) as http:
        first, second = await http.post("/shop/login"), await http.post("/shop/login")
    assert first.headers["ratelimit"] == ('"login";r=0;t=60, "shop";r=49;t=2, "default";r=99;t=1')
    assert second.status_code == 429
    assert second.headers["ratelimit"] == ('"login";r=0;t=60, "shop";r=48;t=2, "default";r=98;t=1')


async def test_routes_of_one_function_share() -> None:
    """Under all paths it is one limit; the function by itself has none."""

    async def find(number: int) -> str:
        return f"found {number}"

    app = Hump()
    limited = rate_limit("2/hour")(find)
    app.get("/a/{number:int}")(limited)
    app.get("/b/{number:int}")(limited)
    app.get("/c/{number:int}")(find)
    again = rate_limit("1/hour")(find)
    app.get("/d/{number:int}")(again)
    async with client(app) as http:
        paths = ["/a/1", "/b/1", "/a/1", "/b/1", "/d/1", "/d/1", *["/c/1"] * 4]
        statuses = [(await http.get(path)).status_code for path in paths]
    assert statuses == [200, 200, 429, 429, 200, 429, *[200] * 4]
    assert await limited(7) == "found 7", "called by the program it is the function"


def test_where_the_decorator_stands(caplog: pytest.LogCaptureFixture) -> None:
    """Above the verb it would limit nothing; it is below, around an async function."""
    app = Hump()
    with pytest.raises(TypeError, match="@rate_limit stands above the decorator"):

        @rate_limit("1/minute")
        @app.get("/")
        async def index() -> None:
            """Be limited."""

    with pytest.raises(TypeError, match="must be async"):
        rate_limit("1/minute")(len)


async def test_a_decorator_that_hides_a_limit(caplog: pytest.LogCaptureFixture) -> None:
    """It is told of when serving begins: a limit that nobody finds is none."""
    inner = list[Any]()

    def plain(handler: Any) -> Any:
        inner.append(handler)

        async def call(request: Request) -> Any:
            return await handler(request)

        return call

    app = Hump()

    @app.get("/")
    @plain
    @rate_limit("1/minute")
    async def hidden(request: Request) -> str:
        return "here"

    with caplog.at_level(logging.WARNING, "hump_trio"):
        Dispatcher(app, table_of(app), layer_of(app))
    [record] = [each for each in caplog.records if "hidden" in each.getMessage()]
    assert "does a decorator lack functools.wraps?" in record.getMessage()
    found = Hump()
    found.get("/")(inner[0])
    caplog.clear()
    Dispatcher(found, table_of(found), layer_of(found))
    assert "hidden" not in caplog.text


async def test_the_document_tells_of_it() -> None:
    """The status 429 is listed for a decorated handler, beside what it says itself."""
    app = Hump()

    @app.get("/limited", raises={404: "no such tea"})
    @rate_limit("5/minute")
    async def limited() -> str:
        return "here"

    @app.get("/own", raises={429: "too thirsty"})
    @rate_limit("5/minute")
    async def own() -> str:
        return "here"

    @app.get("/free")
    async def nothing() -> None:
        """Have no limit."""

    app.openapi(title="Teas", version="1")
    async with client(app) as http:
        paths = (await http.get("/openapi.json")).json()["paths"]
    listed = {path: each["get"]["responses"] for path, each in paths.items()}
    assert listed["/limited"]["429"]["description"] == "Too Many Requests"
    assert listed["/limited"]["404"]["description"] == "no such tea"
    assert listed["/own"]["429"]["description"] == "too thirsty"
    assert "429" not in listed["/free"]


async def test_behind_a_proxy() -> None:
    """Clients are those that it tells of, and IPv6 networks are one each."""
    limit = RateLimit("1/day")
    forwarded = Forwarded(proxies=["10.0.0.0/8"], fields=["x-forwarded-for"])

    async def ask(name: str) -> int:
        request = a_request(headers={"x-forwarded-for": name}, client=("10.0.0.1", 1))

        async def limited(request: Request) -> Response:
            return await pass_through(limit, request)

        try:
            return (await forwarded(request, limited)).status
        except HttpException as error:
            return error.status

    names = ["1.2.3.4", "evil, 1.2.3.4", "1.2.3.5", "2001:db8::1", "2001:db8::2", "2001:db8:1::"]
    assert [await ask(name) for name in names] == [200, 429, 200, 200, 429, 200]
    assert client_address(a_request(client=("10.0.0.1", 1))) == "10.0.0.1"


async def test_a_proxy_that_nobody_has_registered(caplog: pytest.LogCaptureFixture) -> None:
    """The first time that it is refused for all its clients a warning says so, and no other."""
    limit = RateLimit("1/day")
    told = [
        ("1.2.3.4", {}),
        ("1.2.3.5", {"x-forwarded-for": "1.2.3.5"}),
        ("2001:db8::1", {"forwarded": 'for="[2001:DB8::1]"'}),
        (None, {"forwarded": "for=unknown"}),
    ]
    for host, fields in told:
        client = host and (host, 1)
        for _ in range(2):
            await status_of(limit, a_request(headers=fields, client=client))
    assert caplog.records == []
    for _ in range(4):
        fields = {"x-forwarded-for": "9.9.9.9"}
        await status_of(limit, a_request(headers=fields, client=("10.0.0.1", 1)))
    [record] = caplog.records
    assert "10.0.0.1 is refused for its rate: if it is a proxy" in record.getMessage()
    other = RateLimit("1/day", by=by_name)
    for _ in range(2):
        fields = {"x-forwarded-for": "9.9.9.9", "x-name": "a"}
        await status_of(other, a_request(headers=fields, client=("10.0.0.1", 1)))
    assert len(caplog.records) == 1


async def test_names_of_handlers() -> None:
    """Fields call a limit as its handler; in a store those of two modules are two."""
    store, app = Store(-1.0), Hump()

    async def grüner_tee() -> str:
        return "tee"

    class Teas:
        async def find(self) -> str:
            return "tea"

        async def __call__(self) -> str:
            return "any"

    limited = rate_limit("1/hour", store=store)
    app.get("/a")(limited(grüner_tee))
    app.get("/b")(limited(Teas().find))
    app.get("/c")(limited(partial(Teas())))
    app.get("/d")(rate_limit("1/hour", store=store, name="own")(grüner_tee))
    async with client(app) as http:
        told = [
            (await http.get(path)).headers["ratelimit-policy"] for path in ("/a", "/b", "/c", "/d")
        ]
    names = ["gr_ner_tee", "find", "Teas", "own"]
    assert told == [f'"{name}";q=1;w=3600' for name in names]
    here = f"{__name__}.test_names_of_handlers.<locals>"
    keys = [key.partition(":")[0] for key, *_ in store.asked]
    assert keys == [f"{here}.grüner_tee", f"{here}.Teas.find", f"{__name__}.Teas", "own"]

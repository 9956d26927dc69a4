"""How handlers are called within their providers."""

import functools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import httpx2
import pytest
import trio
from trio.testing import MockClock

import hump_trio
from hump_trio import (
    Body,
    Header,
    Hump,
    Request,
    Response,
    RouteError,
    Router,
    UploadFile,
    WebSocket,
)
from hump_trio.testing import client, websocket


class Session:
    """What keeps things.

    Args:
        name: Its name.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name


@dataclass
class User:
    """Who asks."""

    name: str


@dataclass
class Item:
    """What is sent."""

    name: str


def keeping(app: Router, log: list[str], name: str = "session") -> None:
    """Have an app provide a session, and note when it begins and ends."""

    @app.provide
    async def session() -> AsyncIterator[Session]:
        log.append(f"{name} opens")
        yield Session(name)
        log.append(f"{name} closes")


def knowing(app: Router) -> None:
    """Have an app provide the user."""

    @app.provide
    async def user(x_user: Annotated[str, Header()], session: Session) -> User:
        return User(f"{x_user} in {session.name}")


ANN = {"x-user": "ann"}


async def test_a_handler_is_given_what_is_provided() -> None:
    """Beside what it takes of the request. The answer comes of it when all is left."""
    log: list[str] = []
    app = Hump()
    keeping(app, log)
    knowing(app)

    @app.get("/{number:int}")
    async def show(number: int, user: User, session: Session, word: str = "") -> list[Any]:
        log.append("handles")
        return [number, user.name, session.name, word]

    async with client(app) as http:
        response = await http.get("/7?word=tea", headers=ANN)
    assert response.json() == [7, "ann in session", "session", "tea"]
    assert log == ["session opens", "handles", "session closes"]


async def test_a_provider_is_called_once_for_a_request() -> None:
    """However many take its value; and not for requests that are wrong."""
    log: list[str] = []
    app = Hump()
    keeping(app, log)
    knowing(app)

    @app.get("/")
    async def show(one: Session, other: Session, user: User, page: int) -> str:
        return f"{one is other}"

    async with client(app) as http:
        assert (await http.get("/?page=1", headers=ANN)).text == "True"
        response = await http.get("/?page=first")
    assert [each["place"] for each in response.json()["errors"]] == ["query.page", "header.x-user"]
    assert log == ["session opens", "session closes"]


async def test_the_innermost_provider_counts() -> None:
    """For handlers; a provider means the same to all of them."""
    log: list[str] = []
    app, router = Hump(), Router("/shop")
    keeping(app, log)
    knowing(app)
    keeping(router, log, "shop")

    async def show(session: Session, user: User) -> list[str]:
        return [session.name, user.name]

    router.get("/user")(show)
    app.get("/user")(show)
    app.include(router)
    async with client(app) as http:
        response = await http.get("/user", headers=ANN)
        assert response.json() == ["session", "ann in session"]
        response = await http.get("/shop/user", headers=ANN)
        assert response.json() == ["shop", "ann in session"]


async def test_a_router_is_given_what_is_provided_around_it() -> None:
    """Wherever it is included, and however often."""
    app, outer, inner = Hump(), Router("/outer"), Router("/inner")

    @inner.post("/{number}")
    async def show(user: User, session: Session, item: Annotated[Item, Body()]) -> list[str]:
        return [user.name, session.name, item.name]

    keeping(outer, [], "outer")
    knowing(outer)
    outer.include(inner, name="here")
    keeping(app, [], "app")
    knowing(app)
    app.include(outer)
    app.include(inner)
    async with client(app) as http:
        for path, name in [("/inner/1", "app"), ("/outer/inner/1", "outer")]:
            response = await http.post(path, headers=ANN, json={"name": "tea"})
            assert response.json() == [f"ann in {name}", name, "tea"]


async def test_a_provider_takes_what_a_handler_may() -> None:
    """Values of the path where that has them, and a body where there is none."""
    app = Hump()

    @app.provide
    async def item(request: Request, name: str, number: int, body: Annotated[int, Body()]) -> Item:
        return Item(f"{request.method} {name} {number} {body}")

    @app.post("/{name}")
    async def named(item: Item) -> str:
        return item.name

    @app.post("/{number:int}/item")
    async def numbered(item: Item) -> str:
        return item.name

    async with client(app) as http:
        assert (await http.post("/tea?number=4", json=5)).text == "POST tea 4 5"
        assert (await http.post("/7/item?name=tea", json=5)).text == "POST tea 7 5"
        response = await http.post("/7/item", content="{", headers={"content-type": "text/plain"})
    assert [each["place"] for each in response.json()["errors"]] == ["query.name", "body"]


async def test_a_stream_is_within_its_providers() -> None:
    """From before its first part to behind the last one."""
    log: list[str] = []
    app = Hump()
    keeping(app, log)
    knowing(app)

    @app.get("/")
    async def tell(user: User, number: int) -> AsyncIterator[str]:
        for _ in range(number):
            log.append("sends")
            yield f"{user.name}\n"

    async with client(app) as http:
        response = await http.get("/?number=2", headers=ANN)
        assert response.text == "ann in session\n" * 2
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert (await http.get("/", headers=ANN)).status_code == 422
    assert log == ["session opens", "sends", "sends", "session closes"]


def starting(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return a decorator's usual function, which starts a generator and passes it on."""

    @functools.wraps(handler)
    async def start(*args: Any, **kwargs: Any) -> Any:
        return handler(*args, **kwargs)

    return start


def titled(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that answers by itself, with a field."""

    @functools.wraps(handler)
    async def answer(*args: Any, **kwargs: Any) -> Response:
        return Response(handler(*args, **kwargs), headers={"title": "tea"})

    return answer


@pytest.mark.parametrize("decorate", [hump_trio.timeout(5), hump_trio.limit(1), starting])
async def test_a_stream_in_a_decorator_is_within_its_providers(
    decorate: Callable[[Callable[..., Any]], Callable[..., Any]],
) -> None:
    """Although the decorator has returned before its first part."""
    log: list[str] = []
    app = Hump()
    keeping(app, log)

    @app.get("/")
    @decorate
    async def tell(session: Session) -> AsyncIterator[str]:
        log.append("sends")
        yield session.name

    async with client(app) as http:
        for _ in range(2):
            assert (await http.get("/")).text == "session"
    assert log == ["session opens", "sends", "session closes"] * 2


async def test_a_decorator_that_answers_for_a_stream_is_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its answer can't be given any more, once providers that enclose the stream are entered."""
    app = Hump()
    keeping(app, [])

    @app.provide
    async def user() -> User:
        return User("ann")

    @app.get("/session")
    @titled
    async def tell(session: Session) -> AsyncIterator[str]:
        yield session.name

    @app.get("/user")
    @titled
    async def name(user: User) -> AsyncIterator[str]:
        yield user.name

    async with client(app) as http:
        assert (await http.get("/session")).status_code == 500
        response = await http.get("/user")
        assert (response.text, response.headers["title"]) == ("ann", "tea")
    assert "tell has a yield within a decorator, and providers with one" in caplog.text


async def test_files_have_come_before_providers_are_called() -> None:
    """And are there as long as these. A provider may take one, or the texts beside it."""
    log: list[str] = []
    app = Hump()
    keeping(app, log)

    @app.provide
    async def sender(request: Request, item: Annotated[Item, Body()]) -> User:
        return User(f"{item.name} by {request.method}")

    @app.post("/")
    async def take(picture: UploadFile, user: User, session: Session, number: int) -> list[Any]:
        return [(await picture.read()).decode(), user.name, session.name, number]

    @app.provide
    async def picture(one: UploadFile, session: Session) -> AsyncIterator[bytearray_]:
        yield bytearray_(await one.read())

    @app.post("/provided")
    async def provided(picture: bytearray_) -> str:
        return picture.decode()

    async with client(app) as http:
        data, files = {"name": "tea"}, {"picture": b"leaf"}
        response = await http.post("/?number=3", data=data, files=files)
        assert response.json() == ["leaf", "tea by POST", "session", 3]
        assert (await http.post("/", data=data, files=files)).status_code == 422
        assert (await http.post("/?number=3", data={}, files=files)).status_code == 422
        assert log == ["session opens", "session closes"]
        assert (await http.post("/provided", files={"one": b"tea"})).text == "tea"


class bytearray_(bytearray):  # what its base is called
    """What a file holds."""


def test_a_stream_takes_no_files() -> None:
    """Of its own, nor by a provider."""
    app = Hump()
    keeping(app, [])
    with pytest.raises(RouteError, match="takes a file and has a yield"):

        @app.post("/")
        async def tell(picture: UploadFile, session: Session) -> AsyncIterator[str]:
            yield ""


async def test_websockets_are_within_their_providers() -> None:
    """From before they open to behind their end."""
    log: list[str] = []
    app = Hump()
    keeping(app, log)
    knowing(app)

    @app.websocket("/{room}")
    async def chat(ws: WebSocket, room: str, user: User, request: Request) -> None:
        await ws.send(f"{user.name} in {room} of {request.path}")

    async with websocket(app, "/tea", headers=ANN) as ws:
        assert await ws.receive() == "ann in session in tea of /tea"
    assert log == ["session opens", "session closes"]


def passing_on(function: Callable[..., Any]) -> Any:
    """Decorate a function, and pass on all that it is given."""

    @functools.wraps(function)
    async def passing(request: Request, /, *args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return passing


async def test_decorators_pass_values_on() -> None:
    """Those that are provided, too, around handlers and around providers."""
    app = Hump()

    @app.provide
    @passing_on
    async def user(request: Request, name: str) -> User:
        return User(f"{request.method} {name}")

    @app.get("/")
    @passing_on
    async def show(request: Request, user: User, word: str) -> str:
        return f"{request.path} {user.name} {word}"

    async with client(app) as http:
        assert (await http.get("/?name=ann&word=tea")).text == "/ GET ann tea"


class Given:
    """An object whose methods are registered."""

    async def session(self) -> Session:
        """Give a session."""
        return Session("method")

    async def show(self, session: Session, *, word: str) -> str:
        """Tell what was given."""
        return f"{session.name} {word}"


async def test_methods_provide_and_are_given() -> None:
    """As functions do; names of their own are passed by name."""
    app, given = Hump(), Given()
    app.provide(given.session)
    app.get("/")(given.show)
    async with client(app) as http:
        assert (await http.get("/?word=tea")).text == "method tea"


async def test_requests_at_the_same_time_have_values_of_their_own(
    autojump_clock: MockClock,
) -> None:
    """Also those of one connection, whichever ends first."""
    app = Hump()

    @app.provide
    async def user(name: str) -> AsyncIterator[User]:
        yield User(name)

    @app.get("/")
    async def show(user: User, seconds: float) -> str:
        await trio.sleep(seconds)
        return user.name

    async def ask(http: httpx2.AsyncClient, number: int) -> None:
        response = await http.get(f"/?name=user-{number}&seconds={0.01 * (number % 3)}")
        assert response.text == f"user-{number}"

    async with client(app) as http, trio.open_nursery() as nursery:
        for number in range(12):
            nursery.start_soon(ask, http, number)

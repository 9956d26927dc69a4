"""What a handler's parameters may not ask for together."""

from typing import Annotated, Any

import pytest

from hump_trio import Body, Hump, Query, Request, RouteError
from hump_trio.facts.callables import Handler
from tests.support.annotated import Item, Point
from tests.support.typed_handlers import bind, taking


async def two_bodies(a: Item, b: Point) -> None:
    """Ask for more than there is."""


async def two_requests(a: Request, b: Request) -> None:
    """Ask for one thing twice."""


# Handler, template, method, what the message has in it.
REFUSED: list[tuple[Any, str, str, str]] = [
    (two_bodies, "/", "POST", "'b' that is a second body beside 'a': make them fields of one"),
    (two_requests, "/", "GET", "'b' that is neither the request nor in its path"),
    (taking(Item), "/", "GET", "that is a body, which a GET has none of"),
    (taking(list[Item]), "/", "HEAD", "that is a body, which a HEAD has none of"),
    (taking(Annotated[int, Body()]), "/", "GET", "that is a body, which a GET has none of"),
]


@pytest.mark.parametrize(("handler", "template", "method", "message"), REFUSED)
def test_what_asks_for_too_much_is_refused(
    handler: Handler, template: str, method: str, message: str
) -> None:
    """At registration, by the parameter that is one too many."""
    with pytest.raises(RouteError) as caught:
        Hump().add_route(template, handler, methods=[method])
    assert message in str(caught.value)


def test_a_stream_has_no_body_as_a_whole() -> None:
    """It is read by the handler."""
    with pytest.raises(RouteError, match="'value' that is the whole body"):
        Hump().put("/", stream=True)(taking(Item))


def test_a_bare_name_that_is_almost_the_paths_is_no_request() -> None:
    """It would get the request without a word. What is called a request is one."""

    async def show(name) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001
    async def typed(name: Request) -> None: ...
    async def called(request) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001

    message = r"'name' that isn't in the path, where .* {nam}: .* it is the request, by `name: Req"
    with pytest.raises(RouteError, match=message):
        bind(show, "/hello/{nam}")
    bind(show, "/hello/{id}")
    bind(show, "/hello/{name}")
    bind(typed, "/hello/{nam}")
    bind(called, "/hello/{request_id}")


def test_a_query_value_of_a_paths_name_is_refused() -> None:
    """It was meant for the path, unless a marker says that it wasn't; or a default."""

    async def show(user: str) -> None: ...

    with pytest.raises(RouteError, match=r"'user' that isn't in the path, where .* {user_id}"):
        bind(show, "/{user_id}")
    with pytest.raises(RouteError, match=r"where nothing takes {usr}: give both one name"):
        bind(show, "/{usr}")
    bind(show, "/{shop}")
    bind(taking(str, "x", name="user"), "/{user_id}")
    bind(taking(Annotated[str, Query()], name="user"), "/{user_id}")

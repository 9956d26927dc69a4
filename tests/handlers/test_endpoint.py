"""What registration makes of a handler, and keeps."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hump_trio import Hump, Request
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.dispatch.router import table_of
from hump_trio.facts.exceptions import RouteError
from hump_trio.handlers import endpoint as endpoint_module
from hump_trio.handlers.endpoint import endpoint_of
from hump_trio.handlers.signature import parse_signature
from hump_trio.openapi.document import document_of
from hump_trio.routing.route import Route
from tests.support.typed_handlers import route_of


def test_a_signature_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """At registration; serving again and again, and the document, ask for what the route keeps."""
    read: list[Route] = []

    def parse(route: Route, *stand_ins: Any) -> Any:
        read.append(route)
        return parse_signature(route, *stand_ins)

    monkeypatch.setattr(endpoint_module, "parse_signature", parse)
    app = Hump()

    @app.get("/")
    async def index(page: int = 1) -> str:
        return str(page)

    [route] = table_of(app).routes
    assert read == [route]
    for _ in range(2):
        Dispatcher(app, table_of(app))
    document_of([route], {"title": "Shop", "version": "1"})
    assert read == [route]
    assert endpoint_of(route) is endpoint_of(route)


def test_what_could_not_be_read_is_tried_again() -> None:
    """A name that is defined between registration and serving counts, and not before."""

    async def index(page: "Page") -> None:  # type: ignore[name-defined]  # noqa: F821
        """Take what is defined later."""

    route = route_of(index)
    for _ in range(2):
        with pytest.raises(RouteError, match="Page"):
            endpoint_of(route)
    assert route.endpoint is None
    index.__annotations__["page"] = int
    assert endpoint_of(route).signature.parameters[0].annotation is int


async def test_a_generator_is_the_value() -> None:
    """Calling a handler that yields gives what its body is made of."""

    async def parts(request: Request) -> AsyncIterator[str]:
        yield request.path

    value = await endpoint_of(route_of(parts)).call(Request("GET", "/x", "/x"))
    assert [part async for part in value] == ["/x"]

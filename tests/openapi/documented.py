"""Documents of some routes, for the tests of what they say."""

import json
from dataclasses import dataclass, field
from typing import Any

from hump_trio import Request
from hump_trio.openapi.document import document_of
from hump_trio.routing.route import Route

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
ERROR = {"text/plain": {"schema": {"type": "string"}}, **PROBLEM}
DECIMAL = {"type": "string", "format": "decimal"}
FILE = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
ITEM = {"$ref": "#/components/schemas/Item"}


@dataclass
class Item:
    """What is sold."""

    name: str
    parts: "list[Item]" = field(default_factory=list)


@dataclass
class Flat:
    """What a form has too."""

    user: str
    age: int | None = None


def route(template: str, handler: Any, *methods: str, **options: Any) -> Route:
    """Return a route, for GET if no method is given."""
    return Route(template=template, handler=handler, methods=methods or ("GET",), **options)


def documented(*routes: Route) -> dict[str, Any]:
    """Return the document of routes, as a client reads it."""
    document = document_of(routes, {"title": "A", "version": "1"})
    read: dict[str, Any] = json.loads(json.dumps(document))
    return read


def operation(handler: Any, path: str = "/", method: str = "GET", **options: Any) -> dict[str, Any]:
    """Return what the document says of one handler."""
    document = documented(route(path, handler, method, **options))
    [item] = document["paths"].values()
    [(name, found)] = item.items()
    assert name == method.lower()
    said: dict[str, Any] = found
    return said


async def index() -> str:
    """Show the start.

    And more
    of it.
    """
    return "-"


async def silent(request: Request) -> Any:
    """Say nothing: see below."""
    return "-"


silent.__doc__ = None


def body(annotation: Any, *default: Any, **options: Any) -> dict[str, Any]:
    """Return the operation of a handler that takes a body."""

    async def handler(value: Any) -> str:
        """Take it."""
        return "-"

    handler.__annotations__["value"] = annotation
    handler.__defaults__ = default or None
    return operation(handler, method="POST", **options)

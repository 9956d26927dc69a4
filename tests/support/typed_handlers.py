"""Handlers whose annotations are data, so that a table can hold them."""

from collections.abc import Callable
from typing import Annotated, Any

import httpx2

from hump_trio import Body, Hump
from hump_trio.handlers.calling import Call
from hump_trio.handlers.endpoint import endpoint_of
from hump_trio.handlers.parameter import Signature
from hump_trio.handlers.signature import parse_signature
from hump_trio.routing.route import Route
from hump_trio.testing import client

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def taking(annotation: Any, default: Any = ..., *, name: str = "value") -> Callable[..., Any]:
    """Return a handler with one parameter, which answers how its value is written in Python.

    Args:
        annotation: Of the parameter; None for no annotation.
        default: Of the parameter; ``...`` for none.
        name: Of the parameter.
    """
    names: dict[str, Any] = {"kind": annotation, "default": default}
    annotated = "" if annotation is None else ": kind"
    given = "" if default is ... else " = default"
    exec(f"async def handler({name}{annotated}{given}): return repr({name})", names)
    handler: Callable[..., Any] = names["handler"]
    return handler


def form_of(annotation: Any) -> Any:
    """Return the annotation of a body that may be a urlencoded form."""
    return Annotated[annotation, Body(form=True)]


def route_of(handler: Callable[..., Any], template: str = "/", method: str = "GET") -> Route:
    """Return the route of a handler."""
    return Route(template=template, methods=(method,), handler=handler)


def bind(handler: Callable[..., Any], template: str = "/", method: str = "GET") -> Call:
    """Return how a handler is called."""
    return endpoint_of(route_of(handler, template, method)).call


def parse(handler: Callable[..., Any], template: str = "/", method: str = "POST") -> Signature:
    """Return the signature of a handler."""
    return parse_signature(route_of(handler, template, method))


async def ask(
    handler: Callable[..., Any],
    url: str = "/",
    *,
    template: str = "/",
    content: bytes | str = b"",
    content_type: str = "",
    headers: dict[str, str] | None = None,
) -> httpx2.Response:
    """Return what an app of one route answers; with a content it is asked by POST."""
    app = Hump()
    method = "POST" if content or content_type else "GET"
    app.add_route(template, handler, methods=[method])
    sent = dict(headers or {})
    if content_type:
        sent["content-type"] = content_type
    async with client(app) as http:
        return await http.request(method, url, content=content, headers=sent)


def places_of(response: httpx2.Response) -> dict[str, str]:
    """Return the places and reasons of a binding error, whose form is checked."""
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == response.status_code
    if response.http_version == "HTTP/1.1":  # HTTP/2 has no reasons
        assert problem["title"] == response.reason_phrase
    errors = {error["place"]: error["reason"] for error in problem["errors"]}
    first = ": ".join(next(iter(errors.items())))
    assert problem["detail"] in (first, f"{first} (and {len(errors) - 1} more)")
    return errors

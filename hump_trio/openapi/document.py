"""An OpenAPI document of routes, from the same signatures that bind their requests.

Source: OpenAPI 3.1.0, whose schemas are JSON Schema 2020-12.
"""

import inspect
from collections.abc import Iterable, Mapping
from itertools import chain, count
from typing import Any
from urllib.parse import quote

from hump_trio.content.json_text import typed_codec
from hump_trio.facts.callables import without_partial
from hump_trio.facts.loggers import logger
from hump_trio.handlers.endpoint import endpoint_of
from hump_trio.openapi.inputs import body_of, parameters_of
from hump_trio.openapi.responses import responses_of
from hump_trio.openapi.schemas import Schemas
from hump_trio.openapi.security import SecuritySchemes
from hump_trio.routing.route import Route, names_of
from hump_trio.routing.template import SAFE, parse_template

__all__ = ["document_of"]

# The methods that OpenAPI has; a route for another method is left out.
DOCUMENTED_METHODS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")


def document_of(
    routes: Iterable[Route], info: Mapping[str, str], tags: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the OpenAPI document of routes, without hidden ones.

    Some routes differ in the types or names of their path parameters alone. OpenAPI can't tell
    their paths apart, so they share the first one's; of two such routes for one method, the second
    is left out, and that is logged.

    Args:
        routes: The routes, in the order in which the document lists them.
        info: The document's ``title`` and ``version``, and other fields of its ``info``.
        tags: Descriptions of tags by name, in the order in which readers see them.

    Raises:
        TypeError: msgspec isn't installed.
    """
    schemas, security = Schemas(typed_codec()), SecuritySchemes()
    operation_ids: set[str] = set()
    paths: dict[str, dict[str, Any]] = {}
    listed: dict[str, Route] = {}
    for route in routes:
        methods = [method for method in route.methods if method in DOCUMENTED_METHODS]
        if not methods or route.hidden:
            continue
        first = listed.setdefault(shape_of(route), route)
        item = paths.setdefault(path_of(first), {})
        free = [method for method in methods if method.lower() not in item]
        if free != methods:
            logger.warning(
                "the OpenAPI document can't tell %s from %s and leaves it out",
                *(route.template, first.template),
            )
        if free:
            path_names = dict(zip(route.parameters, first.parameters, strict=True))
            operation = operation_of(route, path_names, schemas, security)
        for method in free:
            name = unique_name(names_of(route)[0], method, operation_ids)
            item[method.lower()] = {"operationId": name, **operation}
    document: dict[str, Any] = {"openapi": "3.1.0", "info": dict(info), "paths": paths}
    if tags:
        document["tags"] = [{"name": name, "description": text} for name, text in tags.items()]
    parts = {"schemas": schemas.settle(), "securitySchemes": security.settle()}
    components = {name: each for name, each in parts.items() if each}
    if components:
        document["components"] = components
    return document


def path_of(route: Route) -> str:
    """Return the path of a route as the document writes it, without the types of parameters."""
    segments = parse_template(route.template)
    return "".join(f"/{{{name}}}" if name else "/" + quote(text, SAFE) for name, text in segments)


def shape_of(route: Route) -> str:
    """Return the path of a route without the names of its parameters."""
    return "".join("/{}" if name else f"/{text}" for name, text in parse_template(route.template))


def unique_name(name: str, method: str, taken: set[str]) -> str:
    """Return a name for an operation that no other has, and add it to those taken."""
    numbered = (f"{name}_{number}" for number in count(2))
    choices = chain([name, f"{name}_{method.lower()}"], numbered)
    unique = next(each for each in choices if each not in taken)
    taken.add(unique)
    return unique


def operation_of(
    route: Route, path_names: dict[str, str], schemas: Schemas, security: SecuritySchemes
) -> dict[str, Any]:
    """Return the operation that describes a route.

    Args:
        route: The route.
        path_names: The names in the document's path, by the names of the route's parameters.
        schemas: The document's schemas, to which the route's types are added.
        security: The document's security schemes, to which those of the route are added.
    """
    signature = endpoint_of(route).signature
    operation: dict[str, Any] = {"tags": list(route.tags)} if route.tags else {}
    summary, _, rest = (inspect.getdoc(without_partial(route.handler)) or "").partition("\n")
    if summary:
        operation["summary"] = summary
    if rest.strip():
        operation["description"] = rest.strip()
    parameters = parameters_of(route, signature, path_names, schemas)
    if parameters:
        operation["parameters"] = parameters
    body = body_of(route, signature, schemas)
    if body:
        operation["requestBody"] = body
    if requirements := security.requirements_of(signature):
        operation["security"] = requirements
    operation["responses"] = responses_of(route, signature, schemas)
    return operation

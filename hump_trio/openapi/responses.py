"""The responses that a document lists: a handler's own, its errors, and those of binding."""

from collections.abc import AsyncIterable, Iterator
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from hump_trio.answers.redirect import RedirectResponse
from hump_trio.content.annotations import class_of, kinds_of, members
from hump_trio.handlers.markers import Secret
from hump_trio.handlers.parameter import Signature
from hump_trio.handlers.text_getters import takes_as_it_is
from hump_trio.messages.response import BYTES_TYPE, JSON_TYPE, HtmlResponse, Response
from hump_trio.openapi.schemas import BINARY, Schemas
from hump_trio.routing.route import Route
from hump_trio.routing.route_hints import describe, parse_raises, parse_returns
from hump_trio.routing.template import parse_template

__all__ = ["responses_of"]

PROBLEM_TYPE = "application/problem+json"
PLAIN_TYPE = "text/plain"
BYTES = (bytes, bytearray, memoryview)


# The schema of an error as `hump_trio.messages.response` writes it.
PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "An error, as of RFC 9457.",
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Where a request doesn't fit, and why.",
            "items": {
                "type": "object",
                "properties": {"place": {"type": "string"}, "reason": {"type": "string"}},
                "required": ["place", "reason"],
            },
        },
    },
    "required": ["title", "status", "detail"],
}


def responses_of(route: Route, signature: Signature, schemas: Schemas) -> dict[str, Any]:
    """Return the responses of a route as the document lists them, by their statuses."""
    responses: dict[int, dict[str, Any]] = {}
    for status, kinds in returned_kinds(route, signature).items():
        contents: dict[str, list[Any]] = {}
        for media_type, kind in media_of(kinds):
            contents.setdefault(media_type, []).append(kind)
        responses[status] = {"description": describe(status)}
        if contents:
            responses[status]["content"] = {
                each: {"schema": dict(BINARY) if each == BYTES_TYPE else schemas.any_of(found)}
                for each, found in contents.items()
            }
    said = dict.fromkeys(plain_statuses(route, signature), "")
    for provision in signature.provisions:
        said |= provision.provider.raises
    said |= parse_raises(route.raises)
    for status, description in said.items():
        # Text comes first, since a client without an ``Accept`` field gets text.
        content = {
            PLAIN_TYPE: {"schema": schemas.of(str)},
            PROBLEM_TYPE: {"schema": schemas.ours("Problem", PROBLEM)},
        }
        answer = {"description": description or describe(status), "content": content}
        responses.setdefault(status, answer)
    for status in bound_statuses(signature):
        content = {PROBLEM_TYPE: {"schema": schemas.ours("Problem", PROBLEM)}}
        responses.setdefault(status, {"description": describe(status), "content": content})
    return {str(status): responses[status] for status in sorted(responses)}


def returned_kinds(route: Route, signature: Signature) -> dict[int, list[Any]]:
    """Return the types of a route's answers by status, from ``returns`` or from its handler."""
    said = parse_returns(route.returns)
    if said:
        return {status: kinds_of(annotation) for status, annotation in said.items()}
    found: dict[int, list[Any]] = {}
    for kind in members(signature.returns):
        if kind is NoneType:
            found[204] = []
        elif kind is RedirectResponse:
            found[303] = []
        else:
            found.setdefault(200, []).append(kind)
    return found


def media_of(kinds: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the content types of answers of some types, each with the type for its schema."""
    for member in kinds:
        kind = class_of(member)
        kind = type(get_args(member)[0]) if kind is Literal else kind
        if not isinstance(kind, type) or kind is Any:
            continue
        if issubclass(kind, Response):
            if kind.media_type:
                yield kind.media_type, str if issubclass(kind, HtmlResponse) else Any
        elif issubclass(kind, str):
            yield PLAIN_TYPE, member
        elif issubclass(kind, BYTES):
            yield BYTES_TYPE, Any
        elif issubclass(kind, AsyncIterable):
            yield from media_of(kinds_of(get_args(member)[0]) if get_origin(member) else [])
        else:
            yield JSON_TYPE, member


def bound_statuses(signature: Signature) -> set[int]:
    """Return the statuses of the answers to a request that doesn't fit a signature."""
    statuses: set[int] = set()
    for each in signature.values:
        if signature.takes_files and each.source.form_getter:
            statuses.add(422)
        elif each.source.name != "path" or not takes_as_it_is(each):
            statuses |= each.source.statuses
    return statuses


def plain_statuses(route: Route, signature: Signature) -> set[int]:
    """Return the statuses of errors before binding, which are text, or JSON if preferred."""
    kinds = {kind for name, kind in parse_template(route.template) if name}
    unknown_path = set() if kinds <= {"str", "path"} else {404}
    secrets = any(isinstance(each.marker, Secret) for each in signature.reads)
    files = {400, 413, 415} if signature.takes_files else set[int]()
    return unknown_path | files | ({401} if secrets else set())

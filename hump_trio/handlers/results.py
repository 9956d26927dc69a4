"""The promise of a return annotation, and how a handler's results become answers by it."""

from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from inspect import formatannotation
from types import NoneType
from typing import Any, Union, get_args
from uuid import UUID

from hump_trio.content.annotations import class_of, is_model, is_record, is_typed_dict, members
from hump_trio.content.json_text import json_codec
from hump_trio.facts.callables import name_of
from hump_trio.facts.exceptions import RouteError, UnresolvedError
from hump_trio.handlers.shape_maker import UNSHAPED, ShapeMaker, is_protocol
from hump_trio.handlers.shapes import Misfit, Shape
from hump_trio.messages.renderers import RENDERERS, Renderer, to_response
from hump_trio.messages.response import JSON_TYPE, JsonResponse, Response
from hump_trio.routing.route import Route
from hump_trio.routing.route_hints import parse_returns

__all__ = ["RESULTS", "Results", "check_returns", "results_of"]

JSON_CONTAINERS = (dict, list, tuple)
PARTS = (str, bytes, bytearray, memoryview)
ANSWERS = (*PARTS, *JSON_CONTAINERS, NoneType, AsyncIterable, Response)
# Values that have a JSON form within an answer. Classes of other libraries have none here.
VALUES = (
    *(str, bytes, *JSON_CONTAINERS, set, frozenset, NoneType),
    *(int, float, date, time, timedelta, UUID, Decimal, Enum),
)


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """How the results of a handler become answers; these are fields of `Choice`.

    Args:
        render: Returns a response for any result; raises TypeError for one that isn't annotated.
        renderers: Renderers for results that need no response object, by the results' class.
    """

    render: Callable[[Any], Response]
    renderers: Mapping[type, Renderer]


# For a handler without a return annotation.
RESULTS = Results(to_response, RENDERERS)


def results_of(route: Route, returns: Any) -> Results:
    """Return how the results of a route's handler become answers.

    The type of a success in its ``returns=`` goes before the annotation, as in the OpenAPI
    document. Its status is that of the answers, but for a None that is to be a 204.

    Args:
        route: The route.
        returns: The return annotation, resolved.

    Raises:
        UnresolvedError: A name in the annotations of a returned class isn't defined, or not yet.
    """
    said = parse_returns(route.returns)
    status = success_of(said)
    if status in said:
        returns = said[status]
        if returns is not None and 204 in said:
            returns = Union[returns, None]  # noqa: UP007 # a type given as None has no `|`
    results = shaped(route, returns)
    if status == 200:
        return results

    def render(value: Any) -> Response:
        response = results.render(value)
        if response is not value and (value is not None or said[status] is None):
            response.status = status
        return response

    return Results(render, {})


def success_of(said: Mapping[int, Any]) -> int:
    """Return the status of what a handler returns, of the types by status that its route has said.

    That is 200 unless they have one other success alone, beside a 204: a handler that has several
    says by a response which of them it means.
    """
    found = [status for status in said if status < 300 and status != 204]
    return found[0] if len(found) == 1 else 200


def shaped(route: Route, returns: Any) -> Results:
    """Return how results become answers of status 200, or 204 for None.

    Args:
        route: The route.
        returns: What its handler has promised to return.

    Raises:
        UnresolvedError: A name in the annotations of a returned class isn't defined, or not yet.
    """
    shape = shape_of(route, returns)
    if shape is None:
        return RESULTS
    kinds = [dict if is_typed_dict(kind) else kind for kind in map(class_of, members(returns))]
    classes = tuple(kind for kind in kinds if isinstance(kind, type))
    promised = "None" if returns is NoneType else formatannotation(returns)
    fit = fitting(shape, f"{name_of(route.handler)} is annotated -> {promised}")
    records = (kind for kind in classes if is_record(kind) and not issubclass(kind, UNSHAPED))
    written: frozenset[type] = frozenset((*JSON_CONTAINERS, *records))
    holds_models = any(map(is_model, classes))

    def render(value: Any) -> Response:
        if isinstance(value, Response):
            return value
        fitted = fit(value)
        if isinstance(fitted, tuple) or (holds_models and is_model(type(value))):
            return JsonResponse(fitted)
        return to_response(fitted)

    def encode_fitted(value: Any) -> bytes:
        return json_codec.encode_filled(fit(value))

    fitted = (kind for kind in written - shape.plain if issubclass(kind, classes))
    renderers: dict[type, Renderer] = dict.fromkeys(fitted, (JSON_TYPE, encode_fitted))
    renderers |= dict.fromkeys(written & shape.plain, (JSON_TYPE, json_codec.encode_filled))
    if any(issubclass(kind, str) for kind in shape.plain):
        renderers[str] = RENDERERS[str]
    return Results(render, renderers)


def shape_of(route: Route, returns: Any) -> Shape | None:
    """Return the shape of what a handler returns; None: every result goes out as it is.

    Raises:
        UnresolvedError: A name in the annotations of a class in it is nowhere, or not yet.
    """
    try:
        return ShapeMaker().make(returns, strict=True)
    except NameError as error:
        raise UnresolvedError(
            f"{name_of(route.handler)} returns {formatannotation(returns)}, whose annotations can't"
            f" be resolved ({error}): what they name has to be defined or imported at the top"
            " level of its module, and at run time"
        ) from error


def fitting(shape: Shape, promise: str) -> Callable[[Any], Any]:
    """Return a function that makes values fit a shape; it raises TypeError for others.

    Args:
        shape: The shape of the annotation.
        promise: The handler and its annotation in words, for the message.
    """

    def fit(value: Any) -> Any:
        if type(value) in shape.plain:
            return value
        try:
            return shape.fit(value)
        except Misfit as error:
            place = f" at {error.place.lstrip('.')}" if error.place else ""
            why = f"{promise} and returned {error}{place}"
            if not error.place:
                why += hint_about(value)
            raise TypeError(why) from None

    return fit


def hint_about(value: Any) -> str:
    """Return the reason why no answer can be made of a value; empty if one can."""
    try:
        to_response(value)
    except TypeError as error:
        return f": {error}"
    return ""


def check_returns(name: str, returns: Any) -> None:
    """Refuse a return annotation that no answer can be made of.

    Args:
        name: The handler's name.
        returns: The annotation, resolved.

    Raises:
        RouteError: The message has types to return instead.
    """
    for member in members(returns):
        kind = class_of(member)
        if not (is_record(member) or may_be(member, ANSWERS)):
            raise RouteError(
                f"{name} returns {name_of(kind)}, of which no answer can be made: return str,"
                " bytes, a dict, list, tuple, dataclass, TypedDict, msgspec.Struct, pydantic model"
                " or attrs class, an async iterable of str or bytes, None or a Response"
            )
        if isinstance(kind, type) and issubclass(kind, AsyncIterable):
            for part in get_args(member)[:1]:
                if not all(may_be(each, PARTS) for each in members(part)):
                    raise RouteError(
                        f"{name} returns a stream of {formatannotation(part)}: an answer's parts"
                        " are str or bytes; JsonLines(...) and EventStream(...) take the rest"
                    )
        for held in values_in(member):
            if not (is_record(held) or may_be(held, VALUES)):
                raise RouteError(
                    f"{name} returns {formatannotation(member)}, but JSON has nothing for a"
                    f" {name_of(class_of(held))}: make a dict or a dataclass of it"
                )


def may_be(member: Any, kinds: tuple[type, ...]) -> bool:
    """Tell whether a value of a bare annotation may be an instance of one of some classes."""
    kind = class_of(member)
    if not isinstance(kind, type) or kind in (Any, object):
        return True
    if is_protocol(kind):
        return False
    return any(issubclass(kind, each) or issubclass(each, kind) for each in kinds)


def values_in(member: Any) -> Iterator[Any]:
    """Yield the types of the items of a bare annotation, however deep, if it is a collection."""
    kind = class_of(member)
    if not isinstance(kind, type) or is_record(member) or not issubclass(kind, Iterable):
        return
    for part in get_args(member):
        if part is not ...:
            for each in members(part):
                yield each
                yield from values_in(each)

"""Annotations without mere text, which of them can be keys, and errors that say whose they are."""

import builtins
import inspect
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, TypeAlias, get_type_hints

from hump_trio.channels.websocket import WebSocket
from hump_trio.content.annotations import class_of, extras_of, kinds_of
from hump_trio.content.upload import UploadFile
from hump_trio.facts.callables import Handler, name_of
from hump_trio.facts.exceptions import RouteError, UnprovidedError, UnresolvedError
from hump_trio.handlers.markers import Marker
from hump_trio.handlers.parameter import EMPTY, Parameter
from hump_trio.handlers.parsing import is_plain_text
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.routing.route import Route

__all__ = [
    "Names",
    "is_key",
    "is_near",
    "refusal",
    "refusal_of",
    "resolve_parameter",
    "resolve_return",
]

# What annotations that are text may mention, by its name.
Names: TypeAlias = dict[str, Any]
# Classes that are so general that a parameter of one means many things; and modules of such.
BUILT_IN = {each for each in vars(builtins).values() if isinstance(each, type)}
GENERAL = ("typing", "collections", "collections.abc", "types")
# Classes whose parameters are given something else.
TAKEN = (Request, WebSocket, UploadFile, Response)
# What annotations raise that can't be resolved.
UNRESOLVED = (NameError, AttributeError, SyntaxError, TypeError)


def refusal(
    handler: Handler,
    name: str,
    why: str,
    cause: Exception | None = None,
    *,
    taker: Handler | None = None,
) -> RouteError:
    """Return the error for a parameter that can't be given a value.

    Args:
        handler: The handler whose parameter it is.
        name: The parameter's.
        why: The rest of a sentence that begins with both.
        cause: The reason, if it was raised. A name that is nowhere may be defined yet.
        taker: The provider whose parameter it is instead.
    """
    kind = UnresolvedError if isinstance(cause, NameError | AttributeError) else RouteError
    whose = name_of(handler)
    if taker is not None:
        whose = f"{name_of(taker)}, a provider for {whose},"
    return kind(f"{whose} has a parameter {name!r} {why}")


def refusal_of(
    route: Route,
    parameter: Parameter,
    why: str,
    cause: Exception | None = None,
    *,
    others: Iterable[Parameter] = (),
) -> RouteError:
    """Return the error for a parameter of a route's handler, or of a provider for it.

    It is an `UnprovidedError` where a provider further out could give the value.

    Args:
        route: The route.
        parameter: The parameter.
        why: As for `refusal`.
        cause: As for `refusal`.
        others: Parameters without which there would be nothing wrong.
    """
    error = refusal(route.handler, parameter.name, why, cause, taker=parameter.taker)
    if type(error) is RouteError and any(is_key(each.annotation) for each in (parameter, *others)):
        return UnprovidedError(f"{error}; or let an @app.provide above the handler give it")
    return error


def resolve_parameter(handler: Handler, raw: inspect.Parameter, names: Names) -> Any:
    """Return the annotation of a parameter, resolved; Any if it has none.

    Raises:
        UnresolvedError: A name is nowhere, or not yet.
        RouteError: It can't be an annotation.
    """
    try:
        return resolve(raw.annotation, names)
    except UNRESOLVED as error:
        why = f"whose annotation {raw.annotation!r} {why_unresolved(error)}"
        raise refusal(handler, raw.name, why, error) from error


def resolve_return(handler: Handler, names: Names) -> Any:
    """Return the annotation of what a handler returns, resolved; Any if it has none.

    Raises:
        UnresolvedError: A name in it is nowhere, or not yet: nobody would know what may go out.
        RouteError: It can't be an annotation.
    """
    annotation = inspect.signature(handler).return_annotation
    try:
        return resolve(annotation, names)
    except UNRESOLVED as error:
        kind = UnresolvedError if isinstance(error, NameError | AttributeError) else RouteError
        why = why_unresolved(error)
        raise kind(f"{name_of(handler)} returns {annotation!r:.80}, which {why}") from error


def resolve(annotation: Any, names: Names) -> Any:
    """Return an annotation in which no name is mere text.

    Raises:
        NameError, AttributeError: A name is nowhere, or not yet.
        SyntaxError, TypeError: It can't be an annotation.
    """
    given = Any if annotation is EMPTY else annotation
    holder: Any = SimpleNamespace(__annotations__={"it": given})
    return get_type_hints(holder, names, include_extras=True)["it"]


def why_unresolved(error: Exception) -> str:
    """Return that an annotation can't be resolved, and what to do about it."""
    return (
        f"can't be resolved ({error}): what it names has to be defined or imported at the top"
        " level of its module, and at run time"
    )


def is_key(annotation: Any) -> bool:
    """Tell whether an annotation can be a key: a class, or a union of classes, of the program's.

    No text is read as such a class, and it isn't one that every program has, such as ``dict``. A
    marker says by itself where a value comes from.
    """
    try:
        hash(annotation)
    except TypeError:  # of what stands beside its type in Annotated
        return False
    kinds = kinds_of(annotation)
    return bool(kinds) and not is_marked(annotation) and all(map(is_own, kinds))


def is_marked(annotation: Any) -> bool:
    """Tell whether an annotation says by itself where a value comes from."""
    return any(isinstance(each, Marker) for each in extras_of(annotation))


def is_near(annotation: Any, key: Any) -> bool:
    """Tell whether an annotation has a class of a key, or a parent or child of one.

    It may be mistaken for the key: who wants a user takes an administrator as well.
    """
    if is_marked(annotation):
        return False
    return any(is_akin(one, other) for one in kinds_of(annotation) for other in kinds_of(key))


def is_akin(one: Any, other: Any) -> bool:
    """Tell whether two bare annotations are equal, or of two classes that inherit one another."""
    if one == other:
        return True
    first, second = class_of(one), class_of(other)
    if first is second or not (is_own(one) and is_own(other)):
        return False
    return first in second.__mro__ or second in first.__mro__


def is_own(kind: Any) -> bool:
    """Tell whether the class of a bare annotation can be a key, alone or in a union."""
    found = class_of(kind)
    return (
        isinstance(found, type)
        and found not in BUILT_IN
        and found.__module__ not in GENERAL
        and not issubclass(found, TAKEN)
        and not is_plain_text(kind)
    )

"""The parameters of a handler that decorators stand around.

A decorator that uses `functools.wraps` leaves the function that it decorates as ``__wrapped__``.
The decorator takes the parameters that it names itself, and passes on by ``**kwargs`` all others
that this function takes.
"""

import inspect
from collections.abc import Collection, Iterator
from functools import partial, update_wrapper
from itertools import count
from types import FunctionType, MethodType
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary, WeakSet

from hump_trio.facts.callables import Handler, name_of
from hump_trio.facts.exceptions import RouteError
from hump_trio.handlers.parameter import EMPTY
from hump_trio.messages.request import Request

__all__ = [
    "DECORATED",
    "MOMENTS",
    "Added",
    "decorated_above",
    "layers_of",
    "middleware_of",
    "names_known",
    "parameters_taken",
    "unused_middleware",
    "with_middleware",
    "wrapped_by",
]

H = TypeVar("H", bound=Handler)

# The moment at which a verb's decorator, such as `Router.get`, has registered a function. A
# decorator that was made before that moment, and is called with the function after it, stands above
# the verb and would change nothing.
MOMENTS = count()
DECORATED: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
# The functions whose middleware no route has found so far.
UNUSED: WeakSet[Any] = WeakSet()

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
OWN = (inspect.Parameter.POSITIONAL_ONLY, *NAMED)


class Added(inspect.Parameter):
    """A parameter of a decorator's own, beside those of the function that it decorates."""


def wrapped_by(handler: Handler) -> Handler | None:
    """Return the function that a decorated one calls; None if it isn't known to call any."""
    wrapped: Handler | None = getattr(handler, "__wrapped__", None)
    return wrapped


def layers_of(handler: Handler) -> Iterator[Handler]:
    """Yield a handler and the functions that its decorators call, from the outside inwards."""
    layer: Handler | None = handler
    while layer is not None:
        yield layer
        layer = layer.func if isinstance(layer, partial) else wrapped_by(layer)


def names_known(handler: Handler) -> tuple[frozenset[str], dict[str, Any]]:
    """Return the names that partials give values for, and those that text annotations may use."""
    fixed: set[str] = set()
    names: dict[str, Any] = {}
    for layer in layers_of(handler):
        if isinstance(layer, partial):
            fixed.update(layer.keywords)
        else:
            function = layer if inspect.isroutine(layer) else type(layer).__call__
            names.update(getattr(inspect.unwrap(function), "__globals__", {}))
    return frozenset(fixed), names


def with_middleware(handler: H, middleware: Any) -> H:
    """Return a handler that does the same, with a middleware of its routes around what it has.

    It is another function, so that the one given can still be registered without. What it returns
    has the middleware as ``__route_middleware__``, which `functools.wraps` passes on outwards.
    """
    if isinstance(handler, MethodType):
        return cast(
            "H", MethodType(with_middleware(handler.__func__, middleware), handler.__self__)
        )
    around = (middleware, *getattr(handler, "__route_middleware__", ()))
    copy: Any
    if isinstance(handler, FunctionType):
        copy = FunctionType(
            *(handler.__code__, handler.__globals__, handler.__name__, handler.__defaults__),
            closure=handler.__closure__,
        )
        copy.__kwdefaults__ = handler.__kwdefaults__
        update_wrapper(copy, handler)
    else:
        copy = partial(handler)
    UNUSED.discard(handler)
    copy.__route_middleware__ = around
    UNUSED.add(copy)
    return cast("H", copy)


def middleware_of(handler: Handler) -> tuple[Any, ...]:
    """Return the middleware that decorators have put around a handler, the outermost first."""
    for layer in layers_of(handler):
        UNUSED.discard(getattr(layer, "__func__", layer))
    around = (getattr(layer, "__route_middleware__", ()) for layer in layers_of(handler))
    return next(filter(None, around), ())


def unused_middleware() -> list[str]:
    """Return the names of handlers whose middleware no route has found.

    A decorator without `functools.wraps` may hide it. So may a handler that isn't registered.
    """
    return sorted(f"{each.__module__}.{name_of(each)}" for each in UNUSED)


def decorated_above(handlers: Collection[Handler]) -> list[str]:
    """Return the names of handlers with a decorator above their verb, which has no effect.

    The verb's decorator has registered the function below it, while the name in the module stands
    for the whole. So only functions at the top level of a module are found.

    Args:
        handlers: The handlers of all routes. A handler that is decorated for another route on
            purpose isn't returned.
    """
    routed = {id(handler) for handler in handlers}
    names = []
    for handler in handlers:
        function = inspect.unwrap(handler)
        whole = getattr(function, "__globals__", {}).get(name_of(function))
        if (
            isinstance(whole, FunctionType)
            and id(whole) not in routed
            and any(layer is handler for layer in layers_of(whole))
        ):
            names.append(f"{function.__module__}.{name_of(function)}")
    return list(dict.fromkeys(names))  # it may have several routes


def parameters_taken(handler: Handler) -> list[inspect.Parameter]:
    """Return the parameters of a handler that can be given values, in order.

    Parameters that a decorator passes on by ``**kwargs`` are keyword-only. If a decorator gives
    values to some of them itself, its ``__signature__`` has those that are left.

    Raises:
        RouteError: A decorator has a parameter that can't be given a value.
    """
    if not any(map(wrapped_by, layers_of(handler))):
        return list(inspect.signature(handler).parameters.values())
    if isinstance(handler, partial):
        return parameters_taken(handler.func)[len(handler.args) :]
    if isinstance(handler, MethodType):
        this = next(iter(inspect.signature(inspect.unwrap(handler.__func__)).parameters), "")
        return [each for each in parameters_taken(handler.__func__) if each.name != this]
    wrapped = wrapped_by(handler)
    stated = getattr(handler, "__signature__", None)
    if stated is None or stated is getattr(wrapped, "__signature__", None):
        given = [] if wrapped is None else parameters_taken(wrapped)
    else:
        given = list(stated.parameters.values())
    own = own_parameters(handler, getattr(wrapped, "__annotations__", None))
    return given if own is None else joined(handler, own, given)


def own_parameters(handler: Handler, replaced: Any) -> list[inspect.Parameter] | None:
    """Return the parameters in the code of a decorated function; None if it has no code.

    Args:
        handler: The function, or an object of a class that has one.
        replaced: The annotations that `functools.wraps` has put over a function's own.
    """
    function = handler if inspect.isroutine(handler) else type(handler).__call__
    if not isinstance(function, FunctionType):
        return None
    bare = FunctionType(
        *(function.__code__, function.__globals__, function.__name__, function.__defaults__),
        closure=function.__closure__,
    )
    bare.__kwdefaults__ = function.__kwdefaults__
    if function is not handler or function.__annotations__ != replaced:
        bare.__annotations__ = function.__annotations__
    parameters = list(inspect.signature(bare).parameters.values())
    return parameters if function is handler else parameters[1:]


def joined(
    handler: Handler, own: list[inspect.Parameter], given: list[inspect.Parameter]
) -> list[inspect.Parameter]:
    """Return the parameters of a decorated function: those it names, and those it passes on.

    A name before a ``/`` keeps no parameter of that name from being passed on: there may be one
    request for the decorator, and one for the handler.

    Args:
        handler: The function.
        own: The parameters in its code.
        given: The parameters of the function that it calls.

    Raises:
        RouteError: A parameter has to be passed on, and can't be.
    """
    kinds = {each.kind for each in own}
    named = {each.name for each in own if each.kind in NAMED}
    apart = [each for each in given if each.name not in named or is_apart(each)]
    known = {each.name: each for each in given if each not in apart}
    found = [own_one(handler, each, known.get(each.name)) for each in own if each.kind in OWN]
    for each in apart:
        if each.kind is each.VAR_POSITIONAL or each.kind is each.VAR_KEYWORD:
            if each.kind in kinds:
                found.append(each)
        elif each.VAR_KEYWORD in kinds and each.kind is not each.POSITIONAL_ONLY:
            found.append(each.replace(kind=each.KEYWORD_ONLY))
        elif each.VAR_POSITIONAL in kinds:
            # Those before it go by position, too, and `Rules` refuses all but requests there.
            found = [before_it(other) for other in found]
            found.append(each.replace(kind=each.POSITIONAL_ONLY))
        elif each.VAR_KEYWORD in kinds:
            raise RouteError(
                f"a decorator of {name_of(handler)} passes on **kwargs alone, and what it decorates"
                f" takes {each.name!r} by position: let it pass on *args, too"
            )
    return sorted(found, key=lambda each: each.kind)


def own_one(
    handler: Handler, own: inspect.Parameter, given: inspect.Parameter | None
) -> inspect.Parameter:
    """Return a parameter that a decorated function names itself.

    Args:
        handler: The function.
        own: The parameter in its code.
        given: The parameter of that name of the function that it calls, if there is one.

    Raises:
        RouteError: The parameter's annotation is lost.
    """
    if given is not None:
        default = given.default if own.default is EMPTY else own.default
        annotation = given.annotation if own.annotation is EMPTY else own.annotation
        return type(given)(own.name, own.kind, default=default, annotation=annotation)
    annotation = own.annotation
    if annotation is EMPTY and own.default is EMPTY:
        if own.name != "request" and own.kind is not own.POSITIONAL_ONLY:
            raise RouteError(
                f"the decorator of {name_of(handler)} has a parameter {own.name!r}, whose"
                " annotation functools.wraps has replaced: call it request if it is the Request, or"
                " give what it returns a __signature__"
            )
        annotation = Request
    return Added(own.name, own.kind, default=own.default, annotation=annotation)


def is_apart(parameter: inspect.Parameter) -> bool:
    """Tell whether a parameter is a decorator's alone, whatever the names of others are."""
    return isinstance(parameter, Added) and parameter.kind is parameter.POSITIONAL_ONLY


def before_it(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return a parameter that is passed by position, if it can be."""
    if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
        return parameter
    return parameter.replace(kind=parameter.POSITIONAL_ONLY)

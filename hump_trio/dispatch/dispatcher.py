"""The dispatcher, which chooses a route for a request and makes the response of its handler.

The onion of middleware around each route is built once, and so is each refusal. An error that has
an answer becomes that answer inside the onion, so that middleware sees responses. An error that
has none passes through the onion and ends as a 500.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Any, cast

from hump_trio.dispatch.errors import (
    Handlers,
    answer_plainly,
    answer_unexpected,
    answer_within,
    choose_handler,
    convert_error,
    returned_by,
)
from hump_trio.dispatch.fold import Fold
from hump_trio.dispatch.head_first import before_looking, begins_at_head, first_to_look
from hump_trio.dispatch.stepped import Stepped, is_stepped
from hump_trio.dispatch.websockets import serve_websocket
from hump_trio.facts.exceptions import HttpException, StatusError, equal_error
from hump_trio.facts.loggers import logger
from hump_trio.facts.outcomes import Outcome
from hump_trio.handlers.decorated import decorated_above, unused_middleware
from hump_trio.handlers.endpoint import endpoint_of
from hump_trio.handlers.gate import Gate
from hump_trio.handlers.results import RESULTS
from hump_trio.handlers.signature_checks import check_elsewhere
from hump_trio.messages.access_record import Watching
from hump_trio.messages.choice import WEBSOCKET, Call, Choice
from hump_trio.messages.late_body import behind_body, behind_looks
from hump_trio.messages.negotiation import prefers_json
from hump_trio.messages.request import Request
from hump_trio.messages.response import (
    Response,
    error_response,
    own_copy,
    settle,
)
from hump_trio.messages.target import path_segments
from hump_trio.routing.guest import ANY, MOUNTED
from hump_trio.routing.layer import CallNext, Layer, Middleware
from hump_trio.routing.route import VERBS, Route, handler_name
from hump_trio.routing.table import RouteTable
from hump_trio.tasks.failures import is_failure
from hump_trio.websocket.handshake import UPGRADE_FIELDS

__all__ = ["Dispatcher"]

# The most refusals that are kept. The server's own errors are fewer, although there is a text for
# each limit of a body. Further ones are answered as well, but not kept.
REFUSAL_COUNT = 256


class Dispatcher:
    """Chooses and answers for one app, as the `Application` that its server knows.

    Args:
        app: The app, which requests carry as ``request.app``.
        table: The table of all routes.
        layer: The app's middleware and exception handlers, around every answer.
        enter_watchers: Enters what watches a request; None if nobody does.
    """

    def __init__(
        self,
        app: Any,
        table: RouteTable,
        layer: Layer | None = None,
        enter_watchers: Callable[[Request], Watching] | None = None,
    ) -> None:
        self.app: Any = app
        self.watched: bool = enter_watchers is not None
        self._enter_watchers = enter_watchers
        self._table = table
        self._layer = layer or Layer()
        self._handlers: Handlers = (self._layer.exception_handlers,)
        self._methods = frozenset({*VERBS, *table.methods, WEBSOCKET}) - MOUNTED
        self._any_method = ANY in table.methods  # somewhere, where an app is mounted
        self.static_paths: Sequence[tuple[str, str]] = tuple(
            (method, route.template)
            for route in table.routes
            for method in route.methods
            if not route.parameters and route.channel is None and route.guest is None
        )
        # The handlers' names, for the log.
        self._names: dict[tuple[str, str], str] = {
            (method, route.template): handler_name(route)
            for route in table.routes
            for method in route.methods
        }
        # Those of handlers that take credentials, found as their names are.
        self._gates: dict[tuple[str, str], Gate] = {}
        self._choices = {route: self._choice_of(route) for route in table.routes}
        if providers := [*self._layer.find_providers()]:
            for route in table.routes:
                check_elsewhere(route, endpoint_of(route).signature.reads, providers)
        self._refusals: dict[Any, Choice] = {}
        self._unknown_path = self.refuse(HttpException(404, "nothing is here"))
        self._unknown_method = self.refuse(
            HttpException(501, "this method is not implemented here")
        )
        self._not_asked_for = self.refuse(
            HttpException(426, "this path has a WebSocket alone", headers=UPGRADE_FIELDS)
        )
        self._every_method = self._description_of(tuple(sorted(self._methods - {WEBSOCKET})))
        # Two choices for paths without a route for the method, by the methods that they have: one
        # for OPTIONS, and one for any other method.
        self._other_methods: dict[tuple[str, ...], tuple[Choice, Choice]] = {}
        for name in decorated_above([route.handler for route in table.routes]):
            logger.warning("%s is served without the decorator that stands above its verb", name)
        for name in unused_middleware():
            what = "the @rate_limit of %s limits no route: does a decorator lack functools.wraps?"
            logger.warning(what, name)

    def choose(self, method: str, path: str) -> tuple[Choice, dict[str, Any]]:
        """Return what may happen with a request (see `Application.choose`)."""
        found = self._table.match_straight(path, method)
        if found is not None:
            route, path_params = found
            if route.guest is None:
                return self._choices[route], path_params
        is_known = method in self._methods
        # Many an app takes ``get`` for GET; it would be asked past the route that is for GET.
        if not is_known and not (self._any_method and method.upper() not in self._methods):
            return self._unknown_method, {}
        if path == "*":
            return self._unknown_path if method == WEBSOCKET else self._every_method, {}
        segments = path_segments(path)
        if found is None:
            match = self._table.match(segments, method)
            if match.route is not None:
                found = match.route, match.path_params
        if found is not None:
            route, path_params = found
            if route.guest is not None and ("//" in path or "%2" in path):
                plain = self._table.match(read_loosely(segments), method)
                if plain.route is not route:
                    return self._unknown_path, {}
            return self._choices[route], path_params
        if not is_known:
            return self._unknown_method, {}
        if not match.allowed:
            return self._unknown_path, {}
        if WEBSOCKET in match.allowed and method in ("GET", "HEAD"):
            return self._not_asked_for, {}
        described, refused = self._other_methods.get(match.allowed) or self._keep(match.allowed)
        return described if method == "OPTIONS" else refused, {}

    def _keep(self, allowed: tuple[str, ...]) -> tuple[Choice, Choice]:
        """Make and keep the choices for a path without a route for the method.

        Their number is bounded by the sets of methods that paths have.

        Args:
            allowed: The methods that the path has. One that has WebSockets takes GET.
        """
        shown = tuple(sorted({"GET" if each == WEBSOCKET else each for each in allowed}))
        allow = ", ".join(shown)
        error = HttpException(405, f"this path takes {allow}", headers={"allow": allow})
        choices = self._description_of(shown), self.refuse(error)
        self._other_methods[allowed] = choices
        return choices

    def refuse(self, error: StatusError) -> Choice:
        """Return the choice to answer with an error (see `Application.refuse`).

        Middleware and exception handlers see it as any other answer. A copy of the error is kept,
        and a handler gets a copy that is made for it: an error that was raised holds the frames
        that it went through, and so the request that it was raised for.
        """
        said = type(error), error.args
        choice = self._refusals.get(said)
        if choice is None:
            choice = self._refusal_of(equal_error(error))
            if len(self._refusals) < REFUSAL_COUNT:
                self._refusals[said] = choice
        return choice

    def _refusal_of(self, error: StatusError) -> Choice:
        handler, _ = choose_handler(error, self._handlers, [])
        if handler is answer_plainly and not self._layer.middleware:
            return Choice(self._watch(prepared(error)), {}, refused=True, fixed=True)

        async def answer(request: Request) -> Response:
            if request.outcome == "ok":
                request.outcome = "refused"
            response = await convert_error(request, equal_error(error), self._handlers)
            assert response is not None  # there is a handler for each of these errors
            return response

        return Choice(self._watch(self._onion(answer, None)), {}, refused=True)

    def _description_of(self, allowed: tuple[str, ...]) -> Choice:
        """Return the choice to answer OPTIONS with the methods that there are."""
        response = Response(None, 204, {"allow": ", ".join(allowed)})
        settle(response)
        fixed = not self._layer.middleware

        async def describe(request: Request) -> Response:
            return response if fixed else own_copy(response)

        return Choice(self._watch(self._onion(describe, None)), {}, refused=True, fixed=fixed)

    def _choice_of(self, route: Route) -> Choice:
        endpoint = endpoint_of(route, self._layer.stand_ins)
        call, results = endpoint.call, endpoint.results
        if endpoint.gate.takes_secrets:
            self._gates |= dict.fromkeys(
                [(method, route.template) for method in route.methods], endpoint.gate
            )
        body_limit, stream = route.body_limit, route.stream
        websocket = route.channel is not None
        if route.channel is not None:
            call = partial(serve_websocket, call, route.channel, handler_name(route))
        layers = (self._layer, *route.layers)
        takes_files = endpoint.signature.takes_files
        if takes_files:
            stream = True
        # An app that is mounted and has no stream to read takes forms with files at any path.
        holds_files = route.guest is not None and not route.guest.speaks
        if body_limit is ... and (takes_files or holds_files):
            body_limit = self.app.limits.upload_bytes
        speaks = route.guest is not None and route.guest.speaks and not websocket
        whole = not (stream or websocket or speaks)
        late_body = whole and begins_at_head(layers, endpoint.gate)
        if late_body:
            call = partial(behind_looks if first_to_look(layers) else behind_body, call)
        if not endpoint.gate.open:
            call = partial(endpoint.gate.call, call)
        if self._layer.middleware or any(
            layer.middleware or layer.exception_handlers for layer in route.layers
        ):
            render = None if websocket else results.render
            gate = endpoint.gate if late_body else None
            call = self._onion(call, render, route.layers, gate)
            results = RESULTS
        return Choice(
            self._watch(call),
            results.renderers,
            results.render,
            body_limit,
            route.timeout,
            stream,
            disconnect_grace=route.disconnect_grace,
            route=route.template,
            websocket=websocket,
            speaks=speaks,
            late_body=late_body,
        )

    def _watch(self, call: Call) -> Call:
        """Return a function that enters the watchers, and calls."""
        return partial(self._call_watched, call) if self.watched else call

    def _call_watched(self, call: Call, request: Request) -> Any:
        """Enter the watchers, but for a second answer to a request, and call.

        It is no coroutine function: what it returns is awaited.
        """
        if request.watching is None:
            self.watch(request)
        return call(request)

    def watch(self, request: Request) -> None:
        """Enter the watchers of a request (see `Application.watch`)."""
        assert self._enter_watchers is not None
        request.watching = self._enter_watchers(request)

    def _onion(
        self,
        call: Call,
        render: Callable[[Any], Response] | None,
        layers: tuple[Layer, ...] = (),
        gate: Gate | None = None,
    ) -> CallNext:
        """Return the onion around an endpoint.

        An error for which none of its layers has an answer goes on to `answer_error`.

        Args:
            call: The function in the middle.
            render: Makes a response of what that returns; None if it is one.
            layers: The layers of routers, which are within the app's; the outermost first.
            gate: Where the body is late: what the handler lets pass. A body is received before a
                middleware that may look at it.
        """
        layers = (self._layer, *layers)
        looks = None if gate is None else first_to_look(layers)
        handlers: Handlers = tuple(layer.exception_handlers for layer in reversed(layers))
        for index, layer in enumerate(reversed(layers)):
            within, answered = handlers[index:], False
            for stepped, group in groupby(reversed(layer.middleware), is_stepped):
                if stepped:
                    fold = cast("list[Stepped]", [*group])[::-1]
                    call = Fold(fold, call, render, within, answered=answered).run
                else:
                    call = call if render is None else partial(call_apart, call, render)
                    call = call if answered else partial(answer_within, call, within)
                    for each in group:
                        call = partial(run_middleware, each, call)
                        call = partial(answer_within, call, within)
                        if gate is not None and each is looks:
                            call = partial(before_looking, gate, call)
                render, answered = None, True
            # Without middleware no code has to see errors as answers: 0.3 µs less a request.
            if not answered and layer.exception_handlers and layer is not self._layer:
                call = call if render is None else partial(call_apart, call, render)
                call, render = partial(answer_within, call, within), None
        return call

    async def respond(self, choice: Choice, request: Request) -> Response:
        """Return the settled answer to a request (see `Application.respond`)."""
        try:
            response = choice.render(await choice.call(request))
            if response.__depends_on_request__:
                response = await response.__resolve__(request)
            settle(response)
        except BaseException as error:
            if not is_failure(error):
                raise
            return await self.answer_error(request, error)
        return response

    async def answer_error(self, request: Request, error: BaseException) -> Response:
        """Return the answer for a failure; a 500 is logged with its traceback."""
        method = request.method if request.channel is None else WEBSOCKET
        names, gates, route = self._names, self._gates, request.route
        gate = gates.get((method, route)) or gates.get((ANY, route))
        if gate is not None:  # the first part of a stream is made when its handler has returned
            error = gate.asking(error)
        try:
            response = await convert_error(request, error, self._handlers)
            if response is not None:
                settle(response)
                return response
        except Exception as failure:
            error = failure
        handler = names.get((method, route)) or names.get((ANY, route), "")
        return answer_unexpected(request, error, handler)


def prepared(error: StatusError) -> CallNext:
    """Return a function that answers an error which no middleware and no handler sees.

    Two answers, one of text and one of JSON, are made once and serve all requests: no code of the
    app's could change them.
    """
    text, problem = error_response(error), error_response(error, "application/json")
    settle(text)
    settle(problem)
    own = error.outcome if isinstance(error, HttpException) else None
    outcome: Outcome = own or "refused"

    async def answer(request: Request) -> Response:
        if own is not None or request.outcome == "ok":
            request.outcome = outcome
        # `Request.headers` isn't made yet, and making it would take longer than all the rest.
        accept = [value for name, value in request.received_fields if name == "accept"]
        return problem if accept and prefers_json(", ".join(accept)) else text

    return answer


def read_loosely(segments: list[str]) -> list[str]:
    """Return the segments of a path as apps find them that get it decoded, and as one text.

    An escaped slash is a slash to them, and to some several slashes are one. No path reaches such
    an app that another route has, and its middleware, if the path is read so.

    Args:
        segments: The decoded segments; the first one is the empty one before the first slash.
    """
    *inner, last = "/".join(segments).split("/")
    return ["", *filter(None, inner), last]


async def call_apart(call: Call, render: Callable[[Any], Response], request: Request) -> Response:
    """Make an answer that middleware may change, however often its handler returns it."""
    value = await call(request)
    response = render(value)
    if response is value:
        response = own_copy(response)
    return await response.__resolve__(request) if response.__depends_on_request__ else response


async def run_middleware(middleware: Middleware, respond: CallNext, request: Request) -> Response:
    """Run one layer of the onion."""
    response = returned_by(middleware, await middleware(request, respond))
    return await response.__resolve__(request) if response.__depends_on_request__ else response

"""Traces and figures of requests for OpenTelemetry, by its stable conventions for HTTP servers.

They are watchers: ``app.watch(trace())`` and ``app.watch(measure())``. It takes the extra
``opentelemetry``, which is the API alone: what is done with spans and figures, a program decides by
the SDK. It must not know the server.

Source: OpenTelemetry's semantic conventions for HTTP spans and metrics, 1.23 and later.
"""

import re
from collections.abc import Generator, Mapping
from importlib.metadata import version
from typing import Any

from hump_trio.dispatch.watchers import Watcher
from hump_trio.facts.grammar import known_method
from hump_trio.messages.access_record import AccessRecord, Ended
from hump_trio.messages.request import Request, values_of

try:
    from opentelemetry import context, metrics, propagate
    from opentelemetry import trace as tracing
    from opentelemetry.propagators.textmap import Getter
    from opentelemetry.util.types import AttributeValue
except ImportError as _missing:
    raise ImportError(
        "hump_trio.opentelemetry needs opentelemetry-api: pip install 'hump-trio[opentelemetry]'",
        name=_missing.name,
    ) from _missing

__all__ = ["measure", "trace"]

NAME, VERSION = "hump_trio", version("hump-trio")
# Names of a query whose values are keys to something, which the conventions keep back.
SECRET = re.compile(r"((?:^|&)(?:AWSAccessKeyId|Signature|sig|X-Goog-Signature)=)[^&]*")
# Outcomes that are the server's fault, whatever the status says.
FAULTS = frozenset({"crash", "deadline", "shutdown"})
BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]


class FieldGetter(Getter[Request]):
    """Reads the fields of a request, in which a caller tells of its trace."""

    def get(self, carrier: Request, key: str) -> list[str] | None:
        """Return the values of a field; None if there is none."""
        return values_of(carrier, key.lower()) or None

    def keys(self, carrier: Request) -> list[str]:
        """Return the names of all fields."""
        return list(dict.fromkeys(name for name, _ in carrier.headers.items()))


def trace(tracer_provider: tracing.TracerProvider | None = None) -> Watcher:
    """Return a watcher with a span for each request, from before its handler to its answer's end.

    The span is the current one in middleware, handler, the nurseries that they open, and a streamed
    body. Its parent is the caller's span, if the fields of the request name one in a form that the
    program's propagators know (``traceparent`` of W3C by default).

    Its name is the method and the route, such as ``GET /items/{item}``. ``error.type`` is the
    outcome of the access log, where that isn't ``"ok"`` or ``"refused"``, or the status from 500
    on. What a program has failed with is an event of the span.

    Args:
        tracer_provider: Whose span it is; None: the program's own.
    """
    tracer = tracing.get_tracer(NAME, VERSION, tracer_provider)
    getter = FieldGetter()

    def watch(request: Request) -> Generator[None, Ended, None]:
        span = tracer.start_span(
            name_of_span(request),
            propagate.extract(request, getter=getter),
            tracing.SpanKind.SERVER,
            describe(request),
        )
        token = context.attach(tracing.set_span_in_context(span))
        try:
            ended = yield
        finally:
            context.detach(token)
        if span.is_recording():
            finish(span, request, ended)
        span.end()

    return watch


def measure(meter_provider: metrics.MeterProvider | None = None) -> Watcher:
    """Return a watcher that counts requests in flight, and how long they take.

    These are ``http.server.active_requests`` and ``http.server.request.duration``, in seconds, by
    method, scheme, and for the latter route, status, version and ``error.type`` (see `trace`). A
    WebSocket is in flight until it has closed, and takes as long.

    Args:
        meter_provider: Whose figures they are; None: the program's own.
    """
    meter = metrics.get_meter(NAME, VERSION, meter_provider)
    active = meter.create_up_down_counter(
        "http.server.active_requests", "{request}", "Requests in flight."
    )
    duration = meter.create_histogram(
        "http.server.request.duration",
        "s",
        "How long requests take.",
        explicit_bucket_boundaries_advisory=BUCKETS,
    )

    def watch(request: Request) -> Generator[None, Ended, None]:
        shown: dict[str, AttributeValue] = {
            "http.request.method": known_method(request.method),
            "url.scheme": request.scheme,
        }
        active.add(1, shown)
        try:
            ended = yield
        finally:
            active.add(-1, shown)
        access = ended.access
        shown = {**shown, **facts_of(access), "network.protocol.version": access.http_version}
        duration.record(access.seconds, shown)

    return watch


def name_of_span(request: Request) -> str:
    """Return the name of a request's span, of which there are few."""
    known = known_method(request.method) == request.method
    method = request.method if known else "HTTP"
    return f"{method} {request.route}" if request.route else method


def describe(request: Request) -> dict[str, AttributeValue]:
    """Return what is known of a request at its beginning, by which it may be sampled."""
    method = known_method(request.method)
    shown: dict[str, AttributeValue] = {
        "http.request.method": method,
        "url.path": request.path,
        "url.scheme": request.scheme,
        "network.protocol.version": request.http_version,
    }
    if method != request.method:
        shown["http.request.method_original"] = request.method
    if request.query_string:
        shown["url.query"] = SECRET.sub(r"\1REDACTED", request.query_string)
    if request.route:
        shown["http.route"] = request.route
    if request.client is not None:
        shown["network.peer.address"], shown["network.peer.port"] = request.client
    agents = values_of(request, "user-agent")
    if agents:
        shown["user_agent.original"] = agents[0]
    return shown


def finish(span: tracing.Span, request: Request, ended: Ended) -> None:
    """Note what is known of a request at its end; middleware may have corrected where it is from.

    Args:
        span: The request's.
        request: The request.
        ended: How it has ended.
    """
    access = ended.access
    span.set_attributes({**facts_of(access), **place_of(request)})
    if access.client is not None:
        span.set_attribute("client.address", access.client[0])
    if ended.error is not None:
        span.record_exception(ended.error)
    if access.status >= 500 or access.outcome in FAULTS:
        span.set_status(tracing.StatusCode.ERROR)


def place_of(request: Request) -> Mapping[str, AttributeValue]:
    """Return the scheme, and the host and port that a client has asked for."""
    shown: dict[str, AttributeValue] = {"url.scheme": request.scheme}
    host, colon, port = request.host.rpartition(":")
    if not colon or not port.isdecimal():
        host, port = request.host, ""
    if host:
        shown["server.address"] = host
        shown["server.port"] = int(port) if port else 443 if request.scheme == "https" else 80
    return shown


def facts_of(access: AccessRecord) -> Mapping[str, Any]:
    """Return the route, the status and the error of a request that is over, where it has them."""
    shown: dict[str, AttributeValue] = {}
    if access.route:
        shown["http.route"] = access.route
    if access.status:
        shown["http.response.status_code"] = access.status
    if access.outcome not in ("ok", "refused"):
        shown["error.type"] = access.outcome
    elif access.status >= 500:
        shown["error.type"] = str(access.status)
    return shown

"""Spans and figures of requests, as OpenTelemetry's SDK and a collector have them."""

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx2
import pytest
import trio
from opentelemetry import propagate
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from trio.testing import MockClock

from hump_trio import (
    Forwarded,
    Headers,
    Hump,
    Request,
    Timeouts,
    WebSocket,
)
from hump_trio.opentelemetry import FieldGetter, measure, trace
from hump_trio.testing import client, connect, websocket
from tests.support.endings import endings
from tests.support.loopback import served
from tests.support.wire import request

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    """An app with a span for each request.

    Attributes:
        app: Itself.
        provider: Whose spans they are.
        exporter: Has those that have ended.
    """

    def __init__(self) -> None:
        self.app = Hump(timeouts=Timeouts(handler=5))
        self.provider = TracerProvider()
        self.exporter = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("tests")
        self.app.watch(trace(self.provider))

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """The spans that have ended, by their names."""
        return {span.name: span for span in self.exporter.get_finished_spans()}


def parent_of(span: ReadableSpan) -> int | None:
    """Return the id of a span's parent."""
    return None if span.parent is None else span.parent.span_id


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    """Return the attributes of a span."""
    return dict(span.attributes or {})


async def test_all_that_a_request_does_is_within_its_span() -> None:
    """Nurseries, threads, background work, and a streamed body, whose spans' parent it is."""
    traced = Traced()
    app, tracer = traced.app, traced.tracer
    sent: dict[str, str] = {}

    async def work(name: str) -> None:
        with tracer.start_as_current_span(name):
            await trio.lowlevel.checkpoint()

    @app.get("/items/{number:int}")
    async def show(number: int) -> AsyncIterator[str]:
        propagate.inject(sent)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work, "child")
        await trio.to_thread.run_sync(lambda: tracer.start_span("thread").end())
        app.start_soon(work, "background")

        async def body() -> AsyncIterator[str]:
            with tracer.start_as_current_span("stream"):
                yield "a"

        async for part in body():
            yield part

    async with client(app) as http:
        assert (await http.get("/items/7", headers={"traceparent": CALLER})).text == "a"
    whole = traced.spans["GET /items/{number:int}"]
    assert format(whole.context.trace_id, "032x") == CALLER.split("-")[1]
    assert parent_of(whole) == int(CALLER.split("-")[2], 16)
    for name in ("child", "thread", "background", "stream"):
        assert parent_of(traced.spans[name]) == whole.context.span_id
    assert sent["traceparent"].split("-")[2] == format(whole.context.span_id, "016x")
    stream = traced.spans["stream"]
    assert whole.end_time is not None
    assert stream.end_time is not None
    assert whole.end_time >= stream.end_time


async def test_a_request_without_a_caller_begins_a_trace() -> None:
    """Also one that names its caller wrongly, and the next one on the connection."""
    traced = Traced()
    async with client(traced.app) as http:
        for value in ("tea", CALLER[:-4]):
            await http.get("/", headers={"traceparent": value})
    assert len(traced.exporter.get_finished_spans()) == 2
    assert {parent_of(span) for span in traced.exporter.get_finished_spans()} == {None}


@pytest.mark.parametrize(
    ("method", "path", "name", "shown", "status"),
    [
        ("GET", "/?a=1&sig=s&Signature=t", "GET /",
         {"url.path": "/", "url.query": "a=1&sig=REDACTED&Signature=REDACTED",
          "http.response.status_code": 200, "http.route": "/", "server.address": "a",
          "server.port": 80, "network.protocol.version": "1.1"}, "UNSET"),
        ("BREW", "/", "HTTP",
         {"http.request.method": "_OTHER", "http.request.method_original": "BREW",
          "http.response.status_code": 501, "error.type": "501"}, "ERROR"),
        ("GET", "/nothing", "GET", {"http.response.status_code": 404}, "UNSET"),
        ("GET", "/gone", "GET /gone", {"http.response.status_code": 410}, "UNSET"),
        ("GET", "/failing", "GET /failing",
         {"http.response.status_code": 500, "error.type": "crash"}, "ERROR"),
        ("GET", "/breaking", "GET /breaking",
         {"http.response.status_code": 200, "error.type": "crash"}, "ERROR"),
        ("GET", "/busy", "GET /busy",
         {"http.response.status_code": 503, "error.type": "503"}, "ERROR"),
        ("GET", "/late", "GET /late",
         {"http.response.status_code": 503, "error.type": "deadline"}, "ERROR"),
    ],
)  # fmt: skip
async def test_what_a_span_says(
    method: str,
    path: str,
    name: str,
    shown: dict[str, Any],
    status: str,
    autojump_clock: MockClock,
) -> None:
    """By the conventions: names that are few, statuses, and errors that are the server's fault."""
    traced = Traced()
    traced.app.include(endings)
    async with connect(traced.app) as connection:
        await connection.send(request(method, path, "User-Agent: tests"))
        await trio.sleep(10)
    [span] = traced.spans.values()
    assert span.name == name
    found = attributes_of(span)
    assert found | shown == found
    assert found["user_agent.original"] == "tests"
    assert ("error.type" in found) == ("error.type" in shown)
    assert span.status.status_code.name == status
    assert [event.name for event in span.events] == (
        ["exception"] if found.get("error.type") == "crash" else []
    )


async def test_a_client_that_leaves_and_a_websocket(autojump_clock: MockClock) -> None:
    """Neither is a fault; the span of a WebSocket lasts as long as that."""
    traced = Traced()
    app = traced.app

    @app.get("/slow")
    async def slow() -> str:
        await trio.sleep(4)
        return "slow"

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        async for message in socket:
            await socket.send(message)

    async with connect(app) as connection:
        await connection.send(request("GET", "/slow"))
        await trio.sleep(1)
        connection.reset()
        await trio.sleep(1)
    left = traced.spans["GET /slow"]
    assert attributes_of(left)["error.type"] == "client-gone"
    assert "http.response.status_code" not in attributes_of(left)
    assert left.status.status_code.name == "UNSET"
    async with websocket(app, "/echo") as socket:
        await socket.send("tea")
        assert await socket.receive() == "tea"
        assert "GET /echo" not in traced.spans
    [talk] = [span for name, span in traced.spans.items() if name.endswith(" /echo")]
    assert "error.type" not in attributes_of(talk)


async def test_where_a_request_is_from_is_what_middleware_has_found_out() -> None:
    """And next to that, who has connected."""
    traced = Traced()
    app = traced.app
    app.host, app.port = "127.0.0.1", 0
    app.middleware(Forwarded(proxies=["127.0.0.1"], fields=["x-forwarded-for"]))

    @app.get("/")
    async def index(request: Request) -> str:
        request.scheme, request.host = "https", "[2001:db8::1]"
        return "hello"

    async with served(app), httpx2.AsyncClient() as http:
        await http.get(app.addresses[0], headers={"x-forwarded-for": "192.0.2.7"})
    found = attributes_of(traced.spans["GET /"])
    shown = {
        "url.scheme": "https",
        "server.address": "[2001:db8::1]",
        "server.port": 443,
        "client.address": "192.0.2.7",
        "network.peer.address": "127.0.0.1",
    }
    assert found | shown == found


async def test_a_request_that_names_no_host_has_no_server_address() -> None:
    """As HTTP/1.0 may; and a port is shown as it was asked for."""
    traced = Traced()
    async with connect(traced.app) as connection:
        await connection.send(b"GET /1 HTTP/1.0\r\n\r\n")
        await connection.receive()
    async with client(traced.app, base_url="http://tea:8342") as http:
        await http.get("/2")
    without, named = map(attributes_of, traced.exporter.get_finished_spans())
    assert "server.address" not in without
    assert (named["server.address"], named["server.port"]) == ("tea", 8342)


def test_propagators_find_the_names_of_fields() -> None:
    """Each once."""
    asked = Request("GET", "/", "/", Headers([("a", "1"), ("b", "2"), ("a", "3")]))
    assert FieldGetter().keys(asked) == ["a", "b"]
    assert FieldGetter().get(asked, "A") == ["1", "3"]


async def test_a_span_that_is_not_recorded_costs_no_more() -> None:
    """It is the parent of others all the same."""
    provider = TracerProvider(sampler=ALWAYS_OFF)
    app = Hump()
    app.watch(trace(provider))

    @app.get("/")
    async def index() -> dict[str, str]:
        sent: dict[str, str] = {}
        propagate.inject(sent)
        return sent

    async with client(app) as http:
        sent = (await http.get("/", headers={"traceparent": CALLER})).json()
    assert sent["traceparent"].split("-")[1] == CALLER.split("-")[1]
    assert sent["traceparent"].endswith("-00")


async def test_figures_are_by_method_route_status_and_error(autojump_clock: MockClock) -> None:
    """Their sums are those of the requests; what is in flight comes to nothing again."""
    reader = InMemoryMetricReader()
    app = Hump()
    app.watch(measure(MeterProvider([reader])))

    @app.get("/naps/{seconds:int}")
    async def nap(seconds: int) -> str:
        await trio.sleep(seconds)
        return "rested"

    async with client(app) as http:
        for path in ("/naps/1", "/naps/2", "/nothing"):
            await http.get(path)
    figures = reader.get_metrics_data()
    assert figures is not None
    [resource] = json.loads(figures.to_json())["resource_metrics"]
    [scope] = resource["scope_metrics"]
    points = {each["name"]: each["data"]["data_points"] for each in scope["metrics"]}
    [active] = points["http.server.active_requests"]
    assert active["value"] == 0
    assert active["attributes"] == {"http.request.method": "GET", "url.scheme": "http"}
    naps, nothing = points["http.server.request.duration"]
    assert (naps["count"], round(naps["sum"]), naps["max"] < 2.5) == (2, 3, True)
    assert naps["attributes"].pop("network.protocol.version") in ("1.1", "2")
    assert naps["attributes"] == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/naps/{seconds:int}",
        "url.scheme": "http",
    }
    assert nothing["attributes"]["http.response.status_code"] == 404
    assert naps["explicit_bounds"][:2] == [0.005, 0.01]


async def test_a_collector_gets_what_was_traced() -> None:
    """By OTLP, over HTTP, from a thread of the SDK's."""
    received: list[ExportTraceServiceRequest] = []
    collector = Hump("127.0.0.1", 0)

    @collector.post("/v1/traces")
    async def collect(request: Request) -> bytes:
        received.append(ExportTraceServiceRequest.FromString(request.body))
        return b""

    traced = Traced()

    @traced.app.get("/")
    async def index() -> str:
        return "hello"

    async with served(collector):
        url = f"{collector.addresses[0]}/v1/traces"
        processor = BatchSpanProcessor(OTLPSpanExporter(url))
        traced.provider.add_span_processor(processor)
        async with client(traced.app) as http:
            await http.get("/")
        await trio.to_thread.run_sync(partial(processor.force_flush, 20_000))
        await trio.to_thread.run_sync(processor.shutdown)
    [message] = received
    [span] = message.resource_spans[0].scope_spans[0].spans
    assert (span.name, span.kind) == ("GET /", 2)
    assert message.resource_spans[0].scope_spans[0].scope.name == "hump_trio"

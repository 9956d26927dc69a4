"""The figures of an app, as a scrape has them."""

from collections.abc import AsyncIterator

import pytest
import trio
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Limits, WebSocket
from hump_trio.prometheus import Metrics
from hump_trio.testing import client, connect, websocket
from tests.support.wire import request

LABELS = ("method", "route", "status", "outcome", "phase", "le")


def read(text: str) -> dict[str, float]:
    """Return the samples of a text, by the name and the values of the labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            values = [each.labels[label] or "-" for label in LABELS if label in each.labels]
            found[" ".join([each.name, *values])] = each.value
    return found


def app_of(limits: Limits | None = None) -> Hump:
    """Return an app that is measured, with its figures at ``/metrics``."""
    app = Hump(limits=limits)
    metrics = app.watch(Metrics(CollectorRegistry()))
    app.get("/metrics")(metrics.scrape)

    @app.get("/naps/{seconds:int}")
    async def nap(seconds: int) -> AsyncIterator[str]:
        yield "good night"
        await trio.sleep(seconds)

    @app.get("/fails")
    async def fail() -> None:
        raise LookupError("tea")

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        async for message in socket:
            await socket.send(message)

    return app


async def scrape(app: Hump) -> dict[str, float]:
    """Return the figures of an app, each of which a client may make up."""
    async with client(app) as http:
        return read((await http.get("/metrics")).text)


DURATION = "http_server_request_duration_seconds"


async def test_requests_are_counted_by_route_method_status_and_outcome(
    autojump_clock: MockClock,
) -> None:
    """Streams to their end; a client can make up neither methods nor routes."""
    app = app_of()
    async with connect(app) as connection:
        for head in (
            request("GET", "/naps/2"),
            request("GET", "/naps/4"),
            request("GET", "/nothing/7"),
            request("GET", "/fails"),
        ):
            await connection.send(head)
            await trio.sleep(5)
    async with connect(app) as connection:
        await connection.send(request("BREW", "/nothing"))
        await wait_all_tasks_blocked()
    found = await scrape(app)
    assert found[f"{DURATION}_count GET /naps/{{seconds:int}} 200 ok"] == 2
    assert found[f"{DURATION}_sum GET /naps/{{seconds:int}} 200 ok"] == pytest.approx(6, abs=0.1)
    assert found[f"{DURATION}_bucket GET /naps/{{seconds:int}} 200 ok 2.5"] == 1
    assert found[f"{DURATION}_bucket GET /naps/{{seconds:int}} 200 ok 5.0"] == 2
    assert found[f"{DURATION}_count GET - 404 refused"] == 1
    assert found[f"{DURATION}_count GET /fails 500 crash"] == 1
    assert found[f"{DURATION}_count _OTHER - 501 refused"] == 1
    assert found["hump_trio_outcomes_total ok"] == 2
    assert found["hump_trio_outcomes_total shed"] == 0


@pytest.mark.http1_only("a WebSocket over HTTP/2 is no connection of its own")
async def test_the_server_is_seen(autojump_clock: MockClock) -> None:
    """Connections by phase, and what is in flight, the scrape itself included."""
    app = app_of()
    async with connect(app) as one, connect(app) as two, connect(app) as idle:
        await one.send(request("GET", "/naps/9"))
        await two.send(request("GET", "/na"))
        await two.receive()
        await idle.send(b"GET / HT")
        async with websocket(app, "/echo") as socket:
            await socket.send("tea")
            await socket.receive()
            await wait_all_tasks_blocked()
            found = await scrape(app)
    assert found["hump_trio_connections send"] == 1
    assert found["hump_trio_connections idle"] == 1
    assert found["hump_trio_connections head"] == 1
    assert found["hump_trio_connections open"] == 1
    assert found["hump_trio_connections body"] == 0
    assert found["hump_trio_websockets"] == 1
    assert found["hump_trio_http2_streams"] == 0
    assert found["hump_trio_buffered_bytes"] == 0
    assert found["hump_trio_accepted_connections_total"] == 5
    assert found["http_server_active_requests GET /naps/{seconds:int}"] == 1
    assert found["http_server_active_requests GET /metrics"] == 1
    assert found["http_server_active_requests GET -"] == 0
    assert "hump_trio_loop_turn_seconds_count" in found


async def test_what_a_limit_refuses_is_shed(autojump_clock: MockClock) -> None:
    """By the outcome."""
    app = app_of(Limits(requests=1))
    async with connect(app) as one:
        await one.send(request("GET", "/naps/9"))
        await wait_all_tasks_blocked()
        async with connect(app) as two:
            await two.send(request("GET", "/naps/9"))
            assert b"503" in await two.receive()
        await trio.sleep(10)
        found = await scrape(app)
    assert found["hump_trio_outcomes_total shed"] == 1
    assert (
        sum(v for k, v in found.items() if k.startswith(f"{DURATION}_count") and "shed" in k) == 1
    )


async def test_counters_never_fall_when_an_app_is_served_again(autojump_clock: MockClock) -> None:
    """They go on; without a server there are no gauges, and the loop isn't watched."""
    app, registry = Hump(), CollectorRegistry()
    metrics = app.watch(Metrics(registry))
    own = Counter("teas", "Cups.", registry=registry)
    own.inc(2)

    @app.get("/")
    async def index() -> str:
        return "hello"

    def figures() -> dict[str, float]:
        families = list(metrics.collect())
        return {
            each.name + each.labels.get("outcome", ""): each.value
            for family in families
            for each in family.samples
        }

    for count in (1, 2):
        async with client(app) as http:
            await http.get("/")
            during = figures()
        after = figures()
        for found in (during, after):
            assert found["hump_trio_accepted_connections_total"] == count
            assert found["hump_trio_outcomes_totalok"] == count
            assert found[f"{DURATION}_countok"] == count
            assert found["teas_total"] == 2
        assert "hump_trio_websockets" in during
        assert "hump_trio_websockets" not in after
        await trio.sleep(1)
        assert (
            figures()["hump_trio_loop_turn_seconds_count"]
            == after["hump_trio_loop_turn_seconds_count"]
        )


async def test_apps_do_not_share_metrics() -> None:
    """Their gauges would be mixed up, so the second one doesn't start."""
    metrics = Metrics(None)
    one, two = Hump(), Hump()
    one.watch(metrics)
    two.watch(metrics)
    async with client(one) as http:
        with pytest.raises(RuntimeError, match="give each its own"):
            async with client(two):
                pass
        assert (await http.get("/")).status_code == 404
    assert DURATION in {family.name for family in metrics.collect()}

"""The figures of one app: what a watcher counts, and what the server tells when it is asked."""

from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any, get_args

import trio
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from hump_trio.app import Hump
from hump_trio.facts.grammar import known_method
from hump_trio.facts.outcomes import Outcome
from hump_trio.messages.access_record import Ended
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.prometheus.exposition import expose
from hump_trio.prometheus.loop_watch import LoopWatch
from hump_trio.prometheus.tally import Tally
from hump_trio.server.phases import RULES
from hump_trio.server.statistics import ServerStatistics

__all__ = ["Metrics"]

# Those that OpenTelemetry's conventions for HTTP advise.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
# All of them are shown from the start, so that a rate knows the first one.
PHASES = tuple(dict.fromkeys(rule.word for rule in RULES.values()))
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class Metrics(Collector):
    """A watcher whose figures Prometheus scrapes: ``metrics = app.watch(Metrics())``.

    Serve them by ``app.get("/metrics")(metrics.scrape)``, or by ``--metrics-bind`` of the command
    line, which sums the workers. They are

    - ``http_server_request_duration_seconds`` by method, route, status and outcome of the access
      log: a histogram. A WebSocket takes until it has closed;
    - ``http_server_active_requests`` by method and route;
    - ``hump_trio_connections`` by phase, ``hump_trio_websockets``, ``hump_trio_http2_streams`` and
      ``hump_trio_buffered_bytes`` (see `ServerStatistics`);
    - ``hump_trio_accepted_connections_total``;
    - ``hump_trio_outcomes_total`` by outcome, where bytes that were no request count as well;
      ``shed`` are those that a limit has refused;
    - ``hump_trio_loop_turn_seconds``: a histogram of how long turns of Trio's loop kept all else
      waiting;
    - and what the program counts by prometheus_client itself.

    Methods that nobody knows are ``_OTHER``. There is nothing that a client could make up.

    Args:
        registry: Holds the program's own figures; None: there are none.
    """

    def __init__(self, registry: CollectorRegistry | None = REGISTRY) -> None:
        self._registry = registry
        self._durations: dict[tuple[str, str, int, Outcome], Tally] = {}
        self._loop = LoopWatch()
        self._app: Hump[Any] | None = None  # while it is served
        self._accepted = 0  # connections, and outcomes, of servings that are over
        self._outcomes: Counter[Outcome] = Counter()

    def __call__(self, request: Request) -> Generator[None, Ended, None]:
        """Watch a request."""
        access = (yield).access
        key = (known_method(access.method), access.route, access.status, access.outcome)
        tally = self._durations.get(key)
        if tally is None:
            tally = self._durations[key] = Tally(BOUNDS)
        tally.add(access.seconds)

    @asynccontextmanager
    async def lifespan(self, app: Hump[Any]) -> AsyncIterator[None]:
        """Measure an app while it is served, from its start to its end.

        Raises:
            RuntimeError: Another app has it, too.
        """
        if self._app is not None:
            raise RuntimeError("two apps share one Metrics: give each its own")
        self._app = app
        trio.lowlevel.add_instrument(self._loop)
        try:
            yield
        finally:
            trio.lowlevel.remove_instrument(self._loop)
            last = app.statistics()
            self._app = None
            self._accepted += last.connection_count
            self._outcomes.update(last.outcomes)

    async def scrape(self, request: Request) -> Response:
        """Answer a scrape; register it as in ``app.get("/metrics")(metrics.scrape)``."""
        return expose(self, request)

    def collect(self) -> Iterator[Metric]:
        """Yield all figures, the program's own among them.

        Call it in Trio's thread. While the app isn't served there are no gauges.
        """
        now = None if self._app is None else self._app.statistics()
        yield self._show_durations()
        yield from self._show_counters(now)
        if now is not None:
            yield from self._show_gauges(now)
        if self._registry is not None:
            yield from self._registry.collect()

    def _show_durations(self) -> Metric:
        family = HistogramMetricFamily(
            "http_server_request_duration_seconds",
            "How long requests took, from the head to the last byte of the answer.",
            labels=["method", "route", "status", "outcome"],
        )
        for (method, route, status, outcome), tally in self._durations.items():
            tally.show(family, [method, route, str(status), outcome])
        return family

    def _show_counters(self, now: ServerStatistics | None) -> Iterator[Metric]:
        accepted, outcomes = self._accepted, Counter(self._outcomes)
        if now is not None:
            accepted += now.connection_count
            outcomes.update(now.outcomes)
        yield CounterMetricFamily(
            "hump_trio_accepted_connections", "Connections that were accepted.", accepted
        )
        ended = CounterMetricFamily(
            "hump_trio_outcomes", "How requests have ended, and what was none.", labels=["outcome"]
        )
        for outcome in OUTCOMES:
            ended.add_metric([outcome], outcomes[outcome])
        yield ended
        turns = HistogramMetricFamily(
            "hump_trio_loop_turn_seconds", "How long a turn of the loop kept all else waiting."
        )
        self._loop.turns.show(turns)
        yield turns

    def _show_gauges(self, now: ServerStatistics) -> Iterator[Metric]:
        # Those that have been seen are zero afterwards, or a graph would end on the last value.
        active = Counter(dict.fromkeys(((key[0], key[1]) for key in self._durations), 0))
        active.update((known_method(each.method), each.route) for each in now.requests)
        yield gauge_of(
            "http_server_active_requests",
            "Requests in flight.",
            ["method", "route"],
            active.items(),
        )
        connections = (((phase,), now.connections.get(phase, 0)) for phase in PHASES)
        yield gauge_of(
            "hump_trio_connections", "Open connections, by phase.", ["phase"], connections
        )
        yield gauge_of("hump_trio_websockets", "Open WebSockets.", [], [((), now.websockets)])
        yield gauge_of("hump_trio_http2_streams", "Open HTTP/2 streams.", [], [((), now.streams)])
        held = [((), now.buffered_bytes)]
        yield gauge_of("hump_trio_buffered_bytes", "Bytes of bodies held for handlers.", [], held)


def gauge_of(
    name: str,
    text: str,
    labels: list[str],
    values: Iterable[tuple[tuple[str, ...], float]],
) -> GaugeMetricFamily:
    """Return a gauge.

    Args:
        name: Its name.
        text: What it measures.
        labels: The names of its labels.
        values: A value for each set of their values.
    """
    family = GaugeMetricFamily(name, text, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family

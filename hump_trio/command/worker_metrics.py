"""Figures for Prometheus at an address of their own: of this process, or of all workers, summed.

It takes prometheus_client, so that it is imported where figures are asked for alone.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import trio
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from hump_trio.app import Hump, watchers_of
from hump_trio.command.questions import Answer
from hump_trio.command.supervised_worker import SupervisedWorker, ask_all
from hump_trio.command.worker_process import describe_status
from hump_trio.facts.loggers import logger
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.prometheus.exposition import expose
from hump_trio.prometheus.metrics import Metrics
from hump_trio.prometheus.sums import Sums, check_described, describe

__all__ = ["WorkerMetrics", "answers_of", "app_of_process", "app_of_workers"]

QUESTION = "metrics"
# Prometheus itself gives up after ten, by default.
ANSWER_SECONDS = 2.0
OTHER = "other status"
# These are there from the beginning, at 0: Prometheus sees no increase where a series begins.
COMMON_ENDS = ("status 0", OTHER, "SIGKILL", "SIGABRT", "SIGSEGV")


def metrics_of(app: Hump[Any]) -> Metrics:
    """Return the metrics that a program has given its app, or new ones."""
    for watcher in watchers_of(app):
        if isinstance(watcher, Metrics):
            return watcher
    return app.watch(Metrics())


def answers_of(app: Hump[Any]) -> dict[str, Answer]:
    """Return what answers the supervisor's scrapes."""
    metrics = metrics_of(app)

    async def collect(about: str) -> Any:
        await trio.lowlevel.checkpoint()
        return describe(metrics)

    return {QUESTION: collect}


def app_of_process(app: Hump[Any], bind: str) -> Hump[Any]:
    """Return an app that serves the figures of another one in this process."""
    metrics = metrics_of(app)

    async def collect() -> Collector:
        return metrics

    return app_of(bind, collect)


def app_of_workers(metrics: "WorkerMetrics", bind: str) -> Hump[Any]:
    """Return an app that serves the sums of all workers."""
    return app_of(bind, metrics.collect)


def app_of(bind: str, collect: Callable[[], Awaitable[Collector]]) -> Hump[Any]:
    app = Hump[Any](binds=[bind])

    @app.get("/metrics")
    async def show(request: Request) -> Response:
        return expose(await collect(), request)

    return app


class WorkerMetrics:
    """The sums of all workers, those that have ended included, so that no counter ever falls.

    A worker that ends by itself tells its last figures. Of one that was killed, what it has told
    last stands.
    """

    def __init__(self) -> None:
        self._workers: list[SupervisedWorker] = []
        self._past = Sums()
        self._ends = Counter(dict.fromkeys(COMMON_ENDS, 0))

    def started(self, worker: SupervisedWorker) -> None:
        """Take note of a worker."""
        self._workers.append(worker)

    def ended(self, worker: SupervisedWorker, status: int) -> None:
        """Keep what a worker has counted, and count how it has ended."""
        how = describe_status(status).removeprefix("with ").removeprefix("by ")
        self._ends[OTHER if status > 0 else how] += 1
        self._workers.remove(worker)
        self._past.add(told_by(worker), ended=True)

    async def collect(self) -> Collector:
        """Ask all workers, and return the sums. For one that is late, its last answer stands.

        Cancellation: a checkpoint; it takes `ANSWER_SECONDS` at most.
        """
        answered = await ask_all(self._workers, QUESTION, seconds=ANSWER_SECONDS)
        sums = self._past.copy()
        states = {"answered": 0, "silent": 0, "starting": 0}
        for worker in self._workers:  # others than before may be there now
            sums.add(told_by(worker))
            if worker in answered:
                states["answered"] += 1
            else:
                states["silent" if worker.ready else "starting"] += 1
        return Workers(sums, states, self._ends.copy())


def told_by(worker: SupervisedWorker) -> list[Any]:
    """Return the figures that a worker has told last; none if they can't be read."""
    try:
        return check_described(worker.questions.told.get(QUESTION, []))
    except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
        logger.error("the figures of worker %s can't be read: %s", worker.pid, error)
        return []


class Workers(Collector):
    """Sums, and how many workers they are of.

    Args:
        sums: They.
        states: The number of workers by state.
        ends: How many have ended in which way.
    """

    def __init__(self, sums: Sums, states: Mapping[str, int], ends: Mapping[str, int]) -> None:
        self._sums = sums
        self._states = states
        self._ends = ends

    def collect(self) -> Any:
        """Yield all of them."""
        family = GaugeMetricFamily(
            "hump_trio_workers", "Worker processes, by how they took this scrape.", labels=["state"]
        )
        for state, count in self._states.items():
            family.add_metric([state], count)
        yield family
        ends = CounterMetricFamily(
            "hump_trio_worker_ends", "Worker processes that have ended.", labels=["how"]
        )
        for how, count in self._ends.items():
            ends.add_metric([how], count)
        yield ends
        yield from self._sums.collect()

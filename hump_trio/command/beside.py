"""What is served beside an app or a supervisor: ``--metrics-bind`` and ``--inspect``.

Modules for it are imported where it is asked for alone.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

import trio

from hump_trio.app import Hump, silence
from hump_trio.command.options import Options
from hump_trio.command.questions import Answer, Respondent
from hump_trio.command.supervisor import Observer
from hump_trio.facts.exceptions import HumpError
from hump_trio.facts.loggers import logger

__all__ = ["MetricsError", "beside_process", "beside_workers", "respondent_of", "serve_beside"]

T = TypeVar("T")


class MetricsError(HumpError, RuntimeError):
    """There can be no figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """An app that is served beside another one, or beside a supervisor.

    Args:
        app: It; it has one bind.
        words: What it is, for the log.
        path: The path that a person or a program asks it for.
    """

    app: Hump[Any]
    words: str
    path: str


def figures(app: Hump[Any]) -> Beside:
    """Return an app with figures for Prometheus as what is served beside another one."""
    return Beside(app=app, words="figures for Prometheus", path="/metrics")


def live_page(app: Hump[Any]) -> Beside:
    """Return an app with the live page as what is served beside another one."""
    return Beside(app=app, words="the live page", path="/inspect")


def load_worker_metrics() -> Any:
    """Return the module `hump_trio.command.worker_metrics`.

    Raises:
        MetricsError: prometheus_client isn't installed.
    """
    if find_spec("prometheus_client") is None:
        raise MetricsError(
            "--metrics-bind needs prometheus_client: pip install 'hump-trio[prometheus]'"
        )
    return import_module("hump_trio.command.worker_metrics")


def load_worker_inspection() -> Any:
    """Return the module `hump_trio.command.worker_inspection`."""
    return import_module("hump_trio.command.worker_inspection")


def beside_process(app: Hump[Any], options: Options) -> list[Beside]:
    """Return what is served beside an app in its own process.

    Args:
        app: The app, before it is served.
        options: Say what that is.

    Raises:
        MetricsError: prometheus_client is needed and isn't installed.
    """
    found = []
    if options.metrics_bind:
        found.append(figures(load_worker_metrics().app_of_process(app, options.metrics_bind)))
    if options.inspect:
        page = load_worker_inspection().app_of_process(
            app, options.inspect, actions=options.inspect_actions
        )
        found.append(live_page(page))
    return found


def beside_workers(options: Options) -> tuple[list[Observer], list[Beside]]:
    """Return what is served beside a supervisor, and the observers that it takes for that.

    Args:
        options: Say what that is.

    Raises:
        MetricsError: prometheus_client is needed and isn't installed.
    """
    observers: list[Observer] = []
    found = []
    if options.metrics_bind:
        module = load_worker_metrics()
        observers.append(metrics := module.WorkerMetrics())
        found.append(figures(module.app_of_workers(metrics, options.metrics_bind)))
    if options.inspect:
        module = load_worker_inspection()
        observers.append(workers := module.WorkerInspection())
        page = module.app_of_workers(workers, options.inspect, actions=options.inspect_actions)
        found.append(live_page(page))
    return observers, found


def respondent_of(app: Hump[Any], options: Options) -> Respondent:
    """Return what answers a supervisor for what is served beside it.

    Args:
        app: The app of this worker, before it is served.
        options: Say what that is.
    """
    answers: dict[str, Answer] = {}
    last: list[str] = []
    if options.metrics_bind:
        answers |= load_worker_metrics().answers_of(app)
        last = list(answers)
    if options.inspect:
        answers |= load_worker_inspection().answers_of(app, actions=options.inspect_actions)
    return Respondent(answers, last)


async def serve_beside(besides: Sequence[Beside], serve: Callable[[], Awaitable[T]]) -> T:
    """Serve apps for as long as something else is served, and return what that returns.

    Args:
        besides: The apps.
        serve: Serves, in the task of the caller.

    Raises:
        ExceptionGroup: An address can't be listened on (BindError), or `serve` has failed.

    Cancellation: what it does to `serve`; an answer that is under way is cut.
    """
    async with trio.open_nursery() as nursery:
        for each in besides:
            silence(each.app)
            # Named so that the live page doesn't take it for a task of the program.
            urls: tuple[str, ...] = await nursery.start(each.app.serve, name=__name__)
            logger.info("%s at %s%s", each.words, urls[0], each.path)
        result = await serve()
        nursery.cancel_scope.cancel()
    return result

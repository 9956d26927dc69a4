"""``--metrics-bind``: figures for Prometheus, served beside an app or a supervisor."""

from collections.abc import Awaitable, Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

import trio

from hump_trio.app import Hump
from hump_trio.facts.exceptions import HumpError
from hump_trio.facts.loggers import logger

__all__ = ["MetricsError", "load_worker_metrics", "serve_beside"]

T = TypeVar("T")


class MetricsError(HumpError, RuntimeError):
    """There can be no figures."""


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


async def serve_beside(figures: Hump[Any], serve: Callable[[], Awaitable[T]]) -> T:
    """Serve figures for as long as something else is served, and return what that returns.

    Args:
        figures: The app that has them.
        serve: Serves, in the task of the caller.

    Raises:
        ExceptionGroup: The address can't be listened on (BindError), or `serve` has failed.

    Cancellation: what it does to `serve`; a scrape that is being answered is cut.
    """
    async with trio.open_nursery() as nursery:
        urls: tuple[str, ...] = await nursery.start(figures.serve)
        logger.info("figures for Prometheus at %s/metrics", urls[0])
        result = await serve()
        nursery.cancel_scope.cancel()
    return result

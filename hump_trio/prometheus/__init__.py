"""Figures of requests and of the server for Prometheus, also summed over processes.

Write ``metrics = app.watch(Metrics())``. It takes the extra ``prometheus``. It must not know how
requests are answered, or processes started.
"""

from hump_trio.prometheus.metrics import Metrics

__all__ = ["Metrics"]

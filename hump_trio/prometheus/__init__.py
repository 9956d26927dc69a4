"""Figures of requests and of the server for Prometheus, also summed over processes.

Write ``metrics = app.watch(Metrics())``. It takes the extra ``prometheus``. It must not know how
requests are answered, or processes started.
"""

try:
    from hump_trio.prometheus.metrics import Metrics
except ImportError as _missing:
    raise ImportError(
        "hump_trio.prometheus needs prometheus_client: pip install 'hump-trio[prometheus]'",
        name=_missing.name,
    ) from _missing

__all__ = ["Metrics"]

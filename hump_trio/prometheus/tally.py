"""A tally: how often something took how long, by buckets.

It is that of a histogram of prometheus_client, without the lock that threads would need.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.utils import floatToGoString

__all__ = ["Tally"]


class Tally:
    """What was counted for one set of labels.

    Args:
        bounds: The upper bounds of the buckets in seconds, which belong to their bucket; all above
            the last one is in a bucket of its own.
    """

    __slots__ = ("_bounds", "_counts", "_seconds")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one more."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._seconds += seconds

    def show(self, family: HistogramMetricFamily, labels: Sequence[str] = ()) -> None:
        """Add what was counted to a histogram.

        Args:
            family: The histogram.
            labels: The values of its labels.
        """
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        buckets = list(zip(names, map(float, accumulate(self._counts)), strict=True))
        family.add_metric(labels, buckets, self._seconds)

"""Counting by buckets."""

import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import HistogramMetricFamily

from hump_trio.prometheus.tally import Tally

BOUNDS = (0.5, 1.0, 2.5)


@pytest.mark.parametrize("times", [[], [0.0], [0.5, 0.5000001], [1.0, 2.5, 2.6, 1e9]])
def test_a_tally_is_a_histogram(times: list[float]) -> None:
    """It shows what a histogram of prometheus_client does, bounds and all."""
    registry = CollectorRegistry()
    reference = Histogram("times", "Times.", ["who"], buckets=BOUNDS, registry=registry)
    child, tally = reference.labels("me"), Tally(BOUNDS)
    for each in times:
        child.observe(each)
        tally.add(each)
    family = HistogramMetricFamily("times", "Times.", labels=["who"])
    tally.show(family, ["me"])
    [expected] = registry.collect()
    without_creation = [each for each in expected.samples if not each.name.endswith("_created")]
    assert sorted(map(repr, family.samples)) == sorted(map(repr, without_creation))

"""Figures of several processes, summed."""

import json
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hump_trio import Headers, Request
from hump_trio.prometheus.exposition import expose
from hump_trio.prometheus.sums import Sums, describe

OPEN = "application/openmetrics-text; version=1.0.0"


class Start(Collector):
    """A process that began at a time.

    Args:
        time: When.
    """

    def __init__(self, time: float) -> None:
        self._time = time

    def collect(self) -> Iterator[Metric]:
        """Yield when."""
        yield GaugeMetricFamily("process_start_time_seconds", "Begin.", self._time)


def process(cups: int, open_pots: int, times: list[float]) -> list[object]:
    """Return what a process says of itself, as it comes over a channel."""
    registry = CollectorRegistry()
    registry.register(Start(100 + cups))
    Counter("cups", "Cups.", ["tea"], registry=registry).labels("green").inc(cups)
    Gauge("pots", "Pots.", registry=registry).set(open_pots)
    Info("kettle", "Kettle.", registry=registry).info({"make": "x"})
    brewing = Histogram("brewing", "Brewing.", ["tea"], buckets=(1, 2), registry=registry)
    for each in times:
        brewing.labels("green").observe(each)
    described: list[object] = json.loads(json.dumps(describe(registry)))
    return described


def values(sums: Sums) -> dict[str, float]:
    """Return the samples of sums, without their labels but for the bucket's."""
    return {
        each.name + each.labels.get("le", ""): each.value
        for family in sums.collect()
        for each in family.samples
    }


def test_what_two_processes_say_is_summed() -> None:
    """Counters, histograms and gauges; a time is the earliest, and a fact stays one."""
    sums = Sums()
    sums.add(process(3, 1, [0.5, 1.5]))
    sums.add(process(4, 2, [5.0]))
    found = values(sums)
    created = found.pop("cups_created")
    assert 1e9 < created < 3e9
    assert 1e9 < found.pop("brewing_created") < 3e9
    assert found == {
        "process_start_time_seconds": 103,
        "cups_total": 7,
        "pots": 3,
        "kettle_info": 1,
        "brewing_bucket1.0": 1,
        "brewing_bucket2.0": 2,
        "brewing_bucket+Inf": 3,
        "brewing_count": 3,
        "brewing_sum": 7.0,
    }
    answer = expose(sums, Request("GET", "/", "/", Headers([("accept", OPEN)])))
    assert isinstance(answer.body, bytes)
    assert answer.body.endswith(b"# EOF\n")


def test_of_a_process_that_has_ended_what_it_has_counted_is_left() -> None:
    """Its gauges are gone, and a copy of the sums is no other's."""
    past = Sums()
    past.add(process(3, 1, [0.5]), ended=True)
    now = past.copy()
    now.add(process(4, 2, []))
    assert values(now)["cups_total"] == 7
    assert values(now)["pots"] == 2
    assert values(past)["cups_total"] == 3
    assert "pots" not in values(past)


def test_a_name_that_means_something_else_now() -> None:
    """As after an update: what it has meant before is dropped."""
    sums = Sums()
    sums.add([["cups", "counter", "Cups.", [["cups_total", {}, 3]]]])
    sums.add([["cups", "gauge", "Cups on the table.", [["cups", {}, 2]]]])
    assert values(sums) == {"cups": 2}

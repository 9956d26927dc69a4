"""Turns of the loop, measured."""

import trio
from prometheus_client.core import HistogramMetricFamily
from trio.testing import MockClock

from hump_trio.prometheus.loop_watch import LoopWatch


async def test_a_turn_takes_as_long_as_its_tasks(autojump_clock: MockClock) -> None:
    """What is waited for doesn't count, nor a turn whose begin was missed."""
    now = 0.0
    watch = LoopWatch(lambda: now)
    trio.lowlevel.add_instrument(watch)
    now = 100.0  # the turn in which it was added
    await trio.sleep(1000)
    now += 0.3
    await trio.sleep(1)
    trio.lowlevel.remove_instrument(watch)
    family = HistogramMetricFamily("turns", "Turns.")
    watch.turns.show(family)
    shown = {each.labels.get("le", each.name): each.value for each in family.samples}
    assert round(shown["turns_sum"], 6) == 0.3
    assert shown["0.5"] - shown["0.25"] == 1
    assert shown["+Inf"] == shown["0.5"] >= 1

"""How much of a rate is left: by tables, and beside a bucket that is counted plainly."""

import math
from fractions import Fraction

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from hump_trio.middleware.rates import MemoryRates, Rate, parse_rate


@pytest.mark.parametrize(
    ("text", "burst", "interval", "window"),
    [
        ("100/minute", None, 0.6, 60),
        ("100/minute", 20, 0.6, 12),
        ("1/second", None, 1.0, 1),
        ("1000/second", 10, 0.001, 1),
        ("5/hour", None, 720.0, 3600),
        ("3/day", 1, 28800.0, 28800),
        ("7/minute", None, 60 / 7, 60),
        ("7/minute", 1, 60 / 7, 9),
    ],
)
def test_a_rate(text: str, burst: int | None, interval: float, window: int) -> None:
    """Units come evenly; a window is the time in which an empty bucket fills up, rounded up."""
    rate = parse_rate(text, burst)
    assert (rate.interval, rate.window) == (interval, window)
    assert rate.burst == (burst or int(text.partition("/")[0]))


@pytest.mark.parametrize(
    "text",
    ["", "100", "100/", "/minute", "0/minute", "-1/minute", "1.5/minute", "100 / minute",
     "100/minutes", "100/5minute", "\u0661/minute", "1/minute\n", "9999999999/second", 5, None],
)  # fmt: skip
def test_no_rate(text: str) -> None:
    """What isn't read for sure is refused, with an example."""
    with pytest.raises(ValueError, match="as in '100/minute'"):
        parse_rate(text, None)


# A time, a cost, the seconds to wait (0: none), units left, seconds to the next one.
TABLE = [
    (0, 1, 0, 2, 10),
    (0, 1, 0, 1, 10),
    (0, 2, 10, 1, 10),
    (0, 1, 0, 0, 10),
    (0, 1, 10, 0, 10),
    (9.5, 1, 0.5, 0, 1),
    (0.5, 1, 0, 0, 10),
    (10, 3, 20, 1, 10),
    (19, 3, 1, 2, 1),
    (1, 3, 0, 0, 10),
    (1000, 1, 0, 2, 10),
]


async def test_a_bucket_in_time(mock_clock: MockClock) -> None:
    """A burst at once, then a unit each ten seconds; a cost is taken whole or not at all."""
    rate = Rate(10.0, 3)
    rates = MemoryRates(rate, 10)
    for seconds, cost, waits, left, following in TABLE:
        mock_clock.jump(seconds)
        wait = rates.take("a", cost)
        seen = max(wait, 0), *rate.left(wait, cost)
        assert seen == (waits, left, following), (seconds, cost)


def test_what_a_store_may_return() -> None:
    """No more is left than a bucket holds, and nothing less than nothing."""
    rate = Rate(10.0, 3)
    assert rate.left(0, 1) == (0, 10)
    assert rate.left(-1000.0, 1)[0] == 3
    assert rate.left(1000.0, 1)[0] == 0
    assert rate.retry_seconds(0.2) == 1
    assert rate.retry_seconds(20.0000001) == 20
    assert rate.retry_seconds(20.1) == 21


@pytest.mark.parametrize("count", [3, 7, 20, 1000, 100_000])
async def test_sums_of_floats_take_no_unit(count: int, mock_clock: MockClock) -> None:
    """The whole burst is there at once, and all of it again after its window, and no more."""
    mock_clock.jump(123456.789)
    rate = parse_rate(f"{count}/minute", None)
    rates = MemoryRates(rate, 10)
    for _ in range(2):
        taken = sum(not rate.is_refusal(rates.take("a", 1)) for _ in range(count + 5))
        assert taken == count
        mock_clock.jump(60)


ASKED = st.tuples(st.integers(0, 40), st.sampled_from("abc"), st.integers(1, 5))


@settings(max_examples=150)
@given(
    st.lists(ASKED, max_size=60),
    st.sampled_from(["8/second", "1/second", "2/minute", "60/minute"]),
    st.integers(5, 9),
)
def test_as_a_bucket_that_is_counted(
    asked: list[tuple[int, str, int]], text: str, burst: int
) -> None:
    """What is given, when to come again, and what is left are those of a bucket of tokens."""
    rate = parse_rate(text, burst)
    clock = MockClock()

    async def check() -> None:
        rates = MemoryRates(rate, 10)
        levels: dict[str, tuple[Fraction, float]] = {}
        for eighths, key, cost in asked:
            clock.jump(eighths / 8)
            now = trio.current_time()
            level, then = levels.get(key, (Fraction(burst), now))
            level = min(Fraction(burst), level + Fraction(now - then) / Fraction(rate.interval))
            wait = rates.take(key, cost)
            if rate.is_refusal(wait):
                assert level < cost
                assert wait == float((cost - level) * Fraction(rate.interval))
            else:
                level -= cost
                assert level >= 0
            levels[key] = level, now
            lacking = (math.floor(level) + 1 - level) * Fraction(rate.interval)
            assert rate.left(wait, cost) == (math.floor(level), math.ceil(lacking))
            full = [
                k
                for k, (level, then) in levels.items()
                if level + Fraction(now - then) / Fraction(rate.interval) >= burst
            ]
            assert len(levels) - len(full) <= len(rates) <= len(levels)

    trio.run(check, clock=clock)


@pytest.mark.parametrize(
    ("rate", "cost"), [(parse_rate("999999999/second", 1), 1), (parse_rate("1/day", 10**9), 10**9)]
)
async def test_a_full_bucket_has_every_cost(rate: Rate, cost: int, mock_clock: MockClock) -> None:
    """Where the clock is too coarse for the rate, or for its burst, too."""
    for seconds in range(50):
        mock_clock.jump(seconds * 1e5 + 1 / 3)
        rates = MemoryRates(rate, 10)
        assert rates.take("a", cost) <= rate.tolerance
        assert len(rates) <= 1


async def test_a_full_bucket_is_forgotten(mock_clock: MockClock) -> None:
    """Two for each key that is added, the first ones first: no request pays for many."""
    rates = MemoryRates(Rate(1.0, 5), 1000)
    for number in range(100):
        rates.take(str(number), 1)
    assert len(rates) == 100
    mock_clock.jump(1)
    for count in range(100, 1, -1):
        rates.take(f"new {count}", 5)
        assert len(rates) <= max(count, 100 - count) + 1
    mock_clock.jump(1000)
    for _ in range(100):
        rates.take("last", 1)
    assert len(rates) == 1


async def test_many_keys_neither_grow_nor_lock_out(mock_clock: MockClock) -> None:
    """Of more keys than there is room for, those are forgotten that were used longest ago."""
    rate = Rate(3600.0, 2)
    rates = MemoryRates(rate, 100)
    for _ in range(2):
        rates.take("spent", 1)
    for number in range(99):
        assert not rate.is_refusal(rates.take(f"a{number}", 1))
        assert rate.is_refusal(rates.take("spent", 1)), "who is refused stays remembered"
    for number in range(1000):
        assert not rate.is_refusal(rates.take(f"b{number}", 2)), "a newcomer is let in"
        assert len(rates) <= 100
    assert not rate.is_refusal(rates.take("spent", 2)), "forgotten, and so full again"


async def test_one_key_alone(mock_clock: MockClock) -> None:
    """There is room for the last one at least."""
    rates = MemoryRates(Rate(10.0, 1), 1)
    assert [rates.take(key, 1) for key in "aabab"] == [0, 10, 0, 0, 0]


def test_another_run_of_trio_begins_anew() -> None:
    """The times of its clock say nothing of those of another: an app may be served twice."""
    rates = MemoryRates(Rate(3600.0, 1), 10)

    async def take() -> float:
        return rates.take("a", 1)

    assert [trio.run(take, clock=MockClock()) for _ in range(3)] == [0, 0, 0]
    assert trio.run(take) == 0

"""A store of rates that fails: it is waited for no longer than said, and decided for."""

import math
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import HttpException
from hump_trio.middleware.rate_store import BoundedStore, RateStore


class Panic(BaseException):
    """An error that isn't below `Exception`, as that of an extension is."""


class Store:
    """Returns, raises or waits, as it is told."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int, float, int]] = []

    async def take(self, key: str, cost: int, interval: float, burst: int) -> float:
        """Give the next answer."""
        self.asked.append((key, cost, interval, burst))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        if answer == "hang":
            await trio.sleep_forever()
        return answer  # type: ignore[no-any-return]


async def take(bounded: BoundedStore) -> float | None:
    """Take a unit."""
    return await bounded.take("a", 1, 6.0, 10)


async def test_what_a_store_says() -> None:
    """What it returns counts."""
    store = Store(-3.0, 12.5)
    bounded = BoundedStore(store, 0.5, "logins", refuse=False)
    assert isinstance(store, RateStore)
    assert [await take(bounded), await take(bounded)] == [-3.0, 12.5]
    assert store.asked == [("a", 1, 6.0, 10)] * 2


@pytest.mark.parametrize(
    "answer",
    [
        OSError("down"),
        ExceptionGroup("", [OSError("down")]),
        Panic(),
        math.nan,
        -math.inf,
        None,
        "soon",
    ],
)
@pytest.mark.parametrize("refuse", [True, False])
async def test_a_store_that_fails(
    answer: Any, refuse: bool, caplog: pytest.LogCaptureFixture, mock_clock: MockClock
) -> None:
    """Requests pass, or are refused with a 503; one line a second says so, of any number."""
    bounded = BoundedStore(Store(*[answer] * 4, -1.0), 0.5, "logins", refuse=refuse)
    for seconds in (0, 0.5, 0.5, 0.25):
        mock_clock.jump(seconds)
        if refuse:
            with pytest.raises(HttpException, match="can't be checked") as caught:
                await take(bounded)
            assert (caught.value.status, caught.value.headers) == (503, (("retry-after", "1"),))
        else:
            assert await take(bounded) is None
    assert len(caplog.records) == 2
    said = caplog.records[0].getMessage()
    assert ("refused" if refuse else "let pass") in said
    assert "'logins'" in said
    assert await take(bounded) == -1.0, "and it is asked each time"


async def test_a_store_that_hangs(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """It costs its time once: for the next second it isn't asked."""
    store = Store("hang", "hang", -1.0)
    bounded = BoundedStore(store, 0.5, "logins", refuse=False)
    began = trio.current_time()
    assert await take(bounded) is None
    assert trio.current_time() - began == 0.5
    for _ in range(10):
        assert await take(bounded) is None
    assert (trio.current_time() - began, len(store.asked)) == (0.5, 1)
    await trio.sleep(1)
    assert await take(bounded) is None
    assert (trio.current_time() - began, len(store.asked)) == (2, 2)
    await trio.sleep(1)
    assert await take(bounded) == -1.0
    assert len(caplog.records) == 2
    assert "no answer within 0.5 seconds" in caplog.text


async def test_a_cancellation_is_no_failure(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """That of the request passes, and the next one asks."""
    store = Store("hang", ExceptionGroup("", [OSError("down")]), -1.0)
    bounded = BoundedStore(store, 0.5, "logins", refuse=True)
    with trio.move_on_after(0.25) as scope:
        await take(bounded)
    assert scope.cancelled_caught
    with pytest.raises(SystemExit):
        await BoundedStore(Store(SystemExit()), 0.5, "logins", refuse=False).take("a", 1, 1.0, 1)
    assert caplog.records == []
    with pytest.raises(HttpException):
        await take(bounded)
    assert await take(bounded) == -1.0

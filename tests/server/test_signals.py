"""Which signals a server obeys, and what each one asks for."""

import signal
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hump_trio.server.signals import obey_signals, owns_signals

SHUTDOWNS = [signal.SIGTERM, signal.SIGINT]
OTHERS = [signal.SIGUSR1, signal.SIGHUP]


async def hear(*numbers: signal.Signals, reloads: bool = True) -> list[str]:
    """Return what was asked for by some signals, one after the other."""
    asked: list[str] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(
            obey_signals,
            partial(asked.append, "shutdown"),
            partial(asked.append, "report"),
            partial(asked.append, "reload") if reloads else None,
        )
        for number in numbers:
            signal.raise_signal(number)
            await wait_all_tasks_blocked()
            asked.append(number.name)
        if asked[:1] == ["shutdown"]:
            handlers = [signal.getsignal(each) for each in SHUTDOWNS]
            assert handlers == [signal.SIG_DFL] * len(SHUTDOWNS)
        nursery.cancel_scope.cancel()
    return asked


@pytest.mark.parametrize("number", SHUTDOWNS)
async def test_the_first_one_asks_for_a_shutdown(number: signal.Signals) -> None:
    """A second one is left to the system, which ends the process whatever is shielded."""
    assert await hear(number) == ["shutdown", number.name]


async def test_others_ask_any_number_of_times() -> None:
    """SIGUSR1 asks for a report, SIGHUP for a reload, and neither ends anything."""
    heard = await hear(*OTHERS, *OTHERS)
    assert heard == ["report", "SIGUSR1", "reload", "SIGHUP"] * 2


async def test_a_hang_up_asks_for_a_shutdown_where_nothing_can_be_reloaded() -> None:
    """It would have ended the process; a second one, as of a shell, doesn't do so either."""
    heard = await hear(signal.SIGHUP, signal.SIGHUP, reloads=False)
    assert heard == ["shutdown", "SIGHUP"] * 2


async def test_a_hang_up_that_has_a_meaning_keeps_it() -> None:
    """That of `nohup`, which has it ignored, and that of a program which handles it itself."""
    noticed: list[int] = []
    before = signal.getsignal(signal.SIGHUP)
    try:
        for meaning in (signal.SIG_IGN, lambda number, frame: noticed.append(number)):
            signal.signal(signal.SIGHUP, meaning)
            assert await hear(signal.SIGHUP, reloads=False) == ["SIGHUP"]
    finally:
        signal.signal(signal.SIGHUP, before)
    assert noticed == [signal.SIGHUP]


@pytest.mark.parametrize("numbers", [[], [signal.SIGTERM], OTHERS])
async def test_each_signal_is_given_back(numbers: list[signal.Signals]) -> None:
    """At the end it means what it meant before, whether it came or not."""
    before = [signal.getsignal(each) for each in SHUTDOWNS + OTHERS]
    await hear(*numbers)
    assert [signal.getsignal(each) for each in SHUTDOWNS + OTHERS] == before


def test_the_main_task_owns_the_signals() -> None:
    """A task of a larger program doesn't, nor does another thread's run."""
    owned: list[bool] = []

    async def ask() -> None:
        owned.append(owns_signals())

    async def host() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
        await trio.to_thread.run_sync(trio.run, ask)

    trio.run(ask)
    trio.run(host)
    assert owned == [True, False, False]

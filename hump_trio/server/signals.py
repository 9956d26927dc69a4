"""The signals that a server obeys, where they are its own and not a larger program's."""

import signal
import threading
from collections.abc import Callable
from functools import partial

import trio

__all__ = ["obey_signals", "owns_signals"]

SHUTDOWN_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Not every system has these two.
REPORT_SIGNALS = tuple(each for each in signal.Signals if each.name == "SIGUSR1")
HANG_UP_SIGNALS = tuple(each for each in signal.Signals if each.name == "SIGHUP")


def owns_signals() -> bool:
    """Tell whether this task is the main one of `trio.run` in the main thread."""
    nursery = trio.lowlevel.current_task().parent_nursery
    return (
        threading.current_thread() is threading.main_thread()
        and nursery is not None
        and nursery.parent_task is trio.lowlevel.current_root_task()
    )


async def obey_signals(
    shut_down: Callable[[], None],
    report: Callable[[], None],
    reload: Callable[[], None] | None,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Do what signals ask for, until cancelled.

    Args:
        shut_down: For the first SIGTERM or SIGINT. From then on either of them ends the process at
            once, whatever is shielded.
        report: For SIGUSR1.
        reload: For SIGHUP. None: where that signal would end the process, it asks for a shutdown,
            and no number of them ends the process at once: a terminal that is closed may send two.
            Where the program handles it, or nohup has had it ignored, it is left alone.
        task_status: Told once they are obeyed.

    Cancellation: each signal means again what it meant before.
    """
    actions: dict[int, Callable[[], None]] = {}
    actions |= dict.fromkeys(SHUTDOWN_SIGNALS, partial(obey_once, shut_down))
    actions |= dict.fromkeys(REPORT_SIGNALS, report)
    for each in HANG_UP_SIGNALS:
        if reload is not None:
            actions[each] = reload
        elif signal.getsignal(each) is signal.SIG_DFL:
            actions[each] = actions[signal.SIGTERM]
    with trio.open_signal_receiver(*actions) as received:
        task_status.started()
        async for number in received:
            actions[number]()


def obey_once(shut_down: Callable[[], None]) -> None:
    """Begin the shutdown; the system ends the process at the next signal that asks for one."""
    for each in SHUTDOWN_SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    shut_down()

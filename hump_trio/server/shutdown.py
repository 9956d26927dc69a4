"""The end of a server, in order: what it waits for, what it cuts, and what it says of that."""

from collections.abc import Iterable
from traceback import StackSummary

import trio

from hump_trio.facts.loggers import logger
from hump_trio.server.life import Life
from hump_trio.server.phases import Phase
from hump_trio.server.state import ServerState
from hump_trio.server.watchdog import SWEEP_SECONDS, Watchdog
from hump_trio.tasks.task_tree import innermost_source_line_of, innermost_tasks

__all__ = ["shut_down"]

# What was cancelled has so many turns more, since each may take seconds where very many end.
LAST_TURNS = 10


async def shut_down(
    state: ServerState,
    watchdog: Watchdog,
    accepting: trio.CancelScope,
    *,
    delay_seconds: float,
    connections: trio.Nursery | None,
    background: trio.Nursery | None,
    main_task: trio.lowlevel.Task,
) -> None:
    """End all that a server does; cancelled once the lifespan has been left.

    After the last connection and the last background work it has nothing left to do, and the main
    task leaves the lifespan. Only what can't be cancelled is still there at the end of this.

    Args:
        state: The state of the server, whose life goes from `Life.SERVING` to `Life.CLEANUP`.
        watchdog: Knows the connections.
        accepting: Encloses accepting.
        delay_seconds: How long all goes on as before first: `Timeouts.shutdown_delay`, or nothing
            where other processes accept from the same sockets.
        connections: The tasks of connections. None: the server has failed before there were any.
        background: The tasks of background work. None: it has ended already.
        main_task: The task that serves, and leaves the lifespan.
    """
    timeouts = state.timeouts
    state.advance(Life.DRAINING)
    await trio.sleep(delay_seconds)
    state.advance(Life.CLOSING)
    watchdog.drain(timeouts.shutdown / 2)
    accepting.cancel()
    await trio.sleep(timeouts.shutdown)
    state.enter_cleanup()
    cut_connections(watchdog)
    nurseries = [each for each in (connections, background) if each is not None]
    for task in background.child_tasks if background is not None else ():
        log_cut(f"background work {task.name}", task)
    for nursery in nurseries:
        nursery.cancel_scope.cancel()
    await trio.sleep(timeouts.cleanup + SWEEP_SECONDS)  # what can be cancelled has ended then
    for _ in range(LAST_TURNS):
        await trio.lowlevel.checkpoint()
    stuck = [task for nursery in nurseries for task in innermost_tasks(nursery)]
    log_stuck(stuck or [main_task])


def cut_connections(watchdog: Watchdog) -> None:
    """Cancel what goes on on every connection; the handler learns why.

    Where lanes serve the requests of a connection, these are what is logged.
    """
    for clock in watchdog.clocks:
        if clock.phase not in (Phase.STREAMS, Phase.SPARE):
            log_cut(clock.describe(), clock.task)
        if clock.channel is not None:  # its task is cancelled with all others, and says nothing
            clock.channel.end("shutdown")
        clock.cancel("shutdown")


def log_cut(text: str, task: trio.lowlevel.Task | None) -> None:
    """Log what a shutdown has cut, and the innermost line of the program that it stands at."""
    source_line = "" if task is None else innermost_source_line_of(task)
    logger.warning("cut at shutdown: %s%s", text, source_line and f", it stands at {source_line}")


def log_stuck(tasks: Iterable[trio.lowlevel.Task]) -> None:
    """Log where tasks wait that were cancelled and haven't ended."""
    for task in tasks:
        stack = StackSummary.extract(task.iter_await_frames())
        logger.error("can't be cancelled; it waits in\n%s", "".join(stack.format()))

"""A supervisor: opens the sockets once, and sees to it that so many workers serve them.

It never imports the program that is served, so that it can't be what crashes.
"""

import logging
import math
import os
import signal
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import trio

from hump_trio.command.reload import check_watchfiles, watch_folders
from hump_trio.command.shared_sockets import SharedSockets
from hump_trio.command.slot import Slot
from hump_trio.command.supervised_worker import SupervisedWorker
from hump_trio.command.worker_process import Process, describe_status, start_process
from hump_trio.facts.exceptions import BindError
from hump_trio.facts.loggers import logger
from hump_trio.facts.settings import Sockets
from hump_trio.listening.bound_socket import BoundSocket
from hump_trio.listening.service_manager import notify, reloading

__all__ = ["Supervisor", "supervise"]

# Tells of files that have changed, for ever.
Watch: TypeAlias = Callable[[Callable[[list[str]], None]], Awaitable[None]]

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
# A person who has saved a file doesn't wait for an event stream to end.
RELOAD_GRACE_SECONDS = 1.0


class Supervisor:
    """One run of a supervisor.

    Args:
        launch: Starts the process of a worker.
        workers: How many serve at a time.
        worker_timeout: Seconds without a sign of life after which a worker is killed.
        watch: Tells of files at whose change the workers are replaced; None: nothing does.
        task_status: Is told the URLs once all workers are ready.
    """

    def __init__(
        self,
        launch: Callable[[], Process],
        *,
        workers: int,
        worker_timeout: float,
        watch: Watch | None = None,
        task_status: trio.TaskStatus[tuple[str, ...]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        self._launch = launch
        self._timeout = worker_timeout
        self._watch = watch
        self._task_status = task_status
        self._slots = [Slot() for _ in range(workers)]
        self._workers: list[SupervisedWorker] = []  # whose processes may be there
        self._nursery: trio.Nursery | None = None
        self._stopping = trio.Event()
        self._renewal = trio.Event()
        self._was_ready = False  # any worker
        self._announced = False  # that all are
        self._shared = SharedSockets(workers)
        self._status = 0
        self._failure: Exception | None = None

    async def run(self, signals: AsyncIterable[int]) -> int:
        """Keep the workers running until told to stop.

        Args:
            signals: What is to be done, as signals' numbers: SIGTERM and SIGINT end all
                gracefully, and a second one at once; SIGHUP replaces the workers, SIGUSR1 asks
                each for a report.

        Returns:
            As of `supervise`.

        Raises:
            BindError: The sockets can't be opened.

        Cancellation: the workers are killed and waited for, the sockets closed.
        """
        try:
            async with trio.open_nursery() as attendants:
                async with trio.open_nursery() as self._nursery:
                    for slot in self._slots:
                        self._start_in(slot)
                    attendants.start_soon(self._obey, signals)
                    attendants.start_soon(self._renew)
                    attendants.start_soon(self._close_when_drained)
                    if self._watch is not None:
                        attendants.start_soon(self._watch, self._on_change)
                    await self._stopping.wait()
                attendants.cancel_scope.cancel()
        finally:
            self._shared.close()
        if self._failure is not None:
            raise self._failure
        return self._status

    async def _obey(self, signals: AsyncIterable[int]) -> None:
        """Do what signals ask for, as they come."""
        async for number in signals:
            self._handle_signal(number)

    def _handle_signal(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._renewal.set()
        elif number == signal.SIGUSR1:
            for worker in self._workers:
                if worker.ready:  # before, it ends nothing, and after, it tells nothing
                    worker.kill(signal.SIGUSR1)
        elif self._stopping.is_set():
            self._status = -number
            for worker in self._workers:
                worker.kill(signal.SIGKILL)
        else:
            logger.info("shutting down")
            self._stop()

    def _stop(self) -> None:
        """Ask every worker to end, and start no more."""
        self._stopping.set()
        notify("STOPPING=1")
        for worker in self._workers:
            worker.drain()

    def _start(self, slot: Slot) -> SupervisedWorker:
        """Start a worker for a slot that it may take once it is ready."""
        worker = SupervisedWorker(
            self._launch,
            timeout=self._timeout,
            open_sockets=self._open_sockets,
            on_ready=self._on_ready,
            turns=self._shared.turns,
            index=self._shared.find_index({each.index for each in self._workers}),
        )
        self._workers.append(worker)
        assert self._nursery is not None
        self._nursery.start_soon(self._supervise_worker, slot, worker)
        return worker

    async def _close_when_drained(self) -> None:
        """Give the sockets up when the workers do."""
        await self._stopping.wait()
        delays = [each.delay_seconds for each in self._workers]
        await self._shared.close_when_drained(max(delays, default=0))

    def _start_in(self, slot: Slot) -> None:
        slot.worker = self._start(slot)

    async def _supervise_worker(self, slot: Slot, worker: SupervisedWorker) -> None:
        """See a worker to its end, and have it replaced if that was too early."""
        status = await worker.run()
        self._workers.remove(worker)
        self._shared.leave(worker.index)
        age = trio.current_time() - worker.started
        how = f"worker {worker.pid} has ended {describe_status(status)} after {age:.1f} s"
        if self._stopping.is_set() or slot.worker is not worker:
            logger.info("%s", how)
            return
        if not worker.ready and self._watch is not None:
            logger.error("%s; the next change of a file starts another", how)
            return
        if not self._was_ready:
            logger.critical("%s, before it was ready", how)
            self._status = status if status >= 0 else 128 - status
            self._stop()
            return
        seconds = slot.fail(age)
        level = logging.ERROR if status else logging.INFO
        logger.log(level, "%s; another starts in %.1f s", how, seconds)
        with trio.move_on_after(seconds):
            await self._stopping.wait()
        if not self._stopping.is_set() and slot.worker is worker:
            self._start_in(slot)

    async def _open_sockets(
        self, binds: tuple[str, ...], sockets: Sockets
    ) -> Sequence[BoundSocket] | None:
        """Open what the first worker asks for, and give it to all; None if it can't be had."""
        try:
            return await self._shared.open(binds, sockets)
        except (BindError, ValueError) as error:
            self._failure = self._failure or error
            self._stop()
        return None

    def _on_ready(self) -> None:
        """Tell when the last of the first workers is ready."""
        self._was_ready = True
        workers = [each.worker for each in self._slots if each.worker and each.worker.ready]
        if not self._announced and len(workers) == len(self._slots):
            self._announced = True
            urls = workers[0].addresses
            many = "a worker serves" if len(workers) == 1 else f"{len(workers)} workers serve"
            logger.info("%s at %s", many, " ".join(urls))
            notify("READY=1")
            self._task_status.started(urls)

    def _on_change(self, paths: list[str]) -> None:
        logger.info("changed: %s", ", ".join(paths))
        self._renewal.set()

    async def _renew(self) -> None:
        """Replace the workers one by one, whenever that is asked for."""
        replace = self._replace if self._watch is None else self._restart
        while True:
            await self._renewal.wait()
            self._renewal = trio.Event()
            telling = self._announced  # before, it has never been ready
            if telling:
                notify(reloading())
            for slot in self._slots:
                if self._stopping.is_set() or not await replace(slot):
                    break
            if telling and not self._stopping.is_set():
                notify("READY=1")

    async def _replace(self, slot: Slot) -> bool:
        """Let another worker take a slot, and end the one that had it; False: there is no other."""
        worker = self._start(slot)
        await worker.settled.wait()
        if not worker.ready:
            if not self._stopping.is_set():
                logger.error("worker %s can't start, so the others stay", worker.pid)
            return False
        previous, slot.worker = slot.worker, worker
        assert previous is not None
        slot.failures = 0
        self._on_ready()  # it may have been the last that was waited for
        self._shared.leave(previous.index)
        previous.drain()
        await previous.ended.wait()
        return True

    async def _restart(self, slot: Slot) -> bool:
        """End a worker, and start another: code that is changed may hold what only one can."""
        previous, slot.worker = slot.worker, None
        assert previous is not None
        slot.failures = 0
        previous.drain(RELOAD_GRACE_SECONDS)
        await previous.ended.wait()
        if not self._stopping.is_set():
            self._start_in(slot)
        return True


async def supervise(
    command: Sequence[str],
    *,
    workers: int,
    worker_timeout: float,
    reload: Sequence[Path] = (),
    task_status: trio.TaskStatus[tuple[str, ...]] = trio.TASK_STATUS_IGNORED,
) -> int:
    """Serve by several processes, until a signal ends them.

    To be called in the main thread. SIGTERM and SIGINT end all workers gracefully, a second one
    at once. SIGHUP replaces them one by one, SIGUSR1 asks each for a report.

    Args:
        command: A program that calls `take_control` and `serve_as_worker`, and its arguments.
        workers: How many.
        worker_timeout: Seconds without a sign of life after which one is killed and replaced;
            ``math.inf`` for no limit.
        reload: Folders; when a Python file in them changes, the workers are ended and started
            anew. They aren't killed for being silent then: a debugger may hold them.
        task_status: Is told the URLs once all workers are ready.

    Returns:
        The exit status: 0 after a graceful end; that of the first worker that has ended before
        any was ready; after a second signal its number, negative: the caller ends by it.

    Raises:
        BindError: The sockets can't be opened.
        ReloadError: There are folders, but watchfiles isn't installed.

    Cancellation: the workers are killed and waited for, the sockets closed.
    """
    watch = None
    if reload:
        check_watchfiles(reload)
        watch = partial(watch_folders, reload)
    supervisor = Supervisor(
        partial(start_process, command, os.environ),
        workers=workers,
        worker_timeout=worker_timeout if watch is None else math.inf,
        watch=watch,
        task_status=task_status,
    )
    with trio.open_signal_receiver(*SIGNALS) as signals:
        return await supervisor.run(signals)

"""A supervisor: it opens the sockets once, and keeps so many workers serving them.

The supervisor never imports the program that is served, so that a fault in it can't crash the
supervisor.
"""

import logging
import math
import os
import signal
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

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

__all__ = ["Observer", "Supervisor", "supervise"]

# Reports files that have changed, until cancelled.
Watch: TypeAlias = Callable[[Callable[[list[str]], None]], Awaitable[None]]

# A person who has saved a file doesn't wait for an event stream to end.
RELOAD_GRACE_SECONDS = 1.0


class Observer(Protocol):
    """What wants to know the workers, to ask them."""

    def started(self, worker: SupervisedWorker) -> None:
        """Take note of a worker whose process is about to be started."""

    def ended(self, worker: SupervisedWorker, status: int) -> None:
        """Take note of the end of a worker, and of its exit status, negative for a signal."""


class Supervisor:
    """One run of a supervisor.

    Args:
        launch: Starts the process of a worker.
        workers: The number of workers that serve at a time.
        worker_timeout: Seconds without a sign of life after which a worker is killed.
        watch: Reports changed files, after which workers are restarted; None: none are watched.
        observers: Who is told of workers.
        task_status: Reports the URLs once all workers are ready.
    """

    def __init__(
        self,
        launch: Callable[[], Process],
        *,
        workers: int,
        worker_timeout: float,
        watch: Watch | None = None,
        observers: Sequence[Observer] = (),
        task_status: trio.TaskStatus[tuple[str, ...]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        self._launch = launch
        self._timeout = worker_timeout
        self._watch = watch
        self._observers = observers
        self._task_status = task_status
        self._slots = [Slot() for _ in range(workers)]
        self._workers: list[SupervisedWorker] = []  # all whose processes may be running
        self._nursery: trio.Nursery | None = None
        self._stopping = trio.Event()
        self._renewal = trio.Event()
        self._was_ready = False  # whether any worker has been ready
        self._announced = False  # whether all have been, and that was reported
        self._shared: SharedSockets  # opened by `run`, which closes it
        self._status = 0
        self._failure: Exception | None = None

    async def run(self, signals: AsyncIterable[int]) -> int:
        """Keep the workers running until told to stop.

        Args:
            signals: The numbers of signals as they come: SIGTERM and SIGINT end all workers
                gracefully, and a second one at once; SIGHUP replaces the workers, SIGUSR1 asks
                each for a report.

        Returns:
            The exit status, as `supervise` returns it.

        Raises:
            BindError: The sockets can't be opened.

        Cancellation: the workers are killed and waited for, the sockets closed.
        """
        self._shared = SharedSockets(len(self._slots))
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
        """Handle signals as they come."""
        async for number in signals:
            self._handle_signal(number)

    def _handle_signal(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._renewal.set()
        elif number == signal.SIGUSR1:
            for worker in self._workers:
                if worker.ready:  # a worker that isn't ready has nothing to report
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
            worker.drain(delayed=True)

    def _start(self, slot: Slot) -> SupervisedWorker:
        """Start a worker for a slot, which the caller may give it once it is ready."""
        worker = SupervisedWorker(
            self._launch,
            timeout=self._timeout,
            open_sockets=self._open_sockets,
            on_ready=self._on_ready,
            turns=self._shared.turns,
            index=self._shared.find_index({each.index for each in self._workers}),
        )
        self._workers.append(worker)
        for observer in self._observers:
            observer.started(worker)
        assert self._nursery is not None
        self._nursery.start_soon(self._supervise_worker, slot, worker)
        return worker

    async def _close_when_drained(self) -> None:
        """Close the sockets once a shutdown has begun and the workers accept no more."""
        await self._stopping.wait()
        delays = [each.delay_seconds for each in self._workers]
        await self._shared.close_when_drained(max(delays, default=0))

    def _start_in(self, slot: Slot) -> None:
        slot.worker = self._start(slot)

    async def _supervise_worker(self, slot: Slot, worker: SupervisedWorker) -> None:
        """Run a worker to its end, and start another one if it ended too early."""
        status = await worker.run()
        self._workers.remove(worker)
        for observer in self._observers:
            observer.ended(worker, status)
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
        """Return the sockets that the first worker asks for; None if they can't be opened."""
        try:
            return await self._shared.open(binds, sockets)
        except (BindError, ValueError) as error:
            self._failure = self._failure or error
            self._stop()
        return None

    def _on_ready(self) -> None:
        """Report the start once every slot has a worker that is ready."""
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
        """Replace the workers one by one, whenever a signal or a changed file asks for it."""
        replace = self._replace if self._watch is None else self._restart
        while True:
            await self._renewal.wait()
            self._renewal = trio.Event()
            telling = self._announced  # before that, this service was never ready
            if telling:
                notify(reloading())
            for slot in self._slots:
                if self._stopping.is_set() or not await replace(slot):
                    break
            if telling and not self._stopping.is_set():
                notify("READY=1")

    async def _replace(self, slot: Slot) -> bool:
        """Start a worker, then end the slot's present one; return False if it can't start."""
        worker = self._start(slot)
        await worker.settled.wait()
        if not worker.ready:
            if not self._stopping.is_set():
                logger.error("worker %s can't start, so the others stay", worker.pid)
            return False
        previous, slot.worker = slot.worker, worker
        assert previous is not None
        slot.failures = 0
        self._on_ready()  # it may be the last worker that the report waited for
        self._shared.leave(previous.index)
        previous.drain()
        await previous.ended.wait()
        return True

    async def _restart(self, slot: Slot) -> bool:
        """End a slot's worker, then start another; return True.

        Two never run at a time: the program may hold something that only one process can hold.
        """
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
    observers: Sequence[Observer] = (),
    task_status: trio.TaskStatus[tuple[str, ...]] = trio.TASK_STATUS_IGNORED,
) -> int:
    """Serve by several processes until a signal ends them.

    Call it in the main thread. SIGTERM and SIGINT end all workers gracefully, a second one at
    once. SIGHUP replaces the workers one by one, SIGUSR1 asks each for a report.

    Args:
        command: A program that calls `take_control` and `serve_as_worker`, and its arguments.
        workers: The number of workers.
        worker_timeout: Seconds without a sign of life after which a worker is killed and replaced;
            ``math.inf`` for no limit.
        reload: Folders; when a Python file in them changes, the workers are ended and started
            again. Then no worker is killed for being silent, since a debugger may hold it.
        observers: Who is told of workers.
        task_status: Reports the URLs once all workers are ready.

    Returns:
        The exit status. It is 0 after a graceful end, and the status of a worker that has ended
        before any was ready. After a second signal it is the signal's number, negative, and the
        caller ends by that signal.

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
        observers=observers,
        task_status=task_status,
    )
    # Named here, since the command is imported on systems that don't have all of them.
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
    with trio.open_signal_receiver(*numbers) as signals:
        return await supervisor.run(signals)

"""A worker as its supervisor sees it: its messages, the patience with it, and its end."""

import os
import signal
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import trio

from hump_trio.command.control import Channel, Message
from hump_trio.command.questions import Questions
from hump_trio.command.worker_process import Process
from hump_trio.facts.loggers import logger
from hump_trio.facts.settings import Sockets
from hump_trio.listening.bound_socket import BoundSocket

__all__ = ["SupervisedWorker", "ask_all"]

# Returns the sockets that a worker asks for; None if they can't be opened.
OpenSockets: TypeAlias = Callable[
    [tuple[str, ...], Sockets], Awaitable[Sequence[BoundSocket] | None]
]

# Importing a program and entering its lifespan may take so many times the worker's timeout.
START_TIMEOUTS = 10
# A worker sends so many beats within its timeout: some may come late.
BEATS = 6
# Time for the interpreter to end, beyond the time that a worker's shutdown may take.
MARGIN_SECONDS = 2.0
# Time for a stuck worker to print its stacks.
STACK_SECONDS = 2.0
# Time to read what a worker has sent before its end. A program that it has forked may hold the
# channel open.
LAST_WORDS_SECONDS = 1.0
# Time for the kernel to end a process that is killed when the supervisor is cancelled.
REAP_SECONDS = 5.0


class SupervisedWorker:
    """One worker and its process.

    Args:
        launch: Starts the process.
        timeout: Seconds without a sign of life after which the process is killed.
        open_sockets: Returns the sockets that the worker asks for.
        turns: The descriptor of `open_turns`; None if there is only one worker.
        index: The worker's index in `open_turns`; None if it has none.
        on_ready: Called when the worker serves.

    Attributes:
        index: The worker's index in `open_turns`.
        delay_seconds: Seconds for which it goes on accepting when the whole service ends.
        addresses: The URLs that it serves at.
        ready: Whether it has begun to serve.
        started: The time at which this was made, on Trio's clock.
        settled: Set when the worker is ready, or has ended.
        ended: Set when its process has ended.
        questions: What it can be asked, once it is ready.
    """

    def __init__(
        self,
        launch: Callable[[], Process],
        *,
        timeout: float,
        open_sockets: OpenSockets,
        on_ready: Callable[[], None],
        turns: int | None = None,
        index: int | None = None,
    ) -> None:
        self.index: int | None = index
        self.delay_seconds: float = 0.0
        self.addresses: tuple[str, ...] = ()
        self.ready: bool = False
        self.started: float = trio.current_time()
        self.settled: trio.Event = trio.Event()
        self.ended: trio.Event = trio.Event()
        self.questions: Questions = Questions()
        self._launch = launch
        self._timeout = timeout
        self._open_sockets = open_sockets
        self._on_ready = on_ready
        self._process: Process | None = None
        self._turns = turns
        self._asked = trio.Event()
        self._delayed = False  # written by `drain`
        self._heard = trio.Event()  # its channel is at its end
        self._grace_seconds: float | None = None  # known from its hello
        self._suspected = False
        self._patience = trio.CancelScope(deadline=self.started + START_TIMEOUTS * timeout)

    @property
    def asked_to_end(self) -> bool:
        """Whether it was asked to end gracefully."""
        return self._asked.is_set()

    @property
    def pid(self) -> int | None:
        """The process's number; None if it wasn't started."""
        return None if self._process is None else self._process.pid

    async def run(self) -> int:
        """Start the process, talk to it, and wait for its end.

        Returns:
            The exit status of the process, negative for a signal; 1 if it can't be started, 0 if
            the worker was asked to end before that.

        Cancellation: the process is killed and waited for.
        """
        if self._asked.is_set():
            self._end()
            return 0
        try:
            process = self._process = self._launch()
        except OSError as error:
            logger.error("a worker can't be started: %s", error)
            self._end()
            return 1
        status: int | None = None
        try:
            with Channel(process.control) as channel:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._listen, channel, nursery)
                    status = await self._wait(process)
                    with trio.move_on_after(LAST_WORDS_SECONDS):
                        await self._heard.wait()
                    nursery.cancel_scope.cancel()
            return status
        finally:
            if status is None:
                process.kill(signal.SIGKILL)
                with trio.move_on_after(REAP_SECONDS, shield=True):
                    await process.wait()
            self._end()

    def _end(self) -> None:
        """Set both events, and ask nothing more: there is no process any more."""
        self.questions.close()
        self.settled.set()
        self.ended.set()

    def kill(self, number: signal.Signals) -> None:
        """Send the process a signal, if there is one."""
        if self._process is not None:
            self._process.kill(number)

    def drain(self, seconds: float | None = None, *, delayed: bool = False) -> None:
        """Ask the worker to end gracefully. Further calls do nothing.

        Args:
            seconds: Seconds after which it is killed; None: those that it has asked for, and a
                little more.
            delayed: Whether it goes on accepting for `delay_seconds`, as at the end of the whole
                service. One that another takes the place of says meanwhile that it isn't ready,
                which isn't so of the service.
        """
        if self._asked.is_set():
            return
        self._delayed = delayed
        self._asked.set()
        if self._grace_seconds is None:  # it doesn't listen to its channel yet, and serves nothing
            self.kill(signal.SIGTERM)
        grace_seconds = self._grace_seconds or MARGIN_SECONDS
        self._wait_for(grace_seconds if seconds is None else seconds)

    def _wait_for(self, seconds: float) -> None:
        """Set the deadline of the patience to so many seconds from now."""
        self._patience.deadline = trio.current_time() + seconds

    async def _wait(self, process: Process) -> int:
        """Wait until the process has ended, and kill it when patience is at an end."""
        while True:
            with self._patience:
                return await process.wait()
            if self._suspected or self._asked.is_set():
                break
            # Perhaps this process was stopped for a while, and beats are waiting to be read.
            self._suspected = True
            self._patience = trio.CancelScope(deadline=trio.current_time() + self._timeout / 2)
        if self._asked.is_set():
            logger.error("worker %d doesn't end and is killed", process.pid)
        else:
            logger.error("worker %d shows no sign of life and is killed; its stacks:", process.pid)
            process.kill(signal.SIGABRT)
            with trio.move_on_after(STACK_SECONDS):
                return await process.wait()
        process.kill(signal.SIGKILL)
        return await process.wait()

    async def _listen(self, channel: Channel, nursery: trio.Nursery) -> None:
        """Handle the worker's messages until its channel ends."""
        try:
            with suppress(trio.BrokenResourceError):
                while (received := await channel.receive()) is not None:
                    message, descriptors = received
                    for each in descriptors:  # a worker has none to give
                        os.close(each)
                    self._handle(message, channel, nursery)
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:
            # An update has come between, or the worker isn't the program's any more.
            logger.error("worker %d isn't of the supervisor's version: %r", self.pid, error)
            self.kill(signal.SIGKILL)
        self._heard.set()

    def _handle(self, message: Message, channel: Channel, nursery: trio.Nursery) -> None:
        """Handle a message.

        Args:
            message: The message.
            channel: Leads to the worker.
            nursery: For what is sent.

        Raises:
            ArithmeticError, KeyError, TypeError, ValueError: It is none that a worker sends.
        """
        if message["kind"] == "hello":
            wish = self._parse_hello(message)
            nursery.start_soon(self._answer, channel, *wish)
            return
        if message["kind"] == "answer":
            self.questions.hear(message)
        if message["kind"] == "ready":
            self.addresses = texts_of(message["addresses"])
            # A worker of an older version answers nothing: it would end at a question.
            self.questions.open(
                texts_of(message.get("answers", [])),
                lambda name, about: nursery.start_soon(self._ask, channel, name, about),
            )
            self.ready = True
            self.settled.set()
            self._on_ready()
        self._suspected = False
        if not self._asked.is_set():
            self._wait_for(self._timeout / 2)

    async def _ask(self, channel: Channel, name: str, about: str) -> None:
        """Send the worker a question."""
        with suppress(trio.BrokenResourceError):
            await channel.send("ask", what=name, about=about)

    def _parse_hello(self, hello: Message) -> tuple[tuple[str, ...], Sockets]:
        """Return the sockets that a worker asks for, and take note of the time that it needs.

        Raises:
            ArithmeticError, KeyError, TypeError, ValueError: It is none that a worker sends.
        """
        if self._grace_seconds is not None:
            raise ValueError("a second hello")
        delay_seconds = seconds_of(hello["delay_seconds"])
        grace_seconds = seconds_of(hello["shutdown_seconds"]) + MARGIN_SECONDS
        wish = texts_of(hello["binds"]), Sockets(**hello["options"])
        self.delay_seconds, self._grace_seconds = delay_seconds, grace_seconds
        return wish

    async def _answer(self, channel: Channel, binds: tuple[str, ...], options: Sockets) -> None:
        """Send the worker its sockets, and later the request to end."""
        sockets = await self._open_sockets(binds, options)
        with suppress(trio.BrokenResourceError):
            if sockets is not None and not self._asked.is_set():
                turns = [] if self._turns is None or self.index is None else [self._turns]
                await channel.send(
                    "sockets",
                    descriptors=[*(each.socket.fileno() for each in sockets), *turns],
                    binds=[each.bind.text for each in sockets],
                    index=self.index if turns else None,
                    beat_seconds=self._timeout / BEATS,
                )
            await self._asked.wait()
            await channel.send("drain", delayed=self._delayed)


def texts_of(value: Any) -> tuple[str, ...]:
    """Return the texts of a list in a message.

    Raises:
        TypeError: It isn't a list of texts.
    """
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"not a list of texts: {value!r:.80}")
    return tuple(value)


def seconds_of(value: Any) -> float:
    """Return the seconds in a message.

    Raises:
        ArithmeticError, TypeError, ValueError: They are none.
    """
    seconds = float(value)
    if not seconds >= 0:
        raise ValueError(f"not a number of seconds: {value!r:.80}")
    return seconds


async def ask_all(
    workers: Iterable[SupervisedWorker], name: str, about: str = "", *, seconds: float
) -> dict[SupervisedWorker, Any]:
    """Ask those workers that are ready, side by side; return the answers of those that have one.

    Args:
        workers: The workers.
        name: The question.
        about: What it is about.
        seconds: Who hasn't answered by then is left out.

    Cancellation: a checkpoint.
    """
    answers: dict[SupervisedWorker, Any] = {}

    async def ask(worker: SupervisedWorker) -> None:
        answer = await worker.questions.ask(name, about)
        if answer is not None:
            answers[worker] = answer

    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            for worker in workers:
                if worker.ready:
                    nursery.start_soon(ask, worker)
    return answers

"""The wrapper in which an app of WSGI is mounted: each of its requests is answered in a thread."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import copy_context
from functools import partial
from inspect import iscoroutinefunction
from itertools import takewhile
from sys import _current_frames as frames_of_threads
from threading import get_ident
from traceback import StackSummary, walk_stack
from types import EllipsisType, FrameType
from typing import Any

import trio

from hump_trio.facts.callables import name_of
from hump_trio.facts.grammar import is_integer
from hump_trio.facts.loggers import logger
from hump_trio.facts.outcomes import OnDisconnect
from hump_trio.messages.choice import prefix_of
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.tasks.threads import Threads, thread_awaited
from hump_trio.wsgi.call import Call, WsgiApp
from hump_trio.wsgi.environ import environ_of
from hump_trio.wsgi.handover import Handover, Wake

__all__ = ["Wsgi"]


class Wsgi:
    """An app of WSGI in a form that can be mounted: ``app.mount("/old", Wsgi(old))``.

    Such an app is one of Flask or Django, or any other by PEP 3333. Each request has a thread of
    its own from the call of the app until its iterable is closed, with the context variables of its
    task. A client that reads slowly holds its thread, and stops the iterable when 64 KiB are ready
    to be sent.

    A request waits for a thread within its time. Nothing can stop a thread: when the time has
    passed or the client has gone, the request ends, and the thread goes on until its next part or
    its end. It is one of the ``threads`` until then. A thread that outlives the shutdown is named
    in the log.

    In the app, ``environ["hump_trio.request"]`` is the `Request`, and
    ``trio.from_thread.run(work, trio_token=environ["hump_trio.token"])`` runs an async function.

    Args:
        app: The app, ``app(environ, start_response)``.
        threads: The most threads that run it at a time. 40: as many as Trio's own functions have.
        on_disconnect: What happens to a request when its client has gone, as on `Router.route`.
        timeout: Seconds for a request, a streamed answer included, as on `Router.route`.
        body_limit: The most bytes of a request's body, which is received before the app is
            called, and held in memory. By default `Limits.upload_bytes`: files come to any path.

    Raises:
        TypeError: The app can't be called, or is async.
        ValueError: ``threads`` isn't a positive number.
    """

    def __init__(
        self,
        app: WsgiApp,
        *,
        threads: int = 40,
        on_disconnect: OnDisconnect = "cancel",
        timeout: float | EllipsisType | None = ...,
        body_limit: int | EllipsisType | None = ...,
    ) -> None:
        check_app(app)
        if not is_integer(threads) or threads < 1:
            raise ValueError(f"threads must be a positive integer, not {threads!r}")
        self.name: str = name_of(app)
        self.speaks: bool = False
        self.open: None = None
        self.on_disconnect: OnDisconnect = on_disconnect
        self.timeout: float | EllipsisType | None = timeout
        self.body_limit: int | EllipsisType | None = body_limit
        self._app = app
        self._threads = Threads(f"threads of {self.name}", threads)
        self._calls: dict[Call, int] = {}  # that run, with the numbers of their threads
        self._wake: Wake | None = None  # for the end of the last one

    async def answer(self, request: Request) -> Response:
        """Return what the app answers, as soon as its first part is there, or all of it.

        Raises:
            Exception: What the app has raised before that.

        Cancellation: a checkpoint. Cancelled here, the request waits for no thread any more, or
            leaves its own thread alone.
        """
        token, begun = trio.lowlevel.current_trio_token(), trio.Event()
        environ = environ_of(request, prefix_of(request.route), token)
        handover = Handover(token, begun.set)
        call = Call(self._app, environ, handover)
        await self._start(call, token)
        try:
            with thread_awaited():
                await begun.wait()
            body = (handover.take_nowait() or b"") if handover.whole else Body(handover)
        except BaseException:
            handover.leave()
            raise
        response = Response(body, call.status)
        response.headers = call.headers  # checked, and nobody else's
        return response

    async def _start(self, call: Call, token: trio.lowlevel.TrioToken) -> None:
        """Start the thread of a call, when there is one to have.

        The thread goes on behind what is waited for, so that a task can't wait for it all by
        `trio.to_thread.run_sync`: with one more task, or a cancellation each time, a request takes
        half as much again.
        """
        limiter = self._threads.limiter
        try:
            limiter.acquire_on_behalf_of_nowait(call)
        except trio.WouldBlock:
            await limiter.acquire_on_behalf_of(call)
        run = partial(copy_context().run, self._run, call)
        release = partial(token.run_sync_soon, limiter.release_on_behalf_of, call)
        try:
            trio.lowlevel.start_thread_soon(run, partial(end_thread, release))
        except BaseException:
            limiter.release_on_behalf_of(call)
            raise

    def _run(self, call: Call) -> None:
        """Run a call in its thread, and remember the call while it runs."""
        self._calls[call] = get_ident()
        call.run()
        del self._calls[call]
        wake = self._wake
        if wake is not None and not self._calls:
            with suppress(trio.RunFinishedError):
                wake()

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Enclose the serving of the app; at the end wait for the threads, and name those left.

        A thread may still work behind its answer, or for a request that couldn't wait for it. All
        threads have half of the time for clean-up; the other half is for the lifespan of ``app``.
        """
        try:
            yield
        finally:
            now = trio.current_time()
            deadline = now + (trio.current_effective_deadline() - now) / 2
            try:
                with trio.move_on_at(deadline):
                    await self._wait_idle()
            finally:
                self._wake = None
                frames = frames_of_threads()
                # Taken in one go: threads end meanwhile.
                left = [each for each in list(self._calls.items()) if each[1] in frames]
                for call, thread in left:
                    log_left(call, frames[thread])

    async def _wait_idle(self) -> None:
        """Wait until no thread runs the app any more."""
        idle = trio.Event()
        self._wake = partial(trio.lowlevel.current_trio_token().run_sync_soon, idle.set)
        if self._calls:  # looked at behind that, as threads look at that behind this
            await idle.wait()


class Body:
    """A streamed body, made in a thread.

    Args:
        handover: What the thread gives it to.
    """

    __slots__ = ("_handover",)

    def __init__(self, handover: Handover) -> None:
        self._handover = handover

    def __aiter__(self) -> "Body":
        return self

    async def __anext__(self) -> bytes:
        data = await self._handover.take()
        if data is None:
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        """Let the thread close the iterable, as soon as it looks."""
        self._handover.leave()

    def __del__(self) -> None:  # a middleware may have dropped the answer
        self._handover.leave()


def check_app(app: Any) -> None:
    """Refuse what isn't an app of WSGI.

    Raises:
        TypeError: With what to write instead.
    """
    if not callable(app) or any(map(iscoroutinefunction, (app, app.__call__))):
        raise TypeError(
            f"Wsgi takes an app(environ, start_response), not {app!r:.80}; one of ASGI is mounted"
            " as Asgi(app), of hump_trio.asgi"
        )


def end_thread(release: Wake, result: object) -> None:
    """Let another call have the thread of one that has ended; called in the thread."""
    with suppress(trio.RunFinishedError):
        release()


def log_left(call: Call, frame: FrameType) -> None:
    """Log which request a thread still works for, and where in the app it stands."""
    within = takewhile(lambda each: each[0].f_code is not Call.run.__code__, walk_stack(frame))
    stack = StackSummary.extract(within)
    stack.reverse()
    text = "the thread of %s can't be stopped; it stands in\n%s"
    logger.error(text, call.what, "".join(stack.format()))

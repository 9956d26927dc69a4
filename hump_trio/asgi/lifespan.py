"""The lifespan of an app of ASGI, within that of the app which it is mounted in.

Source: the ASGI specification 3.0, its lifespan protocol 2.0.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context, ContextVar, Token, copy_context
from typing import Any, Literal, TypeAlias

import trio

from hump_trio.asgi.mistakes import MISTAKES, Message, mistake_in
from hump_trio.asgi.scope import AsgiApp
from hump_trio.facts.exceptions import StartupError
from hump_trio.facts.loggers import logger
from hump_trio.tasks.background import log_failure
from hump_trio.tasks.failures import is_failure

__all__ = ["LIFESPAN_MODES", "LifespanMode", "entered_lifespan"]

# Whether an app has a lifespan: it may have, it has to, or it isn't asked.
LifespanMode: TypeAlias = Literal["auto", "on", "off"]
LIFESPAN_MODES: tuple[LifespanMode, ...] = ("auto", "on", "off")
# What an app may say while it starts, and while it ends.
STARTING = frozenset({"lifespan.startup.complete", "lifespan.startup.failed"})
ENDING = frozenset({"lifespan.shutdown.complete", "lifespan.shutdown.failed"})
NOTHING = object()


@asynccontextmanager
async def entered_lifespan(
    app: AsgiApp, name: str, state: dict[str, Any], *, required: bool
) -> AsyncIterator[None]:
    """Run the lifespan of an app around what is done within.

    What the app has set as context variables until its startup was complete is set in the task that
    enters this, and so in all tasks that it starts from then on.

    Args:
        app: The app.
        name: What a person calls it.
        state: An empty dict, which the app fills for its requests.
        required: Whether an app without a lifespan is an error.

    Raises:
        StartupError: The app says that it can't start; or it has no lifespan, and needs one.
    """
    lifespan = Lifespan(app, name, state, required=required)
    error: BaseException | None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lifespan.run, name=f"the lifespan of {name}")
        await lifespan.settled.wait()
        error = lifespan.failure
        if error is None:
            tokens = adopt(lifespan.context)
            try:
                yield
            except BaseException as raised:
                error = raised
            for variable, token in tokens:
                variable.reset(token)
            if error is None or isinstance(error, Exception):
                await lifespan.end()
        nursery.cancel_scope.cancel()
    if error is not None:
        try:
            raise error  # outside the nursery, which would put it into a group
        finally:
            del error  # its traceback holds this frame


def adopt(context: Context) -> list[tuple[ContextVar[Any], Token[Any]]]:
    """Set the variables of a context that differ from this task's; return how to reset them."""
    changed = [each for each in context.items() if each[0].get(NOTHING) is not each[1]]
    return [(variable, variable.set(value)) for variable, value in changed]


class Lifespan:
    """The call of an app for its lifespan.

    Args:
        app: The app.
        name: What a person calls it.
        state: What it fills for its requests.
        required: Whether an app without a lifespan is an error.

    Attributes:
        settled: Set when the startup is complete or has failed, or when there is no lifespan.
        failure: Why the app can't be served; None if it can.
        context: The context of the app when its startup was complete; empty before.
    """

    def __init__(self, app: AsgiApp, name: str, state: dict[str, Any], *, required: bool) -> None:
        self.settled: trio.Event = trio.Event()
        self.failure: StartupError | None = None
        self.context: Context = Context()
        self._app = app
        self._name = name
        self._state = state
        self._required = required
        self._received: list[str] = []  # the messages that the app has received
        self._sent: list[str] = []  # and those that it has sent
        self._ending = trio.Event()
        self._over = trio.Event()  # set when the app has returned, or waits for nothing any more

    async def run(self) -> None:
        """Call the app; an error of it is logged, and ends nothing else."""
        asgi = {"version": "3.0", "spec_version": "2.0"}
        scope = {"type": "lifespan", "asgi": asgi, "state": self._state}
        error: BaseException | None = None
        try:
            await self._app(scope, self.receive, self.send)
        except BaseException as raised:
            if not is_failure(raised):
                await log_failure(f"the lifespan of {self._name} has failed", raised)
            error = raised
        if not self._sent:
            self._lack(error)
        elif error is not None and is_failure(error) and not self._sent[-1].endswith(".failed"):
            logger.error("the lifespan of %s has failed", self._name, exc_info=error)
        self.settled.set()
        self._over.set()

    def _lack(self, error: BaseException | None) -> None:
        """Deal with an app that has no lifespan."""
        line = str(error).partition("\n")[0]
        why = "" if error is None else f": {type(error).__name__}: {line}"
        if self._required:
            self.failure = StartupError(self._name, f"there is no lifespan{why}")
            self.failure.__cause__ = error
        else:
            logger.info("%s has no lifespan%s", self._name, why)

    async def receive(self) -> Message:
        """Return the next message for the app: the startup, and much later the shutdown.

        Raises:
            RuntimeError: The app has received the startup, and not answered it.
        """
        if not self._received:
            self._received.append("startup")
            return {"type": "lifespan.startup"}
        if not self._sent:
            raise RuntimeError("lifespan.startup is answered by lifespan.startup.complete")
        if "shutdown" in self._received:
            self._over.set()
            await trio.sleep_forever()
        await self._ending.wait()
        self._received.append("shutdown")
        return {"type": "lifespan.shutdown"}

    async def send(self, message: Message) -> None:
        """Take a message of the app.

        Raises:
            RuntimeError: It makes no sense at this point.
            TypeError: It is no message.
        """
        try:
            kind = message["type"]
            if kind == "lifespan.shutdown.failed" and self._is_served:
                self._received.append("shutdown")  # it doesn't wait for that any more
            if kind not in (ENDING if "shutdown" in self._received else STARTING):
                raise RuntimeError("there is no such message here")
            if len(self._sent) > self._received.count("shutdown"):
                raise RuntimeError("the server has been told already")
            why = str(message.get("message", ""))
        except MISTAKES as error:
            raise mistake_in(message, error) from error
        self._sent.append(kind)
        if kind == "lifespan.startup.complete":
            self.context = copy_context()
        elif kind == "lifespan.startup.failed":
            self.failure = StartupError(self._name, why)
        elif kind == "lifespan.shutdown.failed" and not is_cancelled():
            logger.error("%s has failed to shut down: %s", self._name, why)
        self.settled.set()

    @property
    def _is_served(self) -> bool:
        """Whether the startup is complete, and no shutdown was asked for."""
        return self._sent == ["lifespan.startup.complete"] and "shutdown" not in self._received

    async def end(self) -> None:
        """Ask the app to shut down, and wait until it has."""
        self._ending.set()
        await self._over.wait()


def is_cancelled() -> bool:
    """Tell whether this task was cancelled: frameworks take that for a shutdown that has failed."""
    return trio.current_effective_deadline() == -math.inf

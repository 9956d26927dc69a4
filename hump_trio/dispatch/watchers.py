"""Watchers: generators around whole exchanges, from before the handler to the answer's end."""

from collections.abc import Callable, Generator, Sequence
from inspect import isfunction, isgeneratorfunction, signature
from typing import Any, TypeAlias

from trio.lowlevel import current_task

from hump_trio.facts.callables import name_of
from hump_trio.facts.loggers import logger
from hump_trio.messages.access_record import AccessRecord, Ended
from hump_trio.messages.request import Request
from hump_trio.tasks.failures import is_failure

__all__ = ["Entered", "Watcher", "check_watcher"]

Watcher: TypeAlias = Callable[[Request], Generator[None, Ended, Any]]


class Entered:
    """The watchers of one request, entered in the task and the context of its handler.

    Args:
        watchers: What to enter; what fails is logged, and left out.
        request: The request.
    """

    __slots__ = ("_context", "_generators", "error")

    def __init__(self, watchers: Sequence[Watcher], request: Request) -> None:
        self.error: BaseException | None = None
        self._context = current_task().context
        self._generators: list[tuple[Watcher, Generator[None, Ended, Any]]] = []
        for watcher in watchers:
            try:
                generator = watcher(request)
                next(generator)
            except StopIteration:
                logger.error("the watcher %s has returned without a yield", name_of(watcher))
            except BaseException as error:
                log_failed(watcher, error)
            else:
                self._generators.append((watcher, generator))

    def end(self, access: AccessRecord) -> None:
        """Resume the watchers, the last one first, in the context that they were entered in."""
        ended = Ended(access, self.error)
        self.error = None
        if current_task().context is self._context:
            self._resume(ended)
        else:  # another task ends the request, since its handler works on behind the answer
            self._context.run(self._resume, ended)

    def _resume(self, ended: Ended) -> None:
        for watcher, generator in reversed(self._generators):
            try:
                generator.send(ended)
            except StopIteration:
                pass
            except BaseException as error:
                log_failed(watcher, error)
            else:
                logger.error("the watcher %s has a second yield", name_of(watcher))
                try:
                    generator.close()
                except BaseException as error:
                    log_failed(watcher, error)


def log_failed(watcher: Watcher, error: BaseException) -> None:
    """Log what a watcher has raised.

    Raises:
        BaseException: It ends the program.
    """
    if not is_failure(error):
        raise error
    logger.error("the watcher %s failed", name_of(watcher), exc_info=error)


def check_watcher(watcher: Watcher) -> None:
    """Check that a function can be a watcher.

    Raises:
        TypeError: It isn't a generator function, or takes other parameters than the request.
    """
    made = watcher if isfunction(watcher) or not callable(watcher) else type(watcher).__call__
    if not (isgeneratorfunction(watcher) or isgeneratorfunction(made)):
        raise TypeError(
            "a watcher is a plain function with one yield, as in `ended = yield`,"
            f" not {watcher!r:.80}"
        )
    try:
        signature(watcher).bind("request")
    except TypeError:
        raise TypeError(f"the watcher {name_of(watcher)} must take (request)") from None

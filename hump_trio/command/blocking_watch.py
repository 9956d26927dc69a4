"""For development: a warning, with the stack, while a task keeps all other tasks waiting.

Trio tells when a task's step begins and ends. A thread watches how long the step takes, because
after the step the stack would show the next `await` instead of the line that has blocked.
"""

import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import dropwhile, takewhile
from sys import _current_frames as current_frames
from types import FrameType, TracebackType
from typing import NamedTuple, Self

import trio

from hump_trio.facts.loggers import logger
from hump_trio.messages.request import Request
from hump_trio.tasks.task_tree import MACHINERY

__all__ = ["BlockingWatch"]

# How often the thread looks within the time that a step may take.
LOOKS = 4
# The function of Trio that runs the steps of tasks.
SCHEDULER = "unrolled_run"


class Step(NamedTuple):
    """A step of a task, from one `await` that waits to the next.

    Args:
        task: The task.
        since: The time at which the step began, by the watch's clock.
    """

    task: trio.lowlevel.Task
    since: float


class BlockingWatch(trio.abc.Instrument):
    """Warns once of each step of a task that takes too long, while the step still runs.

    It is an instrument for `trio.run`. Enter it as a context manager before, in the same thread;
    leaving it ends the thread that watches.

    Args:
        seconds: Seconds that a step may take.
        clock: Returns the time in seconds; tests give one of their own.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._seconds = seconds
        self._clock = clock
        self._step: Step | None = None
        self._warned: Step | None = None
        self._left = threading.Event()
        self._watched = threading.get_ident()
        self._thread = threading.Thread(target=self._watch, name="blocking watch", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread that watches."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._left.set()
        self._thread.join()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Remember the step that begins."""
        self._step = Step(task, self._clock())

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Forget the step, which has ended."""
        self._step = None

    def _watch(self) -> None:
        while not self._left.wait(self._seconds / LOOKS):
            self.look()

    def look(self) -> None:
        """Warn if the present step has taken too long."""
        step, now = self._step, self._clock()
        if step is None or step is self._warned or not is_late(step.since, now, self._seconds):
            return
        frames = list(frames_of(current_frames().get(self._watched)))
        if self._step is not step:
            return  # the step has ended meanwhile: these frames are another's
        self._warned = step
        logger.warning(
            "%s keeps all others waiting, for %.2f s so far; it is in\n%s",
            describe(step.task, frames),
            now - step.since,
            "".join(stack_of(frames).format()).rstrip(),
        )


def is_late(since: float, now: float, seconds: float) -> bool:
    """Tell whether a step that began at a time has taken too long."""
    return now - since >= seconds


def frames_of(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield a frame and its callers, the innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def stack_of(frames: Sequence[FrameType]) -> traceback.StackSummary:
    """Return the program's own part of a stack: the frames below the scheduler and the server.

    Args:
        frames: The stack's frames, the innermost first.
    """
    step = takewhile(lambda frame: frame.f_code.co_name != SCHEDULER, frames)
    outermost_first = list(step)[::-1]
    own = list(dropwhile(lambda frame: package_of(frame) in MACHINERY, outermost_first))
    return traceback.StackSummary.extract(
        (frame, frame.f_lineno) for frame in own or outermost_first
    )


def describe(task: trio.lowlevel.Task, frames: Iterable[FrameType]) -> str:
    """Return the request that a task serves, or the task's name if it serves none."""
    for frame in frames:
        if package_of(frame) == "hump_trio":
            request = frame.f_locals.get("request")
            if isinstance(request, Request):
                return f"{request.method} {request.target}"
    return f"the task {task.name}"


def package_of(frame: FrameType) -> str:
    """Return the package whose code a frame runs."""
    module: str = frame.f_globals.get("__name__", "")
    return module.partition(".")[0]

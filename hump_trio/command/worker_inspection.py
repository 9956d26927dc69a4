"""``--inspect``: the live page of this process, or of all workers, at an address of its own."""

from dataclasses import replace
from typing import Any

import trio

from hump_trio.answers.redirect import RedirectResponse
from hump_trio.app import Hump
from hump_trio.command.questions import Answer
from hump_trio.command.supervised_worker import SupervisedWorker, ask_all
from hump_trio.facts.loggers import logger
from hump_trio.facts.settings import Limits
from hump_trio.inspection.live_page import router_of
from hump_trio.inspection.merged_snapshot import Told, describe, line_of, merge
from hump_trio.inspection.snapshot import Snapshot, WorkerLine
from hump_trio.inspection.subject import AppSubject, Subject, set_log_level
from hump_trio.listening.bind import parse_bind
from hump_trio.middleware.trusted_hosts import TrustedHosts

__all__ = ["WorkerInspection", "answers_of", "app_of_process", "app_of_workers"]

LOOK, CANCEL, LEVEL = "inspect", "cancel a request", "set the log's level"
# How long an answer may take beyond the time for which the worker looks.
ANSWER_SECONDS = 2.0
# Another site may have its name lead here, so that its pages could read what is shown.
HOSTS = ("localhost", "127.0.0.1", "[::1]")  # of its tunnel, too
# Any user of the machine may look: what is left of the loop and the descriptors is the server's.
LIMITS = Limits(connections=100, requests=100)


def answers_of(app: Hump[Any], *, actions: bool) -> dict[str, Answer]:
    """Return what answers the supervisor's questions.

    Args:
        app: The app of this worker, before it is served.
        actions: Whether the supervisor can do something about what it sees.
    """
    subject = AppSubject(app, queries=True)

    async def look(about: str) -> Any:
        seconds, count = about.split()
        snapshot = await subject.look(float(seconds), int(count))
        return describe(snapshot, subject.figures.routes)

    answers: dict[str, Answer] = {LOOK: look}
    if actions:
        answers |= {CANCEL: subject.cancel, LEVEL: subject.set_log_level}
    return answers


def app_of_process(app: Hump[Any], bind: str, *, actions: bool) -> Hump[Any]:
    """Return an app that has the live page of another one in this process.

    Args:
        app: The other one, before it is served.
        bind: The address of the page.
        actions: Whether an operator can do something about what the page shows.
    """
    return app_of(AppSubject(app, queries=True), bind, actions=actions)


def app_of_workers(workers: "WorkerInspection", bind: str, *, actions: bool) -> Hump[Any]:
    """Return an app that has the live page of all workers."""
    return app_of(workers, bind, actions=actions)


def app_of(subject: Subject, bind: str, *, actions: bool) -> Hump[Any]:
    app = Hump[Any](binds=[bind], limits=LIMITS)
    host = parse_bind(bind).host
    if host is not None:
        app.middleware(TrustedHosts([*HOSTS, f"[{host}]" if ":" in host else host]))
    app.include(router_of(subject, actions=actions))

    @app.get("/")
    async def lead_to_page() -> RedirectResponse:
        return RedirectResponse("/inspect")

    return app


class WorkerInspection:
    """All workers of a supervisor, as what is looked at."""

    def __init__(self) -> None:
        self._workers: list[SupervisedWorker] = []

    def started(self, worker: SupervisedWorker) -> None:
        """Take note of a worker."""
        self._workers.append(worker)

    def ended(self, worker: SupervisedWorker, status: int) -> None:
        """Forget a worker."""
        self._workers.remove(worker)

    async def look(self, seconds: float, count: int) -> Snapshot:
        """Ask all workers, and return the sum. For one that is late, its last answer stands."""
        patience = seconds + ANSWER_SECONDS
        asked = {worker for worker in self._workers if worker.ready}
        answers = await ask_all(self._workers, LOOK, f"{seconds} {count}", seconds=patience)
        told, lines = [], []
        for worker in list(self._workers):  # others than before may be there now
            await trio.lowlevel.checkpoint()  # to read what one has told takes milliseconds
            found = told_by(worker)
            if found is not None:
                told.append(found)
            state = state_of(
                worker, asked=worker in asked, answered=worker in answers and found is not None
            )
            lines.append(describe_worker(worker, found, state))
        return merge(told, lines)

    async def cancel(self, name: str) -> bool:
        """Have the worker that has a request end it; return whether there was one."""
        answers = await ask_all(self._workers, CANCEL, name, seconds=ANSWER_SECONDS)
        return any(answers.values())

    async def drain(self, pid: int) -> bool:
        """Ask a worker to end gracefully, after which the supervisor starts another one.

        One that doesn't serve yet isn't asked: the supervisor would take that for a failed start.
        """
        await trio.lowlevel.checkpoint()
        for worker in self._workers:
            if worker.pid == pid and worker.ready:
                logger.warning("an operator has asked worker %d to end", pid)
                worker.drain()
                return True
        return False

    async def set_log_level(self, level: str) -> None:
        """Set the lowest level that is logged by this process and all workers of now."""
        set_log_level(level)
        await ask_all(self._workers, LEVEL, level, seconds=ANSWER_SECONDS)


def told_by(worker: SupervisedWorker) -> Told | None:
    """Return what a worker has told last; None if that is nothing, or can't be read."""
    value = worker.questions.told.get(LOOK)
    try:
        return None if value is None else Told(value)
    except (KeyError, TypeError, ValueError):  # an update has come between
        return None


def state_of(worker: SupervisedWorker, *, asked: bool, answered: bool) -> str:
    """Return the state of a worker, as in `WorkerLine`.

    Args:
        worker: The worker.
        asked: Whether it was asked to tell: it was ready.
        answered: Whether it has told something that can be read.
    """
    if not asked:
        return "starting"
    if worker.asked_to_end:
        return "ending"
    return "serving" if answered else "silent"


def describe_worker(worker: SupervisedWorker, told: Told | None, state: str) -> WorkerLine:
    """Return the line of a worker.

    Args:
        worker: The worker.
        told: What it has told last.
        state: Its state.
    """
    line = line_of(worker.pid or 0, state, trio.current_time() - worker.started)
    if told is None:
        return line
    return replace(told.line, pid=line.pid, state=state, age_seconds=line.age_seconds)

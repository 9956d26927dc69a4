"""A router with the live page of an app, for operators."""

from collections.abc import AsyncIterator
from typing import Any

import trio

from hump_trio.answers.event_stream import EventStream
from hump_trio.answers.redirect import RedirectResponse
from hump_trio.app import Hump
from hump_trio.dispatch.router import Router
from hump_trio.facts.exceptions import HttpException
from hump_trio.facts.loggers import LOG_LEVELS
from hump_trio.inspection.page import page_policy, render_page, render_snapshot
from hump_trio.inspection.subject import AppSubject, Subject
from hump_trio.messages.response import HtmlResponse, JsonResponse
from hump_trio.middleware.option_checks import check_flag
from hump_trio.middleware.same_origin import SameOrigin

__all__ = ["inspector", "router_of"]

# The page is as old as this at most, and the loop is looked at so often meanwhile.
EVENT_SECONDS = 1.0
LOOK_COUNT = 10
# Where one look has to do.
GLANCE_SECONDS = 0.01


def inspector(app: Hump[Any], *, actions: bool = False, queries: bool = True) -> Router:
    """Return a router with a live page of what an app does, to be included behind one's own auth.

    ``/inspect`` is the page, which shows itself anew each second, ``/inspect/state`` the same as
    JSON, and ``/inspect/events`` what the page listens to. They show each request in flight, the
    oldest first, with its task tree, the line at which each task stands, and what will end it; and
    connections, limits, background work, figures by route, the last crashes. They show no fields,
    bodies or cookies, and of crashes no message. A request costs a watcher (see `Hump.watch`).

    Args:
        app: The app, before it is served. Its lifespan, limits and routes are what is shown.
        actions: Whether a POST, by a button on the page, cancels a request, as if its time had
            passed, asks the process to end gracefully, or sets the level of the root logger. Pages
            of other origins are refused (see `SameOrigin`).
        queries: Whether queries of targets are shown; they may hold keys.

    Raises:
        RuntimeError: The app is being served.
        TypeError: The app is no `Hump`, or an option isn't a bool.
    """
    if not isinstance(app, Hump):
        raise TypeError(f"an inspector is one of an app, not of {app!r:.80}")
    check_flag("actions", actions)
    check_flag("queries", queries)
    return router_of(AppSubject(app, queries=queries), actions=actions)


def router_of(subject: Subject, *, actions: bool) -> Router:
    """Return a router with the live page of what is looked at.

    Args:
        subject: That.
        actions: Whether something can be done about it.
    """
    watched = Inspector(subject, actions=actions)
    router = Router("/inspect", hidden=True)
    router.middleware(SameOrigin())
    router.get("")(watched.inspection_page)
    router.get("/state")(watched.inspection_state)
    router.get("/events")(watched.inspection_events)
    if actions:
        router.post("/requests/{name}/cancel")(watched.cancel_request)
        router.post("/workers/{pid:int}/drain")(watched.drain_worker)
        router.post("/log/{level}")(watched.set_log_level)
    return router


class Inspector:
    """Answers with what a subject does.

    Args:
        subject: What is looked at.
        actions: Whether something can be done about it.
    """

    def __init__(self, subject: Subject, *, actions: bool) -> None:
        self._subject = subject
        self._actions = actions

    async def inspection_page(self) -> HtmlResponse:
        """Answer with the page."""
        page = render_page(await self._subject.look(GLANCE_SECONDS, 1), actions=self._actions)
        policy = page_policy(actions=self._actions)
        fields = {"content-security-policy": policy, "cache-control": "no-store"}
        return HtmlResponse(page, headers=fields)

    async def inspection_state(self) -> JsonResponse:
        """Answer with the same as JSON."""
        snapshot = await self._subject.look(GLANCE_SECONDS, 1)
        return JsonResponse(snapshot, headers={"cache-control": "no-store"})

    async def inspection_events(self) -> EventStream:
        """Answer with what changes on the page, each second."""
        return EventStream(self._watch_page())

    async def _watch_page(self) -> AsyncIterator[str]:
        while True:
            due = trio.current_time() + EVENT_SECONDS
            snapshot = await self._subject.look(EVENT_SECONDS, LOOK_COUNT)
            yield render_snapshot(snapshot, actions=self._actions)
            await trio.sleep_until(due)  # where nobody could be asked, that took no time

    async def cancel_request(self, name: str) -> RedirectResponse:
        """End a request as if its time had passed, and lead back to the page.

        Raises:
            HttpException: 404, it isn't in flight, or not any more.
        """
        if not await self._subject.cancel(name):
            raise HttpException(404, "no such request is in flight")
        return RedirectResponse("../../../inspect")

    async def drain_worker(self, pid: int) -> RedirectResponse:
        """Ask a process to end gracefully, and lead back to the page.

        Raises:
            HttpException: 404, there is none of that number.
        """
        if not await self._subject.drain(pid):
            raise HttpException(404, "no such process serves")
        return RedirectResponse("../../../inspect")

    async def set_log_level(self, level: str) -> RedirectResponse:
        """Set the lowest level that is logged, and lead back to the page.

        Raises:
            HttpException: 404, there is no such level.
        """
        if level not in LOG_LEVELS:
            raise HttpException(404, f"a level is {', '.join(LOG_LEVELS)}")
        await self._subject.set_log_level(level)
        return RedirectResponse("../../inspect")

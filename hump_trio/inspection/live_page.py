"""A router with the live page of an app, for operators."""

from collections.abc import AsyncIterator
from secrets import token_bytes
from typing import Any

import trio

from hump_trio.answers.event_stream import EventStream
from hump_trio.answers.redirect import RedirectResponse
from hump_trio.app import Hump, server_of
from hump_trio.dispatch.router import Router
from hump_trio.facts.exceptions import HttpException
from hump_trio.facts.loggers import logger
from hump_trio.inspection.endings import end_early
from hump_trio.inspection.figures import Figures
from hump_trio.inspection.page import page_policy, render_page, render_snapshot
from hump_trio.inspection.snapshot import Snapshot, identify, take_snapshot
from hump_trio.messages.response import HtmlResponse, JsonResponse
from hump_trio.middleware.option_checks import check_flag
from hump_trio.middleware.same_origin import SameOrigin

__all__ = ["inspector"]

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
            passed. Pages of other origins are refused (see `SameOrigin`).
        queries: Whether queries of targets are shown; they may hold keys.

    Raises:
        RuntimeError: The app is being served.
        TypeError: The app is no `Hump`, or an option isn't a bool.
    """
    if not isinstance(app, Hump):
        raise TypeError(f"an inspector is one of an app, not of {app!r:.80}")
    check_flag("actions", actions)
    check_flag("queries", queries)
    watched = Inspector(app, actions=actions, queries=queries)
    router = Router("/inspect", hidden=True)
    router.middleware(SameOrigin())
    router.get("")(watched.inspection_page)
    router.get("/state")(watched.inspection_state)
    router.get("/events")(watched.inspection_events)
    if actions:
        router.post("/requests/{name}/cancel")(watched.cancel_request)
    return router


class Inspector:
    """Answers with what an app does.

    Args:
        app: The app.
        actions: Whether requests can be cancelled.
        queries: Whether queries are shown.
    """

    def __init__(self, app: Hump[Any], *, actions: bool, queries: bool) -> None:
        self._app = app
        self._actions = actions
        self._queries = queries
        self._key = token_bytes(16)
        self._figures = Figures(queries=queries)
        app.watch(self._figures.watch)

    async def inspection_page(self) -> HtmlResponse:
        """Answer with the page."""
        snapshot = self._look(await measure_lag(GLANCE_SECONDS, 1))
        page = render_page(snapshot, actions=self._actions)
        policy = page_policy(actions=self._actions)
        fields = {"content-security-policy": policy, "cache-control": "no-store"}
        return HtmlResponse(page, headers=fields)

    async def inspection_state(self) -> JsonResponse:
        """Answer with the same as JSON."""
        snapshot = self._look(await measure_lag(GLANCE_SECONDS, 1))
        return JsonResponse(snapshot, headers={"cache-control": "no-store"})

    async def inspection_events(self) -> EventStream:
        """Answer with what changes on the page, each second."""
        return EventStream(self._watch_page())

    async def _watch_page(self) -> AsyncIterator[str]:
        while True:
            lag_seconds = await measure_lag(EVENT_SECONDS, LOOK_COUNT)
            yield render_snapshot(self._look(lag_seconds), actions=self._actions)

    async def cancel_request(self, name: str) -> RedirectResponse:
        """End a request as if its time had passed, and lead back to the page.

        Raises:
            HttpException: 404, it isn't in flight, or not any more.
        """
        for clock in server_of(self._app).watchdog.clocks:
            found = clock.request
            if found is not None and identify(clock, found, self._key) == name:
                logger.warning("an operator has cancelled %s", clock.describe())
                end_early(clock, found)
                return RedirectResponse("../../../inspect")
        raise HttpException(404, "no such request is in flight")

    def _look(self, lag_seconds: float) -> Snapshot:
        return take_snapshot(
            self._app,
            self._figures,
            key=self._key,
            lag_seconds=lag_seconds,
            queries=self._queries,
        )


async def measure_lag(seconds: float, count: int) -> float:
    """Sleep for some seconds, and return how late the loop has woken this task at the worst.

    A checkpoint.

    Args:
        seconds: How long it takes in all.
        count: How many looks these are.
    """
    worst = 0.0
    for _ in range(count):
        due = trio.current_time() + seconds / count
        await trio.sleep_until(due)
        worst = max(worst, trio.current_time() - due)
    return worst

"""A page that shows a snapshot: it loads nothing from elsewhere, and reads without its script."""

import base64
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from hump_trio.facts.loggers import LOG_LEVELS
from hump_trio.inspection.snapshot import (
    RequestLine,
    RouteLine,
    Snapshot,
    TaskLine,
    WorkerLine,
    WorkLine,
)

__all__ = ["page_policy", "render_page", "render_snapshot"]

STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 1rem 1.5rem }
h1 { font-size: 1.3rem; margin: 0 } h2 { font-size: 1.05rem; margin: 1.5rem 0 .3rem }
table { border-collapse: collapse } p { margin: .3rem 0 }
td, th { text-align: left; vertical-align: top; padding: .15rem 1.2rem .15rem 0 }
td { border-top: 1px solid #8883 }
code, li { font: .93em/1.5 ui-monospace, monospace; overflow-wrap: anywhere }
ol { list-style: none; margin: .2rem 0 .6rem; padding: 0 }
mark { background: #fd08; color: inherit; padding: 0 .2em; border-radius: 3px }
small { opacity: .65 } form { display: inline } summary { cursor: pointer }
.stale main { opacity: .4 }
@media (prefers-color-scheme: dark) { body { background: #111; color: #eee } }
"""
# What is being selected or pressed stays as it is; a page whose server is silent turns pale.
SCRIPT = """
const main = document.querySelector("main");
const source = new EventSource(main.dataset.events);
source.onmessage = event => {
    document.body.classList.remove("stale");
    if (getSelection().isCollapsed && !main.querySelector(":active, details[open]"))
        main.innerHTML = event.data;
};
source.onerror = () => document.body.classList.add("stale");
"""
# How the inspector's other paths begin, seen from the page. A proxy may have taken a prefix off the
# path, so the whole isn't known.
BASE = "inspect/"
# A tree is indented so deep at most.
DEPTH = 20


def hash_of(text: str) -> str:
    """Return what a policy calls an inline text by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def page_policy(*, actions: bool) -> str:
    """Return the Content-Security-Policy of the page: no text in it can do harm.

    Args:
        actions: Whether it has forms.
    """
    return (
        f"default-src 'none'; style-src {hash_of(STYLE)}; script-src {hash_of(SCRIPT)};"
        f" connect-src 'self'; form-action '{'self' if actions else 'none'}'; base-uri 'none';"
        " frame-ancestors 'none'"
    )


def render_page(snapshot: Snapshot, *, actions: bool) -> str:
    """Return the page.

    Args:
        snapshot: What it shows at first.
        actions: Whether requests can be cancelled.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Requests in flight</title><style>{STYLE}</style></head><body>"
        f'<main data-events="{BASE}events">'
        f"{render_snapshot(snapshot, actions=actions)}</main>"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def render_snapshot(snapshot: Snapshot, *, actions: bool) -> str:
    """Return what changes on the page.

    Args:
        snapshot: What it shows.
        actions: Whether requests can be cancelled.
    """
    left_out = snapshot.request_count - len(snapshot.requests)
    figures = {
        "connections": f"{sum(snapshot.connections.values())} of {snapshot.connection_count}",
        "WebSockets": snapshot.websockets,
        "HTTP/2 streams": snapshot.streams,
        "bytes of bodies": snapshot.buffered_bytes,
        "loop lag": f"{snapshot.lag_seconds * 1000:.1f} ms",
    }
    silent = {each.pid for each in snapshot.workers if each.state == "silent"}
    return (
        f"<h1>{snapshot.request_count} requests in flight</h1>"
        f"<p>{' · '.join(f'{name} <b>{value}</b>' for name, value in figures.items())}</p>"
        f"<p>Connections by phase: {escape(count_words(snapshot.connections))}</p>"
        f"<p>Ended since the start: {escape(count_words(snapshot.outcomes))}</p>"
        f"<p>Processes: {count_words(Counter(each.state for each in snapshot.workers))}</p>"
        + "".join(
            render_request(each, actions=actions, silent=each.pid in silent)
            for each in snapshot.requests
        )
        + (f"<p>and {left_out} younger ones</p>" if left_out else "")
        + render_workers(snapshot.workers, actions=actions)
        + render_table(
            "Limits",
            ("", "used", "of", "waiting"),
            (
                (each.name, str(each.used), written(each.total), str(each.waiting))
                for each in snapshot.limits
            ),
        )
        + render_table(
            "Routes",
            ("", "ended", "p50", "p99", "outcomes"),
            map(route_cells, snapshot.routes),
        )
        + render_work("Background", snapshot.background)
        + render_work("Lifespan", snapshot.lifespan)
        + render_crashes(snapshot)
    )


def button_of(path: str, text: str) -> str:
    """Return a button that posts to a path."""
    return f' <form method="post" action="{BASE}{path}"><button>{text}</button></form>'


def render_workers(workers: Collection[WorkerLine], *, actions: bool) -> str:
    """Return a line for each process, and buttons for the level of their logs, below a heading.

    Args:
        workers: The processes.
        actions: Whether they can be asked to end.
    """
    lines = "".join(
        f"<p>Process <b>{each.pid}</b>, {escape(each.state)}, {each.age_seconds:.0f} s old"
        f"{'; when it last answered:' if each.state == 'silent' else ':'}"
        f" {each.request_count} requests, {each.connection_count} connections,"
        f" loop lag {each.lag_seconds * 1000:.1f} ms"
        f"{button_of(f'workers/{each.pid}/drain', 'drain') if actions else ''}</p>"
        for each in workers
    )
    levels = "".join(button_of(f"log/{level}", level) for level in LOG_LEVELS)
    if actions:
        lines += f"<p>Level of the log:{levels}</p>"
    return f"<h2>Processes</h2>{lines}" if workers else ""


def render_request(request: RequestLine, *, actions: bool, silent: bool) -> str:
    """Return what the page shows of a request.

    Args:
        request: The request.
        actions: Whether it can be cancelled.
        silent: Whether its process doesn't answer, so that all is as when it last did.
    """
    button = button_of(f"requests/{quote(request.id, safe='')}/cancel", "cancel") if actions else ""
    return (
        f"<h2><code>{escape(request.method)} {escape(request.target)}</code>"
        f" {request.age_seconds:.1f} s{button}</h2>"
        f"<p>{escape(request.route) or 'no route'}, process {request.pid}"
        f"{' (silent: as when it last answered)' if silent else ''},"
        f" {escape(request.protocol)} from {escape(request.client) or '-'},"
        f" phase <b>{escape(request.phase)}</b>, {request.sent_bytes} bytes sent;"
        f" {escape(end_words(request))}</p>" + render_tasks(request.tasks)
    )


def end_words(request: RequestLine) -> str:
    """Return what will end a request, and when."""
    if request.remaining_seconds is None:
        return "nothing ends it but its client"
    return f"{request.remaining_seconds:.1f} s left: {request.cause}, then {request.consequence}"


def render_tasks(tasks: Iterable[TaskLine]) -> str:
    """Return a tree, in which the lines are marked that something waits at in the end."""
    return f"<ol>{''.join(map(render_task, tasks))}</ol>"


def render_task(task: TaskLine) -> str:
    """Return a line of a tree."""
    place = escape(task.line or task.library) or "<small>a line of the server</small>"
    if task.line and task.innermost:
        place = f"<mark>{place}</mark>"
    if task.line and task.library:
        place += f" <small>which led to {escape(task.library)}</small>"
    name = "" if task.name.startswith("hump_trio.") else f"{escape(task.name)} at "
    return f"<li>{'&nbsp;' * 4 * min(task.depth, DEPTH)}{name}{place}</li>"


def render_work(heading: str, work: Iterable[WorkLine]) -> str:
    """Return trees below a heading; empty if there is none."""
    trees = "".join(
        f"<p>{escape(each.text)}, process {each.pid}</p>{render_tasks(each.tasks)}" for each in work
    )
    return f"<h2>{heading}</h2>{trees}" if trees else ""


def render_crashes(snapshot: Snapshot) -> str:
    """Return the last crashes below a heading; empty if there is none."""
    crashes = "".join(
        f"<p><code>{escape(each.method)} {escape(each.target)}</code>"
        f" {escape(each.route) or 'no route'}, process {each.pid},"
        f" {each.age_seconds:.0f} s ago</p><ol>"
        f"{''.join(f'<li><mark>{escape(place)}</mark></li>' for place in each.places)}</ol>"
        f"<details><summary>frames</summary><ol>"
        f"{''.join(f'<li>{escape(frame)}</li>' for frame in each.frames)}</ol></details>"
        for each in snapshot.crashes
    )
    return f"<h2>Crashes</h2>{crashes}" if crashes else ""


def route_cells(route: RouteLine) -> tuple[str, ...]:
    """Return the cells of a route's row."""
    return (
        route.route or "no route",
        str(route.count),
        f"≤ {route.p50_seconds * 1000:.1f} ms",
        f"≤ {route.p99_seconds * 1000:.1f} ms",
        count_words(route.outcomes),
    )


def count_words(counts: Mapping[Any, int]) -> str:
    """Return counts by their words, without those of none."""
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "none"


def written(total: float | None) -> str:
    """Return a limit as it is shown."""
    return "no limit" if total is None else f"{total:g}"


def render_table(heading: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table of texts below a heading; empty if it has no rows."""
    lines = "".join(f"<tr><td>{'</td><td>'.join(map(escape, cells))}</td></tr>" for cells in rows)
    head = f"<tr><th>{'</th><th>'.join(columns)}</th></tr>"
    return f"<h2>{heading}</h2><table>{head}{lines}</table>" if lines else ""

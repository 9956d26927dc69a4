"""Snapshots of servers that nobody runs, for tests of what is made of them."""

from dataclasses import fields
from typing import Any

from hump_trio.inspection.snapshot import RequestLine, Snapshot, WorkerLine

__all__ = ["request_of", "snapshot_of", "worker_of"]


def request_of(**options: Any) -> RequestLine:
    """Return a request; what isn't given is of no matter."""
    given: dict[str, Any] = dict.fromkeys(
        ("id", "method", "target", "route", "client", "cause", "consequence"), "-"
    )
    given |= {"protocol": "HTTP/1.1", "phase": "handler", "age_seconds": 2.25, "sent_bytes": 77}
    given |= {"remaining_seconds": 27.75, "tasks": (), "pid": 5}
    return RequestLine(**(given | options))


def worker_of(pid: int, state: str = "serving", **options: Any) -> WorkerLine:
    """Return a line of a process."""
    given: dict[str, Any] = {"age_seconds": 61.0, "request_count": 3, "connection_count": 4}
    given["lag_seconds"] = 0.002
    return WorkerLine(pid=pid, state=state, **(given | options))


def snapshot_of(**options: Any) -> Snapshot:
    """Return a snapshot of a server that does nothing, but for what is given."""
    given: dict[str, Any] = {each.name: () for each in fields(Snapshot)}
    given |= {"connections": {}, "outcomes": {}, "lag_seconds": 0.0}
    counts = ("request_count", "connection_count", "streams", "websockets", "buffered_bytes")
    return Snapshot(**(given | dict.fromkeys(counts, 0) | options))

"""Several processes as one."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.command.questions import fields_of
from hump_trio.inspection.figures import RouteFigures, describe_routes
from hump_trio.inspection.merged_snapshot import Told, describe, line_of, merge
from hump_trio.inspection.snapshot import CrashLine, LimitLine, Snapshot, WorkLine
from tests.inspection.test_page import FULL
from tests.support.snapshots import request_of, snapshot_of, worker_of


def told(snapshot: Snapshot, **routes: list[float]) -> Told:
    """Return what a process has told: routes with how long each of their requests took."""
    figures = {f"/{name}": RouteFigures() for name in routes}
    for name, seconds in routes.items():
        for each in seconds:
            figures[f"/{name}"].add(each, "ok")
    alone = replace(snapshot, workers=(worker_of(1),))
    return Told(json.loads(json.dumps(describe(alone, figures), default=fields_of)))


def test_one_process_is_what_it_was() -> None:
    """Nothing is lost on the way, in JSON either."""
    alone = replace(FULL, routes=(), limits=FULL.limits[:1])
    assert merge([told(alone)], FULL.workers) == alone


def test_counts_are_added() -> None:
    """And the lag is the worst."""
    one = snapshot_of(
        lag_seconds=0.5,
        request_count=2,
        connections={"idle": 1, "handler": 2},
        connection_count=10,
        streams=1,
        websockets=2,
        buffered_bytes=3,
        outcomes={"ok": 5},
    )
    other = replace(one, lag_seconds=0.1, connections={"idle": 4}, outcomes={"shed": 1})
    found = merge([told(one), told(other)], [worker_of(9), worker_of(7, "silent")])
    assert (found.lag_seconds, found.request_count, found.connection_count) == (0.5, 4, 20)
    assert (found.streams, found.websockets, found.buffered_bytes) == (2, 4, 6)
    assert found.connections == {"idle": 5, "handler": 2}
    assert found.outcomes == {"ok": 5, "shed": 1}
    assert [each.pid for each in found.workers] == [7, 9]


def test_the_oldest_requests_and_the_last_crashes_are_shown() -> None:
    """Of all processes, and no more than of one."""

    def crash(pid: int, age_seconds: float) -> CrashLine:
        return CrashLine(
            pid=pid,
            method="GET",
            target="/",
            route="",
            age_seconds=age_seconds,
            places=(),
            frames=(),
        )

    processes = [
        told(
            snapshot_of(
                requests=tuple(
                    request_of(pid=pid, age_seconds=float(age + pid)) for age in range(200, 0, -2)
                ),
                crashes=tuple(crash(pid, float(age + pid)) for age in range(0, 40, 2)),
                background=tuple(WorkLine(pid=pid, text="work", tasks=()) for _ in range(80)),
                lifespan=(WorkLine(pid=pid, text="life", tasks=()),),
            )
        )
        for pid in (0, 1)
    ]
    found = merge(processes, [])
    ages = [each.age_seconds for each in found.requests]
    assert ages == [float(age) for age in range(201, 101, -1)]
    assert [each.age_seconds for each in found.crashes] == [float(age) for age in range(20)]
    assert len(found.background) == 100
    assert [each.pid for each in found.lifespan] == [0, 1]


def test_limits_of_one_name_are_one() -> None:
    """Each process has it; one without a limit makes the sum one without."""

    def limits(*totals: float | None) -> Snapshot:
        return snapshot_of(
            limits=tuple(
                LimitLine(name=f"{number}", used=1, total=total, waiting=2)
                for number, total in enumerate(totals)
            )
        )

    found = merge([told(limits(5, 5)), told(limits(5, None)), told(limits(1))], [])
    assert found.limits == (
        LimitLine(name="0", used=3, total=11, waiting=6),
        LimitLine(name="1", used=2, total=None, waiting=4),
    )


@given(st.lists(st.lists(st.floats(0, 200), max_size=20), max_size=4))
def test_times_are_those_of_all_requests(processes: list[list[float]]) -> None:
    """As if one process had counted all of them."""
    whole = RouteFigures()
    for each in processes:
        for seconds in each:
            whole.add(seconds, "ok")
    found = merge([told(snapshot_of(), tea=each) for each in processes if each], [])
    assert found.routes == (describe_routes({"/tea": whole}) if any(processes) else ())


def test_no_process_has_told_anything() -> None:
    """Then there are their lines alone."""
    found = merge([], [line_of(5, "starting", 2.0)])
    assert found == snapshot_of(workers=(line_of(5, "starting", 2.0),))


@pytest.mark.parametrize(
    "value", [{}, {"snapshot": {}}, {"snapshot": None, "routes": []}, None, {"routes": [[1]]}]
)
def test_what_another_version_has_told(value: object) -> None:
    """It is an error, and none that nobody expects."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        Told(value)


@pytest.mark.parametrize(
    ("outcomes", "counts"),
    [({"ok": 1}, [1]), ({"ok": 1}, [-1] * 64), ({"ok": "1"}, [0] * 64), (7, [0] * 64)],
)
def test_routes_of_another_version_are_none(outcomes: object, counts: list[int]) -> None:
    """They can't be added to those of others."""
    value = json.loads(
        json.dumps(describe(snapshot_of(workers=(worker_of(1),)), {}), default=fields_of)
    )
    value["routes"] = [["/", outcomes, counts]]
    with pytest.raises((TypeError, ValueError)):
        Told(value)


def test_a_process_has_one_line() -> None:
    """What has told of none, or of several, isn't read."""
    value = json.loads(json.dumps(describe(FULL, {}), default=fields_of))
    value["snapshot"]["workers"] = []
    with pytest.raises(ValueError, match="unpack"):
        Told(value)

"""What has become of requests, in numbers that don't grow with them."""

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from hump_trio import AccessRecord, Ended, Hump, Request
from hump_trio.facts.outcomes import Outcome
from hump_trio.inspection.figures import Figures, RouteFigures, shown_target
from hump_trio.testing import client


def end(figures: Figures, route: str, error: BaseException | None = None) -> None:
    """Have a request of a route end, by its watcher."""
    outcome: Outcome = "ok" if error is None else "crash"
    watching = figures.watch(Request("GET", "/", "/"))
    next(watching)
    access = AccessRecord(None, "GET", "/a?key=1", "1.1", route, 200, 9, 0.2, outcome, "", "", "")
    with pytest.raises(StopIteration):
        watching.send(Ended(access, error))


@given(st.lists(st.floats(0.0002, 100), min_size=1, max_size=300))
def test_quantiles_are_a_quarter_too_much_at_most(seconds: list[float]) -> None:
    """Of times from a tenth of a millisecond to two minutes."""
    figures = RouteFigures()
    for each in seconds:
        figures.add(each, "ok")
    for share in (0.5, 0.99):
        exact = sorted(seconds)[max(-int(-share * len(seconds) // 1), 1) - 1]
        assert exact <= figures.quantile(share) * (1 + 1e-9) <= exact * 1.25 * (1 + 1e-6)


def test_longer_times_count_as_two_minutes() -> None:
    """And what takes no time as a tenth of a millisecond."""
    figures = RouteFigures()
    figures.add(0.0, "ok")
    figures.add(10_000.0, "stalled")
    assert figures.quantile(0.5) == 0.0001
    assert 120 < figures.quantile(0.99) < 140
    assert figures.outcomes == {"ok": 1, "stalled": 1}


def test_routes_are_counted_by_themselves_up_to_a_thousand() -> None:
    """What comes then is counted together."""
    figures = Figures(queries=True)
    for number in range(1010):
        end(figures, f"/{number}")
        end(figures, f"/{number}")
    assert len(figures.routes) == 1001
    assert figures.routes["/999"].outcomes == {"ok": 2}
    assert figures.routes["(others)"].outcomes == {"ok": 20}


async def test_a_crash_is_kept_as_text(autojump_clock: MockClock) -> None:
    """With the line that has raised it, and without its message."""
    app = Hump()
    figures = Figures(queries=False)
    app.watch(figures.watch)

    @app.get("/{name}")
    async def crash(name: str) -> None:
        raise ValueError(f"secret {name}")

    async with client(app) as http:
        await http.get("/tea?key=1")
    [(_, found)] = figures.crashes
    [place] = found.places
    assert place.startswith("ValueError at ")
    assert "test_figures.py" in place
    assert found.frames[-1].endswith("crash")
    assert (found.method, found.target, found.route) == ("GET", "/tea?…", "/{name}")
    assert "secret" not in repr(found)


class Held:
    """Something that a frame holds."""


async def test_a_crash_holds_no_frames() -> None:
    """What the handler has had is free as soon as the request is over."""
    held: list[weakref.ref[Held]] = []
    figures = Figures(queries=True)

    def crash() -> None:
        thing = Held()
        held.append(weakref.ref(thing))
        raise ValueError

    try:
        crash()
    except ValueError as error:
        end(figures, "/", error)
    gc.collect()
    assert held[0]() is None


async def test_crashes_are_bounded() -> None:
    """In their number, their errors and their frames."""
    figures = Figures(queries=True)

    def raise_deep(depth: int) -> None:
        if depth:
            raise_deep(depth - 1)
        raise KeyError

    try:
        raise_deep(50)
    except KeyError as error:
        deep = error
    for _ in range(25):
        inner = ExceptionGroup("inner", [deep, ValueError()])
        end(figures, "/", ExceptionGroup("outer", [inner, *[OSError()] * 9]))
    assert len(figures.crashes) == 20
    assert [each.partition(" ")[0] for each in figures.crashes[0][1].places] == [
        "KeyError",
        "ValueError",
        "OSError",
    ]
    assert figures.crashes[0][1].places[1] == "ValueError at a line of the server"
    assert len(figures.crashes[0][1].frames) == 20


@pytest.mark.parametrize(
    ("target", "queries", "shown"),
    [
        ("/a?b=1?c", True, "/a?b=1?c"),
        ("/a?b=1?c", False, "/a?…"),
        ("/a", False, "/a"),
        ("/" + "a" * 300, True, "/" + "a" * 199 + "…"),
    ],
)
def test_targets_are_shown_without_queries_if_asked(target: str, queries: bool, shown: str) -> None:
    """And never at any length."""
    assert shown_target(target, queries=queries) == shown

"""What counts as reached is what the table of goals says."""

import pytest

from tests.benchmarks.goals import GOALS, SELF, WITHOUT_C, Figures, Goal
from tests.benchmarks.peers import PEERS

FIGURES: Figures = {
    "hello": {
        SELF: {"cpu_us": [30, 20, 90], "per_second": [900]},
        "uvicorn_asgi": {"cpu_us": [40], "per_second": [100]},
    },
    "log": {SELF: {"cpu_us": [35]}},
    "ws_echo": {
        SELF: {"message_us": [30, 20, 90]},
        WITHOUT_C: {"message_us": [50, 40, 60]},
        "uvicorn_asgi": {"message_us": [45, 40, 70]},
    },
}


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (Goal("hello", "cpu_us", 0.75, "uvicorn_asgi"), 0.75, True),
        (Goal("hello", "cpu_us", 0.7, "uvicorn_asgi"), 0.75, False),
        (Goal("hello", "per_second", 10, "uvicorn_asgi", at_least=True), 9, False),
        (Goal("hello", "cpu_us", 5, "uvicorn_asgi", "difference"), -10, True),
        (Goal("hello", "cpu_us", 25), 30, False),
        (Goal("ws_echo", "message_us", 0.5, "uvicorn_asgi"), 0.5, True),
        (Goal("log", "cpu_us", 4, SELF, "difference", other_scenario="hello"), 5, False),
        (Goal("ws_echo", "message_us", 0.9, "uvicorn_asgi", server=WITHOUT_C), 1.0, False),
    ],
)
def test_figures_are_held_against_bounds(goal: Goal, value: float, met: bool) -> None:
    """By themselves, as a quotient or as a difference, even of two scenarios, and either way round.

    The median counts, and for a CPU time of WebSockets the least.
    """
    assert goal.reached(FIGURES) == value
    assert goal.met(value) is met


@pytest.mark.parametrize("goal", GOALS)
def test_every_goal_is_of_something_measured(goal: Goal) -> None:
    """Both servers take part in the scenario, and nothing measured is nothing reached."""
    assert goal.scenario in PEERS[goal.server].scenarios
    if goal.beside:
        assert (goal.other_scenario or goal.scenario) in PEERS[goal.beside].scenarios
    assert goal.reached({}) is None

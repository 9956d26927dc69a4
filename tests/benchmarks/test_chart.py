"""What the chart says of a server by its colour."""

import pytest

from tests.benchmarks.chart import COLOURS, role_of
from tests.benchmarks.peers import PEERS


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("hump_app", "own"),
        ("uvicorn_asgi", "peer"),
        ("granian_asgi", "compiled"),
        ("nginx_app", "compiled"),
        ("fixed_epoll", "limit"),
    ],
)
def test_a_server_has_the_colour_of_its_role(name: str, role: str) -> None:
    """Ours stands out, and so do servers that aren't written in Python, and limits."""
    assert role_of(name) == role


@pytest.mark.parametrize("name", PEERS)
def test_every_role_has_a_colour(name: str) -> None:
    """Whoever takes part can be drawn."""
    assert role_of(name) in COLOURS

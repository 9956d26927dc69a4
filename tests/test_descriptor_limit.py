"""How many connections the limit of descriptors allows, and what is done to raise it."""

import resource
import sys

import pytest

from hump_trio.listeners import raise_descriptor_limit

INFINITE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "raised_to", "connections"),
    [
        (1024, 4096, 4096, 4032),
        (1024, 65536, 65536, 10_000),
        (4096, 4096, None, 4032),
        (16, 16, None, 1),
        (1024, INFINITE, None, 960),
        (INFINITE, INFINITE, None, 10_000),
    ],
)
def test_connections_fit_the_descriptors(
    monkeypatch: pytest.MonkeyPatch,
    soft: int,
    hard: int,
    raised_to: int | None,
    connections: int,
) -> None:
    """The soft limit is raised to a finite hard one, and connections leave some to other uses."""
    limits: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", limits.__setitem__)
    assert raise_descriptor_limit(10_000) == connections
    expected = {} if raised_to is None else {resource.RLIMIT_NOFILE: (raised_to, hard)}
    assert limits == expected


def test_systems_without_descriptor_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no such limits, every connection that is asked for fits."""
    monkeypatch.setitem(sys.modules, "resource", None)
    assert raise_descriptor_limit(123) == 123

"""What ``import hump_trio`` gives, and what it costs."""

import subprocess
import sys
from http import HTTPStatus

import hump_trio


def test_public_names_are_sorted_and_there() -> None:
    """``__all__`` is the whole public surface, in order."""
    assert hump_trio.__all__ == sorted(hump_trio.__all__)
    assert len(set(hump_trio.__all__)) == len(hump_trio.__all__)
    assert all(hasattr(hump_trio, name) for name in hump_trio.__all__)


def test_nothing_else_is_public() -> None:
    """Every other name is a module of the package."""
    public = {name for name in vars(hump_trio) if not name.startswith("_")}
    others = public - set(hump_trio.__all__)
    assert {f"hump_trio.{name}" for name in others} <= set(sys.modules)


def test_public_names_say_where_they_come_from() -> None:
    """Each class of ours is documented and defined within the package; an alias has neither."""
    for name in set(hump_trio.__all__) - {"statuses", "CallNext", "Send"}:
        value = getattr(hump_trio, name)
        assert value.__module__.startswith("hump_trio."), name
        assert value.__doc__, name


def test_statuses_are_the_standard_librarys() -> None:
    """A status is a number with a name, nothing of our own."""
    assert hump_trio.statuses is HTTPStatus


def test_the_facade_loads_no_extras() -> None:
    """Serving needs trio alone: httpx stays out, and so does the client that needs it."""
    program = "import hump_trio, sys; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    loaded = set(found.stdout.split())
    assert "hump_trio.app" in loaded
    assert not loaded & {"httpx", "httpcore", "h11", "hump_trio.testing", "asyncio", "pytest"}

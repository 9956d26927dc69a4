"""What every test run does: tests of programs that aren't installed are left out, and named."""

import gc
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import stores
from tests.support.programs import lead_to_programs
from tests.support.protocols import PROTOCOLS, use_protocol
from tests.support.transports import TRANSPORTS, close_loopback, use_transport, uses

# A property holds or doesn't, however busy the machine is that tries it.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# What Debian has in a package of another name.
PACKAGES = {
    "h2load": "nghttp2-client",
    "initdb": "postgresql",
    "javac": "default-jdk-headless",
    "nghttp": "nghttp2-client",
    "node": "nodejs",
}
LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the transports and the protocols."""
    for option, choices in [("--transport", TRANSPORTS), ("--protocol", PROTOCOLS)]:
        words = "; ".join(f"{name}: {meaning}" for name, meaning in choices.items())
        parser.addoption(option, choices=choices, default=next(iter(choices)), help=words)


def pytest_configure(config: pytest.Config) -> None:
    """Use what was asked for, and let tests start programs of administrators."""
    lead_to_programs()
    use_transport(config.getoption("transport"))
    use_protocol(config.getoption("protocol"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Run otherwise what can be: over a transport what is served, by a protocol what has a client.

    A file that is named itself is run in any case.
    """
    needed: list[tuple[str, ...]] = []
    if config.getoption("transport") != "memory":
        needed.append(("hump_trio.testing",))
    if config.getoption("protocol") != "http1":
        needed.append(("hump_trio.testing.client", "hump_trio.testing.websocket"))
    if collection_path.suffix != ".py" or all(uses(collection_path, names) for names in needed):
        return None
    return True


@pytest.fixture(autouse=True)
def loopback() -> Iterator[None]:
    """Close what a test has left open."""
    yield
    close_loopback()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    """The folder of the socket of a PostgreSQL, which all tests of a run share."""
    with stores.postgres() as server:
        yield server.folder


DATABASES = count(1)


@pytest.fixture
def database(postgres: Path) -> str:
    """What psycopg connects by to an empty database, which is this test's alone."""
    return stores.create_database(postgres, f"test{next(DATABASES)}")


@pytest.fixture
def redis() -> Iterator[stores.Redis]:
    """A Redis, which is this test's alone."""
    with stores.redis() as server:
        yield server


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests marked with a program that isn't there; in CI a missing program fails."""
    left_out = config.stash[LEFT_OUT] = Counter[str]()
    if config.getoption("transport") != "memory":
        leave_out(config, items, [item for item in items if item.get_closest_marker("memory_only")])
    if config.getoption("transport") == "tls":
        leave_out(config, items, [item for item in items if item.get_closest_marker("plain_only")])
    if config.getoption("protocol") != "http1":
        leave_out(config, items, [item for item in items if item.get_closest_marker("http1_only")])
    if "CI" in os.environ:
        return
    missing = {item: missing_program(item) for item in items}
    left_out.update(program for program in missing.values() if program)
    leave_out(config, items, [item for item in items if missing[item]])


def pytest_collection_finish() -> None:
    """Keep the tests themselves out of each collection of garbage that a test asks for.

    A run of all of them holds nearly two million objects, which take a second to go through.
    """
    gc.freeze()


def leave_out(config: pytest.Config, items: list[pytest.Item], which: list[pytest.Item]) -> None:
    """Deselect some tests, as `pytest --collect-only` and the last line of a run show."""
    config.hook.pytest_deselected(items=which)
    items[:] = [item for item in items if item not in which]


def missing_program(item: pytest.Item) -> str:
    """Return the program that a test needs and that isn't there, or nothing."""
    programs: list[str] = [marker.args[0] for marker in item.iter_markers("program")]
    return next((name for name in programs if shutil.which(name) is None), "")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say in one line what was left out, and how to get it."""
    left_out = config.stash.get(LEFT_OUT, None)
    if left_out:
        counts = ", ".join(f"{count} of {name}" for name, count in sorted(left_out.items()))
        names = " ".join(sorted({PACKAGES.get(name, name) for name in left_out}))
        terminalreporter.write_line(
            f"left out for want of a program: {counts}; to run them: apt-get install {names}"
        )

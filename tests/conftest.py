"""What every test run does: tests of programs that aren't installed are left out, and named."""

import os
import shutil
from collections import Counter

import pytest
from hypothesis import settings

# A property holds or doesn't, however busy the machine is that tries it.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests marked with a program that isn't there; in CI a missing program fails."""
    left_out = config.stash[LEFT_OUT] = Counter[str]()
    if "CI" in os.environ:
        return
    missing = {item: missing_program(item) for item in items}
    left_out.update(program for program in missing.values() if program)
    config.hook.pytest_deselected(items=[item for item in items if missing[item]])
    items[:] = [item for item in items if not missing[item]]


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
        names = " ".join(sorted(left_out))
        terminalreporter.write_line(
            f"left out for want of a program: {counts}; to run them: apt-get install {names}"
        )

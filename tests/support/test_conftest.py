"""Tests that need a program from outside are left out openly, never silently."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.loopback import PATIENCE_SECONDS

SAMPLE = """
import pytest
import hump_trio.testing

@pytest.mark.program("a-program-nobody-has")
def test_of_a_program():
    raise AssertionError("run without its program")

@pytest.mark.program("h2load")
@pytest.mark.parametrize("number", [1, 2])
def test_of_another(number):
    raise AssertionError("run without its program")

def test_of_none():
    pass

@pytest.mark.memory_only("a reason")
def test_in_memory():
    pass
"""
LEFT_OUT = (
    "left out for want of a program: 1 of a-program-nobody-has, 2 of h2load; "
    "to run them: apt-get install a-program-nobody-has nghttp2-client"
)


MARKERS = "\n    ".join(
    (
        "program(name): needs a program",
        "memory_only(reason): needs memory",
        "http1_only(reason): needs HTTP/1.1",
    )
)


def run_sample(folder: Path, ci: dict[str, str], *options: str, sample: str = SAMPLE) -> list[str]:
    """Return what pytest prints about a sample."""
    (folder / "conftest.py").write_text((Path(__file__).parents[1] / "conftest.py").read_text())
    (folder / "pytest.ini").write_text(f"[pytest]\nmarkers =\n    {MARKERS}\n")
    (folder / "test_sample.py").write_text(sample)
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | ci
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # which takes most of the time
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, folder],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    return run.stdout.splitlines()


def test_missing_programs_are_named_in_one_line(tmp_path: Path) -> None:
    """A plain run leaves such tests out, passes, and says what and how to get it: the package."""
    lines = run_sample(tmp_path, {"PATH": "/nowhere"})
    assert [line for line in lines if "left out" in line] == [LEFT_OUT]
    assert "2 passed, 3 deselected" in lines[-1]


def test_programs_of_administrators_are_found(tmp_path: Path) -> None:
    """A user's PATH doesn't lead to them; what is found is what a test can start by its name."""
    sample = """
import os
from pathlib import Path

def test_path():
    asked = {"/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))}
    assert asked <= set(os.get_exec_path())
"""
    lines = run_sample(tmp_path, {"PATH": "/usr/bin:/bin"}, sample=sample)
    assert "1 passed" in lines[-1]


def test_in_ci_a_missing_program_is_a_failure(tmp_path: Path) -> None:
    """With `CI` set every test is run, whatever is installed."""
    lines = run_sample(tmp_path, {"CI": "true"})
    assert not [line for line in lines if "left out" in line]
    assert "3 failed, 2 passed" in lines[-1]


@pytest.mark.parametrize("transport", ["socket", "plain"])
def test_what_needs_memory_is_left_out_elsewhere(transport: str, tmp_path: Path) -> None:
    """In CI too: no other transport can do it."""
    lines = run_sample(tmp_path, {"CI": "true"}, "--transport", transport)
    assert "3 failed, 1 passed, 1 deselected" in lines[-1]


def test_what_serves_nothing_in_memory_is_left_out_elsewhere(tmp_path: Path) -> None:
    """Over another transport only those files are run that have the test clients."""
    (tmp_path / "test_of_values.py").write_text("def test_value():\n    pass\n")
    sample = "import tests.support.wire\n\ndef test_connection():\n    pass\n"
    assert "2 passed" in run_sample(tmp_path, {}, sample=sample)[-1]
    lines = run_sample(tmp_path, {}, "--transport", "socket", sample=sample)
    assert "1 passed" in lines[-1]


def test_over_another_protocol_only_what_has_a_client_is_run(tmp_path: Path) -> None:
    """By itself or by a helper, unless it says that it is about HTTP/1.1."""
    (tmp_path / "test_of_bytes.py").write_text(SAMPLE)
    sample = """
import pytest
import tests.support.typed_handlers

def test_answer():
    pass

@pytest.mark.http1_only("a reason")
def test_bytes():
    pass
"""
    assert "4 passed" in run_sample(tmp_path, {}, sample=sample)[-1]
    lines = run_sample(tmp_path, {}, "--protocol", "h2", sample=sample)
    assert "1 passed, 1 deselected" in lines[-1]

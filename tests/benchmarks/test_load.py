"""The benchmark runs, and what it writes can be read; a second of it, with hump_trio alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.goals import SELF
from tests.benchmarks.servers import ROOT


@pytest.mark.program("wrk")
def test_a_second_of_load(tmp_path: Path) -> None:
    """One round of one scenario gives its figures, each above nothing, and a table."""
    path = tmp_path / "figures.json"
    options = "--scenarios hello --rounds 1 --seconds 1 --connections 8"
    run = subprocess.run(
        [
            *(sys.executable, "-m", "tests.benchmarks", "load", *options.split()),
            *("--peers", SELF, "--json", str(path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    report = json.loads(path.read_text())
    found = report["figures"]["hello"][SELF]
    assert {name: len(rounds) for name, rounds in found.items()} == {
        "cpu_us": 1,
        "per_second": 1,
        "p50_ms": 1,
        "p99_ms": 1,
    }
    assert min(min(rounds) for rounds in found.values()) > 0
    assert report["peers"][SELF]["trio"]
    assert "\n| hump_trio | " in run.stdout

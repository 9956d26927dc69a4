"""The benchmark runs, and what it writes can be read; a second of it, with hump_trio alone."""

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from tests.benchmarks.goals import SELF
from tests.benchmarks.load import choose_servers
from tests.benchmarks.peers import PEERS, Peer
from tests.benchmarks.servers import ROOT


def run_load(path: Path, *options: str) -> tuple[str, dict[str, dict[str, dict[str, list[float]]]]]:
    """Measure hump_trio alone for a second; return what is printed, and the figures."""
    run = subprocess.run(
        [
            *(sys.executable, "-m", "tests.benchmarks", "load", *options),
            *("--rounds", "1", "--seconds", "1", "--peers", SELF, "--json", str(path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    report = json.loads(path.read_text())
    assert report["peers"][SELF]["trio"]
    return run.stdout, report["figures"]


def test_a_peer_that_is_missing_is_left_out_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are measured, and ours always is."""
    monkeypatch.setitem(PEERS, "sample", Peer("A sample", ("no-such-package",), ("hello",)))
    monkeypatch.setitem(PEERS, "other", Peer("Another one", (), ("hello", "browser")))
    options = Namespace(peers=["sample", "other"], scenarios=["hello"])
    wanted, missing = choose_servers(options)
    assert wanted == {SELF: ["hello"], "other": ["hello"]}
    assert missing == ["not there: A sample (without no-such-package)"]
    assert capsys.readouterr().err == f"{missing[0]}\n"


@pytest.mark.program("wrk")
def test_a_second_of_load(tmp_path: Path) -> None:
    """One round of one scenario gives its figures, each above nothing, and a table."""
    options = ["--scenarios", "hello", "--connections", "8"]
    printed, figures = run_load(tmp_path / "figures.json", *options)
    found = figures["hello"][SELF]
    assert {name: len(rounds) for name, rounds in found.items()} == {
        "cpu_us": 1,
        "per_second": 1,
        "p50_ms": 1,
        "p99_ms": 1,
    }
    assert min(min(rounds) for rounds in found.values()) > 0
    assert "\n| hump_trio | " in printed


def test_a_second_of_load_over_websockets(tmp_path: Path) -> None:
    """So do echoes, messages and events to many, and openings, which need no other program."""
    scenarios = ["ws_echo_offered", "ws_burst", "ws_cast", "ws_open", "event_1000"]
    _, figures = run_load(tmp_path / "figures.json", "--scenarios", *scenarios)
    for scenario in scenarios:
        found = figures[scenario][SELF]
        opening = scenario == "ws_open"
        assert set(found) == ({"opening_us"} if opening else {"message_us", "messages_per_second"})
        assert min(min(rounds) for rounds in found.values()) > 0


@pytest.mark.program("h2load")
@pytest.mark.program("curl")
def test_a_second_of_load_over_http2(tmp_path: Path) -> None:
    """So do many paths in plain text, and one over TLS."""
    scenarios = ["h2_varied_16x10", "h2s_hello_16x10"]
    _, figures = run_load(tmp_path / "figures.json", "--scenarios", *scenarios)
    for scenario in scenarios:
        found = figures[scenario][SELF]
        assert {name: len(rounds) for name, rounds in found.items()} == {
            "cpu_us": 1,
            "per_second": 1,
        }
        assert min(min(rounds) for rounds in found.values()) > 0


@pytest.mark.program("wrk")
@pytest.mark.program("openssl")
def test_a_second_of_load_over_tls(tmp_path: Path) -> None:
    """So do requests on connections that stay, on one each, and handshakes by themselves."""
    scenarios = ["tls_hello", "tls_connect", "tls_handshake"]
    _, figures = run_load(tmp_path / "figures.json", "--scenarios", *scenarios)
    for scenario in scenarios:
        found = figures[scenario][SELF]
        assert min(min(rounds) for rounds in found.values()) > 0

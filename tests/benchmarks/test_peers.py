"""What a peer needs is looked for before it is measured."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.benchmarks.peers import PROGRAMS, Peer, program_version


def test_what_is_missing_is_named() -> None:
    """Packages and programs alike; what is there has a version."""
    peer = Peer("sample", ("trio", "no-such-package"), ("hello",), programs=("node",))
    versions = peer.versions()
    assert versions["trio"]
    assert versions["no-such-package"] == ""
    assert "no-such-package" in peer.missing()
    assert ("node" in peer.missing()) is (shutil.which("node") is None)


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("wrk debian/4.1.0-3build1 [epoll] Copyright (C) 2012 Will Glozer", "4.1.0"),
        ("nginx version: nginx/1.22.1", "1.22.1"),
        ("v18.20.4", "18.20.4"),
        ("I won't say", ""),
    ],
)
def test_a_version_is_what_a_program_tells(
    told: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the first number with a dot, wherever it is told."""
    program = tmp_path / "teller"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint({told!r}, file=sys.stderr)\n")
    program.chmod(0o755)
    monkeypatch.setitem(PROGRAMS, str(program), "--version")
    assert program_version(str(program)) == version

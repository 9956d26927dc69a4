"""Who listens on a port, as the system tells."""

import os
import socket
import sys
from pathlib import Path

import pytest

from hump_trio.listening import port_owner
from hump_trio.listening.port_owner import encode_address, find_port_owner

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid inode\n"
NONE4, NONE6 = "0" * 8, "0" * 32
LOOPBACK4, LOOPBACK6 = "0100007F", "00000000000000000000000001000000"


def line(address: str, port: int, inode: int, state: str = "0A") -> str:
    """Return a line of /proc/net/tcp."""
    return (
        f"   0: {address}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000"
        f" 00000000     0        0 {inode} 1 0000000000000000 100 0 0 10 0\n"
    )


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A machine with two servers, and another process of which nothing can be known."""
    (tmp_path / "net").mkdir()
    tables = {
        "tcp": [
            line(LOOPBACK4, 80, 1, state="01"),
            line(LOOPBACK4, 80, 101),
            line("0200007F", 80, 102),
            line(NONE4, 90, 103),
        ],
        "tcp6": [line(LOOPBACK6, 80, 104), line(NONE6, 70, 101)],
    }
    for name, lines in tables.items():
        (tmp_path / "net" / name).write_text(HEAD + "".join(lines))
    processes = {"1": [], "20": [7, 101], "30": [102, 103, 104]}
    for process, inodes in processes.items():
        folder = tmp_path / process
        (folder / "fd").mkdir(parents=True)
        (folder / "comm").write_text(f"server{process}\n")
        (folder / "fd" / "0").symlink_to("/dev/null")
        (folder / "fd" / "1").write_text("no link, as of a descriptor that was closed meanwhile")
        for number, inode in enumerate(inodes, 3):
            (folder / "fd" / str(number)).symlink_to(f"socket:[{inode}]")
    (tmp_path / "40").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("host", "port", "owner"),
    [
        ("127.0.0.1", 80, "server20, process 20"),
        ("127.0.0.2", 80, "server30, process 30"),
        ("127.0.0.3", 80, None),
        ("::1", 80, "server30, process 30"),
        ("::2", 80, None),
        ("127.0.0.1", 90, "server30, process 30"),
        ("127.0.0.1", 70, "server20, process 20"),
        ("127.0.0.1", 60, None),
        ("nonsense", 80, None),
    ],
)
def test_the_owner_of_an_address(proc: Path, host: str, port: int, owner: str | None) -> None:
    """Who listens there, or on every interface; connections of clients don't count."""
    assert find_port_owner(host, port, proc) == owner


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_every_interface_meets_everybody(proc: Path, host: str) -> None:
    """Whoever has the port on any address is in the way."""
    assert find_port_owner(host, 80, proc) in {"server20, process 20", "server30, process 30"}


def test_what_a_process_calls_itself(proc: Path) -> None:
    """It can't clear the terminal of who reads it."""
    (proc / "20" / "comm").write_bytes(b"\x1b[2Ja\xffb\n\xc2\x9bc\n")
    assert find_port_owner("127.0.0.1", 80, proc) == "?[2Ja\ufffdb??c, process 20"


def test_a_process_that_cannot_be_seen(proc: Path) -> None:
    """As those of other users, for all but root."""
    (proc / "20" / "fd").rename(proc / "20" / "fd of another user")
    assert find_port_owner("127.0.0.1", 80, proc) is None


def test_a_system_that_tells_nothing(tmp_path: Path) -> None:
    """Or something else than expected: the error goes without a name."""
    assert find_port_owner("127.0.0.1", 80, tmp_path) is None
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text("\na b c\n")
    assert find_port_owner("127.0.0.1", 80, tmp_path) is None


def test_a_large_machine_is_not_searched_for_ever(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for the error gets it, with or without the name."""
    monkeypatch.setattr(port_owner, "SEARCH_SECONDS", -1)
    assert find_port_owner("127.0.0.1", 80, proc) is None


def test_the_systems_own_words() -> None:
    """This process finds itself, over both families."""
    for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
        with socket.create_server((host, 0), family=family) as sock:
            owner = find_port_owner(host, sock.getsockname()[1])
        assert owner is not None
        assert owner.endswith(f", process {os.getpid()}")


def test_addresses_are_written_in_words() -> None:
    """Each turned around."""
    assert encode_address("127.0.0.1") == LOOPBACK4
    assert encode_address("::1") == LOOPBACK6
    assert encode_address("2001:db8::1") == "B80D0120" + "0" * 16 + "01000000"

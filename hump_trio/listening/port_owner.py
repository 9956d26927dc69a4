"""Which process listens on a port, by what Linux tells in ``/proc``, for an error that names it.

Nothing is opened or changed here.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

__all__ = ["find_port_owner"]

LISTENING = "0A"  # TCP_LISTEN, include/net/tcp_states.h
# A machine may have a million sockets, and an error shouldn't be late for the sake of one name.
LINE_COUNT = 200_000
DESCRIPTOR_COUNT = 20_000  # of each process
SEARCH_SECONDS = 0.5


def find_port_owner(host: str, port: int, proc: Path = Path("/proc")) -> str | None:
    """Return which process listens on an address, e.g. ``nginx, process 123``; None if unknown.

    What processes of other users have open is shown to root alone.

    Args:
        host: An IPv4 or IPv6 address.
        port: The port, which isn't 0.
        proc: The folder in which the system tells of its processes.

    Source: proc(5).
    """
    until = time.monotonic() + SEARCH_SECONDS
    with suppress(OSError, ValueError, IndexError):  # another system, or another form
        inodes = set(find_inodes(host, port, proc))
        for process in proc.iterdir() if inodes else ():
            if time.monotonic() > until:
                break
            if process.name.isdecimal() and holds(process, inodes):
                name = (process / "comm").read_text(errors="replace").strip()
                # Each process names itself, and this is shown at terminals.
                name = "".join(each if each.isprintable() else "?" for each in name)
                return f"{name}, process {process.name}"
    return None


def find_inodes(host: str, port: int, proc: Path) -> Iterator[str]:
    """Yield the inodes of the sockets that listen on an address, or on every one of this port."""
    ours = encode_address(host)
    for name in ("tcp", "tcp6"):
        with suppress(FileNotFoundError), (proc / "net" / name).open() as table:
            for line in islice(table, 1, LINE_COUNT):
                fields = line.split()
                address, _, number = fields[1].partition(":")
                met = address == ours or not int(address, 16) or not int(ours, 16)
                if met and int(number, 16) == port and fields[3] == LISTENING:
                    yield fields[9]


def encode_address(host: str) -> str:
    """Return an address as ``/proc/net`` has it: words of four bytes, each in the machine's order.

    The order is that of x86 and ARM; where it is another one, only every interface is found.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    packed = socket.inet_pton(family, host)
    words = [packed[start : start + 4][::-1] for start in range(0, len(packed), 4)]
    return b"".join(words).hex().upper()


def holds(process: Path, inodes: set[str]) -> bool:
    """Tell whether a process has one of some sockets open, as far as it lets us see."""
    with suppress(OSError):  # it has ended, or is another user's
        for descriptor in islice((process / "fd").iterdir(), DESCRIPTOR_COUNT):
            with suppress(OSError):  # closed meanwhile
                target = str(descriptor.readlink())
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    return True
    return False

"""The service manager that has started this process: sockets from it, and news to it.

Source: sd_listen_fds(3), sd_notify(3).
"""

import os
import socket
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress

__all__ = ["notify", "reloading", "take_activated"]

FIRST_DESCRIPTOR = 3  # SD_LISTEN_FDS_START
# More than any unit has; a number beyond it is a mistake, and not gone through.
DESCRIPTOR_COUNT = 1000


def take_activated(environment: MutableMapping[str, str]) -> list[int]:
    """Return the descriptors of the sockets that were opened for this process.

    The variables are taken out then, so that no program that is started takes them for its own.

    Args:
        environment: As `os.environ`.

    Raises:
        OSError: No sockets were passed, or they are for another process.
    """
    process, count = environment.get("LISTEN_PID", ""), environment.get("LISTEN_FDS", "")
    if not process or not count:
        raise OSError("no sockets were passed: there is no LISTEN_FDS in the environment")
    if process != str(os.getpid()):
        raise OSError(f"the sockets were passed to process {process}, not to this one")
    if not (count.isdecimal() and 0 < int(count[:9]) <= DESCRIPTOR_COUNT):
        raise OSError(f"LISTEN_FDS is no number of sockets: {count!r:.40}")
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environment.pop(name, None)
    return list(range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(count)))


def notify(text: str, environment: Mapping[str, str] = os.environ) -> None:
    """Tell the service manager something, if there is one; never waits and never fails.

    Args:
        text: E.g. ``READY=1``.
        environment: As `os.environ`, where ``NOTIFY_SOCKET`` is a path, or a name after ``@``.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return  # there is no manager, or its address is of a kind for virtual machines
    with suppress(OSError, ValueError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        name = f"\0{address[1:]}" if address.startswith("@") else address
        sock.sendto(text.encode(), os.fsencode(name))


def reloading() -> str:
    """Return what a service manager is told when a reload begins, which ends with ``READY=1``."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"

"""The service manager that has started this process: sockets from it, and news to it.

Source: sd_listen_fds(3), sd_notify(3).
"""

import os
from collections.abc import MutableMapping

__all__ = ["take_activated"]

FIRST_DESCRIPTOR = 3  # SD_LISTEN_FDS_START
# More than any unit has; a number beyond it is a mistake, and not gone through.
DESCRIPTOR_COUNT = 1000


def take_activated(environment: MutableMapping[str, str]) -> list[int]:
    """Return the descriptors of the sockets that were opened for this process.

    The variables are taken out then, so that no program that is started takes them for its own.

    Args:
        environment: As `os.environ`.

    Raises:
        OSError: There are none, or they are for another process.
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

"""The programs of the machine that tests start."""

import os
from pathlib import Path

__all__ = ["lead_to_programs"]


def lead_to_programs() -> None:
    """Let PATH lead to all programs that tests start.

    An ordinary user's doesn't lead to HAProxy and nginx, where Debian has them. Nobody's leads to
    PostgreSQL's own programs.
    """
    folders = ["/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    os.environ["PATH"] = ":".join([os.environ.get("PATH", os.defpath), *folders])

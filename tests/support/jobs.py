"""Jobs for other processes, which import this module to find them, and nothing else."""

import time
from pathlib import Path

__all__ = ["never_end"]


def never_end(begun: Path, number: int) -> int:
    """Tell by a file that it has begun, and go on until the process is killed."""
    begun.write_text(str(number))
    while True:
        time.sleep(3600)

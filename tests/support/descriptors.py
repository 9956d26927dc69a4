"""Which files the process has open, for tests that every one is closed."""

import os
from pathlib import Path


def descriptors_below(folder: Path) -> dict[int, str]:
    """Return the descriptors of files below a folder, with their names."""
    found = {}
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:  # the one that has listed them
            continue
        if target.startswith(f"{folder}/"):
            found[descriptor] = target.removeprefix(f"{folder}/")
    return found


def open_below(folder: Path) -> list[str]:
    """Return the names of the files below a folder that the process has open."""
    return list(descriptors_below(folder).values())

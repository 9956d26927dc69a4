"""Programs that tests start."""

import os
import shutil

__all__ = ["find_program"]


def find_program(name: str) -> str | None:
    """Return where a program is; a user's PATH needn't lead to those of administrators."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")

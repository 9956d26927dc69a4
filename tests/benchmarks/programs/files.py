"""The files that servers are asked for, written where each of them finds them.

It is no program; those that serve files use it.
"""

import tempfile
from pathlib import Path

from tests.benchmarks.scenarios import FILES

FOLDER = Path(tempfile.gettempdir()) / "hump_trio_files"


def write_files() -> Path:
    """Write the files that aren't there, and return their folder, in which they stay."""
    FOLDER.mkdir(exist_ok=True)
    for name, byte_count in FILES.items():
        path = FOLDER / f"{name}.bin"
        if not path.exists() or path.stat().st_size != byte_count:
            path.write_bytes(b"x" * byte_count)
    return FOLDER

"""Lets tests run as where httpx is installed and httpx2 isn't.

It is a plugin of pytest: ``python -m pytest -p tests.support.httpx_alone``. Pytest loads it before
anything that imports a client.
"""

import sys
from pathlib import Path

import httpcore
import httpx

__all__ = ["pytest_ignore_collect"]

sys.modules |= {"httpx2": httpx, "httpcore2": httpcore}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what is made of httpx2 itself: the SDK of MCP."""
    return True if collection_path.name == "test_mcp.py" else None

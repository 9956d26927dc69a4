"""How a test's requests reach an app: in memory, or by a stranger's client over the loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from hump_trio import Hump
from hump_trio.testing import client
from tests.support.loopback import PATIENCE_SECONDS, served

__all__ = ["WAYS", "asking"]

MARKS = [pytest.mark.memory_only("is over TCP"), pytest.mark.http1_only("has a client of its own")]
WAYS = ["memory", pytest.param("http1", marks=MARKS), pytest.param("http2", marks=MARKS)]


@asynccontextmanager
async def asking(app: Hump, way: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve an app, and give a client for it.

    Args:
        app: The app.
        way: ``memory``, or the protocol that is spoken over TCP.
    """
    if way == "memory":
        async with client(app) as http:
            yield http
        return
    async with (
        served(app) as url,
        httpx2.AsyncClient(
            base_url=url, http1=way == "http1", http2=way == "http2", timeout=PATIENCE_SECONDS
        ) as http,
    ):
        yield http

"""What the test clients pool connections by is of the same kind as they are."""

import sys

import httpcore
import httpcore2
import pytest

import hump_trio.testing.pool_library as chosen
from tests.testing.test_http_library import imported_anew


def test_httpcore2_comes_first() -> None:
    """Where both are installed."""
    assert chosen.AsyncConnectionPool is httpcore2.AsyncConnectionPool


@pytest.mark.parametrize("missing", ["httpx2", "httpcore2"])
def test_httpcore_is_taken_where_httpx_is(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For want of either library of the other kind."""
    monkeypatch.setitem(sys.modules, missing, None)
    assert imported_anew(chosen).AsyncConnectionPool is httpcore.AsyncConnectionPool

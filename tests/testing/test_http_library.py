"""The test clients are httpx2's, or httpx's where that alone is installed."""

import importlib.util
import sys
from typing import Any

import httpcore
import httpcore2
import httpx
import httpx2
import pytest

import hump_trio.testing.http_library as chosen


def test_httpx2_comes_first() -> None:
    """Where both are installed."""
    assert chosen.AsyncClient is httpx2.AsyncClient
    assert chosen.httpcore is httpcore2


@pytest.mark.parametrize("missing", ["httpx2", "httpcore2"])
def test_httpx_is_taken_for_want_of_httpx2(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both libraries of one kind, or both of the other."""
    monkeypatch.setitem(sys.modules, missing, None)
    spec = importlib.util.find_spec(chosen.__name__)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.AsyncClient is httpx.AsyncClient
    assert module.httpcore is httpcore

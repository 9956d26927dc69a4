"""The test clients are httpx2's, or httpx's where that alone is installed."""

import importlib.util
import sys
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest

import hump_trio.testing.http_library as chosen


def imported_anew(module: ModuleType) -> Any:
    """Return a module as it would be, had it not been imported yet."""
    spec = importlib.util.find_spec(module.__name__)
    assert spec is not None
    assert spec.loader is not None
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    return again


def test_httpx2_comes_first() -> None:
    """Where both are installed."""
    assert chosen.AsyncClient is httpx2.AsyncClient


@pytest.mark.parametrize("missing", ["httpx2", "httpcore2"])
def test_httpx_is_taken_for_want_of_httpx2(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library without the one below it is as good as none."""
    monkeypatch.setitem(sys.modules, missing, None)
    assert imported_anew(chosen).AsyncClient is httpx.AsyncClient

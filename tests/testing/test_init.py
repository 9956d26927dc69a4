"""The door of the test clients says what is missing, and what is called otherwise here."""

import importlib
import sys
from typing import Any

import pytest


def test_without_httpx_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer learns what to install, not the name of a library beneath."""
    for library in ("httpcore", "httpcore2"):
        monkeypatch.setitem(sys.modules, library, None)
    for module in [name for name in sys.modules if name.startswith("hump_trio.testing")]:
        monkeypatch.delitem(sys.modules, module)
    text = r"needs httpx2 or httpx: pip install 'hump-trio\[testing\]'"
    with pytest.raises(ImportError, match=text):
        importlib.import_module("hump_trio.testing")


def test_what_others_call_a_test_client() -> None:
    """It says what it is called here; any other name is just none."""
    module: Any = importlib.import_module("hump_trio.testing")
    with pytest.raises(ImportError, match=r"write `async with client\(app\) as http`"):
        from hump_trio.testing import TestClient  # type: ignore[attr-defined]  # noqa: F401
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = module.nothing

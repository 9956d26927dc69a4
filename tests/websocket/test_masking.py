"""Masks: in Python and in C, by the RFC's own rule."""

import runpy
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.websocket import masking
from hump_trio.websocket.masking import apply_mask, apply_mask_plainly

keys = st.binary(min_size=4, max_size=4)


def by_the_rule(data: bytes, key: bytes) -> bytes:
    """Return data masked as RFC 6455 section 5.3 says it, octet by octet."""
    return bytes(octet ^ key[place % 4] for place, octet in enumerate(data))


@given(st.binary(max_size=40), keys, st.integers(1, 400))
def test_every_way_is_the_rule(piece: bytes, key: bytes, times: int) -> None:
    """Of any length, short or long."""
    data = piece * times
    assert apply_mask(data, key) == apply_mask_plainly(data, key) == by_the_rule(data, key)
    view = memoryview(data)
    assert apply_mask(view, key) == apply_mask_plainly(view, key) == by_the_rule(data, key)


@pytest.mark.parametrize("size", range(1020, 1030))
def test_where_the_way_changes(size: int) -> None:
    """A long payload of any length is masked whole."""
    data = bytes(range(256)) * 5
    assert apply_mask_plainly(data[:size], b"\1\2\3\4") == by_the_rule(data[:size], b"\1\2\3\4")


def test_without_the_c_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package isn't installed, plain Python does it."""
    monkeypatch.setitem(sys.modules, "websockets.speedups", None)
    alone = runpy.run_path(masking.__file__)
    assert alone["apply_mask"] is alone["apply_mask_plainly"]


def test_with_the_c_function() -> None:
    """Where the package is installed, its function does it."""
    assert apply_mask is not apply_mask_plainly

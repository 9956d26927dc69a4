"""JSON by the standard library: checks no types."""

from typing import Any

import pytest

from hump_trio.content.standard_json import StandardJson


def test_the_standard_library_checks_no_types() -> None:
    """A type without msgspec is a developer's error, and the message says what to install."""
    with pytest.raises(TypeError, match=r"pip install 'hump-trio\[json\]'"):
        StandardJson().decode(b"1", int)
    assert StandardJson().decode(b"1", Any) == 1

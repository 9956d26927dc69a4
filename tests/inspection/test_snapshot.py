"""A snapshot as values."""

import json

import pytest

from hump_trio.command.questions import fields_of
from hump_trio.inspection.snapshot import parse_snapshot
from tests.inspection.test_page import FULL


def test_a_snapshot_comes_through_json() -> None:
    """Whole, with each line of it."""
    text = json.dumps(FULL, default=fields_of)
    assert parse_snapshot(json.loads(text)) == FULL


@pytest.mark.parametrize(
    "change", [{"colour": "green"}, {"requests": [{"id": "1"}]}, {"limits": [{"name": "x"}]}]
)
def test_one_of_another_version_is_none(change: dict[str, object]) -> None:
    """What is unknown or missing is an error."""
    value = json.loads(json.dumps(FULL, default=fields_of))
    with pytest.raises((TypeError, KeyError)):
        parse_snapshot({**value, **change})
    del value["routes"]
    with pytest.raises(KeyError):
        parse_snapshot(value)

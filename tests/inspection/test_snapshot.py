"""A snapshot as values."""

import json

import pytest

from hump_trio.command.questions import fields_of
from hump_trio.inspection.snapshot import parse_snapshot, shown_text
from tests.inspection.test_page import FULL


def test_a_snapshot_comes_through_json() -> None:
    """Whole, with each line of it."""
    text = json.dumps(FULL, default=fields_of)
    assert parse_snapshot(json.loads(text)) == FULL


@pytest.mark.parametrize(
    "change",
    [
        {"requests": [{"id": "1"}]},
        {"requests": 7},
        {"limits": [{"name": "x"}]},
        {"limits": [[]]},
        {"limits": [{"name": 7, "used": 1, "total": 1, "waiting": 1}]},
        {"limits": [{"name": "x", "used": 1, "total": "1", "waiting": 1}]},
        {"streams": "1"},
        {"streams": -1},
        {"streams": True},
        {"streams": 10**400},
        {"lag_seconds": float("nan")},
        {"lag_seconds": "1"},
        {"connections": {"idle": None}},
    ],
)
def test_one_of_another_version_is_none(change: dict[str, object]) -> None:
    """What is missing, or of another type, is an error; what is unknown is left out."""
    value = json.loads(json.dumps(FULL, default=fields_of))
    assert parse_snapshot({**value, "colour": "green"}) == FULL
    with pytest.raises((TypeError, KeyError)):
        parse_snapshot({**value, **change})
    del value["routes"]
    with pytest.raises(KeyError):
        parse_snapshot(value)


def test_a_flag_is_one() -> None:
    """And no number."""
    value = json.loads(json.dumps(FULL, default=fields_of))
    value["requests"][0]["tasks"][0]["innermost"] = 1
    with pytest.raises(TypeError):
        parse_snapshot(value)


def test_texts_can_be_shown() -> None:
    """What a client may have named something by is cut, and has a form in UTF-8."""
    assert shown_text("tea é") == "tea é"
    assert shown_text("\ud800") == r"\ud800"
    assert shown_text("x" * 10**6) == "x" * 1000 + "…"

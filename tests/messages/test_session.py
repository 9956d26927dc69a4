"""`Session`: a dict in all, until it is closed."""

from collections.abc import Callable
from copy import copy, deepcopy
from pickle import dumps, loads
from typing import Any

import pytest

from hump_trio import Session

CHANGES: dict[str, Callable[[Session], Any]] = {
    "set": lambda session: session.__setitem__("a", 2),
    "delete": lambda session: session.__delitem__("a"),
    "update": lambda session: session.update({"a": 2}, b=3),
    "or": lambda session: session.__ior__({"b": 3}),
    "setdefault": lambda session: session.setdefault("b", 3),
    "pop": lambda session: session.pop("a"),
    "pop-default": lambda session: session.pop("c", 7),
    "popitem": lambda session: session.popitem(),
    "clear": lambda session: session.clear(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_changes_as_a_dict_does(change: str) -> None:
    """With the same results."""
    session, plain = Session({"a": 1}), {"a": 1}
    act: Any = CHANGES[change]
    result, expected = act(session), act(plain)
    assert (session, list(session)) == (plain, list(plain))
    assert result == expected
    assert type(session) is Session


@pytest.mark.parametrize("change", [*CHANGES, "renew"])
def test_a_closed_one_says_why(change: str) -> None:
    """And stays as it is; what is there can be read."""
    session = Session(a=1)
    session.__closed__ = "too late"
    with pytest.raises(RuntimeError, match="too late"):
        CHANGES.get(change, Session.renew)(session)
    assert session == {"a": 1}
    assert session.setdefault("a", 2) == session.get("a") == 1
    assert not session.__renewed__


def test_a_renewed_one_holds_the_same() -> None:
    """It is written, although nothing in it has changed."""
    session = Session(a=1)
    session.renew()
    assert (session, session.__renewed__) == ({"a": 1}, True)


@pytest.mark.parametrize("copied", [copy, deepcopy, lambda session: loads(dumps(session))])
def test_a_copy_is_a_plain_dict(copied: Callable[[Session], Any]) -> None:
    """It can be changed, and sent to another process, although the session is closed."""
    session = Session(cart=[1])
    session.__closed__ = "too late"
    other = copied(session)
    other["a"] = 1
    assert (type(other), other, session) == (dict, {"cart": [1], "a": 1}, {"cart": [1]})


def test_nothing_else_can_be_set() -> None:
    """A misspelt value would be lost silently."""
    with pytest.raises(AttributeError):
        Session().user = "ada"  # type: ignore[attr-defined]

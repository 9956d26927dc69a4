"""What a route may say of its WebSockets."""

from typing import Any

import pytest

from hump_trio.facts.exceptions import RouteError
from hump_trio.routing.channel_options import ChannelOptions
from hump_trio.routing.origins import Origin


def test_origins_are_parsed_once() -> None:
    """None given is the host that is asked for, and ``*`` is no check."""
    assert (ChannelOptions().checked, ChannelOptions().let_in) == (True, None)
    some = ChannelOptions(origins=["https://a"])
    assert (some.checked, some.let_in) == (True, frozenset([Origin("https", "a", 443)]))
    assert not ChannelOptions(origins=["*"]).checked


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("origins", "https://a", "origins is a list"),
        ("subprotocols", "v1", "subprotocols is a list"),
        ("subprotocols", {"v1"}, "subprotocols is a list"),
        ("subprotocols", ["a b"], "a subprotocol is a token, named once, not 'a b'"),
        ("subprotocols", ["a", "a"], "a subprotocol is a token, named once, not 'a'"),
        ("subprotocols", [1], "a subprotocol is a token"),
        ("compress", 1, "compress must be True or False"),
        ("binary", None, "binary must be True or False"),
        ("message_limit", 0, "message_limit must be a positive number or None"),
        ("message_limit", 1.5, "message_limit must be a positive number or None"),
        ("message_limit", True, "message_limit must be a positive number or None"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, value: Any, message: str) -> None:
    """At registration."""
    with pytest.raises(RouteError, match=message):
        ChannelOptions(**{name: value})


def test_a_limit_may_be_lifted() -> None:
    """None is no limit, ``...`` that of the app."""
    assert ChannelOptions(message_limit=None).message_limit is None
    assert ChannelOptions().message_limit is ...
    assert ChannelOptions(message_limit=7).message_limit == 7

"""What a route may say of its answers, and what is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NewType

import pytest

from hump_trio.dispatch.router import Router
from hump_trio.facts.exceptions import RouteError
from hump_trio.routing.route import Route
from hump_trio.routing.route_hints import parse_raises, parse_returns

ItemId = NewType("ItemId", int)


@dataclass
class Item:
    """A type."""

    name: str


async def a_handler() -> None:
    """Stand for any handler."""


@pytest.mark.parametrize(
    ("returns", "types"),
    [
        (None, {}),
        (Item, {200: Item}),
        (list[Item], {200: list[Item]}),
        (Item | None, {200: Item | None}),
        (Any, {200: Any}),
        (ItemId, {200: ItemId}),
        ({201: Item, 204: None}, {201: Item, 204: None}),
        (MappingProxyType({599: str}), {599: str}),
        ({}, {}),
    ],
)
def test_returns_are_types_by_status(returns: Any, types: dict[int, Any]) -> None:
    """A type alone is that of 200."""
    assert parse_returns(returns) == types


@pytest.mark.parametrize(
    ("returns", "message"),
    [
        (201, "returns is a type, or types by status"),
        ("Item", "returns is a type, or types by status"),
        ([Item], "returns is a type, or types by status"),
        ({200: Item("a")}, "returns is a type, or types by status"),
        ({199: Item}, "returns has statuses from 200 to 599, not 199"),
        ({600: Item}, "returns has statuses from 200 to 599, not 600"),
        ({"200": Item}, "returns has statuses from 200 to 599, not '200'"),
        ({True: Item}, "returns has statuses from 200 to 599, not True"),
        ({204: Item}, "a 204 has no body: write {204: None}"),
    ],
)
def test_other_returns_are_refused(returns: Any, message: str) -> None:
    """At registration, with what to write instead."""
    with pytest.raises(RouteError) as caught:
        Route(template="/", methods=("GET",), handler=a_handler, returns=returns)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("raises", "descriptions"),
    [
        ((), {}),
        ([404], {404: "Not Found"}),
        ({303, 599}, {303: "See Other", 599: "Status 599"}),
        ({409: "it is taken"}, {409: "it is taken"}),
    ],
)
def test_raises_are_described(raises: Any, descriptions: Mapping[int, str]) -> None:
    """By their own phrase, where nothing is said."""
    assert parse_raises(raises) == descriptions


@pytest.mark.parametrize(
    ("raises", "message"),
    [
        (404, "raises is a list of statuses, or descriptions by status, not 404"),
        ("404", "raises is a list of statuses, or descriptions by status, not '404'"),
        (None, "raises is a list of statuses, or descriptions by status, not None"),
        ([200], "raises has statuses from 300 to 599, not 200"),
        (["404"], "raises has statuses from 300 to 599, not '404'"),
        ([LookupError], "raises has statuses from 300 to 599, not <class 'LookupError'>"),
        ({404: Item}, "raises describes 404 in words, not with <class"),
    ],
)
def test_other_raises_are_refused(raises: Any, message: str) -> None:
    """At registration, with what to write instead."""
    with pytest.raises(RouteError) as caught:
        Route(template="/", methods=("GET",), handler=a_handler, raises=raises)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ("teas", "tags is a list of names, not 'teas'"),
        (5, "tags is a list of names, not 5"),
        ([5], "a tag is a name, not 5"),
        ([""], "a tag is a name, not ''"),
    ],
)
def test_bad_tags_are_refused(tags: Any, message: str) -> None:
    """At the route, and at a router for it."""
    with pytest.raises(RouteError, match=re.escape(message)):
        Route(template="/", methods=("GET",), handler=a_handler, tags=tags)
    with pytest.raises(RouteError, match=re.escape(message)):
        Router("/a", tags=tags).get("/")(a_handler)


def test_a_flag_is_true_or_false() -> None:
    """Whether a route is hidden is no text."""
    hidden: Any = "no"
    with pytest.raises(RouteError, match="hidden must be True or False, not 'no'"):
        Route(template="/", methods=("GET",), handler=a_handler, hidden=hidden)

"""Options of a router and of its routes add up, whichever routers include it."""

from typing import Any

import pytest

from hump_trio.dispatch.registration import Registration, check_prefix, join_options
from hump_trio.facts.exceptions import RouteError
from hump_trio.routing.layer import Layer


async def index() -> str:
    """Answer anything."""
    return "-"


def test_a_registration_collects_what_is_around_it() -> None:
    """Prefixes, names and layers of each router, the outermost first; what was said counts."""
    inner, outer = Layer(), Layer()
    said = Registration("/a", ("GET",), index, {"timeout": 3, "name": "a"})
    [within] = said.below("/in", {"timeout": 5, "body_limit": 7}, inner, "in.")
    [without] = within.below("/out", {"body_limit": 9}, outer, "out.")
    route = without.build(Layer())
    assert route.template == "/out/in/a"
    assert route.space == "out.in."
    assert (route.timeout, route.body_limit) == (3, 7)
    assert route.layers == (outer, inner)


def test_errors_and_tags_are_joined() -> None:
    """The outer ones stand first, and the inner one's words on a status count."""
    joined = join_options(
        {"raises": {401: "Who?", 404: "None."}, "tags": ["all"]},
        {"raises": {404: "Gone."}, "tags": ["one", "all"]},
    )
    assert joined["raises"] == {401: "Who?", 404: "Gone."}
    assert list(joined["tags"]) == ["all", "one"]


@pytest.mark.parametrize("prefix", ["/", "/shop/", 5])
def test_a_prefix_is_a_path(prefix: Any) -> None:
    """Without a slash at its end; an empty one is around all paths."""
    check_prefix("")
    check_prefix("/shop/{name}")
    with pytest.raises(RouteError, match="a prefix is a path without a slash at its end"):
        check_prefix(prefix)

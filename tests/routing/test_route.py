"""What a route is made of, and what it refuses to be made of."""

from typing import Any

import pytest

from hump_trio.facts.exceptions import RouteError
from hump_trio.routing.route import Route


async def a_handler() -> None:
    """Stand for any handler."""


def route(template: str, **options: Any) -> Route:
    """Return a route for GET."""
    return Route(template=template, methods=("GET",), handler=a_handler, **options)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("", "a path starts with a slash"),
        ("a", "a path starts with a slash"),
        ("*", "a path starts with a slash"),
        ("/a b", "written decoded"),
        ("/%41", "written decoded"),
        ("/a?b", "without a query"),
        ("/a#b", "without a query"),
        ("/a\r\n", "written decoded"),
        ("/a{b}", "a parameter is a whole segment"),
        ("/{a}{b}", "a parameter is a whole segment"),
        ("/{}", "a parameter is a whole segment"),
        ("/{1a}", "a parameter is a whole segment"),
        ("/{a", "a parameter is a whole segment"),
        ("/a}", "a parameter is a whole segment"),
        ("/<a>", "a parameter is a whole segment, {name:type}: '/<a>'"),
        ("/<int:a>", "a parameter is a whole segment"),
        ("/{a:number}", "no parameter type 'number'.*there are int, float, uuid, str, path"),
        ("/{a:path}/b", "a path parameter comes last"),
        ("/{a}/{a}", "the parameter 'a' comes twice"),
    ],
)
def test_templates_that_can_not_be_paths(template: str, message: str) -> None:
    """Refused when the route is made, in words that say how it is written."""
    with pytest.raises(RouteError, match=message):
        route(template)


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ((), "a route for / needs a method"),
        (("GET", "a b"), "'a b' is no method"),
        (("",), "'' is no method"),
        (("GET\n",), "is no method"),
        (("CONNECT",), "'CONNECT' is no method for a route"),
        (("get",), "methods are case-sensitive: 'GET', not 'get'"),
    ],
)
def test_methods_that_are_none(methods: tuple[str, ...], message: str) -> None:
    """Not a token, CONNECT, or a verb in lower case, which no client sends."""
    with pytest.raises(RouteError, match=message):
        Route(template="/", methods=methods, handler=a_handler)


@pytest.mark.parametrize("option", ["timeout", "body_limit"])
def test_options(option: str) -> None:
    """``...`` by default; None or a positive number; the rest is refused by name."""
    assert getattr(route("/"), option) is ...
    for value in (..., None, 1):
        assert getattr(route("/", **{option: value}), option) is value
    for bad in (0, -1, True, "1", float("nan")):
        with pytest.raises(RouteError, match=f"{option} must be a positive number or None"):
            route("/", **{option: bad})


def test_a_part_of_a_second_but_no_part_of_a_byte() -> None:
    """A timeout may be a fraction; a body limit is a whole number."""
    assert route("/", timeout=0.5).timeout == 0.5
    with pytest.raises(RouteError, match="body_limit"):
        route("/", body_limit=0.5)


def test_parameters_are_known_of_a_route() -> None:
    """Their names, in order."""
    assert route("/a/{b}/{c:int}/{d:path}").parameters == ("b", "c", "d")
    assert route("/a").parameters == ()

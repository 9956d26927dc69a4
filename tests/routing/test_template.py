"""Paths made of templates lead back to the values that they were made of."""

from typing import Any
from urllib.parse import unquote
from uuid import UUID

import httpx2
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hump_trio.routing.route import Route
from hump_trio.routing.table import RouteTable
from hump_trio.routing.template import TYPES, fill_template, is_template_of, parse_template

SOME_UUID = UUID("12345678-1234-5678-1234-567812345678")


async def a_handler() -> None:
    """Stand for any handler."""


@pytest.mark.parametrize(
    ("template", "values", "path"),
    [
        ("/", {}, "/"),
        ("/users/", {}, "/users/"),
        ("/café/@me", {}, "/caf%C3%A9/@me"),
        ("/users/{user}", {"user": "Ada L.M?#%"}, "/users/Ada%20L.M%3F%23%25"),
        ("/users/{user:int}", {"user": -7}, "/users/-7"),
        ("/users/{user:int}", {"user": "7"}, "/users/7"),
        ("/circles/{radius:float}", {"radius": 2.5}, "/circles/2.5"),
        ("/circles/{radius:float}", {"radius": 1e300}, "/circles/1e+300"),
        ("/orders/{order:uuid}/x", {"order": SOME_UUID}, f"/orders/{SOME_UUID}/x"),
        ("/files/{rest:path}", {"rest": "a/b c/€"}, "/files/a/b%20c/%E2%82%AC"),
        ("/files/{rest:path}", {"rest": ""}, "/files/"),
        ("/files/{rest:path}", {"rest": "/a"}, "/files//a"),
        ("/{rest:path}", {"rest": "/evil.example/a"}, "/%2Fevil.example/a"),
    ],
)
def test_templates_are_filled(template: str, values: dict[str, Any], path: str) -> None:
    """Everything that could end a segment is escaped; a path keeps its slashes."""
    assert fill_template(template, values) == path


@pytest.mark.parametrize(
    ("template", "values", "message"),
    [
        ("/users/{user}", {}, "/users/{user} takes user, not nothing"),
        ("/users", {"user": 1}, "/users takes no values, not user"),
        ("/{a}/{b}", {"b": 1, "c": 2}, "/{a}/{b} takes a, b, not b, c"),
        ("/users/{user:int}", {"user": "me"}, "user='me' doesn't fit /users/{user:int}"),
        ("/users/{user:uuid}", {"user": 7}, "user=7 doesn't fit /users/{user:uuid}"),
        ("/users/{user}", {"user": ""}, "user='' doesn't fit /users/{user}"),
        ("/users/{user}", {"user": "a/b"}, "user='a/b' doesn't fit /users/{user}"),
        ("/users/{user}", {"user": "."}, "user='.' doesn't fit /users/{user}"),
        ("/users/{user}", {"user": ".."}, "user='..' doesn't fit /users/{user}"),
        ("/files/{rest:path}", {"rest": "a/../b"}, "rest='a/../b' doesn't fit /files/{rest:path}"),
        ("/files/{rest:path}", {"rest": "./b"}, "rest='./b' doesn't fit /files/{rest:path}"),
        ("/files/{rest:path}", {"rest": ".."}, "rest='..' doesn't fit /files/{rest:path}"),
    ],
)
def test_what_the_route_would_not_take(template: str, values: dict[str, Any], message: str) -> None:
    """A path that its own route wouldn't answer is refused where it is made."""
    with pytest.raises(TypeError) as caught:
        fill_template(template, values)
    assert str(caught.value) == message


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1),
    st.integers(),
)
def test_a_path_leads_back(name: str, number: int) -> None:
    """Whatever the text, the route's own match gives it back, and a client asks for it."""
    assume(name not in (".", ".."))
    table = RouteTable()
    table.add(Route(template="/{name}/{number:int}", methods=("GET",), handler=a_handler))
    path = fill_template("/{name}/{number:int}", {"name": name, "number": number})
    match = table.match([unquote(text) for text in path.split("/")], "GET")
    assert match.path_params == {"name": name, "number": number}
    assert httpx2.URL(f"http://a{path}").raw_path.decode() == path


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_path_of_many_segments_leads_back_and_to_no_other_host(rest: str) -> None:
    """Two slashes at its beginning would be the name of a host (RFC 3986 section 4.2)."""
    table = RouteTable()
    table.add(Route(template="/{rest:path}", methods=("GET",), handler=a_handler))
    assume({".", ".."}.isdisjoint(rest.split("/")))
    path = fill_template("/{rest:path}", {"rest": rest})
    assert not path.startswith("//")
    match = table.match([unquote(text) for text in path.split("/")], "GET")
    assert match.path_params == {"rest": rest}
    assert httpx2.URL(f"http://a{path}").raw_path.decode() == path


@given(
    st.lists(st.sampled_from(["a", "", "7", *(f"{{x:{each}}}" for each in TYPES)]), min_size=1),
    st.lists(st.sampled_from(["a", "", "7", "-7", "2.5", "b/c", str(SOME_UUID)]), min_size=1),
)
def test_a_template_takes_what_its_route_answers(texts: list[str], segments: list[str]) -> None:
    """Told by itself, it is the same as in a table."""
    template = "".join(f"/{text.replace('x', f'x{index}')}" for index, text in enumerate(texts))
    assume("path" not in template[: template.rindex("/")])
    table = RouteTable()
    table.add(Route(template=template, methods=("GET",), handler=a_handler))
    answered = table.match(["", *segments], "GET").route is not None
    assert is_template_of(parse_template(template), segments) == answered

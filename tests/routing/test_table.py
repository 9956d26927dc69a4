"""Which route answers a path and a method."""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.facts.exceptions import RouteError
from hump_trio.routing.route import Route
from hump_trio.routing.table import Match, RouteTable
from hump_trio.routing.template import CONVERTERS, TYPES, parse_template

SOME_UUID = "12345678-1234-5678-1234-567812345678"


async def a_handler() -> None:
    """Stand for any handler."""


def route(template: str, *methods: str, **options: Any) -> Route:
    """Return a route, for GET if no method is given."""
    return Route(template=template, methods=methods or ("GET",), handler=a_handler, **options)


def table_of(*templates: str) -> RouteTable:
    """Return a table with a GET route for each template."""
    table = RouteTable()
    for template in templates:
        table.add(route(template))
    return table


def find(table: RouteTable, path: str, method: str = "GET") -> tuple[str | None, dict[str, Any]]:
    """Return the template that answers a path, and its parameters."""
    match = table.match(path.split("/"), method)
    return (None if match.route is None else match.route.template), match.path_params


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("/", "/", {}),
        ("/a/b", "/a/b", {}),
        ("/a/", "/a/", {}),
        ("//", "//", {}),
        ("/ü", "/ü", {}),
        ("/{a}", "/x", {"a": "x"}),
        ("/{a:str}", "/x y", {"a": "x y"}),
        ("/{a}/{b}", "/x/y", {"a": "x", "b": "y"}),
        ("/{a:int}", "/0012", {"a": 12}),
        ("/{a:int}", "/-7", {"a": -7}),
        ("/{a:float}", "/1.50", {"a": 1.5}),
        ("/{a:float}", "/-7", {"a": -7.0}),
        ("/{a:uuid}", f"/{SOME_UUID}", {"a": UUID(SOME_UUID)}),
        ("/{a:uuid}", f"/{SOME_UUID.upper()}", {"a": UUID(SOME_UUID)}),
        ("/a/{rest:path}", "/a/b/c//d/", {"rest": "b/c//d/"}),
        ("/a/{rest:path}", "/a/", {"rest": ""}),
        ("/{_x1}", "/x", {"_x1": "x"}),
        ("/a.b-c~d!$&'()*+,;=:@", "/a.b-c~d!$&'()*+,;=:@", {}),
    ],
)
def test_matches(template: str, path: str, values: dict[str, Any]) -> None:
    """A path finds its route, with its parameters converted."""
    assert find(table_of(template), path) == (template, values)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/", "//"),
        ("/a", "/"),
        ("/a", "/a/"),
        ("/a/", "/a"),
        ("/a", "/A"),
        ("/a", "/a/b"),
        ("/a/b", "/a"),
        ("/a", "/./a"),
        ("/a", "/b/../a"),
        ("/a.b", "/aXb"),
        ("/{a}", "/"),
        ("/{a}/b", "//b"),
        ("/a/{rest:path}", "/a"),
        *(
            ("/{a:int}", f"/{text}")
            for text in ("1.0", "+1", "1_0", "\u0661", " 1", "1\n", "0x1", "--1")
        ),
        ("/{a:int}", "/" + "1" * 310),
        *(
            ("/{a:float}", f"/{text}")
            for text in ("nan", "inf", "1e", "1e999", "e5", ".5", "5.", "1_0.0", "1.0\n")
        ),
        ("/{a:float}", "/" + "9" * 309),
        *(("/{a:uuid}", f"/{text}") for text in (SOME_UUID[:-1], f"{{{SOME_UUID}}}", "1" * 32)),
    ],
)
def test_matches_nothing_else(template: str, path: str) -> None:
    """Slashes, case and dots count, and a parameter takes only what it is."""
    assert find(table_of(template), path) == (None, {})


ORDER = ["/a/7", "/a/{i:int}", "/a/{f:float}", "/a/{u:uuid}", "/a/{s}", "/a/{p:path}"]


@pytest.mark.parametrize("templates", [ORDER, ORDER[::-1]], ids=["in order", "reversed"])
@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/a/7", "/a/7"),
        ("/a/8", "/a/{i:int}"),
        ("/a/8.5", "/a/{f:float}"),
        (f"/a/{SOME_UUID}", "/a/{u:uuid}"),
        ("/a/x", "/a/{s}"),
        ("/a/x/y", "/a/{p:path}"),
        ("/a/", "/a/{p:path}"),
    ],
)
def test_the_most_special_route_counts(templates: list[str], path: str, template: str) -> None:
    """Static, then typed, then plain, then the rest of the path: whatever was added first."""
    table = table_of(*templates)
    assert find(table, path)[0] == template
    straight = find_straight(table, path)
    assert straight is None or straight[0] == template


@pytest.mark.parametrize(
    ("path", "template", "values"),
    [
        ("/a/b/c", "/a/b/c", {}),
        ("/a/b/d", "/a/{x}/d", {"x": "b"}),
        ("/a/7/e", "/{x}/{y:int}/e", {"x": "a", "y": 7}),
        ("/a/b/f", "/{rest:path}", {"rest": "a/b/f"}),
        ("/a/7/c", "/{rest:path}", {"rest": "a/7/c"}),
    ],
)
def test_steps_back_from_a_branch_that_leads_nowhere(
    path: str, template: str, values: dict[str, Any]
) -> None:
    """A static segment that fits doesn't hide a parameter that leads further."""
    table = table_of("/a/b/c", "/a/{x}/d", "/{x}/{y:int}/e", "/{rest:path}")
    assert find(table, path) == (template, values)


def test_the_method_leads_back_too() -> None:
    """A static route that doesn't take the method leaves the path to a parameter."""
    table = table_of("/users/me")
    table.add(route("/users/{name}", "DELETE"))
    assert find(table, "/users/me", "DELETE") == ("/users/{name}", {"name": "me"})


def test_head_is_answered_by_get() -> None:
    """Unless the path has a HEAD route of its own."""
    table = table_of("/a", "/b")
    table.add(route("/b", "HEAD", timeout=7))
    assert table.match(["", "a"], "HEAD").route is table.match(["", "a"], "GET").route
    own = table.match(["", "b"], "HEAD").route
    assert own is not None
    assert own.timeout == 7


def test_allowed_methods_are_told_for_a_known_path() -> None:
    """Sorted, those of every route of the path, with the automatic ones; none for a 404."""
    table = RouteTable()
    table.add(route("/a", "POST", "PUT"))
    table.add(route("/{x}", "GET"))
    assert table.match(["", "a"], "PATCH").allowed == ("GET", "HEAD", "OPTIONS", "POST", "PUT")
    assert table.match(["", "b"], "PATCH").allowed == ("GET", "HEAD", "OPTIONS")
    assert table.match(["", "a", ""], "PATCH").allowed == ()
    only = RouteTable()
    only.add(route("/a", "POST"))
    assert only.match(["", "a"], "GET").allowed == ("OPTIONS", "POST")


def test_a_static_path_goes_before_all_others() -> None:
    """Each method has it from the route that is for it; a template is no path of its own."""
    table = table_of("/a", "/{b}")
    table.add(route("/{b}", "POST"))
    assert find_straight(table, "/a") == ("/a", {})
    assert find_straight(table, "/a", "HEAD") == ("/a", {})
    assert find_straight(table, "/a", "POST") is None  # a step back
    assert find(table, "/a", "POST") == ("/{b}", {"b": "a"})
    assert find_straight(table, "/{b}") == ("/{b}", {"b": "{b}"})
    assert find_straight(table, "/a/x") is None


@given(st.lists(st.sampled_from(["a", "b", "7", "", "1.5"]), min_size=1, max_size=4))
def test_the_quick_look_agrees_with_the_walk(segments: list[str]) -> None:
    """Both ways to find a path without a step back find the same route."""
    table = table_of("/a", "/a/b", "/a/", "/{x}", "/{x:int}/b", "/b/{rest:path}")
    quick = table.match_straight("/" + "/".join(segments), "GET")
    if quick is not None:
        match = table.match(["", *segments], "GET")
        assert (match.route, match.path_params) == quick


def test_escapes_are_decoded_within_their_segment() -> None:
    """An escaped slash or percent sign is a part of a segment, on the straight walk too."""
    table = table_of("/ü/{a:int}", "/{a}/{rest:path}", "/{a}")
    assert find_straight(table, "/%C3%BC/%37") == ("/ü/{a:int}", {"a": 7})
    assert find_straight(table, "/%2541/b%2Fc/d") == (
        "/{a}/{rest:path}",
        {"a": "%41", "rest": "b/c/d"},
    )
    assert find_straight(table, "/a%2Fb") is None


def find_straight(table: RouteTable, path: str, method: str = "GET") -> Any:
    """Return what `find` returns, by the walk without a step back; None if that finds nothing."""
    found = table.match_straight(path, method)
    return found and (found[0].template, found[1])


def test_most_paths_need_no_step_back() -> None:
    """A straight walk finds the route for a method, through segments of every kind."""
    table = table_of("/a", "/{b}", "/{b}/c/{d:int}", "/a/{rest:path}")
    assert find_straight(table, "/a") == ("/a", {})
    assert find_straight(table, "/x") == ("/{b}", {"b": "x"})
    assert find_straight(table, "/x/c/7") == ("/{b}/c/{d:int}", {"b": "x", "d": 7})
    assert find_straight(table, "/a/c/7") == ("/a/{rest:path}", {"rest": "c/7"})
    for path in ("/x/c/y", "/x/y", "/x/c", "", "*"):
        assert find_straight(table, path) is None
    assert find_straight(table, "/x", "HEAD") == ("/{b}", {"b": "x"})
    assert find_straight(table, "/x", "POST") is None


SEGMENTS = ["a", "b", "7", "", "1.5", SOME_UUID]
PARTS = ["a", "7", "", "{p:int}", "{p:float}", "{p:uuid}", "{p}", "{other:int}"]


@st.composite
def templates(draw: st.DrawFn) -> str:
    """Return a template; routes for the same paths may name their parameters differently."""
    parts = draw(st.lists(st.sampled_from(PARTS), min_size=1, max_size=2))
    parts += draw(st.sampled_from([[], ["{rest:path}"]]))
    marks = [
        part.replace("{p", f"{{p{index}").replace("other", f"o{index}")
        for index, part in enumerate(parts)
    ]
    return "/" + "/".join(marks)


def plain_find(
    table: RouteTable, segments: list[str], method: str
) -> tuple[str, dict[str, Any]] | None:
    """Return the template of the best route and its values, by the rule as it is told.

    Of all routes that take the path and the method, the one counts whose first segment is the
    most special, then the one whose second is, and so on.
    """
    best: tuple[list[int], str, dict[str, Any]] | None = None
    for each in table.routes:
        parts = parse_template(each.template)
        values: dict[str, Any] = {}
        left, ranks = segments[1:], []
        value: Any
        for name, text in parts:
            if name and text == "path" and left:
                value, left = "/".join(left), []
            elif left:
                value = CONVERTERS[text](left[0]) if name else (True if left[0] == text else None)
                left = left[1:]
            else:
                value = None
            if value is None:
                break
            ranks.append(TYPES.index(text) if name else -1)
            if name:
                values[name] = value
        else:
            if not left and method in each.methods and (best is None or ranks < best[0]):
                best = ranks, each.template, values
    return best and best[1:]


@given(
    st.lists(st.tuples(templates(), st.sampled_from(["GET", "POST"])), max_size=8),
    st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=3),
)
def test_every_walk_finds_the_most_special_route(
    added: list[tuple[str, str]], segments: list[str]
) -> None:
    """In any table both walks find the route that the rule names, with its values, or none."""
    table = RouteTable()
    for template, method in added:
        with suppress(RouteError):
            table.add(route(template, method))
    expected = plain_find(table, ["", *segments], "GET")
    path = "/" + "/".join(segments)
    assert find(table, path) == (expected or (None, {}))
    assert find_straight(table, path) in (None, expected)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("/a", "/a"),
        ("/{a}", "/{b}"),
        ("/{a}", "/{b:str}"),
        ("/{a:int}/x", "/{b:int}/x"),
        ("/{a:path}", "/{b:path}"),
    ],
)
def test_two_routes_for_the_same_paths(first: str, second: str) -> None:
    """Refused at registration, other names or not; the message names both."""
    table = table_of(first)
    message = f"GET {second} is taken by a_handler ({first})"
    with pytest.raises(RouteError, match=re.escape(message)):
        table.add(route(second, "POST", "GET"))
    assert find(table, "/a", "POST")[0] is None
    table.add(route(second, "POST"))
    assert len(table.routes) == 2


@pytest.mark.parametrize("handler", [partial(a_handler), RouteTable(), partial(RouteTable)])
def test_whatever_took_the_route_has_a_name(handler: Callable[..., Any]) -> None:
    """Callables without a name of their own are named after what they are."""
    table = RouteTable()
    table.add(Route(template="/", methods=("GET",), handler=handler))
    with pytest.raises(RouteError, match=r"GET / is taken by (a_handler|RouteTable)"):
        table.add(route("/"))


def test_methods_of_other_protocols() -> None:
    """Any other token is a method."""
    table = RouteTable()
    table.add(route("/", "PROPFIND", "x-y"))
    assert find(table, "/", "PROPFIND")[0] == "/"
    assert table.methods == {"PROPFIND", "x-y"}


def test_matching_is_bounded_by_the_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment is converted at most once at each node: no path makes the walk explode."""
    calls: list[str] = []

    def counted(convert: Callable[[str], Any], segment: str) -> Any:
        calls.append(segment)
        return convert(segment)

    for name, convert in CONVERTERS.items():
        monkeypatch.setitem(CONVERTERS, name, partial(counted, convert))
    names = [*CONVERTERS]
    table = RouteTable()
    for depth in range(1, 5):
        for index in range(4**depth):
            kinds = [names[index // 4**place % 4] for place in range(depth)]
            segments = [f"{{p{place}:{kind}}}" for place, kind in enumerate(kinds)]
            table.add(route("/" + "/".join(segments)))
    match: Match = table.match(["", "1", "1", "1", "1", "1", "1", "1", "1"], "GET")
    assert match.route is None
    assert 0 < len(calls) <= len(table.routes)


def test_what_is_no_path_is_none_of_a_route() -> None:
    """The server as a whole, and a CONNECT to elsewhere, aren't paths that look like them."""
    table = table_of("/", "/*", "/{rest:path}")
    for path in ("*", ""):
        assert find_straight(table, path, "GET") is None
        assert find(table, path) == (None, {})

"""Markers take an alias, and tell what else there is to write."""

from typing import Any

import pytest

from hump_trio import Body, Cookie, Header, Query


@pytest.mark.parametrize("marker", [Query, Header, Cookie])
def test_a_constraint_is_told_where_it_stands(marker: Any) -> None:
    """What other frameworks take in a marker stands beside it here, or is the default."""
    name = marker.__name__
    with pytest.raises(TypeError) as caught:
        marker(ge=1, le=3)
    assert f"{name}() takes an alias alone, not ge=" in str(caught.value)
    assert f"`Annotated[int, msgspec.Meta(ge=1), {name}()]`" in str(caught.value)
    assert f"`q: Annotated[str, {name}()] = 'x'`" in str(caught.value)


def test_markers_are_values() -> None:
    """Two of one kind and alias are equal, so that annotations with them are."""
    assert Query("a") == Query(alias="a") != Query("b")
    others: set[Any] = {Query("a"), Header("a"), Cookie("a")}
    assert len(others) == 3
    assert len({Cookie("a"), Cookie("a"), Cookie()}) == 2
    assert repr(Header("x-a")) == "Header(alias='x-a')"


@pytest.mark.parametrize("options", [{"embed": True}, {"alias": "a"}, {"form": 1}])
def test_a_body_has_one_option(options: Any) -> None:
    """Others are told where they stand."""
    with pytest.raises(TypeError, match=r"Body\(\) takes form=True or nothing: a default stands"):
        Body(**options)
    with pytest.raises(
        TypeError, match=r"as in `item: Annotated\[Item \| None, Body\(\)\] = None`"
    ):
        Body(*options.values())


def test_bodies_are_values() -> None:
    """Of which those with forms are others."""
    assert Body() == Body(form=False) != Body(form=True)
    assert len({Body(), Body(form=True), Body()}) == 2
    assert repr(Body(form=True)) == "Body(form=True)"

"""What handlers' plain return values become."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

import pytest

from hump_trio.facts.exceptions import HttpException
from hump_trio.messages.renderers import to_response
from hump_trio.messages.response import JsonResponse, Response, settle


@dataclass
class Point:
    """A value with a JSON form."""

    x: int


class Pair(NamedTuple):
    """A tuple with names."""

    a: int
    b: int


async def parts() -> AsyncIterator[bytes]:
    """Yield a streamed body."""
    yield b"a"


STREAM = parts()


@pytest.mark.parametrize(
    ("value", "status", "body", "content_type"),
    [
        ("ü", 200, "ü".encode(), "text/plain; charset=utf-8"),
        (b"a", 200, b"a", "application/octet-stream"),
        (bytearray(b"a"), 200, b"a", "application/octet-stream"),
        (memoryview(b"a"), 200, b"a", "application/octet-stream"),
        (None, 204, b"", None),
        ({"a": 1}, 200, b'{"a":1}', "application/json"),
        ([1], 200, b"[1]", "application/json"),
        ((1, 2), 200, b"[1,2]", "application/json"),
        (Pair(1, 2), 200, b"[1,2]", "application/json"),
        (Point(1), 200, b'{"x":1}', "application/json"),
        (STREAM, 200, STREAM, None),
    ],
)
def test_return_values(value: Any, status: int, body: Any, content_type: str | None) -> None:
    """Each plain value a handler may return has one meaning."""
    response = to_response(value)
    settle(response)
    assert (response.status, response.body) == (status, body)
    assert response.headers.get("content-type") == content_type


def test_a_response_is_returned_as_it_is() -> None:
    """Nothing is copied or wrapped, whatever its class."""
    for response in (Response("a"), JsonResponse(1)):
        assert to_response(response) is response


@pytest.mark.parametrize("value", [1, True, 1.5, {1}, object, Point, iter("a")])
def test_what_no_answer_can_be_made_of(value: Any) -> None:
    """The error names the type, and cuts a long value off."""
    with pytest.raises(TypeError, match=f"no answer can be made of type {type(value).__name__}, "):
        to_response(value)
    with pytest.raises(TypeError) as caught:
        to_response({str(number) for number in range(1000)})
    assert len(str(caught.value)) < 240


async def test_an_answer_that_was_not_awaited_or_raised_is_explained() -> None:
    """Two slips that everybody makes are told what to write."""

    async def other() -> str:
        return ""

    forgotten = other()
    with pytest.raises(TypeError, match=r"of type coroutine, .*is an await missing\?"):
        to_response(forgotten)
    forgotten.close()
    with pytest.raises(TypeError, match=r"of type HttpException, .*: raise it"):
        to_response(HttpException(404))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (({"a": 1}, 404), r"a dict and 404 .* return JsonResponse\(\.\.\., 404\)"),
        (([], HTTPStatus.CREATED), r"a list and 201 .* return JsonResponse\(\.\.\., 201\)"),
        (("gone", 410), r"a str and 410 .* return Response\(\.\.\., 410\)"),
        ((None, 204), r"return Response\(\.\.\., 204\)"),
    ],
)
def test_a_body_and_its_status_are_no_answer(value: Any, said: str) -> None:
    """It would be a 200 with a list, so it is refused with what to write."""
    with pytest.raises(TypeError, match=said):
        to_response(value)


@pytest.mark.parametrize(
    "value", [(200, 404), (1.5, 200), ("a", 42), ("a", True), ({}, 404, {}), ({}, "404"), ({}, [])]
)
def test_other_tuples_are_json(value: Any) -> None:
    """Two numbers may be anything, and so may what is no status."""
    assert to_response(value).body == json.dumps(value, separators=(",", ":")).encode()

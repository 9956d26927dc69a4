"""A body that is received when what needs the head alone has let its request pass."""

import pytest

from hump_trio import Request
from hump_trio.messages.late_body import LateBody, behind_body


async def length_of(request: Request) -> int:
    """Return the length of the body that is there."""
    return len(request.body)


async def test_a_late_body_is_received_before_the_call() -> None:
    """It is empty until then."""
    request = Request("POST", "/", "/")

    async def receive() -> None:
        request.body = b"hello"

    request.body = LateBody(receive)
    assert request.body == b""
    assert await behind_body(length_of, request) == 5


async def test_a_body_that_is_there_is_not_waited_for() -> None:
    """What is awaited is the call's own."""
    request = Request("POST", "/", "/", body=b"tea")
    awaited = behind_body(length_of, request)
    assert getattr(awaited, "__name__", "") == "length_of"
    assert await awaited == 3


async def test_a_body_that_does_not_come_prevents_the_call() -> None:
    """Its error is that of the call."""
    request = Request("POST", "/", "/")

    async def receive() -> None:
        raise ValueError("broken off")

    request.body = LateBody(receive)
    with pytest.raises(ValueError, match="broken off"):
        await behind_body(length_of, request)

"""Streams whose parts are converted: each in its turn, and closed with what they are made of."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hump_trio.messages.converted_body import ConvertedBody, part_bytes


class Source:
    """An async iterable whose iterator is another object; both note their closing."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.noted: list[str] = []

    async def __aiter__(self) -> AsyncIterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            self.noted.append("iterator closed")
            if self.fails:
                raise LookupError

    async def aclose(self) -> None:
        """Note it."""
        self.noted.append("source closed")


class Plain:
    """An async iterator that can't be closed."""

    def __aiter__(self) -> "Plain":
        return self

    async def __anext__(self) -> str:
        raise StopAsyncIteration


async def encode(part: str) -> bytes:
    """Encode a part."""
    return part.encode() + b"."


async def end() -> bytes:
    """Return the end."""
    return b"!"


async def test_parts_and_an_end() -> None:
    """The end comes once, after the last part; then there is nothing more."""
    body = ConvertedBody(Source(), encode, end)
    assert [part async for part in body] == [b"a.", b"b.", b"!"]
    assert [part async for part in body] == []
    assert [part async for part in ConvertedBody(Source(), encode)] == [b"a.", b"b."]
    assert [part async for part in ConvertedBody(Plain(), encode, end)] == [b"!"]


@pytest.mark.parametrize("begun", [False, True])
async def test_closing(begun: bool) -> None:
    """Both iterator and source are closed; one that was never begun has nothing to say."""
    source = Source()
    body = ConvertedBody(source, encode)
    if begun:
        await anext(body)
    await body.aclose()
    assert source.noted == ["iterator closed"] * begun + ["source closed"]


async def test_closing_that_fails() -> None:
    """The source is closed all the same."""
    source = Source(fails=True)
    body = ConvertedBody(source, encode)
    await anext(body)
    with pytest.raises(LookupError):
        await body.aclose()
    assert source.noted == ["iterator closed", "source closed"]


async def test_closing_what_cannot_be_closed() -> None:
    """Is no error."""
    await ConvertedBody(Plain(), encode).aclose()


@pytest.mark.parametrize(
    "part", ["é", "é".encode(), bytearray(b"\xc3\xa9"), memoryview(b"\xc3\xa9")]
)
def test_parts_are_text_or_bytes(part: Any) -> None:
    """Of any kind."""
    assert part_bytes(part) == b"\xc3\xa9"


@pytest.mark.parametrize("part", [None, 7, ["a"]])
def test_other_parts(part: Any) -> None:
    """They are refused by the name of their type."""
    with pytest.raises(TypeError, match=f"yields bytes or str, not {type(part).__name__}"):
        part_bytes(part)

"""JSON by msgspec: fast, and checked against types."""

from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest

from hump_trio.content.msgspec_json import MsgspecJson
from hump_trio.facts.exceptions import HttpException


@dataclass
class Point:
    """A dataclass in a dataclass."""

    x: int
    others: "list[Point]" = field(default_factory=list)


def test_msgspec_converts_to_a_type() -> None:
    """Dataclasses all the way down."""
    found = MsgspecJson().decode(b'{"x":1,"others":[{"x":2}]}', Point)
    assert found == Point(1, [Point(2)])


def test_a_slotted_dataclass_is_read_and_written_whole() -> None:
    """Defaults that a text left out included."""

    @dataclass(slots=True)
    class Item:
        name: str
        price: float = 0.0

    found = MsgspecJson().decode(b'{"name":"cup"}', Item)
    assert MsgspecJson().encode(found) == b'{"name":"cup","price":0.0}'


def test_msgspec_ignores_a_byte_order_mark_before_a_type_too() -> None:
    """And tells what is wrong behind it."""
    assert MsgspecJson().decode(b"\xef\xbb\xbf[1]", list[int]) == [1]
    with pytest.raises(HttpException) as caught:
        MsgspecJson().decode(b'\xef\xbb\xbf["a"]', list[int])
    assert caught.value.status == 422


def test_decoders_are_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """A type's decoder is made once, unless there are very many types, or the type has no hash."""
    made: list[Any] = []

    class Counting(MsgspecJson):
        """Tells which decoders it makes."""

        def decoder(self, expected: Any, place: str = "body") -> Any:
            made.append(expected)
            return super().decoder(expected, place)

    monkeypatch.setattr("hump_trio.content.msgspec_json.DECODER_COUNT", 2)
    codec = Counting()
    without_hash = Annotated[list[int], {}]
    asked: list[Any] = [list[int], set[int], list[int], tuple[int, ...], set[int], without_hash]
    for each in [*asked, without_hash, Any]:
        assert list(codec.decode(b"[1]", each)) == [1]
    assert made == [list[int], set[int], tuple[int, ...], set[int], without_hash, without_hash]


@pytest.mark.parametrize("text", [b'{"x":"1"}', b"{}", b"[]", b'{"x":1,"others":[3]}'])
def test_msgspec_refuses_another_type(text: bytes) -> None:
    """422, with a sentence that says what was expected and where."""
    with pytest.raises(HttpException) as caught:
        MsgspecJson().decode(text, Point)
    assert caught.value.status == 422
    assert caught.value.detail.startswith(("Expected `", "Object missing required field `x`"))


def test_msgspec_tells_bad_json_from_another_type() -> None:
    """400 for a text that isn't JSON, also where a type is expected."""
    for text in (b"{", b'{"x":1}x', b"\xff"):
        with pytest.raises(HttpException) as caught:
            MsgspecJson().decode(text, Point)
        assert caught.value.status == 400

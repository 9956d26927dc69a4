"""JSON lines: a stream of values, each as one line of JSON."""

from collections.abc import AsyncIterable
from typing import Any, ClassVar

from hump_trio.content.json_text import json_codec
from hump_trio.messages.converted_body import ConvertedBody
from hump_trio.messages.response import Fields, Response

__all__ = ["JsonLines"]


class JsonLines(Response):
    """An answer that streams values, each as a line of JSON, as soon as there is one.

    The content type is ``application/jsonl``: OpenAPI 3.2 and jsonlines.org call it so. The older
    ``application/x-ndjson`` means the same, and can be set.

    Args:
        items: An async iterable of what has a JSON form; closed by the server.
        status: As of `Response`.
        headers: As of `Response`.

    Raises:
        TypeError: The items aren't async iterable.
    """

    __slots__ = ()

    media_type: ClassVar[str] = "application/jsonl"

    def __init__(self, items: AsyncIterable[Any], status: int = 200, headers: Fields = ()) -> None:
        if not isinstance(items, AsyncIterable):
            raise TypeError(f"JsonLines takes an async iterable, not {items!r:.80}")
        Response.__init__(self, ConvertedBody(items, encode_line), status, headers)
        self.headers.setdefault("content-type", self.media_type)


async def encode_line(item: Any) -> bytes:
    """Encode a value as a line; JSON itself has no line end within."""
    return json_codec.encode(item) + b"\n"

"""JSON lines: a stream of values, each sent as one line of JSON."""

from collections.abc import AsyncIterable
from typing import Any, ClassVar

from hump_trio.content.json_text import json_codec
from hump_trio.messages.converted_body import ConvertedBody
from hump_trio.messages.response import Behind, Fields, Response

__all__ = ["JsonLines"]


class JsonLines(Response):
    """A response that streams values, each as a line of JSON, as soon as it is yielded.

    The content type is ``application/jsonl``, the name that OpenAPI 3.2 and jsonlines.org use.
    The older name ``application/x-ndjson`` means the same, and can be set.

    Args:
        items: An async iterable of values that have a JSON form. The server closes it.
        status: A final status, 200 to 599; 200 by default.
        headers: Further header fields (see `Response`).
        trailers: Fields that follow the body (see `Response`).

    Raises:
        TypeError: The items aren't async iterable.
        ValueError: The status isn't a final one, or a field can't be sent.
    """

    __slots__ = ()

    media_type: ClassVar[str] = "application/jsonl"

    def __init__(
        self,
        items: AsyncIterable[Any],
        status: int = 200,
        headers: Fields = (),
        *,
        trailers: Behind = (),
    ) -> None:
        if not isinstance(items, AsyncIterable):
            raise TypeError(f"JsonLines takes an async iterable, not {items!r:.80}")
        body = ConvertedBody(items, encode_line)
        Response.__init__(self, body, status, headers, trailers=trailers)
        self.headers.setdefault("content-type", self.media_type)


async def encode_line(item: Any) -> bytes:
    """Encode a value as a line; the codecs write no line end within a value."""
    return json_codec.encode(item) + b"\n"

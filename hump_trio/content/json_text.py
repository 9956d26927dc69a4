"""JSON texts to values and back: by msgspec where it is installed, else by the standard library.

Both read the same texts. They refuse whatever RFC 8259 forbids (NaN, any encoding but UTF-8),
halves of surrogate pairs and numbers out of range; they ignore a byte order mark. Both write
dataclasses, enums, UUIDs, dates, decimals and sets, and write them alike. Only msgspec checks a
text against a type.
"""

from typing import Any, Protocol

from hump_trio.content.msgspec_json import ModelMismatch, MsgspecJson

__all__ = ["JsonCodec", "explain_mismatch", "explain_mismatches", "json_codec", "typed_codec"]


class JsonCodec(Protocol):
    """The contract of a JSON library: values to texts and back."""

    def encode(self, value: Any) -> bytes:
        """Return the text of a value as UTF-8.

        Raises:
            TypeError: The value, or a value in it, has no JSON form.
            ValueError: A text in it has no UTF-8 form. The standard library raises it for numbers
                that aren't finite too, where msgspec writes null, as JavaScript does.
            ValueError, RecursionError: The value contains itself.
        """
        ...

    def encode_filled(self, value: Any) -> bytes:
        """Do as `encode`, for a value whose objects have all their fields (see `fill_in`)."""
        ...

    def embed(self, text: bytes) -> Any:
        """Return what stands, in a value that is encoded, for a text that is JSON already."""
        ...

    def decode(self, text: bytes, expected: Any = Any) -> Any:
        """Return the value of a text, converted to the expected type.

        Raises:
            HttpException: 400 for a text that isn't JSON, 422 for JSON that doesn't fit the type.
            TypeError: This codec can't check types, or JSON can't become such a type.
        """
        ...


def choose_codec() -> JsonCodec:
    """Return the best codec that the machine has."""
    try:
        return MsgspecJson()
    except ModuleNotFoundError as error:
        if error.name != "msgspec":  # which is there, and can't be used
            raise
    from hump_trio.content.standard_json import StandardJson

    return StandardJson()


json_codec: JsonCodec = choose_codec()


def typed_codec() -> MsgspecJson:
    """Return the codec that checks types.

    Raises:
        TypeError: msgspec isn't installed.
    """
    if not isinstance(json_codec, MsgspecJson):
        raise TypeError("this takes msgspec: pip install 'hump-trio[json]'")
    return json_codec


def explain_mismatch(error: ValueError) -> tuple[str, str]:
    """Return where in a value it doesn't fit its type, and why, in words for a client.

    Args:
        error: A `msgspec.ValidationError`, or any other error, whose message is then the reason.

    Returns:
        A place such as ``.items[2].price``, empty for the value itself, and the reason.
    """
    reason, _, path = str(error).rpartition(" - at `")
    if not path.startswith(("$", "key` in `$")):
        reason, path = str(error), ""
    elif path.startswith("key"):
        reason = f"{reason} in a key"
    if isinstance(error.__cause__, TypeError):
        # A bug, perhaps in a `__post_init__`: its message is none of the client's business.
        reason = "not valid"
    elif error.__cause__ is None:
        reason = reason[:1].lower() + reason[1:]
    return path.partition("$")[2].rstrip("`"), reason


def explain_mismatches(error: ValueError) -> list[tuple[str, str]]:
    """Return all that is known of where a value doesn't fit its type, and why.

    Args:
        error: As for `explain_mismatch`.
    """
    path, reason = explain_mismatch(error)
    if isinstance(error.__cause__, ModelMismatch):
        return [(path + place, why) for place, why in error.__cause__.places]
    return [(path, reason)]

"""Messages of an app, what is wrong with one, and errors that only say that a client has gone."""

from collections.abc import MutableMapping
from typing import Any, TypeAlias

import trio

from hump_trio.messages.headers import FieldLines
from hump_trio.tasks.failures import comes_of, leaves_of

__all__ = [
    "MISTAKES",
    "ClientGone",
    "Message",
    "decode_fields",
    "mistake_in",
    "tells_of_leaving",
]

# What goes between a server and an app, by the names of the specification.
Message: TypeAlias = MutableMapping[str, Any]
# What is raised where a message is wrong, and becomes the error of `mistake_in`.
MISTAKES = (KeyError, RuntimeError, TypeError, ValueError)


class ClientGone(BrokenPipeError, trio.BrokenResourceError):
    """What `send` of an app raises when the client has gone: an `OSError`, as ASGI 2.4 has it."""


def tells_of_leaving(error: BaseException) -> bool:
    """Tell whether an error is nothing but what an app has made of a `ClientGone`.

    Args:
        error: What came out of the app. In a group, each error has to be one of those.
    """
    return all(comes_of(each, ClientGone) for each in leaves_of(error))


def decode_fields(headers: Any) -> FieldLines:
    """Return header fields of an app as text.

    Raises:
        TypeError: A name or a value isn't bytes, or they aren't pairs.
    """
    try:
        return [
            (
                name.decode("latin-1"),
                # Plain ASCII is decoded as UTF-8, which takes a fifth of the instructions.
                value.decode() if value.isascii() else value.decode("latin-1"),
            )
            for name, value in headers
        ]
    except (AttributeError, TypeError, ValueError):
        raise TypeError(
            f"headers are pairs of bytes, a name and a value, not {headers!r:.80}"
        ) from None


def mistake_in(message: Any, error: Exception) -> Exception:
    """Return the error to raise in an app that has sent what it may not send.

    Args:
        message: The message.
        error: What is wrong with it: a `TypeError` stays one, anything else is a `RuntimeError`.
    """
    if not isinstance(message, MutableMapping) or not isinstance(message.get("type"), str):
        return TypeError(f"an ASGI message is a dict with a 'type', not {message!r:.80}")
    kind = message["type"]
    if isinstance(error, KeyError):
        return RuntimeError(f"{kind} lacks its {error.args[0]!r}")
    text = f"{kind}: {error}"
    return TypeError(text) if isinstance(error, TypeError) else RuntimeError(text)

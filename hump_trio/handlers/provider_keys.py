"""Which annotations can be the key of a provider, so that parameters of them get its values."""

import builtins
from typing import Any

from hump_trio.channels.websocket import WebSocket
from hump_trio.content.annotations import class_of, extras_of, kinds_of
from hump_trio.content.upload import UploadFile
from hump_trio.handlers.markers import Marker
from hump_trio.handlers.parsing import is_plain_text
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response

__all__ = ["is_key", "is_near"]

# Classes that are so general that a parameter of one means many things; and modules of such.
BUILT_IN = {each for each in vars(builtins).values() if isinstance(each, type)}
GENERAL = ("typing", "collections", "collections.abc", "types")
# Classes whose parameters are given something else.
TAKEN = (Request, WebSocket, UploadFile, Response)


def is_key(annotation: Any) -> bool:
    """Tell whether an annotation can be a key: a class, or a union of classes, of the program's.

    No text is read as such a class, and it isn't one that every program has, such as ``dict``. A
    marker says by itself where a value comes from.
    """
    try:
        hash(annotation)
    except TypeError:  # of what stands beside its type in Annotated
        return False
    kinds = kinds_of(annotation)
    return bool(kinds) and not is_marked(annotation) and all(map(is_own, kinds))


def is_marked(annotation: Any) -> bool:
    """Tell whether an annotation says by itself where a value comes from."""
    return any(isinstance(each, Marker) for each in extras_of(annotation))


def is_near(annotation: Any, key: Any) -> bool:
    """Tell whether an annotation has a class of a key, and may be mistaken for it."""
    kinds = kinds_of(key)
    return not is_marked(annotation) and any(kind in kinds for kind in kinds_of(annotation))


def is_own(kind: Any) -> bool:
    """Tell whether the class of a bare annotation can be a key, alone or in a union."""
    found = class_of(kind)
    return (
        isinstance(found, type)
        and found not in BUILT_IN
        and found.__module__ not in GENERAL
        and not issubclass(found, TAKEN)
        and not is_plain_text(kind)
    )

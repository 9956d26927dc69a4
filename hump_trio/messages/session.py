"""What is kept of a visitor from one request to the next, as handlers see it.

Who keeps it, and where, is not known here.
"""

from typing import Any

__all__ = ["SESSION_OPENER", "Session"]

# The key of `Request.state` whose value returns the session for the request. An attribute of its
# own would cost each request a little, also where nobody has sessions.
SESSION_OPENER = "hump_trio.session"


class Session(dict[str, Any]):
    """A dict of what is kept of one visitor, ``request.session`` under `Sessions`.

    It holds what JSON brings back as it was: text, numbers, booleans, None, and lists and dicts of
    them whose keys are text. It is written when the handler has returned, if anything in it has
    changed by then, and nothing is kept of an empty one: ``session.clear()`` logs out. From then
    on, as within a streamed body and in a WebSocket, a change of the dict itself raises
    RuntimeError; one of a list or a dict within it is lost.

    Args:
        args: The first values, as for `dict`.
        values: More of them, by name.
    """

    __slots__ = ("__closed__", "__renewed__")

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self.__renewed__: bool = False
        self.__closed__: str = ""  # why it can't be changed

    def renew(self) -> None:
        """Give the session another id, and its full time again; call it where a visitor logs in.

        What the session holds stays. The old id ends, so that somebody who has planted or seen it
        isn't logged in, too. Without a store there is no id, and a cookie that was seen holds what
        it held.

        Raises:
            RuntimeError: The session is written already.
        """
        self._check()
        self.__renewed__ = True

    def __reduce__(self) -> tuple[Any, ...]:
        """Have copies be plain dicts, which anybody may change."""
        return dict, (dict(self),)

    def _check(self) -> None:
        """Raise RuntimeError if the session can't be changed any more."""
        if self.__closed__:
            raise RuntimeError(self.__closed__)

    def __setitem__(self, key: str, value: Any) -> None:
        self._check()
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self._check()
        super().__delitem__(key)

    # Any form that `update` takes, where the types of `dict` list some.
    def __ior__(self, other: Any) -> "Session":  # type: ignore[override, misc]
        self.update(other)
        return self

    def update(self, *args: Any, **values: Any) -> None:
        """Set several values, as `dict.update` does."""
        self._check()
        super().update(*args, **values)

    def setdefault(self, key: str, default: Any = None, /) -> Any:
        """Return a value, set to a default if there was none, as `dict.setdefault` does."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str, *default: Any) -> Any:
        """Remove and return a value, as `dict.pop` does."""
        self._check()
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the value that was set last, as `dict.popitem` does."""
        self._check()
        return super().popitem()

    def clear(self) -> None:
        """Remove all values: nothing is kept of the visitor.

        What is set behind that is another session, with an id of its own, as behind `renew`.
        """
        self.renew()
        super().clear()

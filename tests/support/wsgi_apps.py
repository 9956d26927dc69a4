"""Apps of WSGI for tests, each watched by the validator of the standard library."""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.validate import validator

from hump_trio import Hump
from hump_trio.wsgi import Wsgi

__all__ = ["App", "StartResponse", "hello", "mounted", "typed", "validated"]

StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


def typed(*fields: tuple[str, str]) -> list[tuple[str, str]]:
    """Return header fields with a content type, which the validator asks for."""
    return [("Content-Type", "text/plain"), *fields]


def hello(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    """Answer with a greeting."""
    start_response("200 OK", typed())
    return [b"hello"]


def validated(app: Any) -> App:
    """Return an app that the validator watches, and that is called as before."""
    watched = validator(app)
    watched.__name__ = type(app).__name__
    return watched


def mounted(app: App, prefix: str = "", *, strict: bool = True, **options: Any) -> Hump:
    """Return an app that has another one mounted.

    Args:
        app: The other one.
        prefix: Where.
        strict: Whether the validator watches, which refuses by itself what we would refuse.
        options: Those of `Wsgi`; and ``limits`` and ``timeouts`` of the app.
    """
    own = {name: options.pop(name) for name in ("limits", "timeouts") if name in options}
    host = Hump(**own)
    host.mount(prefix, Wsgi(validator(app) if strict else app, **options))
    return host

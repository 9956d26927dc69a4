"""One app in each framework, with the same paths; a framework may lack some.

- ``/hello``: GET: the text ``hello``.
- ``/query``: GET with ``name`` and ``size``: both as JSON, the size a number.
- ``/size``: POST: the length of the body as JSON, ``bytes``.
- ``/form``: POST of a multipart form: ``title``, ``filename`` and ``bytes`` of the file ``upload``.
- ``/stream``: GET: ``one``, and ``two`` once `Contract.go` is set.
- ``/endless``: GET: a stream without an end; that it is closed is an event, ``closed``.
- ``/thread``: GET: as JSON whether the handler, an ordinary function, runs in a ``worker`` thread.
- ``/later``: POST: an answer with status 202, and behind it what waits for `Contract.go`.
- ``/static/``: GET: the files of `Contract.folder`.
- ``/dependency``: GET: what a dependency gives, which is closed behind the handler.
- ``/large``: GET: `LARGE`, compressed where the client takes that.
- ``/state``: GET: what the lifespan has left in the state.
- ``/crash``: GET: an error that nobody has foreseen.
- ``/redirect``: GET: leads to the URL of ``/hello``, as the framework builds it.
- ``/cookies``: GET: sets two cookies, and tells the ``cup`` of the request.
- ``/echo``: a WebSocket: what comes goes back, with the subprotocol ``tea`` if it was offered; told
  ``close``, it closes with 4000 and the reason ``done``.
- ``/denied``: a WebSocket that is refused: where the framework can, with status 401 and a text.

Middleware adds the field ``x-around`` to each answer, and lets pages of other sites ask.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import trio

__all__ = ["FRAMEWORKS", "LARGE", "Contract", "make_app"]

# A text that is worth compressing.
LARGE = "tea with milk\n" * 200

AsgiApp: TypeAlias = Callable[..., Any]


@dataclass
class Contract:
    """What an app and its test share.

    Args:
        folder: Static files.

    Attributes:
        events: What the app has done beside its answers, in order.
        go: What the second part of a stream and the work behind an answer wait for.
    """

    folder: Path
    events: list[str] = field(default_factory=list)
    go: trio.Event = field(default_factory=trio.Event)


FRAMEWORKS = ("starlette", "fastapi", "litestar", "quart")


def make_app(framework: str, contract: Contract) -> AsgiApp:
    """Return a new app of a framework, which is imported now.

    Raises:
        ImportError: It isn't installed: ``pip install 'hump-trio[frameworks]'``.
    """
    app: AsgiApp = import_module(f"tests.support.frameworks.on_{framework}").make_app(contract)
    return app

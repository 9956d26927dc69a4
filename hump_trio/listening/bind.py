"""What is to be listened on, as a user writes it.

Texts and values only: whether an address can be had is known where it is opened.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hump_trio.facts.grammar import is_integer

__all__ = ["Bind", "check_binds", "check_host", "check_port", "join_bind", "parse_bind"]

FORMS = (
    "'127.0.0.1:8000', '[::]:80', ':80', 'http://host:port', 'https://host:port',"
    " 'unix:/run/app.sock', 'fd://3' or 'systemd'"
)
# A URL, brackets, or a port behind a name: `parse_bind` takes them, a host alone doesn't.
NO_HOST = re.compile(r"[/\[\]]|^[^:]*:[^:]*$")
DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """One thing to listen on; of `host`, `path`, `descriptor` and `activated`, one is set.

    Args:
        text: The bind as the user wrote it.
        scheme: ``http`` or ``https`` where the text says it; else empty.
        host: A name or address; empty for every interface, IPv4 and IPv6.
        port: 0 for an ephemeral one, the same for each address of the host.
        path: Where the file of a Unix socket is to be.
        descriptor: The number of a socket that listens already.
        activated: Whether all sockets are meant that the service manager has opened.
    """

    text: str
    scheme: str = ""
    host: str | None = None
    port: int = 0
    path: str | None = None
    descriptor: int | None = None
    activated: bool = False


def parse_bind(text: str) -> Bind:
    """Return what a text asks to listen on.

    Raises:
        ValueError: The text has none of the forms, or its port isn't a port's number.
    """
    kind, _, rest = text.partition("://")
    if text == "systemd":
        return Bind(text=text, activated=True)
    if kind == "fd":
        if not DIGITS.fullmatch(rest):
            raise ValueError(f"fd:// is followed by a descriptor's number, as in fd://3: {text!r}")
        return Bind(text=text, descriptor=int(rest))
    if text.startswith("unix:"):
        return Bind(text=text, path=check_path(text.removeprefix("unix:"), text))
    scheme = kind if kind in {"http", "https"} else ""
    host, colon, port = (rest if scheme else text).rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"a bind is {FORMS} (IPv6 in brackets), not {text!r}")
    if not colon or not DIGITS.fullmatch(port) or int(port) > 0xFFFF:
        raise ValueError(f"a bind ends in a port from 0 to 65535, or is {FORMS}, not {text!r}")
    return Bind(text=text, scheme=scheme, host="" if host == "*" else host, port=int(port))


def check_path(path: str, text: str) -> str:
    """Return the path of a Unix socket.

    Raises:
        ValueError: It can't be one.
    """
    if path.startswith("@"):
        raise ValueError(f"an abstract socket has no mode, so anybody could connect: {text!r}")
    if not path or "\0" in path:
        raise ValueError(f"unix: is followed by a path, as in unix:/run/app.sock: {text!r}")
    return path


def join_bind(host: str, port: int) -> str:
    """Return the text for a host and a port."""
    bracketed = ":" in host or host == "unix"
    return f"[{host}]:{port}" if bracketed else f"{host or '*'}:{port}"


def check_host(host: object) -> None:
    """Refuse a host that can't be one.

    Raises:
        ValueError: With the form to write instead.
    """
    if not isinstance(host, str):
        raise ValueError(f"a host is a str and comes first, as in Hump('', 8342), not {host!r}")
    if host.startswith("__"):
        raise ValueError(f"an app needs no name: Hump() or Hump('', 8342), not {host!r}")
    if NO_HOST.search(host):
        raise ValueError(
            "a host is a name or an address alone, and its port comes second, as in"
            f" Hump('127.0.0.1', 8342), not {host!r}; binds=[...] takes other forms"
        )


def check_port(port: object) -> None:
    """Refuse a port that can't be one.

    Raises:
        ValueError: The port isn't a whole number from 0 to 65535.
    """
    if not is_integer(port) or not 0 <= port <= 0xFFFF:
        raise ValueError(f"a port is a number from 0 to 65535, not {port!r}")


def check_binds(binds: object) -> tuple[str, ...]:
    """Return the texts of several binds.

    Raises:
        TypeError: It is no list of str.
        ValueError: The list is empty, or a text in it has none of the forms.
    """
    if not isinstance(binds, Sequence) or isinstance(binds, str | bytes):
        raise TypeError(f"binds is a list of texts, as in ['127.0.0.1:8000'], not {binds!r}")
    for text in binds:
        if not isinstance(text, str):
            raise TypeError(f"a bind is a text, such as {FORMS}, not {text!r}")
        parse_bind(text)
    if not binds:
        raise ValueError("binds names at least one thing to listen on")
    return tuple(binds)

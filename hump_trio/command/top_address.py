"""Where a live page is, and how it is asked for the state of its server.

The standard library asks, in blocking calls: none of it is a server's.
"""

import re
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import unquote, urlsplit

from hump_trio.command.options import UsageError
from hump_trio.command.top_state import State, StateError, parse_state

__all__ = ["PageAddress", "fetch_state", "parse_page_address"]

# What an operator waits for at most: a connection, and then the answer as a whole.
ANSWER_SECONDS = 3.0
LATE = "the answer takes too long"
# A snapshot has a hundred requests of fifty tasks each, and a thousand routes: some megabytes.
ANSWER_BYTES = 16 * 2**20
READ_BYTES = 2**16
PAGE = "/inspect"
GRAPHIC = re.compile("[!-~]+")  # what URLs are made of


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAddress:
    """Where a live page is.

    Args:
        shown: What it is called on the screen: without a password.
        host: The host that is connected to; empty for a Unix socket.
        port: Its port.
        unix: The path of a Unix socket; empty for a host.
        tls: Whether it is asked over TLS.
        path: The path of the page, up to ``/inspect``.
        authorization: The value of the field of that name; empty for none.
    """

    shown: str
    host: str = ""
    port: int = 0
    unix: str = ""
    tls: bool = False
    path: str = PAGE
    authorization: str = ""

    def open(self) -> HTTPConnection:
        """Return what connects when it is first used; the caller closes it."""
        if self.unix:
            return UnixConnection(self.unix)
        kind = HTTPSConnection if self.tls else HTTPConnection
        return kind(self.host, self.port, timeout=ANSWER_SECONDS)


class UnixConnection(HTTPConnection):
    """A connection by a Unix socket.

    Args:
        path: The path of the socket.
    """

    sock: socket.socket

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self._socket_path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ANSWER_SECONDS)
        self.sock.connect(self._socket_path)


def parse_page_address(text: str) -> PageAddress:
    """Return where a live page is.

    Args:
        text: ``host:port``, ``:port`` of this machine, ``unix:/path``, or a URL of the page.

    Raises:
        UsageError: It is none of these.
    """
    if text.startswith("unix:/"):
        return PageAddress(shown=text, unix=text.removeprefix("unix:"))
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        port = url.port
    except ValueError as error:
        raise UsageError(f"{text!r} is no address: {error}") from None
    path = url.path.rstrip("/") or PAGE
    known = url.scheme in ("http", "https") and not (url.query or url.fragment)
    named = url.hostname if "://" in text else port
    if not (known and named and path.endswith(PAGE) and GRAPHIC.fullmatch(text)):
        raise UsageError(
            f"{text!r} is no address of a live page, as are 127.0.0.1:9000, unix:/run/shop.sock and"
            f" http://user:password@host/ops{PAGE}"
        )
    tls = url.scheme == "https"
    user = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
    return PageAddress(
        shown=url.netloc.rpartition("@")[2] + path,
        host=url.hostname or "localhost",
        port=port or (443 if tls else 80),
        tls=tls,
        path=path,
        authorization=f"Basic {b64encode(user.encode()).decode()}" if user != ":" else "",
    )


def fetch_state(address: PageAddress) -> State:
    """Return the state that a server answers with now.

    Raises:
        StateError: It doesn't; the message says why in a line.
    """
    late = threading.Event()
    try:
        with closing(address.open()) as connection:
            connection.connect()
            with cut_when_late(connection.sock, late):
                return ask(connection, address)
    except (HTTPException, OSError, StateError, UnicodeError) as error:
        raise StateError(LATE if late.is_set() else explain(error)) from error


@contextmanager
def cut_when_late(sock: socket.socket, late: threading.Event) -> Iterator[None]:
    """Cut a connection when the block takes too long: a server may send on without an end.

    Args:
        sock: The connection's socket.
        late: Set before that.
    """

    def cut() -> None:
        late.set()
        with suppress(OSError):  # it has gone
            # The method of `ssl.SSLSocket` would have the rest read as if it weren't encrypted.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(ANSWER_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def ask(connection: HTTPConnection, address: PageAddress) -> State:
    """Return the state that a server answers with.

    Args:
        connection: It leads there.
        address: What is asked for.

    Raises:
        HTTPException, OSError, StateError: It doesn't.
    """
    fields = {"accept": "application/json", "connection": "close"}
    if address.authorization:
        fields["authorization"] = address.authorization
    connection.request("GET", f"{address.path}/state", headers=fields)
    with connection.getresponse() as response:
        if response.status != 200:
            raise StateError(explain_status(response.status, address.path))
        return parse_state(read_body(response))


def explain(error: Exception) -> str:
    """Return what a failure to ask means."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, HTTPException):
        return f"no HTTP/1.1 is spoken there ({type(error).__name__})"
    if isinstance(error, UnicodeError):  # of a label that no host's name can have
        return f"there is no such host: {error}"
    return str(error)


def explain_status(status: int, path: str) -> str:
    """Return what a status other than 200 means."""
    if status == 401:
        return "401: it asks for a user: http://user:password@..."
    if status == 404:
        return f"404: there is no live page at {path}"
    return f"{status} instead of a live page's state"


def read_body(response: HTTPResponse) -> bytes:
    """Return a body that isn't too long.

    Raises:
        StateError: It is.
    """
    body = bytearray()
    while data := response.read1(READ_BYTES):
        body += data
        if len(body) > ANSWER_BYTES:
            raise StateError(f"an answer of more than {ANSWER_BYTES} bytes")
    return bytes(body)

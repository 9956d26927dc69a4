"""The environ of a request: what an app of WSGI knows of it (PEP 3333)."""

import sys
from io import BytesIO
from typing import Any
from wsgiref.util import FileWrapper

from hump_trio.messages.request import Request

__all__ = ["environ_of"]

# What every environ has. Other processes may well run the same app: wsgi.multiprocess tells an
# app what it may not rely on, so that a wrong True costs it little, and a wrong False its data.
CONSTANT: dict[str, Any] = {
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.file_wrapper": FileWrapper,
}
PORTS = {"http": "80", "https": "443"}
# Fields that have a variable without ``HTTP_``; one whose work is done when the body is here
# (RFC 3875 section 4.1.2); and one that programs take for their own setting HTTP_PROXY
# (CVE-2016-5385), which no client has a reason to send.
NOT_COPIED = frozenset({"content-length", "content-type", "host", "proxy", "transfer-encoding"})


def environ_of(request: Request, prefix: str, token: object) -> dict[str, Any]:
    """Return the environ of a request whose body is here.

    Beside what PEP 3333 asks for there are ``REMOTE_ADDR`` and ``REMOTE_PORT`` (empty for a client
    without an address), ``REQUEST_URI`` (the target as sent), ``HTTPS`` over TLS, and
    ``hump_trio.request`` and ``hump_trio.token``: two of the arguments. A field whose name has an
    underscore is left out. It would be taken for the field of that name with a hyphen, which a
    proxy may have checked (CVE-2015-0219).

    Args:
        request: The request, as middleware has left it.
        prefix: The path that the app is mounted at, without a slash at its end.
        token: By which the app's thread reaches Trio.
    """
    server_name, server_port = server_of(request)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": as_latin_1(prefix),
        "PATH_INFO": as_latin_1(request.path[len(prefix) :]),
        "QUERY_STRING": request.query_string,
        "REQUEST_URI": request.target,
        "SERVER_NAME": server_name,
        "SERVER_PORT": server_port,
        # Of two numbers, as RFC 3875 section 4.1.16 has it and programs take it apart.
        "SERVER_PROTOCOL": f"HTTP/{'2.0' if request.http_version == '2' else request.http_version}",
        "REMOTE_ADDR": "",
        "REMOTE_PORT": "",
        **CONSTANT,
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": BytesIO(request.body),
        # Looked up for each request, as `print` does. A logger of ours might lead into the app's
        # own handler (Flask's writes to this very stream), and so back here.
        "wsgi.errors": sys.stderr,
        "hump_trio.request": request,
        "hump_trio.token": token,
    }
    if request.client is not None:
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = request.client[0], str(request.client[1])
    if request.scheme == "https":
        environ["HTTPS"] = "on"
    add_fields(environ, request)
    return environ


def add_fields(environ: dict[str, Any], request: Request) -> None:
    """Add the variables that are made of header fields."""
    has_length = bool(request.body)
    for name, value in request.headers.items():
        if "_" in name:
            continue
        if name in NOT_COPIED:
            has_length = has_length or name == "content-length"
            if name != "content-type":
                continue
            key = "CONTENT_TYPE"
        else:
            key = f"HTTP_{name.upper().replace('-', '_')}"
        if key in environ:
            value = f"{environ[key]}{'; ' if name == 'cookie' else ', '}{value}"
        environ[key] = value
    if has_length:  # of what there is to read, whatever framed it
        environ["CONTENT_LENGTH"] = str(len(request.body))
    if request.host:
        environ["HTTP_HOST"] = request.host  # also where a target or a proxy has named it


def server_of(request: Request) -> tuple[str, str]:
    """Return the host and port that were asked for, else those of the server; never empty."""
    host, default_port = request.host, PORTS[request.scheme]
    if host:
        name, colon, port = host.rpartition(":")
        if not colon or "]" in port:  # no port, behind an IPv6 address either
            return host, default_port
        return name, port or default_port
    if request.server is None or request.server[1] is None:
        return "localhost", default_port
    return request.server[0], str(request.server[1])


def as_latin_1(text: str) -> str:
    """Return the UTF-8 bytes of a text as the characters of those numbers, as PEP 3333 has them."""
    return text if text.isascii() else text.encode().decode("latin-1")

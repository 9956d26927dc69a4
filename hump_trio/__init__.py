"""A tiny, exact web framework and HTTP server on Trio.

A handler is an ordinary async function with a deadline, and everything it starts ends with it.
"""

from http import HTTPStatus as statuses
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hump_trio.answers.file_response import FileResponse
from hump_trio.answers.redirect import RedirectResponse
from hump_trio.app import Hump
from hump_trio.channels.websocket import WebSocket
from hump_trio.content.form import Form
from hump_trio.content.multimap import MultiMap
from hump_trio.content.upload import UploadFile
from hump_trio.dispatch.router import Router
from hump_trio.facts.exceptions import (
    BindError,
    BindingError,
    HttpException,
    HttpParserError,
    HumpError,
    RouteError,
    StartupError,
    TlsError,
    WebSocketClosed,
)
from hump_trio.facts.settings import Limits, Sockets, Timeouts
from hump_trio.handlers.bounds import limit, timeout
from hump_trio.handlers.markers import Body, Cookie, Header, Query
from hump_trio.messages.access_record import AccessRecord, Ended
from hump_trio.messages.headers import Headers
from hump_trio.messages.request import Request
from hump_trio.messages.response import (
    Begin,
    HtmlResponse,
    JsonResponse,
    Response,
    Send,
    StreamResponse,
)
from hump_trio.messages.session import Session
from hump_trio.routing.layer import CallNext

if TYPE_CHECKING:
    from hump_trio.answers.event_stream import Event, EventStream
    from hump_trio.answers.json_lines import JsonLines
    from hump_trio.channels.topic import Topic
    from hump_trio.facts.same_secret import same_secret
    from hump_trio.handlers.credentials import ApiKey, Basic, Bearer
    from hump_trio.messages.authorization import Credentials
    from hump_trio.middleware.client_address import client_address
    from hump_trio.middleware.compression import Compression
    from hump_trio.middleware.cors import Cors
    from hump_trio.middleware.forwarded import Forwarded
    from hump_trio.middleware.https_redirect import HttpsRedirect
    from hump_trio.middleware.rate_limit import RateLimit, rate_limit
    from hump_trio.middleware.rate_store import RateStore
    from hump_trio.middleware.request_id import RequestId, RequestIdFilter
    from hump_trio.middleware.same_origin import SameOrigin
    from hump_trio.middleware.security_headers import SecurityHeaders
    from hump_trio.middleware.session_stores import MemorySessions, SessionStore
    from hump_trio.middleware.sessions import Sessions
    from hump_trio.middleware.trusted_hosts import TrustedHosts
    from hump_trio.transports.certificates import TLS

__version__ = "0.2.0"  # the build takes it from here

__all__ = [
    "TLS",
    "AccessRecord",
    "ApiKey",
    "Basic",
    "Bearer",
    "Begin",
    "BindError",
    "BindingError",
    "Body",
    "CallNext",
    "Compression",
    "Cookie",
    "Cors",
    "Credentials",
    "Ended",
    "Event",
    "EventStream",
    "FileResponse",
    "Form",
    "Forwarded",
    "Header",
    "Headers",
    "HtmlResponse",
    "HttpException",
    "HttpParserError",
    "HttpsRedirect",
    "Hump",
    "HumpError",
    "JsonLines",
    "JsonResponse",
    "Limits",
    "MemorySessions",
    "MultiMap",
    "Query",
    "RateLimit",
    "RateStore",
    "RedirectResponse",
    "Request",
    "RequestId",
    "RequestIdFilter",
    "Response",
    "RouteError",
    "Router",
    "SameOrigin",
    "SecurityHeaders",
    "Send",
    "Session",
    "SessionStore",
    "Sessions",
    "Sockets",
    "StartupError",
    "StreamResponse",
    "Timeouts",
    "TlsError",
    "Topic",
    "TrustedHosts",
    "UploadFile",
    "WebSocket",
    "WebSocketClosed",
    "client_address",
    "limit",
    "rate_limit",
    "same_secret",
    "statuses",
    "timeout",
]

# Loaded when they are first asked for: a program that uses none of them starts a fifth sooner.
LOADED_LATER = {
    "ApiKey": "handlers.credentials",
    "Basic": "handlers.credentials",
    "Bearer": "handlers.credentials",
    "Compression": "middleware.compression",
    "Cors": "middleware.cors",
    "Credentials": "messages.authorization",
    "Event": "answers.event_stream",
    "EventStream": "answers.event_stream",
    "Forwarded": "middleware.forwarded",
    "HttpsRedirect": "middleware.https_redirect",
    "JsonLines": "answers.json_lines",
    "MemorySessions": "middleware.session_stores",
    "RateLimit": "middleware.rate_limit",
    "RateStore": "middleware.rate_store",
    "RequestId": "middleware.request_id",
    "RequestIdFilter": "middleware.request_id",
    "SameOrigin": "middleware.same_origin",
    "SecurityHeaders": "middleware.security_headers",
    "SessionStore": "middleware.session_stores",
    "Sessions": "middleware.sessions",
    "TLS": "transports.certificates",
    "Topic": "channels.topic",
    "TrustedHosts": "middleware.trusted_hosts",
    "client_address": "middleware.client_address",
    "rate_limit": "middleware.rate_limit",
    "same_secret": "facts.same_secret",
}


if not TYPE_CHECKING:  # a checker would take it for leave to ask for anything

    def __getattr__(name: str) -> Any:
        """Load what is public and wasn't needed so far."""
        module = LOADED_LATER.get(name)
        if module is None:
            hint = import_module(f"{__name__}.facts.hints").IMPORTS.get(name)
            if hint is not None:  # of an AttributeError, `from hump_trio import` shows nothing
                raise ImportError(f"hump_trio has no {name!r}: {hint}", name=__name__)
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        value = getattr(import_module(f"{__name__}.{module}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return __all__

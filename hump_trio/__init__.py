"""A tiny, exact web framework and HTTP server on Trio.

A handler is an ordinary async function with a deadline, and everything it starts ends with it.
"""

from http import HTTPStatus as statuses

from hump_trio.app import Hump
from hump_trio.bounds import limit, timeout
from hump_trio.exceptions import (
    BindError,
    BindingError,
    HttpException,
    HttpParserError,
    HumpError,
    RouteError,
)
from hump_trio.headers import Headers
from hump_trio.layer import CallNext
from hump_trio.multimap import MultiMap
from hump_trio.request import Request
from hump_trio.response import HtmlResponse, JsonResponse, Response, Send, StreamResponse
from hump_trio.router import Router
from hump_trio.settings import Limits, Timeouts
from hump_trio.signature import Cookie, Header, Query

__all__ = [
    "BindError",
    "BindingError",
    "CallNext",
    "Cookie",
    "Header",
    "Headers",
    "HtmlResponse",
    "HttpException",
    "HttpParserError",
    "Hump",
    "HumpError",
    "JsonResponse",
    "Limits",
    "MultiMap",
    "Query",
    "Request",
    "Response",
    "RouteError",
    "Router",
    "Send",
    "StreamResponse",
    "Timeouts",
    "limit",
    "statuses",
    "timeout",
]

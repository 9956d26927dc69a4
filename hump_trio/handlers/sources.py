"""The sources of a handler's parameters, one row each: what there is to know of it."""

from typing import Any

from hump_trio.channels.websocket import WebSocket
from hump_trio.content.annotations import class_of, is_body, item_types, members
from hump_trio.content.upload import UploadFile
from hump_trio.facts.hints import hint_of_class
from hump_trio.handlers.body_getters import body_getter
from hump_trio.handlers.form_getters import file_getter, texts_getter
from hump_trio.handlers.gate import secret_getter
from hump_trio.handlers.markers import Body, Cookie, Header, Marker, Query, Secret
from hump_trio.handlers.parameter import Source
from hump_trio.handlers.text_getters import (
    find_in_cookies,
    find_in_header,
    find_in_path,
    find_in_query,
    path_getter,
    text_getter,
)
from hump_trio.messages.headers import check_field
from hump_trio.messages.request import Request

__all__ = ["BODY", "CHANNEL", "PATH", "PROVIDED", "QUERY", "REQUEST", "SECRET", "SOURCES", "UPLOAD"]


def is_request(annotation: Any) -> bool:
    """Tell whether an annotation says that a parameter is the request, or nothing."""
    return annotation is Any or annotation is object or Request in members(annotation)


def is_websocket(annotation: Any) -> bool:
    """Tell whether an annotation says that a parameter is the WebSocket."""
    return any(class_of(each) is WebSocket for each in members(annotation))


def is_file(annotation: Any) -> bool:
    """Tell whether an annotation is of a file of a form, or of several."""
    return any(holds_file(each) for each in members(annotation))


def holds_file(member: Any) -> bool:
    """Tell whether a bare annotation is of a file, or of several."""
    return UploadFile in (member, *(item_types(member) or ()))


def refuse_foreign(annotation: Any, marker: Marker | None) -> str:
    """Return what to write for a class that isn't a client's to send, unless a marker says so."""
    hints = [] if marker else [hint_of_class(each) for each in members(annotation)]
    return next((f"that clients can't send{hint}" for hint in hints if hint), "")


def refuse_body(annotation: Any, marker: Marker | None) -> str:
    """Return why an annotation with the marker of a body isn't what it seems to be."""
    for each in members(annotation) if marker else ():
        if each is Request:
            return "that is the request: drop the Body()"
        if is_websocket(each):
            return "that is the WebSocket: drop the Body()"
        if holds_file(each):
            return "that is a file of a form: drop the Body()"
        if each is bytes:
            return "that would be base64 within JSON: the body as it came is request.body"
    return refuse_foreign(annotation, marker)


def no_name(name: str, alias: str) -> str:
    """Return that clients have no name for a value that there is only one of."""
    return ""


def field_name(name: str, alias: str) -> str:
    """Return the name of a header field; ValueError if it can't be one."""
    return cookie_name(name.replace("_", "-"), alias.lower())


def cookie_name(name: str, alias: str) -> str:
    """Return the name of a cookie; ValueError if it can't be one."""
    outer = alias or name
    check_field(outer, "")
    return outer


REQUEST = Source(
    name="request",
    takes=is_request,
    outer_name=no_name,
    optional=False,
    statuses=frozenset(),
)
CHANNEL = Source(
    name="websocket",
    takes=is_websocket,
    outer_name=no_name,
    optional=False,
    statuses=frozenset(),
)
# The template names its parameters.
PATH = Source(
    name="path",
    optional=False,
    find=find_in_path,
    getter=path_getter,
)
UPLOAD = Source(
    name="upload",
    place="form",
    takes=is_file,
    form_getter=file_getter,
)
BODY = Source(
    name="body",
    marker=Body,
    takes=is_body,
    refuse=refuse_body,
    outer_name=no_name,
    getter=body_getter,
    form_getter=texts_getter,
    statuses=frozenset({400, 415, 422}),
)
HEADER = Source(
    name="header",
    marker=Header,
    outer_name=field_name,
    find=find_in_header,
    repeats=True,
    getter=text_getter,
)
COOKIE = Source(
    name="cookie",
    marker=Cookie,
    outer_name=cookie_name,
    find=find_in_cookies,
    getter=text_getter,
)
# Whatever is wrong with credentials is 401, and no matter of a place.
SECRET = Source(
    name="credentials",
    marker=Secret,
    outer_name=no_name,
    getter=secret_getter,
    statuses=frozenset(),
)
QUERY = Source(
    name="query",
    marker=Query,
    takes=lambda annotation: True,
    refuse=refuse_foreign,
    find=find_in_query,
    repeats=True,
    getter=text_getter,
    statuses=frozenset({400, 422}),
)
# A provider knows how its values are got.
PROVIDED = Source(
    name="provider",
    outer_name=no_name,
    optional=False,
    statuses=frozenset(),
)
# A marker names its source. A parameter without one is taken from the first source that takes its
# annotation, and so from the query if no other does.
SOURCES = (REQUEST, CHANNEL, UPLOAD, BODY, HEADER, COOKIE, SECRET, PATH, QUERY)

"""How the handler of a WebSocket is called, and what becomes of its typed messages."""

import inspect
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable
from typing import Any, Literal, get_args

from hump_trio.channels.websocket import Terms, WebSocket, check_plain
from hump_trio.content.annotations import class_of, members
from hump_trio.content.json_text import json_codec, typed_codec
from hump_trio.content.msgspec_json import decode_unmarked
from hump_trio.facts.callables import Handler, name_of
from hump_trio.facts.exceptions import HttpException, RouteError
from hump_trio.handlers.async_functions import is_generator
from hump_trio.handlers.body_getters import explain
from hump_trio.handlers.calling import Call, getter_of, path_value, refused_for
from hump_trio.handlers.object_getters import check_settable, get_all
from hump_trio.handlers.parameter import Parameter, Signature
from hump_trio.handlers.shape_maker import ShapeMaker
from hump_trio.handlers.shapes import Misfit
from hump_trio.handlers.sources import CHANNEL, REQUEST
from hump_trio.messages.channel import Message, MessageRules
from hump_trio.messages.request import Request
from hump_trio.routing.channel_options import ChannelOptions
from hump_trio.routing.route import Route
from hump_trio.websocket.handshake import parse_subprotocols

__all__ = ["bind_guest", "bind_websocket", "match_subprotocol"]

# Types of messages that are sent and received as they are.
PLAIN = (str, bytes, Any, object)


def bind_websocket(route: Route, options: ChannelOptions, signature: Signature) -> Call:
    """Return a function that starts the handler of a WebSocket with what its signature asks for.

    It returns the WebSocket, and what to await: the handler's own coroutine, since one around it
    would be held as long as the WebSocket is open. It raises `HttpException` 400 for a client with
    other subprotocols, and `BindingError` for a request that doesn't fit.

    Args:
        route: The handler's route.
        options: Its channel's.
        signature: The handler's.

    Raises:
        RouteError: A parameter can't be given a value, messages can't be of a type, or the handler
            is a generator.
    """
    handler, parameters = route.handler, signature.parameters
    if is_generator(inspect.unwrap(handler)):
        raise RouteError(
            f"{name_of(handler)} handles a WebSocket and has a yield: write `await"
            " websocket.send(...)` instead"
        )
    if signature.provisions:
        return bind_within(route, options, signature)
    terms = terms_of(route, options, [each for each in parameters if each.source is CHANNEL])
    whole = [each for each in parameters if each.source in (CHANNEL, REQUEST)]
    by_position = [each.source for each in whole if each.by_position]
    by_name = [(each.name, each.source) for each in whole if not each.by_position]
    getters = {
        each.name: getter_of(route, each) or path_value(each.name)
        for each in parameters
        if each.source not in (CHANNEL, REQUEST)
    }

    def call(request: Request) -> tuple[WebSocket[Any, Any], Awaitable[Any]]:
        subprotocol = match_subprotocol(terms.subprotocols, request)
        values = get_all(getters, request)
        websocket: WebSocket[Any, Any] = WebSocket(request, terms, subprotocol)
        given = {CHANNEL: websocket, REQUEST: request}
        for name, source in by_name:
            values[name] = given[source]
        return websocket, handler(*[given[source] for source in by_position], **values)

    return call


def bind_within(route: Route, options: ChannelOptions, signature: Signature) -> Call:
    """Return what `bind_websocket` does for a handler with providers, which are left at its end."""
    from hump_trio.handlers.providing import getter_at, run_of

    reads = signature.reads
    channels = [place for place, each in enumerate(reads) if each.source is CHANNEL]
    terms = terms_of(route, options, [reads[place] for place in channels])
    getters = {place: getter_at(route, each) for place, each in enumerate(reads)}
    run = run_of(route, signature)

    def call(request: Request) -> tuple[WebSocket[Any, Any], Awaitable[Any]]:
        subprotocol = match_subprotocol(terms.subprotocols, request)
        values = [*get_all(getters, request).values()]
        websocket: WebSocket[Any, Any] = WebSocket(request, terms, subprotocol)
        for place in channels:
            values[place] = websocket
        return websocket, run(values)

    return call


def bind_guest(handler: Handler, options: ChannelOptions) -> Call:
    """Return a function that starts a mounted app for a WebSocket (see `bind_websocket`).

    The app chooses among the subprotocols by itself, and takes messages as they are.

    Args:
        handler: Takes the WebSocket.
        options: Those of its route.
    """
    terms = Terms(rules=MessageRules(limit_bytes=options.message_limit, compress=options.compress))

    def call(request: Request) -> tuple[WebSocket[Any, Any], Awaitable[Any]]:
        websocket: WebSocket[Any, Any] = WebSocket(request, terms)
        return websocket, handler(websocket)

    return call


def match_subprotocol(spoken: tuple[str, ...], request: Request) -> str | None:
    """Return the first subprotocol of the server's that a client has offered; None for none.

    Raises:
        HttpException: 400, the client has offered others alone, and would fail the handshake
            without a word (RFC 6455 section 4.1); or what can't be an offer.
    """
    offered = parse_subprotocols(request.headers.items()) if spoken else []
    if not offered:
        return None
    found = next((each for each in spoken if each in offered), None)
    if found is None:
        request.outcome = "refused"
        raise HttpException(400, f"the subprotocols here are {', '.join(spoken)}")
    return found


def terms_of(route: Route, options: ChannelOptions, parameters: list[Parameter]) -> Terms:
    """Return the terms of a handler's WebSocket, by the types that its annotation names.

    Args:
        route: The handler's route.
        options: Its channel's.
        parameters: Those that are given the WebSocket; decorators may take it, too.

    Raises:
        RouteError: Messages can't be of a type.
    """
    types: tuple[Any, ...] = ()
    parameter = parameters[0]
    for each in parameters:
        for member in members(each.annotation):
            if class_of(member) is WebSocket and get_args(member):
                parameter, types = each, get_args(member)
    taken, sent = types or (str | bytes, str | bytes)
    if options.binary and is_plain(taken) and is_plain(sent):
        raise RouteError(
            f"{name_of(route.handler)} sends and receives messages as they are: binary=True is for"
            " the JSON of a `WebSocket[Question, Answer]`, and bytes are a `WebSocket[bytes]`"
        )
    with refused_for(route, parameter):
        kind, decode = decoder_of(taken, binary=options.binary)
        encode = encoder_of(sent, name_of(route.handler), binary=options.binary)
    rules = MessageRules(
        limit_bytes=options.message_limit, kind=kind, decode=decode, compress=options.compress
    )
    return Terms(rules=rules, encode=encode, subprotocols=tuple(options.subprotocols))


def is_plain(annotation: Any) -> bool:
    """Tell whether messages of a type are sent and received as they are."""
    return all(each in PLAIN for each in members(annotation))


def decoder_of(
    taken: Any, *, binary: bool
) -> tuple[Literal["text", "binary"] | None, Callable[[Message], Any] | None]:
    """Return the kind of messages that a type is made of, and what makes it of one.

    Args:
        taken: The type.
        binary: Whether JSON is in binary messages.

    Raises:
        TypeError: JSON can't become the type, or msgspec isn't installed.
    """
    if is_plain(taken):
        kinds = set(members(taken))
        return ("text" if kinds == {str} else "binary" if kinds == {bytes} else None), None
    decode = typed_codec().decoder(taken, "message")
    check_settable(taken)

    def decode_message(message: Message) -> Any:
        text = message.encode() if isinstance(message, str) else message
        try:
            return decode_unmarked(decode, text)
        except (ValueError, RecursionError) as error:
            raise explain(text.removeprefix(BOM_UTF8), taken, error, "message") from error

    return ("binary" if binary else "text"), decode_message


def encoder_of(sent: Any, name: str, *, binary: bool) -> Callable[[Any], Message]:
    """Return what makes a message of a value of a type, with the fields of that type alone.

    Args:
        sent: The type.
        name: The name of the handler, for errors.
        binary: Whether JSON goes in binary messages.

    Raises:
        TypeError: JSON has nothing for the type, or msgspec isn't installed.
    """
    if is_plain(sent):
        classes = set(members(sent))
        return checker_of(classes.pop(), name) if classes in ({str}, {bytes}) else check_plain
    typed_codec().check_type(sent)
    shape = ShapeMaker().make(sent, strict=True)

    def encode(value: Any) -> Message:
        if shape is None:
            text = json_codec.encode(value)
        else:
            try:
                fitted = value if type(value) in shape.plain else shape.fit(value)
            except Misfit as error:
                place = f" at {error.place.lstrip('.')}" if error.place else ""
                raise TypeError(
                    f"{name} is annotated to send another type: {error}{place}"
                ) from None
            text = json_codec.encode_filled(fitted)
        return text if binary else text.decode()

    return encode


def checker_of(kind: type, name: str) -> Callable[[Any], Message]:
    """Return what sends values of one class as they are.

    Args:
        kind: The class, str or bytes.
        name: The name of the handler, for errors.
    """

    def check(value: Any) -> Message:
        if isinstance(value, kind):
            return check_plain(value)
        raise TypeError(f"{name} is annotated to send {kind.__name__}, not {type(value).__name__}")

    return check

"""The numbers of a server: how long it waits, how much it holds, how its sockets are opened.

These are facts only: nothing here knows requests or connections.
"""

import math
from dataclasses import dataclass, fields
from ipaddress import ip_network

from hump_trio.facts.grammar import TOKEN, is_integer, is_number

__all__ = ["Limits", "Sockets", "Timeouts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that the server takes from its clients, each default with its reason.

    Args:
        head_bytes: Bytes of the request line and the header section together. 32 KiB: twice the
            size of a browser's with large cookies. A longer head is answered with 431.
        header_count: Field lines of one header or trailer section. 100: five times as many as a
            browser sends. A head with more is answered with 431.
        target_bytes: Bytes of the request target. 8 KiB: the least that RFC 9112 section 3 asks
            for. A longer target is answered with 414.
        body_bytes: Bytes of one request body, unless the route has a ``body_limit``. 1 MiB: JSON
            and urlencoded forms fit, uploads need more. A larger body is answered with 413.
        buffered_bytes: Bytes in memory of all request bodies that are held for handlers at one
            time, and of the open forms with files. 256 MiB: a small machine survives. A request
            beyond that is answered with 503.
        connections: Open connections. 10,000, and never more than the limit of descriptors
            allows; each file that is being sent or uploaded takes one of the descriptors too. At
            the limit the connection that has been idle longest makes room, or accepting waits.
        requests: Requests being handled at one time. None: no limit. A request beyond that is
            answered with 503.
        streams: Requests of one HTTP/2 connection that are open at one time. 100: the least that
            RFC 9113 section 5.1.2 advises, and far more than a page needs. One beyond that is
            refused with REFUSED_STREAM, after which its client may repeat it. A request whose
            client has taken it back counts until its handler has ended.
        glitches: What an HTTP/2 client may do at once that costs the server something and brings
            no request further: a request taken back or malformed, a ping, a change of settings, a
            frame without content. 1,000: a browser that leaves a page takes back 100 requests. 33
            more are granted each second. Past that the connection ends with ENHANCE_YOUR_CALM.
        websockets: Open WebSockets. None: no limit but ``connections`` and ``streams``. A handshake
            beyond that is answered with 503; none that is open makes room.
        message_bytes: Bytes of one message of a WebSocket, decompressed, unless its route has a
            ``message_limit``. 1 MiB, as of a body. A longer one ends the WebSocket with 1009.
        message_queue_bytes: Bytes of a WebSocket that are received before its handler asks for
            them; nothing more is read then, so that its client waits. 64 KiB: a handler that falls
            behind for a moment costs no round trip. A message counts for 64 bytes more than it has,
            which is what Python takes for it. One that has begun comes on top.
        form_parts: Fields of a urlencoded form, or fields and files of a form with files. 1,000:
            more than any page has. A form with more is answered with 400 or 413.
        form_field_bytes: Bytes of one text field of a form with files. 64 KiB: an essay of ten
            thousand words. A longer field is answered with 413. All text fields together, with
            the names of all fields and files, are capped by ``body_bytes``.
        upload_bytes: Bytes of all files of one form, which stay in memory up to 64 KiB and go to
            the disk beyond. It is also the ``body_limit`` of routes whose handlers take an
            `UploadFile`. 32 MiB: a few photographs. A larger upload is answered with 413.
        spooled_bytes: Bytes of all files of all forms that are on the disk at one time. 1 GiB: 32
            of the largest forms. An upload beyond that is answered with 503, and with 507 if the
            disk itself is full.

    Raises:
        ValueError: A limit isn't a positive number.
    """

    head_bytes: int = 32 * 1024
    header_count: int = 100
    target_bytes: int = 8 * 1024
    body_bytes: int = 1024 * 1024
    buffered_bytes: int = 256 * 1024 * 1024
    connections: int = 10_000
    requests: int | None = None
    streams: int = 100
    glitches: int = 1000
    websockets: int | None = None
    message_bytes: int = 1024 * 1024
    message_queue_bytes: int = 64 * 1024
    form_parts: int = 1000
    form_field_bytes: int = 64 * 1024
    upload_bytes: int = 32 * 1024 * 1024
    spooled_bytes: int = 1024 * 1024 * 1024

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name in MAY_BE_NONE:
                continue
            if not is_integer(value) or value < 1:
                raise ValueError(f"Limits.{field.name} must be a positive integer, not {value!r}")


MAY_BE_NONE = frozenset({"requests", "websockets"})
MAY_BE_ZERO = frozenset({"half_closed", "shutdown_delay", "shutdown", "drain_idle", "cleanup"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long the server waits for its clients, for handlers and for its own end.

    Every field is a number of seconds, except ``min_rate`` (bytes per second) and
    ``deadline_header`` (a name); ``math.inf`` means no limit.

    Args:
        handshake: Time for the PROXY header and the TLS handshake of a connection that begins
            with them. 10: two round trips, and one lost packet is forgiven. On expiry the
            connection is closed.
        keep_alive: Time for the first byte of the next request. 75: longer than the 60 of common
            load balancers, so that the balancer is the one to close an idle connection. On expiry
            the connection is closed.
        head: Time for the whole head, counted from accepting the connection or from the head's
            first byte. 10: one lost packet on a bad line is forgiven. On expiry the answer is
            408.
        stall_grace: Longest silence within a request body. 5: twice a retransmission's wait. Each
            byte received moves the deadline by ``1 / min_rate``, never beyond this grace. On
            expiry the answer is 408.
        min_rate: Bytes per second. A peer that stays below this rate in the long run is treated
            as an attacker. 240: an old modem passes, a client that sends a byte now and then
            doesn't.
        send_grace: Longest silence of a peer that has answer bytes to acknowledge. 60:
            acknowledgements come in steps of up to 64 KiB. On expiry the connection is reset.
        ping: Silence of a WebSocket's client, while it has acknowledged all that was sent, after
            which it is sent a ping. 20: proxies cut what is silent for 60.
        pong: Time for any sign of life after that ping. 20: one that has vanished is found within
            40 seconds. On expiry the handler is cancelled and the connection is reset.
        message_grace: Longest silence between two fragments of one message of a WebSocket. 60:
            fragments are sent as they are made. Each byte moves the deadline by ``1 / min_rate``.
            On expiry the WebSocket is closed with 1008.
        close: Time for a client to answer the closing frame of a WebSocket. 5: as long as
            `stall_grace`. On expiry the connection is closed.
        handler: Time from the complete request to the handler's return. 30: a person has left by
            then. On expiry the handler is cancelled and the answer is 503.
        deadline_header: Name of the field in which a caller says how many milliseconds it waits,
            such as Envoy's ``x-envoy-expected-rq-timeout-ms``. The field can only shorten the
            handler's time, with 0 or less to nothing, and on expiry the answer is 504. None: no
            field is read, since a browser can send such a field as well.
        disconnect_poll: Time between two looks for clients that have gone while a handler runs.
            0.25: unnoticed by people, and next to free.
        half_closed: Time that a handler has left, from the second look on, when its client has
            ended only its sending half. 0: most clients leave that way. ``math.inf`` serves
            clients that end their sending half and still read; then only a reset cancels a
            handler.
        shutdown_delay: Time between the moment when ``app.draining`` becomes true and the end of
            accepting. 0: raise it to the time that a load balancer needs to notice. A worker that
            is replaced doesn't wait: others accept from the same sockets.
        shutdown: Time for running requests to end at shutdown. 10: supervisors commonly wait as
            long.
        drain_idle: Time, at shutdown, for a request that is already on its way to an idle
            connection. 0.25: more than a round trip across an ocean.
        cleanup: Time for all clean-up after ``shutdown`` has passed, for the lifespan's exit, and
            for closing a stream.

    Raises:
        ValueError: A time isn't a positive number (``half_closed``, ``shutdown_delay``,
            ``shutdown``, ``drain_idle`` and ``cleanup`` may be zero), or ``deadline_header``
            isn't a valid field name.
    """

    handshake: float = 10.0
    keep_alive: float = 75.0
    head: float = 10.0
    stall_grace: float = 5.0
    min_rate: float = 240.0
    send_grace: float = 60.0
    ping: float = 20.0
    pong: float = 20.0
    message_grace: float = 60.0
    close: float = 5.0
    handler: float = 30.0
    deadline_header: str | None = None
    disconnect_poll: float = 0.25
    half_closed: float = 0.0
    shutdown_delay: float = 0.0
    shutdown: float = 10.0
    drain_idle: float = 0.25
    cleanup: float = 5.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "deadline_header":
                check_name(value)
                continue
            if not is_number(value) or math.isnan(value) or value < 0:
                raise ValueError(
                    f"Timeouts.{field.name} must be a number (math.inf for no limit), not {value!r}"
                )
            if value == 0 and field.name not in MAY_BE_ZERO:
                raise ValueError(f"Timeouts.{field.name} must be more than zero")


def check_name(value: object) -> None:
    """Refuse a value that is neither None nor a field's name (RFC 9110 section 5.1)."""
    if value is not None and not (isinstance(value, str) and TOKEN.fullmatch(value)):
        raise ValueError(f"Timeouts.deadline_header must be a header's name or None, not {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """How the sockets of a server are opened, and what their connections begin with.

    Args:
        backlog: Connections that may wait to be accepted, for each socket. 4,096: the default cap
            of Linux (``net.core.somaxconn``, which the system applies too).
        reuse_port: Whether other processes of the same user may listen on the same ports, if
            they ask for it too (SO_REUSEPORT); the system shares connections out among them.
            False: a port that is in use is an error.
        unix_mode: Permission bits of the files of Unix sockets. 0o660: the user and the group may
            connect.
        proxy_protocol: Networks, such as ``10.0.0.0/8``, and ``unix`` for Unix sockets, whose
            connections must begin with a PROXY header (version 1 or 2), which ``request.client``
            is then taken from. Empty: no connection begins with one.

    Raises:
        TypeError: ``proxy_protocol`` isn't a list or tuple of str, or ``reuse_port`` isn't a bool.
        ValueError: ``backlog`` or ``unix_mode`` is out of range, or ``proxy_protocol`` holds
            something other than networks and ``unix``.
    """

    backlog: int = 4096
    reuse_port: bool = False
    unix_mode: int = 0o660
    proxy_protocol: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        backlog, mode, networks = self.backlog, self.unix_mode, self.proxy_protocol
        if not is_integer(backlog) or backlog < 1:
            raise ValueError(f"Sockets.backlog must be a positive integer, not {backlog!r}")
        if not is_integer(mode) or not 0 <= mode <= 0o777:
            raise ValueError(f"Sockets.unix_mode must be such as 0o660, not {mode!r}")
        if not isinstance(self.reuse_port, bool):
            raise TypeError(f"Sockets.reuse_port must be True or False, not {self.reuse_port!r}")
        if not isinstance(networks, tuple | list) or not all(
            isinstance(each, str) for each in networks
        ):
            raise TypeError(f"Sockets.proxy_protocol lists networks, not {networks!r}")
        for each in networks:
            if each != "unix":
                try:
                    ip_network(each)
                except ValueError as error:
                    text = "Sockets.proxy_protocol lists networks, as in '10.0.0.0/8', or 'unix'"
                    raise ValueError(f"{text}: {error}") from None
        object.__setattr__(self, "proxy_protocol", tuple(networks))

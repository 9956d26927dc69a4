"""The numbers of a server: how long it waits, how much it holds, how its sockets are opened.

Facts only: nothing here knows what a request or a connection is.
"""

import math
from dataclasses import dataclass, fields
from ipaddress import ip_network

from hump_trio.facts.grammar import TOKEN, is_integer, is_number

__all__ = ["Limits", "Sockets", "Timeouts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of anything the server takes from its clients.

    Args:
        head_bytes: Request line and header section together. 32 KiB: twice what browsers with
            fat cookies send. Past it the answer is 431.
        header_count: Field lines of one section. 100: five times a browser's. Past it 431.
        target_bytes: The request target. 8 KiB: what RFC 9112 section 3 asks for. Past it 414.
        body_bytes: One request body, unless the route has a ``body_limit``. 1 MiB: JSON and
            forms fit, uploads ask for more. Past it 413.
        buffered_bytes: All request bodies held for handlers at one time, and what forms with
            files hold in memory. 256 MiB: a small machine survives. Past it 503.
        connections: Open connections. 10,000, and never more than the descriptors allow, of which
            a file that is being sent or uploaded takes one too. At the limit the connection idle
            for longest makes room, or accepting waits.
        requests: Requests being handled at one time. None: no limit. Past it 503.
        form_parts: Fields of a urlencoded form, or fields and files of one with files. 1,000:
            more than any page has. Past it 400 or 413.
        form_field_bytes: One text field of a form with files. 64 KiB: an essay of ten thousand
            words. Past it 413; all of them together, with the names of all fields and files, may
            have ``body_bytes``.
        upload_bytes: All files of one form, which are kept in memory up to 64 KiB and on the
            disk beyond; and the ``body_limit`` of routes whose handlers take an `UploadFile`.
            32 MiB: a few photographs. Past it 413.
        spooled_bytes: All files of all forms that are on the disk at one time. 1 GiB: 32 of the
            largest forms. Past it 503; if the disk itself has no room, 507.

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
    form_parts: int = 1000
    form_field_bytes: int = 64 * 1024
    upload_bytes: int = 32 * 1024 * 1024
    spooled_bytes: int = 1024 * 1024 * 1024

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name == "requests":
                continue
            if not is_integer(value) or value < 1:
                raise ValueError(f"Limits.{field.name} must be a positive integer, not {value!r}")


MAY_BE_ZERO = frozenset({"half_closed", "shutdown_delay", "shutdown", "drain_idle", "cleanup"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long the server waits for its clients, for handlers and for its own end.

    Every field is in seconds, but for ``min_rate`` and ``deadline_header``; ``math.inf`` means no
    limit.

    Args:
        handshake: PROXY header and TLS handshake, where a connection begins with them. 10: two
            round trips, and one lost packet is forgiven.
        keep_alive: First byte of the next request. 75: longer than the 60 of common load
            balancers, so that it is they who close an idle connection.
        head: The whole head, from the accept or from its first byte. 10: one lost packet on a
            bad line is forgiven. On expiry 408.
        stall_grace: Silence within a request body. 5: twice a retransmission's wait. Each byte
            received moves the deadline by ``1 / min_rate``, never beyond this grace. On
            expiry 408.
        min_rate: Bytes per second below which a peer, in the long run, is taken for an attacker.
            240: an old modem passes, a dribbler doesn't.
        send_grace: Silence of a peer that owes an acknowledgement. 60: those come in steps of up
            to 64 KiB. On expiry the connection is reset.
        handler: From the complete request to the handler's return. 30: a person has gone by
            then. On expiry the handler is cancelled and the answer is 503.
        deadline_header: Name of the field in which a caller says how many milliseconds it waits,
            e.g. Envoy's ``x-envoy-expected-rq-timeout-ms``. It can only shorten the time of a
            handler, whose answer is 504 then. None: callers aren't asked, since a browser can
            send such a field as well.
        disconnect_poll: Between two looks for clients that have gone while a handler runs. 0.25:
            unnoticed by people, and next to free.
        half_closed: For which a handler goes on, after the second look, for a client that has only
            ended its sending half. 0: that is how most clients leave. ``math.inf`` serves clients
            that end it and go on reading, and then only a reset cancels a handler.
        shutdown_delay: Between ``app.draining`` and the end of accepting. 0: raise it to what a
            load balancer needs to notice.
        shutdown: For running requests to end at shutdown. 10: what supervisors commonly wait.
        drain_idle: For a request that is on its way to an idle connection at shutdown. 0.25:
            more than a round trip across an ocean.
        cleanup: For all clean-up after ``shutdown`` has passed, for the lifespan's exit, and for
            closing a stream. 5.

    Raises:
        ValueError: A time isn't a positive number (``half_closed``, ``shutdown_delay``,
            ``shutdown``, ``drain_idle`` and ``cleanup`` may be zero), or the header's name can't
            be one.
    """

    handshake: float = 10.0
    keep_alive: float = 75.0
    head: float = 10.0
    stall_grace: float = 5.0
    min_rate: float = 240.0
    send_grace: float = 60.0
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
    """Refuse what is neither None nor a field's name (RFC 9110 section 5.1)."""
    if value is not None and not (isinstance(value, str) and TOKEN.fullmatch(value)):
        raise ValueError(f"Timeouts.deadline_header must be a header's name or None, not {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """How the sockets of a server are opened, and what their connections begin with.

    Args:
        backlog: Connections that wait to be accepted, of each socket. 4,096: what Linux allows
            by default (``net.core.somaxconn``, which caps it).
        reuse_port: Whether other processes of the same user may listen on the same ports, if
            they ask for it too (SO_REUSEPORT); the system shares connections out among them.
            False: a port that is in use is an error.
        unix_mode: Of Unix sockets' files. 0o660: for the user and the group.
        proxy_protocol: Networks, such as ``10.0.0.0/8``, and ``unix`` for Unix sockets, whose
            connections must begin with a PROXY header (version 1 or 2); ``request.client`` is
            what it says. Empty: none does.

    Raises:
        TypeError: ``proxy_protocol`` is no list of str, or ``reuse_port`` no bool.
        ValueError: A number can't be one, or a network is none.
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

"""The table of options, and the help text that is made from it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from hump_trio.command.option_values import (
    parse_address,
    parse_boolean,
    parse_private_address,
    parse_seconds,
    parse_setting,
    parse_word,
    parse_workers,
)
from hump_trio.facts.loggers import LOG_LEVELS
from hump_trio.facts.settings import Limits, Sockets, Timeouts

__all__ = ["ELSEWHERE", "HELP", "OPTIONS", "Option"]

LOG_FORMATS = ("text", "json")
# The column at which the texts of the help begin; a line has 80 characters.
HELP_COLUMN = 34


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One row of the table.

    Args:
        name: The name on the command line, without the dashes before it.
        text: The text of the help, with the default in parentheses.
        metavar: The word for its value in the help; empty for an option that is yes or no.
        parse: Returns the value for a text.
        many: Whether the option may be repeated.
        group: The field of `Options` that holds it, together with others; empty if it has a field
            of its own.
        key: The name of its field, or its key in the group.
        negated: Whether the help shows it as ``--no-...``.
        variable: The name of its environment variable; empty if it has none.
    """

    name: str
    text: str
    metavar: str = ""
    parse: Callable[[str], Any] = str
    many: bool = False
    group: str = ""
    key: str
    negated: bool = False
    variable: str


def row(name: str, text: str, metavar: str = "", *, key: str = "", **more: Any) -> Option:
    """Return an option; its field and its variable are named after it unless they are given."""
    field = name.replace("-", "_")
    shown = f"no_{field}" if more.get("negated") else field
    more.setdefault("variable", f"HUMP_TRIO_{shown.upper()}")
    if not metavar:
        more["parse"] = parse_boolean
    return Option(name=name, text=text, metavar=metavar, key=key or field, **more)


TIMEOUT_TEXTS = {
    "handshake": "for what comes before HTTP: TLS, PROXY",
    "keep_alive": "for the next request of a connection",
    "head": "for a request's head",
    "stall_grace": "of silence within a body",
    "min_rate": "bytes a second of a body, at least",
    "send_grace": "of silence of a reader",
    "ping": "of a WebSocket's silence before a ping",
    "pong": "for a sign of life after a ping",
    "message_grace": "of silence within a message",
    "close": "for the answer to a closing frame",
    "handler": "for a handler",
    "deadline_header": "in which callers say how long they wait",
    "disconnect_poll": "between looks for clients that left",
    "half_closed": "more for a half-closed client",
    "shutdown_delay": "from a signal to the end of accepting",
    "shutdown": "for running requests at shutdown",
    "drain_idle": "for a request on its way at shutdown",
    "cleanup": "for all clean-up at shutdown",
}
LIMIT_TEXTS = {
    "head_bytes": "of a request's head",
    "header_count": "header fields",
    "target_bytes": "of the request target",
    "body_bytes": "of a body",
    "buffered_bytes": "of all bodies and forms held",
    "connections": "open connections",
    "requests": "requests in flight",
    "streams": "open requests of an HTTP/2 connection",
    "glitches": "at once of an HTTP/2 connection",
    "websockets": "open WebSockets",
    "message_bytes": "of a message of a WebSocket",
    "message_queue_bytes": "of messages that await a handler",
    "form_parts": "fields and files of a form",
    "form_field_bytes": "of one text of a form with files",
    "upload_bytes": "of all files of a form",
    "spooled_bytes": "of all uploads on the disk",
}
SOCKET_TEXTS = {
    "backlog": "connections that wait to be accepted",
    "reuse_port": "share ports with other processes",
    "unix_mode": "of Unix sockets",
    "proxy_protocol": "whose PROXY header is needed; or unix",
}
METAVARS = {
    "deadline_header": "NAME",
    "reuse_port": "",
    "unix_mode": "MODE",
    "proxy_protocol": "NETWORK",
}


def setting_rows(
    settings: type[Any], group: str, prefix: str, texts: Mapping[str, str]
) -> Iterator[Option]:
    """Yield an option for each field of a class of settings.

    Args:
        settings: The class, e.g. `Timeouts`.
        group: The field of `Options` that holds the values.
        prefix: The beginning of the options' names.
        texts: The texts of the help, by field.
    """
    hints = get_type_hints(settings)
    for field in fields(settings):
        name, default = field.name, readable(field.name, field.default)
        yield row(
            prefix + name.replace("_", "-"),
            f"{texts[name]} ({default})" if default else texts[name],
            METAVARS.get(name, "N"),
            key=name,
            group=group,
            many=hints[name] == tuple[str, ...],
            parse=parse_setting(settings, name),
        )


def readable(name: str, value: Any) -> str:
    """Return a default as the help shows it; empty if the help needn't show it."""
    if name == "unix_mode":
        return f"{value:o}"
    if value is None:
        return "none"
    return "" if isinstance(value, bool | tuple) else f"{value:.12g}"


GROUPS: dict[str, list[Option]] = {
    "what": [
        row("factory", "APP is a function that makes the app"),
        row("asgi", "APP is an ASGI app, of Starlette say"),
        row("wsgi", "APP is a WSGI app, served in threads"),
    ],
    "where": [
        row("bind", "host:port, unix:/path, fd://3, systemd", "ADDRESS", many=True,
            parse=parse_address),
        *setting_rows(Sockets, "sockets", "", SOCKET_TEXTS),
        row("tls-cert", "certificate chain, PEM: serve https", "FILE"),
        row("tls-key", "its key, if that isn't in the same file", "FILE"),
        row("tls-client-ca", "require client certificates of these", "FILE"),
        row("http2", "HTTP/1.1 alone", negated=True),
    ],
    "processes": [
        row("workers", "processes (1); auto: one a processor", "N", parse=parse_workers),
        row("worker-timeout", "until one that is stuck is replaced (30)", "SECONDS",
            parse=parse_seconds),
        row("metrics-bind", "figures for Prometheus, of all workers", "ADDRESS",
            parse=parse_address),
        row("inspect", "a live page of requests, of all workers", "ADDRESS",
            parse=parse_private_address),
        row("inspect-actions", "that page can cancel and drain"),
        row("pid-file", "written at the start, removed at the end", "FILE"),
    ],
    "development": [
        row("reload", "start anew when a file changes"),
        row("reload-dir", "what is watched (.)", "FOLDER", many=True),
        row("warn-blocking", "show code that blocks (reload: 0.1)", "SECONDS",
            parse=parse_seconds),
        row("check", "import the app, say if it is fine, end"),
        row("routes", "print the routes and end"),
        row("version", "print the version and end", variable=""),
        row("help", "print this and end", variable=""),
    ],
    "logs, to stderr": [
        row("access-log", "no line for each request", negated=True),
        row("log-format", f"{' or '.join(LOG_FORMATS)} (text)", "FORMAT",
            parse=parse_word(LOG_FORMATS)),
        row("log-level", "debug, info, warning or error (info)", "LEVEL",
            parse=parse_word(LOG_LEVELS)),
    ],
    "times, in seconds; inf is no limit": list(
        setting_rows(Timeouts, "timeouts", "timeout-", TIMEOUT_TEXTS)
    ),
    "limits": list(setting_rows(Limits, "limits", "limit-", LIMIT_TEXTS)),
}  # fmt: skip
# Options of other servers, and what to write here instead.
ELSEWHERE: Mapping[str, str] = {
    "port": "--bind 127.0.0.1:8000", "p": "--bind 127.0.0.1:8000", "P": "--bind 127.0.0.1:8000",
    "host": "--bind 127.0.0.1:8000", "H": "--bind 127.0.0.1:8000", "b": "--bind 127.0.0.1:8000",
    "uds": "--bind unix:/path", "fd": "--bind fd://3", "w": "--workers",
    "ssl-certfile": "--tls-cert", "ssl-keyfile": "--tls-key", "ssl-ca-certs": "--tls-client-ca",
    "certfile": "--tls-cert", "keyfile": "--tls-key", "ca-certs": "--tls-client-ca",
    "timeout": "--timeout-handler or --worker-timeout", "t": "--worker-timeout",
    "pid": "--pid-file", "timeout-graceful-shutdown": "--timeout-shutdown",
    "graceful-timeout": "--timeout-shutdown", "keep-alive": "--timeout-keep-alive",
    "limit-concurrency": "--limit-requests", "debug": "--reload", "lifespan": "@app.lifespan",
    "proxy-headers": "the middleware Forwarded", "forwarded-allow-ips": "the middleware Forwarded",
    "worker-class": "--asgi", "k": "--asgi", "interface": "--asgi or --wsgi",
    "root-path": "app.mount(prefix, Asgi(app)) in a Hump app",
    "access-logfile": "--log-format", "log-config": "logging.config in the program",
}  # fmt: skip
OPTIONS: list[Option] = [option for options in GROUPS.values() for option in options]


def render_help() -> str:
    """Return the help: the same text on every Python and every terminal."""
    lines = [
        "usage: hump-trio [options] MODULE[:APP]",
        "",
        "Serve a Hump app, e.g. hump-trio examples.hello:app --bind 127.0.0.1:8000",
        "or another one on Trio, e.g. hump-trio --asgi shop:app",
        "or show what one does, by its live page: hump-trio top 127.0.0.1:9000",
        "What isn't said here is as the app has it. Defaults are in parentheses.",
    ]
    for title, options in GROUPS.items():
        lines += ["", f"{title}:"]
        for option in options:
            name = f"--{'no-' if option.negated else ''}{option.name} {option.metavar}"
            lines.append(f"  {name:{HELP_COLUMN - 2}}{option.text}".rstrip())
    lines += [
        "",
        "Options that may be repeated: bind, reload-dir, proxy-protocol. Each is also a",
        "variable: HUMP_TRIO_LOG_LEVEL is --log-level, HUMP_TRIO_APP the app.",
    ]
    return "\n".join(lines)


HELP: str = render_help()

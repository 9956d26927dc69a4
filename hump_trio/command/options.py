"""The options that were given on the command line or in the environment.

The command line wins over the environment, and either wins over the app's own settings.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NoReturn

from hump_trio.command.interface import Interface
from hump_trio.command.option_table import ELSEWHERE, OPTIONS, Option
from hump_trio.facts.exceptions import HumpError

__all__ = ["Options", "UsageError", "parse_options"]

# The time after which ``--reload`` warns of code that blocks: as long as a person notices.
BLOCKING_SECONDS = 0.1
PREFIX = "HUMP_TRIO_"


class UsageError(HumpError):
    """The command line or the environment has an option that makes no sense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options that were given. An empty one leaves the decision to the app.

    Args:
        app: The app, as ``module:attribute``.
        factory: Whether the attribute is a function that makes the app.
        asgi: Whether the app is one of ASGI.
        wsgi: Whether the app is one of WSGI.
        bind: What to listen on, as the ``binds`` of `Hump`.
        workers: The number of worker processes.
        worker_timeout: Seconds without a sign of life after which a worker is replaced.
        reload: Whether to restart when a file changes.
        reload_dir: The folders whose files are watched.
        tls_cert: The file of the certificate.
        tls_key: The file of the certificate's key.
        tls_client_ca: The file of the authorities that certify clients.
        http2: Whether HTTP/2 is spoken; None leaves that to the app.
        access_log: Whether requests are logged.
        log_format: The form of the logs, ``"text"`` or ``"json"``.
        log_level: The lowest level that is logged, in lower case.
        metrics_bind: Where figures for Prometheus are served; empty: nowhere.
        inspect: Where the live page is served; empty: nowhere.
        inspect_actions: Whether an operator can do something about what that page shows.
        pid_file: The file for the number of this process.
        warn_blocking: Seconds after which to warn of code that blocks; 0: never; None: as
            `blocking_seconds` decides.
        check: Whether to check the app instead of serving it.
        routes: Whether to print the app's routes instead of serving it.
        help: Whether to print the help.
        version: Whether to print the version.
        timeouts: Values for fields of `Timeouts`.
        limits: Values for fields of `Limits`.
        sockets: Values for fields of `Sockets`.
        unknown: Environment variables that are named like options but aren't, each with a guess at
            the one that is meant.

    Raises:
        UsageError: An option is missing that another one needs, or there is one too many.
    """

    app: str = ""
    factory: bool = False
    asgi: bool = False
    wsgi: bool = False
    bind: tuple[str, ...] = ()
    workers: int = 1
    worker_timeout: float = 30.0
    reload: bool = False
    reload_dir: tuple[str, ...] = (".",)
    tls_cert: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    http2: bool | None = None
    access_log: bool = True
    log_format: str = "text"
    log_level: str = "info"
    metrics_bind: str = ""
    inspect: str = ""
    inspect_actions: bool = False
    pid_file: str = ""
    warn_blocking: float | None = None
    check: bool = False
    routes: bool = False
    help: bool = False
    version: bool = False
    timeouts: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    sockets: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.app or self.help or self.version):
            raise UsageError("which app? As in hump-trio examples.hello:app (--help shows more)")
        if not self.tls_cert and (self.tls_key or self.tls_client_ca):
            raise UsageError("--tls-key and --tls-client-ca need --tls-cert")
        if self.inspect_actions and not self.inspect:
            raise UsageError("--inspect-actions needs --inspect")
        if self.asgi and self.wsgi:
            raise UsageError("an app is one of ASGI or of WSGI: give --asgi or --wsgi, not both")

    @property
    def interface(self) -> Interface:
        """The interface of the app."""
        return "asgi" if self.asgi else "wsgi" if self.wsgi else "hump"

    @property
    def blocking_seconds(self) -> float:
        """Seconds that a task may keep others waiting before a warning; 0: any time."""
        if self.warn_blocking is None:
            return BLOCKING_SECONDS if self.reload else 0.0
        return self.warn_blocking


class Parser(argparse.ArgumentParser):
    """An argument parser that sorts arguments by option, and doesn't look at their values."""

    def error(self, message: str) -> NoReturn:
        """Raise an error instead of ending the process."""
        raise UsageError(f"{message} (--help shows what there is)")


def parse_options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Return the options that the command line or the environment gives.

    Args:
        arguments: The arguments of the command line.
        environment: The environment, as `os.environ`.

    Raises:
        UsageError: An option is unknown, malformed or missing; the message names it.
    """
    parser = Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("app", nargs="?")
    for option in OPTIONS:
        name, more = f"--{option.name}", ("append" if option.many else "store")
        if option.metavar:
            parser.add_argument(name, action=more)
        else:
            short = ["-h"] if option.name == "help" else []
            parser.add_argument(name, *short, action=argparse.BooleanOptionalAction)
    parsed, rest = parser.parse_known_args(arguments)
    if rest:
        raise UsageError(explain_unknown(rest[0]))
    given = vars(parsed)
    values: dict[str, Any] = {"unknown": unknown_variables(environment)}
    app = given["app"] or environment.get(f"{PREFIX}APP")
    if app:
        values["app"] = app
    for option in OPTIONS:
        text = given[option.name.replace("-", "_")]
        name = f"--{option.name}"
        if text is None:
            text, name = environment.get(option.variable, "").strip(), option.variable
        if text == "":
            continue
        value = text if isinstance(text, bool) else read(option, name, text)
        if option.negated and not isinstance(text, bool):
            value = not value
        if option.group:
            values.setdefault(option.group, {})[option.key] = value
        else:
            values[option.key] = value
    return Options(**values)


def read(option: Option, name: str, given: str | list[str]) -> Any:
    """Return the value of an option.

    Args:
        option: The option.
        name: Its name on the command line or in the environment, for the message.
        given: The text that was given. For an option that may be repeated, the list of texts from
            the command line, or one text from a variable.

    Raises:
        UsageError: The text can't be a value of the option.
    """
    try:
        if option.many:
            texts = given.replace(",", " ").split() if isinstance(given, str) else given
            return tuple(map(option.parse, texts))
        assert isinstance(given, str)
        return option.parse(given)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None


def explain_unknown(argument: str) -> str:
    """Return what to write instead of an unknown argument."""
    option = argument.partition("=")[0]
    meant = ELSEWHERE.get(option.lstrip("-"), "") if option.startswith("-") else ""
    if not meant:
        names = [f"--{'no-' if each.negated else ''}{each.name}" for each in OPTIONS]
        meant = "".join(get_close_matches(option, names, 1))
    there = f"; here it is {meant}" if meant else ""
    return f"unknown: {option}{there} (--help shows what there is)"


def unknown_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables that are named like those of options but aren't, with a guess.

    Such a variable isn't an error: Kubernetes sets ``HUMP_TRIO_PORT`` for a service that is called
    hump-trio.
    """
    known = ["APP", *(each.variable.removeprefix(PREFIX) for each in OPTIONS if each.variable)]
    names = [each.removeprefix(PREFIX) for each in environment if each.startswith(PREFIX)]
    unknown: list[str] = []
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 1)
            meant = f" (is {PREFIX}{near[0]} meant?)" if near else ""
            unknown.append(f"{PREFIX}{name}{meant}")
    return tuple(unknown)

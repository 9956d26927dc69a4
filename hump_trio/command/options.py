"""What was asked for, by the command line or the environment.

The command line wins over the environment, and either over what the app says.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NoReturn

from hump_trio.command.option_table import ELSEWHERE, OPTIONS, Option
from hump_trio.facts.exceptions import HumpError

__all__ = ["Options", "UsageError", "parse_options"]

# What is right for development: more than a person notices.
BLOCKING_SECONDS = 0.1
PREFIX = "HUMP_TRIO_"


class UsageError(HumpError):
    """A command line or an environment that can't be obeyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for. Empty, where the app decides.

    Args:
        app: ``module:attribute``.
        factory: Whether that makes the app.
        bind: What to listen on, as of `Hump`.
        workers: Processes.
        worker_timeout: Seconds.
        reload: Whether to start anew when a file changes.
        reload_dir: Folders.
        tls_cert: A file.
        tls_key: A file.
        tls_client_ca: A file.
        access_log: Whether requests are logged.
        log_format: ``"text"`` or ``"json"``.
        log_level: In lower case.
        pid_file: A file.
        warn_blocking: Seconds; 0 for no warning, None for what is right for development or not.
        check: Whether to say whether the app is fine, instead of serving it.
        routes: Whether to print its routes, likewise.
        help: Whether to print the help.
        version: Whether to print the version.
        timeouts: Fields of `Timeouts`.
        limits: Fields of `Limits`.
        sockets: Fields of `Sockets`.
        unknown: Variables that look like options and are none, with what may be meant.

    Raises:
        UsageError: Something is missing.
    """

    app: str = ""
    factory: bool = False
    bind: tuple[str, ...] = ()
    workers: int = 1
    worker_timeout: float = 30.0
    reload: bool = False
    reload_dir: tuple[str, ...] = (".",)
    tls_cert: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    access_log: bool = True
    log_format: str = "text"
    log_level: str = "info"
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

    @property
    def blocking_seconds(self) -> float:
        """How long a task may keep the others waiting before that is said; 0 for any time."""
        if self.warn_blocking is None:
            return BLOCKING_SECONDS if self.reload else 0.0
        return self.warn_blocking


class Parser(argparse.ArgumentParser):
    """Sorts arguments by option; what they mean is not its job."""

    def error(self, message: str) -> NoReturn:
        """Raise an error instead of ending the process."""
        raise UsageError(f"{message} (--help shows what there is)")


def parse_options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Return what was asked for.

    Raises:
        UsageError: With the option or the variable that it is about.
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
    """Return the value of what was given.

    Args:
        option: What it was given for.
        name: Where.
        given: A list from a command line; of a variable, a text.

    Raises:
        UsageError: It can't be one.
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
    """Return what to write instead of an argument that there isn't."""
    option = argument.partition("=")[0]
    meant = ELSEWHERE.get(option.lstrip("-"), "") if option.startswith("-") else ""
    if not meant:
        names = [f"--{'no-' if each.negated else ''}{each.name}" for each in OPTIONS]
        meant = "".join(get_close_matches(option, names, 1))
    there = f"; here it is {meant}" if meant else ""
    return f"unknown: {option}{there} (--help shows what there is)"


def unknown_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return which variables are named as those of options are, but aren't.

    That is no error: Kubernetes sets ``HUMP_TRIO_PORT`` for a service that is called hump-trio.
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

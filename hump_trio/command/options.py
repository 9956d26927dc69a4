"""What was asked for, by the command line or the environment.

The command line wins over the environment, and either over what the app says.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from hump_trio.command.option_table import OPTIONS, Option
from hump_trio.exceptions import HumpError

__all__ = ["Options", "UsageError", "parse_options"]

# What is right for development: more than a person notices.
BLOCKING_SECONDS = 0.1


class UsageError(HumpError):
    """A command line or an environment that can't be obeyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for. Empty, where the app decides.

    Args:
        app: ``module:attribute``.
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

    Raises:
        UsageError: Something is missing.
    """

    app: str = ""
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
    given = vars(parser.parse_args(arguments))
    values: dict[str, Any] = {}
    app = given["app"] or environment.get("HUMP_TRIO_APP")
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

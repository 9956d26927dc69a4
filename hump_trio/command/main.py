"""The command ``hump-trio``, from its arguments to its exit status."""

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from socket import socket
from typing import Any

import trio

from hump_trio.app import Hump
from hump_trio.command.beside import (
    MetricsError,
    beside_process,
    beside_workers,
    respondent_of,
    serve_beside,
)
from hump_trio.command.blocking_watch import BlockingWatch
from hump_trio.command.greeting import Greeting
from hump_trio.command.interface import INTERFACES
from hump_trio.command.loading import LoadError, load_app
from hump_trio.command.logs import is_coloured, logging_to
from hump_trio.command.option_table import HELP
from hump_trio.command.options import Options, UsageError, parse_options
from hump_trio.command.pid_file import PidFileError, pid_file
from hump_trio.command.reload import ReloadError
from hump_trio.command.routes_table import render_routes
from hump_trio.command.supervisor import supervise
from hump_trio.command.worker import serve_as_worker, take_control
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.dispatch.router import layer_of, table_of
from hump_trio.facts.exceptions import (
    BindError,
    HumpError,
    StartupError,
    TlsError,
    UnresolvedError,
)
from hump_trio.facts.loggers import logger
from hump_trio.server.protocols import protocol_names
from hump_trio.tasks.failures import leaves_of
from hump_trio.tasks.line_writer import LineWriter
from hump_trio.transports.certificates import TLS, Credentials

__all__ = ["main"]

STDERR = 2
FAILURE, USAGE, INTERRUPTED = 1, 2, 130
# Errors that are reported without a traceback: the server itself isn't at fault.
PLAIN_ERRORS = (
    BindError,
    LoadError,
    MetricsError,
    PidFileError,
    ReloadError,
    StartupError,
    TlsError,
    UnresolvedError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for, and return the exit status.

    Args:
        arguments: The arguments; None: those of the process.

    Returns:
        0 after a graceful end, 1 for a failure to load, to listen or to serve, 2 for a mistake
        on the command line, 130 for Ctrl-C before the app is served.
    """
    control = take_control(os.environ)
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments and arguments[0] == "top":
            from hump_trio.command.top import run_top

            return run_top(arguments[1:])
        options = parse_options(arguments, os.environ)
    except HumpError as error:
        return fail(str(error), USAGE if isinstance(error, UsageError) else FAILURE)
    if options.help or options.version:
        print(HELP if options.help else describe_version())
        return 0
    try:
        with logging_to(STDERR, options, os.environ):
            return run(options, arguments, control)
    except KeyboardInterrupt:
        return INTERRUPTED


def run(options: Options, arguments: Sequence[str], control: socket | None) -> int:
    """Do what the options ask for, report a failure, and return the exit status.

    Args:
        options: The options.
        arguments: The arguments that the options were read from, for workers.
        control: The worker's end of its channel; None if this process isn't a worker.
    """
    asks = options.check or options.routes
    if options.unknown and control is None:
        logger.warning("no options of hump-trio: %s", ", ".join(options.unknown))
    try:
        if control is None and not asks and (options.workers > 1 or options.reload):
            return start_workers(options, arguments)
        app = load_app(
            options.app,
            factory=options.factory,
            interface=options.interface,
            body_limited="body_bytes" in options.limits,
        )
        override(app, options, os.environ)
        if asks:
            print(describe_app(app, options), end="")
        elif control is not None:
            respondent = respondent_of(app, options)
            run_watched(partial(serve_as_worker, app, control, respondent), options)
        else:
            serve: Callable[[], Awaitable[None]]
            serve = partial(app.serve, task_status=greeting_of(options))
            if besides := beside_process(app, options):
                serve = partial(serve_beside, besides, serve)
            with pid_file_of(options):
                run_watched(serve, options)
    except Exception as error:
        failures = list(leaves_of(error))
        if all(isinstance(each, PLAIN_ERRORS) for each in failures):
            return complain(failures[0], options)
        logger.critical("the server has crashed", exc_info=error)
        return FAILURE
    except BaseExceptionGroup as group:
        # `sys.exit()` in a handler ends the process as it would anywhere.
        raise next(each for each in leaves_of(group) if not isinstance(each, Exception)) from group
    return 0


def is_activated(environment: Mapping[str, str]) -> bool:
    """Tell whether a service manager has opened sockets for this process."""
    return environment.get("LISTEN_PID") == str(os.getpid())


def override(app: Hump[Any], options: Options, environment: Mapping[str, str]) -> None:
    """Set the attributes of an app that options are given for."""
    if options.bind:
        app.binds = options.bind
    elif is_activated(environment):
        app.binds = ("systemd",)
    app.sockets = replace(app.sockets, **options.sockets)
    app.limits = replace(app.limits, **options.limits)
    app.timeouts = replace(app.timeouts, **options.timeouts)
    if options.tls_cert:
        app.tls = TLS(
            options.tls_cert,
            options.tls_key or None,
            client_ca=options.tls_client_ca or None,
            client_certificate="required" if options.tls_client_ca else "none",
        )
    if options.http2 is not None:
        app.http2 = options.http2


def start_workers(options: Options, arguments: Sequence[str]) -> int:
    """Serve by worker processes, which are given the same arguments; return the exit status."""
    command = [sys.executable, "-m", "hump_trio", *arguments]
    if not options.bind and is_activated(os.environ):
        command += [
            "--bind",
            "systemd",
        ]  # workers can't see the sockets: LISTEN_PID names this process
    folders = [Path(each) for each in options.reload_dir] if options.reload else []
    observers, besides = beside_workers(options)
    serve: Callable[[], Awaitable[int]] = partial(
        supervise,
        command,
        workers=options.workers,
        worker_timeout=options.worker_timeout,
        reload=folders,
        observers=observers,
        task_status=greeting_of(options),
    )
    if besides:
        serve = partial(serve_beside, besides, serve)
    with pid_file_of(options):
        status = trio.run(serve)
    if status < 0:  # ended by a second signal, which a waiting parent is told
        signal.signal(-status, signal.SIG_DFL)
        signal.raise_signal(-status)
    return status


def run_watched(serve: Callable[[], Awaitable[None]], options: Options) -> None:
    """Run Trio until ``serve`` returns, and watch for code that blocks if that is asked for."""
    seconds = options.blocking_seconds
    with BlockingWatch(seconds) if seconds else nullcontext() as watch:
        trio.run(serve, instruments=[] if watch is None else [watch])


def pid_file_of(options: Options) -> AbstractContextManager[None]:
    """Return the context that keeps the pid file; an empty one if none is asked for."""
    return pid_file(Path(options.pid_file)) if options.pid_file else nullcontext()


def greeting_of(options: Options) -> Greeting:
    """Return a greeting, which says nothing unless a person reads at a terminal."""
    person = os.isatty(STDERR) and options.log_format == "text"
    write = LineWriter(STDERR, str).write if person else None  # one line never fills it
    return Greeting(write, coloured=is_coloured(STDERR, os.environ))


def describe_app(app: Hump[Any], options: Options) -> str:
    """Return the output of ``--routes`` and ``--check``."""
    lines = render_routes(table_of(app)) if options.routes else ""
    if options.check:
        Dispatcher(app, table_of(app), layer_of(app))  # as `serve` does
        if app.tls is not None:
            Credentials(app.tls, protocol_names(http2=app.http2))
        count = len(table_of(app).routes)
        found = f"{count} route{'s' * (count != 1)}"
        if options.interface != "hump":
            found = INTERFACES[options.interface]
        lines += f"{options.app} is fine: {found}\n"
    return lines


def describe_version() -> str:
    """Return the versions that a bug report should name."""
    return f"hump-trio {version('hump-trio')}, Trio {trio.__version__}, Python {python_version()}"


def complain(error: BaseException, options: Options) -> int:
    """Report an error in a line, after the program's traceback if it has one; return the status."""
    details = error.traceback if isinstance(error, LoadError) else ""
    if isinstance(error, StartupError) and "\n" in error.message.strip():
        details = f"{error.message.rstrip()}\n"  # the traceback, as Starlette's apps send it
    if options.log_format == "json":
        logger.critical("%s%s", details, error)
        return FAILURE
    return fail(str(error), FAILURE, details)


def fail(text: str, status: int, details: str = "") -> int:
    """Write a line to stderr, after details, and return the exit status."""
    # In one call, or those of several workers would run into each other.
    sys.stderr.write(f"{details}hump-trio: {text}\n")
    return status

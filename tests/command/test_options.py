"""The options: each with its value, from the command line and from the environment."""

import math
import os
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from hump_trio.command.option_table import (
    ELSEWHERE,
    HELP,
    LIMIT_TEXTS,
    OPTIONS,
    SOCKET_TEXTS,
    TIMEOUT_TEXTS,
)
from hump_trio.command.options import Options, UsageError, parse_options
from hump_trio.facts.settings import Limits, Sockets, Timeouts

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
GROUPS: dict[str, tuple[type[Any], dict[str, str]]] = {
    "timeouts": (Timeouts, TIMEOUT_TEXTS),
    "limits": (Limits, LIMIT_TEXTS),
    "sockets": (Sockets, SOCKET_TEXTS),
}
# For each option: a text, and the value that it stands for.
SAMPLES: dict[str, tuple[str, Any]] = {
    "factory": ("1", True),
    "bind": ("127.0.0.1:80", ("127.0.0.1:80",)),
    "backlog": ("64", 64),
    "reuse-port": ("true", True),
    "unix-mode": ("600", 0o600),
    "proxy-protocol": ("10.0.0.0/8", ("10.0.0.0/8",)),
    "tls-cert": ("cert.pem", "cert.pem"),
    "tls-key": ("key.pem", "key.pem"),
    "tls-client-ca": ("ca.pem", "ca.pem"),
    "workers": ("3", 3),
    "worker-timeout": ("2.5", 2.5),
    "pid-file": ("/run/app.pid", "/run/app.pid"),
    "reload": ("1", True),
    "reload-dir": ("src", ("src",)),
    "warn-blocking": ("0.5", 0.5),
    "check": ("1", True),
    "routes": ("TRUE", True),
    "version": ("1", True),
    "help": ("1", True),
    "access-log": ("1", False),  # HUMP_TRIO_NO_ACCESS_LOG
    "log-format": ("JSON", "json"),
    "log-level": ("warning", "warning"),
    "timeout-deadline-header": ("x-wait-ms", "x-wait-ms"),
    "limit-requests": ("7", 7),
    **{f"timeout-{name.replace('_', '-')}": ("7.5", 7.5) for name in TIMEOUT_TEXTS}
    | {"timeout-deadline-header": ("x-wait-ms", "x-wait-ms")},
    **{f"limit-{name.replace('_', '-')}": ("7", 7) for name in LIMIT_TEXTS},
}  # fmt: skip
BASE = {"app": "examples.hello:app", "tls_cert": "cert.pem"}


def expected(name: str, value: Any) -> Options:
    """Return what an option alone makes, beside a certificate that some need."""
    [option] = [each for each in OPTIONS if each.name == name]
    given: dict[str, Any] = dict(BASE)
    given |= {option.group: {option.key: value}} if option.group else {option.key: value}
    return Options(**given)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_each_option_has_its_value(option: Any) -> None:
    """On the command line and as a variable; none is left out here."""
    text, value = SAMPLES[option.name]
    if option.metavar:
        arguments = [f"--{option.name}", text]
    else:
        arguments = [f"--{option.name}" if value else f"--no-{option.name}"]
    always = {"HUMP_TRIO_APP": "examples.hello:app", "HUMP_TRIO_TLS_CERT": "cert.pem"}
    assert parse_options(arguments, always) == expected(option.name, value)
    if option.variable:
        assert parse_options([], {**always, option.variable: text}) == expected(option.name, value)


def test_samples_are_those_of_the_table() -> None:
    """No more of them, so none is tested that there isn't."""
    assert set(SAMPLES) == {option.name for option in OPTIONS}


@pytest.mark.parametrize("group", GROUPS)
def test_every_setting_is_an_option(group: str) -> None:
    """And its text tells the default, as the class has it, where there is one to tell."""
    settings, texts = GROUPS[group]
    assert list(texts) == [field.name for field in fields(settings)]
    for option in (each for each in OPTIONS if each.group == group):
        default = getattr(settings(), option.key)
        told = re.search(r"\((\w+(?:\.\d+)?)\)$", option.text)
        if isinstance(default, bool | tuple):
            assert not told
        else:
            assert told
            assert option.parse(told[1]) == default


def test_the_command_line_wins() -> None:
    """Over the environment, also to say no; an empty variable says nothing."""
    environment = {"HUMP_TRIO_WORKERS": "2", "HUMP_TRIO_RELOAD": "1", "HUMP_TRIO_LOG_LEVEL": ""}
    options = parse_options(["a:b", "--workers=3", "--no-reload"], environment)
    assert (options.workers, options.reload, options.log_level) == (3, False, "info")


def test_lists() -> None:
    """Repeated on the command line, between commas or blanks in the environment."""
    binds = ("127.0.0.1:80", "unix:/run/a.sock", "fd://3")
    arguments = [part for bind in binds for part in ("--bind", bind)]
    assert parse_options(["a", *arguments], {}).bind == binds
    variable = f"{binds[0]}, {binds[1]} {binds[2]}"
    assert parse_options(["a"], {"HUMP_TRIO_BIND": variable}).bind == binds


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--timeout-head", "inf"], "timeouts", {"head": math.inf}),
        (["--timeout-deadline-header", "none"], "timeouts", {"deadline_header": None}),
        (["--limit-requests", "none"], "limits", {"requests": None}),
        (["--workers", "auto"], "workers", len(os.sched_getaffinity(0))),
        (["--tls-key", "none", "--tls-cert", "x"], "tls_key", "none"),
    ],
)
def test_words_for_values(arguments: list[str], name: str, value: Any) -> None:
    """No limit, nothing, and as many as fit, where a field takes that."""
    assert getattr(parse_options(["a", *arguments], {}), name) == value


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "which app? As in hump-trio examples.hello:app"),
        (["--nothing"], "unknown: --nothing"),
        (["--bind"], "expected one argument"),
        (["--work", "2"], "unknown: --work; here it is --workers"),
        (["--workers", "0"], "--workers: a number of processes, or auto, not '0'"),
        (["--workers", "many"], "--workers: a number of processes, or auto, not 'many'"),
        (["--worker-timeout", "nan"], "--worker-timeout: a number of seconds, not 'nan'"),
        (["--worker-timeout", "-1"], "--worker-timeout: a number of seconds, not '-1'"),
        (["--warn-blocking", "soon"], "--warn-blocking: a number of seconds, not 'soon'"),
        (["--bind", "8000"], "--bind: a bind ends in a port"),
        (["--log-format", "xml"], "--log-format: text or json, not 'xml'"),
        (["--log-level", "5"], "--log-level: debug or info or warning or error, not '5'"),
        (["--timeout-head", "0"], "--timeout-head: must be more than zero"),
        (["--timeout-head", "none"], "--timeout-head: a number, not 'none'"),
        (["--limit-requests", "inf"], "--limit-requests: a number, not 'inf'"),
        (["--limit-head-bytes", "0"], "--limit-head-bytes: must be a positive integer, not 0"),
        (["--unix-mode", "9"], "--unix-mode: a number, not '9'"),
        (["--proxy-protocol", "ten"], "--proxy-protocol: lists networks"),
        (["--tls-key", "key.pem"], "--tls-key and --tls-client-ca need --tls-cert"),
        (["--tls-client-ca", "ca.pem"], "--tls-key and --tls-client-ca need --tls-cert"),
    ],
)
def test_mistakes(arguments: list[str], text: str) -> None:
    """Each is one line that names the option and says what is taken."""
    app = ["a:b"] if arguments else []
    with pytest.raises(UsageError) as caught:
        parse_options([*app, *arguments], {})
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("HUMP_TRIO_RELOAD", "maybe", "1, 0, true or false, not 'maybe'"),
        ("HUMP_TRIO_WORKERS", "-1", "a number of processes, or auto, not '-1'"),
        ("HUMP_TRIO_BIND", ":80,x", "a bind ends in a port"),
        ("HUMP_TRIO_TIMEOUT_HEAD", "x", "a number, not 'x'"),
        ("HUMP_TRIO_REUSE_PORT", "x", "1, 0, true or false, not 'x'"),
    ],
)
def test_mistakes_in_the_environment(variable: str, value: str, text: str) -> None:
    """They name the variable; where the command line has spoken, they don't count."""
    with pytest.raises(UsageError, match=f"^{variable}: {text}"):
        parse_options(["a"], {variable: value})


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("--port=80", "unknown: --port; here it is --bind 127.0.0.1:8000 (--help"),
        ("--host", "unknown: --host; here it is --bind 127.0.0.1:8000 (--help"),
        ("-b", "unknown: -b; here it is --bind 127.0.0.1:8000 (--help"),
        ("--timeout", "unknown: --timeout; here it is --timeout-handler or --worker-timeout ("),
        ("--worker", "unknown: --worker; here it is --workers (--help"),
        ("--no-access-logs", "unknown: --no-access-logs; here it is --no-access-log (--help"),
        ("--zzz", "unknown: --zzz (--help"),
        ("port", "unknown: port (--help"),
    ],
)
def test_what_other_servers_call_it(argument: str, text: str) -> None:
    """An option that there isn't is told what it is here, or what it is near to."""
    with pytest.raises(UsageError) as caught:
        parse_options(["a", argument], {})
    assert str(caught.value).startswith(text)


def test_names_of_elsewhere_are_none_of_ours() -> None:
    """And what is said instead is there."""
    known = {option.name for option in OPTIONS}
    assert not known & set(ELSEWHERE)
    options = [each.split()[0][2:] for each in ELSEWHERE.values() if each.startswith("--")]
    assert set(options) <= known


def test_unknown_variables() -> None:
    """Are named with what may be meant, and end nothing: others may have set them."""
    environment = {
        "HUMP_TRIO_LOGLEVEL": "debug", "HUMP_TRIO_PORT": "tcp://10.0.0.1:80", "HUMP_TRIO_APP": "a",
        "HUMP_TRIO_WORKERS": "2", "HOME": "/",
    }  # fmt: skip
    options = parse_options([], environment)
    assert options.unknown == (
        "HUMP_TRIO_LOGLEVEL (is HUMP_TRIO_LOG_LEVEL meant?)",
        "HUMP_TRIO_PORT",
    )


def test_blocking_is_watched_in_development() -> None:
    """Unless something else is said, and never without being asked in production."""
    seconds = [
        parse_options(["a", *arguments], {}).blocking_seconds
        for arguments in ([], ["--reload"], ["--reload", "--warn-blocking", "0"])
    ]
    assert seconds == [0, 0.1, 0]
    assert parse_options(["a", "--warn-blocking", "2"], {}).blocking_seconds == 2


def test_the_readme_shows_the_help() -> None:
    """Word for word, in lines that any terminal has room for."""
    assert f"```text\n$ hump-trio --help\n{HELP}\n```" in README
    assert max(map(len, HELP.splitlines())) <= 80


def test_the_help_needs_no_app() -> None:
    """Nor does the version."""
    assert parse_options(["--help"], {}).help
    assert parse_options(["--version"], {}).version

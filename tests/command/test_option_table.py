"""The table of options has every setting, and a value for each option."""

import re
from dataclasses import fields
from typing import Any

import pytest

from hump_trio.command.option_table import (
    LIMIT_TEXTS,
    OPTIONS,
    SOCKET_TEXTS,
    TIMEOUT_TEXTS,
)
from hump_trio.command.options import Options, parse_options
from hump_trio.facts.settings import Limits, Sockets, Timeouts

GROUPS: dict[str, tuple[type[Any], dict[str, str]]] = {
    "timeouts": (Timeouts, TIMEOUT_TEXTS),
    "limits": (Limits, LIMIT_TEXTS),
    "sockets": (Sockets, SOCKET_TEXTS),
}


# For each option: a text, and the value that it stands for.
SAMPLES: dict[str, tuple[str, Any]] = {
    "factory": ("1", True),
    "asgi": ("1", True),
    "wsgi": ("1", True),
    "bind": ("127.0.0.1:80", ("127.0.0.1:80",)),
    "backlog": ("64", 64),
    "reuse-port": ("true", True),
    "unix-mode": ("600", 0o600),
    "proxy-protocol": ("10.0.0.0/8", ("10.0.0.0/8",)),
    "tls-cert": ("cert.pem", "cert.pem"),
    "tls-key": ("key.pem", "key.pem"),
    "tls-client-ca": ("ca.pem", "ca.pem"),
    "http2": ("1", False),  # HUMP_TRIO_NO_HTTP2
    "workers": ("3", 3),
    "worker-timeout": ("2.5", 2.5),
    "metrics-bind": ("127.0.0.1:9100", "127.0.0.1:9100"),
    "inspect": ("127.0.0.1:9000", "127.0.0.1:9000"),
    "inspect-actions": ("1", True),
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


# What other options need.
ALWAYS = {
    "HUMP_TRIO_APP": "examples.hello:app",
    "HUMP_TRIO_TLS_CERT": "cert.pem",
    "HUMP_TRIO_INSPECT": "unix:/a",
}
BASE = {"app": "examples.hello:app", "tls_cert": "cert.pem", "inspect": "unix:/a"}


def expected(name: str, value: Any) -> Options:
    """Return what an option alone makes, beside what some need."""
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
    assert parse_options(arguments, ALWAYS) == expected(option.name, value)
    if option.variable:
        assert parse_options([], {**ALWAYS, option.variable: text}) == expected(option.name, value)


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

"""Options are read from the command line and from the environment, and mistakes are named."""

import pytest

from hump_trio.command.option_table import ELSEWHERE, HELP, OPTIONS
from hump_trio.command.options import UsageError, parse_options
from tests.support.reference import text_of

PAGE = text_of("serving")


def test_the_command_line_wins() -> None:
    """Over the environment, also to say no; an empty variable says nothing."""
    environment = {"HUMP_TRIO_WORKERS": "2", "HUMP_TRIO_RELOAD": "1", "HUMP_TRIO_LOG_LEVEL": ""}
    options = parse_options(["a:b", "--workers=3", "--no-reload"], environment)
    assert (options.workers, options.reload, options.log_level) == (3, False, "info")


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
        (["--inspect-actions"], "--inspect-actions needs --inspect"),
        (["--tls-key", "key.pem"], "--tls-key and --tls-client-ca need --tls-cert"),
        (["--asgi", "--wsgi"], "give --asgi or --wsgi, not both"),
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


def test_the_reference_shows_the_help() -> None:
    """Word for word, in lines that any terminal has room for."""
    assert f"```text\n$ hump-trio --help\n{HELP}\n```" in PAGE
    assert max(map(len, HELP.splitlines())) <= 80


def test_the_help_needs_no_app() -> None:
    """Nor does the version."""
    assert parse_options(["--help"], {}).help
    assert parse_options(["--version"], {}).version

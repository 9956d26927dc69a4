"""Apps of ASGI and WSGI from the command line: as any app of ours, with every option."""

import re
import ssl
from pathlib import Path

import httpx2
import pytest
import trustme

from hump_trio.command.main import main
from tests.command.programs import started
from tests.support.loopback import PATIENCE_SECONDS

APPS = "tests.command.other_apps"


@pytest.mark.parametrize(("option", "app"), [("--asgi", "app"), ("--wsgi", "old")])
async def test_every_option_is_for_them(option: str, app: str, tmp_path: Path) -> None:
    """Workers, TLS with HTTP/2, limits and the log, with each request's outcome."""
    authority, path = trustme.CA(), str(tmp_path / "server.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    options = ["--bind", "127.0.0.1:0", "--workers", "2", "--tls-cert", path]
    options += ["--limit-body-bytes", "10", "--limit-upload-bytes", "10"]
    async with started(option, f"{APPS}:{app}", *options) as program:
        url = (await program.wait_said(r"workers serve at (https[^\s]+)"))[1]
        async with httpx2.AsyncClient(
            base_url=url, http2=True, verify=context, timeout=PATIENCE_SECONDS
        ) as http:
            answer = await http.put("/a%20b/", content=b"tea")
            refused = await http.put("/", content=b"a long body")
        assert await program.end() == 0
    known = {"method": "PUT", "scheme": "https", "http_version": "2", "path": "/a b/"}
    assert answer.json() == {**known, "body": "tea"}
    assert (refused.status_code, refused.http_version) == (413, "HTTP/2")
    assert re.search(r'"PUT /a%20b/ HTTP/2.0" 200 .* ok "', program.said)
    assert re.search(r'"PUT / HTTP/2.0" 413 .* refused "', program.said)
    if option == "--asgi":
        assert program.said.count("app: startup\n") == program.said.count("app: shutdown\n") == 2


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (["--asgi", f"{APPS}:app"], f"{APPS}:app is fine: an ASGI app\n"),
        (["--asgi", APPS], f"{APPS} is fine: an ASGI app\n"),
        (["--asgi", "--factory", f"{APPS}:make_app"], f"{APPS}:make_app is fine: an ASGI app\n"),
        (["--wsgi", f"{APPS}:old"], f"{APPS}:old is fine: a WSGI app\n"),
    ],
)
def test_they_are_checked(
    arguments: list[str], out: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Their routes are known to nobody, so it is said what they are."""
    assert main([*arguments, "--check"]) == 0
    assert capfd.readouterr().out == out


def test_routes_are_those_of_the_mount(capfd: pytest.CaptureFixture[str]) -> None:
    """All go to the app, which has the rest to itself."""
    assert main(["--asgi", f"{APPS}:app", "--routes"]) == 0
    assert re.match(r"ANY +/\{rest:path\} +\S", capfd.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([f"{APPS}:app"], "app is an ASGI app: write --asgi"),
        ([f"{APPS}:old"], "old is a WSGI app: write --wsgi"),
        (["--wsgi", f"{APPS}:app"], "app is an ASGI app: write --asgi instead of --wsgi"),
        (["--asgi", "examples.hello"], "app is a Hump app: leave out --asgi"),
        (["--asgi", f"{APPS}:make_app"], "make_app is a function: if it makes the app, write"),
        (["--factory", f"{APPS}:make_app"], "make_app() is an ASGI app: write --asgi"),
    ],
)
def test_the_option_that_was_forgotten(
    arguments: list[str], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Or is one too many, is named in one line; the exit status is 1."""
    assert main(arguments) == 1
    error = capfd.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_an_app_that_refuses_to_start(capfd: pytest.CaptureFixture[str]) -> None:
    """Says why, in one line; the exit status is 1."""
    assert main(["--asgi", f"{APPS}:unready", "--bind", "127.0.0.1:0"]) == 1
    line = "ASGI app tests.command.other_apps.unready has failed to start: no database\n"
    assert capfd.readouterr().err == f"hump-trio: {line}"


def test_an_app_that_breaks_at_its_start(capfd: pytest.CaptureFixture[str]) -> None:
    """Has its traceback before that line, if it sends one."""
    assert main(["--asgi", f"{APPS}:broken", "--bind", "127.0.0.1:0"]) == 1
    first, *_, cause, last = capfd.readouterr().err.splitlines()
    assert (first, cause) == ("Traceback (most recent call last):", "KeyError: 'tea'")
    assert last.endswith(".broken has failed to start: KeyError: 'tea'")

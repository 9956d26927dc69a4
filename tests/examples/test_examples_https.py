"""The example of HTTPS does what its docstring says."""

from pathlib import Path

import httpx2
import pytest
import trio

from examples import https
from hump_trio import TlsError
from tests.support.loopback import PATIENCE_SECONDS, ask, connect_to, served
from tests.support.secured import plain_client_context, write_certificate


async def test_https__answers_redirects_and_explains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over TLS the answer, in plain text the way to it, and to a mistaken port what is wrong."""
    write_certificate(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(https.app, "binds", ["127.0.0.1:0", "http://127.0.0.1:0"])
    async with (
        served(https.app) as url,
        httpx2.AsyncClient(verify=plain_client_context(), timeout=PATIENCE_SECONDS) as http,
        await connect_to(https.app) as mistaken,
    ):
        answer = await http.get(url.replace("127.0.0.1", "localhost"))
        redirect = await http.get(https.app.addresses[1])
        refusal = await ask(mistaken)
    assert (answer.text, answer.http_version) == ("You came by https.", "HTTP/1.1")
    assert answer.headers["strict-transport-security"] == "max-age=3600"
    assert redirect.headers["location"] == "https://127.0.0.1:8342/"
    assert b"400 Bad Request" in refusal


async def test_https__says_which_file_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a certificate it doesn't start."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TlsError, match=r"certificate\.pem"), trio.fail_after(5):
        await https.app.serve()

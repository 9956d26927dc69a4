"""`RedirectResponse`: where it leads, and what it refuses."""

from typing import Any

import pytest

from hump_trio import Hump, RedirectResponse
from hump_trio.testing import client


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("/", "/"),
        ("", ""),
        ("https://example.org/a?b=c&d=%20#e", "https://example.org/a?b=c&d=%20#e"),
        ("/two words", "/two%20words"),
        ("/é?q=ü", "/%C3%A9?q=%C3%BC"),
        ("//[::1]:80/;a=1,b='2'!~", "//[::1]:80/;a=1,b='2'!~"),
        ("/\\example.org", "/%5Cexample.org"),
        ('/"<>^`{|}', "/%22%3C%3E%5E%60%7B%7C%7D"),
    ],
)
def test_url(url: str, location: str) -> None:
    """It is sent as a URI can be; escapes stay what they are."""
    response = RedirectResponse(url)
    assert (response.status, response.headers["location"]) == (303, location)


@pytest.mark.parametrize("url", ["/\r\nset-cookie: a=b", "/\n", "/\0", "/\t", "/\x7f"])
def test_a_control_character_is_refused(url: str) -> None:
    """It would be a mistake at best."""
    with pytest.raises(ValueError, match="control character"):
        RedirectResponse(url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_statuses(status: int) -> None:
    """Those that lead somewhere; headers of one's own are kept."""
    app = Hump()

    @app.get("/")
    async def index() -> RedirectResponse:
        return RedirectResponse("/there", status, {"x-why": "moved"})

    async with client(app) as http:
        answer = await http.get("/")
    assert answer.status_code == status
    assert answer.has_redirect_location
    assert (answer.headers["location"], answer.headers["x-why"]) == ("/there", "moved")
    assert answer.content == b""


@pytest.mark.parametrize("status", [200, 300, 304, 305, 306, 404, "303"])
def test_other_statuses_are_refused(status: Any) -> None:
    """They are no redirects."""
    with pytest.raises(ValueError, match="301, 302, 303, 307 or 308"):
        RedirectResponse("/", status)


def test_a_url_is_text() -> None:
    """Bytes aren't guessed at."""
    url: Any = b"/"
    with pytest.raises(TypeError):
        RedirectResponse(url)

"""The site with forms shows what was said, what was wrong, and what was done."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from examples.guestbook import app as guestbook
from hump_trio.testing import client
from tests.support.browser import browser
from tests.support.loopback import served

app = guestbook.app
PNG = b"\x89PNG\r\n\x1a\n and so on"
FILLED = {"name": "Ada", "text": "Hello", "stars": "4"}
# Fills the form as a visitor does, with a picture of one pixel, and sends it.
FILL_IN = """
document.querySelector("[name=name]").value = %s;
document.querySelector("[name=text]").value = "<script>document.title = 'broken in'</script>";
const files = new DataTransfer();
const pixel = atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q"
    + "DwADhgGAWjR9awAAAABJRU5ErkJggg==");
files.items.add(new File([Uint8Array.from(pixel, each => each.charCodeAt(0))], "pixel.png"));
document.querySelector("[name=picture]").files = files.files;
document.querySelector("button").click();
"""


@pytest.fixture
async def http(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A client of the site, where nobody has signed yet."""
    monkeypatch.setattr(guestbook, "entries", [])
    async with client(app, base_url="https://testserver") as http:
        yield http


async def test_guestbook__shows_what_was_said(http: Any) -> None:
    """As text and as a picture, and says thank you once."""
    signed = await http.post("/", data=FILLED, files={"picture": ("ada.png", PNG)})
    assert (signed.status_code, signed.headers["location"]) == (303, "/")
    first, second = (await http.get("/")).text, (await http.get("/")).text
    assert "<h2>Ada <small>★★★★</small></h2>" in first
    assert "Thank you, Ada!" in first
    assert "Thank you" not in second
    picture = await http.get("/pictures/0")
    assert (picture.content, picture.headers["content-type"]) == (PNG, "image/png")
    assert (await http.get("/static/style.css")).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "picture", "reason"),
    [
        ({"name": " "}, b"", "Tell us your name, please"),
        ({"name": "x" * 41}, b"", "Tell us your name, please"),
        ({"text": "x" * 1001}, b"", "Say something, please"),
        ({"stars": "many"}, b"", "Give one to five stars"),
        ({"stars": "6"}, PNG, "Give one to five stars"),
        ({}, b"<svg>", "That is no picture that we can show"),
    ],
)
async def test_guestbook__says_what_is_wrong(
    wrong: dict[str, str], picture: bytes, reason: str, http: Any
) -> None:
    """Beside its field, and keeps what else was written."""
    files = {"picture": ("a.png", picture)}
    refused = await http.post("/", data={**FILLED, **wrong}, files=files)
    assert refused.status_code == 422
    assert f"<em>{reason}" in refused.text
    assert refused.text.count("<em>") == 1
    assert ("Hello" in refused.text) is ("text" not in wrong)
    assert f'name="stars" inputmode="numeric" value="{wrong.get("stars", "4")}"' in refused.text
    assert guestbook.entries == []


async def test_guestbook__escapes_what_visitors_say(http: Any) -> None:
    """On the page, and in the form that comes back."""
    hostile = {"name": '"><script>', "text": "</textarea><script>"}
    await http.post("/", data=hostile, files={"picture": ("a.png", b"")})
    refused = await http.post("/", data={**hostile, "name": ""}, files={"picture": ("a.png", b"")})
    for page in ((await http.get("/")).text, refused.text):
        assert "&lt;script&gt;" in page
        assert "<script>" not in page


async def test_guestbook__has_pages_for_errors(http: Any) -> None:
    """What isn't there, what is too large, and what comes from another site."""
    large = {"picture": ("a.png", PNG + bytes(guestbook.PICTURE_BYTES))}
    forged = {"origin": "https://evil.example"}
    answers = [
        (404, await http.get("/coffee")),
        (404, await http.get("/pictures/7")),
        (413, await http.post("/", data=FILLED, files=large)),
        (403, await http.post("/", data=FILLED, files={"picture": ("a.png", b"")}, headers=forged)),
    ]
    for status, answer in answers:
        assert answer.status_code == status
        assert f"<title>{status}</title>" in answer.text
        assert "Back to the guestbook" in answer.text
    assert guestbook.entries == []


async def test_guestbook__shows_again_what_its_class_has_not_taken(http: Any) -> None:
    """A text for the picture is a fault beside it; JSON is none of a field, and gets a page."""
    refused = await http.post("/", files={"picture": (None, "text"), "name": (None, "Ada")})
    assert refused.status_code == 422
    assert "<em>That can&#39;t be read.</em>" in refused.text
    assert 'value="Ada"' in refused.text
    refused = await http.post("/", json=FILLED)
    assert (refused.status_code, "<title>415" in refused.text) == (415, True)


async def test_guestbook__has_a_page_for_what_nobody_has_foreseen(
    http: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And the traceback of it in the log."""
    monkeypatch.setattr(guestbook, "entries", None)
    crashed = await http.get("/")
    assert crashed.status_code == 500
    assert "This is our fault" in crashed.text
    (record,) = [each for each in caplog.records if each.exc_info]
    assert "'NoneType' object is not iterable" in str(record.exc_text)


@pytest.mark.program("chromium")
async def test_guestbook__in_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor is told what is wrong, signs with a picture, and sees it; no script gets in."""
    monkeypatch.setattr(guestbook, "entries", [])
    monkeypatch.setattr(app, "binds", ["127.0.0.1:0"])
    async with served(app) as url, browser(tmp_path) as chromium:
        await chromium.read_page(url, "document.forms.length")
        page = await chromium.leave_page(FILL_IN % '""', "document.querySelector('em')")
        assert "Tell us your name" in page
        shown = "document.images.length && document.images[0].naturalWidth == 1"
        page = await chromium.leave_page(FILL_IN % '"Ada"', shown)
    assert "Thank you, Ada!" in page
    assert "<title>Guestbook</title>" in page
    assert "&lt;script&gt;" in page

"""`Router.static`: pages of folders, compressed neighbours, links, and what the system refuses."""

import errno
import os
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hump_trio import Hump, Request, RouteError, Router
from hump_trio.answers import opened_file as opened_file_module
from hump_trio.testing import client
from tests.support.served_folder import app_of, ask, root, way

__all__ = ["root", "way"]  # fixtures


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/files", 307, "./files/"),
        ("/files/docs", 307, "./docs/"),
        ("/files/docs?a=b", 307, "./docs/?a=b"),
        ("/files/inside-folder", 307, "./inside-folder/"),
        ("/files/docs/", 200, "index"),
        ("/files/docs/index.html", 200, "index"),
        ("/files/", 404, "nothing is here"),
        ("/files/plain/", 404, "nothing is here"),
        ("/files/plain", 307, "./plain/"),
        ("/files/docs//", 404, "nothing is here"),
        ("/files/page.html/", 404, "nothing is here"),
        ("/files/outside-folder", 404, "nothing is here"),
        ("/files/..", 404, "nothing is here"),
        ("/files/.git", 404, "nothing is here"),
    ],
)
async def test_index(path: str, status: int, told: str, root: Path) -> None:
    """A folder's path is its page, and without the slash it leads there."""
    answer = await ask(app_of(root, index=True), path)
    assert (answer.status, answer.headers.get("location", answer.text)) == (status, told)


@pytest.mark.parametrize("path", ["//evil.example/..", "//evil.example", "/\\evil.example", "//"])
async def test_no_redirect_leads_to_another_site(path: str, root: Path) -> None:
    """Not even where the folder is the whole site."""
    answer = await ask(app_of(root, "", index=True), path)
    assert (answer.status, answer.headers.get("location")) == (404, None)


async def test_the_folder_may_be_the_whole_site(root: Path) -> None:
    """Other routes come first."""
    app = app_of(root, "", index=True)

    @app.get("/page.html")
    async def page() -> str:
        return "another one"

    (root / "public/index.html").write_text("home")
    texts = [(await ask(app, path)).text for path in ("/page.html", "/docs/", "/")]
    assert texts == ["another one", "index", "home"]


async def test_dot_files_may_be_served(root: Path) -> None:
    """But no dots that lead elsewhere."""
    app = app_of(root, dot_files=True)
    assert (await ask(app, "/files/.env")).text == "dotted"
    assert (await ask(app, "/files/..secret")).text == "dotted"
    assert (await ask(app, "/files/../secret.txt")).status == 404
    assert (await ask(app, "/files/./page.html")).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_other_methods(method: str, root: Path) -> None:
    """405: files are there to be read."""
    answer = await ask(app_of(root), "/files/page.html", method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_head_and_conditions(root: Path) -> None:
    """As of every file; with the type of its name and what was said of caches."""
    app = app_of(root, cache_control="max-age=60")
    head = await ask(app, "/files/page.html", "HEAD")
    assert head.headers["content-type"] == "text/html; charset=utf-8"
    assert (head.headers["content-length"], head.headers["cache-control"]) == ("4", "max-age=60")
    again = await ask(app, "/files/page.html", "GET", f"If-None-Match: {head.headers['etag']}")
    assert (again.status, again.headers["cache-control"]) == (304, "max-age=60")
    part = await ask(app, "/files/page.html", "GET", "Range: bytes=1-2")
    assert (part.status, part.text) == (206, "ag")


@pytest.fixture
def codings(root: Path) -> Path:
    """The folder with neighbours of its page."""
    for suffix in (".br", ".zst", ".gz"):
        (root / f"public/page.html{suffix}").write_text(f"page{suffix}")
    (root / "public/docs/deep/page.html.br").mkdir()
    (root / "public/inside.gz").symlink_to("../secret.txt")
    return root


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("path", "accept", "text", "coding"),
    [
        ("page.html", "gzip, deflate, br, zstd", "page.br", "br"),
        ("page.html", "gzip, zstd", "page.zst", "zstd"),
        ("page.html", "gzip, br;q=0.9", "page.gz", "gzip"),
        ("page.html", "identity", "page", None),
        ("page.html", "br;q=0", "page", None),
        ("page.html", "", "page", None),
        ("docs/index.html", "gzip, br", "index", None),
        ("docs/deep/page.html", "gzip, br", "deep", None),
        ("inside", "gzip", "deep", None),
    ],
)
async def test_neighbours(
    path: str, accept: str, text: str, coding: str | None, codings: Path
) -> None:
    """What a client takes and likes best, if it is there, with the type of the file itself."""
    app = app_of(codings, precompressed=True)
    answer = await ask(app, f"/files/{path}", "GET", f"Accept-Encoding: {accept}")
    assert (answer.text, answer.headers.get("content-encoding")) == (text, coding)
    assert answer.headers["vary"] == "accept-encoding"
    if path.endswith(".html"):
        assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_each_neighbour_has_a_tag_of_its_own(codings: Path) -> None:
    """Even where they are as long and as old as each other; a range is one of the coded bytes."""
    for suffix in ("", ".br", ".zst", ".gz"):
        path = codings / f"public/page.html{suffix}"
        path.write_text("same")
        os.utime(path, (1_000_000_000, 1_000_000_000))
    app = app_of(codings, precompressed=True)
    tags = set()
    for accept in ("identity", "br", "zstd", "gzip"):
        line = f"Accept-Encoding: {accept}"
        answer = await ask(app, "/files/page.html", "GET", line, "Range: bytes=0-1")
        assert answer.text == "sa"
        tags.add(answer.headers["etag"])
        again = f"If-None-Match: {answer.headers['etag']}"
        assert (await ask(app, "/files/page.html", "GET", line, again)).status == 304
    assert len(tags) == 4


async def test_neighbours_have_to_be_asked_for(codings: Path) -> None:
    """They may be something else; asked for by name they are files."""
    answer = await ask(app_of(codings), "/files/page.html", "GET", "Accept-Encoding: br")
    assert (answer.text, answer.headers.get("vary")) == ("page", None)
    answer = await ask(app_of(codings, precompressed=True), "/files/page.html.gz")
    assert (answer.text, answer.headers["content-type"]) == ("page.gz", "application/gzip")
    assert "content-encoding" not in answer.headers


async def test_the_folder_may_be_set_to_the_next_version(root: Path) -> None:
    """A link to it is followed anew each time."""
    (root / "next").mkdir()
    (root / "next/page.html").write_text("next")
    current = root / "current"
    current.symlink_to("public")
    app = Hump()
    app.static("/files", str(current))
    assert (await ask(app, "/files/page.html")).text == "page"
    (root / "new").symlink_to("next")
    (root / "new").rename(current)
    assert (await ask(app, "/files/page.html")).text == "next"
    current.unlink()
    assert (await ask(app, "/files/page.html")).status == 404


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.EACCES, 404),
        (errno.ENXIO, 404),
        (errno.EMFILE, 503),
        (errno.ENFILE, 503),
        (errno.EIO, 500),
    ],
)
async def test_what_the_system_refuses(
    number: int, status: int, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without permission there is nothing; out of descriptors, later; a broken disk is a fault."""

    def fail(*args: Any, **options: Any) -> int:
        raise OSError(number, os.strerror(number))

    if opened_file_module.open_cached is not None:
        monkeypatch.setattr(opened_file_module, "open_cached", fail)
    monkeypatch.setattr(opened_file_module, "open_real", fail)
    answer = await ask(app_of(root), "/files/page.html")
    assert answer.status == status
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)


async def test_of_a_router(root: Path) -> None:
    """Below its prefix, with a name for `url_for`."""
    router = Router("/shop")
    router.static("/files", root / "public", name="files", index=True)
    app = Hump()
    app.include(router)
    url = app.url_for("files", rest="docs/deep/page.html")
    async with client(app) as http:
        assert (await http.get(url)).text == "deep"
        moved: httpx2.Response = await http.get("/shop/files/docs", follow_redirects=True)
    assert (moved.text, moved.url.path) == ("index", "/shop/files/docs/")


@pytest.mark.parametrize(
    ("prefix", "folder", "options", "error"),
    [
        ("/files", "missing", {}, RouteError),
        ("/files", "secret.txt", {}, RouteError),
        ("/files/", "public", {}, RouteError),
        ("files", "public", {}, RouteError),
        ("/taken", "public", {}, RouteError),
        ("/files", "public", {"cache_control": "a\r\nb"}, ValueError),
    ],
)
def test_mistakes_are_told_at_once(
    prefix: str, folder: str, options: dict[str, Any], error: type[Exception], root: Path
) -> None:
    """When the folder is registered."""
    app = Hump()

    @app.get("/taken/{rest:path}")
    async def taken(request: Request) -> None:
        """Take the path."""

    with pytest.raises(error):
        app.static(prefix, root / folder, **options)

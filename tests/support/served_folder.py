"""A folder that is served, with all that it might be taken for, and fixtures for it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hump_trio import Hump
from hump_trio.answers import opened_file as opened_file_module
from hump_trio.testing import connect
from tests.support.descriptors import open_below
from tests.support.wire import Answer, parse_answers, read_to_end, request

__all__ = ["app_of", "ask", "root", "way"]

# What stands in the folder that is served, `public`, and beside it.
FILES = {
    "public/page.html": "page",
    "public/a b é.txt": "spaced",
    "public/a:b.txt": "colon",
    "public/.env": "dotted",
    "public/.git/config": "dotted",
    "public/docs/index.html": "index",
    "public/docs/deep/page.html": "deep",
    "public/plain/file.txt": "file",
    "public/..secret": "dotted",
    "secret.txt": "SECRET",
    "public-private/secret.txt": "SECRET",
}
LINKS = {
    "public/inside": "docs/deep/page.html",
    "public/inside-folder": "docs",
    "public/outside": "../secret.txt",
    "public/outside-folder": "..",
    "public/by-way-of": "../public/page.html",
    "public/beside": "../public-private",
    "public/loop": "loop",
    "public/dangling": "nowhere",
    "public/password": "/etc/passwd",
    "public/self": "/proc/self/environ",
}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A folder with the one that is served; at the end nothing of it is open."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, target in LINKS.items():
        (tmp_path / name).symlink_to(target)
    os.mkfifo(tmp_path / "public/fifo")
    yield tmp_path
    assert open_below(tmp_path) == []


@pytest.fixture(params=["kernel", "threads"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether the system can open what is cached, or threads do it all."""
    if request.param == "threads":
        monkeypatch.setattr(opened_file_module, "open_cached", None)
    return str(request.param)


def app_of(root: Path, prefix: str = "/files", **options: Any) -> Hump:
    """Return an app that serves a folder."""
    app = Hump()
    app.static(prefix, root / "public", **options)
    return app


async def ask(app: Hump, path: str, method: str = "GET", *lines: str) -> Answer:
    """Return the answer to a request for a path that nobody has changed on its way."""
    async with connect(app) as raw:
        await raw.send(request(method, path, "Connection: close", *lines))
        [answer] = parse_answers(await read_to_end(raw), method)
    return answer

"""`Router.static`: which paths lead to which files, and none of them outside of the folder."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hump_trio import FileResponse, Hump
from hump_trio.answers import opened_file as opened_file_module
from tests.support.served_folder import app_of, ask, root, way

__all__ = ["root", "way"]  # fixtures

# Raw paths, and what they get: the content of a file, or the status of an error.
PATHS: list[tuple[str, str | int]] = [
    ("/files/page.html", "page"),
    ("/files/%70age.html", "page"),
    ("/files/a%20b%20%C3%A9.txt", "spaced"),
    ("/files/a:b.txt", "colon"),
    ("/files/docs/deep/page.html", "deep"),
    ("/files/page.html?a=../b%2f", "page"),
    ("http://elsewhere/files/page.html", "page"),
    # Links whose end is inside lead there, and no other one does.
    ("/files/by-way-of", "page"),
    ("/files/outside-folder/public/page.html", "page"),
    ("/files/outside-folder/public/outside", 404),
    ("/files/inside", "deep"),
    ("/files/inside-folder/deep/page.html", "deep"),
    ("/files/outside", 404),
    ("/files/outside-folder/secret.txt", 404),
    ("/files/beside/secret.txt", 404),
    ("/files/loop", 404),
    ("/files/loop/page.html", 404),
    ("/files/dangling", 404),
    ("/files/password", 404),
    ("/files/self", 404),
    # Folders, and slashes where there is nothing below.
    ("/files", 404),
    ("/files/", 404),
    ("/files/docs", 404),
    ("/files/docs/", 404),
    ("/files/page.html/", 404),
    ("/files/page.html/x", 404),
    ("/files//page.html", 404),
    ("/files///etc/passwd", 404),
    ("/files/docs//deep/page.html", 404),
    # Dots, in every spelling.
    ("/files/../secret.txt", 404),
    ("/files/..", 404),
    ("/files/../", 404),
    ("/files/../../../../../../etc/passwd", 404),
    ("/files/docs/../page.html", 404),
    ("/files/docs/../../secret.txt", 404),
    ("/files/./page.html", 404),
    ("/files/.", 404),
    ("/files/%2e%2e/secret.txt", 404),
    ("/files/%2E./secret.txt", 404),
    ("/files/.%2e/secret.txt", 404),
    ("/files/%2e/page.html", 404),
    ("/files/..%2fsecret.txt", 404),
    ("/files/..%2Fsecret.txt", 404),
    ("/files/%2e%2e%2fsecret.txt", 404),
    ("/files/docs%2fdeep%2fpage.html", 404),
    ("/files/..%5csecret.txt", 404),
    ("/files/..\\secret.txt", 404),
    ("/files/docs%5Cindex.html", 404),
    ("/files/%252e%252e/secret.txt", 404),
    ("/files/%252e%252e%252fsecret.txt", 404),
    ("/files/..%252fsecret.txt", 404),
    ("/files/..;/secret.txt", 404),
    ("/files/...../secret.txt", 404),
    ("/files/..%20/secret.txt", 404),
    ("/files/%c0%ae%c0%ae/secret.txt", 400),
    ("/files/..%c0%afsecret.txt", 400),
    ("/files/%e0%80%ae%e0%80%ae/secret.txt", 400),
    ("/files/%uff0e%uff0e/secret.txt", 400),
    ("/files/%EF%BC%8E%EF%BC%8E/secret.txt", 404),
    ("/files/\u2025/secret.txt".encode().decode("latin-1"), 400),
    ("/files/%", 400),
    ("/files/%2", 400),
    # Absolute paths, drives, siblings, NUL.
    ("/files//etc/passwd", 404),
    ("/files/%2fetc%2fpasswd", 404),
    ("/files/C:/secret.txt", 404),
    ("/files/C:%5csecret.txt", 404),
    ("/files/%5c%5chost%5cshare", 404),
    ("/files/file:///etc/passwd", 404),
    ("/files/~root/.bashrc", 404),
    ("/files-private/secret.txt", 404),
    ("/files/../public-private/secret.txt", 404),
    ("/files/page.html%00", 404),
    ("/files/page.html%00.txt", 404),
    ("/files/%00", 404),
    ("/files/../secret.txt%00.html", 404),
    ("/files/page.html%0a", 404),
    ("/files/page.html%20", 404),
    ("/files/page.html.", 404),
    ("/files/page.html::$DATA", 404),
    # Dot-files.
    ("/files/.env", 404),
    ("/files/%2eenv", 404),
    ("/files/.git/config", 404),
    ("/files/..secret", 404),
    # Names that no system has.
    ("/files/" + "a" * 300, 404),
    ("/files/" + "a/" * 3000 + "a", 404),
    ("/files/" + "docs/" * 1000 + "index.html", 404),
    ("/files/fifo", 404),
    ("/files/PAGE.html", 404),
]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("path", "expected"), PATHS, ids=lambda value: str(value)[:40])
async def test_paths(path: str, expected: str | int, root: Path) -> None:
    """Each raw path has the answer of the table, however files are opened."""
    answer = await ask(app_of(root), path)
    assert "SECRET" not in answer.text
    if isinstance(expected, int):
        assert answer.status == expected
    else:
        assert (answer.status, answer.text) == (200, expected)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("path", "expected"), PATHS, ids=lambda value: str(value)[:40])
async def test_names_that_a_handler_passes_on(path: str, expected: str | int, root: Path) -> None:
    """`FileResponse` with a folder gives out what a folder that is served does.

    An escaped slash is one like any other, once the handler has asked for a ``path``.
    """
    app = Hump()

    @app.get("/files/{name:path}")
    async def show(name: str) -> FileResponse:
        return FileResponse(name, folder=root / "public")

    if path == "/files/docs%2fdeep%2fpage.html":
        expected = "deep"
    answer = await ask(app, path)
    assert "SECRET" not in answer.text
    if isinstance(expected, int):
        assert answer.status == expected
    else:
        assert (answer.status, answer.text) == (200, expected)


@pytest.mark.parametrize("name", ["..%2fsecret.txt", "%2fetc%2fpasswd", "docs%2Findex.html"])
async def test_a_plain_parameter_has_no_slash(name: str, root: Path) -> None:
    """What a handler joins to a folder's path is one name, however it is escaped."""
    app = Hump()

    @app.get("/files/{name}")
    async def show(name: str) -> FileResponse:
        return FileResponse(root / "public" / name)

    assert (await ask(app, f"/files/{name}")).status == 404
    assert (await ask(app, "/files/page.html")).text == "page"


PIECES = ["..", ".", "/", "%2e", "%2f", "%5c", "\\", "%00", "%25", "outside-folder", "public"]
PIECES += ["secret.txt", "page.html", "docs", "beside", "public-private", "C:", "~", ";", "a"]


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.booleans(), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
async def test_no_path_leads_outside(
    root: Path, pieces: list[str], index: bool, dot_files: bool
) -> None:
    """However it is put together; it is an answer, and none with what stands beside the folder."""
    app = app_of(root, index=index, dot_files=dot_files)
    answer = await ask(app, "/files/" + "".join(pieces))
    assert answer.status in (200, 307, 400, 404)
    assert "SECRET" not in answer.text


@pytest.mark.usefixtures("way")
async def test_a_way_that_changes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that becomes a link between the look and the opening leads nowhere."""
    realpath = os.path.realpath

    def swap(path: str) -> str:
        real = realpath(path)
        if real.endswith("file.txt"):
            os.rename(root / "public/plain", root / "public/old")
            os.symlink("..", root / "public/plain")
        return real

    monkeypatch.setattr(opened_file_module, "open_cached", None)
    monkeypatch.setattr(os.path, "realpath", swap)
    (root / "file.txt").write_text("SECRET")
    assert (await ask(app_of(root), "/files/plain/file.txt")).status == 404

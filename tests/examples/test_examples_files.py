"""The examples of files do what their docstrings say."""

from examples import static_files
from hump_trio.testing import client


async def test_static_files__are_served_whole_and_in_part() -> None:
    """By name; a part has the bytes that were asked for, and none of the folder's parent is had."""
    async with client(static_files.app) as http:
        whole = await http.get("/examples/static_files.py")
        part = await http.get("/examples/static_files.py", headers={"range": "bytes=3-7"})
        again = await http.get(
            "/examples/static_files.py", headers={"if-none-match": whole.headers["etag"]}
        )
        outside = await http.get("/examples/%2e%2e/README.md")
    assert whole.text == (static_files.FOLDER / "static_files.py").read_text()
    assert (part.status_code, part.text, again.status_code) == (206, "Files", 304)
    assert (whole.headers["cache-control"], outside.status_code) == ("no-cache", 404)


async def test_static_files__can_be_saved_and_led_to() -> None:
    """A download has its name, and the first page leads to a file."""
    async with client(static_files.app) as http:
        saved = await http.get("/download")
        index = await http.get("/", follow_redirects=True)
    assert saved.headers["content-disposition"] == 'attachment; filename="my first server.py"'
    assert saved.text == index.text
    assert index.url.path == "/examples/hello.py"


async def test_static_files__that_clients_name() -> None:
    """One of the folder is saved under its name; none of another folder is had."""
    async with client(static_files.app) as http:
        saved = await http.get("/downloads/hello.py")
        outside = [
            await http.get(f"/downloads/{name}")
            for name in ("..%2fREADME.md", "%2fetc%2fpasswd", "%2e%2e", ".hidden", "deploy")
        ]
    assert saved.headers["content-disposition"] == 'attachment; filename="hello.py"'
    assert saved.text == (static_files.FOLDER / "hello.py").read_text()
    assert [answer.status_code for answer in outside] == [404] * 5

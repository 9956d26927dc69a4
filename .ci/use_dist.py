"""Serve with what was installed and nothing beside it but trio, away from the checkout.

First in a program, then by the command: an example of the source distribution, in two processes.

Usage: python -W error use_dist.py SDIST
"""

import re
import shutil
import signal
import subprocess
import sys
import tarfile
from importlib.metadata import distributions, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import trio

import hump_trio

app = hump_trio.Hump("127.0.0.1", 0)


@app.get("/")
async def index() -> dict[str, str]:
    """Answer with JSON, by the standard library's codec."""
    return {"served": "as installed"}


def read(url: str) -> bytes:
    """Return what a URL holds."""
    with urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


async def serve_program() -> None:
    """Serve, ask once, and shut down."""
    async with trio.open_nursery() as nursery:
        [url] = await nursery.start(app.serve)
        assert await trio.to_thread.run_sync(read, url) == b'{"served":"as installed"}'
        app.shutdown()


def serve_example(sdist: Path, folder: Path) -> None:
    """Serve hello.py by the command, ask by curl, and end it as a service manager does."""
    with tarfile.open(sdist) as archive:
        [name] = [each for each in archive.getnames() if each.endswith("/examples/hello.py")]
        source = archive.extractfile(name)
        assert source is not None
        (folder / "hello.py").write_bytes(source.read())
    command = [Path(sys.executable).with_name("hump-trio"), "hello:app", "--workers", "2"]
    command += ["--bind", "127.0.0.1:0"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            log = ""
            while not (found := re.search(r"http://127\.0\.0\.1:\d+", log)):
                line = server.stderr.readline()
                assert line, log  # it has ended
                log += line
            curl = ["curl", "-sS", "--max-time", "20", "-w", " %{http_code}", f"{found[0]}/teapot"]
            assert subprocess.check_output(curl, text=True) == "Howdy! 418"
        finally:
            server.send_signal(signal.SIGTERM)
            _, rest = server.communicate(timeout=30)
    assert server.returncode == 0, log + rest


package = Path(hump_trio.__file__).parent
assert "site-packages" in package.parts, package
assert (package / "py.typed").exists()
assert hump_trio.__version__ == version("hump-trio")
extras = [name for name in ("httpx", "httpx2", "msgspec", "pytest") if find_spec(name)]
assert not extras, extras
assert shutil.which("curl"), "this asks by curl"
trio.run(serve_program)
with TemporaryDirectory() as folder:
    serve_example(Path(sys.argv[1]).resolve(), Path(folder))
print("installed beside it:", *sorted(each.name for each in distributions()))

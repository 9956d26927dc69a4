"""Serve with an installed wheel and nothing beside it but trio, and ask with urllib."""

from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

import trio

import hump_trio

app = hump_trio.Hump("127.0.0.1", 0)


@app.get("/")
async def index() -> dict[str, str]:
    """Answer with JSON, by the standard library's codec."""
    return {"served": "from the wheel"}


def read(url: str) -> bytes:
    """Return what a URL holds."""
    with urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


async def main() -> None:
    """Serve, ask once, and shut down."""
    async with trio.open_nursery() as nursery:
        [url] = await nursery.start(app.serve)
        assert await trio.to_thread.run_sync(read, url) == b'{"served":"from the wheel"}'
        app.shutdown()


package = Path(hump_trio.__file__).parent
assert "site-packages" in package.parts, package
assert (package / "py.typed").exists()
extras = [name for name in ("httpx", "httpx2", "msgspec", "pytest") if find_spec(name)]
assert not extras, extras
trio.run(main)
print("installed beside it:", *sorted(each.name for each in distributions()))

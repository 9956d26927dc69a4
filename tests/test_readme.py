"""The README tells the truth: its program runs, and every example can be found from it."""

from hump_trio import Hump
from hump_trio.testing import client
from tests.support.pages import EXAMPLES, PAGES, ROOT, blocks_of, links_of, run_blocks

README = ROOT / "README.md"


def test_every_example_is_linked() -> None:
    """No example is left out of both the README and the pages."""
    folders = [EXAMPLES, EXAMPLES / "deploy", EXAMPLES / "recipes"]
    present = {path for folder in folders for path in folder.iterdir() if path.is_file()}
    present |= set(EXAMPLES.glob("*/app.py"))
    linked = {path for page in [README, *PAGES] for path, _ in links_of(page)}
    assert {path for path in present - linked if path.suffix != ".md"} == set()


async def test_first_program_serves() -> None:
    """The first block is a whole program, with both its answers."""
    with run_blocks(blocks_of(README, "python")) as (names, runs):
        app = names["app"]
    assert isinstance(app, Hump)
    assert runs == [app.serve]
    async with client(app) as http:
        index, teapot = await http.get("/"), await http.get("/teapot")
    assert (index.status_code, index.text) == (200, "Hello, world!")
    assert (teapot.status_code, teapot.text) == (418, "Howdy!")

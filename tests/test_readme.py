"""The README tells the truth: it is short, and every example can be found from it."""

from tests.support.pages import EXAMPLES, PAGES, ROOT, links_of

README = ROOT / "README.md"


def test_it_is_read_in_two_minutes() -> None:
    """A stranger decides by then; what is longer stands in a page."""
    assert len(README.read_bytes()) <= 12 * 1024


def test_every_example_is_linked() -> None:
    """No example is left out of both the README and the pages."""
    folders = [EXAMPLES, EXAMPLES / "deploy", EXAMPLES / "recipes"]
    present = {path for folder in folders for path in folder.iterdir() if path.is_file()}
    present |= set(EXAMPLES.glob("*/app.py"))
    linked = {path for page in [README, *PAGES] for path, _ in links_of(page)}
    assert {path for path in present - linked if path.suffix != ".md"} == set()

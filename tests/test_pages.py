"""The pages of the documentation tell the truth: their programs run, and their words are said."""

import re
from pathlib import Path

import pytest

import hump_trio
from tests.support.pages import (
    EXAMPLES,
    PAGES,
    ROOT,
    anchors_of,
    blocks_of,
    cuts_of,
    is_cut_of,
    links_of,
    name_of,
    run_blocks,
    steps_of,
)
from tests.support.replays import replay

INDEX = EXAMPLES / "README.md"
REFERENCE = EXAMPLES / "reference"
LANGUAGES = {"console", "python", "sh", "text", "toml", "html", "javascript", "json", "ini"}

each_page = pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=name_of)


@each_page
def test_programs_are_those_of_files_or_run(page: Path) -> None:
    """A block of Python is cut of a file that the page links; in the reference it runs."""
    blocks = blocks_of(page, "python")
    if REFERENCE in page.parents:
        with run_blocks(blocks):
            return
    linked = [path for path, _ in links_of(page) if path.suffix == ".py"]
    programs = [path.read_text() for path in linked if page.parent in path.parents]
    for block in blocks:
        for cut in cuts_of(block):
            assert any(is_cut_of(cut, program) for program in programs), (
                f"{name_of(page)}:{block.line}: no linked file of {name_of(page.parent)} has"
                f" these lines:\n{cut}"
            )


@each_page
@pytest.mark.program("curl")
async def test_consoles_show_what_is_said(page: Path, tmp_path: Path) -> None:
    """Each command, given to programs that were really started, prints what stands below it."""
    steps = [step for block in blocks_of(page, "console") for step in steps_of(block)]
    wrong = await replay(steps, tmp_path)
    assert not wrong, "\n".join(wrong)


@each_page
def test_blocks_are_of_known_languages(page: Path) -> None:
    """No block escapes the tests by a fence that says something else."""
    others = [block for block in blocks_of(page) if block.language not in LANGUAGES]
    assert not [f"{name_of(page)}:{block.line}: {block.language!r}" for block in others]


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    """A link within the repository leads to a file that is there, and to a heading of it."""
    for path, anchor in links_of(page):
        assert path.exists(), f"{name_of(page)} links {path}"
        if anchor:
            assert anchor in anchors_of(path), f"{name_of(page)} links {name_of(path)}#{anchor}"


def test_every_page_is_reached() -> None:
    """Who begins at the index comes to each page by links."""
    reached, todo = set[Path](), [INDEX]
    while todo:
        page = todo.pop()
        if page not in reached and page in PAGES:
            reached.add(page)
            todo += [path for path, _ in links_of(page)]
    assert not [name_of(page) for page in PAGES if page not in reached]


def test_programs_of_pages_are_linked() -> None:
    """Each program beside pages is linked by one of them."""
    linked = {path for page in PAGES for path, _ in links_of(page)}
    folders = {page.parent for page in PAGES} - {EXAMPLES}
    programs = [path for folder in folders for path in folder.glob("*.py")]
    assert not [name_of(path) for path in programs if path not in linked]


@pytest.mark.parametrize("name", hump_trio.__all__)
def test_every_public_name_is_written_about(name: str) -> None:
    """What can be imported from hump_trio is on some page."""
    assert any(re.search(rf"\b{name}s?\b", page.read_text(encoding="utf-8")) for page in PAGES)

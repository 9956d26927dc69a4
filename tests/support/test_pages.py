"""A page that isn't true is told of, with the line, what was expected and what came."""

from pathlib import Path

import pytest

from tests.support.pages import (
    Block,
    Step,
    anchors_of,
    blocks_of,
    cuts_of,
    first_difference,
    follows,
    is_cut_of,
    links_of,
    run_blocks,
    steps_of,
)
from tests.support.replays import replay

PAGE = """# A page

See [it](it.py), [a part of it](other.md#the-part--x), [there](https://example.com), `[no](no.md)`.

```python
two = 2
...
    four = two * 2
```

```console
$ python examples/hello.py
hump_trio: serving at … (Ctrl-C stops it)
$ A=1 curl localhost:8342/ \\
    -H 'x: y'
Hello!
$ curl localhost:8342/teapot &
Howdy!
```

```console
^C
```

## The part: `x`
## The part: `x`
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page with all that a page has."""
    path = tmp_path / "page.md"
    path.write_text(PAGE, encoding="utf-8")
    return path


def steps(page: Path) -> list[Step]:
    """Return the commands of a page."""
    return [step for block in blocks_of(page, "console") for step in steps_of(block)]


def test_commands_have_their_lines_and_outputs(page: Path) -> None:
    """With variables before it, a backslash or ``&`` behind it; a log may go on later."""
    start, curl, teapot, log = steps(page)
    assert (start.line, start.words) == (12, ("python", "examples/hello.py"))
    assert start.expected == ("hump_trio: serving at … (Ctrl-C stops it)",)
    assert (curl.words, curl.environment) == (
        ("curl", "localhost:8342/", "-H", "x: y"),
        {"A": "1"},
    )
    assert (teapot.line, teapot.in_background, teapot.expected) == (17, True, ("Howdy!",))
    assert (log.line, log.words, log.expected) == (22, (), ("^C",))


@pytest.mark.program("curl")
async def test_what_differs_is_told(page: Path, tmp_path: Path) -> None:
    """With its line, what the page says, what came, and what the program wrote."""
    folder = tmp_path / "folder"
    folder.mkdir()
    first, log = await replay(steps(page)[:2], folder)
    assert first == (
        "page.md:14: $ curl localhost:8342/ -H 'x: y'\n    differs at line 16; expected:\n"
        "    | Hello!\n    came:\n    | Hello, world!"
    )
    assert log.startswith("    python wrote:\n    | hump_trio: serving at http://127.0.0.1:8342 ")


async def test_what_is_not_written_is_told(page: Path, tmp_path: Path) -> None:
    """So is a command that can't be replayed, and one without a program."""
    text = "$ curl localhost:8342\n$ python -c 'print(1)'\n2\n$ rm it\n"
    folder = tmp_path / "folder"
    folder.mkdir()
    commands = steps_of(Block(page, 2, "console", text))
    assert await replay(commands, folder) == [
        "page.md:2: $ curl localhost:8342\n    no program was started before",
        "page.md:5: $ rm it\n    can't be replayed: only curl, python and hump-trio can",
        "page.md:3: $ python -c 'print(1)'\n    wrote no such line, in this order: 2",
        "    python wrote:\n    | 1\n    | ^C",
    ]


@pytest.mark.parametrize(
    ("expected", "lines", "difference"),
    [
        ([], [], None),
        ([], ["a"], 0),
        (["a"], [], 0),
        (["a…c", "d"], ["abc", "d"], None),
        (["a.c"], ["abc"], 0),
        (["…"], [], None),
        (["a", "…", "d"], ["a", "b", "c", "d"], None),
        (["a", "…", "e"], ["a", "b", "c", "d"], 2),
    ],
)
def test_dots_stand_for_anything(
    expected: list[str], lines: list[str], difference: int | None
) -> None:
    """Within a line, or for any lines."""
    assert first_difference(expected, lines) == difference


def test_a_log_has_other_lines_too() -> None:
    """Those that are expected come in their order."""
    assert follows(["a", "…", "c"], ["a", "b", "c"]) is None
    assert follows(["c", "a"], ["a", "b", "c"]) == "a"


def test_a_cut_is_lines_of_a_program(page: Path) -> None:
    """Contiguous ones, equally indented, with one empty line for two."""
    (block,) = blocks_of(page, "python")
    assert cuts_of(block) == ["two = 2", "    four = two * 2"]
    program = "one = 1\n\n\ntwo = 2\n"
    assert is_cut_of("one = 1\n\ntwo = 2", program)
    assert is_cut_of("    one = 1", program)
    assert not is_cut_of("one = 1\ntwo = 2", program)
    assert not is_cut_of("two", program)


def test_links_and_anchors_are_found(page: Path) -> None:
    """Those to files; an anchor is that of GitHub, and a second one has a number."""
    folder = page.parent
    assert links_of(page) == [(folder / "it.py", ""), (folder / "other.md", "the-part--x")]
    assert anchors_of(page) == {"a-page", "the-part-x", "the-part-x-1"}


def test_blocks_run_as_one_program(page: Path) -> None:
    """An error in one leads to the line of the page."""
    page.write_text(
        "```python\nimport trio\none = 1\n```\n\n```python\ntrio.run(one)\n1 / 0\n```\n"
    )
    with pytest.raises(ZeroDivisionError) as caught, run_blocks(blocks_of(page)):
        pass
    assert caught.traceback[-1].lineno + 1 == 8
    page.write_text("```python\nimport trio\none = 1\n```\n\n```python\ntrio.run(one)\n```\n")
    with run_blocks(blocks_of(page)) as (names, runs):
        assert names["one"] == 1
        assert len(runs) == 1

"""The pages of the reference as tests read them: their texts, programs and tables."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.pages import EXAMPLES, blocks_of, run_blocks

__all__ = ["page_run", "table_after", "tables_after", "text_of"]

FOLDER = EXAMPLES / "reference"


def text_of(name: str) -> str:
    """Return the text of a page of the reference."""
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


@contextmanager
def page_run(name: str) -> Iterator[dict[str, Any]]:
    """Give the names that a page's programs define, run one after the other."""
    with run_blocks(blocks_of(FOLDER / f"{name}.md", "python")) as (names, runs):
        assert not runs
        yield names


def tables_after(name: str, heading: str) -> list[list[list[str]]]:
    """Return the tables below a heading of a page: of each its rows, of each row its cells."""
    text = text_of(name)
    [section] = re.findall(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", text, re.M | re.S)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
        for table in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)
    ]


def table_after(name: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading of a page, each as its cells."""
    return tables_after(name, heading)[0]

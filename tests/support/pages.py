"""The pages of the documentation as values: their blocks, commands, links and anchors."""

import logging
import re
import shlex
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import trio

__all__ = [
    "EXAMPLES",
    "PAGES",
    "ROOT",
    "Block",
    "Step",
    "anchors_of",
    "blocks_of",
    "cuts_of",
    "first_difference",
    "follows",
    "is_cut_of",
    "links_of",
    "name_of",
    "run_blocks",
    "steps_of",
]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PAGES = sorted(EXAMPLES.rglob("*.md"))

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page.

    Args:
        page: Where it is.
        line: The number of its first line, without the fence.
        language: What stands behind the fence.
        text: Its lines.
    """

    page: Path
    line: int
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a console, and what it prints; or without words more of a program's log.

    Args:
        page: Where it is.
        line: The number of its line.
        output_line: The number of the line behind it.
        words: The command's words. Those such as ``NAME=value`` before it are `environment`.
        environment: Variables that the command is given.
        in_background: Whether the next command comes while this one runs, as ``&`` asks for.
        expected: The lines that it prints, with ``…`` for what differs each time.
    """

    page: Path
    line: int
    output_line: int
    words: tuple[str, ...]
    environment: dict[str, str]
    in_background: bool
    expected: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where a reader finds it, and what it is."""
        return f"{name_of(self.page)}:{self.line}: $ {shlex.join(self.words)}"

    @property
    def starts_program(self) -> bool:
        """Whether the command starts a program that may go on, until the next one starts."""
        return self.words[:1] in {("python",), ("hump-trio",)}


def name_of(page: Path) -> str:
    """Return the path of a page within the repository."""
    return str(page.relative_to(ROOT)) if ROOT in page.parents else page.name


def blocks_of(page: Path, language: str = "") -> list[Block]:
    """Return the blocks of a page, or those of a language."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(page, text[: match.start(2)].count("\n") + 1, match[1], match[2])
        for match in FENCE.finditer(text)
    ]
    return [block for block in found if language in ("", block.language)]


def steps_of(block: Block) -> list[Step]:
    """Return the commands of a console, each with its output.

    A command whose line ends in a backslash goes on in the next line. A console that doesn't begin
    with a command begins with more of the log of the program that was started last.
    """
    numbered = list(enumerate(block.text.splitlines(), block.line))
    steps: list[Step] = []
    while numbered:
        number, line = numbered[0]
        command = ""
        if line.startswith("$ "):
            command = numbered.pop(0)[1][2:]
            while command.endswith("\\"):
                command = command[:-1] + numbered.pop(0)[1]
        output_line = numbered[0][0] if numbered else number + 1
        expected: list[str] = []
        while numbered and not numbered[0][1].startswith("$ "):
            expected.append(numbered.pop(0)[1])
        while expected and not expected[-1]:
            expected.pop()
        words, environment, in_background = parse_command(command)
        steps.append(
            Step(
                page=block.page,
                line=number,
                output_line=output_line,
                words=tuple(words),
                environment=environment,
                in_background=in_background,
                expected=tuple(expected),
            )
        )
    return steps


def parse_command(command: str) -> tuple[list[str], dict[str, str], bool]:
    """Return the words of a command, the variables before it, and whether ``&`` is behind it."""
    words = shlex.split(command)
    in_background = words[-1:] == ["&"]
    if in_background:
        words.pop()
    environment: dict[str, str] = {}
    while words and re.match(r"\w+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    return words, environment, in_background


def pattern_of(line: str) -> re.Pattern[str]:
    """Return what a line of an output has to be like, whose ``…`` is anything."""
    return re.compile(".*".join(map(re.escape, line.split("…"))))


def first_difference(expected: Sequence[str], lines: Sequence[str]) -> int | None:
    """Return the index of the first expected line that isn't there; None where all are the same.

    A line that is only ``…`` stands for any lines, also for none.
    """
    if not expected:
        return 0 if lines else None
    first, *rest = expected
    if first.strip() == "…":
        if not rest:
            return None
        found = [first_difference(rest, lines[start:]) for start in range(len(lines) + 1)]
        return None if None in found else 1 + max(each for each in found if each is not None)
    if not lines or not pattern_of(first).fullmatch(lines[0]):
        return 0
    after = first_difference(rest, lines[1:])
    return None if after is None else after + 1


def follows(expected: Iterable[str], lines: Iterable[str]) -> str | None:
    """Return the first expected line that doesn't come in its order, other lines left aside."""
    left = iter(lines)
    for each in expected:
        if each.strip() not in {"", "…"}:
            pattern = pattern_of(each)
            if not any(pattern.fullmatch(line) for line in left):
                return each
    return None


def cuts_of(block: Block) -> list[str]:
    """Return the parts of a block of Python that lines of dots separate."""
    parts = groupby(block.text.splitlines(), lambda line: line.strip() in {"...", "# ..."})
    cuts = ["\n".join(lines).strip("\n") for dots, lines in parts if not dots]
    return [cut for cut in cuts if cut.strip()]


def is_cut_of(cut: str, program: str) -> bool:
    """Tell whether lines stand in a program one after the other, equally indented.

    Of two empty lines, a page may leave out one.
    """
    wanted = textwrap.dedent(re.sub(r"\n{2,}", "\n\n", cut))
    lines = re.sub(r"\n{2,}", "\n\n", program).split("\n")
    count = wanted.count("\n") + 1
    return any(
        textwrap.dedent("\n".join(lines[start : start + count])) == wanted
        for start in range(len(lines) - count + 1)
    )


def links_of(page: Path) -> list[tuple[Path, str]]:
    """Return where a page's links within the repository lead: a file, and an anchor or nothing."""
    # Code in the text of a link is text.
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    text = re.sub(r"`[^`\n]*`", "code", text)
    targets = [each for each in LINK.findall(text) if not re.match(r"[a-z]+:", each)]
    links: list[tuple[Path, str]] = []
    for target in targets:
        path, _, anchor = target.partition("#")
        links.append(((page.parent / path).resolve() if path else page, anchor))
    return links


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, by the rule of GitHub."""
    anchors: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        text = LINK.sub(lambda match: match[0][1:].partition("]")[0], heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        count = 1
        anchor = slug
        while anchor in anchors:
            anchor, count = f"{slug}-{count}", count + 1
        anchors.add(anchor)
    return anchors


@contextmanager
def run_blocks(
    blocks: Iterable[Block],
) -> Iterator[tuple[dict[str, Any], list[Callable[..., Any]]]]:
    """Run blocks of Python one after the other, as one program in the repository's folder.

    Yields:
        The names that they define, and what they have handed to `trio.run`, which runs nothing.
    """
    root = logging.getLogger()  # which one of them may configure
    handlers, level = list(root.handlers), root.level
    runs: list[Callable[..., Any]] = []
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        try:
            with pytest.MonkeyPatch.context() as running:
                running.setattr(trio, "run", runs.append)
                for block in blocks:
                    # With its place, so that a traceback leads to the line of the page.
                    text = "\n" * (block.line - 1) + block.text
                    exec(compile(text, str(block.page), "exec"), names)
            yield names, runs
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)

"""The consoles of a page, replayed: its programs are started, and curl asks them."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

import trio

from tests.command.programs import Program, started
from tests.support.loopback import PATIENCE_SECONDS
from tests.support.pages import ROOT, Step, first_difference, follows

__all__ = ["replay"]

PROGRAMS = {
    "python": [sys.executable],
    "hump-trio": [sys.executable, "-m", "hump_trio"],
}
# Both outputs of a program are one, as on a terminal.
TOGETHER = ["sh", "-c", 'exec "$@" >&2', "sh"]
CURL = ["curl", "--silent", "--show-error", "--noproxy", "*"]
# What each server says when it serves: ours, uvicorn, hypercorn, aiohttp and Flask.
SERVES = re.compile(r"(?i)\b(serving at|running on) [^\n]*\n")
# A supervisor says so last of all, and what is served beside an app says so before the app.
WORKERS_SERVE = re.compile(r"\bworkers serve at [^\n]*\n")
BESIDE = {"--metrics-bind", "--inspect"}
INTERRUPT = "^C"
# How long lines of a log are waited for. Only a page that isn't true takes so long.
LOG_SECONDS = 20


class Ports:
    """Free ports that stand for those of a page.

    Args:
        free: The number of a free port for each number in the page.
    """

    def __init__(self, free: Mapping[str, str]) -> None:
        self._free = free

    @property
    def variable(self) -> str:
        """What `tests/support/page_ports` reads."""
        return " ".join(f"{page}={free}" for page, free in self._free.items())

    def there(self, word: str) -> str:
        """Return a word of a command with free ports for those of the page."""
        for page, free in self._free.items():
            word = re.sub(rf":{page}\b", f":{free}", word)
        return word

    def here(self, output: str) -> list[str]:
        """Return the lines of an output with the page's ports for the free ones."""
        for page, free in self._free.items():
            output = re.sub(rf"\b{free}\b", page, output)
        return output.replace("\r\n", "\n").splitlines()


@contextmanager
def free_ports(steps: Sequence[Step]) -> Iterator[Ports]:
    """Reserve a port for each that the commands name, and for 8342.

    Nobody else is given one meanwhile: a socket that doesn't listen has it.
    """
    words = " ".join(word for step in steps for word in step.words)
    named = re.findall(r"(?:localhost|127\.0\.0\.1|\*):(\d+)", words)
    free: dict[str, str] = {}
    with ExitStack() as stack:
        for number in {"8342", *named}:
            reserved = stack.enter_context(socket.socket(socket.AF_INET6))
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            reserved.bind(("::", 0))
            free[number] = str(reserved.getsockname()[1])
        yield Ports(free)


def turns_of(steps: Sequence[Step]) -> list[list[Step]]:
    """Return what begins with the start of each program, and what comes before the first."""
    turns: list[list[Step]] = []
    for step in steps:
        if step.starts_program or not turns:
            turns.append([])
        turns[-1].append(step)
    return turns


async def replay(steps: Sequence[Step], folder: Path) -> list[str]:
    """Run the commands of a page, and return what is wrong with their outputs.

    Args:
        steps: The commands in their order. A program goes on until the next one starts.
        folder: An empty one, in which the commands work.
    """
    for name in ("examples", "README.md"):
        (folder / name).symlink_to(ROOT / name)
    wrong: list[str] = []
    with free_ports(steps) as ports:
        for group in turns_of(steps):
            start, *commands = group
            if start.starts_program:
                wrong += await replay_program(start, commands, ports, folder)
            else:
                wrong.append(f"{start.place}\n    no program was started before")
    return wrong


async def replay_program(
    start: Step, commands: Sequence[Step], ports: Ports, folder: Path
) -> list[str]:
    """Start a program, run commands beside it, and interrupt it at the end."""
    name, *words = start.words
    environment: dict[str, Any] = {
        "PAGE_PORTS": ports.variable,
        "PYTHONPATH": f"{Path(__file__).parent / 'page_ports'}:{ROOT}",
        "PYTHONUNBUFFERED": "1",
        **start.environment,
    }
    command = [*TOGETHER, *PROGRAMS[name], *map(ports.there, words)]
    serves, count = SERVES, 1 + len(BESIDE.intersection(words))
    if "--workers" in words:
        serves, count = WORKERS_SERVE, 1
    wrong: list[str] = []
    expected = list(start.expected)
    async with started(command=command, folder=folder, **environment) as program:
        with trio.fail_after(PATIENCE_SECONDS):
            await read_until(program, lambda: len(serves.findall(program.said)) >= count)
        async with trio.open_nursery() as nursery:
            for step in commands:
                if not step.words:
                    expected += step.expected
                    await read_log(program, expected, ports)
                elif step.in_background:
                    nursery.start_soon(run_curl, step, ports, folder, wrong)
                else:
                    await run_curl(step, ports, folder, wrong)
            lines = await end(program, expected, ports)
    missing = follows(expected, lines)
    if missing is not None:
        wrong.append(f"{start.place}\n    wrote no such line, in this order: {missing}")
    if wrong:
        wrong.append("\n".join([f"    {name} wrote:", *(f"    | {line}" for line in lines)]))
    return wrong


async def read_until(program: Program, condition: Callable[[], bool]) -> None:
    """Read what a program writes until a condition holds, or the program has ended."""
    while not condition() and (data := await program.output.receive_some()):
        program.said += data.decode()


async def read_log(program: Program, expected: Sequence[str], ports: Ports) -> None:
    """Wait for what is expected of a log before Ctrl-C; if it doesn't come, that shows later."""
    before = list(takewhile(lambda line: line != INTERRUPT, expected))
    with trio.move_on_after(LOG_SECONDS):
        await read_until(program, lambda: follows(before, ports.here(program.said)) is None)


async def end(program: Program, expected: Sequence[str], ports: Ports) -> list[str]:
    """Interrupt a program when it has written what is expected; return all lines of it."""
    await read_log(program, expected, ports)
    said, program.said = program.said, ""
    await program.end(signal.SIGINT)
    return [*ports.here(said), INTERRUPT, *ports.here(program.said)]


async def run_curl(step: Step, ports: Ports, folder: Path, wrong: list[str]) -> None:
    """Run a command, and append what is wrong with its output."""
    if step.words[0] != "curl":
        wrong.append(f"{step.place}\n    can't be replayed: only curl, python and hump-trio can")
        return
    with trio.fail_after(PATIENCE_SECONDS):
        done = await trio.run_process(
            [*CURL, *map(ports.there, step.words[1:])],
            capture_stdout=True,
            stderr=subprocess.STDOUT,
            check=False,
            cwd=folder,
            env={**os.environ, **step.environment},
        )
    lines = ports.here(done.stdout.decode())
    while lines and not lines[-1]:
        lines.pop()
    place = first_difference(step.expected, lines)
    if place is not None:
        expected = "\n".join(f"    | {line}" for line in step.expected)
        came = "\n".join(f"    | {line}" for line in lines)
        wrong.append(
            f"{step.place}\n    differs at line {step.output_line + place}; expected:\n{expected}"
            f"\n    came:\n{came}"
        )

"""Real workers of the command line, and clients that count."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from tests.command.programs import Program, started
from tests.support.loopback import PATIENCE_SECONDS, address_of, ask

APP = "tests.command.stuck_app:app"


@asynccontextmanager
async def working(*arguments: str) -> AsyncIterator[Program]:
    """Start a supervisor with workers that are ready."""
    async with started(APP, "--bind", "127.0.0.1:0", *arguments) as program:
        await program.wait_said(" workers serve at ")
        yield program


async def address(program: Program) -> tuple[str, int]:
    """Return where it serves."""
    return address_of((await program.wait_said(r"serves? at (http[^\s]+)"))[1])


async def ask_once(program: Program, path: str = "/") -> str:
    """Return what a request of its own is answered."""
    async with await trio.open_tcp_stream(*await address(program)) as stream:
        return (await ask(stream, path)).partition(b"\r\n\r\n")[2].decode()


async def find_workers(program: Program) -> set[int]:
    """Return the processes that a burst of connections is answered by."""
    found = set()
    async with trio.open_nursery() as nursery:

        async def find() -> None:
            found.add(int(await ask_once(program)))

        for _ in range(32):
            nursery.start_soon(find)
    return found


def is_alive(process: int) -> bool:
    """Tell whether a process is there; one that only waits to be reaped isn't."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def children_of(process: int) -> set[int]:
    """Return the processes that one has started."""
    return set(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))


async def wait_gone(processes: set[int]) -> None:
    """Wait until none of them is there."""
    with trio.fail_after(PATIENCE_SECONDS):
        while any(map(is_alive, processes)):
            await trio.lowlevel.checkpoint()


@dataclass
class Load:
    """Clients that ask without a pause, repeat nothing, and count.

    Args:
        program: Whom they ask.

    Attributes:
        failures: Of requests that were not answered.
        answers: How many each process has given.
    """

    program: Program
    failures: list[str] = field(default_factory=list)
    answers: dict[int, int] = field(default_factory=dict)

    async def run(self, keep_alive: bool) -> None:
        """Be one client."""
        host, port = await address(self.program)
        while True:
            async with await trio.open_tcp_stream(host, port) as stream:
                closing = False
                while not closing:
                    try:
                        answer = await ask(stream)
                    except (AssertionError, trio.BrokenResourceError) as error:
                        self.failures.append(repr(error))
                        break
                    head, _, body = answer.partition(b"\r\n\r\n")
                    self.answers[int(body)] = self.answers.get(int(body), 0) + 1
                    closing = not keep_alive or b"connection: close" in head.lower()


async def test_workers_come_and_go() -> None:
    """Two answer; one that is killed is replaced, and at SIGTERM nothing is left."""
    async with working("--workers", "2") as program:
        workers = await find_workers(program)
        assert workers == children_of(program.process.pid)
        assert len(workers) == 2
        killed = min(workers)
        os.kill(killed, signal.SIGKILL)
        await program.wait_said(rf"worker {killed} has ended by SIGKILL after .*; another starts")
        assert int(await ask_once(program)) in workers - {killed}
        with trio.fail_after(PATIENCE_SECONDS):
            while len(workers := await find_workers(program)) < 2:
                pass
        assert killed not in workers
        assert await program.end() == 0
    assert not any(map(is_alive, workers))


async def test_workers_are_replaced_under_load() -> None:
    """At SIGHUP all of them are, and no request fails or is refused."""
    async with working("--workers", "2") as program:
        workers = children_of(program.process.pid)
        load = Load(program)
        async with trio.open_nursery() as nursery:
            for number in range(16):
                nursery.start_soon(load.run, number % 2 == 0)
            program.process.send_signal(signal.SIGHUP)
            await wait_gone(workers)
            nursery.cancel_scope.cancel()
        after = await find_workers(program)
        assert not after & workers
        assert len(after) == 2
        assert await program.end() == 0
    assert load.failures == []
    assert set(load.answers) >= workers


async def test_no_worker_outlives_its_supervisor() -> None:
    """Neither one that is idle, nor one that sleeps, nor one that never lets Python go on."""
    async with working("--workers", "3") as program:
        workers = children_of(program.process.pid)
        assert len(workers) == 3
        async with AsyncExitStack() as streams:
            for path, said in (("/sleep", "asleep"), ("/regex", "searching")):
                stream = await trio.open_tcp_stream(*await address(program))
                await streams.enter_async_context(stream)
                await stream.send_all(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
                await program.wait_said(said)
            assert await program.end(signal.SIGKILL) == -signal.SIGKILL
            await wait_gone(workers)


async def test_a_stuck_worker_is_replaced() -> None:
    """Its stack is printed first."""
    async with working("--workers", "2", "--worker-timeout", "2") as program:
        stream = await trio.open_tcp_stream(*await address(program))
        async with stream:
            await stream.send_all(b"GET /regex HTTP/1.1\r\nhost: a\r\n\r\n")
            await program.wait_said("shows no sign of life and is killed; its stacks:")
            await program.wait_said(r"stuck_app\.py\", line \d+ in regex")
            await program.wait_said("has ended by SIGABRT .*; another starts in 0.1 s")
        with trio.fail_after(PATIENCE_SECONDS):
            while len(await find_workers(program)) < 2:
                pass
        assert await program.end() == 0


async def test_a_second_signal_ends_all() -> None:
    """At once, and as the signal does."""
    async with working("--workers", "2") as program:
        workers = children_of(program.process.pid)
        async with await trio.open_tcp_stream(*await address(program)) as stream:
            await stream.send_all(b"GET /sleep HTTP/1.1\r\nhost: a\r\n\r\n")
            await program.wait_said("asleep")
            program.process.send_signal(signal.SIGTERM)
            await program.wait_said("shutting down")
            assert await program.end(signal.SIGINT) == -signal.SIGINT
    assert not any(map(is_alive, workers))


async def test_a_program_that_cannot_start() -> None:
    """It says why, and its status is that of the whole."""
    async with started("tests.command.nowhere", "--workers", "2") as program:
        assert await program.wait() == 1
    assert "nowhere" in program.said


PROGRAM = """
from hump_trio import Hump
app = Hump("127.0.0.1", 0)
@app.get("/")
async def index(): return "{}"
"""


async def test_files_are_reloaded(tmp_path: Path) -> None:
    """Within a second, on the same socket; what can't be imported is shown and waited out."""
    source = tmp_path / "changing.py"
    source.write_text(PROGRAM.format("one"))
    async with started(
        "changing:app",
        "--bind",
        "127.0.0.1:0",
        "--reload",
        "--reload-dir",
        str(tmp_path),
        PYTHONPATH=str(tmp_path),
    ) as program:
        await program.wait_said("a worker serves at")
        assert await ask_once(program) == "one"
        source.write_text("def (\n")
        await program.wait_said(f"changed: {source}")
        await program.wait_said("SyntaxError: ")
        await program.wait_said("the next change of a file starts another")
        source.write_text(PROGRAM.format("three"))
        assert await ask_once(program) == "three"
        assert await program.end() == 0

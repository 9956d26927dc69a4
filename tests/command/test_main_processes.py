"""Real processes of the command line, and strangers that talk to them."""

import json
import os
import pty
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import trio
import trustme

from tests.command.programs import COMMAND, started
from tests.support.loopback import PATIENCE_SECONDS, receive_more

HELLO = ("examples.hello:app", "--bind", "127.0.0.1:0")
SCRIPT = (str(Path(sys.executable).with_name("hump-trio")),)


@pytest.mark.parametrize("command", [COMMAND, SCRIPT], ids=["module", "script"])
async def test_it_serves_until_a_signal(command: tuple[str, ...]) -> None:
    """As a module and as a script; with a line for each request; the exit status is 0."""
    async with started(*HELLO, command=command) as program:
        url = await program.wait_url()
        async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as http:
            answer = await http.get("/teapot", headers={"user-agent": "tea"})
        assert (answer.status_code, answer.text) == (418, "Howdy!")
        assert await program.end() == 0
    line = program.said.splitlines()[1]
    assert line.startswith("127.0.0.1 - - [")
    assert '"GET /teapot HTTP/1.1" 418 ' in line
    assert line.endswith('"/teapot" "-"')


@pytest.mark.parametrize("beside", [(), ("--inspect", "127.0.0.1:0")], ids=["alone", "inspected"])
async def test_a_hang_up_leaves_nothing_behind(beside: tuple[str, ...], tmp_path: Path) -> None:
    """One process has nothing to reload: it ends as at SIGTERM, socket and pid file with it."""
    bound, pid_file = tmp_path / "socket", tmp_path / "pid"
    arguments = (HELLO[0], "--bind", f"unix:{bound}", "--pid-file", str(pid_file), *beside)
    async with started(*arguments) as program:
        await program.wait_said("serving at unix:")
        assert bound.exists()
        assert pid_file.exists()
        assert await program.end(signal.SIGHUP) == 0
    assert not bound.exists()
    assert not pid_file.exists()


async def test_variables(tmp_path: Path) -> None:
    """Everything can be said by them, and all that is logged is JSON."""
    pid_file = tmp_path / "app.pid"
    async with started(
        HUMP_TRIO_APP="examples.hello",
        HUMP_TRIO_BIND="127.0.0.1:0",
        HUMP_TRIO_LOG_FORMAT="json",
        HUMP_TRIO_PID_FILE=str(pid_file),
        HUMP_TRIO_LIMIT_TARGET_BYTES="10",
    ) as program:
        async with httpx2.AsyncClient(
            base_url=await program.wait_url(), timeout=PATIENCE_SECONDS
        ) as http:
            statuses = [(await http.get(path)).status_code for path in ("/", "/a-long-target")]
        assert statuses == [200, 414]
        assert pid_file.read_text() == f"{program.process.pid}\n"
        assert await program.end(signal.SIGINT) == 0
    assert not pid_file.exists()
    records = [json.loads(line) for line in program.said.splitlines()]
    assert [record["status"] for record in records if "status" in record] == [200, 414]
    assert {"time", "level", "logger", "message"} <= set.intersection(*map(set, records))


async def test_https(tmp_path: Path) -> None:
    """Two files are all it takes; the scheme is in the address."""
    authority, path = trustme.CA(), str(tmp_path / "server.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with started(*HELLO, "--tls-cert", path) as program:
        url = await program.wait_url()
        assert url.startswith("https://")
        async with httpx2.AsyncClient(
            base_url=url, verify=context, timeout=PATIENCE_SECONDS
        ) as http:
            assert (await http.get("/")).text == "Hello, world!"
        assert await program.end() == 0


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that listens, so that clients needn't wait for the process."""
    with socket.create_server(("127.0.0.1", 0), backlog=10) as sock:
        yield sock


async def ask_many(sock: socket.socket, count: int) -> None:
    """Ask many times on one connection, and wait for all answers."""
    asked = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" * count
    stream = await trio.open_tcp_stream(*sock.getsockname())
    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, asked)
        answers = b""
        with trio.fail_after(PATIENCE_SECONDS):
            while answers.count(b"Hello, world!") < count:
                answers += await receive_more(stream)


async def test_a_closed_stderr_stops_nothing(listening: socket.socket) -> None:
    """Nothing is written into what has its number now; the exit is graceful."""
    descriptor = listening.fileno()
    command = ("sh", "-c", 'exec "$@" 2>&-', "sh", *COMMAND)
    async with started(
        HELLO[0], "--bind", f"fd://{descriptor}", command=command, descriptors=[descriptor]
    ) as program:
        await ask_many(listening, 10)
        assert await program.end() == 0
    assert program.said == ""


async def test_a_reader_of_logs_that_goes_stops_nothing() -> None:
    """Requests are answered all the same, and the exit is graceful."""
    async with started(*HELLO) as program:
        url = await program.wait_url()
        await program.output.aclose()
        async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as http:
            assert [(await http.get("/")).status_code for _ in range(3)] == [200] * 3
        program.process.send_signal(signal.SIGTERM)
        with trio.fail_after(PATIENCE_SECONDS):
            assert await program.process.wait() == 0


async def test_a_reader_of_logs_that_stalls_stops_nothing(listening: socket.socket) -> None:
    """Requests are answered; what could not be written is counted when it reads again."""
    descriptor = listening.fileno()
    bind = f"fd://{descriptor}"
    arguments = (HELLO[0], "--bind", bind, "--log-format", "json")
    async with started(*arguments, descriptors=[descriptor]) as program:
        await ask_many(listening, 2000)  # twice as much as waits for a reader, and in a pipe
        await program.wait_said("serving at")
        with trio.move_on_after(0.1):
            await program.wait_said("nothing of the kind")
        await ask_many(listening, 1)
        await program.wait_said(r"\d+ log lines were dropped: nobody read them")
        assert await program.end() == 0


async def test_a_person_is_told_where_to_look() -> None:
    """On a terminal: an address that can be opened, and how to stop; in colours."""
    ends = pty.openpty()
    output = trio.lowlevel.FdStream(ends[0])
    try:
        async with started(
            HELLO[0],
            "--bind",
            "0.0.0.0:0",
            stderr=ends[1],
            output=output,
            TERM="xterm",
            NO_COLOR="",
        ) as program:
            said = await program.wait_said(r"Open \x1b\[1m(http://127\.0\.0\.1:\d+)\x1b\[0m \(")
            async with httpx2.AsyncClient(base_url=said[1], timeout=PATIENCE_SECONDS) as http:
                await http.get("/")
            await program.wait_said(r'"GET / HTTP/1.1" \x1b\[32m200\x1b\[0m ')
            program.process.send_signal(signal.SIGINT)
            with trio.fail_after(PATIENCE_SECONDS):
                assert await program.process.wait() == 0
    finally:
        os.close(ends[1])


async def test_a_second_process_says_who_was_first(tmp_path: Path) -> None:
    """By its file, or by its port: one line each, and the exit status 1."""
    pid_file = str(tmp_path / "app.pid")
    async with started(*HELLO, "--pid-file", pid_file) as first:
        url = await first.wait_url()
        async with started(*HELLO, "--pid-file", pid_file) as second:
            assert await second.wait() == 1
        process = first.process.pid
        assert f"{pid_file} belongs to process {process}, which is running" in second.said
        async with started(HELLO[0], "--bind", url.removeprefix("http://")) as third:
            assert await third.wait() == 1
        assert third.said.count("\n") == 1
        assert f"cannot listen on {url.removeprefix('http://')}" in third.said
        assert await first.end() == 0


async def test_workers(tmp_path: Path) -> None:
    """Several processes serve one socket; the file names the one that signals are for."""
    pid_file = tmp_path / "app.pid"
    async with started(*HELLO, "--workers", "2", "--pid-file", str(pid_file)) as program:
        url = await program.wait_url()
        async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as http:
            assert (await http.get("/")).text == "Hello, world!"
        assert pid_file.read_text() == f"{program.process.pid}\n"
        assert await program.end() == 0
    assert not pid_file.exists()

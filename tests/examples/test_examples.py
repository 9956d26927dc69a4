"""Every example does what its docstring says, in memory and as a script."""

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from examples import (
    beside_other_tasks,
    errors,
    hello,
    json_api,
    middleware,
    path_parameters,
    streaming,
    testing_your_app,
    timeouts_and_limits,
)
from hump_trio import Hump
from hump_trio.testing import AutojumpClock, RawConnection, client, connect
from tests.support.loopback import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "examples", *(ROOT / "examples" / name for name in ("deploy", "recipes"))]
# A folder that has an app is one example.
EXAMPLES = sorted([path for folder in FOLDERS for path in folder.glob("*.py")])
EXAMPLES += sorted((ROOT / "examples").glob("*/app.py"))

# What the README of Hump, the asyncio framework, shows: two whole programs.
HUMP_PROGRAMS = {
    "Hello, world!": """
import asyncio
from hump import Hump, Request

app = Hump("", 8342)

@app.get("/")
async def index(request: Request):
    return "Hello, world!"

asyncio.run(app.serve())
""",
    "Howdy!": """
import asyncio
from hump import Hump, Request, Response, statuses

app = Hump("", 8342)

@app.get("/")
async def index(request: Request):
    return Response("Howdy!", statuses.IM_A_TEAPOT)

asyncio.run(app.serve())
""",
}

# Serves the example that is named on the command line on a free port, and prints where.
CHILD = """
import sys
from functools import partial
from importlib import import_module
import trio

app = import_module(sys.argv[1]).app
app.port = 0

async def main():
    async with trio.open_nursery() as nursery:
        print(*await nursery.start(partial(app.serve, signals=True)), flush=True)

trio.run(main)
"""


async def read_until(connection: RawConnection, end: bytes) -> bytes:
    """Return what arrives, up to some bytes that are waited for."""
    received = b""
    while not received.endswith(end):
        part = await connection.receive()
        assert part, received
        received += part
    return received


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Callable[..., Any]]:
    """What is handed to `trio.run`, which runs nothing here."""
    calls: list[Callable[..., Any]] = []
    monkeypatch.setattr(trio, "run", calls.append)
    return calls


def name_of(path: Path) -> str:
    """Return what an example is called: as its file or its folder is."""
    return path.parent.name if path.name == "app.py" else path.stem


def run_example(path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the names of an example that is run as the module of a name."""
    if path.name != "app.py":
        return runpy.run_path(str(path), run_name=name)
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    monkeypatch.delitem(sys.modules, module, raising=False)
    return runpy.run_module(module, run_name=name)


def test_no_example_is_left_out() -> None:
    """Each example has tests, named after it."""
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_examples*.py"))
    for path in EXAMPLES:
        assert f"def test_{name_of(path)}__" in tests, path.name


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_run_as_a_script_it_serves_port_8342(
    path: Path, runs: list[Callable[..., Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python examples/x.py` runs Trio once, to serve every interface at port 8342."""
    names = run_example(path, "__main__", monkeypatch)
    app = names["app"]
    assert runs in ([app.serve], [names.get("main")])
    assert app.binds[0] == "*:8342"


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_it_is_introduced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An example says what it shows and gives a curl line, and hides no module of Python's."""
    docstring = run_example(path, "an_example", monkeypatch)["__doc__"]
    assert "\nTry: " in docstring
    assert "curl " in docstring
    assert "http://localhost:8342/" in docstring
    assert name_of(path) not in sys.stdlib_module_names


@pytest.mark.parametrize("answer", HUMP_PROGRAMS)
async def test_hump_programs_run_as_they_are(
    answer: str, runs: list[Callable[..., Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs for Hump run when only the import's name and the last line are changed."""
    text = HUMP_PROGRAMS[answer]
    text = text.replace("asyncio.run(app.serve())", "trio.run(app.serve)")
    text = text.replace("import asyncio", "import trio").replace("from hump ", "from hump_trio ")
    names: dict[str, Any] = {}
    exec(text, names)
    app = names["app"]
    assert isinstance(app, Hump)
    assert runs == [app.serve]
    async with client(app) as http:
        response = await http.get("/")
    assert response.text == answer
    assert response.status_code == (418 if answer == "Howdy!" else 200)


async def test_hello__answers() -> None:
    """The first program greets, and its teapot is one."""
    async with client(hello.app) as http:
        index, teapot = await http.get("/"), await http.get("/teapot")
    assert (index.status_code, index.text) == (200, "Hello, world!")
    assert index.headers["content-type"] == "text/plain; charset=utf-8"
    assert (teapot.status_code, teapot.text) == (418, "Howdy!")


def test_hello__serves_as_a_process() -> None:
    """In a process of its own it answers on a real port and ends well at the first SIGTERM."""
    command = [sys.executable, "-c", CHILD, "examples.hello"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            addresses = process.stdout.readline().split()
            port = httpx2.URL(addresses[0]).port
            url = f"http://127.0.0.1:{port}/"
            answer = httpx2.get(url, trust_env=False, timeout=PATIENCE_SECONDS)
            assert answer.text == "Hello, world!"
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.kill()


async def test_json_api__takes_and_gives_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dict, a list and dataclasses are JSON answers; a posted note is kept."""
    monkeypatch.setattr(json_api, "notes", [])
    async with client(json_api.app) as http:
        created = await http.post("/notes", json={"text": "buy tea"})
        notes, index = await http.get("/notes"), await http.get("/")
    assert (created.status_code, created.json()) == (201, {"number": 1, "text": "buy tea"})
    assert notes.json() == [{"number": 1, "text": "buy tea"}]
    assert notes.headers["content-type"] == "application/json"
    assert index.json() == {"notes": 1}


@pytest.mark.parametrize(("body", "status"), [("{", 400), ("[]", 422), ('{"text": 1}', 422)])
async def test_json_api__refuses_the_rest(body: str, status: int) -> None:
    """What isn't JSON is a 400, JSON that is no note a 422."""
    async with client(json_api.app) as http:
        response = await http.post("/notes", content=body)
    assert response.status_code == status


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/users/me", "a static segment goes before a parameter"),
        ("/users/7", '{"user":7}'),
        ("/users/7/files/music/song.ogg", "music/song.ogg of user 7"),
        ("/circles/2", "12.57"),
        (f"/orders/{UUID(int=1)}", UUID(int=1).hex),
        ("/greetings/Ada", "Hello, Ada!"),
        ("/greetings/a%20b?word=Hi", "Hi, a b!"),
    ],
)
async def test_path_parameters__are_converted(path: str, answer: str) -> None:
    """Each kind of parameter reaches its handler as the type that the template names."""
    async with client(path_parameters.app) as http:
        response = await http.get(path)
    assert (response.status_code, response.text) == (200, answer)


@pytest.mark.parametrize(
    "path", ["/users/x", "/circles/inf", "/orders/7", "/users/7/", "/greetings/a%2Fb"]
)
async def test_path_parameters__make_other_paths_unknown(path: str) -> None:
    """A segment that isn't of the type, and a slash too many, are a 404."""
    async with client(path_parameters.app) as http:
        assert (await http.get(path)).status_code == 404


async def test_streaming__takes_an_upload_past_the_limit() -> None:
    """An upload larger than `Limits.body_bytes` is read in parts."""
    upload = b"0123456789abcdef" * 100_000
    async with client(streaming.app) as http:
        response = await http.put("/checksum", content=upload)
    assert response.json() == {"sha256": sha256(upload).hexdigest()}


async def test_streaming__counts_down_in_real_steps(autojump_clock: MockClock) -> None:
    """Each line of the download arrives when it is made, not at the end."""
    started = trio.current_time()
    async with client(streaming.app) as http, http.stream("GET", "/countdown") as response:
        arrivals = [
            (line, round(trio.current_time() - started)) async for line in response.aiter_lines()
        ]
    assert arrivals == [("3", 0), ("2", 1), ("1", 2), ("lift-off", 3)]


async def test_streaming__echoes_while_the_upload_goes_on() -> None:
    """A part is answered before the next one is sent."""
    async with connect(streaming.app) as connection:
        await connection.send(
            b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n"
        )
        assert (await read_until(connection, b"first\r\n")).startswith(b"HTTP/1.1 200 ")
        await connection.send(b"6\r\nsecond\r\n0\r\n\r\n")
        assert await read_until(connection, b"0\r\n\r\n") == b"6\r\nsecond\r\n0\r\n\r\n"


async def test_errors__answers_with_an_http_exception() -> None:
    """Status, detail and headers are the exception's, as JSON for a client that prefers it."""
    async with client(errors.app) as http:
        text = await http.get("/members")
        problem = await http.get("/members", headers={"accept": "application/json"})
        welcome = await http.get("/members", headers={"authorization": "Bearer tea"})
    assert (text.status_code, text.text) == (401, "members only")
    assert text.headers["www-authenticate"] == "Bearer"
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json() == {"title": "Unauthorized", "status": 401, "detail": "members only"}
    assert welcome.text == "Welcome!"


async def test_errors__answers_with_an_own_type_from_a_nursery(autojump_clock: MockClock) -> None:
    """An error of one's own, raised in a nursery, cancels its sibling and is answered."""
    started = trio.current_time()
    async with client(errors.app) as http:
        response = await http.get("/basket")
        assert trio.current_time() - started < 1
    assert (response.status_code, response.text) == (409, "no honey left")


async def test_errors__keeps_a_bug_to_itself(caplog: pytest.LogCaptureFixture) -> None:
    """Any other error is a bare 500; its traceback is in the log."""
    async with client(errors.app) as http:
        response = await http.get("/bug")
    assert (response.status_code, response.text) == (500, "Internal Server Error")
    assert "ZeroDivisionError" in caplog.text


async def test_middleware__times_and_names_requests(autojump_clock: MockClock) -> None:
    """Each answer carries its time, and the client's id or a new one."""
    async with client(middleware.app) as http:
        named = await http.get("/", headers={"x-request-id": "tea-1"})
        unnamed = await http.get("/")
    assert named.text == "this is request tea-1"
    assert named.headers["x-request-id"] == "tea-1"
    assert named.headers["server-timing"] == "app;dur=100.0"
    assert unnamed.text == f"this is request {unnamed.headers['x-request-id']}"


async def test_middleware__sees_unknown_paths_too() -> None:
    """The answer to a path that no route takes goes through the middleware."""
    async with client(middleware.app) as http:
        response = await http.get("/nowhere", headers={"x-request-id": "tea-2"})
    assert response.status_code == 404
    assert response.headers["x-request-id"] == "tea-2"


async def test_beside_other_tasks__is_ended_by_the_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program serves beside its ticks, and ends both when it was told to."""
    monkeypatch.setattr(beside_other_tasks.app, "port", 0)
    monkeypatch.setattr(beside_other_tasks, "ticks", [])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(beside_other_tasks.main)
        await wait_all_tasks_blocked()
        port = httpx2.URL(beside_other_tasks.app.addresses[0]).port
        base_url = f"http://127.0.0.1:{port}"
        async with httpx2.AsyncClient(
            base_url=base_url, trust_env=False, timeout=PATIENCE_SECONDS
        ) as http:
            assert (await http.get("/")).json() == {"ticks": 1}
            assert (await http.post("/stop")).status_code == 204
    assert f":{port}" in capsys.readouterr().out
    assert beside_other_tasks.app.addresses == ()


async def test_timeouts_and_limits__cuts_what_takes_too_long(autojump_clock: MockClock) -> None:
    """A handler gets the app's five seconds, or as long as its route says."""
    started = trio.current_time()
    async with client(timeouts_and_limits.app) as http:
        slow = await http.get("/slow")
        assert 5 <= trio.current_time() - started < 6
        patient = await http.get("/patient")
    assert slow.status_code == 503
    assert (patient.status_code, patient.text) == (200, "well waited")


async def test_timeouts_and_limits__finishes_what_is_shielded(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled order is still written into the journal, and only then answered with 503."""
    monkeypatch.setattr(timeouts_and_limits, "journal", [])
    async with client(timeouts_and_limits.app) as http:
        response = await http.post("/orders/tea")
        assert timeouts_and_limits.journal == ["tea: given up"]
        again = await http.post("/orders/honey")
    assert response.status_code == again.status_code == 503


async def test_timeouts_and_limits__bounds_bodies() -> None:
    """A route's own limit of the body goes before the app's; past either the answer is 413."""
    async with client(timeouts_and_limits.app) as http:
        photo = await http.post("/photos", content=bytes(1024 * 1024))
        too_large = await http.post("/photos", content=bytes(10 * 1024 * 1024 + 1))
        order = await http.post("/orders/tea", content=bytes(64 * 1024 + 1))
    assert photo.text == "1048576 bytes"
    assert too_large.status_code == order.status_code == 413


def test_testing_your_app__tests_its_app() -> None:
    """The tests that the example shows pass here too, run by Trio itself."""
    trio.run(testing_your_app.test_greets_by_name)
    trio.run(testing_your_app.test_knows_nobody)
    for test in (
        testing_your_app.test_gives_a_sloth_up,
        testing_your_app.test_remembers_who_logs_in,
    ):
        clock = AutojumpClock()
        trio.run(test, clock, clock=clock)


@pytest.mark.parametrize(
    ("plugins", "options", "passed"),
    [
        (["pytest_trio.plugin"], ["-o", "trio_mode=true"], 5),
        (["anyio.pytest_plugin"], ["-o", "anyio_mode=auto"], 5),
        ([], ["-k", "plain"], 1),
    ],
    ids=["pytest-trio", "anyio", "none"],
)
def test_testing_your_app__is_run_by_pytest(
    plugins: list[str], options: list[str], passed: int, tmp_path: Path
) -> None:
    """The same file, by either plugin; its plain functions need none."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\nfilterwarnings = error\n")
    command += [*(f"-p{each}" for each in plugins), "-c", str(settings)]
    done = subprocess.run(
        [*command, "examples/testing_your_app.py"],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{passed} passed" in done.stdout

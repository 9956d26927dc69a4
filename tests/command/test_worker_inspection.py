"""The live page of a process, and of several workers as one."""

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump
from hump_trio.command.questions import fields_of
from hump_trio.command.worker_inspection import (
    WorkerInspection,
    answers_of,
    app_of_process,
    app_of_workers,
)
from hump_trio.inspection.figures import RouteFigures
from hump_trio.inspection.merged_snapshot import describe
from hump_trio.testing import client
from tests.command.fake_process import (
    Behaviour,
    FakeProcess,
    Rig,
    beat,
    hello,
    import_for_ever,
    supervising,
)
from tests.command.programs import Program, started
from tests.command.test_supervisor_processes import address, children_of
from tests.support.loopback import wait_until
from tests.support.snapshots import request_of, snapshot_of, worker_of

APP = "tests.command.stuck_app:app"


def text_of(pid: int, *ages: float) -> str:
    """Return what a worker tells whose requests are so old, and have ended as often."""
    figures = RouteFigures()
    for age in ages:
        figures.add(age, "ok")
    requests = tuple(request_of(id=f"{pid}-{age}", pid=pid, age_seconds=age) for age in ages)
    snapshot = snapshot_of(
        workers=(worker_of(pid, request_count=len(ages)),),
        request_count=len(ages),
        requests=requests,
    )
    return json.dumps(describe(snapshot, {"/": figures}), default=fields_of)


async def inspected(process: FakeProcess, *ages: float, silent: bool = False) -> None:
    """Serve as a worker that tells what it does, and does what it is asked for.

    Args:
        process: Itself.
        ages: How old its requests are.
        silent: Whether it answers the first look alone.
    """
    message = await hello(process)
    names = ["inspect", "cancel a request", "set the log's level"]
    await process.channel.send("ready", addresses=["http://x"], answers=names)
    looks = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(beat, process, message["beat_seconds"])
        while True:
            received = await process.channel.receive()
            assert received is not None
            question = received[0]
            if question["kind"] == "drain":
                break
            what, about = question["what"], question["about"]
            if what == "inspect":
                looks += 1
                if silent and looks > 1:
                    continue
                text = text_of(process.pid, *ages)
            elif what == "cancel a request":
                text = json.dumps(about in [f"{process.pid}-{age}" for age in ages])
            else:
                text = "null"
            await process.channel.send("answer", what=what, about=about, text=text, more=False)
        await trio.sleep(5)  # for its requests
        nursery.cancel_scope.cancel()
    process.end(0)


@asynccontextmanager
async def supervising_inspected(
    workers: int, *behaviours: Behaviour, actions: bool = False
) -> AsyncIterator[tuple[Rig, httpx2.AsyncClient]]:
    """Run a supervisor; yield it, and a client of its live page."""
    inspection = WorkerInspection()
    page = app_of_workers(inspection, "unix:/live", actions=actions)
    async with (
        supervising(workers, *behaviours, observers=[inspection]) as rig,
        client(page) as http,
    ):
        await trio.sleep(1)
        yield rig, http


async def look(http: httpx2.AsyncClient, page: str = "/inspect") -> Any:
    """Return the state as JSON."""
    response = await http.get(f"{page}/state")
    assert response.status_code == 200
    return response.json()


async def first(process: FakeProcess) -> None:
    """Serve two requests."""
    await inspected(process, 3.0, 1.0)


async def second(process: FakeProcess) -> None:
    """Serve one request."""
    await inspected(process, 2.0)


async def stubborn(process: FakeProcess) -> None:
    """Serve one request, and answer once."""
    await inspected(process, 9.0, silent=True)


async def test_workers_are_one(autojump_clock: MockClock) -> None:
    """Requests of all, the oldest first, each with its process; routes with the times of all."""
    async with supervising_inspected(2, first, second) as (rig, http):
        found = await look(http)
        pids = [each.pid for each in rig.processes]
        assert [each["age_seconds"] for each in found["requests"]] == [3, 2, 1]
        assert [each["pid"] for each in found["requests"]] == [pids[0], pids[1], pids[0]]
        assert [(each["pid"], each["state"]) for each in found["workers"]] == [
            (pid, "serving") for pid in sorted(pids)
        ]
        [route] = found["routes"]
        assert (route["count"], found["request_count"]) == (3, 3)
        assert "3 requests in flight" in (await http.get("/inspect")).text
        assert (await http.get("/")).headers["location"] == "/inspect"
        rig.send(signal.SIGTERM)


async def test_a_worker_that_does_not_answer(autojump_clock: MockClock) -> None:
    """It is named as silent after two seconds; what it had told last is shown."""
    async with supervising_inspected(2, stubborn, first) as (rig, http):
        await look(http)
        begun = trio.current_time()
        found = await look(http)
        assert trio.current_time() - begun == pytest.approx(2, abs=0.1)
        states = {each["pid"]: each["state"] for each in found["workers"]}
        assert [states[each.pid] for each in rig.processes] == ["silent", "serving"]
        assert found["requests"][0]["age_seconds"] == 9
        rig.send(signal.SIGTERM)


async def test_workers_that_start_and_end(autojump_clock: MockClock) -> None:
    """They have their lines, too, and are forgotten at their end."""
    async with supervising_inspected(1, first) as (rig, http):
        await look(http)
        rig.behaviours += [import_for_ever]
        rig.processes[0].kill(signal.SIGKILL)
        await trio.sleep(1)
        [worker] = (await look(http))["workers"]
        assert (worker["state"], worker["request_count"]) == ("starting", 0)
        assert worker["pid"] == rig.processes[1].pid
        rig.send(signal.SIGTERM)


async def test_a_worker_of_another_version(autojump_clock: MockClock) -> None:
    """What it tells can't be read, so it is silent."""

    async def later(process: FakeProcess) -> None:
        message = await hello(process)
        await process.channel.send("ready", addresses=["http://x"], answers=["inspect"])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beat, process, message["beat_seconds"])
            while (received := await process.channel.receive()) is not None:
                if received[0]["kind"] == "drain":
                    break
                about = received[0]["about"]
                await process.channel.send(
                    "answer", what="inspect", about=about, text='{"colour": 1}', more=False
                )
            nursery.cancel_scope.cancel()
        process.end(0)

    async with supervising_inspected(1, later) as (rig, http):
        [worker] = (await look(http))["workers"]
        assert (worker["state"], worker["connection_count"]) == ("silent", 0)
        rig.send(signal.SIGTERM)


async def test_operators_act_on_the_worker_that_is_meant(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request is cancelled by the worker that has it; one worker drains, another comes."""
    levels: list[str] = []
    module = "hump_trio.command.worker_inspection.set_log_level"
    monkeypatch.setattr(module, levels.append)
    async with supervising_inspected(2, first, second, actions=True) as (rig, http):
        pid = rig.processes[1].pid
        for name, status in ((f"{pid}-2.0", 303), (f"{pid}-3.0", 404)):
            found = await http.post(f"/inspect/requests/{name}/cancel")
            assert found.status_code == status
        assert (await http.post("/inspect/workers/99/drain")).status_code == 404
        assert (await http.post(f"/inspect/workers/{pid}/drain")).status_code == 303
        states = {each["pid"]: each["state"] for each in (await look(http))["workers"]}
        assert states[pid] == "ending"
        assert (await http.post("/inspect/log/debug")).status_code == 303
        assert (await http.post("/inspect/log/loud")).status_code == 404
        assert levels == ["debug"]
        rig.behaviours += [first]
        await trio.sleep(10)
        assert [each["state"] for each in (await look(http))["workers"]] == ["serving"] * 2
        rig.send(signal.SIGTERM)


async def test_a_worker_that_starts_is_not_drained(autojump_clock: MockClock) -> None:
    """As that would be a failed start, at which a server that has just begun ends."""

    async def slow(process: FakeProcess) -> None:
        await trio.sleep(5)
        await inspected(process)

    async with supervising_inspected(1, slow, actions=True) as (rig, http):
        [worker] = (await look(http))["workers"]
        assert worker["state"] == "starting"
        assert (await http.post(f"/inspect/workers/{worker['pid']}/drain")).status_code == 404
        await trio.sleep(5)
        assert [each["state"] for each in (await look(http))["workers"]] == ["serving"]
        rig.send(signal.SIGTERM)
    assert rig.status == 0


async def test_a_page_of_nobody_is_sent_each_second_alone(autojump_clock: MockClock) -> None:
    """Where no worker serves, there is nobody to wait for, and yet no hurry."""
    async with supervising_inspected(1, import_for_ever) as (rig, http):
        events = 0
        with trio.move_on_after(5.5):
            async with http.stream("GET", "/inspect/events") as response:
                async for line in response.aiter_lines():
                    events += line.startswith("data: ")
                    assert events < 10
        assert events == 6
        rig.processes[0].kill(signal.SIGKILL)


async def test_who_was_not_asked_is_not_silent(autojump_clock: MockClock) -> None:
    """A worker that becomes ready during a look is one that starts."""

    async def slow(process: FakeProcess) -> None:
        await trio.sleep(2)
        await inspected(process)

    async with supervising_inspected(2, stubborn, slow) as (rig, http):
        await look(http)
        states = [each["state"] for each in (await look(http))["workers"]]
        assert states == ["silent", "starting"]
        rig.send(signal.SIGTERM)


async def test_nobody_acts_unless_that_was_asked_for(autojump_clock: MockClock) -> None:
    """The paths aren't there."""
    async with supervising_inspected(1, first) as (rig, http):
        pid = rig.processes[0].pid
        for path in (f"requests/{pid}-3.0/cancel", f"workers/{pid}/drain", "log/debug"):
            assert (await http.post(f"/inspect/{path}")).status_code == 404
        rig.send(signal.SIGTERM)
    assert list(answers_of(Hump(), actions=False)) == ["inspect"]


@pytest.mark.parametrize(
    ("bind", "host", "status"),
    [
        ("127.0.0.1:0", "evil.example", 421),
        ("127.0.0.1:0", "localhost:1", 200),
        ("127.5.5.5:0", "127.5.5.5:1", 200),
        ("[::1]:0", "[::1]:1", 200),
        ("unix:/a", "evil.example", 200),
    ],
)
async def test_another_sites_name_leads_nowhere(bind: str, host: str, status: int) -> None:
    """Or its pages could read what is shown; no page reaches a Unix socket."""
    app = Hump()
    page = app_of_process(app, bind, actions=False)
    async with client(app), client(page) as http:
        found = await http.get("/inspect/state", headers={"host": host})
    assert found.status_code == status


@pytest.mark.parametrize("limit", ["connections", "requests"])
def test_no_more_look_than_a_supervisor_can_bear(limit: str) -> None:
    """It has to restart workers meanwhile, with descriptors that are left."""
    page = app_of_workers(WorkerInspection(), "127.0.0.1:0", actions=False)
    assert getattr(page.limits, limit) == 100


async def test_a_worker_answers_with_what_its_app_does(autojump_clock: MockClock) -> None:
    """For as long as it is asked to look, and as values of JSON."""
    app = Hump()
    answers = answers_of(app, actions=True)

    @app.get("/")
    async def wait() -> None:
        await trio.sleep_forever()

    async with client(app) as http, trio.open_nursery() as nursery:
        nursery.start_soon(http.get, "/")
        await wait_all_tasks_blocked()
        begun = trio.current_time()
        value = json.loads(json.dumps(await answers["inspect"]("1.0 10"), default=fields_of))
        assert trio.current_time() - begun == pytest.approx(1)
        [request] = value["snapshot"]["requests"]
        assert await answers["cancel a request"](request["id"])
        assert not await answers["cancel a request"](request["id"] + "0")


@asynccontextmanager
async def working(*arguments: str) -> AsyncIterator[Program]:
    """Start a supervisor with workers that are ready."""
    async with started(APP, "--bind", "127.0.0.1:0", *arguments) as program:
        await program.wait_said(" workers serve at ")
        yield program


async def test_real_workers_show_where_their_requests_stand(tmp_path: Path) -> None:
    """By process and line, on one page; one of them is cancelled and one worker drained."""
    path = tmp_path / "live.sock"
    arguments = ("--workers", "2", "--inspect", f"unix:{path}", "--inspect-actions")
    async with working(*arguments) as program, trio.open_nursery() as nursery:
        transport = httpx2.AsyncHTTPTransport(uds=str(path))
        async with httpx2.AsyncClient(transport=transport, base_url="http://live") as http:
            answers: list[bytes] = []

            async def wait() -> None:
                async with await trio.open_tcp_stream(*await address(program)) as stream:
                    await stream.send_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
                    answers.append(await stream.receive_some())

            for _ in range(4):
                nursery.start_soon(wait)
            while (found := await look(http))["request_count"] < 4:
                await trio.lowlevel.checkpoint()
            workers = children_of(program.process.pid)
            assert {each["pid"] for each in found["workers"]} == workers
            assert {each["pid"] for each in found["requests"]} <= workers
            for each in found["requests"]:
                assert "stuck_app.py" in each["tasks"][0]["line"]
            for each in found["requests"]:
                answer = await http.post(f"/inspect/requests/{each['id']}/cancel")
                assert answer.status_code == 303
            await wait_until(lambda: len(answers) == 4)
            assert all(each.startswith(b"HTTP/1.1 503 ") for each in answers)
            pid = min(workers)
            assert (await http.post(f"/inspect/workers/{pid}/drain")).status_code == 303
            await program.wait_said(rf"worker {pid} has ended with status 0")
            assert (await http.post("/inspect/log/error")).status_code == 303
        nursery.cancel_scope.cancel()
        assert await program.end() == 0
    assert not path.exists()


async def test_a_real_process_alone(tmp_path: Path) -> None:
    """It has one line for itself, which says whether it serves; the page is no task of it."""
    async with started(APP, "--bind", "127.0.0.1:0", "--inspect", "127.0.0.1:0") as program:
        url = (await program.wait_said(r"the live page at (http[^\s]+)"))[1]
        async with httpx2.AsyncClient() as http:
            assert "Processes: 1 serving" in (await http.get(url)).text
            found = await look(http, url)
        [worker] = found["workers"]
        assert (worker["pid"], worker["state"]) == (program.process.pid, "serving")
        assert found["lifespan"] == []
        assert await program.end() == 0

"""The examples of time and structure do what their docstrings say."""

import httpx2
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from examples import deadlines, lifespan, producers, promise
from hump_trio.testing import client, connect
from tests.support.wire import request


async def test_lifespan__counts_days_and_sends_letters(autojump_clock: MockClock) -> None:
    """Its nursery runs beside the requests, and a letter goes out after its request has ended."""
    async with client(lifespan.app) as http:
        written = await http.post("/letters/Ada")
        before = (await http.get("/")).json()
        await trio.sleep(3.5)
        after = (await http.get("/")).json()
    assert written.text == "Ada will get a letter"
    assert (before, after) == ({"days": 0, "sent": []}, {"days": 3, "sent": ["Ada"]})


async def test_lifespan__sends_what_was_promised_before_it_ends(autojump_clock: MockClock) -> None:
    """A shutdown awaits the letters that are under way."""
    async with client(lifespan.app) as http:
        await http.post("/letters/Ada")
        office = lifespan.app.state
    assert (office.sent, trio.current_time()) == (["Ada"], 2)


@pytest.mark.parametrize(
    ("headers", "status", "seconds"), [({}, 503, 2), ({"x-deadline-ms": "500"}, 504, 0.5)]
)
async def test_deadlines__of_a_route_and_of_a_caller(
    headers: dict[str, str], status: int, seconds: float, autojump_clock: MockClock
) -> None:
    """The soonest one wins, and the clean-up has its own time."""
    deadlines.log.clear()
    async with client(deadlines.app) as http:
        answer = await http.get("/report", headers=headers)
        assert trio.current_time() == pytest.approx(seconds + 0.1)
    assert (answer.status_code, deadlines.log) == (status, ["report: deadline"])


async def test_deadlines__limits_how_many_run_at_a_time(autojump_clock: MockClock) -> None:
    """The second one waits for its turn a second, in vain."""
    answers: list[httpx2.Response] = []
    async with client(deadlines.app) as http:

        async def ask() -> None:
            answers.append(await http.get("/sum"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(ask)
    assert [answer.status_code for answer in answers] == [503, 200]
    assert answers[0].headers["retry-after"] == "1"


async def test_deadlines__finishes_a_payment_without_its_client(autojump_clock: MockClock) -> None:
    """A client that breaks off doesn't break the payment off."""
    deadlines.log.clear()
    async with connect(deadlines.app) as raw:
        await raw.send(request("POST", "/payments"))
        await wait_all_tasks_blocked()
        raw.reset()
        await trio.sleep(2)
    assert deadlines.log == ["paid"]


async def test_deadlines__are_trios_own(autojump_clock: MockClock) -> None:
    """A scope of the handler's own is its own matter."""
    async with client(deadlines.app) as http:
        assert (await http.get("/guess")).text == "probably\n"


async def test_producers__race_in_one_answer(autojump_clock: MockClock) -> None:
    """Two tasks of one nursery send, and the answer ends with the slower one."""
    async with client(producers.app) as http:
        lines = (await http.get("/race")).text.splitlines()
        assert trio.current_time() == pytest.approx(1.5)
    assert sorted(lines) == [
        f"{name} {step}" for name in ("hare", "tortoise") for step in (1, 2, 3)
    ]
    assert (lines[0], lines[-1]) == ("hare 1", "tortoise 3")


async def test_producers__say_goodbye_at_shutdown(autojump_clock: MockClock) -> None:
    """A stream without end ends well when the server does."""
    async with client(producers.app) as http:
        texts: list[str] = []

        async def listen() -> None:
            texts.append((await http.get("/clock")).text)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await trio.sleep(2.5)
            producers.app.shutdown()
    assert texts == ["tick\ntick\ntick\ngoodbye\n"]


@pytest.mark.parametrize(("headers", "seconds"), [({}, 2.5), ({"x-deadline-ms": "800"}, 0.3)])
async def test_deadlines__leave_time_for_an_answer_of_ones_own(
    headers: dict[str, str], seconds: float, autojump_clock: MockClock
) -> None:
    """A slow service is given up before the handler's own time has passed, whatever that is."""
    async with client(deadlines.app) as http:
        answer = await http.get("/weather", headers=headers)
        assert trio.current_time() == pytest.approx(seconds)
    assert (answer.status_code, answer.text) == (504, "the weather service took too long")


async def test_promise__ends_what_it_has_started(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """After two seconds, or as soon as the client's leaving is seen."""
    async with client(promise.app) as http:
        answer = await http.get("/tea")
        assert answer.status_code == 503
        assert trio.current_time() == pytest.approx(2)
        async with connect(promise.app) as raw:
            await raw.send(request("GET", "/tea"))
            await wait_all_tasks_blocked()
            raw.reset()
            await trio.sleep(0.6)
    assert capsys.readouterr().out == "the search is over\n" * 2

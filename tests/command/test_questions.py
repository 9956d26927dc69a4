"""Questions of a supervisor, and a worker's answers."""

import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hump_trio.command.control import LINE_BYTES, Channel
from hump_trio.command.questions import (
    ANSWER_CHARACTERS,
    AWAITED_COUNT,
    Answer,
    Questions,
    Respondent,
)


@dataclass(slots=True)
class Slotted:
    """A value that JSON has no kind for."""

    count: int


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Channel, Channel]]:
    """Return both ends of a channel."""
    ours, theirs = socket.socketpair()
    with Channel(ours) as one, Channel(theirs) as other:
        yield one, other


def answering(value: Any) -> Answer:
    """Return what answers with a value, whatever it is asked about."""

    async def answer(about: str) -> Any:
        return value

    return answer


async def hear(questions: Questions, channel: Channel, answers: int) -> None:
    """Take so many whole answers from a channel."""
    while answers:
        received = await channel.receive()
        assert received is not None
        questions.hear(received[0])
        answers -= not received[0]["more"]


async def test_an_answer_may_be_longer_than_a_message(
    nursery: trio.Nursery, pair: tuple[Channel, Channel]
) -> None:
    """It comes whole, whatever it is made of, and whatever else is sent meanwhile."""
    one, other = pair
    value = {"quotes": '"\\é' * LINE_BYTES}
    respondent = Respondent({"long": answering(value), "short": answering(7)})
    assert respondent.names == ["long", "short"]
    questions = Questions()

    def send(name: str, about: str) -> None:
        nursery.start_soon(respondent.tell, other, name, about)

    questions.open(respondent.names, send)
    found: dict[str, Any] = {}

    async def ask(name: str) -> None:
        found[name] = await questions.ask(name)

    async with trio.open_nursery() as asking:
        for name in ("long", "short", "unknown"):
            asking.start_soon(ask, name)
        asking.start_soon(hear, questions, one, 2)
    assert found == {"long": value, "short": 7, "unknown": None}


async def test_one_question_is_on_its_way_at_a_time(nursery: trio.Nursery) -> None:
    """Whoever asks the same meanwhile gets the same answer, also behind one that gave up."""
    sent: list[str] = []
    found: list[Any] = []
    questions = Questions()
    questions.open(["a"], lambda name, about: sent.append(name))

    async def ask() -> None:
        found.append(await questions.ask("a"))

    with trio.move_on_after(0):
        await questions.ask("a")
    async with trio.open_nursery() as asking:
        asking.start_soon(ask)
        asking.start_soon(ask)
        await wait_all_tasks_blocked()
        assert sent == ["a"]
        questions.hear({"what": "a", "text": "[", "more": True})
        questions.hear({"what": "a", "text": "1]", "more": False})
    assert found == [[1], [1]]
    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    assert sent == ["a", "a"]
    questions.close()
    await wait_all_tasks_blocked()
    assert found == [[1], [1], None]
    assert await questions.ask("a") is None
    assert questions.told == {"a": [1]}


async def test_an_answer_that_fails_is_none(
    pair: tuple[Channel, Channel], caplog: pytest.LogCaptureFixture
) -> None:
    """That is logged, and what was told before stands."""
    one, other = pair

    async def fail(about: str) -> None:
        raise LookupError("a figure")

    answers: dict[str, Answer] = {"a": answering(1), "b": fail}
    respondent = Respondent(answers, last=["a", "b"])
    questions = Questions()
    questions.open(respondent.names, lambda name, about: None)
    await respondent.tell_last(other)
    await hear(questions, one, 2)
    answers["a"] = answering(json)  # which JSON can't express
    await respondent.tell_last(other)
    await hear(questions, one, 2)
    assert questions.told == {"a": 1}
    assert caplog.text.count("has no answer") == 3


async def test_a_question_may_be_about_something(
    nursery: trio.Nursery, pair: tuple[Channel, Channel]
) -> None:
    """Each gets its own answer, in whatever order they come; dataclasses come as objects."""
    one, other = pair
    first = trio.Event()

    async def look(about: str) -> Any:
        if about == "slow":
            await first.wait()
        return {"about": about, "value": Slotted(3)}

    respondent, questions = Respondent({"look": look}), Questions()

    def send(name: str, about: str) -> None:
        nursery.start_soon(respondent.tell, other, name, about)

    questions.open(respondent.names, send)
    found: list[Any] = []

    async def ask(about: str) -> None:
        found.append(await questions.ask("look", about))

    async with trio.open_nursery() as asking:
        asking.start_soon(ask, "slow")
        asking.start_soon(ask, "quick")
        await hear(questions, one, 1)
        await wait_all_tasks_blocked()
        assert found == [{"about": "quick", "value": {"count": 3}}]
        first.set()
        await hear(questions, one, 1)
    assert found[1]["about"] == "slow"


async def test_an_answer_without_about_is_one_to_a_question_without(nursery: trio.Nursery) -> None:
    """A worker that was started by an update doesn't know of it yet."""
    questions = Questions()
    questions.open(["a"], lambda name, about: None)
    found: list[Any] = []

    async def ask() -> None:
        found.append(await questions.ask("a"))

    async with trio.open_nursery() as asking:
        asking.start_soon(ask)
        await wait_all_tasks_blocked()
        questions.hear({"what": "a", "text": "1", "more": False})
    assert found == [1]


@pytest.mark.parametrize(
    "texts", [["{"], ["["] * 10**5, ["7", "x" * ANSWER_CHARACTERS], ["7", *["x" * 10**6] * 20]]
)
async def test_what_is_no_answer_is_none(
    nursery: trio.Nursery, texts: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """No JSON, too deep or too long: nobody waits for it, and what was told before stands."""
    questions, found = Questions(), list[Any]()
    questions.open(["a"], lambda name, about: None)
    questions.hear({"what": "a", "text": "1", "more": False})

    async def ask() -> None:
        found.append(await questions.ask("a"))

    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    for text in texts[:-1]:
        questions.hear({"what": "a", "text": text, "more": True})
    questions.hear({"what": "a", "text": texts[-1], "more": False})
    await wait_all_tasks_blocked()
    assert (found, questions.told) == ([None], {"a": 1})
    assert len(caplog.text) < 1000


async def test_half_an_answer_is_forgotten() -> None:
    """Once another one comes: a worker sends one after the other."""
    questions = Questions()
    questions.open(["a", "b"], lambda name, about: None)
    questions.hear({"what": "a", "text": "[", "more": True})
    questions.hear({"what": "b", "text": "2", "more": False})
    questions.hear({"what": "a", "text": "1", "more": False})
    questions.hear({"what": "unasked", "text": "3", "more": False})
    assert questions.told == {"a": 1, "b": 2}


async def test_so_many_questions_are_on_their_way(nursery: trio.Nursery) -> None:
    """To a worker that doesn't answer; whoever asks more has no answer at once."""
    sent: list[str] = []
    questions = Questions()
    questions.open(["a"], lambda name, about: sent.append(about))
    for count in range(AWAITED_COUNT):
        nursery.start_soon(questions.ask, "a", str(count))
    await wait_all_tasks_blocked()
    assert len(sent) == AWAITED_COUNT
    assert await questions.ask("a", "another") is None
    assert len(sent) == AWAITED_COUNT
    nursery.cancel_scope.cancel()

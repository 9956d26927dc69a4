"""Questions that a supervisor asks a worker over their channel, and the answers, in parts.

What is asked, and what the answers mean, is not known here.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from io import StringIO
from typing import Any, TypeAlias

import trio

from hump_trio.command.control import Channel, Message
from hump_trio.facts.loggers import logger

__all__ = ["Answer", "Questions", "Respondent"]

# Characters of an answer in one message: escaped once more, they are well below a line's limit.
PART_CHARACTERS = 64 * 1024
# Of an answer: a look at a hundred requests of fifty tasks each takes some millions.
ANSWER_CHARACTERS = 16 * 2**20
# Questions on their way to one worker: more than operators ask at a time.
AWAITED_COUNT = 100


class Questions:
    """The questions to one worker. The same one isn't on its way twice at a time.

    Attributes:
        told: The last answer to a question of each name, for as long as anyone wants it.
    """

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}
        self._known: frozenset[str] = frozenset()
        self._send: Callable[[str, str], None] = lambda name, about: None
        self._awaited: dict[tuple[str, str], Question] = {}
        self._heard_of: tuple[str, str] | None = None  # what the parts answer
        self._parts = StringIO()

    def open(self, names: Iterable[str], send: Callable[[str, str], None]) -> None:
        """Begin to ask.

        Args:
            names: The questions that the worker can answer.
            send: Sends one of them, and what it is about, in a task of its own.
        """
        self._known, self._send = frozenset(names), send

    async def ask(self, name: str, about: str = "") -> Any:
        """Ask the worker, and return what it answers: a value of JSON.

        If the same question is on its way already, the answer to that is returned.

        Args:
            name: The question.
            about: What it is about, if that may be different each time.

        Returns:
            The answer; None if the worker can't give one or ends before that, and if too many
            questions are on their way.

        Cancellation: a checkpoint. The answer may come later.
        """
        question = self._awaited.get((name, about))
        if question is None:
            if name not in self._known or len(self._awaited) >= AWAITED_COUNT:
                await trio.lowlevel.checkpoint()
                return None
            question = self._awaited[name, about] = Question()
            self._send(name, about)
        await question.settled.wait()
        return question.answer

    def hear(self, message: Message) -> None:
        """Take a part of an answer, which the worker may give unasked.

        Args:
            message: The parts of an answer come one after the other. If they are too long or no
                JSON, there is no answer.

        Raises:
            KeyError, TypeError: It is none that a worker sends.
        """
        key, text, more = key_of(message), message["text"], message["more"]
        if key != self._heard_of:
            self._heard_of, self._parts = key, StringIO()
        if self._parts.tell() <= ANSWER_CHARACTERS:
            self._parts.write(text)
        if more:
            return
        answer = parse_answer(self._parts.getvalue())
        self._heard_of = None
        if answer is not None and key[0] in self._known:
            self.told[key[0]] = answer
        if key in self._awaited:
            self._awaited.pop(key).settle(answer)

    def close(self) -> None:
        """Ask no more: the worker has ended."""
        self._known = frozenset()
        for key in list(self._awaited):
            self._awaited.pop(key).settle(None)


def key_of(message: Message) -> tuple[str, str]:
    """Return what a message answers: the name of the question, and what it is about.

    Raises:
        KeyError, TypeError: It is none that a worker sends.
    """
    name, about = message["what"], message.get("about", "")
    if not isinstance(name, str) or not isinstance(about, str):
        raise TypeError(f"no question: {name!r:.80} about {about!r:.80}")
    return name, about


def parse_answer(text: str) -> Any:
    """Return the value of an answer; None if it is too long, or no JSON."""
    if len(text) > ANSWER_CHARACTERS:
        logger.error("a worker's answer is longer than %d characters", ANSWER_CHARACTERS)
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        logger.error("a worker's answer is no JSON: %r", text[:80])
        return None


class Question:
    """A question that is on its way.

    Attributes:
        answer: The answer; None before it is there, and where there is none.
        settled: Set once no other answer will come.
    """

    def __init__(self) -> None:
        self.answer: Any = None
        self.settled: trio.Event = trio.Event()

    def settle(self, answer: Any) -> None:
        """Give the answer to who waits."""
        self.answer = answer
        self.settled.set()


# Returns the answer to a question: a value of JSON, in which slotted dataclasses may be objects.
Answer: TypeAlias = Callable[[str], Awaitable[Any]]


class Respondent:
    """What a worker answers.

    Args:
        answers: For the name of each question what returns the answer, given what it is about.
        last: The questions that are answered once more, unasked, when the app has ended.
    """

    def __init__(
        self, answers: Mapping[str, Answer] | None = None, last: Collection[str] = ()
    ) -> None:
        self._answers = answers or {}
        self._last = last
        self._telling = trio.Lock()  # the parts of an answer stay together

    @property
    def names(self) -> list[str]:
        """The questions that it can answer."""
        return list(self._answers)

    async def tell(self, channel: Channel, name: str, about: str = "") -> None:
        """Answer a question. If that fails, it is logged, and the answer is None.

        Args:
            channel: Leads to the supervisor.
            name: The question.
            about: What it is about.

        Raises:
            trio.BrokenResourceError: The supervisor has ended.

        Cancellation: a checkpoint. If half of the answer was sent, the channel is of no use.
        """
        text = await self._answer(name, about)
        async with self._telling:
            for start in range(0, len(text), PART_CHARACTERS):
                end = start + PART_CHARACTERS
                part, more = text[start:end], end < len(text)
                await channel.send("answer", what=name, about=about, text=part, more=more)

    async def tell_last(self, channel: Channel) -> None:
        """Answer the questions that are answered at the end."""
        for name in self._last:
            await self.tell(channel, name)

    async def _answer(self, name: str, about: str) -> str:
        try:
            return json.dumps(await self._answers[name](about), default=fields_of)
        except Exception as error:  # a figure of the program's own, say
            logger.error("the supervisor's question %r has no answer", name, exc_info=error)
            return "null"


def fields_of(value: Any) -> dict[str, Any]:
    """Return a slotted dataclass as an object of JSON.

    Raises:
        TypeError: It is something else, which JSON can't express.
    """
    if not hasattr(value, "__dataclass_fields__"):
        raise TypeError(f"not a value of JSON: {value!r:.80}")
    return {each: getattr(value, each) for each in value.__slots__}

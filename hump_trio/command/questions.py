"""Questions that a supervisor asks a worker over their channel, and the answers, in parts.

What is asked, and what the answers mean, is not known here.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import trio

from hump_trio.command.control import Channel, Message
from hump_trio.facts.loggers import logger

__all__ = ["Questions", "Respondent"]

# Characters of an answer in one message: escaped once more, they are well below a line's limit.
PART_CHARACTERS = 64 * 1024


class Questions:
    """The questions to one worker. No more than one of a name is on its way at a time.

    Attributes:
        told: The last answer to each question, for as long as anyone wants it.
    """

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}
        self._known: frozenset[str] = frozenset()
        self._send: Callable[[str], None] = lambda name: None
        self._awaited: dict[str, trio.Event] = {}
        self._parts: dict[str, list[str]] = {}

    def open(self, names: Iterable[str], send: Callable[[str], None]) -> None:
        """Begin to ask.

        Args:
            names: The questions that the worker can answer.
            send: Sends one of them, in a task of its own.
        """
        self._known, self._send = frozenset(names), send

    async def ask(self, name: str) -> Any:
        """Ask the worker, and return what it answers: a value of JSON.

        If the question is on its way already, the answer to that is returned.

        Returns:
            The answer; None if the worker can't give one, or ends before that.

        Cancellation: a checkpoint. The answer may come later.
        """
        event = self._awaited.get(name)
        if event is None:
            if name not in self._known:
                await trio.lowlevel.checkpoint()
                return None
            event = self._awaited[name] = trio.Event()
            self._send(name)
        await event.wait()
        return self.told.get(name) if name in self._known else None

    def hear(self, message: Message) -> None:
        """Take a part of an answer, which the worker may give unasked."""
        name = message["what"]
        parts = self._parts.setdefault(name, [])
        parts.append(message["text"])
        if message["more"]:
            return
        answer = json.loads("".join(self._parts.pop(name)))
        if answer is not None:
            self.told[name] = answer
        self._settle(name)

    def close(self) -> None:
        """Ask no more: the worker has ended."""
        self._known = frozenset()
        for name in list(self._awaited):
            self._settle(name)

    def _settle(self, name: str) -> None:
        event = self._awaited.pop(name, None)
        if event is not None:
            event.set()


class Respondent:
    """What a worker answers.

    Args:
        answers: For the name of each question what returns the answer: a value of JSON.
        last: The questions that are answered once more, unasked, when the app has ended.
    """

    def __init__(
        self, answers: Mapping[str, Callable[[], Any]] | None = None, last: Collection[str] = ()
    ) -> None:
        self._answers = answers or {}
        self._last = last
        self._telling = trio.Lock()  # the parts of an answer stay together

    @property
    def names(self) -> list[str]:
        """The questions that it can answer."""
        return list(self._answers)

    async def tell(self, channel: Channel, name: str) -> None:
        """Answer a question. If that fails, it is logged, and the answer is None.

        Raises:
            trio.BrokenResourceError: The supervisor has ended.

        Cancellation: a checkpoint. If half of the answer was sent, the channel is of no use.
        """
        async with self._telling:
            text = self._answer(name)
            for start in range(0, len(text), PART_CHARACTERS):
                end = start + PART_CHARACTERS
                await channel.send("answer", what=name, text=text[start:end], more=end < len(text))

    async def tell_last(self, channel: Channel) -> None:
        """Answer the questions that are answered at the end."""
        for name in self._last:
            await self.tell(channel, name)

    def _answer(self, name: str) -> str:
        try:
            return json.dumps(self._answers[name]())
        except Exception as error:  # a figure of the program's own, say
            logger.error("the supervisor's question %r has no answer", name, exc_info=error)
            return "null"

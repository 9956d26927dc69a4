"""An app that is none: it opens a WebSocket and then does whatever a test wants, by wsproto."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

import trio
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Event, Message, Ping
from wsproto.utilities import generate_accept_token

from hump_trio import Hump
from hump_trio.transports.transport import Transport

__all__ = ["Noted", "ScriptedApp", "echo"]

Script: TypeAlias = Callable[[Transport], Awaitable[None]]


class ScriptedApp(Hump):
    """Takes each connection for a WebSocket and hands it over.

    Args:
        script: What is done with a connection, which is closed then.
        fields: What is said in the answer besides ``Upgrade``; None: what RFC 6455 asks for.
    """

    def __init__(self, script: Script, *fields: str) -> None:
        super().__init__()
        self._script = script
        self._fields = fields
        self._scope = trio.CancelScope()

    async def serve(  # type: ignore[override]
        self, *, listeners: Any, task_status: Any, **options: Any
    ) -> None:
        """Serve until `shutdown`."""
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope = self._scope
            task_status.started(())
            with self._scope:
                while True:
                    nursery.start_soon(self._open, await listeners[0].accept())

    def shutdown(self) -> None:
        """End at once."""
        self._scope.cancel()

    async def _open(self, transport: Transport) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await transport.receive_some()
        lines = (line.partition(b": ") for line in head.split(b"\r\n"))
        [key] = [value for name, _, value in lines if name.lower() == b"sec-websocket-key"]
        accept = generate_accept_token(key).decode()
        fields = self._fields or ("Connection: upgrade", f"Sec-WebSocket-Accept: {accept}")
        answer = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", *fields, "", ""]
        await transport.send_all("\r\n".join(answer).encode())
        with suppress(trio.BrokenResourceError):
            await self._script(transport)
        transport.close()


async def echo(transport: Transport) -> None:
    """Answer each message by itself, and end when the client closes; judged by wsproto."""
    judge = Connection(ConnectionType.SERVER)
    while True:
        judge.receive_data(await transport.receive_some())
        for event in judge.events():
            if isinstance(event, Message):
                await transport.send_all(judge.send(event))
            elif isinstance(event, Ping | CloseConnection):
                await transport.send_all(judge.send(event.response()))
                if isinstance(event, CloseConnection):
                    return await transport.send_eof()


class Noted:
    """What a client has sent, read by wsproto, and when.

    Args:
        send: What is sent to it at first.
        ends: Whether the connection is ended then, without waiting for anything.
        closes: Whether a closing frame is answered, and the connection ended then.
    """

    def __init__(self, *send: Event, ends: bool = False, closes: bool = True) -> None:
        self.events: list[tuple[float, Event]] = []
        self.end: str = ""
        self._send = send
        self._ends = ends
        self._closes = closes

    async def __call__(self, transport: Transport) -> None:
        """Read to the end."""
        judge = Connection(ConnectionType.SERVER)
        for event in self._send:
            await transport.send_all(judge.send(event))
        if self._ends:
            await transport.send_eof()
        try:
            while data := await transport.receive_some():
                judge.receive_data(data)
                for event in judge.events():
                    self.events.append((trio.current_time(), event))
                    if isinstance(event, CloseConnection) and self._closes:
                        if judge.state is not ConnectionState.CLOSED:
                            await transport.send_all(judge.send(event.response()))
                        await transport.send_eof()
        except trio.BrokenResourceError:
            self.end = "reset"
        else:
            self.end = "end"

"""``hump-trio top``: the live page of a server, drawn in a terminal each second."""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from socket import socket, socketpair
from types import FrameType
from typing import NoReturn, Self, TextIO

from hump_trio.command.logs import is_coloured
from hump_trio.command.options import UsageError
from hump_trio.command.top_address import PageAddress, fetch_state, parse_page_address
from hump_trio.command.top_screen import Style, render_screen, render_state
from hump_trio.command.top_state import State, StateError
from hump_trio.command.top_text import span

__all__ = ["run_top"]

if sys.platform != "win32":
    import termios
    import tty

USAGE = """\
usage: hump-trio top ADDRESS

Show what a server does, by its live page, each second anew until q or Ctrl-C.
Where stdout is no terminal, or one of Windows, show it once, and all of it.

ADDRESS, that of --inspect or of a page that a program has included:
  127.0.0.1:9000                  also :9000 of this machine
  unix:/run/shop.sock
  http://host/ops/inspect         also https
  http://user:password@host/ops/inspect

The exit status is 0 after q or Ctrl-C, 1 if there is no such page at first, and
2 for a mistake on the command line. To serve an app in a module top: top:app."""

EACH_SECONDS = 1.0
# An answer that takes longer is told of, before it comes or fails.
LATE_SECONDS = 2.5
QUIT = "q"
KEY_BYTES = BELL_BYTES = 1024
FALLBACK_WIDTH, FALLBACK_HEIGHT = 80, 24  # of a terminal that doesn't know its size
# xterm's commands, which every terminal of today knows.
ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"  # another screen, no cursor, no wrapping of lines
LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
HOME, CLEAR_LINE, PLAIN = "\x1b[H", "\x1b[K", "\x1b[0m"
STYLES: dict[Style, str] = {
    "plain": "",
    "bold": "\x1b[1m",
    "faint": "\x1b[2m",
    "marked": "\x1b[33m",
    "alarming": "\x1b[1;31m",
}


def run_top(arguments: Sequence[str]) -> int:
    """Show a server's state until the user has seen enough, and return the exit status.

    Args:
        arguments: Those after ``top``.

    Raises:
        UsageError: They are no address.
        StateError: There is no live page at the address now; later it is waited for.
        SystemExit: SIGTERM or SIGHUP came while the terminal was drawn on, which is as before.
    """
    if not {"-h", "--help"}.isdisjoint(arguments):
        print(USAGE)
        return 0
    if len(arguments) != 1:
        raise UsageError("which server? As in hump-trio top 127.0.0.1:9000 (--help shows more)")
    address = parse_page_address(arguments[0])
    with suppress(KeyboardInterrupt):
        try:
            state = fetch_state(address)
        except StateError as error:
            raise StateError(f"{address.shown}: {error}") from error
        if is_drawn_on(sys.stdout):
            terminal = Terminal(sys.stdin, sys.stdout)
            with Looker(address) as looker, terminal.taken(looker.ring):
                watch(address, state, looker, terminal)
        else:
            lines = render_state(state, title=address.shown)
            text = "".join(f"{line.text}\n" for line in lines)
            encoding = sys.stdout.encoding
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    return 0


def is_drawn_on(output: TextIO) -> bool:
    """Tell whether an output is a terminal of a Unix system that can do more than write lines."""
    return sys.platform != "win32" and output.isatty() and os.environ.get("TERM") != "dumb"


class Looker(threading.Thread):
    """Fetches the state each second, so that no key waits for a server or a resolver.

    It is a context in which the thread runs. After that it ends, be it when its last look is over.

    Args:
        address: Where the live page is.

    Attributes:
        latest: What the last look has found.
        bell: Can be read from when there is something new.
    """

    latest: State | StateError
    bell: socket

    def __init__(self, address: PageAddress) -> None:
        super().__init__(daemon=True)
        self.bell, self._ringer = socketpair()
        self._address = address
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.bell.close()

    def ring(self) -> None:
        """Wake whoever waits for the bell."""
        self._ringer.send(b"!")

    def run(self) -> None:
        """Look, until nobody listens."""
        with self._ringer, suppress(BrokenPipeError):
            while not self._ended.wait(EACH_SECONDS):
                try:
                    self.latest = fetch_state(self._address)
                except StateError as error:
                    self.latest = error
                self.ring()


class Terminal:
    """A terminal that is drawn on, and its keys.

    Args:
        keys: Where keys come from, if it is a terminal too; None: from nowhere.
        screen: What is drawn on.

    Attributes:
        keys: The descriptor of the keys; None if there are none.
        interrupted: Whether Ctrl-C was pressed.
    """

    def __init__(self, keys: TextIO | None, screen: TextIO) -> None:
        self.keys: int | None = keys.fileno() if keys is not None and keys.isatty() else None
        self.interrupted: bool = False
        self._wake: Callable[[], None] = lambda: None
        self._screen = screen
        self._coloured = is_coloured(screen.fileno(), os.environ)
        self._modes = None if self.keys is None else termios.tcgetattr(self.keys)

    @contextmanager
    def taken(self, wake: Callable[[], None]) -> Iterator[None]:
        """Take the screen and the keys while the block runs; whatever ends it, all is as before.

        Args:
            wake: Called when Ctrl-C was pressed. An exception instead could come where it is lost:
                in the garbage collection, say.
        """
        self._wake = wake
        handlers = {}
        try:
            for number, handler in (
                (signal.SIGINT, self._interrupt),
                (signal.SIGTERM, end),
                (signal.SIGHUP, end),
                (signal.SIGTSTP, self._pause),
            ):
                handlers[number] = signal.signal(number, handler)
            self._take()
            yield
        finally:
            # A second Ctrl-C, of an impatient user, waits.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            self._give_back()
            for number, before in handlers.items():
                signal.signal(number, before)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def draw(self, state: State, *, title: str, alarm: str) -> None:
        """Draw a state, as large as the terminal is now."""
        width, height = self._size()
        lines = render_screen(state, title=title, alarm=alarm, width=width, height=height)
        rows = [
            f"{STYLES[style]}{text}{PLAIN}" if self._coloured else text for text, style in lines
        ]
        rows += [""] * (height - len(rows))
        self._write(HOME + "\r\n".join(CLEAR_LINE + row for row in rows))

    def pressed(self) -> str:
        """Return the keys that were pressed; ``q`` if the terminal has gone."""
        assert self.keys is not None
        return os.read(self.keys, KEY_BYTES).decode("ascii", "replace") or QUIT

    def _size(self) -> tuple[int, int]:
        width, height = os.get_terminal_size(self._screen.fileno())
        return width or FALLBACK_WIDTH, height or FALLBACK_HEIGHT

    def _take(self) -> None:
        if self.keys is not None:
            tty.setcbreak(self.keys)
        self._write(ENTER)

    def _give_back(self) -> None:
        with suppress(OSError, termios.error):  # it has gone
            if self.keys is not None and self._modes is not None:
                termios.tcsetattr(self.keys, termios.TCSADRAIN, self._modes)
            self._write(LEAVE)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """Remember that Ctrl-C was pressed, and wake the program."""
        self.interrupted = True
        self._wake()

    def _pause(self, _number: int, _frame: FrameType | None) -> None:
        """Stop as Ctrl-Z asks for it, until ``fg``."""
        self._give_back()
        signal.raise_signal(signal.SIGSTOP)
        self._take()

    def _write(self, text: str) -> None:
        data = text.encode(self._screen.encoding, "backslashreplace")
        while data:  # by no buffer: a signal's handler may write amid another write
            data = data[os.write(self._screen.fileno(), data) :]


def end(number: int, _frame: FrameType | None) -> NoReturn:
    """End the process, by way of all that is to be given back, with the status of a signal."""
    raise SystemExit(128 + number)


def watch(address: PageAddress, state: State, looker: Looker, terminal: Terminal) -> None:
    """Draw the state of a server until ``q`` is pressed.

    Args:
        address: Where it is.
        state: That of the first look.
        looker: Has those of the following ones.
        terminal: What is drawn on.
    """
    title = f"{address.shown} ({QUIT} ends this)"
    failure, answered = "", time.monotonic()
    bell, keys = looker.bell.fileno(), terminal.keys
    sources = [bell] if keys is None else [bell, keys]
    while True:
        alarm = explain_silence(failure, time.monotonic() - answered)
        try:
            terminal.draw(state, title=title, alarm=alarm)
            ready, _, _ = select.select(sources, [], [], EACH_SECONDS)
            if terminal.interrupted:
                return
            if keys in ready and QUIT in terminal.pressed().lower():
                return
        except OSError:  # the terminal has gone
            return
        if bell in ready:
            looker.bell.recv(BELL_BYTES)
            latest = looker.latest
            failure = str(latest) if isinstance(latest, StateError) else ""
            if not isinstance(latest, StateError):
                state, answered = latest, time.monotonic()


def explain_silence(failure: str, seconds: float) -> str:
    """Return what is wrong with asking a server, and for how long; empty if nothing is.

    Args:
        failure: What the last look has failed with; empty if it hasn't, or isn't over.
        seconds: How old the last state is.
    """
    if not failure and seconds < LATE_SECONDS:
        return ""
    return f"{failure or 'no answer'}; what follows is {span(seconds)} old"

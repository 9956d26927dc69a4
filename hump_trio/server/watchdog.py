"""The connections of a server, and their clocks, swept for deadlines that have passed."""

from collections import deque
from collections.abc import Callable
from operator import itemgetter

import trio

from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection
from hump_trio.server.phases import Phase

__all__ = ["SWEEP_SECONDS", "Watchdog"]

# How late a coarse deadline may be noticed: unnoticed by people, and 40,000 idle connections cost
# less than 1 % of a core.
SWEEP_SECONDS = 0.25
# A look into their class takes ten times as long, and each sweep takes some for each connection.
BODY, HANDLER, SEND, BEHIND = Phase.BODY, Phase.HANDLER, Phase.SEND, Phase.BEHIND
# So many WebSockets may end at one time without their clients being a burden together.
SPREAD_COUNT = 1000


class Watchdog:
    """Knows every open connection, and looks at each a few times a second.

    One task with plain numbers instead of a scope and a timer for each wait: a request pays
    nothing for its deadlines, nor for its client being watched.

    A sweep that comes late tells that the server itself stood still: the process was stopped, or a
    handler has blocked it. Clients may have sent meanwhile what nobody has read, so that time
    isn't charged to them.

    Args:
        disconnect_poll: Seconds between two looks for clients that have gone. Deadlines are
            looked at in every sweep, however rarely that is.
        limit: Tells how many connections there may be, which is less where files are open.

    Attributes:
        connections: Those that are open.
        lanes: The clocks of those that run beside the lane of their connection, or have work behind
            the answer to a request of a connection that goes on, or has ended.
    """

    def __init__(
        self, disconnect_poll: float = SWEEP_SECONDS, limit: Callable[[], int] = lambda: 10_000
    ) -> None:
        self._disconnect_poll = disconnect_poll
        self._limit = limit
        self.connections: set[Connection] = set()
        self.lanes: set[Clock] = set()
        # Since when connections have been silent, the longest first, as they were when room was
        # first needed after a sweep: to look at ten thousand takes milliseconds.
        self._silent: deque[tuple[float, Connection]] | None = None
        self._evicted: list[Connection] = []  # since that sweep
        self._late_seconds = 0.0  # of sweeps, as far as nobody was given them back
        self._changed: trio.Event | None = None  # which somebody waits for

    @property
    def clocks(self) -> list[Clock]:
        """What is swept: the clock of each connection, and those of lanes beside it."""
        clocks = [each.clock for each in self.connections]
        clocks.extend(self.lanes)
        return clocks

    def add(self, connection: Connection) -> None:
        """Take a connection in."""
        self.connections.add(connection)
        if self._changed is not None:
            self._tell_change()

    def discard(self, connection: Connection) -> None:
        """Forget a connection."""
        self.connections.discard(connection)
        if self._changed is not None:
            self._tell_change()

    def discard_lane(self, clock: Clock) -> None:
        """Forget the clock of a lane; only `wait_none` waits for that."""
        self.lanes.discard(clock)
        if not self.connections:
            self._tell_change()

    async def _wait_change(self) -> None:
        """Wait until a connection comes or goes, or a sweep is over. A checkpoint."""
        if self._changed is None:
            self._changed = trio.Event()
        await self._changed.wait()

    def _tell_change(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def sweep(self) -> None:
        """Expire connections until cancelled; parked while there is none."""
        seconds = min(SWEEP_SECONDS, self._disconnect_poll)
        last_look = trio.current_time()
        while True:
            while not self.connections:
                await self._wait_change()
            due = trio.current_time() + seconds
            await trio.sleep_until(due)
            now = trio.current_time()
            self._give_back(now, now - due)
            looking = now + seconds > last_look + self._disconnect_poll  # the next is too late
            if looking:
                last_look = now
            self._look(now, looking=looking)
            self._silent = None
            self._evicted.clear()
            self._evict(len(self.connections) - self._limit())  # files have taken their place
            self._tell_change()

    def _give_back(self, now: float, late_seconds: float) -> None:
        """Charge nobody for the seconds that a sweep was late, once they are as many as matter."""
        self._late_seconds += late_seconds
        if self._late_seconds >= SWEEP_SECONDS:  # less costs less so
            for clock in self.clocks:
                clock.give_back(now, self._late_seconds)
            self._late_seconds = 0.0

    def _look(self, now: float, *, looking: bool) -> None:
        """Look at each clock once; none is remembered while the watchdog sleeps."""
        for clock in self.clocks:
            phase = clock.phase
            if phase is HANDLER or clock.deadline <= now:
                clock.expire(now)
            elif phase is BODY and clock.answering:
                clock.expire_send(now)  # the answer is under way beside the body
            if looking and (phase is HANDLER or phase is SEND):
                clock.look_for_peer(now)

    def _evict(self, count: int) -> None:
        """Close so many connections, those that have been silent longest, if there are so many.

        Those that were just evicted, and haven't gone yet, are among them. One of HTTP/2 says
        goodbye before it goes.
        """
        leaving = [each.clock for each in self._evicted if each in self.connections]
        count -= sum(each.ending is not None or each.phase is Phase.LINGER for each in leaving)
        if count <= 0:
            return
        now = trio.current_time()
        if self._silent is None:
            since_of = {each: each.clock.silent_since(now) for each in self.connections}
            silent = [(since, each) for each, since in since_of.items() if since is not None]
            self._silent = deque(sorted(silent, key=itemgetter(0)))
        while count > 0 and self._silent:
            since, connection = self._silent.popleft()
            if connection in self.connections and connection.clock.silent_since(now) == since:
                connection.clock.cut()
                self._evicted.append(connection)
                count -= 1

    async def wait_room(self) -> int:
        """Wait until there are fewer connections than the limit, and return how many fewer.

        The connection that has been silent longest is closed to make room; where none is, the
        first one to become so, which a sweep finds, or to end does. A checkpoint only if there is
        no room.
        """
        while (room := self._limit() - len(self.connections)) <= 0:
            self._evict(1 - room)
            await self._wait_change()
        return room

    async def make_room(self, seconds: float) -> None:
        """Close the connection that has been silent longest, and wait for the end of any.

        A checkpoint.

        Args:
            seconds: How long it is waited for.
        """
        self._evict(1)
        with trio.move_on_after(seconds):
            await self._wait_change()

    async def wait_none(self) -> None:
        """Wait until there is no connection, and no work behind an answer.

        A checkpoint only if there is any.
        """
        while self.connections or any(each.phase is BEHIND for each in self.lanes):
            await self._wait_change()

    def drain(self, spread_seconds: float = 0.0) -> None:
        """Tell every connection that the server closes (see `Connection.drain`).

        Of many WebSockets the clients are told one after the other, since they will all connect to
        another server.

        Args:
            spread_seconds: The time over which the ends of many WebSockets are spread.
        """
        for connection in self.connections:
            connection.drain()
        channels = [each.channel for each in self.clocks if each.channel is not None]
        seconds = spread_seconds if len(channels) > SPREAD_COUNT else 0.0
        now = trio.current_time()
        for index, channel in enumerate(channels):
            channel.drain(now + seconds * index / len(channels))

"""All processes of the drill: two instances behind HAProxy, PostgreSQL and Redis.

Each works in a folder of its own; all have ended, and their folders are gone, when the drill is
over, however it ends.
"""

import os
import re
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import psycopg
import trio

from tests.drill.service import TABLE
from tests.support.deployment import ROOT, adapted
from tests.support.stores import Program, Redis, create_database, postgres, redis

__all__ = ["Site", "Wait", "built", "configuration", "is_up", "wait_for"]

Wait: TypeAlias = Callable[[], Awaitable[None]]

LOOK_SECONDS = 0.05  # between two looks at what no event tells
NAMES = ("one", "two")  # of the instances, as HAProxy's configuration has them
LOG_CHARACTERS = 4000
WORKERS = 2
# Longer than HAProxy takes to see that /ready is red: two checks, each of 0.2 s and one of silence.
DELAY_SECONDS = 3


class Instance(Program):
    """A supervisor with its workers.

    Args:
        folder: Where its log is.
        bind: Where it listens.
        environment: What it is told of the stores.
    """

    def __init__(self, folder: Path, bind: str, environment: dict[str, str]) -> None:
        options = [f"--bind={bind}", f"--workers={WORKERS}", "--no-access-log"]
        command = [sys.executable, "-m", "hump_trio", "tests.drill.service:app", *options]
        command.append(f"--timeout-shutdown-delay={DELAY_SECONDS}")
        super().__init__(folder, command, "workers serve at", env={**os.environ, **environment})
        self.bind = bind

    def find_workers(self) -> set[int]:
        """Return the numbers of its workers' processes."""
        return children_of(self.pid)


class Haproxy(Program):
    """An HAProxy whose master outlives its configuration.

    Args:
        folder: Where its log and its configuration are.
        fronts: What clients connect to; the second one has HTTP/2 behind it, too.
        binds: Of the instances.
    """

    def __init__(self, folder: Path, fronts: list[socket.socket], binds: list[str]) -> None:
        path = folder / "haproxy.cfg"
        path.write_text(configuration([front.fileno() for front in fronts], binds))
        descriptors = [front.fileno() for front in fronts]
        command = ["haproxy", "-W", "-f", str(path)]
        super().__init__(folder, command, "Loading success", pass_fds=descriptors)

    def count_starts(self) -> int:
        """Return how often a configuration was loaded."""
        return self.read_log().count("Loading success")

    def sends_to(self, name: str) -> bool:
        """Tell whether it sends clients to an instance, over either protocol."""
        return is_up(self.read_log(), name)


def configuration(descriptors: list[int], binds: list[str]) -> str:
    """Return the example's configuration for two frontends, one with HTTP/2 to the instances.

    Args:
        descriptors: Of the sockets that the frontends listen at.
        binds: Of the instances.
    """
    servers = ["unix@/run/hump-trio/service.sock", "10.0.0.12:8342"]
    changes = {
        "/dev/log local0": "stdout format raw local0",
        "inter 1s": "inter 200ms",
        "bind :80\n": f"bind fd@{descriptors[0]}\n",
        "    http-check expect": "    http-check send hdr Host service\n    http-check expect",
    }
    for server, bind in zip(servers, binds, strict=True):
        changes[f"{server}\n"] = f"{bind.replace('unix:', 'unix@')}\n"
    text = adapted("haproxy.cfg", changes).partition("# TLS that ends")[0]
    second = text[text.index("frontend web") :]
    second = second.replace("frontend web", "frontend web2").replace(
        "backend service", "backend h2"
    )
    second = second.replace(f"fd@{descriptors[0]}\n", f"fd@{descriptors[1]}\n")
    return text + second.replace("default-server check", "default-server proto h2 check")


def is_up(log: str, name: str) -> bool:
    """Tell whether the latest that HAProxy has said of an instance is that it is up.

    Of one that was up from the beginning on it has said nothing.
    """
    said = re.findall(rf"Server (\w+)/{name} is (UP|DOWN)", log)
    return set(dict(said).values()) <= {"UP"}


def children_of(process: int) -> set[int]:
    """Return the processes that one has started."""
    return set(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))


class Site:
    """All of it, as the drill's script changes it.

    Args:
        postgres: The database.
        redis: What tells of orders.
        instances: Those behind HAProxy.
        haproxy: What stands in front.
        addresses: Where clients connect; the second one has HTTP/2 behind HAProxy, too.
        database: What psycopg connects by.
    """

    def __init__(
        self,
        postgres: Program,
        redis: Redis,
        instances: list[Instance],
        haproxy: Haproxy,
        addresses: list[tuple[str, int]],
        database: str,
    ) -> None:
        self.postgres = postgres
        self.redis = redis
        self.instances = instances
        self.haproxy = haproxy
        self.addresses = addresses
        self._database = database

    async def renew(self, number: int) -> None:
        """Replace an instance's workers one by one."""
        instance = self.instances[number]
        before = instance.find_workers()
        os.kill(instance.pid, signal.SIGHUP)
        await wait_for(lambda: has_new(instance.find_workers(), before))

    async def restart(self, number: int) -> None:
        """End an instance well, and start it again."""
        await stop(self.instances[number], signal.SIGTERM)
        await self._start(number)

    async def kill(self, number: int) -> None:
        """Kill an instance with its workers, and start it again."""
        await stop(self.instances[number], signal.SIGKILL)
        await self._start(number)

    async def _start(self, number: int) -> None:
        """Start an instance, and wait until HAProxy has found it: the other one may end then."""
        await start(self.instances[number])
        await wait_for(lambda: self.haproxy.sends_to(NAMES[number]))

    async def kill_worker(self, number: int) -> None:
        """Kill a worker, and wait for the one that its supervisor starts."""
        instance = self.instances[number]
        before = instance.find_workers()
        os.kill(min(before), signal.SIGKILL)
        await wait_for(lambda: len(instance.find_workers() - {min(before)}) == WORKERS)

    async def reload_haproxy(self) -> None:
        """Have HAProxy read its configuration again, in a process of its own."""
        count = self.haproxy.count_starts()
        os.kill(self.haproxy.pid, signal.SIGUSR2)
        await wait_for(lambda: self.haproxy.count_starts() > count)

    async def restart_postgres(self, missed: Wait) -> None:
        """End PostgreSQL, which breaks off what is under way, and start it again once missed."""
        await stop(self.postgres, signal.SIGINT)
        await missed()
        await start(self.postgres)

    async def kill_redis(self, missed: Wait) -> None:
        """Kill Redis, and start it again, with nothing in it, once missed."""
        await stop(self.redis, signal.SIGKILL)
        await missed()
        await start(self.redis)

    def find_orders(self) -> dict[str, int]:
        """Return the number of each order in the database by its key."""
        with psycopg.connect(self._database) as connection:
            return dict(connection.execute("SELECT key, number FROM orders").fetchall())

    def read_logs(self) -> str:
        """Return the end of what each program has written."""
        programs = [self.postgres, self.redis, self.haproxy, *self.instances]
        return "\n".join(program.read_log()[-LOG_CHARACTERS:] for program in programs)


def has_new(workers: set[int], before: set[int]) -> bool:
    """Tell whether all workers are others than before."""
    return len(workers) == WORKERS and not workers & before


async def start(program: Program) -> None:
    """Start a program."""
    await trio.to_thread.run_sync(program.start)


async def stop(program: Program, number: signal.Signals) -> None:
    """End a program; one that may end well has to."""
    status = await trio.to_thread.run_sync(program.stop, number)
    if number != signal.SIGKILL and status:
        raise AssertionError(f"exit status {status}: {program.read_log()}")


async def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is true, of which no event tells."""
    while True:
        if condition():
            return
        await trio.sleep(LOOK_SECONDS)


@contextmanager
def running(program: Program) -> Iterator[None]:
    """Run a program, which has ended afterwards."""
    program.start()
    try:
        yield
    finally:
        program.stop()


@contextmanager
def built() -> Iterator[Site]:
    """Start all of it; nothing is left afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="drill-")))
        database = stack.enter_context(postgres())
        broker = stack.enter_context(redis())
        url = create_database(database.folder, "drill")
        with psycopg.connect(url) as connection:
            connection.execute(TABLE)
        fronts = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128))
            for _ in range(2)
        ]
        environment = {"DATABASE_URL": url, "REDIS_URL": broker.url, "PYTHONPATH": str(ROOT)}
        binds = [f"unix:{folder}/{name}/service.sock" for name in NAMES]
        instances = []
        for name, bind in zip(NAMES, binds, strict=True):
            (folder / name).mkdir()
            instances.append(Instance(folder / name, bind, environment))
            stack.enter_context(running(instances[-1]))
        (folder / "haproxy").mkdir()
        haproxy = Haproxy(folder / "haproxy", fronts, binds)
        stack.enter_context(running(haproxy))
        addresses = [front.getsockname() for front in fronts]
        yield Site(database, broker, instances, haproxy, addresses, url)

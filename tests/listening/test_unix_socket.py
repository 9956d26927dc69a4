"""Unix sockets: their files, and who may listen at a path."""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from hump_trio import BindError, Hump, Sockets
from hump_trio.listening.bound_socket import BoundSocket, open_binds
from tests.support.loopback import served
from tests.support.resolver import Resolver


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A path for a socket."""
    return tmp_path / "app.sock"


@pytest.fixture
def umask() -> Iterator[None]:
    """Let every new file be anybody's, for a while."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int | None:
    """Return the mode of a file; None if there is none."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


async def open_at(path: Path, mode: int = 0o660) -> BoundSocket:
    """Return what listens at a path."""
    [bound] = await open_binds([f"unix:{path}"], Sockets(unix_mode=mode))
    return bound


def connects(path: Path) -> bool:
    """Tell whether somebody listens at a path."""
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.connect(str(path))
        return True
    return False


async def test_the_file_is_there_while_it_is_served(path: Path) -> None:
    """And the app's address says where."""
    app = Hump(binds=[f"unix:{path}"])
    async with served(app) as url:
        assert url == f"unix:{path}"
        assert connects(path)
    assert mode_of(path) is None


@pytest.mark.parametrize("mode", [0o600, 0o606, 0o777])
@pytest.mark.usefixtures("umask")
async def test_the_file_has_its_mode_whatever_the_umask_is(path: Path, mode: int) -> None:
    """Narrower or wider."""
    bound = await open_at(path, mode)
    assert mode_of(path) == mode
    bound.close()
    bound.close()  # any number of times


@pytest.mark.usefixtures("umask")
async def test_nobody_connects_before_the_file_has_its_mode(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it still has the mode that the umask leaves, every client is refused."""
    seen: list[tuple[int | None, bool]] = []
    chmod = os.chmod

    def look(name: str, mode: int) -> None:
        seen.append((mode_of(path), connects(path)))
        chmod(name, mode)

    monkeypatch.setattr(os, "chmod", look)
    bound = await open_at(path)
    assert seen == [(0o777, False)]
    assert connects(path)
    bound.close()


@pytest.mark.parametrize("moment", ["bind", "lstat", "open", "fstat"])
async def test_a_link_that_takes_its_place(
    path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whatever moment: the file that it leads to keeps its mode, and the link stays."""
    victim = path.with_name("victim")
    victim.touch(mode=0o600)
    module: Any = socket.socket if moment == "bind" else os
    original = getattr(module, moment)

    def replace(*arguments: Any) -> Any:
        result = original(*arguments)
        if path.is_socket():  # not when it looks for a stale one
            path.unlink()
            path.symlink_to(victim)
        return result

    monkeypatch.setattr(module, moment, replace)
    if moment in ("open", "fstat"):  # what it has a descriptor of is its own
        (await open_at(path, 0o777)).close()
    else:
        with pytest.raises(BindError, match="another file has taken the place"):
            await open_at(path, 0o777)
    assert mode_of(victim) == 0o600
    assert stat.S_ISLNK(os.lstat(path).st_mode)


async def test_where_there_is_no_linux(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mode is given without following a link."""
    monkeypatch.delattr(os, "O_PATH")
    bound = await open_at(path, 0o606)
    assert mode_of(path) == 0o606
    bound.close()


async def test_a_stale_file_is_replaced(path: Path) -> None:
    """As a process leaves it that was killed."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    assert not connects(path)
    bound = await open_at(path)
    assert connects(path)
    bound.close()


async def test_a_file_that_vanishes_meanwhile_is_no_obstacle(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may find it stale at the same moment."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    issock = stat.S_ISSOCK

    def vanish(mode: int) -> bool:
        monkeypatch.undo()
        path.unlink()
        return issock(mode)

    monkeypatch.setattr(stat, "S_ISSOCK", vanish)
    bound = await open_at(path)
    bound.close()


@pytest.mark.parametrize("full", [False, True])
async def test_a_live_socket_is_left_alone(path: Path, *, full: bool) -> None:
    """Who listens there goes on, also with a backlog that has no room for one more."""
    with socket.socket(socket.AF_UNIX) as alive, socket.socket(socket.AF_UNIX) as client:
        alive.bind(str(path))
        alive.listen(0)
        if full:
            client.connect(str(path))
        with pytest.raises(BindError, match="Address already in use") as caught:
            await open_at(path)
        assert caught.value.address == f"unix:{path}"
        assert mode_of(path) is not None


def make_link(path: Path) -> None:
    """Make a symbolic link to a stale socket."""
    target = path.with_name("target.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(target))
    path.symlink_to(target)


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, make_link])
async def test_a_file_of_another_kind_is_never_removed(
    path: Path, make: Callable[[Path], None]
) -> None:
    """A mistaken path costs nobody a file."""
    make(path)
    before = os.lstat(path)
    with pytest.raises(BindError, match="there is a file that is no socket"):
        await open_at(path)
    assert os.lstat(path).st_ino == before.st_ino


async def test_a_socket_of_datagrams_is_left_alone(path: Path) -> None:
    """It can't be connected to, which doesn't make it stale."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as alive:
        alive.bind(str(path))
        with pytest.raises(BindError, match="wrong type"):
            await open_at(path)
    assert mode_of(path) is not None


async def test_a_file_that_is_no_longer_ours_stays(path: Path) -> None:
    """Who has taken the path over, by force, keeps it."""
    first = await open_at(path)
    os.unlink(path)
    second = await open_at(path)
    first.close()
    assert connects(path)
    second.close()
    assert mode_of(path) is None


async def test_a_directory_that_vanishes_is_no_error(path: Path) -> None:
    """The end is not held up by what is gone."""
    bound = await open_at(path)
    os.unlink(path)
    os.rmdir(path.parent)
    bound.close()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing/app.sock", "No such file or directory"), ("x" * 108, "AF_UNIX path too long")],
)
async def test_a_path_that_cannot_be_had(tmp_path: Path, name: str, reason: str) -> None:
    """The error shows it, and says what is wrong with it."""
    with pytest.raises(BindError, match=f"cannot listen on unix:.*{name}: {reason}"):
        await open_at(tmp_path / name)


async def test_a_mode_that_cannot_be_had(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left behind, rather than a socket for everybody."""

    def refuse(name: str, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)
    with pytest.raises(BindError, match="Operation not permitted"):
        await open_at(path)
    assert mode_of(path) is None


async def test_a_system_without_unix_sockets(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says that it is the system that has none."""
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(BindError, match="Python has no Unix sockets on this system"):
        await open_at(path)


async def test_a_start_that_fails_leaves_no_file(path: Path) -> None:
    """All are opened or none, here for want of a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        app = Hump(binds=[f"unix:{path}", address])
        with pytest.raises(BindError, match=address):
            await app.serve()
    assert mode_of(path) is None
    assert app.addresses == ()


class Stuck(Resolver):
    """Never finds a name."""

    async def find(self, host: bytes | None, port: int) -> list[tuple[int, str]]:
        """Wait."""
        await trio.sleep_forever()


async def test_a_start_that_is_cancelled_leaves_no_file(path: Path) -> None:
    """Here while the name of the other bind is looked up."""
    trio.socket.set_custom_hostname_resolver(Stuck())
    app = Hump(binds=[f"unix:{path}", "somewhere.test:80"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(app.serve)
        await trio.testing.wait_all_tasks_blocked()
        assert connects(path)
        nursery.cancel_scope.cancel()
    assert mode_of(path) is None


async def test_a_server_that_is_cancelled_leaves_no_file(path: Path) -> None:
    """As one that ends in good order."""
    app = Hump(binds=[f"unix:{path}"])
    async with trio.open_nursery() as nursery:
        await nursery.start(app.serve)
        assert connects(path)
        nursery.cancel_scope.cancel()
    assert mode_of(path) is None


async def test_the_path_is_free_once_accepting_ends(path: Path) -> None:
    """The next process may listen there while the last requests of this one are answered."""
    app = Hump(binds=[f"unix:{path}"])
    entered, may_answer = trio.Event(), trio.Event()

    @app.get("/")
    async def index() -> str:
        entered.set()
        await may_answer.wait()
        return "hello"

    async with served(app), await trio.open_unix_socket(path) as stream:
        await stream.send_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        await entered.wait()
        app.shutdown()
        await app.wait_draining()
        await trio.testing.wait_all_tasks_blocked()
        assert mode_of(path) is None
        successor = await open_at(path)
        may_answer.set()
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")
    assert connects(path)
    successor.close()

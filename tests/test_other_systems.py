"""The package on systems that lack what Linux has, as far as that can be tried on Linux.

The names and modules that those systems lack are hidden from the package alone, since Trio and the
standard library have theirs of this system. The package is imported anew, lists routes by its
command, and answers over TCP.
"""

import json
import subprocess
import sys

import pytest

from tests.support.sources import TOP

# What each system lacks of Python's modules.
MACOS = {
    "os": "O_PATH memfd_create sched_getaffinity pidfd_open sendfile posix_fadvise splice",
    "select": "epoll EPOLLIN EPOLLET EPOLLRDHUP POLLRDHUP",
    "signal": "SIGPWR SIGSTKFLT SIGPOLL",
    "socket": "SO_PEERCRED SCM_CREDENTIALS SO_INCOMING_CPU TCP_QUICKACK AF_NETLINK",
}
WINDOWS = {
    "os": "O_PATH O_NOFOLLOW O_NONBLOCK O_CLOEXEC O_NOCTTY O_DIRECTORY memfd_create fork setsid"
    " sched_getaffinity pidfd_open sendfile posix_fadvise splice getuid geteuid getgid getpgid"
    " killpg chown fchown fchmod mkfifo statvfs pread preadv pwrite sysconf setpriority uname",
    "select": "epoll EPOLLIN EPOLLET EPOLLRDHUP POLLRDHUP poll POLLIN POLLOUT kqueue",
    "signal": "SIGHUP SIGUSR1 SIGUSR2 SIGKILL SIGCHLD SIGPIPE SIGALRM SIGQUIT SIGTSTP SIGPWR"
    " SIGSTKFLT SIGPOLL SIGWINCH pthread_sigmask sigwait setitimer pthread_kill",
    "socket": "AF_UNIX SO_REUSEPORT SO_PEERCRED SCM_CREDENTIALS SCM_RIGHTS SO_INCOMING_CPU"
    " TCP_QUICKACK AF_NETLINK recv_fds send_fds CMSG_LEN",
}
MISSING_MODULES = {
    "darwin": "",
    "win32": "fcntl termios resource pwd grp pty tty",
}
MISSING_NAMES = {"darwin": MACOS, "win32": WINDOWS}

PROGRAM = """
import json, os, select, signal, socket, sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType

import trio
import hump_trio

system, modules, names = sys.argv[1], sys.argv[2].split(), json.loads(sys.argv[3])
parts = ["hump_trio", *(each.name for each in walk_packages(hump_trio.__path__, "hump_trio."))]
parts.remove("hump_trio.__main__")  # it serves
for part in parts:  # with all that they need of the standard library and of others
    import_module(part)
for part in [name for name in sys.modules if name.partition(".")[0] == "hump_trio"]:
    del sys.modules[part]

sys.platform = system
for name in modules:
    sys.modules[name] = None
for module, hidden in names.items():
    poorer = ModuleType(module)
    vars(poorer).update(vars(sys.modules[module]))
    for name in hidden.split():
        vars(poorer).pop(name, None)
    sys.modules[module] = poorer

for part in parts:
    import_module(part)
import hump_trio
from hump_trio.command.main import main
from examples.hello import app

assert main(["examples.hello:app", "--routes"]) == 0
app.host, app.port = "127.0.0.1", 0

async def ask():
    async with trio.open_nursery() as nursery:
        [url] = await nursery.start(app.serve)
        port = int(url.rpartition(":")[2].rstrip("/"))
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(b"GET / HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n")
            answer = b"".join([part async for part in stream])
        print(answer.decode())
        app.shutdown()

trio.run(ask)
"""


@pytest.mark.parametrize("system", MISSING_NAMES)
def test_nothing_that_only_linux_has_is_needed(system: str) -> None:
    """Every module can be imported there, the command runs, and a request is answered."""
    arguments = [system, MISSING_MODULES[system], json.dumps(MISSING_NAMES[system])]
    command = [sys.executable, "-W", "error", "-c", PROGRAM, *arguments]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1:] == ["Hello, world!"]

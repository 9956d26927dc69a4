"""The files of Unix sockets: their mode, what an earlier process has left, and who removes them."""

import errno
import os
import socket
import stat
from contextlib import suppress
from typing import TypeAlias

__all__ = ["FileIdentity", "open_unix_socket", "remove_socket_file"]

# The device and the inode of a file: what makes it ours, whatever its path.
FileIdentity: TypeAlias = tuple[int, int]


def open_unix_socket(path: str, mode: int, backlog: int) -> tuple[socket.socket, FileIdentity]:
    """Return a socket that listens at a path, and what tells its file from others.

    A file that is left of a socket that nobody listens to any more is replaced. Nobody can
    connect before the file has its mode: a socket that doesn't listen yet refuses everybody. (The
    umask, which would give it its mode at once, is that of every thread of the process.)

    Args:
        path: Where.
        mode: Of the file.
        backlog: Connections that wait to be accepted.

    Raises:
        OSError: Somebody listens there, it is a file of another kind, or the system refuses it.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("Python has no Unix sockets on this system")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        remove_stale(path)
        sock.bind(path)
        found = os.lstat(path)
        check_kept(stat.S_ISSOCK(found.st_mode))
        identity = found.st_dev, found.st_ino
        try:
            set_mode(path, mode, identity)
            sock.listen(backlog)
        except OSError:
            remove_socket_file(path, identity)
            raise
    except OSError:
        sock.close()
        raise
    return sock, identity


def set_mode(path: str, mode: int, identity: FileIdentity) -> None:
    """Give a socket's file its mode; never another file, be it that a link is put in its place.

    The mode of a socket's own descriptor isn't that of its file, so there is one of the file.

    Raises:
        OSError: The file is another one by now, or may not be changed.
    """
    if not hasattr(os, "O_PATH"):  # where there is no Linux
        os.chmod(path, mode, follow_symlinks=False)
        return
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        check_kept((found.st_dev, found.st_ino) == identity)
        os.chmod(f"/proc/self/fd/{descriptor}", mode)
    finally:
        os.close(descriptor)


def check_kept(kept: bool) -> None:
    """Refuse a path that somebody else has taken in the meantime.

    Raises:
        OSError: It wasn't kept.
    """
    if not kept:
        raise OSError(errno.EEXIST, "another file has taken the place of the socket's")


def remove_stale(path: str) -> None:
    """Remove the file of a socket that nobody listens to.

    Raises:
        OSError: Somebody does, or it is no socket.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise OSError(errno.EEXIST, "there is a file that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            remove_socket_file(path, (found.st_dev, found.st_ino))
            return
        except BlockingIOError:
            pass  # its backlog is full
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def remove_socket_file(path: str, identity: FileIdentity) -> None:
    """Remove a socket's file, unless it has gone or is another one by now."""
    with suppress(OSError):
        found = os.lstat(path)
        if (found.st_dev, found.st_ino) == identity:
            os.unlink(path)

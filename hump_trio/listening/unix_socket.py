"""The files of Unix sockets: their mode, their removal, and files that an earlier process has left.

What is accepted from the sockets isn't known here.
"""

import errno
import os
import socket
import stat
from contextlib import suppress
from typing import TypeAlias

from hump_trio.listening.listening_socket import ListeningSocket

__all__ = ["FileIdentity", "open_unix_socket", "remove_socket_file"]

# The device and the inode of a file, which tell it from another one at the same path.
FileIdentity: TypeAlias = tuple[int, int]


def open_unix_socket(path: str, mode: int, backlog: int) -> tuple[socket.socket, FileIdentity]:
    """Return a socket that listens at a path, and the identity of its file.

    The file of a socket that no process listens on any more is replaced. No client can connect
    before the file has its mode: a socket that doesn't listen yet refuses them. (The umask would
    give the file its mode at once, but it is that of every thread of the process.)

    Args:
        path: Where the file is to be.
        mode: The file's permissions, which say who may connect.
        backlog: How many connections may wait to be accepted.

    Raises:
        OSError: A process listens there already, there is a file of another kind, or the system
            refuses the path.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("Python has no Unix sockets on this system")
    sock = ListeningSocket(socket.AF_UNIX, socket.SOCK_STREAM)
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
    """Give a socket's file its mode, and no other file, even if a link is put in its place.

    The descriptor of a socket isn't one of its file, so the file is opened for it.

    Raises:
        OSError: Another file has the path by now, or the mode may not be changed.
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
    """Refuse a path at which there is another file by now.

    Raises:
        OSError: The path wasn't kept.
    """
    if not kept:
        raise OSError(errno.EEXIST, "another file has taken the place of the socket's")


def remove_stale(path: str) -> None:
    """Remove the file of a socket that no process listens on, if there is one.

    Raises:
        OSError: A process does, or the file isn't a socket's.
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
    """Remove a socket's file, unless it has gone or another file has its path by now."""
    with suppress(OSError):
        found = os.lstat(path)
        if (found.st_dev, found.st_ino) == identity:
            os.unlink(path)

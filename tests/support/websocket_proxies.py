"""Proxies that let WebSockets pass, in front of an app."""

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from hump_trio import TLS, Hump
from tests.support.deployment import NGINX, running
from tests.support.loopback import address_of, served
from tests.support.secured import authority, write_certificate

__all__ = ["MULTIPLEXED", "PROXIES", "SECURED", "PatientProxy", "Proxy"]

HAPROXY = """
defaults
    timeout connect 10s
    timeout client 1m
    timeout server 1m
    timeout tunnel {idle}
frontend front
    mode {mode}
    bind fd@{descriptor}
    {fields}
    default_backend back
backend back
    mode {mode}
    server one {host}:{port} {options}
"""
HAPROXY_FIELDS = """
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header Host back.example
"""
SITE = """
map $http_upgrade $connection_upgrade {{
    default upgrade;
    ""      "";
}}
server {{
    listen {front};
    location / {{
        proxy_pass http://{host}:{port};
        proxy_http_version 1.1;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_read_timeout {idle};
    }}
}}
"""


@asynccontextmanager
async def haproxy(
    folder: Path, app: Hump, idle: str = "1m", *, tls: bool = False, http2: bool = False
) -> AsyncIterator[str]:
    """Serve an app behind HAProxy, which names the app another host than the client does.

    Args:
        folder: Where files may be written.
        app: The app.
        idle: How long a WebSocket may be silent.
        tls: Whether HAProxy only passes on bytes, to an app that speaks TLS.
        http2: Whether HAProxy speaks HTTP/2 to the app, in which a WebSocket is a stream.

    Yields:
        The URL of HAProxy.
    """
    options = f"ssl verify required verifyhost localhost ca-file {folder}/ca.pem" if tls else ""
    options += "proto h2" if http2 else ""
    async with served(app) as url:
        host, port = address_of(url)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            text = HAPROXY.format(
                descriptor=listening.fileno(),
                idle=idle,
                mode="tcp" if tls else "http",
                fields="" if tls else HAPROXY_FIELDS,
                host=host,
                port=port,
                options=options,
            )
            (folder / "haproxy.cfg").write_text(text)
            command = ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]
            async with running(command, folder / "haproxy.log", listening, {}) as address:
                yield f"http://{address[0]}:{address[1]}"


@asynccontextmanager
async def nginx(folder: Path, app: Hump, idle: str = "1m") -> AsyncIterator[str]:
    """Serve an app behind nginx, which names the app another host than the client does.

    Args:
        folder: Where files may be written.
        app: The app.
        idle: How long a WebSocket may be silent.

    Yields:
        The URL of nginx.
    """
    async with served(app) as url:
        host, port = address_of(url)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            front = "{}:{}".format(*listening.getsockname())
            text = SITE.format(front=front, host=host, port=port, idle=idle)
            (folder / "site.conf").write_text(text)
            user = "user root;" if os.geteuid() == 0 else ""
            (folder / "nginx.conf").write_text(NGINX.format(folder=folder, user=user))
            command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
            inherited = {"NGINX": f"{listening.fileno()};"}
            async with running(command, folder / "nginx.log", listening, inherited) as address:
                yield f"http://{address[0]}:{address[1]}"


def multiplexed(folder: Path, app: Hump) -> AbstractAsyncContextManager[str]:
    """Serve an app behind HAProxy that speaks HTTP/2 to it, and give the URL of HAProxy."""
    return haproxy(folder, app, http2=True)


@asynccontextmanager
async def secured(folder: Path, app: Hump) -> AsyncIterator[str]:
    """Serve an app over TLS, and give the URL of what speaks TLS for those who can't."""
    write_certificate(folder)
    authority().cert_pem.write_to_path(folder / "ca.pem")
    app.tls = TLS(folder / "certificate.pem", folder / "key.pem")
    async with haproxy(folder, app, tls=True) as url:
        yield url


Proxy: TypeAlias = Callable[[Path, Hump], AbstractAsyncContextManager[str]]
PatientProxy: TypeAlias = Callable[[Path, Hump, str], AbstractAsyncContextManager[str]]

PROXIES = [
    pytest.param(haproxy, marks=pytest.mark.program("haproxy"), id="haproxy"),
    pytest.param(nginx, marks=pytest.mark.program("nginx"), id="nginx"),
]
MULTIPLEXED = pytest.param(multiplexed, marks=pytest.mark.program("haproxy"), id="haproxy-h2")
SECURED = pytest.param(secured, marks=pytest.mark.program("haproxy"), id="tls")

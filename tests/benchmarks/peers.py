"""Who is measured: a program each, what it runs on, and the scenarios it takes part in."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from tests.benchmarks.scenarios import MESSAGES, STREAMS

FRAMEWORK = ("hello", "browser", "item", "post_json", "echo_64k", "connect")
TYPED = (*FRAMEWORK, "post_typed")
BARE = ("hello", "browser", "connect")
BUSY = ("hello_2000", "hello_8000")
SECURED = ("tls_hello", "tls_connect", "tls_handshake")
TYPED_BOTH = ("item_typed", "post_params")
FILES = ("file_10k", "file_1m")
WEBSOCKETS = (*MESSAGES, "ws_cast", "ws_open", "ws_idle", "ws_idle_offered")
H2_ONE = ("h2_hello_64x1", "h2s_hello_64x1")
H2_BARE = tuple(name for name in STREAMS if name not in ("h2_hello_16x1", "h2_varied_16x1"))


@dataclass(frozen=True, slots=True)
class Peer:
    """A server; its program is the module of `programs` that has its name.

    Attributes:
        label: What it is called in tables.
        packages: The distributions whose versions count.
        scenarios: Those that it takes part in.
        programs: The programs that it needs besides Python.
        compiled: Whether what reads requests and writes answers is no Python at all.
        stream_count: How many streams of a connection it answers before it ends the connection.
    """

    label: str
    packages: tuple[str, ...]
    scenarios: tuple[str, ...]
    stream_count: int = 1_000_000
    programs: tuple[str, ...] = ()
    compiled: bool = False

    def versions(self) -> dict[str, str]:
        """Return the versions of its packages and programs; empty ones where they are missing."""
        versions = {package: version_or_nothing(package) for package in self.packages}
        return versions | {program: program_version(program) for program in self.programs}

    def missing(self) -> list[str]:
        """Return the packages and programs that aren't installed."""
        return [name for name, number in self.versions().items() if not number]


PROGRAMS = {  # what asks each for its version
    "h2load": "--version",
    "nginx": "-v",
    "node": "--version",
    "wrk": "-v",
}
ON_UVICORN = ("uvicorn", "httptools", "uvloop")
PEERS = {
    "hump_app": Peer(
        "hump_trio",
        ("hump-trio", "trio", "msgspec", "websockets"),
        (
            *(*TYPED, *TYPED_BOTH, "varied", "waiting", *BUSY, *SECURED, *FILES, "event_1000"),
            *(*STREAMS, "idle", "download", "h2_download", "start", *WEBSOCKETS),
        ),
    ),
    "hump_asgi": Peer(
        "hump_trio, bare ASGI",
        ("hump-trio", "trio", "websockets"),
        (*BARE, "h2_hello_16x10", "h2_hello_64x1", "idle", "start", *WEBSOCKETS),
    ),
    "hump_starlette": Peer(
        "Starlette on hump_trio",
        ("starlette", "hump-trio", "trio", "websockets"),
        (*FRAMEWORK, "h2_hello_16x10", "download", "start", *WEBSOCKETS),
    ),
    "hump_without_c": Peer(
        "hump_trio without the package websockets",
        ("hump-trio", "trio", "msgspec"),
        ("ws_echo", "ws_echo_64k"),
    ),
    "hump_middleware": Peer("hump_trio", ("hump-trio", "trio"), ("middleware",)),
    "hump_log_text": Peer("hump_trio", ("hump-trio", "trio"), ("log_text",)),
    "hump_log_json": Peer("hump_trio", ("hump-trio", "trio"), ("log_json",)),
    "uvicorn_asgi": Peer(
        "uvicorn, bare ASGI",
        (*ON_UVICORN, "websockets"),
        (*BARE, *BUSY, *SECURED, "idle", "start", *WEBSOCKETS),
    ),
    "granian_asgi": Peer(
        "Granian, bare ASGI",
        ("granian", "uvloop"),
        (*BARE, *BUSY, *SECURED, *FILES, "post_json", *H2_BARE, "h2_download"),
        compiled=True,
    ),
    "granian_rsgi": Peer(
        "Granian, bare RSGI",
        ("granian", "uvloop"),
        (*BARE, *BUSY, *SECURED, "post_json", *H2_BARE, "h2_download"),
        compiled=True,
    ),
    "h2corn_asgi": Peer("h2corn, bare ASGI", ("h2corn",), (*H2_BARE, "h2_download")),
    "uvicorn_zttp": Peer(
        "uvicorn with zttp, bare ASGI",
        ("uvicorn", "zttp", "uvloop"),
        (*H2_BARE, "h2_download"),
        stream_count=4_000,  # it takes the 4,097th for a flood
    ),
    "starlette_app": Peer(
        "Starlette on uvicorn",
        ("starlette", "sse-starlette", *ON_UVICORN, "websockets"),
        (*FRAMEWORK, "item_typed", *FILES, "event_1000", "download", "start", *WEBSOCKETS),
    ),
    "uvicorn_log": Peer("uvicorn, bare ASGI", ON_UVICORN, ("log_text",)),
    "starlette_middleware": Peer(
        "Starlette on uvicorn", ("starlette", *ON_UVICORN), ("middleware",)
    ),
    "fastapi_app": Peer(
        "FastAPI on uvicorn", ("fastapi", "pydantic", *ON_UVICORN), (*TYPED, *TYPED_BOTH, "start")
    ),
    "litestar_app": Peer(
        "Litestar on uvicorn", ("litestar", "msgspec", *ON_UVICORN), (*BARE, "post_typed")
    ),
    "blacksheep_app": Peer("BlackSheep on uvicorn", ("blacksheep", *ON_UVICORN), TYPED),
    "aiohttp_app": Peer(
        "aiohttp",
        ("aiohttp", "uvloop"),
        (*FRAMEWORK, "item_typed", "idle", "download", *WEBSOCKETS),
    ),
    "sanic_app": Peer("Sanic", ("sanic", "uvloop", "ujson"), (*FRAMEWORK, "download")),
    "hypercorn_asyncio": Peer("Hypercorn on asyncio, bare ASGI", ("hypercorn", "h2"), H2_BARE),
    # With more streams than one on a connection, it ends with an error of Trio's.
    "hypercorn_asgi": Peer(
        "Hypercorn on Trio, bare ASGI",
        ("hypercorn", "h2", "wsproto", "trio"),
        (*BARE, *H2_ONE, "start", *WEBSOCKETS),
    ),
    "hypercorn_starlette": Peer(
        "Starlette on Hypercorn on Trio",
        ("starlette", "hypercorn", "h2", "wsproto", "trio"),
        (*FRAMEWORK, "start"),
    ),
    "quart_trio_app": Peer(
        "Quart-Trio on Hypercorn", ("quart-trio", "quart", "hypercorn", "trio"), FRAMEWORK
    ),
    "websockets_app": Peer("websockets on asyncio", ("websockets", "uvloop"), WEBSOCKETS),
    "websockets_trio": Peer("websockets on Trio", ("websockets", "trio"), WEBSOCKETS),
    "trio_websocket_app": Peer("trio-websocket", ("trio-websocket", "wsproto", "trio"), WEBSOCKETS),
    "picows_app": Peer("picows", ("picows", "uvloop"), WEBSOCKETS),
    "fastwsgi_app": Peer("fastwsgi, bare WSGI", ("fastwsgi",), (*BARE, *BUSY), compiled=True),
    "bjoern_app": Peer("bjoern, bare WSGI", ("bjoern",), (*BARE, *BUSY), compiled=True),
    "socketify_app": Peer(  # which ends no connection, even where it is asked to
        "socketify", ("socketify",), ("hello", "browser", *BUSY), compiled=True
    ),
    "robyn_app": Peer("Robyn", ("robyn",), BARE, compiled=True),
    "node_app": Peer(
        "Node's http", (), (*BARE, *BUSY, *SECURED), programs=("node",), compiled=True
    ),
    "nginx_app": Peer(
        "nginx", (), (*BARE, *BUSY, *SECURED, *FILES), programs=("nginx",), compiled=True
    ),
    "fixed_epoll": Peer("limit: fixed answer, one epoll", ("trio",), ("hello", "browser")),
    "fixed_wait": Peer("limit: fixed answer, wait_readable", ("trio",), ("hello", "browser")),
    "fixed_send": Peer("limit: `sock.send` in a loop", ("trio",), ("download",)),
    "fixed_tls": Peer("limit: fixed answer, `ssl.SSLSocket`", (), SECURED),
    "fixed_start": Peer("limit: bare `trio.serve_tcp`", ("trio",), ("start",)),
}


def version_or_nothing(package: str) -> str:
    """Return the version of a distribution, empty if it isn't installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def program_version(program: str) -> str:
    """Return the version that a program tells of itself, empty if it isn't there."""
    if shutil.which(program) is None:
        return ""
    run = subprocess.run([program, PROGRAMS[program]], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", run.stdout + run.stderr)
    return found[0] if found else ""


def list_versions(names: Iterable[str]) -> str:
    """Return the versions of all packages that peers need, as a text."""
    versions = {key: value for name in names for key, value in PEERS[name].versions().items()}
    return ", ".join(f"{package} {number}" for package, number in sorted(versions.items()))


def missing_packages(names: Iterable[str]) -> list[str]:
    """Return the packages that peers need and that aren't installed."""
    found = {key: value for name in names for key, value in PEERS[name].versions().items()}
    return sorted(package for package, number in found.items() if not number)

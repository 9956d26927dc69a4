"""The programs of `examples/coming_from` are the same service, whichever framework they are in.

Each is served by its own server in a process, at a socket that is open already, and asked the same
list of requests. What its answers differ in is listed here, and named in the page.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pydantic
import pytest
from aiohttp import web
from fastapi import FastAPI
from flask import Flask
from quart_trio import QuartTrio
from starlette.applications import Starlette
from websockets.sync.client import connect

import hump_trio.asgi
import hump_trio.wsgi
from examples.coming_from.shelf import make_tables, open_shelf
from hump_trio import Hump, Request
from hump_trio.command.option_table import ELSEWHERE, OPTIONS
from tests.support.loopback import PATIENCE_SECONDS

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples/coming_from"
FLAG = re.compile(r"(?<=`)--?[a-z][\w-]*")

# How a program is served at a socket, whose descriptor is the last argument.
OURS = ["-m", "hump_trio", "--no-access-log", "--bind"]
UVICORN = """
import socket, sys
from uvicorn import Config, Server

listening = socket.socket(fileno=int(sys.argv[2]))
Server(Config(sys.argv[1], log_level="warning")).run([listening])
"""
AIOHTTP = """
import socket, sys
from aiohttp.web import run_app
from examples.coming_from.aiohttp_theirs import make_app

run_app(make_app(), sock=socket.socket(fileno=int(sys.argv[1])), print=None)
"""
WERKZEUG = """
import logging, sys
from werkzeug.serving import make_server
from examples.coming_from.flask_theirs import make_app
from examples.coming_from.shelf import make_tables

logging.getLogger("werkzeug").setLevel("ERROR")
make_tables()
make_server("127.0.0.1", 0, make_app(), threaded=True, fd=int(sys.argv[1])).serve_forever()
"""
# Without a supervisor, which a signal would leave behind.
HYPERCORN = ["-m", "hypercorn", "-k", "trio", "-w", "0", "-b"]
PAGES = ["fastapi", "starlette", "quart_trio", "aiohttp", "flask"]
APPS: Mapping[str, Callable[[], Any]] = {
    "fastapi": FastAPI,
    "starlette": Starlette,
    "quart_trio": partial(QuartTrio, "there"),
    "aiohttp": web.Application,
    "flask": partial(Flask, "there"),
}
# Which page has the options of which program, and what prints them.
HELPS = {
    "fastapi": ["-m", "uvicorn", "--help"],
    "quart_trio": ["-m", "hypercorn", "--help"],
    "flask": [],  # gunicorn's, which isn't here
}


def command_of(name: str, fd: str) -> list[str]:
    """Return the command that serves a program, by its own server unless it is "as it is"."""
    module = f"examples.coming_from.{name.removesuffix(' as it is')}"
    match name:
        case "flask_theirs as it is":
            command = [*OURS, f"fd://{fd}", "--wsgi", "--factory", f"{module}:make_app"]
        case _ if name.endswith(" as it is"):
            command = [*OURS, f"fd://{fd}", "--asgi", f"{module}:app"]
        case "fastapi_theirs" | "starlette_theirs":
            command = ["-c", UVICORN, f"{module}:app", fd]
        case "quart_trio_theirs":
            command = [*HYPERCORN, f"fd://{fd}", f"{module}:app"]
        case "aiohttp_theirs":
            command = ["-c", AIOHTTP, fd]
        case "flask_theirs":
            command = ["-c", WERKZEUG, fd]
        case "aiohttp_ours" | "flask_ours" | "flask_mounted":
            command = [*OURS, f"fd://{fd}", "--factory", f"{module}:make_app"]
        case _:
            command = [*OURS, f"fd://{fd}", f"{module}:app"]
    return [sys.executable, *command]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of the list.

    Args:
        method: Of it.
        target: Of it.
        json: What its body is, as JSON.
        content: What its body is, where that isn't JSON.
        headers: Of it.
    """

    method: str
    target: str
    json: Any = None
    content: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


ASSAM = {"name": "Assam", "grams": 250}
CLERK = {"authorization": "Bearer a-token-of-the-clerk"}
THIEF = {"authorization": "Bearer a-token-of-a-thief"}
JSON = {"content-type": "application/json"}
ASKS = {
    "no teas yet": Ask("GET", "/teas"),
    "a tea": Ask("POST", "/teas", ASSAM),
    "the same tea again": Ask("POST", "/teas", ASSAM),
    "another tea": Ask("POST", "/teas", {"name": "Sencha", "grams": 100}),
    "a tea of many grams": Ask("POST", "/teas", {"name": "Oolong", "grams": "many"}),
    "a tea without grams": Ask("POST", "/teas", {"name": "Oolong"}),
    "broken JSON": Ask("POST", "/teas", content='{"name": "Oolong"', headers=JSON),
    "a tea as text": Ask("POST", "/teas", content="Oolong", headers={"content-type": "text/plain"}),
    "all teas": Ask("GET", "/teas"),
    "one tea at most": Ask("GET", "/teas?limit=1"),
    "a limit of few": Ask("GET", "/teas?limit=few"),
    "a tea by its number": Ask("GET", "/teas/1"),
    "its head": Ask("HEAD", "/teas/1"),
    "a number without a tea": Ask("GET", "/teas/9"),
    "a word for a number": Ask("GET", "/teas/green"),
    "a drop by nobody": Ask("DELETE", "/teas/2"),
    "a drop by a thief": Ask("DELETE", "/teas/2", headers=THIEF),
    "a drop": Ask("DELETE", "/teas/2", headers=CLERK),
    "the drop again": Ask("DELETE", "/teas/2", headers=CLERK),
    "a path that isn't there": Ask("GET", "/coffee"),
    "a slash too many": Ask("GET", "/teas/"),
    "a method that isn't there": Ask("PUT", "/teas"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is compared of an answer."""

    status: int
    media_type: str
    body: Any
    headers: Mapping[str, str]


def ask(http: httpx2.Client, asked: Ask) -> Answer:
    """Return the answer to a request."""
    answer = http.request(
        asked.method,
        asked.target,
        json=asked.json,
        content=asked.content,
        headers=asked.headers,
    )
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    is_json = media_type.endswith("json") and answer.content
    names = ("location", "x-shop", "www-authenticate")
    return Answer(
        answer.status_code,
        media_type if answer.content else "",
        answer.json() if is_json else answer.text,
        {name: answer.headers.get(name, "").removeprefix(str(http.base_url)) for name in names},
    )


def wait_announced(http: httpx2.Client, names: list[str]) -> None:
    """Wait until the work in the background has told of some teas."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while (told := http.get("/announced").raise_for_status().text.split()) != names:
        assert time.monotonic() < give_up, told


@contextmanager
def served(name: str, folder: Path, **environment: str) -> Iterator[str]:
    """Serve a program in a folder, where its database is.

    Yields:
        Its URL. The socket listens already, so a request waits until the program is there.
    """
    folder.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fd, port = listening.fileno(), listening.getsockname()[1]
        process = subprocess.Popen(
            command_of(name, str(fd)),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            pass_fds=[fd],
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()


def client_of(url: str) -> httpx2.Client:
    """Return a client that has a connection for each request.

    Where an app has not read a body, Hypercorn 0.18 sometimes never reads the next request.
    """
    return httpx2.Client(
        base_url=url,
        trust_env=False,
        timeout=PATIENCE_SECONDS,
        limits=httpx2.Limits(max_keepalive_connections=0),
    )


def answers_of(name: str, folder: Path, **environment: str) -> dict[str, Answer]:
    """Return what a program answers to the list."""
    with served(name, folder, **environment) as url:
        with client_of(url) as http:
            answers = {label: ask(http, asked) for label, asked in ASKS.items()}
            wait_announced(http, ["Assam", "Sencha"])
            answers["what was announced"] = ask(http, Ask("GET", "/announced"))
        if not name.startswith("flask"):
            scale = f"{url.replace('http', 'ws')}/scale"
            with connect(scale, proxy=None, open_timeout=PATIENCE_SECONDS) as ws:
                for grams in (50, 125):
                    ws.send(json.dumps({"grams": grams}))
                    said = json.loads(ws.recv(PATIENCE_SECONDS))
                    answers[f"the price of {grams} g"] = Answer(101, "", said, {})
    return answers


def rows_of(page: str, last: str) -> list[list[str]]:
    """Return the rows of a page's table whose last column is called so."""
    text = (FOLDER / f"{page}.md").read_text(encoding="utf-8")
    table = re.search(rf"^\|[^\n]*\| {last} \|\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None, f"{page}.md has no table of {last}"
    return [[cell.strip() for cell in row[1:-2].split(" | ")] for row in table[1].splitlines()]


def is_told(answer: Answer, cell: str) -> bool:
    """Tell whether an answer is what a page says: its status, and code that stands in it."""
    status, *_ = cell.split()
    return answer.status == int(status) and all(
        code in f"{answer.media_type} {answer.body} {answer.headers}"
        for code in re.findall(r"`([^`]+)`", cell)
    )


@pytest.fixture(scope="module")
def answers_there(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Answer]]:
    """What the program of another framework answers, by its page; it is asked once."""

    @cache
    def answers(page: str) -> dict[str, Answer]:
        return answers_of(f"{page}_theirs", tmp_path_factory.mktemp(page))

    return answers


@pytest.mark.parametrize("page", PAGES)
def test_both_columns_answer_alike(
    page: str, answers_there: Callable[[str], dict[str, Answer]], tmp_path: Path
) -> None:
    """Each in a process of its own, but for what the page names."""
    theirs = answers_there(page)
    ours = answers_of(f"{page}_ours", tmp_path / "ours")
    told = {label: cells for label, *cells in rows_of(page, "hump_trio answers")}
    assert {label for label in theirs if theirs[label] != ours[label]} == set(told)
    for label, (there, here) in told.items():
        assert is_told(theirs[label], there), (label, theirs[label])
        assert is_told(ours[label], here), (label, ours[label])


@pytest.mark.parametrize("page", PAGES)
def test_an_app_that_moves_answers_as_before(
    page: str, answers_there: Callable[[str], dict[str, Answer]], tmp_path: Path
) -> None:
    """But for the one route that has moved, which answers as those of the new program do.

    An app of aiohttp stands behind the new one, any other is mounted in it.
    """
    theirs = answers_there(page)
    if page == "aiohttp":
        with served("aiohttp_theirs", tmp_path / "old") as url:
            moving = answers_of("aiohttp_beside", tmp_path / "old", UPSTREAM=url)
    else:
        moving = answers_of(f"{page}_mounted", tmp_path / "mounted")
    differ = {label for label in theirs if theirs[label] != moving[label]}
    moved = {"its head", "a word for a number", "a number without a tea"}
    assert differ <= moved & {label for label, *_ in rows_of(page, "hump_trio answers")}


@pytest.mark.parametrize("page", [page for page in PAGES if page != "aiohttp"])
def test_an_app_answers_the_same_as_it_is(
    page: str, answers_there: Callable[[str], dict[str, Answer]], tmp_path: Path
) -> None:
    """Without a changed line, under our server in place of its own."""
    make_tables(str(tmp_path / "teas.db"))
    assert answers_of(f"{page}_theirs as it is", tmp_path) == answers_there(page)


def test_nobody_hears_of_a_tea_that_was_undone(tmp_path: Path) -> None:
    """What a program puts into `when_kept` is called behind the commit, and never without one."""
    path, told = str(tmp_path / "teas.db"), list[int]()

    def tell() -> None:
        with open_shelf(path) as other:
            told.append(len(other.all()))

    def add(grams: int) -> None:
        with open_shelf(path) as shelf:
            shelf.add("Assam", grams)
            shelf.when_kept.append(tell)
            assert 1 / grams

    make_tables(path)
    with pytest.raises(ZeroDivisionError):
        add(0)
    assert told == []
    add(100)
    assert told == [1]


def test_both_are_tested_with_a_fake(tmp_path: Path) -> None:
    """The tests that the pages show pass."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(FOLDER)]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{2 * len(PAGES)} passed" in done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_names_are_there(page: str) -> None:
    """What a page says of an app, and of classes of ours, they have."""
    there = APPS[page]()
    here = Hump("", 8342)
    homes = [hump_trio, hump_trio.asgi, hump_trio.wsgi, msgspec, pydantic]
    for old, new in rows_of(page, "here"):
        for code in re.findall(r"`([^`]*)`", old):
            for name in re.findall(r"\bapp\.(\w+)", code):
                assert hasattr(there, name) or name == "nursery", code  # while it is served
        for code in re.findall(r"`([^`]*)`", new):
            for name in re.findall(r"\bapp\.(\w+)", code):
                assert hasattr(here, name), code
            for name in re.findall(r"\brequest\.(\w+)", code):
                assert hasattr(Request, name), code
            for name in re.findall(r"\b([A-Z]\w+)(?=[(\[])", code.replace("Annotated", "")):
                assert any(hasattr(home, name) for home in homes), code


@pytest.mark.parametrize("page", HELPS)
def test_options_are_called_so(page: str) -> None:
    """What a page says of a command line is so: there by its help, here by our table."""
    command = [sys.executable, *HELPS[page]]
    there = set[str]()
    if HELPS[page]:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        there = set(re.findall(r"--?[a-z][\w-]*", done.stdout))
    here = {f"--{'no-' if each.negated else ''}{each.name}" for each in OPTIONS}
    for old, new in rows_of(page, "`hump-trio`"):
        assert set(FLAG.findall(old)) <= there or not there, old
        assert set(FLAG.findall(new)) <= here, new
        for flag in FLAG.findall(old):
            told = FLAG.findall(ELSEWHERE.get(flag.lstrip("-"), ""))
            assert not told or set(told) & set(FLAG.findall(new)), old

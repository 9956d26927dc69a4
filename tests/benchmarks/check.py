"""Equal work: each server has to give the same answer, framed the same way, to a stranger."""

import json
import os
import subprocess
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

from websockets.frames import CloseCode
from websockets.sync.client import connect

from tests.benchmarks.scenarios import (
    DOWNLOAD_BYTES,
    LOADS,
    LOGGED,
    MESSAGES,
    SHORT_TEXT,
    STREAMS,
    Load,
    Messages,
    Streams,
)
from tests.benchmarks.servers import connection_to

PATIENCE_SECONDS = 30
NO_LOG = Path(os.devnull)


def check_answers(name: str, scenario: str, port: int, log: Path = NO_LOG) -> None:
    """Ask a server for what it will be asked for under load, as http.client, curl or websockets do.

    Args:
        name: The server.
        scenario: What it will be asked for.
        port: Where it listens.
        log: What it writes to stderr, which is looked at where requests are logged.

    Raises:
        RuntimeError: It answers something else, or in another way.
    """
    if scenario == "download":
        faults = faults_of_download(port)
    elif scenario in LOADS:
        lines = written_lines(log) if scenario in LOGGED else []
        faults = faults_of_load(LOADS[scenario], port)
        if scenario in LOGGED and not faults:
            faults = faults_of_log(log, lines)
    elif scenario in STREAMS:
        faults = faults_over_http2(STREAMS[scenario], port)
    elif scenario in MESSAGES:
        faults = faults_of_echo(MESSAGES[scenario], port)
    elif scenario == "ws_cast":
        faults = faults_of_cast(port)
    elif scenario == "event_1000":
        faults = faults_of_events(port)
    else:
        return
    if faults:
        raise RuntimeError(f"{name} does other work than asked for in {scenario}: {faults}")


def faults_of_load(load: Load, port: int) -> str:
    """Return what is wrong with the answers to two requests in a row; nothing if all is right."""
    connection = connection_to(port, secured=load.secured, timeout=PATIENCE_SECONDS)
    try:
        for _ in range(2):
            connection.request(load.method, load.path_of(7), load.body or None, load.headers)
            answer = connection.getresponse()
            kept = not answer.will_close
            faults = faults_of_answer(load, answer, answer.read())
            if kept == load.closes:
                faults.append(f"the connection {'stays' if kept else 'ends'}")
            if faults:
                return ", ".join(faults)
    finally:
        connection.close()
    return ""


def faults_of_answer(load: Load, answer: HTTPResponse, body: bytes) -> list[str]:
    """Return what is wrong with an answer: status, body, media type, framing."""
    faults = []
    if answer.status != 200:
        faults.append(f"status {answer.status}")
    kind = answer.headers.get_content_type()
    if kind != load.kind:
        faults.append(f"{kind} instead of {load.kind}")
    if not is_right(load.answer, body):
        faults.append(f"body {body[:100]!r} instead of {str(load.answer)[:100]!r}")
    length, coding = answer.headers["content-length"], answer.headers["transfer-encoding"]
    if length != str(len(body)) and (load.sized or length):
        faults.append(f"Content-Length {length} for {len(body)} bytes")
    for name, text in load.fields.items():
        if answer.headers[name] is None or text not in ("", answer.headers[name]):
            faults.append(f"{name}: {answer.headers[name]}")
    if coding and load.sized:
        faults.append(f"Transfer-Encoding {coding}")
    return faults


def faults_of_log(log: Path, before: list[str]) -> str:
    """Return what is wrong with what a server has logged of two requests; nothing if all is right.

    Args:
        log: What it writes.
        before: The lines that it had written before these requests.
    """
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        new = [
            line for line in written_lines(log)[len(before) :] if "GET" in line and "200" in line
        ]
        if len(new) >= 2 or time.monotonic() >= give_up:
            break
        time.sleep(0.01)  # a line may be written behind its answer
    return "" if len(new) == 2 else f"{len(new)} lines in the log for two requests"


def written_lines(log: Path) -> list[str]:
    """Return the lines that are whole."""
    return log.read_text(encoding="utf-8").split("\n")[:-1]


def faults_over_http2(streams: Streams, port: int) -> str:
    """Return what is wrong with the answer to a request over HTTP/2; nothing if all is right."""
    load = streams.load
    url = f"{'https' if streams.secured else 'http'}://127.0.0.1:{port}{load.path_of(7)}"
    command = ["curl", "--silent", "--noproxy", "*", "--include", url]
    command += ["--insecure", "--http2"] if streams.secured else ["--http2-prior-knowledge"]
    command += ["--max-time", str(PATIENCE_SECONDS)]
    if load.body:
        command += ["--data-binary", "@-"]
        command += [part for item in load.headers.items() for part in ("-H", ": ".join(item))]
    run = subprocess.run(command, input=load.body.encode(), capture_output=True, check=False)
    head, _, body = run.stdout.partition(b"\r\n\r\n")
    lines = head.decode().lower().splitlines()
    faults = []
    if lines[:1] != ["http/2 200 "]:
        faults.append(f"curl says {run.returncode}, its answer begins with {lines[:1]}")
    if not any(line.startswith(f"content-type: {load.kind}") for line in lines):
        faults.append(f"no {load.kind}")
    if not is_right(load.answer, body):
        faults.append(f"body {body[:100]!r} instead of {str(load.answer)[:100]!r}")
    return ", ".join(faults)


def faults_of_echo(messages: Messages, port: int) -> str:
    """Return what is wrong with the echo of some messages at once; nothing if all is right."""
    offered = "deflate" if messages.offered else None
    with connect(f"ws://127.0.0.1:{port}/echo", compression=offered, max_size=None) as ws:
        for _ in range(messages.burst_count):
            ws.send(messages.payload)
        echoes = [ws.recv(PATIENCE_SECONDS) for _ in range(messages.burst_count)]
    faults = [f"{echo[:100]!r}" for echo in echoes if echo != messages.payload]
    if ws.close_code != CloseCode.NORMAL_CLOSURE:
        faults.append(f"closed with {ws.close_code}")
    return ", ".join(faults)


def faults_of_cast(port: int) -> str:
    """Return what is wrong with what two WebSockets get that is published by a third."""
    url = f"ws://127.0.0.1:{port}"
    feed, publish = f"{url}/feed", f"{url}/publish"
    with connect(feed) as one, connect(feed) as two, connect(publish) as publisher:
        publisher.send(SHORT_TEXT)
        texts = [ws.recv(PATIENCE_SECONDS) for ws in (one, two)]
    return ", ".join(f"{text[:100]!r}" for text in texts if text != SHORT_TEXT)


def faults_of_events(port: int) -> str:
    """Return what is wrong with what two event streams get that is published by a third client."""
    one, two, publisher = (connection_to(port, timeout=PATIENCE_SECONDS) for _ in range(3))
    with closing(one), closing(two), closing(publisher):
        for stream in (one, two):
            stream.request("GET", "/events", headers={"accept": "text/event-stream"})
        answers = [stream.getresponse() for stream in (one, two)]
        publisher.request("POST", "/events", SHORT_TEXT, {"content-type": "text/plain"})
        publisher.getresponse().read()
        lines = [next(line for line in answer if line.startswith(b"data")) for answer in answers]
    kinds = [answer.headers.get_content_type() for answer in answers]
    faults = [kind for kind in kinds if kind != "text/event-stream"]
    faults += [f"{line!r}" for line in lines if line.rstrip() != f"data: {SHORT_TEXT}".encode()]
    return ", ".join(faults)


def is_right(expected: object, body: bytes) -> bool:
    """Return whether a body is a text, or the JSON of another value."""
    if isinstance(expected, str):
        return body == expected.encode()
    try:
        return bool(json.loads(body) == expected)
    except ValueError:
        return False


def faults_of_download(port: int) -> str:
    """Return what is wrong with a download; chunked or with a length, it has to be whole."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    size = 0
    try:
        connection.request("GET", "/download")
        answer = connection.getresponse()
        while data := answer.read(1024 * 1024):
            size += len(data)
    finally:
        connection.close()
    if answer.status == 200 and size == DOWNLOAD_BYTES:
        return ""
    return f"status {answer.status}, {size} bytes"

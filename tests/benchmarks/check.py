"""Equal work: each server has to give the same answer, framed the same way, to a stranger."""

import json
import subprocess
from http.client import HTTPConnection, HTTPResponse

from websockets.frames import CloseCode
from websockets.sync.client import connect

from tests.benchmarks.scenarios import (
    DOWNLOAD_BYTES,
    LOADS,
    MESSAGES,
    SHORT_TEXT,
    STREAMS,
    Load,
    Messages,
)

PATIENCE_SECONDS = 30


def check_answers(name: str, scenario: str, port: int) -> None:
    """Ask a server for what it will be asked for under load, as http.client, curl or websockets do.

    Raises:
        RuntimeError: It answers something else, or in another way.
    """
    if scenario == "download":
        faults = faults_of_download(port)
    elif scenario in LOADS:
        faults = faults_of_load(LOADS[scenario], port)
    elif scenario in STREAMS:
        faults = faults_over_http2(STREAMS[scenario].load, port)
    elif scenario in MESSAGES:
        faults = faults_of_echo(MESSAGES[scenario], port)
    elif scenario == "ws_cast":
        faults = faults_of_cast(port)
    else:
        return
    if faults:
        raise RuntimeError(f"{name} does other work than asked for in {scenario}: {faults}")


def faults_of_load(load: Load, port: int) -> str:
    """Return what is wrong with the answers to two requests in a row; nothing if all is right."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    closes = load.headers.get("connection") == "close"
    try:
        for _ in range(2):
            connection.request(load.method, load.path_of(7), load.body or None, load.headers)
            answer = connection.getresponse()
            kept = not answer.will_close
            faults = faults_of_answer(load, answer, answer.read())
            if kept == closes:
                faults.append(f"the connection {'stays' if closes else 'ends'}")
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
    if answer.headers["content-length"] != str(len(body)):
        faults.append(f"Content-Length {answer.headers['content-length']} for {len(body)} bytes")
    if answer.headers["transfer-encoding"]:
        faults.append(f"Transfer-Encoding {answer.headers['transfer-encoding']}")
    return faults


def faults_over_http2(load: Load, port: int) -> str:
    """Return what is wrong with the answer to a request over HTTP/2; nothing if all is right."""
    url = f"http://127.0.0.1:{port}{load.path_of(7)}"
    command = ["curl", "--silent", "--http2-prior-knowledge", "--noproxy", "*", "--include", url]
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

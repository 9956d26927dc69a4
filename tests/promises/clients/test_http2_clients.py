"""Strangers that speak HTTP/2: what curl, nghttp, h2load, Node, Java and Chromium make of us."""

import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest
import trio
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from hump_trio import TLS, Hump, Request, Response
from tests.support.browser import browser
from tests.support.loopback import PATIENCE_SECONDS, served
from tests.support.secured import authority, write_certificate

PARTS = [b"first ", b"second ", b"third"]
TOGETHER = 100
SUPPORT = Path(__file__).parents[2] / "support"
# A page that says by which protocol it came, and what it has loaded: numbers, side by side.
PAGE = """<!doctype html><title>HTTP/2</title><p></p><script>
const numbers = Array.from({length: 30}, (_, number) => fetch(`/numbers/${number}`));
Promise.all(numbers.map(async each => (await each).text())).then(texts => {
    const entries = performance.getEntries().filter(each => each.nextHopProtocol !== undefined);
    const protocols = [...new Set(entries.map(each => each.nextHopProtocol))];
    document.querySelector("p").textContent = `${protocols}: ${texts.join(" ")}`;
});
</script>"""


@pytest.fixture
def app() -> Hump:
    """An app with a route for each kind of exchange."""
    app = Hump("127.0.0.1", 0)

    @app.get("/")
    async def index(request: Request) -> str:
        return f"hello by {request.scheme} and HTTP/{request.http_version}"

    @app.get("/page")
    async def page() -> Response:
        return Response(PAGE, headers={"content-type": "text/html; charset=utf-8"})

    @app.get("/numbers/{number:int}")
    async def number_of(number: int) -> str:
        return str(number)

    @app.post("/length", body_limit=None)
    async def length(request: Request) -> str:
        return str(len(request.body))

    @app.get("/stream")
    async def stream() -> AsyncIterator[bytes]:
        for part in PARTS:
            yield part

    @app.get("/megabytes")
    async def megabytes() -> bytes:
        return bytes(5_000_000)

    return app


@pytest.fixture
def secured(app: Hump, tmp_path: Path) -> Hump:
    """The app with a certificate, and the authority's in ``ca.pem`` beside it."""
    write_certificate(tmp_path)
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    app.tls = TLS(tmp_path / "certificate.pem", tmp_path / "key.pem")
    return app


def key_hash(path: Path) -> str:
    """Return what a browser knows the key of a certificate by."""
    key = load_pem_x509_certificate(path.read_bytes()).public_key()
    data = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(sha256(data).digest()).decode()


async def run(*command: str) -> str:
    """Return what a program prints; a failure of it is an error that shows all it has said."""
    with trio.fail_after(PATIENCE_SECONDS):
        done = await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False
        )
    text = done.stdout.decode()
    assert done.returncode == 0, text + done.stderr.decode()
    return text.replace("\r\n", "\n")


def at_localhost(url: str) -> str:
    """Return a URL with the name that the certificate is for."""
    return url.replace("127.0.0.1", "localhost")


async def curl(*arguments: str) -> str:
    """Return what curl prints."""
    return await run("curl", "--silent", "--show-error", "--noproxy", "*", *arguments)


@pytest.mark.program("curl")
async def test_curl_knows_before(app: Hump, tmp_path: Path) -> None:
    """Of plain text it is told to speak HTTP/2, and gets every kind of answer.

    One each time: curl 7.88 can't ask twice that way, of any server (curl#10634).
    """
    path = tmp_path / "upload"
    path.write_bytes(bytes(300_000))
    known = ["--http2-prior-knowledge", "--write-out", " %{http_version} %{http_code}"]
    async with served(app) as url:
        assert await curl(*known, url) == "hello by http and HTTP/2 2 200"
        assert await curl(*known, f"{url}/stream") == "first second third 2 200"
        assert (await curl(*known, f"{url}/nowhere")).endswith(" 2 404")
        assert (await curl(*known, f"{url}/length")).endswith(" 2 405")
        upload = ["--data-binary", f"@{path}", f"{url}/length"]
        assert await curl(*known, *upload) == "300000 2 200"
        answer = await curl("--http2-prior-knowledge", "--head", f"{url}/megabytes")
        assert answer.startswith("HTTP/2 200 \n")
        assert "\ncontent-length: 5000000\n" in answer
        assert len(await curl("--http2-prior-knowledge", f"{url}/megabytes")) == 5_000_000


@pytest.mark.program("curl")
async def test_curl_offers_an_upgrade(app: Hump) -> None:
    """What asks to leave HTTP/1.1 in plain text stays with it, and is answered."""
    async with served(app) as url:
        answer = await curl("--http2", "--write-out", " %{http_version}", url)
    assert answer == "hello by http and HTTP/1.1 1.1"


@pytest.mark.program("curl")
async def test_curl_agrees_by_tls(secured: Hump, tmp_path: Path) -> None:
    """HTTP/2 is what both prefer, for more than one request; who offers only HTTP/1.1 gets it."""
    counted = " %{http_version} %{num_connects}\n"
    options = ["--cacert", str(tmp_path / "ca.pem"), "--write-out", counted]
    async with served(secured) as url:
        target = at_localhost(url)
        answers = (await curl("--http2", *options, target, f"{target}/stream")).splitlines()
        assert answers == ["hello by https and HTTP/2 2 1", "first second third 2 0"]
        assert await curl("--http1.1", *options, target) == "hello by https and HTTP/1.1 1.1 1\n"


@pytest.mark.program("nghttp")
async def test_nghttp_asks_side_by_side(app: Hump, tmp_path: Path) -> None:
    """Several addresses over one connection, each with its dependency, and an upload in parts."""
    path = tmp_path / "body"
    path.write_bytes(bytes(300_000))
    async with served(app) as url:
        targets = [url, *[f"{url}/numbers/{number}" for number in range(5)], f"{url}/stream"]
        log = await run("nghttp", "--verbose", "--null-out", "--padding=7", *targets)
        assert len(re.findall(r"recv .*:status: 200", log)) == len(targets)
        assert not re.search(r"recv (\(.*\) )?(RST_STREAM|GOAWAY)", log)
        assert (
            await run("nghttp", "--no-content-length", "--data", str(path), f"{url}/length")
            == "300000"
        )


@pytest.mark.program("h2load")
@pytest.mark.parametrize("shape", [(1, 100), (16, 10), (20, 1)])
async def test_no_request_of_a_load_is_lost(shape: tuple[int, int], app: Hump) -> None:
    """Twenty thousand over one connection, or over many, and each is a success."""
    connections, streams = shape
    options = [f"-c{connections}", f"-m{streams}", "-n20000"]
    async with served(app) as url:
        report = await run("h2load", *options, url)
    assert "20000 succeeded, 0 failed, 0 errored, 0 timeout" in report
    assert "Application protocol: h2c" in report


@pytest.mark.program("h2load")
async def test_no_request_of_a_load_over_tls_is_lost(secured: Hump) -> None:
    """Nor of one with uploads and answers that are larger than a window of the client's."""
    async with served(secured) as url:
        report = await run("h2load", "-n5000", "-c4", "-m50", at_localhost(url))
        assert "5000 succeeded, 0 failed, 0 errored, 0 timeout" in report
        assert "Application protocol: h2\n" in report
        options = ["-n40", "-c4", "-m5", "-w14", "-W15"]
        report = await run("h2load", *options, f"{at_localhost(url)}/megabytes")
        assert "40 succeeded, 0 failed, 0 errored, 0 timeout" in report


@pytest.mark.program("h2load")
async def test_what_a_load_has_begun_is_answered_in_a_shutdown(app: Hump) -> None:
    """Whoever has been told goodbye asks no more, and no stream that was begun is lost."""
    counted = 0

    @app.get("/counted")
    async def count() -> None:
        nonlocal counted
        counted += 1
        if counted == 5000:
            app.shutdown()
        await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        urls: tuple[str, ...] = await nursery.start(app.serve)
        report = await run("h2load", "-n1000000", "-c2", "-m100", f"{urls[0]}/counted")
    [succeeded] = re.findall(r"(\d+) succeeded", report)
    assert 5000 <= counted == int(succeeded)


async def node(app: Hump, task: str) -> object:
    """Return what Node's client has seen of an app that is served."""
    async with served(app) as url:
        return json.loads(await run("node", str(SUPPORT / "http2_client.mjs"), url, task))


@pytest.mark.program("node")
async def test_node_asks_side_by_side(app: Hump) -> None:
    """A hundred streams of a connection, none of which is answered before all were asked."""
    begun, all_begun = list[int](), trio.Event()

    @app.get("/gather/{number:int}")
    async def gather(number: int) -> str:
        begun.append(number)
        if len(begun) == TOGETHER:
            all_begun.set()
        await all_begun.wait()
        return str(number)

    assert await node(app, "parallel") == list(range(TOGETHER))


@pytest.mark.program("node")
async def test_node_uploads(app: Hump) -> None:
    """Five megabytes arrive whole, many times the windows."""
    assert await node(app, "upload") == "5000000"


@pytest.mark.program("node")
async def test_node_is_refused_in_mid_upload(app: Hump) -> None:
    """It reads the 413 of a body past the limit, takes it for no error, and asks on."""

    @app.post("/small", body_limit=1000)
    async def small(request: Request) -> None:
        raise AssertionError

    status, *others = cast("list[object]", await node(app, "refusal"))
    assert (status, others) == (413, ["hello by http and HTTP/2"])


@pytest.mark.program("node")
async def test_node_leaves_a_stream(app: Hump) -> None:
    """A stream that is reset ends its handler, and the connection serves on."""
    ended = list[str | None]()

    @app.get("/endless")
    async def endless(request: Request) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"more"
                await trio.sleep(0.01)
        finally:
            ended.append(request.cancel_reason)

    assert await node(app, "reset") == [8, "hello by http and HTTP/2"]
    assert ended == ["client-gone"]


@pytest.mark.program("node")
async def test_node_sends_and_reads_trailers(app: Hump) -> None:
    """Fields behind a body go both ways."""

    @app.post("/trailers")
    async def trailers(request: Request) -> Response:
        return Response(request.body, trailers={"seen": request.trailers["checksum"]})

    assert await node(app, "trailers") == {
        "status": 200,
        "body": "tea",
        "trailers": {"seen": "1234"},
    }


@pytest.mark.program("node")
async def test_node_hears_goodbye(app: Hump) -> None:
    """At a shutdown what is under way is answered, goodbye names no stream, and all ends well."""
    begun = trio.Event()

    @app.get("/last")
    async def last(request: Request) -> str:
        begun.set()
        await request.wait_draining()
        return "answered"

    @app.get("/end")
    async def end() -> str:
        await begun.wait()
        app.shutdown()
        return "ending"

    async with trio.open_nursery() as nursery:
        urls: tuple[str, ...] = await nursery.start(app.serve)
        script = str(SUPPORT / "http2_client.mjs")
        seen = json.loads(await run("node", script, urls[0], "goodbye"))
    assert seen["bodies"] == ["answered", "ending"]
    first, *others = seen["farewells"]
    assert first == [0, 2**31 - 1]
    assert others in ([], [[0, 3]])  # who has no stream open leaves at once


@pytest.mark.program("javac")
async def test_javas_own_client(secured: Hump, tmp_path: Path) -> None:
    """It agrees on HTTP/2 by TLS, asks side by side, and uploads a stream."""
    async with served(secured) as url:
        program = str(SUPPORT / "Http2Client.java")
        said = await run("java", program, at_localhost(url), str(tmp_path / "ca.pem"))
    assert said.splitlines() == [
        "HTTP_2 200 hello by https and HTTP/2",
        " ".join(map(str, range(50))),
        "300000",
        "first second third",
    ]


@pytest.mark.program("javac")
async def test_javas_own_client_offers_an_upgrade(app: Hump) -> None:
    """In plain text it would like to leave HTTP/1.1, and is content to stay."""
    async with served(app) as url:
        said = await run("java", str(SUPPORT / "Http2Client.java"), url)
    assert said.splitlines()[0] == "HTTP_1_1 200 hello by http and HTTP/1.1"
    assert said.splitlines()[2:] == ["300000", "first second third"]


@pytest.mark.program("chromium")
async def test_chromium_calls_it_h2(secured: Hump, tmp_path: Path) -> None:
    """A page and thirty requests side by side come by HTTP/2, in the browser's own words."""
    trust = f"--ignore-certificate-errors-spki-list={key_hash(tmp_path / 'certificate.pem')}"
    async with served(secured) as url, browser(tmp_path / "profile", trust) as chromium:
        page = await chromium.read_page(
            f"{at_localhost(url)}/page", "document.querySelector('p').textContent"
        )
    numbers = " ".join(map(str, range(30)))
    assert f"<p>h2: {numbers}</p>" in page

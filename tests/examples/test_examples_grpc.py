"""The example of gRPC does what its docstring says, asked by gRPC's own client."""

from collections.abc import Iterator
from queue import Queue

import grpc
import pytest
import trio

from examples import grpc_bytes
from hump_trio import Hump
from tests.support.loopback import PATIENCE_SECONDS, address_of, served


@pytest.fixture
def app() -> Hump:
    """The example's routes, at a free port."""
    app = Hump("127.0.0.1", 0)
    app.post("/Tea/Brew")(grpc_bytes.brew)
    app.post("/Tea/Taste", stream=True, body_limit=None)(grpc_bytes.taste)
    return app


def address(url: str) -> str:
    """Return the address of a server as gRPC writes it."""
    host, port = address_of(url)
    return f"{host}:{port}"


def brew(target: str) -> tuple[bytes, grpc.StatusCode, str]:
    """Call the method that answers once, rightly and wrongly; in the calling thread."""
    with grpc.insecure_channel(target) as channel:
        call = channel.unary_unary("/Tea/Brew")
        cup = call(b"Assam", timeout=PATIENCE_SECONDS)
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=PATIENCE_SECONDS)
        return cup, caught.value.code(), caught.value.details()


async def test_grpc_bytes__a_call_has_an_answer_and_a_status(app: Hump) -> None:
    """What is asked wrongly is an error of the call, with its words."""
    async with served(app) as url:
        found = await trio.to_thread.run_sync(brew, address(url))
    assert found == (b"a cup of Assam", grpc.StatusCode.INVALID_ARGUMENT, "which tea?")


def taste(target: str) -> list[bytes]:
    """Call the method that streams, and ask on only when what was asked is answered."""
    teas = Queue[bytes]()

    def questions() -> Iterator[bytes]:
        for _ in range(3):
            yield teas.get(timeout=PATIENCE_SECONDS)

    answers = []
    with grpc.insecure_channel(target) as channel:
        call = channel.stream_stream("/Tea/Taste")(questions(), timeout=PATIENCE_SECONDS)
        for tea in (b"Assam", b"Sencha", bytes(100_000)):
            teas.put(tea)
            answers.append(next(call))
        assert list(call) == []
        assert call.code() is grpc.StatusCode.OK
    return answers


async def test_grpc_bytes__streams_go_both_ways_at_once(app: Hump) -> None:
    """Each message is answered before the next one is sent, a large one too."""
    async with served(app) as url:
        answers = await trio.to_thread.run_sync(taste, address(url))
    assert answers == [b"Assam is good", b"Sencha is good", bytes(100_000) + b" is good"]

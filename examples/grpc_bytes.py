r"""gRPC without a library of it: one method answers once, and one while it is asked.

A message is bytes here; who has the classes of a .proto file calls their `SerializeToString` and
`FromString`. The status of a call follows its answer, in trailers. A call that its client cancels
ends as any request does whose client has gone.

Try: printf '\0\0\0\0\5Assam' | curl --http2-prior-knowledge --output - --data-binary @- \
         http://localhost:8342/Tea/Brew
     pip install grpcio && python -c '
     import grpc
     with grpc.insecure_channel("localhost:8342") as channel:
         print(channel.unary_unary("/Tea/Brew")(b"Assam"))
         for answer in channel.stream_stream("/Tea/Taste")(iter([b"Assam", b"Sencha"])):
             print(answer)'
"""

from collections.abc import AsyncIterator

import trio

from hump_trio import Hump, Request, Response

app = Hump("", 8342)

GRPC = {"content-type": "application/grpc"}
OK = {"grpc-status": "0"}
INVALID_ARGUMENT = {"grpc-status": "3"}
PREFIX_BYTES = 5  # whether the message is compressed, and its length


def encode_message(message: bytes) -> bytes:
    return bytes(1) + len(message).to_bytes(4) + message


async def parse_messages(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    received = b""
    async for part in parts:
        received += part
        while len(received) >= PREFIX_BYTES:
            end = PREFIX_BYTES + int.from_bytes(received[1:PREFIX_BYTES])
            if len(received) < end:
                break
            yield received[PREFIX_BYTES:end]
            received = received[end:]


@app.post("/Tea/Brew")
async def brew(request: Request) -> Response:
    tea = request.body[PREFIX_BYTES:].decode()
    if not tea:
        status = INVALID_ARGUMENT | {"grpc-message": "which tea?"}
        return Response(b"", headers=GRPC, trailers=status)
    return Response(encode_message(f"a cup of {tea}".encode()), headers=GRPC, trailers=OK)


@app.post("/Tea/Taste", stream=True, body_limit=None)
async def taste(request: Request) -> Response:
    async def answers() -> AsyncIterator[bytes]:
        async for tea in parse_messages(request.stream):
            yield encode_message(tea + b" is good")

    return Response(answers(), headers=GRPC, trailers=OK)


if __name__ == "__main__":
    trio.run(app.serve)

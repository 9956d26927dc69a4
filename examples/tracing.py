"""Traces of requests by OpenTelemetry: what they do is within their spans, streams included.

Spans are printed here. In a service the exporter sends them to a collector, by OTLP for example.
A caller's trace goes on in ours, and ours in what we call.

It takes the extra `opentelemetry`, and opentelemetry-sdk.

Try: curl http://localhost:8342/teas/green
"""

from collections.abc import AsyncIterator

import trio
from opentelemetry import propagate
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from hump_trio import Hump
from hump_trio.opentelemetry import trace

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
tracer = provider.get_tracer("tea")

app = Hump("", 8342)
app.watch(trace(provider))


@app.lifespan
async def send_spans(app: Hump) -> AsyncIterator[None]:
    yield
    await trio.to_thread.run_sync(provider.force_flush)  # what its thread hasn't sent yet


@app.get("/teas/{tea}")
async def brew(tea: str) -> AsyncIterator[str]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(boil)
    fields: dict[str, str] = {}
    propagate.inject(fields)  # for a request of ours to another service
    yield f"{tea} tea, in the trace {fields['traceparent'].split('-')[1]}\n"
    with tracer.start_as_current_span("wait"):
        await trio.sleep(0.2)
    yield "it is ready\n"


async def boil() -> None:
    with tracer.start_as_current_span("boil"):
        await trio.sleep(0.1)


if __name__ == "__main__":
    trio.run(app.serve)

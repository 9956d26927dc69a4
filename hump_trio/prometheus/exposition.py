"""Figures as text, in the format that whoever asks can read."""

from typing import cast

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from hump_trio.messages.request import Request, values_of
from hump_trio.messages.response import Response

__all__ = ["expose"]


def expose(collector: Collector, request: Request) -> Response:
    """Return the answer to a request for figures: OpenMetrics where it is asked for, else text.

    Args:
        collector: Has the figures.
        request: The request.
    """
    encode, content_type = choose_encoder(", ".join(values_of(request, "accept")))
    # An encoder takes nothing of a registry but what it collects.
    text = encode(cast("CollectorRegistry", collector))
    return Response(text, headers={"content-type": content_type})

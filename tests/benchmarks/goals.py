"""What hump_trio is to reach, in one table, and what it has reached."""

from dataclasses import dataclass
from statistics import median
from typing import Literal

SELF = "hump_app"
WITHOUT_C = "hump_without_c"
ASGI, STARLETTE = "hump_asgi", "hump_starlette"
LOG_TEXT, LOG_JSON = "hump_log_text", "hump_log_json"

# scenario -> server -> measure -> a figure for each round
Figures = dict[str, dict[str, dict[str, list[float]]]]

MEASURES = {
    "cpu_us": "CPU µs per request",
    "per_second": "requests/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "connection_kib": "KiB resident per connection",
    "message_us": "CPU µs per message",
    "messages_per_second": "messages/s",
    "opening_us": "CPU µs per WebSocket",
    "handshake_us": "CPU µs per handshake",
    "mib_per_second": "MiB/s",
    "cpu_us_per_mib": "CPU µs per MiB",
    "growth_mib": "MiB that the peak of memory grew",
    "import_ms": "CPU ms that its import adds to `import trio`",
    "first_answer_ms": "ms from the start to the first answer",
}

# What else a machine does only ever adds to these; of the others it can hit any round.
LEAST_COUNTS = {"message_us", "opening_us", "handshake_us"}


def settle(measure: str, rounds: list[float]) -> float:
    """Return the figure of some rounds that counts: the median, or of some measures the least."""
    return min(rounds) if measure in LEAST_COUNTS else median(rounds)


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound for a figure of hump_trio's: for itself, or beside that of another server.

    Attributes:
        server: Whose figure it is.
        beside: The other server; nothing if the figure is bounded for itself.
        how: Whether the bound is for the quotient of both figures or for their difference.
        at_least: Whether more is better.
        other_scenario: What the other's figure is of; nothing if it is of the same.
    """

    scenario: str
    measure: str
    bound: float
    beside: str = ""
    how: Literal["ratio", "difference"] = "ratio"
    at_least: bool = False
    server: str = SELF
    other_scenario: str = ""

    def reached(self, figures: Figures) -> float | None:
        """Return what is bounded, as figures are settled; None if it wasn't measured."""
        own = figures.get(self.scenario, {}).get(self.server, {}).get(self.measure)
        if not own or not self.beside:
            return settle(self.measure, own) if own else None
        others = figures.get(self.other_scenario or self.scenario, {})
        other = others.get(self.beside, {}).get(self.measure)
        if not other:
            return None
        if self.how == "difference":
            return settle(self.measure, own) - settle(self.measure, other)
        return settle(self.measure, own) / settle(self.measure, other)

    def met(self, value: float) -> bool:
        """Return whether a value is within the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


GOALS = [
    Goal("hello", "cpu_us", 0.85, "uvicorn_asgi"),
    Goal("hello", "cpu_us", 0.45, "starlette_app"),
    Goal("hello", "cpu_us", 1.0, "granian_asgi"),
    Goal("hello", "cpu_us", 1.5, "bjoern_app"),
    Goal("hello", "per_second", 25, "hypercorn_asgi", at_least=True),
    Goal("hello", "cpu_us", 1.6, "uvicorn_asgi", server=ASGI),
    Goal("hello", "cpu_us", 0.1, "hypercorn_asgi", server=ASGI),
    Goal("hello", "cpu_us", 0.143, "hypercorn_starlette", server=STARLETTE),
    Goal("browser", "cpu_us", 0.8, "uvicorn_asgi"),
    Goal("item", "cpu_us", 0.5, "starlette_app"),
    Goal("post_json", "cpu_us", 0.5, "starlette_app"),
    Goal("post_json", "cpu_us", 0.25, "fastapi_app"),
    Goal("post_typed", "cpu_us", 0.25, "fastapi_app"),
    Goal("post_typed", "cpu_us", 0.99, "litestar_app"),
    Goal("post_typed", "cpu_us", 0.99, "blacksheep_app"),
    Goal("echo_64k", "cpu_us", 0.8, "aiohttp_app"),
    Goal("post_json", "cpu_us", 18),
    Goal("post_json", "cpu_us", 1.0, SELF, other_scenario="post_params"),
    Goal("connect", "cpu_us", 0.7, "starlette_app"),
    Goal("connect", "cpu_us", 1.05, "granian_asgi"),
    Goal("hello_2000", "cpu_us", 1.15, SELF, other_scenario="hello"),
    Goal("hello_8000", "cpu_us", 1.15, SELF, other_scenario="hello"),
    Goal("tls_hello", "cpu_us", 1.0, "granian_asgi"),
    Goal("tls_hello", "cpu_us", 0.8, "uvicorn_asgi"),
    Goal("tls_connect", "cpu_us", 0.6, "uvicorn_asgi"),
    Goal("tls_connect", "cpu_us", 1.3, "fixed_tls"),
    Goal("tls_handshake", "handshake_us", 0.6, "uvicorn_asgi"),
    Goal("tls_handshake", "handshake_us", 1.3, "fixed_tls"),
    Goal("log_text", "cpu_us", 5, SELF, "difference", server=LOG_TEXT, other_scenario="hello"),
    Goal("log_json", "cpu_us", 8, SELF, "difference", server=LOG_JSON, other_scenario="hello"),
    Goal("middleware", "cpu_us", 0.5, "starlette_middleware", server="hump_middleware"),
    Goal("file_10k", "cpu_us", 0.4, "starlette_app"),
    Goal("file_1m", "cpu_us", 0.4, "starlette_app"),
    Goal("event_1000", "message_us", 0.5, "starlette_app"),
    Goal("h2_hello_1x100", "cpu_us", 0.99, "granian_rsgi"),
    Goal("h2_hello_16x10", "cpu_us", 0.99, "granian_rsgi"),
    Goal("h2_browser_16x10", "cpu_us", 0.99, "granian_rsgi"),
    Goal("h2s_hello_1x100", "cpu_us", 0.99, "granian_rsgi"),
    Goal("h2s_hello_16x10", "cpu_us", 0.99, "granian_rsgi"),
    Goal("h2s_browser_16x10", "cpu_us", 0.99, "granian_rsgi"),
    Goal("idle", "connection_kib", 1.0, "uvicorn_asgi"),
    Goal("ws_echo", "message_us", 0.85, "uvicorn_asgi"),
    Goal("ws_echo", "message_us", 0.28, "websockets_trio"),
    Goal("ws_burst", "message_us", 0.3, "uvicorn_asgi"),
    Goal("ws_echo_64k", "message_us", 1.0, "uvicorn_asgi"),
    Goal("ws_echo_64k", "message_us", 3.0, "uvicorn_asgi", server=WITHOUT_C),
    Goal("ws_cast", "message_us", 0.6, "uvicorn_asgi"),
    Goal("ws_open", "opening_us", 0.75, "uvicorn_asgi"),
    Goal("ws_idle", "connection_kib", 12),
    Goal("ws_idle_offered", "connection_kib", 12),
    Goal("download", "mib_per_second", 0.7, "fixed_send", at_least=True),
    Goal("download", "growth_mib", 4),
    Goal("start", "import_ms", 30),
    Goal("start", "first_answer_ms", 250, "fixed_start", "difference"),
]

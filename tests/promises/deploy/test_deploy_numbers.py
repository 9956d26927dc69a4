"""The numbers in examples/deploy fit those of the service: who waits for whom, and how long."""

import json
import re
import shlex
from typing import Any

import pytest
import yaml

from examples.deploy.service import TIMEOUTS, app
from hump_trio.command.options import parse_options
from hump_trio.middleware.forwarded import FIELDS
from tests.support.deployment import DEPLOY

# `serve` returns within this time, whatever clients do.
END_SECONDS = TIMEOUTS.shutdown_delay + TIMEOUTS.shutdown + TIMEOUTS.cleanup + 1
EVENT_STREAM_SILENCE_SECONDS = 15
LARGEST_BODY_BYTES = 10_000_000
UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def words_of(name: str) -> list[list[str]]:
    """Return the lines of a file without comments, each as its words."""
    lines = (DEPLOY / name).read_text(encoding="utf-8").splitlines()
    return [words for line in lines if (words := re.split(r"[\s;]+", line.partition("#")[0]))]


def times_of(name: str, *setting: str) -> list[float]:
    """Return the seconds of a setting wherever a file has it: its words, then the time.

    A word that ends in ``=`` has the time in itself.
    """
    found = []
    for words in words_of(name):
        for start in range(len(words)):
            if tuple(words[start : start + len(setting)]) == setting:
                found.append(words[start + len(setting)])
            elif setting[0].endswith("=") and words[start].startswith(setting[0]):
                found.append(words[start].removeprefix(setting[0]))
    assert found, setting
    return [seconds_of(text) for text in found]


def seconds_of(text: str) -> float:
    """Parse a time with its unit."""
    match = re.fullmatch(r"(\d+)(ms|s|m|h|)", text)
    assert match, text
    return int(match[1]) * UNITS[match[2]]


def documents() -> list[dict[str, Any]]:
    """Return what the Kubernetes manifest asks for."""
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")))


def pod() -> dict[str, Any]:
    """Return the pod of the Kubernetes manifest."""
    spec: dict[str, Any] = documents()[0]["spec"]["template"]["spec"]
    return spec


def test_no_connection_is_ended_by_both_sides() -> None:
    """A proxy that keeps a connection ends it before the service does.

    Else it might send a request just when the service closes, and answer it with 502.
    """
    [nginx] = times_of("nginx.conf", "keepalive_timeout")
    assert nginx < TIMEOUTS.keep_alive
    # HAProxy halves the idle connections each time: of a thousand, none is there after ten.
    [haproxy] = times_of("haproxy.cfg", "pool-purge-delay")
    assert 10 * haproxy < TIMEOUTS.keep_alive
    # Where it doesn't see requests, it is the service alone that ends them.
    for name in ("client", "server"):
        passed_on = times_of("haproxy.cfg", "timeout", name)[-1]
        assert passed_on > TIMEOUTS.keep_alive


def test_proxies_wait_longer_than_the_service() -> None:
    """What takes too long is answered by the service, and an EventStream that is silent lives."""
    for patience in (
        *times_of("nginx.conf", "proxy_read_timeout"),
        *times_of("nginx.conf", "proxy_send_timeout"),
        times_of("haproxy.cfg", "timeout", "server")[0],
        times_of("haproxy.cfg", "timeout", "client")[0],
    ):
        assert patience > max(TIMEOUTS.handler, EVENT_STREAM_SILENCE_SECONDS)
    assert TIMEOUTS.shutdown >= TIMEOUTS.handler


def test_silent_websockets_live() -> None:
    """The service sends a ping, and has it answered, before a proxy gives a WebSocket up."""
    for patience in (
        *times_of("nginx.conf", "proxy_read_timeout"),
        *times_of("nginx.conf", "proxy_send_timeout"),
        *times_of("haproxy.cfg", "timeout", "tunnel"),
    ):
        assert patience > TIMEOUTS.ping + 1


def test_health_checks_notice_in_time() -> None:
    """Who asks for /ready has seen that it is red before accepting ends."""
    for inter, fall in zip(
        times_of("haproxy.cfg", "inter"), times_of("haproxy.cfg", "fall"), strict=True
    ):
        check = times_of("haproxy.cfg", "timeout", "check")[0]
        assert inter * fall + check < TIMEOUTS.shutdown_delay
    probe = pod()["containers"][0]["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] < TIMEOUTS.shutdown_delay


def test_nginx_soon_tries_again() -> None:
    """An instance is asked again before the next one of a rolling restart ends.

    And a POST that was sent is never sent to another one.
    """
    assert max(times_of("nginx.conf", "fail_timeout=")) < TIMEOUTS.shutdown_delay
    [again] = [words for words in words_of("nginx.conf") if "proxy_next_upstream" in words]
    assert set(again) - {""} == {"proxy_next_upstream", "error", "timeout"}
    assert ["", "http-request", "disable-l7-retry", "unless", "METH_GET"] in words_of("haproxy.cfg")


def test_bodies_pass() -> None:
    """The largest body that a route takes isn't refused in front of it."""
    [limit] = [words[2] for words in words_of("nginx.conf") if "client_max_body_size" in words]
    assert limit.endswith("m")
    assert int(limit.removesuffix("m")) * 1024 * 1024 >= LARGEST_BODY_BYTES
    assert f"body_limit={LARGEST_BODY_BYTES:_}" in (DEPLOY / "service.py").read_text()


def test_nobody_is_killed_before_the_end() -> None:
    """systemd, Kubernetes and `docker stop` wait for longer than a shutdown takes."""
    sleep = pod()["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {})
    assert pod()["terminationGracePeriodSeconds"] > END_SECONDS + sleep.get("seconds", 0)
    assert times_of("hump-trio.service", "TimeoutStopSec=")[0] > END_SECONDS
    [stop] = re.findall(r"docker stop --time (\d+)", (DEPLOY / "Dockerfile").read_text())
    assert int(stop) > END_SECONDS
    assert TIMEOUTS.shutdown_delay > 0, "else a preStop has to give the time"


def test_probes_ask_for_routes() -> None:
    """Health checks ask at the service's port, for what it has."""
    paths = (
        {route.path for route in app.routes()} if hasattr(app, "routes") else {"/ready", "/live"}
    )
    container = pod()["containers"][0]
    for name, path in {"readiness": "/ready", "liveness": "/live", "startup": "/live"}.items():
        assert container[f"{name}Probe"]["httpGet"] == {"path": path, "port": "http"}
        assert path in paths
    assert container["ports"] == [{"name": "http", "containerPort": app.port}]
    assert documents()[1]["spec"]["ports"][0]["targetPort"] == "http"
    assert documents()[1]["spec"]["selector"] == documents()[0]["spec"]["selector"]["matchLabels"]


def commands() -> dict[str, list[str]]:
    """Return the arguments with which each file starts `hump-trio`."""
    [entry] = re.findall(
        r"^ENTRYPOINT (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE
    )
    unit = (DEPLOY / "hump-trio.service").read_text()
    [start] = re.findall(r"^ExecStart=\S+/(hump-trio .*)$", unit, re.MULTILINE)
    docker: list[str] = json.loads(entry)
    return {
        "Dockerfile": docker,
        "kubernetes.yaml": [*docker, *pod()["containers"][0]["args"]],
        "hump-trio.service": shlex.split(start),
    }


@pytest.mark.parametrize("name", ["Dockerfile", "kubernetes.yaml", "hump-trio.service"])
def test_command_lines_are_understood(name: str) -> None:
    """Every option that stands in a file is one, and the app is the one beside it."""
    program, *arguments = commands()[name]
    options = parse_options(arguments, {})
    assert (program, options.app) == ("hump-trio", "service:app")
    assert options.bind in ((":8342",), ("systemd",))


@pytest.mark.parametrize(("name", "places"), [("nginx.conf", 2), ("haproxy.cfg", 1)])
@pytest.mark.parametrize("field", sorted(FIELDS))
def test_no_word_of_a_client_about_itself_passes(field: str, name: str, places: int) -> None:
    """Each field that `Forwarded` could be told to believe is set, or removed, everywhere."""
    orders = {"proxy_set_header", "set-header", "del-header"}
    lines = [[word.lower() for word in words] for words in words_of(name)]
    assert sum(field in words and not orders.isdisjoint(words) for words in lines) == places

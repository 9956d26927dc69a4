"""The numbers of a server, checked where they are set."""

import math
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from hump_trio.facts.settings import MAY_BE_ZERO, Limits, Sockets, Timeouts

LIMITS = [field.name for field in fields(Limits)]
TIMEOUTS = [field.name for field in fields(Timeouts) if field.name != "deadline_header"]


def timeouts_of(name: str, value: Any) -> Timeouts:
    """Return timeouts with one field given by name."""
    given: dict[str, Any] = {name: value}
    return Timeouts(**given)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "1", math.inf])
def test_a_limit_is_a_positive_integer(name: str, value: Any) -> None:
    """Whatever isn't one is refused at once, and the message names the field and the value."""
    with pytest.raises(ValueError, match=f"Limits.{name} must be a positive integer, not "):
        Limits(**{name: value})


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_may_be_one(name: str) -> None:
    """The smallest number is taken as it is."""
    assert getattr(Limits(**{name: 1}), name) == 1


@pytest.mark.parametrize("name", LIMITS)
def test_what_is_without_limit(name: str) -> None:
    """None means no limit for requests in flight and open WebSockets, and nothing elsewhere."""
    nothing: dict[str, Any] = {name: None}
    if name in ("requests", "websockets"):
        assert getattr(Limits(**nothing), name) is None
    else:
        with pytest.raises(ValueError, match=f"Limits.{name}"):
            Limits(**nothing)


@pytest.mark.parametrize("name", TIMEOUTS)
@pytest.mark.parametrize("value", [-1, math.nan, True, "1", None])
def test_a_timeout_is_a_number(name: str, value: Any) -> None:
    """Whatever isn't one is refused at once, and the message names the field and the value."""
    with pytest.raises(ValueError, match=f"Timeouts.{name} must be a number .*{value!r}"):
        timeouts_of(name, value)


@pytest.mark.parametrize("name", TIMEOUTS)
def test_zero_is_for_the_times_of_a_shutdown(name: str) -> None:
    """A wait for a peer that ends at once would refuse everybody; a shutdown may be abrupt."""
    if name in MAY_BE_ZERO:
        assert getattr(timeouts_of(name, 0), name) == 0
    else:
        with pytest.raises(ValueError, match=f"Timeouts.{name} must be more than zero"):
            timeouts_of(name, 0)


@pytest.mark.parametrize("name", TIMEOUTS)
@pytest.mark.parametrize("value", [math.inf, 0.001, 7])
def test_a_timeout_may_be_any_number(name: str, value: float) -> None:
    """Whole seconds, parts of one, and no limit at all."""
    assert getattr(timeouts_of(name, value), name) == value


@pytest.mark.parametrize("value", ["", "a b", "x:", 3, b"x"])
def test_a_deadline_header_is_a_name(value: Any) -> None:
    """What can't name a header field is refused at once."""
    with pytest.raises(ValueError, match=r"Timeouts\.deadline_header must be a "):
        timeouts_of("deadline_header", value)
    assert Timeouts(deadline_header="X-Deadline-Ms").deadline_header == "X-Deadline-Ms"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"backlog": 0}, ValueError, "backlog must be a positive integer, not 0"),
        ({"backlog": True}, ValueError, "backlog must be a positive integer, not True"),
        ({"backlog": 1.5}, ValueError, r"backlog must be a positive integer, not 1\.5"),
        ({"unix_mode": -1}, ValueError, "unix_mode must be such as 0o660, not -1"),
        ({"unix_mode": 0o1777}, ValueError, "unix_mode must be such as 0o660, not 1023"),
        ({"unix_mode": "660"}, ValueError, "unix_mode must be such as 0o660, not '660'"),
        ({"unix_mode": True}, ValueError, "unix_mode must be such as 0o660, not True"),
        ({"reuse_port": 1}, TypeError, "reuse_port must be True or False, not 1"),
        ({"proxy_protocol": "unix"}, TypeError, "proxy_protocol lists networks, not 'unix'"),
        ({"proxy_protocol": (10,)}, TypeError, r"proxy_protocol lists networks, not \(10,\)"),
        ({"proxy_protocol": ("10.0.0.1/8",)}, ValueError, "10.0.0.1/8 has host bits set"),
        ({"proxy_protocol": ("all",)}, ValueError, "or 'unix': 'all' does not appear to be"),
    ],
)
def test_how_sockets_cannot_be_opened(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Refused at once, and the message names the field and the value."""
    with pytest.raises(error, match=rf"Sockets\..*{message}"):
        Sockets(**options)


def test_proxies_may_be_a_list() -> None:
    """It is kept as a tuple, so that it doesn't change, and names networks or Unix sockets."""
    proxies: Any = ["10.0.0.0/8", "fd00::1", "unix"]
    sockets = Sockets(proxy_protocol=proxies)
    proxies.clear()
    assert sockets.proxy_protocol == ("10.0.0.0/8", "fd00::1", "unix")


def test_the_defaults_pass_their_own_checks() -> None:
    """The numbers that the documentation promises."""
    assert (Limits().head_bytes, Limits().body_bytes) == (32 * 1024, 1024 * 1024)
    assert (Limits().header_count, Limits().target_bytes) == (100, 8 * 1024)
    assert (Limits().connections, Limits().buffered_bytes) == (10_000, 256 * 1024 * 1024)
    timeouts = Timeouts()
    assert (timeouts.keep_alive, timeouts.head, timeouts.handler) == (75, 10, 30)
    assert (timeouts.stall_grace, timeouts.min_rate, timeouts.send_grace) == (5, 240, 60)
    assert (timeouts.shutdown_delay, timeouts.shutdown) == (0, 10)
    assert (timeouts.drain_idle, timeouts.cleanup) == (0.25, 5)


def test_settings_do_not_change() -> None:
    """A running server relies on them."""
    for settings, name in ((Limits(), "head_bytes"), (Timeouts(), "head"), (Sockets(), "backlog")):
        with pytest.raises(FrozenInstanceError):
            setattr(settings, name, 1)

"""The drill's HAProxy is the example's, and tells whom it sends clients to."""

from tests.drill.site import configuration, is_up
from tests.support.deployment import DEPLOY


def test_both_frontends_are_the_example_s() -> None:
    """They differ in where they listen, and in what is spoken behind them."""
    text = configuration([7, 8], ["unix:/one.sock", "unix:/two.sock"])
    example = (DEPLOY / "haproxy.cfg").read_text(encoding="utf-8")
    assert (
        text.count("server one unix@/one.sock\n") == text.count("server two unix@/two.sock\n") == 2
    )
    assert text.count("bind fd@7\n") == text.count("bind fd@8\n") == 1
    assert text.count("default-server proto h2 check inter") == 1
    for line in ("retries 2", "retry-on conn-failure empty-response", "option redispatch 1"):
        assert f"    {line}\n" in example
        assert text.count(f"    {line}\n") == 2


def test_an_instance_is_up_when_both_backends_say_so() -> None:
    """The latest that each has said counts; where neither has said anything, it was never down."""
    log = "Server service/one is DOWN, reason\nServer h2/one is DOWN\nServer service/one is UP\n"
    assert is_up("", "one")
    assert not is_up(log, "one")
    assert is_up(log, "two")
    assert is_up(f"{log}Server h2/one is UP, reason\n", "one")

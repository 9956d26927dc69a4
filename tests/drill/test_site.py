"""The drill's HAProxy is the example's."""

from tests.drill.site import configuration
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

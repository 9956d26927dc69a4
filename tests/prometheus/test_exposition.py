"""Figures as text."""

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_text

from hump_trio import Headers, Request
from hump_trio.prometheus.exposition import expose

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("fields", "content_type"),
    [
        ([], "text/plain; version=0.0.4"),
        ([("accept", "text/html"), ("accept", "*/*")], "text/plain; version=0.0.4"),
        ([("accept", PROMETHEUS)], "application/openmetrics-text; version=1.0.0"),
        (
            [("accept", "a/b"), ("accept", PROMETHEUS)],
            "application/openmetrics-text; version=1.0.0",
        ),
    ],
)
def test_whoever_asks_gets_what_it_can_read(
    fields: list[tuple[str, str]], content_type: str
) -> None:
    """OpenMetrics only where it was asked for; either can be parsed."""
    registry = CollectorRegistry()
    Counter("teas", "Cups.", ["kind"], registry=registry).labels('gr"een\n').inc(3)
    answer = expose(registry, Request("GET", "/", "/", Headers(fields)))
    assert answer.headers["content-type"].startswith(content_type)
    assert isinstance(answer.body, bytes)
    parse = parse_open if "openmetrics" in content_type else parse_text
    samples = [each for family in parse(answer.body.decode()) for each in family.samples]
    assert ("teas_total", {"kind": 'gr"een\n'}, 3) in [each[:3] for each in samples]

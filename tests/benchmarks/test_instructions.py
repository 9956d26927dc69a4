"""The guard: what it counts, what it says of it, and what it says where it can't count."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest

from hump_trio.testing import connect
from tests.benchmarks import instructions
from tests.benchmarks.callgrind import parse_count
from tests.benchmarks.client import encode_request
from tests.benchmarks.instructions import FLOOR, RENEW, judge, lines_of_table
from tests.benchmarks.programs.fixed_wait import ANSWER
from tests.benchmarks.programs.hump_app import app
from tests.benchmarks.scenarios import LOADS

COUNTS = """# callgrind format
desc: Trigger: dump
positions: line
events: Ir
summary: 113183

fn=(360) summary: 5
0 1
totals: 113183
"""


def run_guard(*arguments: str) -> int:
    """Run the guard as its command line does, and return the exit status."""
    parser = ArgumentParser()
    instructions.add_arguments(parser)
    return instructions.run(parser.parse_args(arguments))


@pytest.mark.parametrize(
    ("ratio", "failed", "change", "advice"),
    [
        (2.082, True, "4.1% more", f": TOO MUCH. If it has to be: {RENEW}"),
        (2.078, False, "3.9% more", ""),
        (1.922, False, "3.9% less", ""),
        (1.918, False, "4.1% less", f": well done. To keep it: {RENEW}"),
    ],
)
def test_more_than_four_per_cent_fail(ratio: float, failed: bool, change: str, advice: str) -> None:
    """A line has both ratios and the change, and beyond 4 % either way what to do about it."""
    verdict = judge("hello", ratio, 2.0)
    assert verdict.failed is failed
    assert verdict.text == f"hello: {ratio:.3f}, {change} than 2.000 in ratios.json{advice}"


def test_a_scenario_without_a_ratio_fails() -> None:
    """A new scenario isn't left unguarded."""
    verdict = judge("hello", 2.0, None)
    assert verdict.failed
    assert verdict.text == f"hello: ratios.json has no ratio; to add it: {RENEW}"


def test_every_guarded_scenario_has_a_ratio() -> None:
    """Each minor version of Python has the ratios of all scenarios."""
    for ratios in json.loads(instructions.RATIOS.read_text()).values():
        assert tuple(ratios) == instructions.SCENARIOS


@pytest.mark.parametrize("minor", json.loads(instructions.RATIOS.read_text()))
@pytest.mark.parametrize("scenario", instructions.BOUNDS)
def test_no_bound_is_passed(scenario: str, minor: str) -> None:
    """However often ratios are renewed, they stay below what was reached once."""
    ratios = json.loads(instructions.RATIOS.read_text())[minor]
    assert ratios[scenario] <= instructions.BOUNDS[scenario]


@pytest.mark.parametrize("minor", json.loads(instructions.RATIOS.read_text()))
@pytest.mark.parametrize("scenario", instructions.RELATIONS)
def test_one_costs_little_beside_another(scenario: str, minor: str) -> None:
    """Streams side by side less than requests, messages in a burst or to many less than one."""
    ratios = json.loads(instructions.RATIOS.read_text())[minor]
    other, bound = instructions.RELATIONS[scenario]
    assert ratios[scenario] <= bound * ratios[other]


def test_the_sum_of_counts_is_found() -> None:
    """It is the line of its own, and a file without it is an error that shows the file."""
    assert parse_count(COUNTS) == 113183
    with pytest.raises(ValueError, match="no summary: '# callgrind format"):
        parse_count("# callgrind format\n")


def test_the_table_has_counts_and_ratios() -> None:
    """A server that doesn't take part in a scenario has an empty cell there."""
    table = {"hump_app": {"hello": 62000.0, "item": 93000.0}, FLOOR: {"hello": 31000.4}}
    assert list(lines_of_table(31000.0, table))[1:] == [
        "In parentheses: ratio to the fixed answer, which takes 31,000.",
        "",
        "| scenario | hump_trio | limit: fixed answer, one epoll |",
        "|---|---|---|",
        "| `GET /`, answered with text | 62,000 (2.000) | 31,000 (1.000) |",
        "| `GET /items/{id:int}?q=`, answered with JSON | 93,000 (3.000) |  |",
    ]


def test_a_scenario_of_another_app_is_called_after_both() -> None:
    """What is asked for is told, and who answers."""
    lines = list(lines_of_table(31000.0, {"hump_app": {"asgi_bare": 62000.0}}))
    assert lines[-1] == "| `GET /`, answered with text; hump_trio, bare ASGI | 62,000 (2.000) |"


def test_each_request_has_a_head_of_its_own() -> None:
    """Only a number tells two requests apart, and the body follows with its length."""
    first, second = (encode_request(LOADS["echo_64k"], number) for number in (7, 8))
    head, _, body = first.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /echo HTTP/1.1",
        b"host: 127.0.0.1",
        b"content-type: application/octet-stream",
        b"x-request-id: 00000007",
        b"content-length: 65536",
    ]
    assert body == b"x" * 65536
    assert second == first.replace(b"00000007", b"00000008")


async def test_the_fixed_answer_is_what_the_app_answers() -> None:
    """The floor sends the same field lines, if for the date, and the same body."""
    async with connect(app) as raw:
        await raw.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = await raw.receive()
    assert len(answer) == len(ANSWER)
    different = set(answer.split(b"\r\n")) ^ set(ANSWER.split(b"\r\n"))
    assert {line.partition(b":")[0] for line in different} == {b"date"}


def test_without_valgrind_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing program is one line with the command that helps, and a failure."""
    monkeypatch.setenv("PATH", "")
    assert run_guard("--check") == 1
    assert capsys.readouterr().err == "valgrind not found: apt-get install valgrind\n"


@pytest.mark.program("valgrind")
def test_a_python_without_ratios_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It names the command that adds them, before anything is measured."""
    monkeypatch.setattr(instructions, "RATIOS", tmp_path / "ratios.json")
    instructions.RATIOS.write_text('{"3.10": {"hello": 2}}')
    assert run_guard("--check") == 1
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    text = f"ratios.json has no ratios for Python {minor}; to add them: {RENEW}\n"
    assert capsys.readouterr().err == text


@pytest.mark.program("valgrind")
def test_a_series_is_counted() -> None:
    """A few rounds of the fixed answer cost what was measured when this was written, or nearly."""
    counts = instructions.measure(FLOOR, ["hello"], 2)
    assert 15_000 < counts["hello"] < 70_000

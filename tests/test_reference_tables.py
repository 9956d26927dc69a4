"""The tables of the reference hold, and its index has every public name."""

import json
import re
import tomllib
from dataclasses import fields
from datetime import UTC, datetime
from inspect import signature
from itertools import chain
from typing import get_args

import pytest

import hump_trio
import hump_trio.asgi
import hump_trio.inspection
import hump_trio.opentelemetry
import hump_trio.prometheus
import hump_trio.testing
import hump_trio.wsgi
from hump_trio import AccessRecord, BindingError, HttpException, Hump, Limits, Sockets, Timeouts
from hump_trio.command.log_format import JsonFormatter, TextFormatter
from hump_trio.dispatch.registration import LAST_SECONDS
from hump_trio.facts.outcomes import CancelReason, Outcome
from hump_trio.testing import client
from tests.support.pages import ROOT
from tests.support.reference import page_run, table_after, tables_after, text_of
from tests.test_public_attributes import ATTRIBUTES

OTHERS = [
    hump_trio.asgi,
    hump_trio.inspection,
    hump_trio.opentelemetry,
    hump_trio.prometheus,
    hump_trio.testing,
    hump_trio.wsgi,
]


def readable(name: str, value: float | str | tuple[str, ...] | None) -> str:
    """Return a setting's value as the reference writes it."""
    if isinstance(value, bool):
        return f"`{value}`"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if name.endswith("_mode"):
        return f"`0o{value:o}`"
    if value is None:
        return "none" if name == "deadline_header" else "no limit"
    if not name.endswith("_bytes"):
        return f"{value:,g}"
    kibibytes = int(value) // 1024
    return f"{kibibytes} KiB" if kibibytes < 1024 else f"{kibibytes // 1024} MiB"


@pytest.mark.parametrize(
    ("page", "heading", "settings"),
    [
        ("time", "Timeouts", Timeouts()),
        ("limits_and_hostile_input", "Limits", Limits()),
        ("serving", "How sockets are opened", Sockets()),
    ],
)
def test_tables_of_settings_are_complete(
    page: str, heading: str, settings: Timeouts | Limits | Sockets
) -> None:
    """Every field has a row with its default, in the order in which the class has them."""
    written = [row[:2] for row in table_after(page, heading)]
    names = [field.name for field in fields(settings)]
    assert written == [[f"`{name}`", readable(name, getattr(settings, name))] for name in names]


def test_what_an_app_is_made_of_is_told() -> None:
    """The table has each parameter of `Hump`, and no other; `unknown` is for those of others."""
    rows = table_after("serving", "From a program")
    written = [name for row in rows for name in re.findall(r"`(\w+)=?[\w]*`", row[0])]
    assert sorted([*written, "binds", "unknown"]) == sorted(signature(Hump).parameters)


def test_the_index_has_what_an_app_has() -> None:
    """All that an editor offers of an app is there, and the first rows are what a router has."""
    rows = table_after("README", "What a `Hump` has")
    written = [re.findall(r"`(\w+)`", row[0]) for row in rows]
    assert sorted(chain(*written)) == sorted(ATTRIBUTES["Hump"].split())
    assert sorted(chain(*written[:4])) == sorted(ATTRIBUTES["Router"].split())


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("Headers", "requests"),
        ("MultiMap", "requests"),
        ("Response", "answers"),
        ("WebSocket", "websockets"),
    ],
)
def test_what_a_class_has_is_told(name: str, page: str) -> None:
    """The page about a class has each of its attributes."""
    text = text_of(page)
    names = ATTRIBUTES[name].split()
    assert [each for each in names if not re.search(rf"\b{each}\b", text)] == []


def test_lines_of_the_access_log_are_written_so() -> None:
    """The line that is shown is that of a request, and each field of its JSON is named."""
    begun = datetime(2026, 11, 22, 10, tzinfo=UTC).timestamp()
    access = AccessRecord(
        client=("127.0.0.1", 50000),
        method="GET",
        target="/teapot",
        http_version="1.1",
        route="/teapot",
        status=418,
        byte_count=151,
        seconds=0.0004,
        outcome="ok",
        request_id="",
        user_agent="curl/8.5.0",
        referrer="",
    )
    assert f"```text\n{TextFormatter().format_request(begun, access)}\n```" in text_of("seeing")
    as_json = JsonFormatter().format_request(begun, access._replace(close_code=1000))
    assert as_json is not None
    said = text_of("seeing").partition("### Logs as JSON")[2].partition("###")[0]
    assert [name for name in json.loads(as_json) if f"`{name}`" not in said] == []


def test_outcomes_are_those_of_the_code() -> None:
    """Each word of the access log has a row, and so has each reason of a cancellation."""
    words = [row[0].strip("`") for row in table_after("seeing", "The access log")]
    assert words == list(get_args(Outcome))
    reasons = [row[0].strip('`"') for row in table_after("time", "What is cancelled")]
    assert sorted(reasons) == sorted(get_args(CancelReason))


def test_extras_are_those_of_the_package() -> None:
    """The table of extras has those that pyproject.toml has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    written = [row[0].strip("`") for row in table_after("README", "Extras")]
    assert sorted(written) == sorted(project["optional-dependencies"])


NAMES = {
    name: row[2]
    for heading in ("Names of `hump_trio`", "Names of other modules")
    for table in tables_after("README", heading)
    for row in table
    for name in re.findall(r"`([\w.]+)`", row[0])
}


def test_the_index_has_the_public_names() -> None:
    """All that can be imported for use is in the index, and nothing else is."""
    others = [f"{module.__name__}.{name}" for module in OTHERS for name in module.__all__]
    assert sorted(NAMES) == sorted([*hump_trio.__all__, *others])


@pytest.mark.parametrize("name", NAMES)
def test_the_index_leads_to_what_is_said_of_a_name(name: str) -> None:
    """The page beside a name has the name, below the heading that is linked."""
    [(page, anchor)] = re.findall(r"\]\((\w+)\.md#([\w-]+)\)", NAMES[name])
    sections = re.split(r"^##+ (.*)\n", text_of(page), flags=re.MULTILINE)[1:]
    [said] = [
        text
        for heading, text in zip(sections[::2], sections[1::2], strict=True)
        if re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") == anchor
    ]
    assert re.search(rf"\b{name.rpartition('.')[2]}\b", said)


class Panic(BaseException):
    """An error that is no `Exception`."""


# For each row of the table of errors, what is raised in a handler.
RAISED: dict[str, list[BaseException]] = {
    "`HttpException`": [HttpException(418, "tea")],
    "`BindingError`, an `HttpException`": [BindingError([("body", "cold")])],
    "an error with an exception handler": [LookupError("no tea")],
    "an exception group of a nursery, in which every error is an `HttpException`, or all errors "
    "have the same handler": [
        ExceptionGroup("", [HttpException(418, "tea"), HttpException(404)]),
        ExceptionGroup("", [KeyError("no tea"), IndexError("no pot")]),
    ],
    "any other `Exception`, or any other group": [
        ValueError("cold"),
        ExceptionGroup("", [HttpException(418, "tea"), ValueError("cold")]),
    ],
    "another `BaseException`, such as a panic in an extension": [Panic("cold")],
}


@pytest.mark.parametrize("row", table_after("errors_and_middleware", "Errors")[:-1], ids=str)
async def test_errors_are_answered_as_said(
    row: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Each row's errors have the status beside them, or that of their handler."""
    said, answer = row
    expected = re.findall(r"\d{3}", answer)
    with page_run("errors_and_middleware") as names:
        app = names["app"]
        assert isinstance(app, Hump)

        @app.get("/raise/{index:int}")
        async def fail(index: int) -> None:
            raise RAISED[said][index]

        async with client(app) as http:
            for index, error in enumerate(RAISED[said]):
                response = await http.get(f"/raise/{index}")
                assert str(response.status_code) in (expected or ["418", "409"]), error
                logged = any(record.exc_info for record in caplog.records)
                assert logged == ("traceback" in answer or "logged" in answer), error


def test_times_of_websockets_are_those_of_the_settings() -> None:
    """Each row's fields have the defaults beside them, as has ``on_disconnect`` of a route."""
    for _, setting, default, _ in table_after("websockets", "Its times"):
        names = re.findall(r"`(\w+)`", setting)
        if names:
            written = ", ".join(f"{getattr(Timeouts(), name):g}" for name in names)
            assert default == written, setting
        elif "on_disconnect" in setting:
            assert default == f"{LAST_SECONDS:g}"
        else:
            assert (setting, default) == ("`timeout=` of the route", "no limit")

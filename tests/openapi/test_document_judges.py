"""Strangers judge the document: a validator of OpenAPI, and a fuzzer that takes it at its word."""

import json
import runpy
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
import trio
from openapi_spec_validator import OpenAPIV31SpecValidator

from hump_trio import Bearer, Hump, JsonResponse, Response
from tests.openapi.documented import documented, route
from tests.support import documented_app
from tests.support.loopback import ask, connect_to, served

EXAMPLES = Path(__file__).parents[2] / "examples"
# And the examples that publish a document.
APPS = [
    "documented_app",
    *sorted(path.stem for path in EXAMPLES.glob("*.py") if ".openapi(" in path.read_text()),
]
# Ten seconds on an idle machine.
FUZZING_SECONDS = 300
# TRACE, which no route has, is a 501 here (RFC 9110 section 9.1), and the fuzzer wants a 405. Names
# that no parameter has are ignored here.
SETTINGS = f"""
hooks = '{Path(__file__).parents[1] / "support" / "fuzzer_hooks.py"}'
[generation]
allow-extra-parameters = false
[phases.coverage]
unexpected-methods = ["get", "put", "post", "delete", "options", "patch"]
"""
# Of the fuzzer's checks, all but the one of credentials, which few of these apps take.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
)


def app_of(name: str) -> Hump[Any]:
    """Return an app by its name, on the loopback interface; an example's is a new one."""
    example = EXAMPLES / f"{name}.py"
    app: Hump[Any] = runpy.run_path(str(example))["app"] if example.exists() else documented_app.app
    app.host, app.port = "127.0.0.1", 0
    return app


@pytest.mark.parametrize("name", APPS)
async def test_validator_finds_nothing(name: str) -> None:
    """The document is OpenAPI 3.1, its schemas and defaults included."""
    app = app_of(name)
    async with served(app):
        stream = await connect_to(app)
        async with stream:
            answer = await ask(stream, "/openapi.json")
    document = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    assert document["paths"]


async def fuzz(
    app: Hump[Any], phases: str, folder: Path, checks: tuple[str, ...] = CHECKS, *options: str
) -> tuple[int, str]:
    """Return the fuzzer's exit status and report.

    Args:
        app: Served on the loopback interface.
        phases: Of the fuzzer.
        folder: An empty one.
        checks: Of the fuzzer.
        options: Further ones of its command line.
    """
    settings = folder / "schemathesis.toml"
    settings.write_text(SETTINGS)
    async with served(app) as url:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings)),
            *("run", f"{url}/openapi.json", f"--phases={phases}", f"--checks={','.join(checks)}"),
            *options,
            *("--max-examples=20", "--generation-deterministic", "--no-color"),
        ]
        with trio.fail_after(FUZZING_SECONDS):
            fuzzer = await trio.run_process(
                command, capture_stdout=True, capture_stderr=True, check=False, cwd=folder
            )
    return fuzzer.returncode, (fuzzer.stdout + fuzzer.stderr).decode()


# Calls in a row find something only where calls have to do with each other.
PHASES = {"documented_app": "coverage,fuzzing"}


@pytest.mark.parametrize("name", APPS)
async def test_fuzzer_finds_nothing(name: str, tmp_path: Path) -> None:
    """The fuzzer finds no server error and no answer that contradicts the document."""
    phases = PHASES.get(name, "examples,coverage,fuzzing,stateful")
    status, report = await fuzz(app_of(name), phases, tmp_path)
    assert status == 0, report


async def test_fuzzer_would_find_something(tmp_path: Path) -> None:
    """A document that lies is found out."""
    app = Hump("127.0.0.1", 0)
    app.openapi(title="Lies", version="1")

    @app.get("/", returns=dict[str, int])
    async def lie() -> Response:
        return JsonResponse(["no dict"])

    status, report = await fuzz(app, "coverage", tmp_path)
    assert status == 1, report
    assert "Response violates schema: 1" in report


async def test_fuzzer_finds_no_way_around_credentials(tmp_path: Path) -> None:
    """With them all is well; without them, and with others, it is refused as documented."""
    sent = "Authorization: Basic YWRtaW46ZWFybCBncmV5"
    options = ("--include-path", "/price", "--header", sent)
    checks = (*CHECKS, "ignored_auth")
    status, report = await fuzz(app_of("credentials"), "coverage", tmp_path, checks, *options)
    assert status == 0, report


async def test_fuzzer_would_find_a_way_around_credentials(tmp_path: Path) -> None:
    """A document that asks for what nobody looks at is found out."""
    app = Hump("127.0.0.1", 0)

    async def checked(token: Annotated[str, Bearer()]) -> str:
        return "welcome"

    @app.get("/")
    async def unchecked() -> str:
        return "welcome"

    @app.get("/openapi.json")
    async def document() -> dict[str, Any]:
        return documented(route("/", checked))

    options = ("--header", "Authorization: Bearer abc")
    status, report = await fuzz(app, "coverage", tmp_path, ("ignored_auth",), *options)
    assert status == 1, report
    assert "API accepts" in report

"""Make clients of the documents of two apps, by three generators, and use them against the server.

    python -m tests.generated_clients

It takes Node with npm, and installs the generators into a folder of its own, which is gone at the
end. It takes about a minute, prints a line for each client, and exits with 1 if one fails.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import trio

from examples import documented_api
from hump_trio import Hump
from hump_trio.testing import client
from tests.support import documented_app
from tests.support.loopback import served

__all__: list[str] = []

HERE = Path(__file__).parent
APPS: dict[str, Hump[Any]] = {"shop": documented_api.app, "everything": documented_app.app}
PYTHON_GENERATOR = "openapi-python-client==0.29.1"
# Many times what it takes: it ends what hangs.
LIMIT_SECONDS = 600


class CommandError(Exception):
    """A command failed; its argument is what it printed."""


async def run(command: Sequence[str | Path], folder: Path) -> str:
    """Return what a command prints.

    Raises:
        CommandError: It failed.
    """
    done = await trio.run_process(
        [str(word) for word in command],
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        cwd=folder,
    )
    printed = (done.stdout + done.stderr).decode(errors="replace")
    if done.returncode:
        raise CommandError(f"{' '.join(map(str, command))}\n{printed}")
    return printed


async def install(folder: Path) -> None:
    """Install the generators, those of npm beside those of pip."""
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(HERE / name, folder)
    for path in HERE.glob("*.ts"):
        shutil.copy(path, folder)

    async def install_python() -> None:
        await run([sys.executable, "-m", "venv", "venv"], folder)
        await run([folder / "venv/bin/pip", "install", "--quiet", PYTHON_GENERATOR], folder)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, ["npm", "install", "--no-audit", "--no-fund"], folder)
        nursery.start_soon(install_python)


async def write_document(name: str, app: Hump[Any], folder: Path) -> None:
    """Write the document of an app."""
    async with client(app) as http:
        answer = await http.get("/openapi.json")
    await trio.Path(folder / f"{name}.json").write_bytes(answer.content)


async def use_fetch(folder: Path, urls: Sequence[str]) -> str:
    """Use the types of openapi-typescript."""
    for name in APPS:
        options = ["--output", f"fetch/{name}.ts", "--default-non-nullable=false"]
        await run(["npx", "openapi-typescript", f"{name}.json", *options], folder)
    return await run_typescript("fetch_client", folder, urls)


async def use_sdk(folder: Path, urls: Sequence[str]) -> str:
    """Use the clients of @hey-api/openapi-ts."""
    for name in APPS:
        options = ["--input", f"{name}.json", "--output", f"sdk/{name}"]
        await run(["npx", "openapi-ts", *options], folder)
    return await run_typescript("sdk_client", folder, urls)


async def run_typescript(name: str, folder: Path, urls: Sequence[str]) -> str:
    """Check and translate a program and what was generated, strictly, and run it."""
    settings = {"extends": "./tsconfig.json", "files": [f"{name}.ts"]}
    await trio.Path(folder / f"{name}.json").write_text(json.dumps(settings))
    await run(["npx", "tsc", "--project", f"{name}.json"], folder)
    return await run(["node", f"out/{name}.js", *urls], folder)


async def use_python(folder: Path, urls: Sequence[str]) -> str:
    """Use the clients of openapi-python-client."""
    generator = folder / "venv/bin/openapi-python-client"
    for name in APPS:
        output = f"{name}_client"
        options = ["--path", f"{name}.json", "--output-path", output, "--meta", "none"]
        await run([generator, "generate", *options], folder)
    program = shutil.copy(HERE / "python_client.py", folder)
    return await run([folder / "venv/bin/python", program, *urls], folder)


CLIENTS = {
    "openapi-typescript with openapi-fetch": use_fetch,
    "@hey-api/openapi-ts": use_sdk,
    "openapi-python-client": use_python,
}


async def check(folder: Path) -> bool:
    """Return whether every client does what it should, and print what each does."""
    well = True
    await install(folder)
    for name, app in APPS.items():
        app.host, app.port = "127.0.0.1", 0
        await write_document(name, app, folder)
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(served(app)) for app in APPS.values()]
        for name, use in CLIENTS.items():
            start = trio.current_time()
            try:
                printed = await use(folder, urls)
            except CommandError as error:
                well, printed = False, f"failed: {error}"
            seconds = trio.current_time() - start
            print(f"{name}: {printed.strip()}, {seconds:.1f} s", flush=True)
    return well


async def main() -> int:
    """Return the exit status."""
    if shutil.which("npm") is None:
        print("this takes Node with npm: apt-get install npm", file=sys.stderr)
        return 1
    well = False
    with tempfile.TemporaryDirectory() as name:
        try:
            with trio.fail_after(LIMIT_SECONDS):
                well = await check(Path(name))
        except* CommandError as group:
            print(*group.exceptions, sep="\n", file=sys.stderr)
        except* trio.TooSlowError:
            print(f"this takes longer than {LIMIT_SECONDS} s", file=sys.stderr)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(trio.run(main))

"""Restart and kill all of a deployed service under load, and print what its clients have seen.

    python -m tests.drill

Two instances with two workers each stand behind HAProxy, as examples/deploy configures it, with
PostgreSQL and Redis. Clients ask over HTTP/1.1 and HTTP/2, read event streams, and talk by
WebSockets, while everything is restarted in turn, and then killed. It takes one to two
minutes, and what `apt-get install haproxy postgresql redis-server` brings. It exits with 1 if a
promise is broken.
"""

import platform
import re
import shutil
import subprocess
import sys

import trio

from tests.drill.drill import drill
from tests.drill.ledger import Ledger
from tests.drill.script import SCRIPT
from tests.drill.site import Site, built
from tests.drill.table import HEADER, summary
from tests.support.programs import lead_to_programs

__all__: list[str] = []


PROGRAMS = {
    "HAProxy": ("haproxy", "-v"),
    "PostgreSQL": ("postgres", "--version"),
    "Redis": ("redis-server", "--version"),
}


def versions() -> str:
    """Return what takes part, for whoever quotes the table."""
    found = [f"CPython {platform.python_version()}", f"Trio {trio.__version__}"]
    for name, command in PROGRAMS.items():
        printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        match = re.search(r"\d+(\.\d+)+", printed)
        found.append(f"{name} {match[0] if match else printed}")
    return ", ".join(found)


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


async def play(site: Site) -> Ledger:
    """Play the whole script."""
    return await drill(site, SCRIPT, say)


def main() -> int:
    """Return the exit status."""
    lead_to_programs()
    missing = [name for name, *_ in PROGRAMS.values() if shutil.which(name) is None]
    if missing:
        print(f"this takes {', '.join(missing)}", file=sys.stderr)
        return 1
    say(f"{versions()}\n")
    with built() as site:
        say(HEADER)
        ledger = trio.run(play, site)
        if ledger.faults:
            print(site.read_logs(), file=sys.stderr)
    say(f"\n{summary(ledger)}")
    return 1 if ledger.faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""The loggers of the package, in programs that configure logging."""

import logging
import logging.config
import subprocess
import sys

import pytest

from hump_trio.facts.loggers import access_logger, logger

PROGRAM = """
import logging.config, trio
from hump_trio import Hump
from hump_trio.testing import client

CONFIG = {
    "version": 1,
    "handlers": {"all": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["all"], "level": "INFO"},
}
INI = (
    "[loggers]\\nkeys=root\\n[handlers]\\nkeys=all\\n[formatters]\\nkeys=\\n"
    "[logger_root]\\nhandlers=all\\nlevel=INFO\\n"
    "[handler_all]\\nclass=StreamHandler\\nargs=()\\n"
)

app = Hump()

@app.get("/")
async def index():
    raise LookupError("no tea left")

@app.lifespan
async def live(app):
    {within}
    yield

async def main():
    async with client(app) as http:
        await http.get("/")

{before}
trio.run(main)
"""
CONFIGURE = "logging.config.dictConfig(CONFIG)"
CONFIGURE_BY_FILE = "import io; logging.config.fileConfig(io.StringIO(INI))"


@pytest.mark.parametrize(
    ("before", "within"),
    [(CONFIGURE, "pass"), (CONFIGURE_BY_FILE, "pass"), ("", CONFIGURE)],
    ids=["dict", "file", "in the lifespan"],
)
def test_a_configuration_that_disables_loggers(before: str, within: str) -> None:
    """As it does by default: the traceback of a 500 is logged all the same."""
    program = PROGRAM.replace("{before}", before).replace("{within}", within)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert b"LookupError: no tea left" in run.stderr
    assert (b'"GET /" 500' in run.stderr) == bool(before)  # asked for when the server starts


@pytest.mark.parametrize("each", [logger, access_logger])
def test_only_a_configuration_disables_in_vain(each: logging.Logger) -> None:
    """Which isn't meant for these loggers: it would have named them."""
    exec("each.disabled = True", {"__name__": "logging.config", "each": each})
    assert each.isEnabledFor(logging.CRITICAL)


@pytest.mark.parametrize("each", [logger, access_logger])
def test_a_program_may_disable_them(each: logging.Logger) -> None:
    """By their attribute, as any other logger."""
    each.disabled = True
    try:
        assert not each.isEnabledFor(logging.CRITICAL)
    finally:
        each.disabled = False
    assert each is logging.getLogger(each.name)

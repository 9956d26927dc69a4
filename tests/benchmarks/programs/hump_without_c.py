"""hump_app where websockets can't be imported, so that messages are unmasked in Python."""

import runpy
import sys

if __name__ == "__main__":
    sys.modules["websockets"] = None  # type: ignore[assignment]
    runpy.run_module("tests.benchmarks.programs.hump_app", run_name="__main__")

"""bjoern, a server of WSGI in C, and a bare function."""

import sys

import bjoern

from tests.benchmarks.programs.bare_wsgi import app

if __name__ == "__main__":
    bjoern.run(app, "127.0.0.1", int(sys.argv[1]))

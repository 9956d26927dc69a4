"""fastwsgi, a server of WSGI in C, and a bare function."""

import sys

import fastwsgi

from tests.benchmarks.programs.bare_wsgi import app

if __name__ == "__main__":
    fastwsgi.run(app, "127.0.0.1", int(sys.argv[1]), loglevel=fastwsgi.LL_DISABLED)

"""hump_trio with an access log in text, written as the command line writes it."""

from tests.benchmarks.programs.hump_app import app
from tests.benchmarks.programs.on_hump import log_requests, serve

log_requests("text")

if __name__ == "__main__":
    serve(app)

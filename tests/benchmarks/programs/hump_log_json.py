"""hump_trio with an access log in JSON, written as the command line writes it."""

from tests.benchmarks.programs.hump_app import app
from tests.benchmarks.programs.on_hump import log_requests, serve

log_requests("json")

if __name__ == "__main__":
    serve(app)

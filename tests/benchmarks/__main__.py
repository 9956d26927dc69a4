"""How fast hump_trio is, beside its peers and beside its limits.

    pip install -e '.[bench]' && apt-get install wrk nghttp2-client curl openssl util-linux valgrind
    python -m tests.benchmarks load

`load` measures what servers take and give under load, in two and a half hours; read its figures as
ratios, since they change with the machine and whatever else it does. `instructions` counts what
the processor executes for a request, which repeats.

Peers that aren't there are left out, and said to be. Those that no extra brings need a compiler, an
old package or another program: `pip install bjoern fastwsgi 'setuptools<81' robyn socketify` and
`apt-get install nginx nodejs libev-dev`.
"""

import argparse
import sys

from tests.benchmarks import instructions, load


def main() -> int:
    """Run the subcommand that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, part in {"load": load, "instructions": instructions}.items():
        text = part.__doc__ or ""
        command = commands.add_parser(
            name,
            help=text.partition("\n")[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        part.add_arguments(command)
        command.set_defaults(run=part.run)
    options = parser.parse_args()
    status: int = options.run(options)
    return status


if __name__ == "__main__":
    sys.exit(main())

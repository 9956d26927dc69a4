"""Instructions per request, counted under callgrind (not there yet)."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this part's options to its command line."""


def run(options: argparse.Namespace) -> int:
    """Count, and return the exit status."""
    raise NotImplementedError

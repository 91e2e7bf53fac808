"""The command line. Each command's help says when in the year one needs it."""

import sys

from config.errors import GangchuangError


def main() -> None:
    """Entry of `gangchuang`: errors are one clear sentence on stderr and exit status 1."""
    from flows.cli.commands import app

    try:
        app()
    except GangchuangError as problem:
        print(f"gangchuang: {problem}", file=sys.stderr)
        sys.exit(1)

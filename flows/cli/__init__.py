"""The command line. Each command's help says when in the year one needs it."""

import os
import sys

from config.errors import GangchuangError


def main() -> None:
    """Entry of `gangchuang`: errors are one clear sentence on stderr and exit status 1."""
    from flows.cli.commands import app

    # What a command writes, backups and exports too, is its user's own.
    os.umask(0o077)
    try:
        app()
    except GangchuangError as problem:
        print(f"gangchuang: {problem}", file=sys.stderr)
        sys.exit(1)

"""The command line. Each command's help says when in the year one needs it."""

import os
import sys
from pathlib import Path

_HERE = Path("flows", "cli", "__init__.py")


def main() -> None:
    """Entry of `gangchuang`: errors are one clear sentence on stderr and exit status 1."""
    _come_first()
    from config.errors import GangchuangError
    from flows.cli.commands import app

    # What a command writes, backups and exports too, is its user's own.
    os.umask(0o077)
    try:
        app()
    except GangchuangError as problem:
        print(f"gangchuang: {problem}", file=sys.stderr)
        sys.exit(1)


def _come_first() -> None:
    """Here and in every child our packages come before anybody's of the same name, and no working folder is searched.

    Installed they lie in a folder of their own, in a checkout at its top; one in PYTHONPATH wins over the installed.
    """
    given = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    ours = next((folder for folder in given if Path(folder, _HERE).is_file()), str(Path(__file__).resolve().parents[2]))
    path = [ours, *(folder for folder in given if folder != ours)]
    os.environ |= {"PYTHONPATH": os.pathsep.join(path), "PYTHONSAFEPATH": "1"}
    sys.path[:] = [ours, *(folder for folder in sys.path if folder not in ("", ours))]

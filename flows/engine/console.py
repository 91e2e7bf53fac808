"""Lines for the terminal and the log files."""

import sys


def tell(line: object) -> None:
    """Write one line at once; a process of the tree may be killed at any moment."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()

"""Runs the program that opens what strangers sent, in a process with hard limits, and takes what it tells as it comes."""

import json
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows.workbooks.reader import extraction

WAIT_SECONDS = 90
_MOST_FRAME = 256 << 20


class ProcessDied(Exception):
    """It ended, or was ended, before it had told everything."""


class FileUnreadable(Exception):
    """It says that the file cannot be read, with one of a few codes."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class ReadingProcess:
    """One run of `extraction.py` on one file. It ends with the context, whatever it is doing."""

    def __init__(self, path: Path, *arguments: str) -> None:
        program = str(Path(extraction.__file__).resolve())
        self.command = [sys.executable, "-I", program, str(path.resolve()), *arguments]

    def __enter__(self) -> "ReadingProcess":
        # It reads what strangers sent: it inherits no input, no settings with passwords, no folder of ours.
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},
        )
        self.watchdog = threading.Timer(WAIT_SECONDS, self.process.kill)
        self.watchdog.daemon = True
        self.watchdog.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.watchdog.cancel()
        self.process.kill()
        self.process.communicate()

    def frames(self) -> Iterator[Any]:
        """Each frame as it comes. Raises ProcessDied, FileUnreadable, and ValueError for what is no frame."""
        pipe = self.process.stdout
        assert pipe is not None
        while True:
            head = pipe.read(4)
            length = struct.unpack("<I", head)[0] if len(head) == 4 else _MOST_FRAME
            body = pipe.read(length) if length < _MOST_FRAME else b""
            if not body or len(body) < length:
                raise ProcessDied
            frame = json.loads(body)
            if frame[0] == "end":
                return
            if frame[0] == "unreadable":
                raise FileUnreadable(str(frame[1]))
            yield frame

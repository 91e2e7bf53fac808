"""Processes that the warm parent (`flows.engine.warm`) forks for another one, which stands for them.

`python -m flows.engine.launch` is the worker's command for one flow run; the supervisor has the server, the worker and
the clock forked the same way. Standard library only, so that it starts in a few hundredths of a second. Without a warm
parent the command becomes the ordinary cold interpreter. When it is killed, the forked process is
killed; when that ends, it ends the same way.
"""

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from flows.engine.processes import die_with_parent

SOCKET_VARIABLE = "GANGCHUANG_WARM_SOCKET"
MODULE = "flows.engine.run"
_PATIENCE = 5.0


class Fork:
    """A forked process, as `subprocess.Popen` has one of its own: `python -m` a module with its arguments.

    Raises OSError when no warm parent listens. When the warm parent dies, its forks have been killed.
    """

    def __init__(self, address: str, command: Sequence[str], environment: Mapping[str, str], streams: Sequence[int]):
        self.returncode: int | None = None
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._line.settimeout(_PATIENCE)
        try:
            self._line.connect(address)
            given = {"command": [*command], "environment": {**environment}, "folder": str(Path.cwd())}
            request = json.dumps(given).encode()
            socket.send_fds(self._line, [struct.pack("!I", len(request))], [*streams])
            self._line.sendall(request)
            self.pid = self._number()
            self._line.settimeout(None)
        except OSError:
            self._line.close()
            raise

    def poll(self) -> int | None:
        """How it ended, as `subprocess` tells it; None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """How it ended. Raises subprocess.TimeoutExpired after so many seconds."""
        ended = self._ended(timeout)
        if ended is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return ended

    def send_signal(self, number: int) -> None:
        """Have the warm parent pass a signal on, if the process is there."""
        with suppress(OSError):
            self._line.send(bytes([number]))

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._line], [], [], timeout)[0]:
            try:
                self.returncode = os.waitstatus_to_exitcode(self._number())
            except OSError:
                self.returncode = -signal.SIGKILL
            self._line.close()
        return self.returncode

    def _number(self) -> int:
        answer = self._line.recv(4, socket.MSG_WAITALL)
        if len(answer) < 4:
            raise ConnectionResetError("the warm parent is gone")
        return int(struct.unpack("!i", answer)[0])


def main() -> None:
    """Have the flow run that the environment names forked, and end as it ends."""
    die_with_parent(os.getppid())
    try:
        fork = Fork(os.environ.get(SOCKET_VARIABLE, ""), [MODULE], os.environ, [0, 1, 2])
    except OSError:
        os.execv(sys.executable, [sys.executable, "-m", MODULE])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda given, _frame: fork.send_signal(given))
    ended = fork.wait()
    if ended < 0:
        if ended != -signal.SIGKILL:
            signal.signal(-ended, signal.SIG_DFL)
        os.kill(os.getpid(), -ended)
    sys.exit(ended)


if __name__ == "__main__":
    main()

"""The worker's command for one flow run: asks the warm parent (`flows.engine.warm`) to fork it, and stands in for it.

Standard library only, so that it starts in a few hundredths of a second. Without a warm
parent it becomes the ordinary cold interpreter. When it is killed, the forked process is
killed; when that ends, it ends the same way.
"""

import json
import os
import signal
import socket
import struct
import sys
from pathlib import Path

from flows.engine.processes import die_with_parent

SOCKET_VARIABLE = "GANGCHUANG_WARM_SOCKET"
MODULE = "flows.engine.run"


def call(address: str) -> socket.socket:
    """Hand this process's environment, folder and standard streams to the warm parent. Raises OSError."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(address)
    request = json.dumps({"environment": dict(os.environ), "folder": str(Path.cwd())}).encode()
    socket.send_fds(line, [struct.pack("!I", len(request))], [0, 1, 2])
    line.sendall(request)
    return line


def stand_in(line: socket.socket) -> int:
    """Pass signals on until the forked process ends; returns its wait status. Raises OSError when it is lost."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda given, _frame: line.send(bytes([given])))
    answer = line.recv(4, socket.MSG_WAITALL)
    if len(answer) < 4:
        raise ConnectionResetError("the warm parent is gone")
    return int(struct.unpack("!i", answer)[0])


def end_like(status: int) -> None:
    """End this process as the other one ended."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    sys.exit(os.waitstatus_to_exitcode(status))


def main() -> None:
    die_with_parent(os.getppid())
    address = os.environ.get(SOCKET_VARIABLE, "")
    try:
        line = call(address)
    except OSError:
        os.execv(sys.executable, [sys.executable, "-m", MODULE])
    try:
        status = stand_in(line)
    except OSError:
        os.kill(os.getpid(), signal.SIGKILL)
    end_like(status)


if __name__ == "__main__":
    main()

"""The warm parent, a fork server: it has imported everything once and forks the server, worker, clock and each run.

A cold interpreter spends seconds and a hundred megabytes on importing Prefect and the stages; a fork of this one
starts at once and shares them. It stays single-threaded, opens no database and holds no state: it is
replaced when it dies, and its forks die with it. `python -m flows.engine.warm SOCKET MODULE…`
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from setproctitle import setproctitle

from flows.engine import run
from flows.engine.environment import WORKER_VARIABLE, external_api_url
from flows.engine.launch import MODULE
from flows.engine.processes import default_signals, die_with_parent, tell
from states.rules.names import name_key

ENGINE_MODULES = ("prefect.flow_engine", "prefect.task_engine", "prefect.events", "flows.engine.deployments")
# What the processes beside the runs are made of.
TREE_MODULES = ("uvicorn", "prefect.workers.process", "flows.office.application", "flows.clock")
PREFECTS_SERVER = "prefect.server.api.server"
_PATIENCE = 5.0


@dataclass
class Request:
    """What to fork: a module with its arguments, its variables, its folder, its three streams."""

    command: list[str]
    environment: dict[str, str]
    folder: str
    streams: list[int]


def read_request(line: socket.socket) -> Request:
    """Read a launcher's request. Raises OSError or ValueError when it is broken or slow."""
    line.settimeout(_PATIENCE)
    head, streams, _, _ = socket.recv_fds(line, 4, 3)
    (length,) = struct.unpack("!I", head)
    body = b""
    while len(body) < length:
        part = line.recv(min(65536, length - len(body)))
        if not part:
            raise ConnectionResetError("the launcher hung up")
        body += part
    content: dict[str, Any] = json.loads(body)
    line.settimeout(None)
    return Request(content["command"], content["environment"], content["folder"], list(streams))


class ForkServer:
    """Listens for launchers, forks, forwards signals and tells how each child ended."""

    def __init__(self, address: Path) -> None:
        self.children: dict[int, socket.socket] = {}
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(address))
        self.listener.listen(16)
        self.woken, self.waker = socket.socketpair()
        self.waker.setblocking(False)
        self.stopping = False
        self.selector.register(self.listener, selectors.EVENT_READ, "call")
        self.selector.register(self.woken, selectors.EVENT_READ, "signal")

    def serve(self) -> Request | None:
        """Work until stopped, returning None. In a forked child, returns at once with what it is to run."""
        signal.set_wakeup_fd(self.waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while not self.stopping:
            for key, _ in self.selector.select():
                if key.data == "call":
                    request = self._fork_for_caller()
                    if request is not None:
                        return request
                elif key.data == "signal":
                    self.woken.recv(4096)
                    self._reap()
                else:
                    self._forward_signal(key.data)
        return None

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _fork_for_caller(self) -> Request | None:
        line, _ = self.listener.accept()
        try:
            request = read_request(line)
        except (OSError, ValueError, KeyError, struct.error) as problem:
            tell(f"refused a call: {problem}")
            line.close()
            return None
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_child(line, parent)
            return request
        for stream in request.streams:
            os.close(stream)
        self.children[pid] = line
        with suppress(OSError):
            line.sendall(struct.pack("!i", pid))
        self.selector.register(line, selectors.EVENT_READ, pid)
        return None

    def _become_child(self, line: socket.socket, parent: int) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        default_signals()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        die_with_parent(parent)
        self.selector.close()
        for inherited in (self.listener, self.woken, self.waker, line, *self.children.values()):
            inherited.close()

    def _forward_signal(self, pid: int) -> None:
        """A byte is a signal to pass on; silence means that the launcher was killed."""
        line = self.children.get(pid)
        if line is None:
            return
        try:
            given = line.recv(1)
        except OSError:
            given = b""
        os.kill(pid, given[0] if given else signal.SIGKILL)
        if not given:
            self.selector.unregister(line)

    def _reap(self) -> None:
        for pid, line in list(self.children.items()):
            found, status = os.waitpid(pid, os.WNOHANG)
            if not found:
                continue
            del self.children[pid]
            if line in {key.fileobj for key in self.selector.get_map().values()}:
                self.selector.unregister(line)
            with suppress(OSError):
                line.sendall(struct.pack("!i", status))
            line.close()


def become(request: Request, usual: Mapping[str, str]) -> None:
    """Turn this forked process into what was asked for: its streams, folder and variables.

    `usual` are the Prefect settings that every run of this home has; reading others takes time.
    """
    setproctitle(" ".join(request.command))  # before the variables, behind which it looks for room
    for target, stream in enumerate(request.streams):
        os.dup2(stream, target)
        os.close(stream)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    if request.command != [MODULE]:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()
        sys.argv = request.command
        # It may have been imported as a library already.
        sys.modules.pop(request.command[0], None)
        runpy.run_module(request.command[0], run_name="__main__", alter_sys=True)
    elif _prefect_settings(request.environment) != usual:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()
        run.main()
    else:
        run.execute()


def _prefect_settings(variables: Mapping[str, str]) -> dict[str, str]:
    """The settings proper; names with two underscores tell about one run and are read when needed."""
    return {
        name: value
        for name, value in variables.items()
        if name.startswith("PREFECT_") and not name.startswith("PREFECT__")
    }


def usual_settings() -> dict[str, str]:
    """The settings as the worker hands them on, which it spells in its own way (`False` for `false`)."""
    from prefect.settings import get_current_settings

    spelt = get_current_settings().to_environment_variables(exclude_unset=True)
    return _prefect_settings({**os.environ, **spelt})


def warm_up() -> None:
    """Make once what every run would make for itself: each module of ours says what in a function of this name."""
    from prefect.client.schemas.actions import FlowRunUpdate
    from prefect.client.schemas.objects import FlowRun

    for name, module in [*sys.modules.items()]:
        if name.startswith("flows.") and name != __name__:
            getattr(module, "warm_up", bool)()
    name_key("岗创 gc")  # reads the tables of signs that look alike
    for model in (FlowRun, FlowRunUpdate):
        model.model_rebuild()


def main(arguments: list[str]) -> None:
    address, modules = Path(arguments[0]), arguments[1:]
    server = () if external_api_url() or WORKER_VARIABLE in os.environ else (PREFECTS_SERVER,)
    for module in (*ENGINE_MODULES, *TREE_MODULES, *server, *modules):
        importlib.import_module(module)
    warm_up()
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        sys.exit(f"not safe to fork: importing {' '.join(modules)} started the threads {others}")
    usual = usual_settings()
    gc.collect()
    # What importing left over goes back before anybody shares it (glibc).
    getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
    gc.freeze()
    tell(f"warm on {address}")
    with run.without_prefects_heartbeat():
        request = ForkServer(address).serve()
        if request is not None:
            become(request, usual)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Tells the worker beside the server at once that a run waits; by itself it asks the server every few seconds only.

A datagram to a socket that lies beside the warm parent's. Nobody need listen and none need arrive: one that is lost
costs those seconds. Workers on other machines ask by themselves.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.engine.launch import SOCKET_VARIABLE


def wake() -> None:
    """Have the worker look for runs now; where no supervisor has started this process, there is none to tell."""
    if SOCKET_VARIABLE not in os.environ:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line, suppress(OSError):
        line.setblocking(False)
        line.sendto(b"!", str(_address()))


@contextmanager
def woken(look: Callable[[], object]) -> Iterator[None]:
    """In this loop, call `look` after each wake; several that came together are one."""
    address, loop = _address(), asyncio.get_running_loop()
    address.unlink(missing_ok=True)  # of a worker that was killed
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(address))
        line.setblocking(False)

        def hear() -> None:
            with suppress(BlockingIOError):
                while line.recv(1):
                    pass
            look()

        loop.add_reader(line, hear)
        try:
            yield
        finally:
            loop.remove_reader(line)


def _address() -> Path:
    return Path(os.environ[SOCKET_VARIABLE]).with_name("wake")

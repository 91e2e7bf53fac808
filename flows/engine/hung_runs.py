"""Ends runs that hang: alive, silent for many leases, and perhaps in the midst of a transaction.

A silent run's lease runs out and another run takes over; its fence keeps the sleeper from
writing. But it would keep its place among the worker's few for ever, and one that hangs inside
a transaction still holds the database's lock, on SQLite that of the whole file, so that nobody
could take over. So every run signs its lease with its process: whoever takes over kills it, and
the clock of the same machine kills one that has not been heard of for too long.
"""

import logging
import os
import signal
import socket
import uuid
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Engine, or_, select

from models import Lease
from models.database import database_seconds, reading

log = logging.getLogger("gangchuang.clock")

# A run renews its lease with each transaction, so this bounds a single one.
SILENT_LEASES = 10


def own_name() -> str:
    """Signs a lease: this machine, this process and its birth, and something of its own. At most 64 characters."""
    return f"{_machine()}/{os.getpid()}/{_born(os.getpid())}/{uuid.uuid4().hex[:16]}"


def end_hung_runs(engine: Engine, lease_seconds: float) -> list[str]:
    """Kill the processes of this machine whose stage has been silent for ten leases. Returns the stages' leases."""
    with reading(engine) as session:
        silent = select(Lease.name, Lease.owner).where(
            or_(Lease.name.startswith("stage/"), Lease.name.startswith("part/")),
            Lease.expires > 0,
            Lease.expires < database_seconds(session) - SILENT_LEASES * lease_seconds,
        )
        rows = session.execute(silent).all()
    return [name for name, owner in rows if end_silent(name, owner)]


def end_silent(name: str, owner: str) -> bool:
    """Kill the process that signed a lease, if it lives on this machine and is another one. Whether it was killed."""
    machine, pid, born, *_ = (*owner.split("/"), "", "", "")
    if machine != _machine() or not pid.isdigit() or born != _born(int(pid)) or int(pid) == os.getpid():
        return False
    log.error("%s: its run (process %s) hangs and is killed; the stage is run again", name, pid)
    try:
        os.kill(int(pid), signal.SIGKILL)
    except OSError as problem:
        log.error("process %s cannot be killed: %s", pid, problem.strerror)
        return False
    return True


def is_gone(owner: str) -> bool:
    """Whether a signature is that of a process of this machine that lives no more."""
    machine, pid, born, *_ = (*owner.split("/"), "", "", "")
    return machine == _machine() and pid.isdigit() and born != _born(int(pid))


def _machine() -> str:
    return sha256(socket.gethostname().encode()).hexdigest()[:8]


def _born(pid: int) -> str:
    """When a living process began, in the kernel's ticks; empty when there is none. Process ids are used again."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" else fields[18]

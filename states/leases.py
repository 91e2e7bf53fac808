"""Who may work on something right now: a lease with a fence, timed by the database's clock.

A holder that dies loses its lease when it runs out. A holder that merely slept finds
another fence and can write nothing more, because every one of its transactions begins with
`hold`, which locks the lease's row until the commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from models import Lease
from models.database import database_seconds

# Owns a part that its holder gave up.
_LEFT = "left"


class LeaseTaken(GangchuangError):
    """Somebody else is at it at this moment."""

    def __init__(self, name: str, owner: str, seconds: float) -> None:
        self.name, self.owner = name, owner
        self.chinese = "另一次运行正在处理同一件事，请稍后再试。没有任何改动。"
        super().__init__(
            f"{name} is being worked on by another run ({owner}). Nothing was changed. "
            f"If that run died, its lease ends in {max(seconds, 0):.0f} s; try again then."
        )


class LeaseLost(GangchuangError):
    """This run slept through its lease and somebody else took over; its transaction is rolled back."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name}: another run took over while this one was silent. Nothing more was written.")


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease in one's hands. `silent`: from whom it was taken over, because it had run out."""

    name: str
    owner: str
    fence: int
    seconds: float
    silent: str = ""


def take(session: Session, name: str, *, owner: str, seconds: float, flow_run: str = "") -> HeldLease:
    """Take a free or expired lease, or one's own again. Raises LeaseTaken."""
    now = database_seconds(session)
    row = session.scalar(select(Lease).where(Lease.name == name).with_for_update())
    if row is None:
        session.add(Lease(name=name, owner=owner, fence=1, expires=now + seconds, flow_run=flow_run))
        try:
            session.flush()
        except IntegrityError as problem:
            raise LeaseTaken(name, "just now", seconds) from problem
        return HeldLease(name, owner, 1, seconds)
    if row.expires > now and row.owner != owner:
        raise LeaseTaken(name, row.owner, row.expires - now)
    silent = row.owner if row.expires > 0 and row.owner != owner else ""
    row.owner, row.fence, row.expires = owner, row.fence + 1, now + seconds
    row.done, row.total, row.flow_run = 0, 0, flow_run
    session.flush()
    return HeldLease(name, owner, row.fence, seconds, silent)


def hold(session: Session, held: HeldLease, done: int = 0, total: int = 0) -> None:
    """Renew a lease at the beginning of a transaction, and say how far the work is, if it has pieces. Raises LeaseLost."""
    pieces = {"done": done, "total": total} if total else {}
    if not _changed(session, held, expires=database_seconds(session) + held.seconds, **pieces):
        raise LeaseLost(held.name)


def is_held(session: Session, name: str, fence: int) -> bool:
    """Whether a lease is still in the hands that have this fence."""
    row = session.get(Lease, name)
    return row is not None and row.fence == fence and row.expires > database_seconds(session)


def release(session: Session, held: HeldLease) -> None:
    """Give a lease back; the fence stays, so that it never repeats."""
    _changed(session, held, expires=0.0)


def _changed(session: Session, held: HeldLease, **values: Any) -> bool:
    mine = (Lease.name == held.name, Lease.owner == held.owner, Lease.fence == held.fence)
    changed: Any = session.execute(update(Lease).where(*mine).values(**values))
    return bool(changed.rowcount)


@dataclass(frozen=True, slots=True)
class Parts:
    """How far a work is that was laid out in parts: pieces done, pieces in all, and whether no part is left."""

    done: int
    total: int
    settled: bool


def lay_out(session: Session, beginning: str, sizes: Sequence[int]) -> None:
    """Lay a work out in parts of so many pieces; whoever works on an earlier layout can write nothing more.

    It waits for their transactions. A part is free while fewer than all of its pieces are done and its lease is
    nobody's; one that was left has no piece counted as done and an owner of that name.
    """
    known = {part.name: part for part in session.scalars(_parts(beginning).with_for_update())}
    for part in known.values():
        part.owner, part.fence, part.expires, part.done, part.total = "", part.fence + 1, 0.0, 0, 0
    for number, size in enumerate(sizes):
        name = f"{beginning}{number:04}"
        row = known.get(name)
        if row is None:
            session.add(Lease(name=name, owner="", fence=1, expires=0.0, total=size))
        else:
            row.total = size
    session.flush()


def take_part(
    session: Session, beginning: str, *, owner: str, seconds: float, leftovers: bool = False
) -> HeldLease | None:
    """Take a part that is neither done nor in anybody's hands, of those that were left only where asked; None if none is."""
    free = _parts(beginning).where(Lease.done < Lease.total, Lease.expires <= database_seconds(session))
    if not leftovers:
        free = free.where(Lease.owner != _LEFT)
    row = session.scalar(free.limit(1).with_for_update(skip_locked=True))
    if row is None:
        return None
    silent = row.owner if row.expires > 0 else ""
    row.owner, row.fence, row.expires = owner, row.fence + 1, database_seconds(session) + seconds
    session.flush()
    return HeldLease(row.name, owner, row.fence, seconds, silent)


def complete(session: Session, held: HeldLease) -> bool:
    """All pieces of a part are done; whether it was still in these hands."""
    return _changed(session, held, expires=0.0, done=Lease.total)


def leave(session: Session, held: HeldLease) -> None:
    """Give a part back to whoever laid the work out, and to nobody else."""
    _changed(session, held, expires=0.0, owner=_LEFT)


def parts_of(session: Session, beginning: str) -> Parts:
    """How far the parts are."""
    rows = session.execute(_parts(beginning).with_only_columns(Lease.done, Lease.total)).all()
    done, total = sum(row.done for row in rows), sum(row.total for row in rows)
    return Parts(done, total, done == total)


def _parts(beginning: str) -> Select[Lease]:
    return select(Lease).where(Lease.name.startswith(beginning, autoescape=True)).order_by(Lease.name)


def is_live(session: Session, name: str) -> bool:
    """Whether somebody holds a lease at this moment."""
    expires = session.scalar(select(Lease.expires).where(Lease.name == name))
    return expires is not None and expires > database_seconds(session)


def forget(session: Session, prefix: str) -> None:
    """Drop all leases whose name begins so (leases on the starts of a milestone whose date was moved)."""
    session.execute(delete(Lease).where(Lease.name.startswith(prefix, autoescape=True)))

"""Objections that earlier versions took, brought up: who objected stood in the database as it was written."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models import Objection
from models.database import reading, writing
from models.enums import Role, Trigger
from models.queries import lock_call
from states.machine import Act, Actor
from states.objections.encryption import conceal, is_concealed
from states.objections.standing import place_of, sealed_person
from states.transitions import note_objection

_UPGRADE = Actor(Role.SYSTEM, "upgrade")


def encrypt_earlier(engine: Engine, key_of: Callable[[int], bytes], at: datetime) -> int:
    """Encrypt whoever objected where an earlier version wrote it as it was, by the key of each season; how many."""
    with reading(engine) as session:
        if not _plain(session):
            return 0
    with writing(engine) as session:
        found = _plain(session)
        for objection in found:
            lock_call(session, objection.season)
            # Name and contact were one text.
            key, place = key_of(objection.season), place_of(objection.id, "objector")
            objection.objector = conceal(key, objection.objector, place)
            session.flush()
            sealed = sealed_person(session, objection)
            note_objection(session, objection, Trigger.SEAL_OBJECTOR, Act(_UPGRADE, at), facts=sealed)
    return len(found)


def _plain(session: Session) -> list[Objection]:
    rows = session.scalars(select(Objection).where(Objection.objector != "").order_by(Objection.id))
    return [row for row in rows if not is_concealed(row.objector)]

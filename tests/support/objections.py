"""Objections as tests raise and answer them: taken up at once, looked into by somebody who had no part in the award."""

from typing import Any

from sqlalchemy.orm import Session

from config.local_time import local_day
from config.season import Season
from models import Objection
from models.enums import ObjectionChannel, ObjectionKind, ObjectionResult, Role
from states.machine import Act, Actor
from states.objections.process import (
    Answered,
    Filed,
    accept_objection,
    answer_objection,
    investigate_objection,
    raise_objection,
)

KEY = bytes(range(32))
INVESTIGATOR, SECOND_INVESTIGATOR = "示例·赵监督", "示例·钱监督"


def entered(session: Session, season: Season, number: str, act: Act, *, key: bytes = KEY, **said: Any) -> Objection:
    """An objection as it came, not yet taken up."""
    words = {
        "kind": ObjectionKind.OWNERSHIP,
        "channel": ObjectionChannel.POST,
        "received_on": local_day(act.at),
        "grounds": "示例事由",
        "objector": "示例·举报人",
        **said,
    }
    return raise_objection(session, season, Filed(number=number, **words), act, key=key)


def object_to(session: Session, season: Season, number: str, act: Act, *, key: bytes = KEY, **said: Any) -> Objection:
    """An objection, taken up."""
    objection = entered(session, season, number, act, key=key, **said)
    return accept_objection(session, season, objection.id, act, key=key)


def by(person: str, act: Act) -> Act:
    return act.by(Actor(Role.OFFICE, person))


def answer(
    session: Session,
    season: Season,
    objection: int,
    act: Act,
    *,
    upheld: bool = False,
    answer: str = "示例：经核查",
    person: str = INVESTIGATOR,
    **said: Any,
) -> Answered:
    """Look into an objection and answer it, in another's name than that of whoever approved the list."""
    investigate_objection(session, season, objection, act, person=person)
    result = said.pop("result", ObjectionResult.REMOVED if upheld else ObjectionResult.REJECTED)
    return answer_objection(session, season, objection, by(person, act), result=result, answer=answer, **said)

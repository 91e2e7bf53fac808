"""Addresses of a planned season that were wrong: of a unit, of the office, of those who are reached last.

The rules of a season are fixed when it is planned; where its letters go must be correctable. The record bears the two
addresses as seals, since an address may be a person's.
"""

import json
from dataclasses import dataclass

from pydantic import ValidationError
from sqlalchemy import update
from sqlalchemy.orm import Session
from sqlmodel import col

from config.season import Season
from models import Message
from models.enums import MessageState, Trigger
from models.queries import lock_call
from states.machine import Act
from states.officers import DecisionRefused, require_reason
from states.transitions import note_call

OFFICE, COORDINATION = "office", "coordination"
_OF_THE_OFFICE = {OFFICE: "mail", COORDINATION: "coordination_mail"}
_WAITING = (MessageState.WAITING, MessageState.STUCK)


@dataclass(frozen=True, slots=True)
class CorrectedAddress:
    """What became of an address; `redirected` letters that had not gone out go to the new one."""

    season: Season
    old: str
    new: str
    redirected: int


def correct_address(
    session: Session, year: int, whose: str, address: str, act: Act, *, reason: str
) -> CorrectedAddress:
    """Put another address into the rules in force, and send there what still waits. Raises DecisionRefused.

    `whose`: a unit's code, `office` or `coordination`. Letters that are stuck at the old address are tried anew.
    """
    call = lock_call(session, year)
    before, about = Season.model_validate_json(call.rules), f"the address of {whose}"
    require_reason(about, reason)
    if whose not in _OF_THE_OFFICE and whose not in {unit.code for unit in before.units()}:
        known = ", ".join(_OF_THE_OFFICE)
        raise DecisionRefused(
            about, f"it is neither a unit's code nor one of {known}", f"{whose}不是单位代码，也不是{known}"
        )
    old = address_of(before, whose)
    if address == old:
        raise DecisionRefused(about, "it is that address already", "现行地址就是这个")
    rules = with_address(call.rules, whose, address)
    try:
        season = Season.model_validate_json(rules)
    except ValidationError as problem:
        said = problem.errors()[0]["msg"]
        raise DecisionRefused(about, f"{address!r} {said}", f"“{address}”不是邮箱地址") from problem
    call.rules = rules
    waiting = update(Message).where(Message.season == year, Message.recipient == old, col(Message.state).in_(_WAITING))
    anew = waiting.values(recipient=address, state=MessageState.WAITING, attempts=0, not_before=0.0, problem="")
    redirected = session.execute(anew.execution_options(synchronize_session="fetch")).rowcount  # type: ignore[attr-defined]
    facts = {"whose": whose, "address_before": old, "address": address, "redirected": redirected}
    note_call(session, year, Trigger.CORRECT_ADDRESS, act, reason=reason, facts=facts)
    return CorrectedAddress(season, old, address, redirected)


def address_of(season: Season, whose: str) -> str:
    """The address in force of a unit, of the office or of the coordination group."""
    return str(getattr(season.office, _OF_THE_OFFICE[whose])) if whose in _OF_THE_OFFICE else season.mail_of(whose)


def with_address(rules: str, whose: str, address: str) -> str:
    """Rules as JSON with another address in them."""
    told = json.loads(rules)
    if whose in _OF_THE_OFFICE:
        told["office"][_OF_THE_OFFICE[whose]] = address
    else:
        told["district_round"]["units"].setdefault(whose, {})["mail"] = address
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))

"""What makes a release of the public pages due, and an earlier one put back: both follow from the record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from models import Call, History
from models.enums import Trigger
from states.history.canonical import call_subject
from states.machine import Act
from states.transitions import note_call

# The words of the record after which the public reads something else.
PUBLIC = (
    Trigger.OPEN_CALL,
    Trigger.MOVE_DATE,
    Trigger.OPEN_PUBLIC_NOTICE,
    Trigger.PUBLISH_RESULTS,
    Trigger.CLOSE_SEASON,
    Trigger.RECORD_ROOT,
    Trigger.ERASE_PERSONAL_DATA,
    Trigger.ERASE_PERSON,
    Trigger.AWARD,
    Trigger.ARCHIVE,
    Trigger.REVOKE,
    Trigger.REINSTATE,
    Trigger.RAISE_OBJECTION,
    Trigger.ACCEPT_OBJECTION,
    Trigger.DECLINE_OBJECTION,
    Trigger.INVESTIGATE_OBJECTION,
    Trigger.ANSWER_OBJECTION,
    Trigger.RECONSIDER_OBJECTION,
    Trigger.CLOSE_OBJECTION,
    Trigger.MOVE_UP,
    Trigger.CORRECT_NAME,
    Trigger.CORRECT_ADDRESS,
    Trigger.WITHDRAW_CONSENT,
    Trigger.RECORD_FOLLOW_UP,
    Trigger.RECORD_PRACTICE,
    Trigger.WITHHOLD_PRACTICE,
)
# After these, no release from before may come back, nor stay on the disk: it shows what was taken away for good.
HIDING = (
    Trigger.ERASE_PERSONAL_DATA,
    Trigger.ERASE_PERSON,
    Trigger.WITHDRAW_CONSENT,
    Trigger.WITHHOLD_PRACTICE,
)


@dataclass(frozen=True, slots=True)
class Marks:
    """What a release follows from, by season: two equal marks of `public` are the same public facts.

    Once the results are out, the record itself is public, to its last entry. `changed`: when what the pages say
    changed last; `whole` counts every entry; `hidden`: how often something was taken away for good.
    """

    public: Mapping[int, str]
    changed: Mapping[int, str]
    whole: Mapping[int, str]
    hidden: int
    put_back: int | None  # the release that an officer wants back, as long as nothing public happens


def public_marks(session: Session) -> Marks:
    """The marks of this moment. A season of which nothing is public yet has none."""
    entry, public = History, _is_public()
    told = entry.trigger != Trigger.PUT_BACK_RELEASE
    rows = session.execute(
        select(
            entry.season,
            func.count(),
            func.max(entry.at),
            func.count().filter(told),
            func.max(entry.at).filter(told),
            func.count().filter(public),
            func.max(entry.at).filter(public),
            func.count().filter(entry.trigger.in_(HIDING)),
            func.count().filter(entry.trigger == Trigger.OPEN_CALL),
            func.count().filter(entry.trigger == Trigger.PUBLISH_RESULTS),
        )
        .where(entry.season.in_(select(Call.season)))
        .group_by(entry.season)
        .order_by(entry.season)
    ).all()
    marks, changed, whole = {}, {}, {}
    for year, entries, last, said, last_said, seen, last_seen, _, opened, with_results in rows:
        if opened:
            marks[year] = f"{said}@{last_said}" if with_results else f"{seen}@{last_seen}"
            changed[year], whole[year] = last_seen, f"{entries}@{last}"
    return Marks(marks, changed, whole, sum(row[7] for row in rows), _put_back(session, marks))


_known: dict[str, tuple[tuple[Any, ...], Marks]] = {}


def committed_marks(session: Session) -> Marks:
    """The marks as a reading view has them, for who asks every minute: counted anew only when the record has grown.

    The record only ever grows, so as many entries are the same entries: by season, from an index alone.
    """
    by_season = select(History.season, func.count()).where(History.season.in_(select(Call.season)))
    counted = session.execute(by_season.group_by(History.season))
    calls = session.execute(select(Call.season, Call.head))
    grown = (sorted(map(tuple, counted)), sorted(map(tuple, calls)))
    database = str(session.get_bind().engine.url)
    if database not in _known or _known[database][0] != grown:
        _known[database] = grown, public_marks(session)
    return _known[database][1]


def put_back(session: Session, season: int, act: Act, release: int, *, reason: str) -> None:
    """Record that an earlier release is wanted back, until the next public change of any season."""
    marks = {str(year): mark for year, mark in public_marks(session).public.items()}
    facts: dict[str, Any] = {"release": release, "marks": marks}
    note_call(session, season, Trigger.PUT_BACK_RELEASE, act, reason=reason, facts=facts)


def _put_back(session: Session, marks: Mapping[int, str]) -> int | None:
    """The newest put-back's release, where the public facts are still those of its moment; 0 ended one."""
    calls = [call_subject(year) for year in marks]
    latest = session.scalar(
        select(History.facts)
        .where(History.subject.in_(calls), History.trigger == Trigger.PUT_BACK_RELEASE)
        .order_by(History.at.desc(), History.sequence.desc())
        .limit(1)
    )
    facts = json.loads(latest) if latest else {"marks": {}}
    meant = {int(year): mark for year, mark in facts["marks"].items()}
    return int(facts["release"]) or None if latest and meant == dict(marks) else None


def _is_public() -> ColumnElement[bool]:
    # The end of the notice moves no state: it is a milestone that was settled.
    ended = and_(
        History.trigger == Trigger.SETTLE_MILESTONE,
        History.facts.contains(f'"milestone":"{Milestone.CLOSE_PUBLIC_NOTICE}/'),
    )
    return or_(History.trigger.in_(PUBLIC), ended)

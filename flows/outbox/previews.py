"""A letter as it would read, by kind, unit and instant, before anybody is written to.

Dates, quota, address and the unit's name are the season's own; numbers and titles the unit's, where it has some, else
marked 示例. Nothing is kept and nothing is sent.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from jinja2 import UndefinedError
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.local_time import local_day
from config.milestones import Milestone
from config.season import Season
from config.units import unit_on
from flows.outbox.letters import Letter, LetterKind, compose
from flows.outbox.messages import addressee
from models import Submission
from models.queries import milestone_rows, planned_seasons
from states.guard_facts import dated
from states.rules.calendar.timetable import Deadlines
from states.timeline import planned_dates

M = Milestone
# Whose date a letter of a kind names as its deadline.
_DEADLINES = {
    LetterKind.CALL_OPENED: M.CLOSE_CALL,
    LetterKind.CALL_REMINDER: M.CLOSE_CALL,
    LetterKind.RECEIPT: M.CLOSE_CALL,
    LetterKind.CALL_CLOSED: M.CLOSE_DISTRICT_ROUND,
    LetterKind.WORKBOOK_REISSUED: M.CLOSE_CALL,
    LetterKind.DISTRICT_ROUND_REMINDER: M.CLOSE_DISTRICT_ROUND,
    LetterKind.OWING: M.CLOSE_CALL,
    LetterKind.CORRECTION_ASKED: M.CLOSE_ELIGIBILITY,
    LetterKind.EXPERT_INVITATION: M.CLOSE_FINAL_ROUND,
    LetterKind.EXPERT_REMINDER: M.CLOSE_FINAL_ROUND,
    LetterKind.EXPERT_REPLACEMENT: M.CLOSE_FINAL_ROUND,
    LetterKind.SCORES_OWED: M.CLOSE_FINAL_ROUND,
    LetterKind.BALLOT: M.CLOSE_VOTES,
    LetterKind.BALLOT_REMINDER: M.CLOSE_VOTES,
    LetterKind.APPROVAL_WANTED: M.OPEN_PUBLIC_NOTICE,
    LetterKind.APPROVAL_ESCALATED: M.OPEN_PUBLIC_NOTICE,
    LetterKind.FOLLOW_UP: M.CLOSE_SEASON,
    LetterKind.FOLLOW_UP_REMINDER: M.CLOSE_SEASON,
}
_WORDS = {
    "reason": "示例：因当地交通中断，材料无法按时送达",
    "answer": "示例：经核查，情况不属实，维持原结果。",
    "file_name": "示例-申报汇总表.xlsx",
    "problem": "示例：某单位的工作簿无法写入",
    "stage": M.CLOSE_CALL.value,
    "workbook": "申报汇总表",
    "milestone": M.CLOSE_CALL.label,
    "decision": "异议不成立",
    "expert_name": "示例·张三",
    "page": "",
    "public": "0312233",
    "file": "history.jsonl",
}
_FLAGS = {"again": False, "over": False, "newest": False, "for_all": True}
_COUNTS = {"level": 1, "returned": 0, "rows_back": 0, "more": 0, "more_notes": 0, "unread": 0}


class NoPreview(GangchuangError):
    def __init__(self, kind: LetterKind, reason: str) -> None:
        self.kind = kind
        super().__init__(
            f"{kind} cannot be shown ({reason}). `gangchuang season check` says what is wrong with its wording."
        )


def preview(session: Session, season: Season, kind: LetterKind, unit: str, at: datetime) -> tuple[str, Letter]:
    """(address, letter) as it would go to a unit at an instant, or to the office where the kind is the office's.

    Raises UnknownUnit, UnitNotInForce, NoPreview.
    """
    unit_on(unit, local_day(season.dates.open_call))
    name, mail = addressee(season, unit, at)
    own = _own(session, season.year, unit)
    values = _values(session, season, kind, unit, name, at, own)
    if "unit_name" not in kind.needs and kind is not LetterKind.RECEIPT:
        mail = "（专家本人）" if "expert_name" in kind.needs else season.office.mail
    problem = ""
    # What stands in a list is told by nothing but its template: the first shape that it takes is its own.
    for width in (2, 3, 1, 4):
        try:
            return mail, compose(kind, season=season, **values, **dict(_lists(kind, own, width)))
        except (ValueError, TypeError, UndefinedError) as refused:
            problem = str(refused)
    raise NoPreview(kind, problem)


def _values(
    session: Session, season: Season, kind: LetterKind, unit: str, name: str, at: datetime, own: tuple[str, str]
) -> dict[str, Any]:
    """Everything that is no list, by the name under which a letter asks for it."""
    deadlines = _deadlines(session, season)
    deadline = deadlines.at(_DEADLINES.get(kind, M.CLOSE_CALL), unit) or season.dates.close_season
    given: dict[str, Any] = {
        "unit_name": name,
        "recipient_name": f"{name}科协",
        "quota": season.quota_of(unit),
        "number": own[0],
        "title": own[1],
        "arrived_at": at,
        "old": deadline,
        "new": deadline,
        "until": min((moment for moment in deadlines.dates.values() if moment > at), default=deadline),
        "deadline": deadline,
        "due_at": deadline,
        "reconsider_until": deadline,
        "notice_until": local_day(deadline),
        "received_on": local_day(at),
        "since": at,
        "opens_on": local_day(season.dates.open_public_notice),
        "closes_on": local_day(deadlines.at(M.CLOSE_PUBLIC_NOTICE) or season.dates.publish_results),
        "officers": list(season.office.officers),
        "counts": {"示例": 3, "added": 1, "changed": 1},
        "years": sorted({local_day(instant).year for _, instant in season.dates.given()}),
        **_WORDS,
        **_FLAGS,
        **_COUNTS,
    }
    names = [name for name in (*kind.needs, *kind.may) if not _is_list(name)]
    # Parts that several letters share ask for more than the letter's own list.
    return given | {name: _guessed(name) for name in names if name not in given}


def _guessed(name: str) -> Any:
    """A value for a name that stands in no table: what it is, its name says."""
    if name in ("root", "export", "checker", "seed", "commitment", "digest"):
        return "0" * 64
    return 1 if name in ("count", "delivered", "issue", "ordinal", "rows_in", "added", "reserves", "total") else "示例"


_LISTS = frozenset(
    [
        "items",
        "ineligible",
        "back",
        "out",
        "first",
        "second",
        "third",
        "pairs",
        "problems",
        "numbers",
        "without_verdict",
        "in_correction",
        "owed",
        "passed",
        "recommended",
        "not_recommended",
        "not_reviewed",
        "ties",
        "lacking",
        "standing",
        "notes",
    ]
)


def _is_list(name: str) -> bool:
    return name in _LISTS


def _lists(kind: LetterKind, own: tuple[str, str], width: int) -> Iterator[tuple[str, Any]]:
    number, whole = own[0], (*own, "示例：说明", 1)
    for name in (*kind.needs, *kind.may):
        if name == "ties":
            yield name, []
        elif name == "standing" and "objection" in kind.needs:
            yield name, "示例：核查中"
        elif name == "problems" and width == 1:
            yield name, ["示例：说明"]
        elif name == "pairs":
            yield name, [(number, number, 93)]
        elif name in ("items", "ineligible"):
            yield name, [whole[:width] if width > 1 else number]
        elif name in ("back", "out", "first", "second", "third", "problems"):
            yield name, [whole[:2]] if name in ("back", "first", "problems") else []
        elif _is_list(name) and name in kind.needs:
            yield name, [number]


def _deadlines(session: Session, season: Season) -> Deadlines:
    """The dates in force where the season is planned, else those of its file."""
    if season.year in planned_seasons(session):
        return Deadlines.of(dated(milestone_rows(session, season.year)))
    return Deadlines({(step, unit): at for step, ordinal, unit, at in planned_dates(season) if ordinal == 1})


def _own(session: Session, year: int, unit: str) -> tuple[str, str]:
    """Number and title of a submission of the unit's; invented ones where it has none."""
    known = select(Submission.number, Submission.title).where(Submission.season == year, Submission.unit == unit)
    row = session.execute(known.order_by(Submission.number).limit(1)).first()
    return (row.number, row.title) if row else (f"{year}-{unit}-0001", "示例项目")

"""A letter as it would read, by kind, unit and instant, before anybody is written to.

Dates, quota, address and the unit's name are the season's own; numbers and titles the unit's, where it has some, else
marked 示例. Nothing is kept and nothing is sent.
"""

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
from models.enums import (
    MailDoubt,
    ObjectionKind,
    ObjectionResult,
    ObjectionState,
    Tier,
    TroubleKind,
    WorkbookKind,
)
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
    LetterKind.PRACTICE_ASKED: M.CLOSE_PRACTICE,
    LetterKind.PRACTICE_REMINDER: M.CLOSE_PRACTICE,
    LetterKind.FOLLOW_UP: M.CLOSE_SEASON,
    LetterKind.FOLLOW_UP_REMINDER: M.CLOSE_SEASON,
}
_NUMBER, _TITLE, _DIGEST = "2026-500103-0001", "示例项目", "0" * 64
# A value for each name under which letters ask for something; the unit's own submission takes the place of these two.
_SAMPLES: dict[str, Any] = {
    "number": _NUMBER,
    "title": _TITLE,
    **dict.fromkeys(("root", "export", "checker", "seed", "commitment", "digest"), _DIGEST),
    **dict.fromkeys(
        (
            "count",
            "delivered",
            "issue",
            "ordinal",
            "rows_in",
            "added",
            "reserves",
            "total",
            "level",
            "objection",
            "part",
            "parts",
            "published",
        ),
        1,
    ),
    **dict.fromkeys(("returned", "rows_back", "more", "more_notes", "unread"), 0),
    **dict.fromkeys(("again", "over", "newest"), False),
    **{key: [_NUMBER] for key in ("numbers", "without_verdict", "owed", "passed", "recommended", "lacking")},
    **{key: [] for key in ("in_correction", "not_recommended", "not_reviewed", "ineligible", "out", "ties")},
    **{key: [] for key in ("second", "third", "standing", "notes", "problems", "judged", "file_names", "large")},
    **{name: [(_NUMBER, _TITLE)] for name in ("items", "back", "first")},
    **dict.fromkeys(("page", "investigator", "asked_by"), ""),
    "pairs": [(_NUMBER, "2026-500103-0002", 93)],
    "hints": ["示例：附件不是用下发的模板填的表"],
    "about": ObjectionKind.FACTS,
    "address": "示例@example.invalid",
    "amount": "10,000.00",
    "answer": "示例：经核查，情况不属实，维持原结果。",
    "counts": {"示例": 3, "added": 1, "changed": 1},
    "decision": ObjectionResult.REJECTED,
    "doubt": MailDoubt.UNKNOWN_ADDRESS,
    "expert_name": "示例·张三",
    "file": "history.jsonl",
    "file_name": "示例-申报汇总表.xlsx",
    "files": ["示例.docx", "示例.xlsx"],
    "folder": "示例",
    "for_all": True,
    "milestone": M.CLOSE_CALL,
    "name": "示例·李四",
    "public": "0312233",
    "reason": "示例：因当地交通中断，材料无法按时送达",
    "said": "示例：某单位的工作簿无法写入",
    "silent": ["示例区"],
    "subject": "示例",
    "tier": Tier.THIRD,
    "trouble": TroubleKind.DELIVERY_HELD,
    "valid": "岗创〔2026〕第0002号",
    "void": "岗创〔2026〕第0001号",
    "what": "示例·张三的姓名",
    "workbook": WorkbookKind.SUBMISSIONS,
}
# Where a name stands for something else in one kind of letter than in the others.
_OWN_SAMPLES: dict[LetterKind, dict[str, Any]] = {
    LetterKind.OWING: {"items": [("示例区", "2项没有初评意见")]},
    LetterKind.CORRECTION_ASKED: {"items": [(_NUMBER, _TITLE, "示例：应用证明")]},
    LetterKind.NOTICE_OPENED: {"items": [(_NUMBER, _TITLE, Tier.THIRD)]},
    LetterKind.NAMES_IN_TEXTS: {"items": [(_NUMBER, "成果简介", "示例·张三")]},
    LetterKind.EXPERTS_REPLACED: {"items": [(_NUMBER, "示例·张三")]},
    LetterKind.SCORES_OWED: {"items": [("E0001", "示例·张三", 3)]},
    LetterKind.POOL_CHANGED: {"items": ["新增：示例·张三（示例大学）"]},
    LetterKind.OBJECTION_TO_OBJECTOR: {"standing": ObjectionState.INVESTIGATING},
    LetterKind.OBJECTION_REMINDER: {"standing": ObjectionState.INVESTIGATING},
    LetterKind.PRACTICE_WITHHELD: {"number": "2026-500103-P01", "title": "示例：一线项目集中会诊"},
    LetterKind.RECEIPT: {"problems": [("“申报汇总表”工作表C6单元格", "示例：“类别”没有填。")], "owed": []},
}


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
    try:
        return mail, compose(kind, season=season, **values)
    except (ValueError, TypeError, UndefinedError) as refused:
        raise NoPreview(kind, str(refused)) from refused


def _values(
    session: Session, season: Season, kind: LetterKind, unit: str, name: str, at: datetime, own: tuple[str, str]
) -> dict[str, Any]:
    """Everything that a letter asks for by name."""
    deadlines = _deadlines(session, season)
    deadline = deadlines.at(_DEADLINES.get(kind, M.CLOSE_CALL), unit) or season.dates.close_season
    given: dict[str, Any] = {
        **_SAMPLES,
        **_OWN_SAMPLES.get(kind, {}),
        "unit_name": name,
        "recipient_name": f"{name}科协",
        "quota": season.quota_of(unit),
        "secret": bool(season.final_round.votes and season.final_round.votes.secret),
        "arrived_at": at,
        **dict.fromkeys(("old", "new", "deadline", "due_at", "reconsider_until"), deadline),
        "until": min((moment for moment in deadlines.dates.values() if moment > at), default=deadline),
        "notice_until": local_day(deadline),
        **dict.fromkeys(("received_on", "day"), local_day(at)),
        "since": at,
        "opens_on": local_day(season.dates.open_public_notice),
        "closes_on": local_day(deadlines.at(M.CLOSE_PUBLIC_NOTICE) or season.dates.publish_results),
        "officers": list(season.office.officers),
        "years": sorted({local_day(instant).year for _, instant in season.dates.given()}),
    }
    return {name: _with_own(sample, own) for name, sample in given.items()}


def _with_own(sample: Any, own: tuple[str, str]) -> Any:
    """The sample with the unit's own submission in place of the invented one."""
    if isinstance(sample, list | tuple):
        return type(sample)(_with_own(part, own) for part in sample)
    return {_NUMBER: own[0], _TITLE: own[1]}.get(sample, sample) if isinstance(sample, str) else sample


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

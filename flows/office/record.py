"""The record as the office reads it: finding a submission, and what was done with it, by whom and why."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from config.units import all_units
from flows.engine.words import deed_of
from flows.office.owing import names_of
from models import Contributor, History, Organisation, Placing, Submission
from models.enums import CallState, Category, Outcome, Role, SubmissionState, Tier, Trigger
from states.history.seals import Seals
from states.rules.grouping import grouped
from states.rules.names import name_key

FOUND_AT_MOST = 100
_ITEMS = 8
_DIGEST, _SHOWN = 64, 16
_TRIGGERS = {word.value: word for word in Trigger}
_STATES = {state.value: state.label for state in (*SubmissionState, *CallState)}


# What the office calls the facts that it is asked about; the others go by their names.
FACTS = {
    "admitted": "准予补收",
    "answer": "答复",
    "arrived_at": "收到时间",
    "asked_by": "由谁退回",
    "at_once": "立即生效",
    "attachments": "附件",
    "cause": "原因",
    "category": "类别",
    "decision": "决定",
    "delivery": "来件摘要",
    "digest": "摘要",
    "due_at": "期限",
    "entries": "条目数",
    "expert": "专家",
    "experts": "专家",
    "late_seconds": "晚几秒",
    "leaves": "对象数",
    "list": "名单",
    "list_digest": "名单校验码",
    "merit": "得分",
    "message": "邮件",
    "milestone": "节点",
    "missing": "缺少",
    "new": "新时间",
    "objection": "异议",
    "old": "原时间",
    "ordinal": "第几次",
    "other": "另一项目",
    "outcome": "结论",
    "place": "区内序号",
    "points": "分项得分",
    "publication": "公布",
    "quota": "推荐名额",
    "rank": "名次",
    "reopened": "重新进行",
    "root": "根值",
    "round": "轮次",
    "rows": "行数",
    "score": "评分",
    "similarity": "相似度",
    "tier": "等次",
    "title": "名称",
    "total": "总分",
    "unit": "单位",
    "verdict": "初评结论",
    "version": "版本",
    "voted": "表决",
}


@dataclass(frozen=True)
class SubmissionFound:
    """One submission and where it stands; `place` in the frozen ranking, where it has one."""

    number: str
    title: str
    unit: str
    category: Category
    state: SubmissionState
    outcome: Outcome | None
    tier: Tier | None
    place: int | None


@dataclass(frozen=True)
class ReadableEntry:
    """One entry of the record, as people read it. `facts` are lines; `told` by the library of words or not at all."""

    sequence: int
    at: datetime
    trigger: str
    label: str
    change: str
    who: str
    reason: str
    facts: tuple[str, ...]
    flow_run: str
    hash: str


def find(session: Session, year: int, words: str) -> list[SubmissionFound]:
    """Submissions of a season whose number, title or unit has every word, by number; the first hundred."""
    query = (
        select(Submission, Placing.position)
        .outerjoin(Placing, Placing.number == Submission.number)
        .where(Submission.season == year, *map(_has, words.split()))
        .order_by(Submission.number)
        .limit(FOUND_AT_MOST)
    )
    return [_found(submission, place) for submission, place in session.execute(query)]


def found(session: Session, number: str) -> SubmissionFound | None:
    """One submission by its number."""
    query = select(Submission, Placing.position).outerjoin(Placing, Placing.number == Submission.number)
    row = session.execute(query.where(Submission.number == number)).one_or_none()
    return None if row is None else _found(*row)


@dataclass(frozen=True)
class HolderFound:
    """Somebody whose name was looked for, over all seasons: what a form about them takes, and in how many submissions."""

    kind: str
    name: str
    organisation: str
    count: int


def holders(session: Session, words: str) -> list[HolderFound]:
    """Persons by their organisations, organisations and reporting units that are called exactly this."""
    key, found = name_key(words), list[HolderFound]()
    if not key:
        return found
    people = select(Contributor.name, Contributor.organisation).where(Contributor.name_key == key)
    named = session.execute(people.order_by(Contributor.number))
    apart = grouped((name_key(organisation), (name, organisation)) for name, organisation in named)
    found += [HolderFound("个人", *own[-1], len(own)) for _, own in sorted(apart.items())]
    bodies = session.scalars(select(Organisation.name).where(Organisation.name_key == key)).all()
    found += [HolderFound("单位", bodies[-1], "", len(bodies))] if bodies else []
    for code, unit in all_units().items():
        if words.strip() in (code, unit.name):
            count = session.scalar(select(func.count()).select_from(Submission).where(Submission.unit == code)) or 0
            found += [HolderFound("报送单位", unit.name, "", count)] if count else []
    return found


def _has(word: str) -> ColumnElement[bool]:
    units = [code for code, unit in all_units().items() if word in (code, unit.name) or word in unit.name]
    key = name_key(word)
    return or_(
        Submission.number.contains(word, autoescape=True),
        Submission.title.contains(word, autoescape=True),
        *((Submission.title_key.contains(key, autoescape=True),) if key else ()),
        Submission.unit.in_(units),
    )


def _found(one: Submission, place: int | None) -> SubmissionFound:
    unit = all_units()[one.unit].name
    return SubmissionFound(one.number, one.title, unit, one.category, one.state, one.outcome, one.tier, place)


def history(session: Session, subject: str) -> list[ReadableEntry]:
    """Everything that was done with one subject, in order; experts by their names where the record has aliases."""
    written = session.scalars(select(History).where(History.subject == subject).order_by(History.sequence)).all()
    if not written:
        return []
    show = Seals(session, written[0].season).show
    actors = [str(show(entry.actor)) for entry in written]
    names = names_of(session, {actor.partition(":")[2] for actor in actors})
    return [_entry(entry, actor, names, show) for entry, actor in zip(written, actors, strict=True)]


def _entry(entry: History, actor: str, names: Mapping[str, str], show: Any) -> ReadableEntry:
    source, target = entry.from_state, entry.to_state
    word = _TRIGGERS.get(entry.trigger)
    change = "" if source == target else f"{_STATES.get(source, source) or '–'} → {_STATES.get(target, target)}"
    return ReadableEntry(
        entry.sequence,
        datetime.fromisoformat(entry.at),
        entry.trigger,
        word.label if word else entry.trigger,
        change,
        who(actor, names),
        str(show(entry.reason)),
        tuple(fact_lines(json.loads(str(show(entry.facts))), FACTS)),
        entry.flow_run,
        entry.hash,
    )


def who(actor: str, names: Mapping[str, str]) -> str:
    """An actor of the record in the office's words: 区县科协 渝中区, 系统（申报截止）, 协调小组办公室 示例·王主任."""
    role, _, name = actor.partition(":")
    if role not in set(Role):
        return actor
    if role == Role.SYSTEM:
        return f"{Role(role).label}（{deed_of(name)}）"
    known = names.get(name, name)
    return f"{Role(role).label} {known}" + (f"（{name}）" if known != name else "")


def fact_lines(facts: Mapping[str, Any], words: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """`name: value`, in the order of their names; `words` for some of them. The whole of them is in the export."""
    for name, value in sorted(facts.items()):
        yield f"{words.get(name, name)}: {_told(value, name)}"


def _told(value: Any, name: str = "", *, within: bool = False) -> str:
    items: Sequence[str]
    if isinstance(value, Mapping):
        items = [f"{key} {_told(part, within=True)}" for key, part in value.items()]
    elif isinstance(value, list):
        items = [_told(part, within=True) for part in value]
    else:
        return _plain(value, name)
    more = len(items) - _ITEMS
    shown = ", ".join(items[:_ITEMS]) or "none"
    shown = f"{shown} … and {more} more" if more > 0 else shown
    return f"({shown})" if within else shown


def _plain(value: Any, name: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "–"
    text = str(value)
    if name.endswith("_at"):
        return f"{datetime.fromisoformat(text).astimezone(ZONE):%Y-%m-%d %H:%M} {ZONE.key}"
    is_digest = len(text) == _DIGEST and text.strip("0123456789abcdef") == ""
    return f"{text[:_SHOWN]}…" if is_digest else text

"""What the database holds of a sender after a delivery, for the end of the receipt: what stands, and what is still owed."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.season import Season
from config.units import all_units
from models import Assignment, Attachment, Ballot, DistrictVerdict, Expert, FollowUp, Score, Submission
from models.enums import AssignmentState, CallState, SubmissionState, Verdict, WorkbookKind
from models.queries import call_state
from states.final_round.freeze import scores_are_frozen
from states.final_round.votes import owing_votes
from states.outstanding import in_correction, scores_owed, without_verdict
from states.practice import practices
from states.submissions.delivery import RowChange
from states.submissions.follow_up import unanswered

_SHOWN = 20
CHANGES = {
    RowChange.NEW: "新接收",
    RowChange.UPDATED: "已更新",
    RowChange.UNCHANGED: "与已接收的相同",
    RowChange.WITHDRAWN: "已撤回",
}


@dataclass(frozen=True)
class SenderStanding:
    """`lines`: (label, text) of what stands; `owed`: what the sender has still to do, a sentence each."""

    lines: tuple[tuple[str, str], ...] = ()
    owed: tuple[str, ...] = ()


def standing_of(
    session: Session,
    season: Season,
    sender: str,
    kind: WorkbookKind | None,
    numbers: Collection[str],
    changes: Iterable[RowChange],
) -> SenderStanding:
    """Of a sender, after a delivery of a kind in which rows about `numbers` were accepted.

    Where nobody can tell of what kind it was, of what the sender has to deliver at present.
    """
    kind = kind or _expected(session, season.year, sender)
    if kind is WorkbookKind.SUBMISSIONS and sender in all_units():
        return _of_submissions(session, season.year, sender, numbers, changes)
    if kind is WorkbookKind.VERDICTS and sender in all_units():
        return _of_verdicts(session, season, sender)
    if kind is WorkbookKind.SCORES:
        return _of_scores(session, season.year, sender)
    if kind is WorkbookKind.FOLLOW_UP and sender in all_units():
        return _of_follow_up(session, season.year, sender)
    if kind is WorkbookKind.PRACTICE and sender in all_units():
        rows = [row for row in practices(session, season.year) if row.unit == sender]
        public = sum(row.consent and row.withheld_at is None for row in rows)
        return SenderStanding(
            (("已有的材料", f"{len(rows)}份，同意公开{public}份：{_listed([row.number for row in rows])}"),)
        )
    if kind is WorkbookKind.VOTES:
        owed = owing_votes(session, season).get(sender, [])
        given = session.scalar(
            select(func.count())
            .select_from(Ballot)
            .join(Submission, Submission.number == Ballot.number)
            .where(Ballot.caster == sender, Submission.season == season.year)
        )
        return SenderStanding(
            (("已有的表决", f"{given}项"),), (f"还有{len(owed)}项没有表决：{_listed(owed)}",) if owed else ()
        )
    if kind is WorkbookKind.EXPERTS:
        return SenderStanding((("专家库", f"{session.scalar(select(func.count()).select_from(Expert))}人"),))
    return SenderStanding()


def _expected(session: Session, year: int, sender: str) -> WorkbookKind | None:
    state = call_state(session, year)
    if sender in all_units():
        return {CallState.OPEN: WorkbookKind.SUBMISSIONS, CallState.DISTRICT_REVIEW: WorkbookKind.VERDICTS}.get(state)
    return WorkbookKind.SCORES if state is CallState.FINAL_REVIEW and session.get(Expert, sender) is not None else None


def remarks_of(
    session: Session, season: Season, sender: str, kind: WorkbookKind | None, numbers: Collection[str]
) -> Mapping[str, str]:
    """How a verdict or a score stands now, by number: what was understood, for its giver to compare."""
    names = {criterion.key: criterion.name for criterion in (*season.final_round.rubric, *season.rubric_of(sender))}
    if kind is WorkbookKind.VERDICTS:
        verdicts = session.scalars(select(DistrictVerdict).where(DistrictVerdict.number.in_(numbers)))
        return {
            given.number: "，".join([given.verdict.label, *([_points(given, names)] if given.points != "{}" else [])])
            + (f"，排第{given.rank}" if given.rank else "")
            for given in verdicts
        }
    if kind is not WorkbookKind.SCORES:
        return {}
    mine = Score.expert == sender
    scores = session.scalars(select(Score).where(mine, Score.number.in_(numbers)).order_by(Score.round))
    told = {score.number: _points(score, names) for score in scores}
    recused = select(Assignment.number).where(
        Assignment.expert == sender, Assignment.state == AssignmentState.RECUSED, Assignment.number.in_(numbers)
    )
    return told | dict.fromkeys(session.scalars(recused), "已回避，不打分")


def _of_submissions(
    session: Session, year: int, unit: str, numbers: Collection[str], changes: Iterable[RowChange]
) -> SenderStanding:
    counted = Counter(changes)
    lines = [("本次", "，".join(f"{word}{counted[change]}项" for change, word in CHANGES.items()))]
    own = session.execute(
        select(Submission.number, Submission.title)
        .where(Submission.season == year, Submission.unit == unit, Submission.state != SubmissionState.ARCHIVED)
        .order_by(Submission.number)
    ).all()
    others = [f"{number}《{title}》" for number, title in own if number not in numbers]
    if others:
        lines.append(("不在本表、仍然有效", f"{len(others)}项：{_listed(others)}"))
    kept = session.execute(
        select(Attachment.number, func.count())
        .join(Submission, (Submission.number == Attachment.number) & (Submission.version == Attachment.version))
        .where(Submission.season == year, Submission.unit == unit, Submission.state != SubmissionState.ARCHIVED)
        .group_by(Attachment.number)
        .order_by(Attachment.number)
    ).all()
    if kept:
        lines.append(("已保存的附件", _listed([f"{number}有{count}个" for number, count in kept])))
    nothing = ("还没有接收到任何申报",) if not own and not counted[RowChange.WITHDRAWN] else ()
    return SenderStanding(tuple(lines), (*nothing, *_owed_by_unit(session, year, unit)))


def _of_verdicts(session: Session, season: Season, unit: str) -> SenderStanding:
    verdicts = Counter(
        session.scalars(
            select(DistrictVerdict.verdict)
            .join(Submission, Submission.number == DistrictVerdict.number)
            .where(
                Submission.season == season.year,
                Submission.unit == unit,
                Submission.state != SubmissionState.ARCHIVED,
            )
        )
    )
    given = f"推荐{verdicts[Verdict.RECOMMENDED]}项（名额{season.quota_of(unit)}项），不推荐{verdicts[Verdict.NOT_RECOMMENDED]}项"
    return SenderStanding((("已有的初评结论", given),), _owed_by_unit(session, season.year, unit))


def _of_follow_up(session: Session, year: int, unit: str) -> SenderStanding:
    owed = unanswered(session, year).get(unit, [])
    asked = session.scalar(
        select(func.count())
        .select_from(FollowUp)
        .join(Submission, Submission.number == FollowUp.number)
        .where(Submission.season == year, Submission.unit == unit)
    )
    missing = (f"还有{len(owed)}项没有报送转化情况：{_listed(owed)}",) if owed else ()
    return SenderStanding((("已报送转化情况", f"{(asked or 0) - len(owed)}项，共{asked}项"),), missing)


def _of_scores(session: Session, year: int, expert: str) -> SenderStanding:
    owed: tuple[str, ...] = ()
    for round_number, word in ((1, "打分"), (2, "在复评中打分")):
        numbers = scores_owed(session, year, round_number).get(expert, [])
        if numbers and not scores_are_frozen(session, year, round_number):
            owed = (*owed, f"还有{len(numbers)}项没有{word}：{_listed(numbers)}")
    given = session.scalar(
        select(func.count())
        .select_from(Assignment)
        .where(Assignment.season == year, Assignment.expert == expert, Assignment.state == AssignmentState.SCORED)
    )
    return SenderStanding((("已有的评分", f"{given}项"),), owed)


def _owed_by_unit(session: Session, year: int, unit: str) -> tuple[str, ...]:
    """Whatever a unit has to do at present, in whichever workbook."""
    correcting, owed = in_correction(session, year).get(unit, []), []
    if call_state(session, year) is CallState.DISTRICT_REVIEW:
        owed = [number for number in without_verdict(session, year).get(unit, []) if number not in correcting]
    missing = (f"还有{len(owed)}项没有初评结论：{_listed(owed)}",) if owed else ()
    back = (f"退回补正还没有补正的{len(correcting)}项：{_listed(correcting)}",) if correcting else ()
    return (*missing, *back)


def _points(given: DistrictVerdict | Score, names: Mapping[str, str]) -> str:
    points = "、".join(f"{names.get(key, key)}{value}" for key, value in json.loads(given.points).items())
    return f"{points}，共{given.total.normalize():f}分"


def _listed(words: Collection[str]) -> str:
    return "、".join(list(words)[:_SHOWN]) + (f"等{len(words)}项" if len(words) > _SHOWN else "")

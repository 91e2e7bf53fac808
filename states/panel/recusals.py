"""Stepping back (回避): an expert from one submission, of their own will or because a conflict came to light."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.season import Season
from models import Assignment, Expert, Recusal, Score, Submission
from models.enums import AssignmentState, Trigger
from models.queries import lock_call
from states.guard_facts import Ask
from states.history.seals import Seals
from states.machine import Act
from states.panel.pairs import season_conflicts
from states.transitions import note_submission


class RecusalRefused(GangchuangError):
    def __init__(self, expert: str, number: str, reason: str, chinese: str) -> None:
        self.expert, self.number = expert, number
        self.chinese = f"{expert}不能回避{number}：{chinese}。没有任何改动。"
        super().__init__(f"{expert} cannot step back from {number}: {reason}")


def recuse(session: Session, year: int, expert: str, number: str, act: Act, *, reason: str) -> None:
    """An expert steps back from one submission before scoring it; never undone. Raises RecusalRefused."""
    lock_call(session, year)
    if not reason.strip():
        raise RecusalRefused(expert, number, "a reason is needed", "须填写理由")
    submission = session.get(Submission, number)
    if submission is None or submission.season != year or session.get(Expert, expert) is None:
        raise RecusalRefused(
            expert,
            number,
            "there is no such expert, or no such submission in this season",
            "本年度没有这位专家或者这一项目",
        )
    if session.get(Score, (number, expert, 1)) is not None:
        raise RecusalRefused(
            expert, number, "it is scored already; ask the office to strike the score's submission", "已经评分"
        )
    if session.get(Recusal, (year, expert, number)) is not None:
        return
    _step_back(session, year, expert, number, reason=reason, at=act.at)
    # The reason may name people, and the history holds none.
    facts = {"expert": expert, **Seals(session, year).sealed("recusal", year, expert, number, reason)}
    note_submission(session, number, Ask(Trigger.RECUSE, act, facts=facts))


def step_back_conflicted(session: Session, season: Season, act: Act) -> list[tuple[str, str]]:
    """Take every expert off the submissions with which they are now in conflict. Returns (number, expert).

    For before the scores are frozen: a conflict may be declared, or a contributor become known, after
    the assignment. A score that was given in conflict no longer counts; the record keeps that it was given.
    """
    assigned = session.execute(
        select(Assignment.number, Assignment.expert)
        .where(
            Assignment.season == season.year,
            Assignment.round == 1,
            Assignment.state.in_((AssignmentState.ACTIVE, AssignmentState.SCORED)),
        )
        .order_by(Assignment.number, Assignment.expert)
    ).all()
    wanted = {expert for _, expert in assigned}
    barred = season_conflicts(
        session, season, session.scalars(select(Expert).where(Expert.id.in_(wanted)).order_by(Expert.id)).all()
    )
    found = [(number, expert) for number, expert in assigned if barred.forbids(number, expert)]
    for number, expert in found:
        kinds = barred.findings(number, expert)
        score = session.get(Score, (number, expert, 1))
        if score is not None:
            session.delete(score)
        reason = "；".join(kind.label for kind in kinds)
        _step_back(session, season.year, expert, number, reason=reason, at=act.at)
        facts = {"expert": expert, "conflict": [kind.value for kind in kinds], "score_struck": score is not None}
        facts |= Seals(session, season.year).sealed("recusal", season.year, expert, number, reason)
        ask = Ask(Trigger.RECUSE, act, facts=facts)
        note_submission(session, number, ask)
    return found


def _step_back(session: Session, year: int, expert: str, number: str, *, reason: str, at: datetime) -> None:
    if session.get(Recusal, (year, expert, number)) is None:
        session.add(Recusal(season=year, expert=expert, number=number, reason=reason, recused_at=at))
    session.execute(
        update(Assignment)
        .where(Assignment.number == number, Assignment.expert == expert)
        .values(state=AssignmentState.RECUSED)
    )
    session.flush()

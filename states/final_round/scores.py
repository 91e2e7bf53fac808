"""Scores come in: only assigned, unconflicted, in time and within the rubric; recusals before scoring."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from models import Assignment, Score, Submission
from models.enums import AssignmentState, CallState, Trigger
from models.forms import RecusalForm, ScoreForm
from states.district_round.verdicts import total_of
from states.final_round.freeze import scores_are_frozen
from states.guard_facts import Ask, SeasonFacts, load_season_facts
from states.history.seals import Seals
from states.machine import Refusal
from states.panel.recusals import RecusalRefused, recuse
from states.submissions.delivery import Delivered, Taken
from states.transitions import note_submissions


def take_scores(
    session: Session,
    delivered: Delivered,
    rows: Sequence[tuple[int, ScoreForm | RecusalForm]],
    faulty: Sequence[tuple[int, ScoreForm | RecusalForm]] = (),
) -> Taken:
    """Record an expert's scores and recusals of the round that is open.

    `faulty`: rows that come back anyway; what would speak against them otherwise is told at once.
    """
    season_facts = load_season_facts(session, delivered.season)
    assigned, scores = _assigned(session, delivered), _scores(session, delivered)
    frozen = {number for number in (1, 2) if scores_are_frozen(session, delivered.season, number)}
    taken = Taken()
    news: dict[str, Score] = {}
    for position, form in rows:
        assignment = assigned.get(form.number)
        refusal = _not_now(season_facts, frozen, delivered, assignment)
        if refusal is not None:
            taken.refused[position] = refusal
            continue
        assert assignment is not None
        if isinstance(form, RecusalForm):
            try:
                _step_back(session, delivered, form)
            except RecusalRefused as problem:
                said = "您已为该申报打分，不能再回避；确有利益关系的，请联系协调小组办公室"
                taken.refused[position] = Refusal("scored_already", str(problem), said)
                continue
        elif (score := _scored(session, delivered, form, assignment, scores)) is not None:
            news[form.number] = score
        taken.accept(position, form.number)
    for position, form in faulty:
        refusal = _not_now(season_facts, frozen, delivered, assigned.get(form.number))
        if refusal is not None:
            taken.refused[position] = refusal
    session.flush()
    if news:
        seals = Seals(session, delivered.season)
        ask = Ask(Trigger.RECORD_SCORE, delivered.act, own=lambda number: _facts(seals, delivered, news[number]))
        note_submissions(session, delivered.season, ask, Submission.number.in_(news))
    return taken


def closing_of(round_number: int) -> Milestone:
    """What ends a scoring round: 1 the final round, 2 the re-review."""
    return Milestone.CLOSE_FINAL_ROUND if round_number == 1 else Milestone.CLOSE_RE_REVIEW


def _assigned(session: Session, delivered: Delivered) -> dict[str, Assignment]:
    """The expert's latest assignment of each submission: the re-review's before the final round's."""
    own = (Assignment.season == delivered.season, Assignment.expert == delivered.act.actor.name)
    return {row.number: row for row in session.scalars(select(Assignment).where(*own).order_by(Assignment.round))}


def _scores(session: Session, delivered: Delivered) -> dict[tuple[str, int], Score]:
    own = (Submission.season == delivered.season, Score.expert == delivered.act.actor.name)
    query = select(Score).join(Submission, Submission.number == Score.number).where(*own)
    return {(score.number, score.round): score for score in session.scalars(query)}


def _not_now(
    season_facts: SeasonFacts, frozen: Collection[int], delivered: Delivered, assignment: Assignment | None
) -> Refusal | None:
    if assignment is None or assignment.state is AssignmentState.LOST:
        return Refusal("not_assigned", "it is not assigned to this expert", "该申报未分配给您，不能评分")
    if assignment.state is AssignmentState.RECUSED:
        return Refusal("recused", "the expert stepped back from it", "您已回避该申报，或与它有利益冲突，不能评分")
    if season_facts.call_state is not CallState.FINAL_REVIEW:
        return Refusal("round_not_open", f"the call is {season_facts.call_state}", "当前不在终评期内")
    deadline = season_facts.deadlines.at(closing_of(assignment.round))
    if assignment.round in frozen or deadline is None or delivered.arrived_at > deadline:
        return Refusal("late", "the scoring round is closed", "评分已截止，不能再接收")
    return None


def _step_back(session: Session, delivered: Delivered, form: RecusalForm) -> None:
    recuse(session, delivered.season, delivered.act.actor.name, form.number, delivered.act, reason=form.reason)


def _scored(
    session: Session,
    delivered: Delivered,
    form: ScoreForm,
    assignment: Assignment,
    scores: dict[tuple[str, int], Score],
) -> Score | None:
    """The score as it is kept now, or nothing when it was kept already."""
    key = (form.number, assignment.round)
    points = json.dumps({name: str(value) for name, value in sorted(form.points.items())})
    score = scores.get(key)
    if score is not None and score.points == points and score.comment == form.comment:
        return None
    total = total_of(form.points)
    if score is None:
        score = scores[key] = Score(
            number=form.number,
            expert=assignment.expert,
            round=assignment.round,
            points="",
            total=total,
            received_at=delivered.act.at,
            delivery=delivered.digest,
        )
        session.add(score)
    score.points, score.total, score.comment = points, total, form.comment
    score.received_at, score.delivery = delivered.act.at, delivered.digest
    assignment.state = AssignmentState.SCORED
    return score


def _facts(seals: Seals, delivered: Delivered, score: Score) -> dict[str, Any]:
    return {
        "expert": score.expert,
        "round": score.round,
        "points": json.loads(score.points),
        "total": str(score.total),
        **seals.sealed("score", score.number, score.expert, score.round, score.comment),
        **delivered.facts,
    }

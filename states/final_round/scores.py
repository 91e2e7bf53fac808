"""Scores come in: only assigned, unconflicted, in time and within the rubric; recusals before scoring."""

import json
from collections.abc import Sequence
from typing import Any

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
from states.panel.recusals import recuse
from states.submissions.delivery import Delivered, Taken
from states.transitions import note_submissions


def take_scores(session: Session, delivered: Delivered, rows: Sequence[tuple[int, ScoreForm | RecusalForm]]) -> Taken:
    """Record an expert's scores and recusals of the round that is open."""
    season_facts = load_season_facts(session, delivered.season)
    taken = Taken()
    facts: dict[str, dict[str, Any]] = {}
    for position, form in rows:
        assignment = _assignment(session, form.number, delivered.act.actor.name)
        refusal = _not_now(session, season_facts, delivered, assignment)
        if refusal is not None:
            taken.refused[position] = refusal
            continue
        assert assignment is not None
        if isinstance(form, RecusalForm):
            _step_back(session, delivered, form)
        else:
            facts |= _record(session, delivered, form, assignment)
        taken.accept(position, form.number)
    session.flush()
    if facts:
        ask = Ask(Trigger.RECORD_SCORE, delivered.act, own=facts.__getitem__)
        note_submissions(session, delivered.season, ask, Submission.number.in_(facts))
    return taken


def closing_of(round_number: int) -> Milestone:
    """What ends a scoring round: 1 the final round, 2 the re-review."""
    return Milestone.CLOSE_FINAL_ROUND if round_number == 1 else Milestone.CLOSE_RE_REVIEW


def _assignment(session: Session, number: str, expert: str) -> Assignment | None:
    """The expert's latest assignment of a submission: the re-review's before the final round's."""
    return session.get(Assignment, (number, expert, 2)) or session.get(Assignment, (number, expert, 1))


def _not_now(
    session: Session, season_facts: SeasonFacts, delivered: Delivered, assignment: Assignment | None
) -> Refusal | None:
    if assignment is None or assignment.season != delivered.season or assignment.state is AssignmentState.LOST:
        return Refusal("not_assigned", "it is not assigned to this expert", "该申报未分配给您，不能评分")
    if assignment.state is AssignmentState.RECUSED:
        return Refusal("recused", "the expert stepped back from it", "您已回避该申报，或与它有利益冲突，不能评分")
    if season_facts.call_state is not CallState.FINAL_REVIEW:
        return Refusal("round_not_open", f"the call is {season_facts.call_state}", "当前不在终评期内")
    deadline = season_facts.deadlines.at(closing_of(assignment.round))
    frozen = scores_are_frozen(session, delivered.season, assignment.round)
    if frozen or deadline is None or delivered.arrived_at > deadline:
        return Refusal("late", "the scoring round is closed", "评分已截止，不能再接收")
    return None


def _step_back(session: Session, delivered: Delivered, form: RecusalForm) -> None:
    recuse(session, delivered.season, delivered.act.actor.name, form.number, delivered.act, reason=form.reason)


def _record(
    session: Session, delivered: Delivered, form: ScoreForm, assignment: Assignment
) -> dict[str, dict[str, Any]]:
    """Keep one score; returns what the record is to say of it, by number, or nothing when nothing is new."""
    points = {key: str(value) for key, value in sorted(form.points.items())}
    total = total_of(form.points)
    score = session.get(Score, (form.number, assignment.expert, assignment.round))
    if score is not None and score.points == json.dumps(points) and score.comment == form.comment:
        return {}
    if score is None:
        score = Score(
            number=form.number,
            expert=assignment.expert,
            round=assignment.round,
            points="",
            total=total,
            received_at=delivered.act.at,
            delivery=delivered.digest,
        )
        session.add(score)
    score.points, score.total, score.comment = json.dumps(points), total, form.comment
    score.received_at, score.delivery = delivered.act.at, delivered.digest
    assignment.state = AssignmentState.SCORED
    return {
        form.number: {
            "expert": assignment.expert,
            "round": assignment.round,
            "points": points,
            "total": str(total),
            **Seals(session, delivered.season).sealed(
                "score", form.number, assignment.expert, assignment.round, form.comment
            ),
            **delivered.facts,
        }
    }

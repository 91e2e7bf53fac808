"""What the link pages show, from one reading of the database."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.local_time import instant, local_day
from config.milestones import Milestone
from config.season import Season
from config.settings import Settings
from config.units import name_on
from flows.home import paths
from flows.intake.standing import SenderStanding, standing_of
from flows.kinds.review_files import ReviewFile, review_files
from flows.kinds.review_material import material_of
from flows.kinds.scores import statement_of
from flows.outbox.links import without_link
from flows.workbooks.writer.material_sheet import MATERIAL_TEXTS
from models import Assignment, Delivery, Expert, History, Message, Score, Seat, Submission
from models.enums import (
    AssignmentState,
    CallState,
    DeliveryState,
    Outcome,
    SeatState,
    SubmissionState,
    Trigger,
    WorkbookKind,
)
from models.queries import call_state
from states.final_round.freeze import scores_are_frozen
from states.final_round.scores import closing_of
from states.guard_facts import deadline_of
from states.history.canonical import submission_subject
from states.issued import newest_issues
from states.links import drafts_of, has_signed
from states.practice import units_without
from states.submissions.follow_up import unanswered
from states.timeline import is_settled

_LETTERS_SHOWN = 100
_NAMES = (("organisations", "申报单位", 0), ("contributors", "完成人", 0))


@dataclass(frozen=True)
class AnsweredDelivery:
    """One delivery and its answer."""

    digest: str
    name: str
    arrived_at: datetime
    state: DeliveryState
    rows_in: int
    rows_back: int
    receipt: str


@dataclass(frozen=True)
class SubmissionWords:
    """Where one submission stands, in plain words."""

    number: str
    title: str
    words: str


def words_of(state: SubmissionState, outcome: Outcome | None) -> str:
    return f"{SubmissionState(state).label}（{Outcome(outcome).label}）" if outcome else SubmissionState(state).label


def workbooks_of(
    session: Session, settings: Settings, year: int, recipient: str
) -> list[tuple[WorkbookKind, int, Path]]:
    """The newest workbooks that were issued to somebody and still lie there."""
    newest = newest_issues(session, year, recipient)
    found = [(kind, issue, paths.issued(settings, year, recipient, kind, issue)) for kind, issue in newest.items()]
    return [(kind, issue, path) for kind, issue, path in found if path.is_file()]


def deliveries_of(session: Session, year: int, sender: str) -> list[AnsweredDelivery]:
    """Everything that somebody delivered, the newest first."""
    rows = session.scalars(
        select(Delivery)
        .where(Delivery.season == year, Delivery.sender == sender)
        .order_by(Delivery.taken_at.desc(), Delivery.digest)
    )
    return [
        AnsweredDelivery(
            row.digest, row.file_name, row.arrived_at, DeliveryState(row.state), row.rows_in, row.rows_back, row.receipt
        )
        for row in rows
    ]


def letters_of(session: Session, year: int, code: str, addresses: Sequence[str]) -> list[Message]:
    """The letters that somebody got, the newest first."""
    mine = Message.key.like(f"{year}/%/{code}%")
    rows = session.scalars(
        select(Message)
        .where(Message.season == year, mine, Message.recipient.in_(addresses))
        .order_by(Message.written_at.desc(), Message.key)
        .limit(_LETTERS_SHOWN)
    ).all()
    return [row for row in rows if row.key.split("/")[2] == code]


def receipt_text(session: Session, year: int, sender: str, digest: str) -> str:
    """The answer to a delivery in the words of its letter."""
    key = f"{year}/receipt/{sender}/{digest[:16]}"
    letter = session.get(Message, f"{key}/admitted") or session.get(Message, key)
    return without_link(letter.body) if letter is not None else ""


def unit_page(session: Session, settings: Settings, season: Season, code: str, at: datetime) -> dict[str, Any]:
    """Everything that a unit's first page shows."""
    year, state = season.year, call_state(session, season.year)
    rows = session.scalars(
        select(Submission).where(Submission.season == year, Submission.unit == code).order_by(Submission.number)
    )
    kind = WorkbookKind.SUBMISSIONS if state is CallState.OPEN else WorkbookKind.VERDICTS
    dates = [
        (milestone.label, deadline_of(session, year, milestone, code))
        for milestone in (Milestone.CLOSE_CALL, Milestone.CLOSE_DISTRICT_ROUND)
    ]
    submissions = [SubmissionWords(row.number, row.title, words_of(row.state, row.outcome)) for row in rows]
    return {
        "name": name_on(code, local_day(at)),
        "state": state,
        "dates": dates,
        "quota": season.quota_of(code),
        "owed": (*_owed(session, season, code, kind, state, submissions), *_owed_later(session, season, code)),
        "workbooks": workbooks_of(session, settings, year, code),
        "deliveries": deliveries_of(session, year, code),
        "submissions": submissions,
        "letters": letters_of(session, year, code, season.addresses_of(code)),
    }


def _owed(
    session: Session,
    season: Season,
    code: str,
    kind: WorkbookKind,
    state: CallState,
    submissions: Sequence[SubmissionWords],
) -> tuple[str, ...]:
    if state is CallState.OPEN and not submissions:
        return ("尚未收到申报材料",)
    if state not in (CallState.OPEN, CallState.DISTRICT_REVIEW):
        return ()
    standing: SenderStanding = standing_of(session, season, code, kind, {row.number for row in submissions}, ())
    return standing.owed


def _owed_later(session: Session, season: Season, code: str) -> Iterator[str]:
    """After the award: good practice while it is collected, what became of the awards until the season closes."""
    if call_state(session, season.year) is CallState.CLOSED:
        return
    issued = newest_issues(session, season.year, code)
    collecting = WorkbookKind.PRACTICE in issued and not is_settled(session, season.year, Milestone.CLOSE_PRACTICE)
    if collecting and units_without(session, season.year, [code]):
        closes = deadline_of(session, season.year, Milestone.CLOSE_PRACTICE)
        yield f"尚未报送好思路、好经验、好做法，{instant(closes)}截止"
    owed = unanswered(session, season.year).get(code, [])
    if owed:
        closes = deadline_of(session, season.year, Milestone.CLOSE_SEASON)
        yield f"还有{len(owed)}项没有报送成果转化情况（{'、'.join(owed)}），{instant(closes)}截止"


@dataclass(frozen=True)
class ToScore:
    """One submission as its expert sees it, under what experts call it, with what stands and what was typed."""

    alias: str
    material: dict[str, Any]
    typed: dict[str, str]
    scored: bool
    files: tuple[ReviewFile, ...] = ()


def assigned_to(session: Session, year: int, expert: str) -> tuple[int, dict[str, AssignmentState]]:
    """The round that an expert is in, and what is theirs in it; who stepped back or was replaced has it no more."""
    seat = session.get(Seat, (year, expert))
    if seat is None or seat.state is SeatState.LEFT:
        return 1, {}
    rows = session.scalars(select(Assignment).where(Assignment.season == year, Assignment.expert == expert)).all()
    mine = (AssignmentState.ACTIVE, AssignmentState.SCORED)
    round_number = max((row.round for row in rows if row.state in mine), default=1)
    states = {row.number: AssignmentState(row.state) for row in rows if row.round == round_number and row.state in mine}
    return round_number, dict(sorted(states.items()))


def expert_page(session: Session, season: Season, expert: Expert) -> dict[str, Any]:
    """Everything that an expert's page shows: no material before the statement is signed."""
    year, signed = season.year, has_signed(session, season.year, expert.id)
    round_number, states = assigned_to(session, year, expert.id)
    listed = list(states) if signed else []
    material, files = material_of(session, season, listed).by_number, review_files(session, season, listed)
    drafts = drafts_of(session, year, expert.id)
    rows = [
        ToScore(
            row["number"],
            row,
            drafts.get(number) or _given(session, season, expert.id, number, round_number),
            states[number] is AssignmentState.SCORED and number not in drafts,
            tuple(files.get(number, ())),
        )
        for number, row in sorted(material.items(), key=lambda item: str(item[1]["number"]))
    ]
    return {
        "name": expert.name,
        "rows": rows,
        "count": len(states),
        "signed": signed,
        "statement": statement_of(season),
        "texts": (*(() if season.final_round.blind else _NAMES), *MATERIAL_TEXTS),
        "rubric": season.final_round.rubric,
        "deadline": deadline_of(session, year, closing_of(round_number)),
        "open": call_state(session, year) is CallState.FINAL_REVIEW
        and not scores_are_frozen(session, year, round_number),
        "deliveries": deliveries_of(session, year, expert.id),
    }


def _given(session: Session, season: Season, expert: str, number: str, round_number: int) -> dict[str, str]:
    score = session.get(Score, (number, expert, round_number))
    if score is None:
        return {}
    points = json.loads(score.points)
    return {
        **{criterion.key: points.get(criterion.key, "") for criterion in season.final_round.rubric},
        "comment": score.comment,
    }


def applicant_page(session: Session, number: str) -> dict[str, Any]:
    """Where one submission stands and what was done with it, without anybody's name."""
    row = session.get_one(Submission, number)
    entries = session.execute(
        select(History.at, History.trigger)
        .where(History.subject == submission_subject(number))
        .order_by(History.sequence)
    )
    labels = {word.value: word.label for word in Trigger}
    steps = [(datetime.fromisoformat(at), labels[trigger]) for at, trigger in entries]
    return {"number": number, "title": row.title, "words": words_of(row.state, row.outcome), "steps": steps}

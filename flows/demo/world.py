"""What the people of the demo can see: the domain database, read only, and the files that were issued."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from sqlalchemy import ColumnElement, Engine, func, select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.season import Season
from config.settings import Settings
from flows.demo.cast import Cast
from flows.intake.inbox import waiting_files
from models import (
    Admission,
    Approval,
    Assignment,
    Correction,
    Delivery,
    Duplicate,
    Expert,
    GoodPractice,
    History,
    Lease,
    Message,
    MilestoneDate,
    Objection,
    Seat,
    Submission,
)
from models.database import database_seconds, make_engine, reading
from models.enums import (
    ApprovalDecision,
    CallState,
    DuplicateDecision,
    MessageState,
    Outcome,
    SeatState,
    SubmissionState,
    Tier,
    Trigger,
)
from models.queries import call_state, counts_by_state, milestone_rows, next_correction_due, planned_seasons
from states.final_round.approval import list_digest, waits_for_approval
from states.guard_facts import dated
from states.history.canonical import submission_subject
from states.panel.aliases import Aliases
from states.rules.calendar.timetable import Due, due, next_dates
from states.rules.names import name_key
from states.submissions.corrections import overdue_corrections


@dataclass(frozen=True)
class World:
    """One home and one season, as they stand at the moment of asking."""

    settings: Settings
    cast: Cast

    @property
    def season(self) -> Season:
        return self.cast.season

    @property
    def year(self) -> int:
        return self.cast.season.year

    @cached_property
    def engine(self) -> Engine:
        return make_engine(self.settings.database)

    @property
    def now(self) -> datetime:
        return self.settings.clock.now()

    def is_planned(self) -> bool:
        with reading(self.engine) as session:
            return self.year in planned_seasons(session)

    def is_closed(self) -> bool:
        with reading(self.engine) as session:
            return call_state(session, self.year) is CallState.CLOSED

    def under_way(self) -> list[str]:
        """What still has to happen at this instant before the clock may move on; empty when all is quiet."""
        with reading(self.engine) as session:
            found = [due_date.key for due_date in self._due(session)]
            found += [
                f"to lapse: {correction.number}" for correction in overdue_corrections(session, self.year, self.now)
            ]
            found += [f"running: {name}" for name in self._leases(session)]
        return found + self._inbox()

    def mails_waiting(self) -> list[str]:
        """What the post still has to carry, in words; empty when all is out."""
        open_ones = Message.state.in_((MessageState.WAITING, MessageState.SENDING))
        with reading(self.engine) as session:
            waiting = session.scalar(select(func.count()).where(open_ones, Message.season == self.year))
        return [f"{waiting} mail(s) to go out"] if waiting else []

    def due_at(self, instant: datetime) -> list[str]:
        """Labels of what falls at an instant, for people."""
        with reading(self.engine) as session:
            rows = milestone_rows(session, self.year)
        at = [row for row in rows if row.due_at == instant]
        return [f"{Milestone(row.milestone).label} {row.milestone} {row.unit}".strip() for row in at]

    def next_milestone_at(self) -> datetime | None:
        with reading(self.engine) as session:
            upcoming = next_dates(dated(milestone_rows(session, self.year)), self.now)
        return upcoming[0].due_at if upcoming else None

    def next_lapse_at(self) -> datetime | None:
        """The first instant of the day after the next correction is due; None when nothing is out for correction."""
        with reading(self.engine) as session:
            due_at = next_correction_due(session, self.year, self.now)
        return None if due_at is None else due_at + timedelta(seconds=1)

    def counts(self) -> dict[SubmissionState, int]:
        with reading(self.engine) as session:
            return counts_by_state(session, self.year)

    def numbers(self) -> dict[str, str]:
        """The number of each key of the cast that has become a submission."""
        with reading(self.engine) as session:
            rows = session.execute(
                select(Submission.number, Submission.unit, Submission.title).where(Submission.season == self.year)
            )
            found = {(unit, name_key(title)): number for number, unit, title in rows}
        wanted = {key: (entry.unit, name_key(entry.form.title)) for key, entry in self.cast.entries.items()}
        return {key: found[unit_and_title] for key, unit_and_title in wanted.items() if unit_and_title in found}

    def open_numbers(self) -> set[str]:
        """Numbers that still wait for a verdict and are not with their unit for a correction."""
        with reading(self.engine) as session:
            query = select(Submission.number).where(
                Submission.season == self.year, Submission.state == SubmissionState.SUBMITTED
            )
            return set(session.scalars(query)) - set(session.scalars(select(Correction.number)))

    def delivered(self, sent: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Which of these files, by digest and sender, the system has."""
        with reading(self.engine) as session:
            own = select(Delivery.digest, Delivery.sender).where(Delivery.digest.in_([digest for digest, _ in sent]))
            return {(digest, sender) for digest, sender in session.execute(own)}

    def latest_refused(self, unit: str) -> str:
        """The digest of the last delivery that was refused to a unit; "" without one."""
        with reading(self.engine) as session:
            query = select(Delivery.digest).where(Delivery.sender == unit).order_by(Delivery.arrived_at.desc())
            return session.scalars(query).first() or ""

    def first_panel(self) -> list[str]:
        """Experts who were assigned submissions when the panel was drawn, by id."""
        with reading(self.engine) as session:
            drawn_at = select(func.min(Assignment.assigned_at)).where(Assignment.season == self.year)
            query = select(Assignment.expert).where(
                Assignment.season == self.year, Assignment.assigned_at == drawn_at.scalar_subquery()
            )
            return sorted(set(session.scalars(query)))

    def expert_names(self) -> dict[str, str]:
        with reading(self.engine) as session:
            return {expert.id: expert.name for expert in session.scalars(select(Expert))}

    def open_assignments(self) -> dict[str, dict[str, int]]:
        """The round in which each expert still has to score each number."""
        with reading(self.engine) as session:
            rows = session.execute(
                select(Assignment.expert, Assignment.number, Assignment.round)
                .where(Assignment.season == self.year, Assignment.state == "active")
                .order_by(Assignment.round)
            ).all()
        found: dict[str, dict[str, int]] = {}
        for expert, number, round_number in rows:
            found.setdefault(expert, {})[number] = round_number
        return found

    def called_before(self, expert: str, numbers: Iterable[str]) -> dict[str, str]:
        """The number of each submission by what an expert's score sheet calls it."""
        with reading(self.engine) as session:
            aliases = Aliases.before(session, self.season, expert)
        return {aliases.of(number) if aliases else number: number for number in numbers}

    def mail_of(self, who: str) -> str:
        """The address from which a unit or an expert writes."""
        with reading(self.engine) as session:
            expert = session.get(Expert, who)
        return expert.mail if expert is not None else self.season.mail_of(who)

    def list_digest(self) -> str:
        with reading(self.engine) as session:
            return list_digest(session, self.year)

    def objection_to(self, number: str) -> str:
        """The id under which an objection is kept; "" without one."""
        with reading(self.engine) as session:
            found = session.scalar(select(Objection.id).where(Objection.number == number))
        return "" if found is None else str(found)

    def was_noted(self, number: str, trigger: Trigger, *, outcome: Outcome | None = None) -> bool:
        """Whether the record of a submission has an entry of this trigger (and outcome)."""
        with reading(self.engine) as session:
            facts = session.scalars(
                select(History.facts).where(History.subject == submission_subject(number), History.trigger == trigger)
            ).all()
        return any(outcome is None or json.loads(noted).get("outcome") == outcome.value for noted in facts)

    def was_asked_to_correct(self, number: str) -> bool:
        return self._exists(Correction.number == number)

    def was_settled(self, number: str, other: str) -> bool:
        """Whether the office has decided about two that look alike."""
        pair = {number, other}
        return self._exists(
            Duplicate.number.in_(pair), Duplicate.other.in_(pair), Duplicate.decision != DuplicateDecision.PENDING
        )

    def was_admitted(self, unit: str) -> bool:
        with reading(self.engine) as session:
            digests = select(Delivery.digest).where(Delivery.sender == unit, Delivery.season == self.year)
            return session.scalar(select(Admission.id).where(Admission.digest.in_(digests)).limit(1)) is not None

    def was_moved(self, milestone: str, unit: str) -> bool:
        return self._exists(MilestoneDate.milestone == milestone, MilestoneDate.unit == unit)

    def was_approved(self) -> bool:
        return self._exists(Approval.season == self.year, Approval.decision == ApprovalDecision.APPROVED)

    def was_answered(self, number: str, *, times: int) -> bool:
        """Whether an objection to a submission was answered, and its reconsideration after that."""
        with reading(self.engine) as session:
            answers = select(func.count()).where(
                History.subject == submission_subject(number), History.trigger == Trigger.ANSWER_OBJECTION
            )
            return (session.scalar(answers) or 0) >= times

    def other_tier(self, number: str) -> str:
        """A tier that a submission does not have."""
        with reading(self.engine) as session:
            tier = session.get_one(Submission, number).tier
        return (Tier.THIRD if tier is Tier.SECOND else Tier.SECOND).label

    def was_replaced(self, expert: str) -> bool:
        return self._exists(Seat.season == self.year, Seat.expert == expert, Seat.state == SeatState.LEFT)

    def was_withheld(self, report: str) -> bool:
        with reading(self.engine) as session:
            row = session.get(GoodPractice, report)
        return row is not None and row.withheld_at is not None

    def issued_to(self, recipient: str, word: str) -> list[Path]:
        """Workbooks issued to somebody whose names hold a word, the oldest issue first."""
        folder = self.settings.home.absolute() / "outbox" / str(self.year) / recipient
        found = folder.glob(f"*{word}*.xlsx") if folder.is_dir() else []
        return sorted(found, key=lambda path: (len(path.name), path.name))

    def _inbox(self) -> list[str]:
        try:
            return [f"inbox/{folder}/{path.name}" for folder, path in waiting_files(self.settings)]
        except FileNotFoundError:  # a file was taken while the folder was read
            return ["inbox: being taken"]

    def _exists(self, *conditions: ColumnElement[bool]) -> bool:
        with reading(self.engine) as session:
            query = select(func.count()).where(*conditions)
            return bool(session.scalar(query))

    def _due(self, session: Session) -> list[Due]:
        rows = milestone_rows(session, self.year)
        waiting = {Milestone.OPEN_PUBLIC_NOTICE} if waits_for_approval(session, self.year) else set()
        return due(dated(rows), self.now, waiting=waiting)

    def _leases(self, session: Session) -> Iterable[str]:
        """Stages at work; mail goes out beside everything else and is not waited for."""
        query = select(Lease.name).where(
            Lease.name.startswith(f"stage/{self.year}/"), Lease.expires > database_seconds(session)
        )
        return [name for name in session.scalars(query) if not name.endswith("/deliver_messages")]

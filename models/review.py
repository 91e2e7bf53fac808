"""Experts, the panel, assignments, scores and the frozen ranking."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.columns import check, decimal_field, enum_field, not_negative, one_of, text_field
from models.enums import AssignmentState, SeatState, Tier


class Expert(SQLModel, table=True):
    """One expert of the pool; the pool outlives seasons."""

    __table_args__ = (UniqueConstraint("name_key", "organisation_key"),)

    id: str = Field(primary_key=True, max_length=16)
    name: str
    name_key: str
    organisation: str
    organisation_key: str
    credit_code: str = ""
    fields: str = Field(description="joined by 、")
    title: str = ""
    phone: str = ""
    mail: str = ""
    valid_until: date | None = None
    statement_on: date | None = Field(default=None, description="latest fairness and secrecy statement")


class Seat(SQLModel, table=True):
    """An expert drawn for a season."""

    __table_args__ = (
        one_of("state", SeatState),
        UniqueConstraint("season", "position"),
        check("position_positive", "position >= 1"),
    )

    season: int = Field(primary_key=True, foreign_key="call.season")
    expert: str = Field(primary_key=True, foreign_key="expert.id")
    position: int = Field(description="order of the draw")
    field: str
    state: SeatState = enum_field(SeatState)
    signed_on: date | None = Field(default=None, description="fairness and secrecy statement")
    absent: bool = Field(default=False, description="owed scores at the close and gave no reason")


class Recusal(SQLModel, table=True):
    """An expert steps back from one submission (回避), or the office finds that they must."""

    season: int = Field(primary_key=True, foreign_key="call.season")
    expert: str = Field(primary_key=True, foreign_key="expert.id")
    number: str = Field(primary_key=True, foreign_key="submission.number")
    reason: str
    recused_at: datetime


class DeclaredConflict(SQLModel, table=True):
    """A person or organisation that an expert declared to be too close."""

    __tablename__ = "declared_conflict"

    season: int = Field(primary_key=True, foreign_key="call.season")
    expert: str = Field(primary_key=True, foreign_key="expert.id")
    key: str = Field(primary_key=True, description="normalised name of the person or organisation")
    declared_at: datetime


class Assignment(SQLModel, table=True):
    """An expert is to score a submission in a round (1 final round, 2 re-review)."""

    __table_args__ = (one_of("state", AssignmentState), check("round_known", "round IN (1, 2)"))

    season: int = Field(foreign_key="call.season", index=True)
    number: str = Field(primary_key=True, foreign_key="submission.number")
    expert: str = Field(primary_key=True, foreign_key="expert.id")
    round: int = Field(primary_key=True, default=1)
    state: AssignmentState = enum_field(AssignmentState, default=AssignmentState.ACTIVE)
    assigned_at: datetime


class Score(SQLModel, table=True):
    """One expert's score of one submission. Frozen when the round closes."""

    __table_args__ = (
        ForeignKeyConstraint(
            ("number", "expert", "round"),
            ("assignment.number", "assignment.expert", "assignment.round"),
            name="only_what_was_assigned",
        ),
        *not_negative("total"),
    )

    number: str = Field(primary_key=True, foreign_key="submission.number")
    expert: str = Field(primary_key=True, foreign_key="expert.id")
    round: int = Field(primary_key=True, default=1)
    points: str = text_field()
    total: Decimal = decimal_field()
    comment: str = ""
    received_at: datetime
    delivery: str = Field(max_length=64)


class Ballot(SQLModel, table=True):
    """What was voted on one prize (表决): an expert's signed ballot, or the office's count of a secret one."""

    number: str = Field(primary_key=True, foreign_key="submission.number")
    tier: Tier = enum_field(Tier, primary_key=True)
    caster: str = Field(primary_key=True, max_length=16, description="the expert's id; office for a secret ballot")
    votes_for: int
    votes_against: int
    abstentions: int
    received_at: datetime
    delivery: str = Field(max_length=64)

    __table_args__ = (
        one_of("tier", Tier),
        CheckConstraint("votes_for >= 0 AND votes_against >= 0 AND abstentions >= 0", name="votes_counted"),
        CheckConstraint("votes_for + votes_against + abstentions > 0", name="somebody_voted"),
    )


class Placing(SQLModel, table=True):
    """One line of the frozen ranking and of the proposed list."""

    __table_args__ = (
        one_of("tier", Tier, nullable=True),
        Index("placing_one_a_position", "season", "position", unique=True),
        check("rank_within_position", "1 <= rank AND rank <= position"),
        check("scores_counted", "scores >= 0"),
        check("approved_has_tier", "approved = false OR tier IS NOT NULL"),
    )

    number: str = Field(primary_key=True, foreign_key="submission.number")
    season: int = Field(foreign_key="call.season", index=True)
    position: int = Field(description="place in the list; unique")
    rank: int = Field(description="shared by equals")
    merit: Decimal = decimal_field()
    raw_mean: Decimal = decimal_field()
    low: Decimal = decimal_field()
    high: Decimal = decimal_field()
    scores: int
    spread: Decimal = decimal_field()
    tier: Tier | None = enum_field(Tier, nullable=True)
    settled: str = Field(default="", description="how an equal merit at a cut was settled")
    passed_over: str = Field(default="", description="the limit or vacancy that keeps it from a prize")
    voted: str = Field(
        default="", sa_column_kwargs={"server_default": text("''")}, description="how the panel voted on its prize"
    )
    struck: str = Field(default="", description="reason for which a person struck it from the list")
    approved: bool = False
    notice_until: datetime | None = Field(default=None, description="of one that moved up: end of its own notice")

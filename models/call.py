"""A season's call, its dates, and what was published of it."""

from datetime import datetime

from sqlalchemy import UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.columns import check, enum_field, one_of, sha256_text, text_field
from models.enums import ApprovalDecision, CallState, MilestoneState, PublicationKind, TroubleKind


class Call(SQLModel, table=True):
    """One season's call. `rules` is the season file in force, as canonical JSON."""

    __table_args__ = (
        one_of("state", CallState),
        check("sequence_positive", "sequence >= 1"),
        *sha256_text("head"),
    )

    season: int = Field(primary_key=True)
    state: CallState = enum_field(CallState)
    rules: str = text_field()
    draw_seed: str = Field(default="", max_length=64, description="hex; secret until the draw is made")
    seal_key: str = Field(default="", max_length=128, description="hex; of the record's seals and aliases")
    sequence: int = Field(description="of the latest history entry")
    head: str = Field(max_length=64, description="hash of the latest history entry")


class MilestoneDate(SQLModel, table=True):
    """When a milestone falls. Reminders have several ordinals; a unit's own date has its code."""

    __tablename__ = "milestone"
    __table_args__ = (
        one_of("state", MilestoneState),
        check("ordinal_positive", "ordinal >= 1"),
        check("attempts_counted", "attempts >= 0"),
        check("settled_or_pending", "(state = 'pending') = (settled_at IS NULL)"),
    )

    season: int = Field(primary_key=True, foreign_key="call.season")
    milestone: str = Field(primary_key=True, max_length=32)
    ordinal: int = Field(primary_key=True, default=1)
    unit: str = Field(primary_key=True, default="", max_length=16)
    due_at: datetime
    state: MilestoneState = enum_field(MilestoneState, default=MilestoneState.PENDING)
    settled_at: datetime | None = None
    attempts: int = Field(default=0, description="runs that the clock has started for it")


class Approval(SQLModel, table=True):
    """A named person's decision on the proposed list (PIPL art. 24: a person, not the program)."""

    __table_args__ = (
        one_of("decision", ApprovalDecision),
        check("ordinal_positive", "ordinal >= 1"),
        check("officer_named", "officer <> ''"),
        check("sent_back_with_reason", "decision <> 'sent_back' OR reason <> ''"),
        check("withdrawn_with_reason", "decision <> 'withdrawn' OR reason <> ''"),
        *sha256_text("list_digest"),
    )

    season: int = Field(primary_key=True, foreign_key="call.season")
    ordinal: int = Field(primary_key=True)
    decision: ApprovalDecision = enum_field(ApprovalDecision)
    officer: str
    decided_at: datetime
    reason: str = ""
    list_digest: str = Field(max_length=64, description="SHA-256 of the list that was before the person's eyes")


class Publication(SQLModel, table=True):
    """A page that went out, with the Merkle root over the season's history at that moment."""

    __table_args__ = (
        one_of("kind", PublicationKind),
        check("subjects_counted", "subjects >= 1"),
        check("ordinal_positive", "ordinal >= 1"),
        *sha256_text("root"),
    )

    season: int = Field(primary_key=True, foreign_key="call.season")
    kind: PublicationKind = enum_field(PublicationKind, primary_key=True)
    ordinal: int = Field(
        default=1,
        primary_key=True,
        sa_column_kwargs={"server_default": text("1")},
        description="counts the supplements; 1 for what goes out once",
    )
    published_at: datetime
    root: str = Field(max_length=64)
    subjects: int = Field(description="leaves under the root")
    entries: int | None = Field(default=None, description="entries under the root; earlier versions did not count them")


class Admission(SQLModel, table=True):
    """The office lets one late delivery in, with a reason."""

    __table_args__ = (
        UniqueConstraint("digest"),
        check("officer_named", "officer <> ''"),
        check("reason_given", "reason <> ''"),
        *sha256_text("digest"),
    )

    id: int | None = Field(default=None, primary_key=True)
    season: int = Field(foreign_key="call.season")
    digest: str = Field(max_length=64, description="SHA-256 of the delivered file")
    officer: str
    admitted_at: datetime
    reason: str


class Failure(SQLModel, table=True):
    """What does not work at present: a stage, or one `subject` of its work. The next success takes the row away.

    `mark` tells a subject from another that has come in its place (a file that was replaced).
    """

    __table_args__ = (check("attempts_counted", "attempts >= 1"),)

    season: int = Field(primary_key=True, foreign_key="call.season")
    stage: str = Field(primary_key=True, max_length=64, description="with the unit, where one has a run of its own")
    subject: str = Field(primary_key=True, description="empty for the stage as a whole")
    mark: str = ""
    attempts: int
    problem: str = text_field()
    first_failed_at: datetime
    failed_at: datetime
    not_before: float = Field(description="real epoch seconds of the next attempt")


class Lease(SQLModel, table=True):
    """Who may work on a stage or tend the clock right now. Real seconds of the database's own clock.

    `fence` grows with every change of hands: a holder that slept through its lease finds
    another fence and can write nothing more. A stage's lease says how far it is, as of its latest transaction.
    """

    __tablename__ = "claim"
    __table_args__ = (check("fence_positive", "fence >= 1"), check("pieces_counted", "0 <= done AND done <= total"))

    name: str = Field(primary_key=True, max_length=64)
    owner: str = Field(max_length=64)
    fence: int
    expires: float
    done: int = Field(default=0, description="pieces of the work")
    total: int = Field(default=0, description="0 where the work has no pieces")
    flow_run: str = Field(default="", max_length=64)


class Alert(SQLModel, table=True):
    """What the office was written about and is still so; the row goes when it is over, with a letter."""

    __table_args__ = (one_of("kind", TroubleKind),)

    season: int = Field(primary_key=True, foreign_key="call.season")
    kind: TroubleKind = enum_field(TroubleKind, primary_key=True)
    subject: str = Field(primary_key=True)
    since: datetime
    told_at: datetime = Field(description="of the latest letter")

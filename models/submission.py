"""Submissions, their content and the small records that guards consult."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.columns import check, decimal_field, enum_field, not_negative, one_of, sha256_text, text_field
from models.enums import (
    OUTCOMES,
    Carrier,
    Category,
    CertificateState,
    ConsentKind,
    CorrectionState,
    DuplicateDecision,
    Holder,
    Outcome,
    SubmissionState,
    Tier,
    Verdict,
)


def _outcomes_from(state: SubmissionState) -> str:
    return ", ".join(f"'{outcome}'" for outcome, (origins, _) in OUTCOMES.items() if state in origins)


_OUTCOME_FITS_ORIGIN = " OR ".join(
    [
        "(archived_from IS NULL AND outcome IS NULL)",
        *(
            f"(archived_from = '{state}' AND outcome IN ({_outcomes_from(state)}))"
            for state in SubmissionState
            if state is not SubmissionState.ARCHIVED
        ),
    ]
)


class Submission(SQLModel, table=True):
    """One submission: where it stands, and what decides about it. Its text is in SubmissionVersion."""

    __table_args__ = (
        one_of("state", SubmissionState),
        one_of("archived_from", SubmissionState, nullable=True),
        one_of("outcome", Outcome, nullable=True),
        one_of("tier", Tier, nullable=True),
        one_of("category", Category),
        one_of("carrier", Carrier),
        check("archived_has_outcome", "(state = 'archived') = (outcome IS NOT NULL)"),
        check("archived_has_origin", "(state = 'archived') = (archived_from IS NOT NULL)"),
        check("outcome_fits_origin", _OUTCOME_FITS_ORIGIN),
        check("awarded_has_tier", "state <> 'awarded' OR tier IS NOT NULL"),
        check("award_kept_its_tier", "archived_from IS NULL OR archived_from <> 'awarded' OR tier IS NOT NULL"),
        check(
            "tier_only_if_awarded",
            "tier IS NULL OR state = 'awarded'"
            f" OR COALESCE(outcome, '') IN ({_outcomes_from(SubmissionState.AWARDED)})",
        ),
        check("final_reviewed_is_eligible", "state NOT IN ('final_reviewed', 'awarded') OR eligible_at IS NOT NULL"),
        check("sequence_positive", "sequence >= 1"),
        check("place_positive", "place >= 1"),
        check("version_positive", "version >= 1"),
        check("fingerprint_is_sha256_or_deleted", "length(fingerprint) IN (0, 64)"),
        *sha256_text("head"),
        UniqueConstraint("season", "unit", "place"),
        Index("submission_by_state", "season", "state", "unit"),
        Index("submission_by_title", "title_key"),
    )

    number: str = Field(primary_key=True, max_length=32)
    season: int = Field(foreign_key="call.season")
    unit: str = Field(max_length=16)
    place: int = Field(description="running number within the unit")
    state: SubmissionState = enum_field(SubmissionState)
    archived_from: SubmissionState | None = enum_field(SubmissionState, nullable=True)
    outcome: Outcome | None = enum_field(Outcome, nullable=True)
    tier: Tier | None = enum_field(Tier, nullable=True)
    title: str
    title_key: str = Field(description="normalised title")
    fingerprint: str = Field(max_length=64, description="exact identity: title, organisations, contributors")
    category: Category = enum_field(Category)
    carrier: Carrier = enum_field(Carrier)
    field: str
    completed_on: date
    version: int = Field(default=1)
    submitted_at: datetime
    eligible_at: datetime | None = Field(default=None, description="when the eligibility check passed it")
    sequence: int
    head: str = Field(max_length=64)


class SubmissionVersion(SQLModel, table=True):
    """The content of a submission as delivered, without contact data; all versions are kept.

    `digest` is SHA-256(salt ‖ content) and stands in the history: once the salt is gone with
    the personal data, the digest tells nothing about anybody.
    """

    __tablename__ = "submission_version"
    __table_args__ = (check("version_positive", "version >= 1"), *sha256_text("digest"))

    number: str = Field(primary_key=True, foreign_key="submission.number")
    version: int = Field(primary_key=True)
    content: str = text_field()
    salt: str = Field(max_length=32)
    digest: str = Field(max_length=64)
    delivery: str = Field(max_length=64)
    kept_at: datetime


class Organisation(SQLModel, table=True):
    """An organisation of a submission; position 1 is the applicant organisation."""

    __table_args__ = (check("position_positive", "position >= 1"),)

    number: str = Field(primary_key=True, foreign_key="submission.number")
    position: int = Field(primary_key=True)
    name: str
    name_key: str = Field(index=True)
    credit_code: str = ""


class Contributor(SQLModel, table=True):
    """A contributor in the order of merit."""

    __table_args__ = (check("position_positive", "position >= 1"), *not_negative("share"))

    number: str = Field(primary_key=True, foreign_key="submission.number")
    position: int = Field(primary_key=True)
    name: str
    name_key: str = Field(index=True)
    organisation: str
    role: str = ""
    share: Decimal | None = decimal_field(nullable=True)


class Contact(SQLModel, table=True):
    """Contact data of a submission: deleted on the season file's schedule."""

    number: str = Field(primary_key=True, foreign_key="submission.number")
    name: str = ""
    phone: str = ""
    mail: str = ""


class Attachment(SQLModel, table=True):
    """A file that came with a version of a submission; it lies in the home, named by its digest."""

    __table_args__ = (
        check("version_positive", "version >= 1"),
        check("position_positive", "position >= 1"),
        check("size_counted", "size >= 0"),
        *sha256_text("digest"),
    )

    number: str = Field(primary_key=True, foreign_key="submission.number")
    version: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    name: str
    digest: str = Field(max_length=64, index=True, description="SHA-256 of the file")
    size: int = Field(description="bytes")


class Consent(SQLModel, table=True):
    """What may be published of a submission, one row for each thing asked about; `position` counts people or pictures.

    They follow the version in force. A consent once taken back is given again by no later version.
    """

    __table_args__ = (
        one_of("kind", ConsentKind),
        check("position_positive", "position >= 1"),
        check("only_given_is_withdrawn", "withdrawn_at IS NULL OR given"),
    )

    number: str = Field(primary_key=True, foreign_key="submission.number")
    kind: ConsentKind = enum_field(ConsentKind, primary_key=True)
    position: int = Field(primary_key=True)
    given: bool
    withdrawn_at: datetime | None = None


class PublishedPicture(SQLModel):
    """A picture that could be read; as it is published it lies in the home, named by `encoded`."""

    number: str = Field(primary_key=True, foreign_key="submission.number")
    position: int = Field(primary_key=True)
    digest: str = Field(max_length=64, description="SHA-256 of the file that came")
    encoded: str = Field(max_length=64, description="SHA-256 of the large one made of it")
    portrait: bool = Field(description="people can be recognised in it")
    alt: str = Field(description="what it shows, for who cannot see it")
    width: int = Field(description="pixels of the large one")
    height: int


def _of_a_picture() -> tuple[CheckConstraint, ...]:
    return (
        check("position_positive", "position >= 1"),
        check("size_counted", "width >= 1 AND height >= 1"),
        *sha256_text("digest", "encoded"),
    )


class Picture(PublishedPicture, table=True):
    """A picture of a submission's version in force."""

    __table_args__ = _of_a_picture()


class FollowUpPicture(PublishedPicture, table=True):
    """A picture that came with the answer in force to what became of an award."""

    __tablename__ = "follow_up_picture"
    __table_args__ = _of_a_picture()


class DistrictVerdict(SQLModel, table=True):
    """A district's verdict in force."""

    __tablename__ = "district_verdict"
    __table_args__ = (
        one_of("verdict", Verdict),
        check("rank_positive", "rank IS NULL OR rank >= 1"),
        *not_negative("total"),
    )

    number: str = Field(primary_key=True, foreign_key="submission.number")
    verdict: Verdict = enum_field(Verdict)
    points: str = text_field()
    total: Decimal = decimal_field()
    rank: int | None = None
    comment: str = ""
    received_at: datetime
    delivery: str = Field(max_length=64)


class Correction(SQLModel, table=True):
    """One chance to correct (退回补正); one a submission."""

    __table_args__ = (
        one_of("state", CorrectionState),
        check("settled_or_outstanding", "(state = 'outstanding') = (settled_at IS NULL)"),
    )

    number: str = Field(primary_key=True, foreign_key="submission.number")
    asked_by: str
    asked_at: datetime
    missing: str
    due_at: datetime
    state: CorrectionState = enum_field(CorrectionState, default=CorrectionState.OUTSTANDING)
    settled_at: datetime | None = None


class Duplicate(SQLModel, table=True):
    """Two submissions so alike that the office must decide."""

    __table_args__ = (
        one_of("decision", DuplicateDecision),
        Index("duplicate_by_other", "other"),
        check("not_itself", "number <> other"),
        check("similarity_is_percent", "similarity BETWEEN 0 AND 100"),
        check("decided_or_pending", "(decision = 'pending') = (decided_at IS NULL)"),
        check("decided_by_somebody", "decision = 'pending' OR officer <> ''"),
    )

    number: str = Field(primary_key=True, foreign_key="submission.number")
    other: str = Field(primary_key=True, foreign_key="submission.number")
    similarity: int = Field(description="percent")
    decision: DuplicateDecision = enum_field(DuplicateDecision, default=DuplicateDecision.PENDING)
    officer: str = ""
    decided_at: datetime | None = None
    reason: str = ""


class FollowUp(SQLModel, table=True):
    """What became of an awarded achievement a year later (成果转化跟踪)."""

    __tablename__ = "follow_up"

    number: str = Field(primary_key=True, foreign_key="submission.number")
    asked_at: datetime
    answered_at: datetime | None = None
    adoption: str = ""


class Certificate(SQLModel, table=True):
    """A certificate (获奖证书) of an award for one holder, by the season's running number; no number is given twice."""

    __table_args__ = (
        one_of("holder", Holder),
        one_of("tier", Tier),
        one_of("state", CertificateState),
        check("ordinal_positive", "ordinal >= 1"),
        check("position_positive", "position >= 1"),
        check("valid_or_voided", "(state = 'valid') = (voided_at IS NULL)"),
        check("replaced_has_successor", "(state = 'replaced') = (successor IS NOT NULL)"),
    )

    season: int = Field(primary_key=True, foreign_key="call.season")
    ordinal: int = Field(primary_key=True)
    number: str = Field(foreign_key="submission.number", index=True)
    holder: Holder = enum_field(Holder)
    position: int = Field(description="of the contributor or organisation in the submission")
    name: str = Field(description="as printed; deleted with the personal data")
    tier: Tier = enum_field(Tier)
    state: CertificateState = enum_field(CertificateState, default=CertificateState.VALID)
    given_at: datetime
    voided_at: datetime | None = None
    successor: int | None = Field(default=None, description="the number that replaced it")

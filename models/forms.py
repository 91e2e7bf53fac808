"""What people fill in: one form a row, as the workbooks carry it and the guards judge it.

The forms hold types and bounds only. Whether a row may come in (deadline, duplicates,
covered years, quota) is for the guards of `states/`.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from models.enums import Carrier, Category, Origin, PracticeKind, PracticeSource, Tier, Use, Verdict

Text = Annotated[str, Field(min_length=1)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OrganisationForm(_Form):
    """An applicant organisation; the first one is the applicant (申报单位)."""

    name: Text
    credit_code: str = Field("", description="18-character unified social credit code, checked by its check digit")


class ContributorForm(_Form):
    """One contributor (完成人); their order on the form is their order of merit."""

    name: Text
    organisation: Text
    role: str = ""
    share: Decimal | None = Field(None, gt=0, le=100, description="percent")
    consent: bool | None = Field(None, description="this person agrees that the name is published (PIPL art. 25)")


class PictureForm(_Form):
    """A picture for the public pages; its file comes with the workbook."""

    name: Text
    alt: Text = Field(description="what it shows, for who cannot see it")
    portrait: bool = Field(description="people can be recognised in it")
    consent: bool = Field(description="of who made it, and of everybody who can be recognised in it")


class ContactForm(_Form):
    """Personal data that nobody but the office and the unit may see; deleted on schedule."""

    name: str = ""
    phone: str = ""
    mail: str = ""


class IllustratedForm(_Form):
    """A row that names files which come along with its workbook."""

    attachments: tuple[str, ...] = ()
    review_attachments: tuple[str, ...] = Field(
        (), description="files without organisations and names, for blind experts"
    )
    pictures: tuple[PictureForm, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that the row names, once."""
        return tuple(
            dict.fromkeys((*self.attachments, *self.review_attachments, *(picture.name for picture in self.pictures)))
        )


class SubmissionForm(IllustratedForm):
    """One submission (申报)."""

    number: str | None = Field(None, description="given once accepted; names the submission that a row updates")
    restores: bool = Field(False, description="an older content is meant to be in force again")
    title: Text
    category: Category
    carrier: Carrier
    field: Text
    abstract: Text
    innovation: Text
    practicality: Text
    benefit_economic: Decimal | None = Field(None, ge=0, description="万元")
    benefit_social: str = ""
    spread: Text
    adoption: str = ""
    completed_on: date
    organisations: tuple[OrganisationForm, ...] = Field(min_length=1)
    contributors: tuple[ContributorForm, ...] = Field(min_length=1)
    earlier_prizes: str = ""
    external_partners: str = ""
    origin: Origin = Origin.NONE
    contact: ContactForm = ContactForm()
    text_consent: bool | None = Field(None, description="the organisations license the text (成果授权)")
    consent: bool | None = Field(None, description="the one box of earlier workbooks: names, organisations, abstract")


class WithdrawalForm(_Form):
    """A unit takes one of its submissions back (撤回)."""

    number: Text


class VerdictForm(_Form):
    """One district verdict (初评结果) on one submission."""

    number: Text
    verdict: Verdict
    points: dict[str, Decimal] = Field(description="criterion key -> points, at most the criterion's maximum")
    rank: int | None = Field(None, ge=1, description="place among the unit's recommended, 1 is best")
    comment: str = ""


class SendBackForm(_Form):
    """A unit sends one of its submissions back for correction (退回补正) instead of judging it."""

    number: Text
    missing: Text


class ScoreForm(_Form):
    """One expert's scores on one submission."""

    number: Text
    points: dict[str, Decimal]
    comment: str = ""


class RecusalForm(_Form):
    """An expert steps back from one submission (回避)."""

    number: Text
    reason: Text


class VoteForm(_Form):
    """Votes on one prize: one expert's signed ballot, or the count of a secret one."""

    number: Text
    tier: Tier
    votes_for: int = Field(ge=0)
    votes_against: int = Field(ge=0)
    abstentions: int = Field(ge=0)

    @property
    def cast(self) -> int:
        return self.votes_for + self.votes_against + self.abstentions


class FollowUpForm(IllustratedForm):
    """What became of one awarded achievement, a year after the award (成果转化跟踪)."""

    number: Text
    use: Use
    since: date | None = Field(None, description="in use since")
    where: str = Field("", description="where, by whom")
    benefit_economic: Decimal | None = Field(None, ge=0, description="万元 in the year")
    benefit_social: str = ""
    places: int | None = Field(None, ge=0, description="how many further organisations use it")
    remark: str = Field("", description="why there is no progress, or what helped")
    consent: bool | None = Field(None, description="the organisation agrees that this is published")


class PracticeForm(_Form):
    """A unit's or an employer's report of good practice (好思路、好经验、好做法), once a year."""

    title: Text
    kind: PracticeKind
    source: PracticeSource
    organisation: Text = Field(description="whose practice it is")
    background: Text
    practice: Text
    effect: Text
    spread: str = Field("", description="what others can take over, and under which conditions")
    consent: bool = Field(description="the organisation agrees that this is published")


class ExpertForm(_Form):
    """One expert of the pool."""

    name: Text
    organisation: Text
    credit_code: str = ""
    fields: tuple[str, ...] = Field(min_length=1)
    title: str = ""
    phone: str = ""
    mail: str = ""
    valid_until: date | None = None
    statement_on: date | None = Field(None, description="signed this season's fairness and secrecy statement")
    declared: tuple[str, ...] = Field((), description="persons and organisations too close to review")

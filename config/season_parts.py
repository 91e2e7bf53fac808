"""The parts of a season file, one class a table of it, each with its defaults."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from email.errors import HeaderParseError
from email.headerregistry import Address
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from config.local_time import ZONE
from config.units import all_units

UnitCode = str


def _in_season_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=ZONE)
    if moment.utcoffset() != moment.astimezone(ZONE).utcoffset():
        raise ValueError(
            f"is written in the zone UTC{moment:%z}, but the season's zone is {ZONE.key} (+08:00); "
            "write the local time without a zone, or with +08:00"
        )
    return moment.astimezone(ZONE)


def _one_line(text: str) -> str:
    if not text.strip() or text != text.strip() or not text.isprintable():
        raise ValueError("must be one line that is not empty, without blanks around it or hidden signs")
    return text


def _address(text: str) -> str:
    try:
        whole = Address(addr_spec=text).addr_spec
    except (HeaderParseError, ValueError, IndexError) as problem:
        raise ValueError(f"is no mail address ({problem})") from problem
    if whole != text or not text.isascii() or not text.isprintable() or set(text) & set(' {}%"<>,;'):
        raise ValueError("is no plain mail address: one name@host, without blanks, line breaks, braces or other signs")
    return text


def _address_by_code(text: str) -> str:
    _address(text.replace("{code}", "500101"))
    return text


OneLine = Annotated[str, AfterValidator(_one_line)]
MailAddress = Annotated[str, AfterValidator(_address)]
Instant = Annotated[datetime, AfterValidator(_in_season_zone)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Office(Part):
    """The coordinating office (协调小组办公室) and the accounts that may decide."""

    name: OneLine
    mail: MailAddress
    coordination_mail: MailAddress = Field(description="where reminders go that nobody answered")
    officers: tuple[OneLine, ...] = Field(min_length=1, description="accounts that may approve, move dates, decide")
    address: str = Field("", description="where a sealed paper is brought or sent; the notice prints it")
    postcode: str = ""
    telephone: str = Field("", description="where people ask; the notice prints it")
    supervision_telephone: str = Field("", description="of who watches over the office; the notice prints it")


class Dates(Part):
    """When each milestone falls; `close_public_notice` follows from the notice's working days."""

    open_call: Instant
    close_call: Instant
    close_district_round: Instant
    check_eligibility: Instant
    close_eligibility: Instant
    draw_panel: Instant
    close_final_round: Instant
    close_re_review: Instant
    close_votes: Instant | None = Field(None, description="only where the panel votes ([final_round.votes])")
    open_public_notice: Instant
    publish_results: Instant
    archive: Instant
    open_practice: Instant | None = Field(
        None, description="good practice (好经验好做法); with close_practice or not at all"
    )
    close_practice: Instant | None = None
    write_report: Instant | None = Field(None, description="the yearly report, after what it tells of")
    follow_up: Instant
    close_season: Instant

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if (self.open_practice is None) != (self.close_practice is None):
            raise ValueError("open_practice and close_practice go together: give both or neither")
        named = list(self.given())
        for (before, earlier), (after, later) in pairwise(named):
            if earlier >= later:
                raise ValueError(
                    f"{after} ({later:%Y-%m-%d %H:%M}) must come after {before} ({earlier:%Y-%m-%d %H:%M})"
                )
        return self

    def given(self) -> Iterator[tuple[str, datetime]]:
        """Every milestone that has a date, in the order of the year."""
        for name in type(self).model_fields:
            instant = getattr(self, name)
            if instant is not None:
                yield name, instant


class Reminders(Part):
    """Days before a deadline on which who still owes something is reminded, at `hour`."""

    hour: int = Field(9, ge=0, le=23)
    call: tuple[int, ...] = (14, 3, 1)
    district_round: tuple[int, ...] = (10, 3, 1)
    experts: tuple[int, ...] = (7, 3, 1)
    re_review: tuple[int, ...] = (3, 1)
    approval: tuple[int, ...] = Field((3, 1), description="days before the public notice")
    practice: tuple[int, ...] = Field((10, 3), description="days before the collection of good practice closes")
    follow_up: tuple[int, ...] = Field((10, 3), description="days before the season closes")


class UnitDates(Part):
    """Dates that one district set itself (its 实施方案), within the season's frame."""

    close_call: Instant | None = None
    close_district_round: Instant | None = None


class UnitRules(Part):
    """What differs for one reporting unit."""

    mail: MailAddress | None = None
    senders: tuple[MailAddress, ...] = Field((), description="further addresses from which it may deliver by mail")
    quota: int | None = Field(None, ge=0)
    dates: UnitDates = UnitDates()
    rubric: "tuple[Criterion, ...] | None" = None


class Criterion(Part):
    """One criterion of a rubric; `maximum` points; anchors explain what earns them."""

    key: str = Field(pattern=r"^[a-z_]+$")
    name: str
    maximum: int = Field(gt=0)
    anchors: str = ""


def _full_marks(rubric: "tuple[Criterion, ...]") -> "tuple[Criterion, ...]":
    total = sum(criterion.maximum for criterion in rubric)
    if total != 100:
        raise ValueError(f"the maxima add up to {total}, not 100")
    return rubric


Rubric = Annotated[tuple[Criterion, ...], AfterValidator(_full_marks)]


class CallTerms(Part):
    """What a submission must be."""

    max_contributors: int = Field(5, ge=1)
    max_organisations: int = Field(3, ge=1)
    max_pictures: int = Field(3, ge=0, le=9, description="pictures for the public pages that one submission may bring")
    near_duplicate_percent: int = Field(90, ge=50, le=100, description="title similarity shown to the office")


class DistrictRound(Part):
    """First review by the districts."""

    quota: int = Field(10, ge=0, description="recommendations a unit may make")
    quota_by_category: dict[Literal["invention", "improvement", "design"], int] = {}
    mail: Annotated[str, AfterValidator(_address_by_code)] = Field(
        "kexie-{code}@example.invalid", description="a unit's address; {code} is its code"
    )
    rubric: Rubric | None = Field(None, description="the districts' own; empty means the final round's")
    units: dict[UnitCode, UnitRules] = {}

    @model_validator(mode="after")
    def _known_units(self) -> Self:
        unknown = sorted(set(self.units) - set(all_units()))
        if unknown:
            raise ValueError(f"units has codes that no reporting unit bears: {', '.join(unknown)}")
        return self


class Eligibility(Part):
    correction_working_days: int = Field(5, ge=1)


class TieBreak(Part):
    """Order in which equal merits at a cut are settled after the re-review: criteria, then a recorded draw."""

    criteria: tuple[str, ...] = ("innovation", "benefit", "practicality", "spread")


class PrizeCaps(Part):
    """At most so many prizes for one unit, organisation or person; empty means no limit."""

    per_unit: int | None = Field(None, ge=1)
    per_organisation: int | None = Field(None, ge=1)
    per_person: int | None = Field(None, ge=1)


TierWord = Literal["first", "second", "third"]


class Tiers(Part):
    """Prizes: sizes, or ratios of `prizes` in all. Vacancy below a tier's least merit."""

    sizes: dict[TierWord, int] | None = None
    prizes: int | None = Field(None, ge=0)
    ratios: dict[TierWord, int] = {"first": 1, "second": 2, "third": 3}
    least_merit: dict[TierWord, Decimal] = {}
    amounts_yuan: dict[TierWord, int] = {}
    budget_yuan: int | None = Field(None, ge=0, description="what all prizes may cost together; a rehearsal adds up")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.sizes is None) == (self.prizes is None):
            raise ValueError("give either sizes or prizes (with ratios), not both and not neither")
        return self


class Votes(Part):
    """The panel votes on each prize proposed in these tiers (表决), before the list goes to the office.

    Secret: the office enters what the scrutineers counted. Signed: each expert sends a ballot. Who is in
    conflict with a submission or stepped back from it has no vote on it. What is not carried falls to the
    highest tier below on which the panel does not vote; its place stays vacant.
    """

    tiers: tuple[TierWord, ...] = Field(min_length=1)
    majority: Fraction = Field(Fraction(2, 3), gt=0, le=1, description="share of those present who must be in favour")
    secret: bool = True


class FinalRound(Part):
    """Final review by the city's expert panel."""

    rubric: Rubric
    blind: bool = True
    scores_per_submission: int = Field(5, ge=1)
    submissions_per_expert: int = Field(40, ge=1)
    panel_per_field: int = Field(5, ge=1, description="fewest experts drawn of each field")
    panel_size: int = Field(40, ge=1)
    reserves: int = Field(5, ge=0)
    public_randomness: str = Field(
        "",
        description="what the draw is mixed with, named in advance: numbers that nobody can know before the pool is "
        "frozen, such as the first draw of a state lottery after that day; an officer enters them",
    )
    assignment: Literal["fair", "share"] = Field(
        "fair",
        description="fair: the worst-served submission as well as possible, then the total; "
        "share: the smallest part of their own best experts that any gets, at 99.5 % of the largest total or more",
    )
    method: Literal["mean", "trimmed_mean", "shrinkage"] = "trimmed_mean"
    unit_staff_conflict: bool = Field(True, description="staff of the reporting unit may not review its submissions")
    quorum: Fraction | None = Fraction(2, 3)
    votes: Votes | None = Field(None, description="needs dates.close_votes")
    tie_break: TieBreak = TieBreak()
    limits: PrizeCaps = PrizeCaps()
    tiers: Tiers
    feedback: bool = Field(
        False, description="after publication each unit gets the experts' comments on its submissions, without names"
    )
    look_range: int = Field(30, ge=1, description="points between experts from which a case needs a look")


class Payment(Part):
    """How prize money is paid out (奖补). Without a tax rule finance fills in the tax."""

    payee: Literal["contributors", "organisation"] = Field(
        "contributors", description="contributors: shared by their shares; organisation: whole to the applicant's"
    )
    tax_percent: Decimal | None = Field(None, ge=0, lt=100, description="withheld from what each payee gets")


class PublicNotice(Part):
    working_days: int = Field(5, ge=1, description="the posting day counts")
    promised_working_days: int = Field(5, ge=1, description="what was promised; a shorter notice is a warning")
    answer_working_days: int = Field(15, ge=1)
    must_contain: tuple[OneLine, ...] = Field((), description="what an objection must contain; the notice prints it")
    no_grounds: tuple[OneLine, ...] = Field((), description="what is no objection; the notice prints it")


def _service(text: str) -> str:
    if text and not (text.startswith(("https://", "http://")) and text.isascii() and text.isprintable()):
        raise ValueError("is no address of a service: https://…, without blanks or line breaks")
    return text


class RecordAnchors(Part):
    """What anchors the record outside, besides the letters that bring each root."""

    timestamp_service: Annotated[str, AfterValidator(_service)] = Field(
        "", description="address of a time-stamp service (RFC 3161) to which each published root goes; empty: none"
    )


class Wall(Part):
    """What the museum's wall (科技馆专区) shows; the newest season with results decides how many and how long."""

    seasons: int = Field(3, ge=1, description="how many of the newest seasons with results")
    fields: tuple[str, ...] = Field((), description="of this season, only these fields; empty means all")
    numbers: tuple[str, ...] = Field((), description="of this season, these cases in this order, instead of all")
    most: int = Field(80, ge=1, description="of this season, at most so many, the best first")
    seconds: int = Field(12, ge=3, description="how long each is shown")


class Investigator(Part):
    """Somebody outside the office who may look into objections, and where they work."""

    name: OneLine
    organisation: OneLine


class Objections(Part):
    """Objections (异议): who may look into them beside the officers, and what follows when one is upheld."""

    investigators: tuple[Investigator, ...] = ()
    reconsider_working_days: int = Field(
        10, ge=1, description="after an answer, in which objector or unit may ask once for a reconsideration"
    )
    next_moves_up: bool = Field(
        False,
        description="whether the place of an award removed before the results goes to those who follow in the list, "
        "once the removal is final; each of them has a public notice of its own",
    )
    after_award_days: int | None = Field(
        None, ge=1, description="days after the results in which objections to awards are still taken; empty: any time"
    )


IndicatorKey = Literal[
    "submissions",
    "category_invention",
    "category_improvement",
    "category_design",
    "carrier_individual",
    "carrier_team",
    "carrier_alliance",
    "organisations",
    "people",
    "contributors",
    "first_delivery",
    "call_in_time",
    "review_in_time",
    "corrected",
    "agreement",
    "recommended",
    "awarded_first",
    "awarded_second",
    "awarded_third",
    "award_rate",
    "followed_up",
    "in_use",
    "places",
    "practice",
    "upheld",
]


class Scorecard(Part):
    """How the reporting units are assessed (区县工作考核): what each indicator weighs, by its key."""

    least_cases: int = Field(5, ge=1, description="below so many cases a unit is shown, but not compared")
    weights: dict[IndicatorKey, Annotated[int, Field(ge=0)]] = {
        "submissions": 15,
        "organisations": 5,
        "contributors": 5,
        "first_delivery": 15,
        "call_in_time": 10,
        "review_in_time": 10,
        "corrected": 5,
        "agreement": 10,
        "award_rate": 15,
        "followed_up": 5,
        "in_use": 5,
        "practice": 5,
        "upheld": 5,
    }
    definitions: dict[IndicatorKey, OneLine] = Field(
        {}, description="how an indicator is defined where the office words it otherwise; what is counted stays"
    )


class Retention(Part):
    contact_days: int = Field(730, ge=1, description="days after publication until personal data is deleted")


class FileLimits(Part):
    """What a delivered file may be; anything beyond is refused before it is read whole."""

    max_file_mib: int = Field(50, ge=1)
    max_unpacked_mib: int = Field(300, ge=1)
    max_archive_files: int = Field(500, ge=1)
    max_rows: int = Field(20_000, ge=1)
    max_columns: int = Field(200, ge=1)
    max_cell_characters: int = Field(5_000, ge=1)

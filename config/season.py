"""One season file a year: everything that an administrator decides about the round.

`load_season` reads `config/seasons/<year>.toml` (or the file of the same name in the home's
`seasons/`, which wins). Each error names the key and the reason.
"""

import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from config.errors import GangchuangError
from config.milestones import Milestone
from config.units import Unit, all_units, units_in_force

SEASONS = Path(__file__).parent / "seasons"
ZONE = ZoneInfo("Asia/Shanghai")


class UnknownSeason(GangchuangError):
    def __init__(self, year: int, known: list[int]) -> None:
        self.year = year
        listed = ", ".join(map(str, known)) or "none yet"
        super().__init__(f"There is no season {year} (known: {listed}). Write config/seasons/{year}.toml first.")


class SeasonFileBroken(GangchuangError):
    def __init__(self, path: Path, problems: list[str]) -> None:
        self.path, self.problems = path, problems
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{path.name} cannot be used:\n{lines}\nCorrect these keys and check it again.")


def _in_season_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=ZONE)
    if moment.utcoffset() != moment.astimezone(ZONE).utcoffset():
        raise ValueError(
            f"is written in the zone UTC{moment:%z}, but the season's zone is {ZONE.key} (+08:00); "
            "write the local time without a zone, or with +08:00"
        )
    return moment.astimezone(ZONE)


Instant = Annotated[datetime, AfterValidator(_in_season_zone)]
UnitCode = str


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Office(_Part):
    """The coordinating office (协调小组办公室) and the accounts that may decide."""

    name: str
    mail: str
    coordination_mail: str = Field(description="where reminders go that nobody answered")
    officers: tuple[str, ...] = Field(min_length=1, description="accounts that may approve, move dates, decide")


class Dates(_Part):
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
    follow_up: Instant
    close_season: Instant

    @model_validator(mode="after")
    def _in_order(self) -> Self:
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


class Reminders(_Part):
    """Days before a deadline on which who still owes something is reminded, at `hour`."""

    hour: int = Field(9, ge=0, le=23)
    call: tuple[int, ...] = (14, 3, 1)
    district_round: tuple[int, ...] = (10, 3, 1)
    experts: tuple[int, ...] = (7, 3, 1)
    approval: tuple[int, ...] = Field((3, 1), description="days before the public notice")


class UnitDates(_Part):
    """Dates that one district set itself (its 实施方案), within the season's frame."""

    close_call: Instant | None = None
    close_district_round: Instant | None = None


class UnitRules(_Part):
    """What differs for one reporting unit."""

    mail: str | None = None
    quota: int | None = Field(None, ge=0)
    dates: UnitDates = UnitDates()
    rubric: "tuple[Criterion, ...] | None" = None


class Criterion(_Part):
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


class Call(_Part):
    """What a submission must be."""

    max_contributors: int = Field(5, ge=1)
    max_organisations: int = Field(3, ge=1)
    near_duplicate_percent: int = Field(90, ge=50, le=100, description="title similarity shown to the office")


class DistrictRound(_Part):
    """First review by the districts."""

    quota: int = Field(10, ge=0, description="recommendations a unit may make")
    quota_by_category: dict[Literal["invention", "improvement", "design"], int] = {}
    mail: str = Field("kexie-{code}@example.invalid", description="a unit's address; {code} is its code")
    rubric: Rubric | None = Field(None, description="the districts' own; empty means the final round's")
    units: dict[UnitCode, UnitRules] = {}

    @model_validator(mode="after")
    def _known_units(self) -> Self:
        unknown = sorted(set(self.units) - set(all_units()))
        if unknown:
            raise ValueError(f"units has codes that no reporting unit bears: {', '.join(unknown)}")
        return self


class Eligibility(_Part):
    correction_working_days: int = Field(5, ge=1)


class TieBreak(_Part):
    """Order in which equal merits at a cut are settled after the re-review: criteria, then a recorded draw."""

    criteria: tuple[str, ...] = ("innovation", "benefit", "practicality", "spread")


class Limits(_Part):
    """At most so many prizes for one unit, organisation or person; empty means no limit."""

    per_unit: int | None = Field(None, ge=1)
    per_organisation: int | None = Field(None, ge=1)
    per_person: int | None = Field(None, ge=1)


class Tiers(_Part):
    """Prizes: sizes, or ratios of `prizes` in all. Vacancy below a tier's least merit."""

    sizes: dict[Literal["first", "second", "third"], int] | None = None
    prizes: int | None = Field(None, ge=0)
    ratios: dict[Literal["first", "second", "third"], int] = {"first": 1, "second": 2, "third": 3}
    least_merit: dict[Literal["first", "second", "third"], Decimal] = {}
    amounts_yuan: dict[Literal["first", "second", "third"], int] = {}

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.sizes is None) == (self.prizes is None):
            raise ValueError("give either sizes or prizes (with ratios), not both and not neither")
        return self


class Votes(_Part):
    """The panel votes on each prize proposed in these tiers (表决), before the list goes to the office.

    Secret: the office enters what the scrutineers counted. Signed: each expert sends a ballot. Who is in
    conflict with a submission or stepped back from it has no vote on it. What is not carried falls to the
    highest tier below on which the panel does not vote; its place stays vacant.
    """

    tiers: tuple[Literal["first", "second", "third"], ...] = Field(min_length=1)
    majority: Fraction = Field(Fraction(2, 3), gt=0, le=1, description="share of those present who must be in favour")
    secret: bool = True


class FinalRound(_Part):
    """Final review by the city's expert panel."""

    rubric: Rubric
    blind: bool = True
    scores_per_submission: int = Field(5, ge=1)
    submissions_per_expert: int = Field(40, ge=1)
    panel_per_field: int = Field(5, ge=1, description="fewest experts drawn of each field")
    panel_size: int = Field(40, ge=1)
    reserves: int = Field(5, ge=0)
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
    limits: Limits = Limits()
    tiers: Tiers
    look_range: int = Field(30, ge=1, description="points between experts from which a case needs a look")


class PublicNotice(_Part):
    working_days: int = Field(5, ge=1, description="the posting day counts")
    promised_working_days: int = Field(5, ge=1, description="what was promised; a shorter notice is a warning")
    answer_working_days: int = Field(15, ge=1)


class Retention(_Part):
    contact_days: int = Field(730, ge=1, description="days after publication until personal data is deleted")


class FileLimits(_Part):
    """What a delivered file may be; anything beyond is refused before it is read whole."""

    max_file_mib: int = Field(50, ge=1)
    max_unpacked_mib: int = Field(300, ge=1)
    max_archive_files: int = Field(500, ge=1)
    max_rows: int = Field(20_000, ge=1)
    max_columns: int = Field(200, ge=1)
    max_cell_characters: int = Field(5_000, ge=1)


class Season(_Part):
    """One year's rules. Instants are aware and in Asia/Shanghai."""

    year: int = Field(ge=2020, le=2100)
    title: str
    covered_years: tuple[int, ...] = Field(min_length=1)
    fields: tuple[str, ...] = Field(min_length=1, description="fields of work, for submissions and experts alike")
    office: Office
    dates: Dates
    reminders: Reminders = Reminders()
    call: Call = Call()
    district_round: DistrictRound = DistrictRound()
    eligibility: Eligibility = Eligibility()
    final_round: FinalRound
    public_notice: PublicNotice = PublicNotice()
    retention: Retention = Retention()
    files: FileLimits = FileLimits()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if any(year >= self.year + 1 or year < 2000 for year in self.covered_years):
            raise ValueError(f"covered_years {self.covered_years} must lie before the season's end")
        if self.dates.open_call.year != self.year:
            raise ValueError(f"dates.open_call lies in {self.dates.open_call.year}, but this is season {self.year}")
        if (self.final_round.votes is None) != (self.dates.close_votes is None):
            raise ValueError("final_round.votes and dates.close_votes go together: give both or neither")
        if self.erase_personal_data_at <= self.dates.close_season:
            least = (self.dates.close_season - self.dates.publish_results).days + 1
            raise ValueError(
                f"retention.contact_days is {self.retention.contact_days}: personal data would be deleted before the "
                f"season closes, while it is still needed; it must be at least {least}"
            )
        keys = {criterion.key for criterion in self.final_round.rubric}
        unknown = [key for key in self.final_round.tie_break.criteria if key not in keys]
        if unknown:
            raise ValueError(f"final_round.tie_break.criteria names {unknown}, which the rubric does not have")
        return self

    @property
    def erase_personal_data_at(self) -> datetime:
        """When the season's personal data is to be deleted."""
        return self.dates.publish_results + timedelta(days=self.retention.contact_days)

    @property
    def district_rubric(self) -> tuple[Criterion, ...]:
        return self.district_round.rubric or self.final_round.rubric

    def rubric_of(self, code: UnitCode) -> tuple[Criterion, ...]:
        """The rubric of a unit's first review."""
        rules = self.district_round.units.get(code)
        return (rules.rubric if rules else None) or self.district_rubric

    def quota_of(self, code: UnitCode) -> int:
        rules = self.district_round.units.get(code)
        return self.district_round.quota if rules is None or rules.quota is None else rules.quota

    def mail_of(self, code: UnitCode) -> str:
        rules = self.district_round.units.get(code)
        return (rules.mail if rules else None) or self.district_round.mail.format(code=code)

    def unit_date(self, milestone: Milestone, code: UnitCode) -> datetime | None:
        """A unit's own date for a milestone, if the season file gives it one."""
        rules = self.district_round.units.get(code)
        return getattr(rules.dates, milestone.value, None) if rules else None

    def units(self) -> list[Unit]:
        """The reporting units of the season: those in force on the day on which the call opens."""
        return units_in_force(local_day(self.dates.open_call))


def end_of_day(day: date) -> datetime:
    """The last instant of a local day, as an aware instant: deadlines given in days end here."""
    return datetime.combine(day, time(23, 59, 59), ZONE)


def local_day(instant: datetime) -> date:
    """The day of an instant in the season's zone."""
    return instant.astimezone(ZONE).date()


def season_path(year: int, home: Path | None = None) -> Path:
    """The season file in force: the home's own before the one shipped. Raises UnknownSeason."""
    places = ([home / "seasons"] if home else []) + [SEASONS]
    for place in places:
        if (place / f"{year}.toml").is_file():
            return place / f"{year}.toml"
    known = sorted(int(path.stem) for place in places for path in place.glob("[0-9]*.toml"))
    raise UnknownSeason(year, known)


def load_season(year: int, home: Path | None = None) -> Season:
    """Read and check one season file. Raises UnknownSeason or SeasonFileBroken."""
    path = season_path(year, home)
    season = parse_season(path)
    if season.year != year:
        raise SeasonFileBroken(path, [f"year: is {season.year}, but the file is named for {year}"])
    return season


def parse_season(path: Path) -> Season:
    """Read and check one season file at a path. Raises SeasonFileBroken."""
    try:
        return Season.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SeasonFileBroken(path, [f"not readable as TOML: {problem}"]) from problem
    except ValidationError as problem:
        raise SeasonFileBroken(path, [_sentence(error) for error in problem.errors()]) from problem


def _sentence(error: dict) -> str:  # type: ignore[type-arg]
    where = ".".join(str(part) for part in error["loc"]) or "the file"
    return f"{where}: {error['msg'].removeprefix('Value error, ')} (given: {error['input']!r:.80})"

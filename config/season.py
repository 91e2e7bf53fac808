"""One season file a year: everything that an administrator decides about the round.

`load_season` reads `config/seasons/<year>.toml` (or the file of the same name in the home's
`seasons/`, which wins). Each error names the key and the reason.
"""

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from config.errors import GangchuangError
from config.local_time import local_day
from config.milestones import Milestone
from config.season_parts import (
    CallTerms,
    Criterion,
    Dates,
    DistrictRound,
    Eligibility,
    FileLimits,
    FinalRound,
    Objections,
    Office,
    OneLine,
    Part,
    Payment,
    PublicNotice,
    RecordAnchors,
    Reminders,
    Retention,
    Scorecard,
    UnitCode,
    Wall,
)
from config.units import Unit, units_in_force

SEASONS = Path(__file__).parent / "seasons"
# Without these nobody could object by the notice alone. Seasons planned by earlier versions lack them, and go on.
_PRINTED = (
    "office.address",
    "office.postcode",
    "office.telephone",
    "office.supervision_telephone",
    "public_notice.must_contain",
    "public_notice.no_grounds",
)


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


class Season(Part):
    """One year's rules. Instants are aware and in Asia/Shanghai."""

    year: int = Field(ge=2020, le=2100)
    title: OneLine
    covered_years: tuple[int, ...] = Field(min_length=1)
    fields: tuple[str, ...] = Field(min_length=1, description="fields of work, for submissions and experts alike")
    office: Office
    dates: Dates
    reminders: Reminders = Reminders()
    call: CallTerms = CallTerms()
    district_round: DistrictRound = DistrictRound()
    eligibility: Eligibility = Eligibility()
    final_round: FinalRound
    public_notice: PublicNotice = PublicNotice()
    record: RecordAnchors = RecordAnchors()
    wall: Wall = Wall()
    objections: Objections = Objections()
    payment: Payment = Payment()
    scorecard: Scorecard = Scorecard()
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
        return (rules.mail if rules else None) or self.district_round.mail.replace("{code}", code)

    def addresses_of(self, code: UnitCode) -> tuple[str, ...]:
        """Every address from which a unit may deliver by mail: its own, and those of its people."""
        rules = self.district_round.units.get(code)
        return (self.mail_of(code), *(rules.senders if rules else ()))

    def unit_date(self, milestone: Milestone, code: UnitCode) -> datetime | None:
        """A unit's own date for a milestone, if the season file gives it one."""
        rules = self.district_round.units.get(code)
        return getattr(rules.dates, milestone.value, None) if rules else None

    def units(self) -> list[Unit]:
        """The reporting units of the season: those in force on the day on which the call opens."""
        return units_in_force(local_day(self.dates.open_call))


def season_path(year: int, home: Path | None = None) -> Path:
    """The season file in force: the home's own before the one shipped. Raises UnknownSeason."""
    folders = ([home / "seasons"] if home else []) + [SEASONS]
    for folder in folders:
        if (folder / f"{year}.toml").is_file():
            return folder / f"{year}.toml"
    known = sorted(int(path.stem) for folder in folders for path in folder.glob("[0-9]*.toml"))
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
        season = Season.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SeasonFileBroken(path, [f"not readable as TOML: {problem}"]) from problem
    except ValidationError as problem:
        raise SeasonFileBroken(path, [_sentence(error) for error in problem.errors()]) from problem
    missing = [
        name for name in _PRINTED if not getattr(getattr(season, name.partition(".")[0]), name.partition(".")[2])
    ]
    if missing:
        raise SeasonFileBroken(path, [f"{name}: the public notice must print it (公示须载明)" for name in missing])
    return season


def _sentence(error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "the file"
    return f"{where}: {error['msg'].removeprefix('Value error, ')} (given: {error['input']!r:.80})"

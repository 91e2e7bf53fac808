"""What the public may know at one instant: read once, in one view of the database, and given to every part of a release."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from config.local_time import local_day
from config.milestones import Milestone
from config.season import Season
from config.settings import Settings
from config.units import name_on
from models import History, MilestoneDate, Placing, Publication, Submission
from models.enums import MilestoneState, PublicationKind, Tier, Trigger
from models.queries import awards_standing, milestone_rows, season_in_force
from states.history.canonical import submission_subject
from states.releases import Marks, public_marks
from states.submissions.released import Released, released

_SOME = 100


class PublicSeason:
    """One season whose call is out. What it reads, it reads within the view of its facts, and once.

    `mark`: two equal ones are the same public facts; `changed_at`: when what the pages say of it changed last.
    """

    def __init__(self, session: Session, year: int, mark: str, changed: str) -> None:
        self.session, self.year, self.mark = session, year, mark
        self.changed_at = datetime.fromisoformat(changed)

    @cached_property
    def season(self) -> Season:
        return season_in_force(self.session, self.year)

    @cached_property
    def milestones(self) -> Sequence[MilestoneDate]:
        return milestone_rows(self.session, self.year)

    def is_over(self, milestone: Milestone) -> bool:
        """Whether a milestone was done, for every unit."""
        own = [row for row in self.milestones if row.milestone == milestone]
        return bool(own) and all(row.state is not MilestoneState.PENDING for row in own)

    @property
    def version(self) -> str:
        """What tells the files that this season's facts make from those that others made."""
        return sha256(self.mark.encode()).hexdigest()[:12]

    @cached_property
    def opened_at(self) -> datetime:
        """When the call went out."""
        at = select(func.min(History.at)).where(History.season == self.year, History.trigger == Trigger.OPEN_CALL)
        return datetime.fromisoformat(self.session.scalars(at).one())

    @property
    def awarded(self) -> int:
        """How many awards stand."""
        return sum(self.awards_by_tier.values())

    @cached_property
    def awards_by_tier(self) -> Mapping[Tier, int]:
        """How many awards stand of each tier that has any."""
        return awards_standing(self.session, self.year)

    @cached_property
    def numbers(self) -> Sequence[str]:
        """The awards in the order of the list, once the results are out; revoked ones too."""
        if self.published(PublicationKind.RESULTS) is None:
            return ()
        awards = (
            select(Submission.number)
            .join(Placing, Placing.number == Submission.number)
            .where(Submission.season == self.year, Submission.tier.is_not(None))
            .order_by(Placing.position)
        )
        return self.session.scalars(awards).all()

    @cached_property
    def cases(self) -> Mapping[str, Released]:
        """What may be public of each award, in the order of the list."""
        return released(self.session, self.numbers)

    def best_cases(self) -> Iterator[Released]:
        """The same one after the other, for whoever needs the first few: no more are read than are taken, but for some."""
        if "cases" in self.__dict__:
            yield from self.cases.values()
            return
        for start in range(0, len(self.numbers), _SOME):
            yield from released(self.session, self.numbers[start : start + _SOME]).values()

    @cached_property
    def awarded_at(self) -> Mapping[str, datetime]:
        """When each award was first given, by number."""
        return self._instants((Trigger.AWARD,), func.min)

    @cached_property
    def revoked_at(self) -> Mapping[str, datetime]:
        """When awards were taken away, the last time, by number."""
        return self._instants((Trigger.REVOKE,), func.max)

    @cached_property
    def case_changed_at(self) -> Mapping[str, datetime]:
        """When what is public of each award changed last, by number."""
        return self._instants(_CHANGES, func.max)

    def _instants(self, triggers: Sequence[Trigger], which: Callable[..., Any]) -> dict[str, datetime]:
        """The first or last entry of some triggers of every submission that has one."""
        subject = func.replace(History.subject, literal(submission_subject("")), "")
        rows = self.session.execute(
            select(subject, which(History.at))
            .where(History.season == self.year, History.trigger.in_(triggers))
            .group_by(History.subject)
        )
        return {number: datetime.fromisoformat(at) for number, at in rows}

    @cached_property
    def publications(self) -> tuple[Publication, ...]:
        """What was published with a root, the oldest first."""
        rows = self.session.scalars(
            select(Publication)
            .where(Publication.season == self.year)
            .order_by(Publication.published_at, Publication.ordinal)
        )
        return tuple(rows)

    def unit_name(self, code: str) -> str:
        """What a unit was called when the results were published; before that, when the call went out."""
        results = self.published(PublicationKind.RESULTS)
        return name_on(code, local_day(results.published_at if results else self.opened_at))

    def published(self, kind: PublicationKind) -> Publication | None:
        """The publication of a kind, the first where there are several; None before it."""
        return next((row for row in self.publications if row.kind is kind), None)


_CHANGES = (
    Trigger.AWARD,
    Trigger.REVOKE,
    Trigger.REINSTATE,
    Trigger.CORRECT_NAME,
    Trigger.WITHDRAW_CONSENT,
    Trigger.ERASE_PERSON,
    Trigger.RECORD_FOLLOW_UP,
)


@dataclass(frozen=True)
class Facts:
    """All seasons whose call is out, the newest first, at one instant. `site_url` is empty where it is not known.

    `home`: where the pictures lie.
    """

    session: Session
    site_url: str
    home: Path
    marks: Marks
    seasons: tuple[PublicSeason, ...]


def facts_of(session: Session, own: Settings, marks: Marks | None = None) -> Facts:
    """The facts as this session's view of the database has them, by marks of the same view if there are any."""
    marks = marks or public_marks(session)
    years = sorted(marks.public, reverse=True)
    seasons = tuple(PublicSeason(session, year, marks.public[year], marks.changed[year]) for year in years)
    return Facts(session, own.site_url.rstrip("/"), own.home.absolute(), marks, seasons)

"""Who may decide by hand: the officers that the season file names."""

from config.errors import GangchuangError
from config.season import Season
from models.enums import (
    Role,
)
from states.machine import Actor


class NotAnOfficer(GangchuangError):
    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        self.chinese = f"“{name}”不是本年度的经办人（经办人：{'、'.join(known)}）。没有任何改动。"
        super().__init__(
            f"{name!r} is no officer of this season. Officers: {', '.join(known)} (season file, [office])."
        )


class DecisionRefused(GangchuangError):
    """`reason` is what operators read after the subject; `chinese`, what the office does."""

    def __init__(self, subject: str, reason: str, chinese: str) -> None:
        self.subject, self.chinese = subject, f"{chinese}。没有任何改动。"
        super().__init__(f"{subject}: {reason}. Nothing was changed.")


def officer(season: Season, name: str) -> Actor:
    """The acting person, who must be an account of the season's office. Raises NotAnOfficer."""
    if name not in season.office.officers:
        raise NotAnOfficer(name, season.office.officers)
    return Actor(Role.OFFICE, name)


def investigators(season: Season) -> tuple[str, ...]:
    """Who may look into objections."""
    return (*season.office.officers, *(person.name for person in season.objections.investigators))


def investigator(season: Season, name: str) -> Actor:
    """The acting person, who must be an officer or one of those who may look into objections. Raises NotAnOfficer."""
    if name not in investigators(season):
        raise NotAnOfficer(name, investigators(season))
    return Actor(Role.OFFICE, name)

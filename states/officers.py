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
        super().__init__(
            f"{name!r} is no officer of this season. Officers: {', '.join(known)} (season file, [office])."
        )


class DecisionRefused(GangchuangError):
    def __init__(self, subject: str, reason: str) -> None:
        self.subject = subject
        super().__init__(f"{subject}: {reason}. Nothing was changed.")


def officer(season: Season, name: str) -> Actor:
    """The acting person, who must be an account of the season's office. Raises NotAnOfficer."""
    if name not in season.office.officers:
        raise NotAnOfficer(name, season.office.officers)
    return Actor(Role.OFFICE, name)


def investigator(season: Season, name: str) -> Actor:
    """The acting person, who must be an officer or one of those who may look into objections. Raises NotAnOfficer."""
    known = (*season.office.officers, *(person.name for person in season.objections.investigators))
    if name not in known:
        raise NotAnOfficer(name, known)
    return Actor(Role.OFFICE, name)

"""What a submission is called before the experts of a blind season: an alias, for its number holds the district's code.

An alias is made of the season's key, so that nobody without the database learns which number it stands for, and the
same one stands in every workbook, letter and page of that season. Seasons planned by earlier versions have no key
and, like seasons that are not blind, call everything by its number.
"""

import re
from base64 import b32encode
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.season import Season
from models import Expert, Submission
from models.enums import WorkbookKind
from states.history.seals import Seals

# Kinds of workbooks in which experts name submissions.
OF_EXPERTS = (WorkbookKind.SCORES, WorkbookKind.VOTES)
_NUMBER = re.compile(r"(?<![0-9A-Za-z])[0-9]{4}(?:-[0-9A-Z]+)+-[0-9]{4,}(?![0-9A-Za-z])")
_SIGN = "P-"
_LENGTH = 8  # of 32 signs each: among a thousand submissions two share one once in two million seasons


class Aliases:
    """The aliases of one season's submissions, both ways."""

    def __init__(self, session: Session, season: Season) -> None:
        self._session, self._season = session, season
        self._seals = Seals(session, season.year)
        self.in_force = season.final_round.blind and bool(self._seals.key)

    @classmethod
    def before(cls, session: Session, season: Season, recipient: str) -> "Aliases | None":
        """Those by which somebody must be told of submissions; None for everybody who may know numbers."""
        if not season.final_round.blind or session.get(Expert, recipient) is None:
            return None
        found = cls(session, season)
        return found if found.in_force else None

    def of(self, number: str) -> str:
        """What a submission is called before experts."""
        if not self.in_force:
            return number
        sealed = bytes.fromhex(self._seals.lasting("submission", number))
        return f"{_SIGN}{b32encode(sealed).decode()[:_LENGTH]}"

    def number_of(self, alias: str) -> str:
        """The number of an alias, however it was typed; any other word as it is."""
        word = alias.strip().upper()
        if not self.in_force or not word.startswith(_SIGN):
            return alias
        return _numbers_by_alias(self._seals.key).get(word) or self._numbers.get(word, alias)

    def hide(self, value: Any) -> Any:
        """The value with every number in it replaced by its alias."""
        if isinstance(value, str):
            return _NUMBER.sub(lambda found: self.of(found[0]), value)
        if isinstance(value, Mapping):
            return {name: self.hide(part) for name, part in value.items()}
        return type(value)(map(self.hide, value)) if isinstance(value, list | tuple) else value

    @cached_property
    def _numbers(self) -> dict[str, str]:
        known = self._session.scalars(select(Submission.number).where(Submission.season == self._season.year))
        numbers = _numbers_by_alias(self._seals.key)
        numbers.update((self.of(number), number) for number in known)
        return numbers


@lru_cache(maxsize=4)
def _numbers_by_alias(_key: str) -> dict[str, str]:
    """What this process knows of a season's aliases: each sheet and delivery would make those of all submissions anew."""
    return {}

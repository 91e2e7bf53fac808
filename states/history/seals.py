"""What the record says of what it must not show: seals of words, and aliases of experts.

Whoever gets the record can check that nothing in it was changed, and learns no name from it. Each season
planned since has a key of its own, in no export, that the first entry commits to: 32 bytes for what stays and
32 for what is deleted with the personal data. A seal is HMAC-SHA256 of words by one of the two; an alias is
the beginning of an expert's. What people write stands in an entry as `sealed:` and its seal; the words lie in a table
of their own, in no export. Seasons planned by earlier versions have no key, or entries that say what people wrote;
an address stands in none of theirs either, though without a key whoever guesses it can tell that it is the one.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Call, Expert, RecordText
from models.enums import Cause, Trigger
from states.history.canonical import ROWS_BOUND_SINCE, SEALED_TEXTS_SINCE, call_subject
from states.history.read import latest_facts

# The facts that are people's own words, or their addresses, beside every entry's reason.
ADDRESSES = ("address", "address_before")
FREE_TEXTS = ("missing", *ADDRESSES)
_HALF = 64  # hexadecimal digits
_ID = re.compile(r"(?<![0-9A-Za-z])E[0-9]{4,}(?![0-9A-Za-z])")
_TEXT = re.compile(r"sealed:([0-9a-f]{64})")
_CLOSED = frozenset(cause.label for cause in Cause)
_ALIAS = re.compile(r"(?<![0-9A-Za-z])X[0-9a-f]{12}(?![0-9A-Za-z])")


def new_key() -> str:
    return secrets.token_hex(_HALF)


def commitments(key: str) -> list[str]:
    """What the first entry of a season says of its key: SHA-256 of each half that is there."""
    return [hashlib.sha256(bytes.fromhex(half)).hexdigest() for half in (key[:_HALF], key[_HALF:]) if half]


class Seals:
    """Seals and aliases of one season; without a key (a season of an earlier version) nothing is hidden."""

    def __init__(self, session: Session, season: int) -> None:
        self._session, self._season = session, season
        # The audit reads what is there, not what the session remembers.
        self.key = str(session.scalar(select(Call.seal_key).where(Call.season == season)) or "")

    def lasting(self, *words: str) -> str:
        """The seal of what stays in the tables for good."""
        return self._seal(self.key[:_HALF], words)

    @property
    def seals_persons(self) -> bool:
        """Whether the key of what is deleted with the personal data is there."""
        return len(self.key) == 2 * _HALF

    def sealed(self, *words: object) -> dict[str, str]:
        """The fact that binds what is deleted with the personal data, as is the key of these seals."""
        return {"sealed": self._seal(self.key[_HALF:], [*map(str, words)])} if self.seals_persons else {}

    @property
    def seals_texts(self) -> bool:
        """Whether this season's entries bear seals instead of what people wrote."""
        return self._record >= SEALED_TEXTS_SINCE

    @property
    def binds_rows(self) -> bool:
        """Whether this season's record has all of what came in, of experts and of the list's sentences."""
        return self._record >= ROWS_BOUND_SINCE

    @cached_property
    def _record(self) -> int:
        planned = latest_facts(self._session, call_subject(self._season), Trigger.PLAN) if self.key else {}
        return int(planned.get("record", 1))

    def seal_of_text(self, text: str) -> str:
        return self.lasting("text", text)

    def put_away(self, text: str, *, always: bool = False) -> str:
        """What an entry bears of somebody's words, which are kept apart; in earlier seasons the words themselves.

        Nothing, and what a cause is called, stand as they are. `always`: in earlier seasons too.
        """
        if not text or text in _CLOSED:
            return text
        if not (self.seals_texts or always):
            return str(self.hide(text))
        seal = self.seal_of_text(text)
        if self._session.get(RecordText, (self._season, seal)) is None:
            self._session.add(RecordText(season=self._season, seal=seal, text=text))
            self._session.flush()
        return f"sealed:{seal}"

    def put_away_facts(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """`hide` of an entry's facts, with those that are people's words put away."""
        return {
            name: self.put_away(value, always=name in ADDRESSES) if name in FREE_TEXTS else self.hide(value)
            for name, value in facts.items()
        }

    def texts_in(self, entry: Mapping[str, Any]) -> set[str]:
        """The seals of words that an entry bears, in its reason and its facts."""
        return {*_TEXT.findall(f"{entry['reason']} {entry['facts']}")}

    @cached_property
    def _texts(self) -> dict[str, str]:
        kept = select(RecordText.seal, RecordText.text).where(RecordText.season == self._season)
        return {row.seal: row.text for row in self._session.execute(kept)}

    def of_sentences(self, sentences: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """The fact that binds a sentence of the list about each submission, where there is one."""
        if not self.key:
            return {}
        told = {number: self.seal_of_sentence(number, words) for number, words in sentences.items() if words}
        return {"sentences": told}

    def seal_of_sentence(self, number: str, sentence: str) -> str:
        return self.lasting("sentence", number, sentence)

    def _seal(self, half: str, words: Collection[str]) -> str:
        text = json.dumps(list(words), ensure_ascii=False, separators=(",", ":"))
        return hmac.new(bytes.fromhex(half), text.encode(), hashlib.sha256).hexdigest()

    @cached_property
    def _aliases(self) -> dict[str, str]:
        known = self._session.scalars(select(Expert.id))
        return {expert: f"X{self.lasting('expert', expert)[:12]}" for expert in known} if self.key else {}

    @cached_property
    def _ids(self) -> dict[str, str]:
        return {alias: expert for expert, alias in self._aliases.items()}

    def hide(self, value: Any) -> Any:
        """The value with every expert's id in it replaced by the alias; lists of experts in the order of these."""
        if not self.key:
            return value
        if isinstance(value, str):
            return _ID.sub(lambda found: self._aliases.get(found[0], found[0]), value) if "E" in value else value
        if isinstance(value, Mapping):
            return {self.hide(name): self.hide(part) for name, part in value.items()}
        if not isinstance(value, list | tuple) or (value and isinstance(value[0], int)):
            return value
        hidden = [self.hide(part) for part in value]
        of_experts = hidden and all(isinstance(part, str) and part in self._aliases for part in value)
        return sorted(hidden) if of_experts else hidden

    def show(self, value: Any) -> Any:
        """What `hide` and `put_away` were given, for those who may see it."""
        if isinstance(value, str):
            if "sealed:" in value:
                value = _TEXT.sub(lambda found: self._texts.get(found[1], found[0]), value)
            return (
                _ALIAS.sub(lambda found: self._ids.get(found[0], found[0]), value)
                if self.key and "X" in value
                else value
            )
        if isinstance(value, Mapping):
            return {self.show(name): self.show(part) for name, part in value.items()}
        return [self.show(part) for part in value] if isinstance(value, list) else value

"""Checks one subject's chain of entries, without trust in any column of any of them. Pure."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

import orjson

from states.history.canonical import ZERO, entry_hash

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found wrong: which entry (of a subject, by sequence) and how. `code` is for programs."""

    code: str
    subject: str
    sequence: int | None
    sentence: str

    def __str__(self) -> str:
        where = self.subject if self.sequence is None else f"{self.subject}, entry {self.sequence}"
        return f"{where}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class End:
    """Where a chain ends: its last sequence, and the hashes that its last entry may go by.

    Two when the last entry was altered (what it says and what it hashes to): only the entry
    is to blame then, and not whoever points at it.
    """

    sequence: int
    hashes: frozenset[str]


START = End(0, frozenset({ZERO}))


def check_chain(
    subject: str, season: int | None, entries: Iterable[Entry], dated: bool = True
) -> tuple[list[Finding], End]:
    """Everything wrong with one chain, given by sequence, and where it ends.

    `dated`: nobody may have dated an entry before the one that it follows; earlier versions did not see to it.
    """
    entries = list(entries)
    if whole := _end_of_sound(season, entries, dated):
        return [], whole
    findings: list[Finding] = []
    end = START
    known, before = True, ""
    for entry in entries:
        found, hashes = _check_entry(subject, season, entry)
        sequence = entry["sequence"]
        if not isinstance(sequence, int):
            findings += found
            continue
        if sequence <= end.sequence:
            # It has no place in the chain, so the chain goes on without it.
            sentence = "it was inserted: its place in the chain is taken, or none"
            findings += [*found, Finding("inserted", subject, sequence, sentence)]
            continue
        gap = _gap(subject, end.sequence, sequence)
        findings += gap
        follows = bool(gap) or not known or entry["previous_hash"] in end.hashes
        if not found and not follows:
            found = [_unlinked(subject, sequence)]
        found = found or (_backwards(subject, entry, before) if dated else [])
        findings += found
        before = before if found else entry["at"]
        known = not any(finding.code == "unreadable" for finding in found)
        end = End(sequence, hashes)
    return findings, end


def _end_of_sound(season: int | None, entries: Sequence[Entry], dated: bool) -> End | None:
    """Where a chain ends in which nothing is wrong, by one quick look at each entry; None for any other chain."""
    end, before = ZERO, ""
    try:
        for sequence, entry in enumerate(entries, 1):
            own, at, place = entry_hash(entry), entry["at"], entry["sequence"]
            linked = entry["previous_hash"] == end and entry["hash"] == own
            placed = place == sequence and isinstance(place, int)
            in_season = season is None or entry["season"] == season
            if not (linked and placed and in_season and (not dated or at >= before) and _is_canonical(entry["facts"])):
                return None
            end, before = own, at
    except (TypeError, ValueError, AttributeError, RecursionError):
        return None
    return End(len(entries), frozenset({end}))


def _check_entry(subject: str, season: int | None, entry: Entry) -> tuple[list[Finding], frozenset[str]]:
    sequence = entry["sequence"] if isinstance(entry["sequence"], int) else None
    try:
        own = entry_hash(entry)
        spelt = _is_canonical(entry["facts"])
    except (TypeError, ValueError, AttributeError, RecursionError) as problem:
        sentence = f"it cannot be read ({type(problem).__name__}): it was altered after it was written"
        return [Finding("unreadable", subject, sequence, sentence)], frozenset()
    hashes = frozenset({own, entry["hash"]})
    if own != entry["hash"]:
        sentence = "its hash is not that of its columns: it was altered after it was written"
        return [Finding("altered", subject, sequence, sentence)], hashes
    if not spelt:
        sentence = "its facts are not in canonical form: no transition wrote them"
        return [Finding("altered", subject, sequence, sentence)], hashes
    if season is not None and entry["season"] != season:
        sentence = f"it says season {entry['season']}, but its subject belongs to {season}"
        return [Finding("altered", subject, sequence, sentence)], hashes
    return [], hashes


@lru_cache(maxsize=4096)
def _is_canonical(facts: str) -> bool:
    return facts == "{}" or _is_plainly_canonical(facts) or _write(_read(facts)) == facts


def _is_plainly_canonical(facts: str) -> bool:
    """Whether a quick look finds the canonical form; when it does not, the slow one decides.

    orjson writes whatever the record may hold as `_write` does, but reads numbers with a point or an exponent too.
    """
    try:
        said = facts[0] == "{" and not _POINT.search(facts)
        return said and orjson.dumps(orjson.loads(facts), option=orjson.OPT_SORT_KEYS) == facts.encode()
    except (IndexError, TypeError, ValueError):
        return False


# A number with a point or an exponent (or a text that looks like one), after any other than the first sign.
_POINT = re.compile(r"[:,\[]-?[0-9]+[.eE]")


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{text} is no canonical number")


_read = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float).decode
_write = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def _gap(subject: str, last: int, sequence: int) -> Sequence[Finding]:
    if sequence == last + 1:
        return ()
    lacking = f"entry {last + 1} is" if sequence == last + 2 else f"entries {last + 1} to {sequence - 1} are"
    sentence = f"{lacking} missing: deleted, or the entries after were moved"
    return [Finding("missing", subject, last + 1, sentence)]


def _backwards(subject: str, entry: Entry, before: str) -> list[Finding]:
    """Instants are text of one width, in UTC, so they compare as they read."""
    if entry["at"] >= before:
        return []
    sentence = f"it is dated {entry['at']}, before the entry that it follows ({before})"
    return [Finding("backwards", subject, entry["sequence"], sentence)]


def _unlinked(subject: str, sequence: int) -> Finding:
    if sequence == 1:
        return Finding("unlinked", subject, 1, "it is the first, but names one before it")
    sentence = f"it does not follow entry {sequence - 1}: one of the two was replaced, its hash made anew"
    return Finding("unlinked", subject, sequence, sentence)

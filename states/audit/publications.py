"""Verifies the published roots of seasons while their subjects pass by."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import String, select, type_coerce
from sqlalchemy.orm import Session

from config.milestones import Milestone
from models import Publication
from models.enums import PublicationKind, Trigger
from states.audit.chain import Finding
from states.audit.replay import facts_of
from states.history.canonical import call_subject, instant_text
from states.history.merkle import Fold
from states.history.read import season_of_subject

Row = Mapping[str, Any]
Key = tuple[int, str, int]  # season, kind, ordinal
Recorded = tuple[str, int, int | None]  # root, leaves, entries (not counted by earlier versions)

# What the call's chain says was published, by its own milestones and edges.
_SAID_BY: Mapping[str, str] = {
    Milestone.OPEN_PUBLIC_NOTICE: PublicationKind.PUBLIC_NOTICE.value,
    Milestone.PUBLISH_RESULTS: PublicationKind.RESULTS.value,
    Milestone.ARCHIVE: PublicationKind.ARCHIVE.value,
}


@dataclass
class _Published:
    """One publication: what was recorded of it, and what its leaves and the entries come to."""

    entries: list[tuple[int, str, Recorded]] = field(default_factory=list)
    rows: list[tuple[str, Recorded]] = field(default_factory=list)
    by_leaves: Fold = field(default_factory=Fold)
    by_entries: Fold | None = None  # the same as by_leaves until an entry is unlike its leaf
    covered: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def recorded(self) -> Recorded | None:
        """By the call's chain, or by the publication's row when the entry is gone."""
        if self.entries:
            return self.entries[-1][2]
        return self.rows[0][1] if self.rows else None


class Publications:
    """The publications of a season or of all: takes every subject once, in order, then says what is wrong."""

    def __init__(self, session: Session, season: int | None) -> None:
        self._known: dict[Key, _Published] = {}
        self._dates: dict[int, dict[Key, str]] = {}
        self._dated: dict[int | None, bool] = {}
        self._loose: list[Finding] = []
        self.later: dict[int, list[str]] = {}
        row = Publication
        kind = type_coerce(row.kind, String).label("kind")
        query = select(row.season, kind, row.ordinal, row.published_at, row.root, row.subjects, row.entries)
        if season is not None:
            query = query.where(row.season == season)
        for year, word, ordinal, published_at, root, subjects, counted in session.execute(query):
            self._at(year, word, ordinal).rows.append((instant_text(published_at), (root, subjects, counted)))

    def take(self, subject: str, entries: Sequence[Row], leaves: Sequence[Row]) -> None:
        """One subject with its entries and its leaves, in the subjects' order: calls come first."""
        if subject.startswith("call/"):
            self._take_records(subject, entries)
        hashes = {entry["sequence"]: entry["hash"] for entry in entries} if leaves else {}
        covered: dict[Key, int] = {}
        for leaf in leaves:
            key = (leaf["season"], leaf["kind"], leaf["ordinal"])
            published = self._at(*key)
            found = hashes.get(leaf["sequence"])
            if found != leaf["hash"]:
                published.by_entries = published.by_entries or deepcopy(published.by_leaves)
                published.findings.append(_unlike(subject, leaf, found is None, not entries))
            published.by_leaves.add(_bytes(leaf["hash"]))
            if published.by_entries:
                published.by_entries.add(_bytes(found))
            published.covered += leaf["sequence"]
            covered[key] = leaf["sequence"]
        self._take_later(subject, entries, covered)

    def findings(self, printed: Collection[str]) -> list[Finding]:
        """What is wrong with the publications, once every subject was taken."""
        found = [finding for key, published in sorted(self._known.items()) for finding in _judge(key, published)]
        roots = {published.recorded[0] for published in self._known.values() if published.recorded}
        strange = [root for root in printed if root.lower() not in roots]
        return found + self._loose + [_strange(root, self._known) for root in strange]

    def are_dated(self, season: int | None, entries: Sequence[Row]) -> bool:
        """Whether a season's record promises dates in order, by its very first entry: calls come first."""
        if season not in self._dated:
            first = entries[0] if entries and str(entries[0]["subject"]).startswith("call/") else None
            self._dated[season] = first is None or facts_of(first).get("record") is not None
        return self._dated[season]

    def _at(self, season: int, kind: str, ordinal: int) -> _Published:
        return self._known.setdefault((season, kind, ordinal), _Published())

    def _take_records(self, subject: str, entries: Sequence[Row]) -> None:
        season = season_of_subject(subject) or 0
        dates = self._dates[season] = {}
        for entry in entries:
            facts = facts_of(entry)
            if entry["trigger"] == Trigger.RECORD_ROOT:
                recorded = (str(facts.get("root")), facts.get("leaves", 0), facts.get("entries"))
                key = (season, str(facts.get("publication")), _ordinal(facts))
                self._at(*key).entries.append((entry["sequence"], str(entry["at"]), recorded))
                dates[key] = str(entry["at"])
            said = _SAID_BY.get(str(facts.get("milestone", "")).partition("/")[0], "")
            settled = entry["trigger"] in (Trigger.SETTLE_MILESTONE, *_SAID_BY)
            if said and settled and (season, said, 1) not in dates:
                sentence = f"it says that {said} went out, but no root was recorded for it before"
                self._loose.append(Finding("unrecorded", subject, entry["sequence"], sentence))

    def _take_later(self, subject: str, entries: Sequence[Row], covered: Mapping[Key, int]) -> None:
        """The entries that no root covers yet, and those that one ought to cover by their date."""
        season = season_of_subject(subject) or 0
        dates = self._dates.get(season, {})
        later = self.later.setdefault(season, [])
        if dates and entries and all(covered.get(key, 0) >= entries[-1]["sequence"] for key in dates):
            return
        for key, at in dates.items():
            for entry in entries:
                if entry["sequence"] > covered.get(key, 0) and str(entry["at"]) < at:
                    sentence = f"it is dated before the root of {_name(key)}, but is not under it: added afterwards"
                    self._loose.append(Finding("not_under_root", subject, entry["sequence"], sentence))
                    break
        newest = list(dates)[-1] if dates else None
        last = covered.get(newest, 0) if newest else 0
        later.extend(
            f"{subject}, entry {entry['sequence']}: {entry['at']} {entry['trigger']}"
            for entry in entries
            if entry["sequence"] > last
        )


def _ordinal(facts: Mapping[str, Any]) -> int:
    ordinal = facts.get("ordinal", 1)
    return ordinal if isinstance(ordinal, int) else 0


def _name(key: Key) -> str:
    return key[1] if key[2] == 1 else f"{key[1]} {key[2]}"


def _judge(key: Key, published: _Published) -> Iterator[Finding]:
    subject, kind = call_subject(key[0]), _name(key)
    recorded = published.recorded
    if recorded is None:
        yield Finding("unrecorded", subject, None, f"leaves are kept for {kind}, but no root was recorded")
        return
    if not published.entries:
        yield Finding("unrecorded", subject, None, f"the entry that recorded the root of {kind} is gone")
    if len(published.entries) > 1:
        again = published.entries[-1][0]
        yield Finding("recorded_twice", subject, again, f"the root of {kind} was recorded before")
    yield from _against_rows(subject, kind, published)
    sequence = published.entries[-1][0] if published.entries else None
    root, leaves, entries = recorded
    counted = published.covered if entries is None else entries
    genuine = _result(published.by_leaves) == (root, leaves) and published.covered == counted
    if not genuine and published.by_entries and _result(published.by_entries) == (root, leaves):
        yield from (_leaf_altered(finding, kind) for finding in published.findings)
        return
    yield from published.findings
    if not genuine:
        count, found = published.by_leaves.size, published.by_leaves.root().hex()
        was = f"the root of {kind} was {root} over {leaves} subjects and {counted} entries"
        sentence = f"{was}; what is kept gives {found} over {count} and {published.covered}"
        yield Finding("root", subject, sequence, sentence)


def _against_rows(subject: str, kind: str, published: _Published) -> Iterator[Finding]:
    for sequence, *entry in published.entries[-1:]:
        if not published.rows:
            yield Finding("publication", subject, sequence, f"the row of the publication {kind} is gone")
        elif list(published.rows[0]) != entry:
            yield Finding("publication", subject, sequence, f"the row of the publication {kind} was altered")


def _unlike(subject: str, leaf: Row, gone: bool, removed: bool) -> Finding:
    kind, sequence = _name((0, leaf["kind"], leaf["ordinal"])), leaf["sequence"]
    if removed:
        return Finding("removed", subject, 1, f"the whole subject was removed from under the root of {kind}")
    if gone:
        return Finding("cut_off", subject, sequence, f"it is under the root of {kind}, but no longer there")
    sentence = f"it is not the entry under the root of {kind}: the chain was made anew up to here, or before"
    return Finding("not_published", subject, sequence, sentence)


def _leaf_altered(finding: Finding, kind: str) -> Finding:
    sentence = f"the leaf kept of it for {kind} was altered; the entry itself agrees with the recorded root"
    return Finding("leaf", finding.subject, finding.sequence, sentence)


def _strange(root: str, known: Mapping[Key, _Published]) -> Finding:
    seasons = sorted({season for season, *_ in known})
    subject = call_subject(seasons[0]) if len(seasons) == 1 else "call"
    return Finding("printed_root", subject, None, f"the printed root {root} was never recorded here")


def _result(fold: Fold) -> tuple[str, int]:
    return fold.root().hex(), fold.size


def _bytes(text: Any) -> bytes:
    try:
        return bytes.fromhex(text)
    except (TypeError, ValueError):
        return b""

"""Verifies the published roots of seasons while their subjects pass by."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Publication
from models.enums import Trigger
from states.chain import Finding
from states.entries import season_of_subject
from states.record import call_subject, instant_text
from states.replay import facts_of
from states.rules.merkle import Fold

Row = Mapping[str, Any]
Key = tuple[int, str]


@dataclass
class _Published:
    """One publication: what was recorded of it, and what its leaves and the entries come to."""

    entries: list[tuple[int, str, str, int]] = field(default_factory=list)
    rows: list[tuple[str, str, int]] = field(default_factory=list)
    by_leaves: Fold = field(default_factory=Fold)
    by_entries: Fold = field(default_factory=Fold)
    findings: list[Finding] = field(default_factory=list)

    @property
    def recorded(self) -> tuple[str, int] | None:
        """Root and leaves by the call's chain, or by the publication's row when the entry is gone."""
        if self.entries:
            return self.entries[-1][2:]
        return self.rows[0][1:] if self.rows else None


class Publications:
    """The publications of a season or of all: takes every subject once, in order, then says what is wrong."""

    def __init__(self, session: Session, season: int | None) -> None:
        self._known: dict[Key, _Published] = {}
        query = select(
            Publication.season, Publication.kind, Publication.published_at, Publication.root, Publication.subjects
        )
        if season is not None:
            query = query.where(Publication.season == season)
        for year, kind, published_at, root, leaves in session.execute(query):
            self._at(year, kind.value).rows.append((instant_text(published_at), root, leaves))

    def take(self, subject: str, entries: Sequence[Row], leaves: Sequence[Row]) -> None:
        """One subject with its entries and its leaves, in the subjects' order."""
        if subject.startswith("call/"):
            self._take_records(subject, entries)
        hashes = {entry["sequence"]: entry["hash"] for entry in entries} if leaves else {}
        for leaf in leaves:
            published = self._at(leaf["season"], leaf["kind"])
            published.by_leaves.add(_bytes(leaf["hash"]))
            found = hashes.get(leaf["sequence"])
            published.by_entries.add(_bytes(found))
            if found != leaf["hash"]:
                published.findings.append(_unlike(subject, leaf, found is None, not entries))

    def findings(self, printed: Collection[str]) -> list[Finding]:
        """What is wrong with the publications, once every subject was taken."""
        found = [one for key, published in sorted(self._known.items()) for one in _judge(key, published)]
        roots = {published.recorded[0] for published in self._known.values() if published.recorded}
        strange = [root for root in printed if root.lower() not in roots]
        return found + [_strange(root, self._known) for root in strange]

    def _at(self, season: int, kind: str) -> _Published:
        return self._known.setdefault((season, kind), _Published())

    def _take_records(self, subject: str, entries: Sequence[Row]) -> None:
        for entry in entries:
            if entry["trigger"] != Trigger.RECORD_ROOT:
                continue
            facts = facts_of(entry)
            record = (entry["sequence"], str(entry["at"]), str(facts.get("root")), facts.get("leaves", 0))
            self._at(season_of_subject(subject) or 0, str(facts.get("publication"))).entries.append(record)


def _judge(key: Key, published: _Published) -> Iterator[Finding]:
    subject, kind = call_subject(key[0]), key[1]
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
    genuine = _result(published.by_leaves) == recorded
    if not genuine and _result(published.by_entries) == recorded:
        yield from (_leaf_altered(one, kind) for one in published.findings)
        return
    yield from published.findings
    if not genuine:
        count, root = published.by_leaves.size, published.by_leaves.root().hex()
        was = f"the root of {kind} was {recorded[0]} over {recorded[1]} subjects"
        sentence = f"{was}; what is kept gives {root} over {count}"
        yield Finding("root", subject, sequence, sentence)


def _against_rows(subject: str, kind: str, published: _Published) -> Iterator[Finding]:
    for sequence, *entry in published.entries[-1:]:
        if not published.rows:
            yield Finding("publication", subject, sequence, f"the row of the publication {kind} is gone")
        elif list(published.rows[0]) != entry:
            yield Finding("publication", subject, sequence, f"the row of the publication {kind} was altered")


def _unlike(subject: str, leaf: Row, gone: bool, removed: bool) -> Finding:
    kind, sequence = leaf["kind"], leaf["sequence"]
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
    seasons = sorted({season for season, _ in known})
    subject = call_subject(seasons[0]) if len(seasons) == 1 else "call"
    return Finding("printed_root", subject, None, f"the printed root {root} was never recorded here")


def _result(fold: Fold) -> tuple[str, int]:
    return fold.root().hex(), fold.size


def _bytes(text: Any) -> bytes:
    try:
        return bytes.fromhex(text)
    except (TypeError, ValueError):
        return b""

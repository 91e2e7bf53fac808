"""Verifies the record: every chain, every row that stands on one, every root that was published.

Found are entries changed, deleted, inserted, moved, cut off; whole subjects removed; chains
made anew, by the rows' heads and by the published roots; steps that no transition would have
written; and rows that stand elsewhere than their history says. What is made anew *with* its
head, leaves and roots is found by a printed root only: give it as `printed`.

One pass, subject by subject, over three ordered streams: the memory does not grow with the season.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import NamedTuple

from sqlalchemy.orm import Session

from states.audit.chain import START, End, Finding, check_chain
from states.audit.publications import Publications, Row
from states.audit.removed import Removals
from states.audit.replay import Standing, replay_subject
from states.history.read import by_subject, read_entries, read_leaves, read_standings, season_of_subject
from states.roots import Root, season_root

_said_by, _standing_of = attrgetter(*Standing.__slots__), itemgetter(*Standing.__slots__)


class _Subject(NamedTuple):
    """All that three streams know of one subject."""

    name: str
    entries: Sequence[Row]
    standings: Sequence[Row]
    leaves: Sequence[Row]


def verify(session: Session, season: int | None = None, printed: Collection[str] = ()) -> list[Finding]:
    """Everything wrong with the record of a season, or of all. Empty when it holds.

    `printed` are roots (hex) as they stand on published pages: each must be a recorded one.
    """
    return [*examine(session, season, printed)[0]]


def examine(
    session: Session, season: int | None = None, printed: Collection[str] = ()
) -> tuple[list[Finding], Mapping[int, Sequence[str]]]:
    """`verify`, and by season what no root covers yet: subject, number, date and trigger of each entry."""
    findings: list[Finding] = []
    publications = Publications(session, season)
    removals = Removals(session, season)
    for subject in _subjects(session, season):
        found, end = _verify_subject(subject, publications)
        publications.take(subject.name, subject.entries, subject.leaves)
        removals.take(subject.name, subject.entries)
        findings += found + _against_row(subject, end, bool(found))
    return findings + publications.findings(printed) + removals.findings(), publications.later


def verify_each(session: Session, seasons: Iterable[int]) -> Iterator[tuple[int, Root, list[Finding]]]:
    """Season by season: its present root and what is wrong with it."""
    for season in seasons:
        yield season, season_root(session, season), verify(session, season)


def _verify_subject(subject: _Subject, publications: Publications) -> tuple[list[Finding], End]:
    season = season_of_subject(subject.name)
    if season is None and subject.entries:
        first = subject.entries[0]["sequence"]
        sentence = "there can be no such subject: the subject of this entry was altered"
        return [Finding("altered", subject.name, first, sentence)], START
    return check_chain(subject.name, season, subject.entries, publications.are_dated(season, subject.entries))


def _against_row(subject: _Subject, end: End, bent: bool) -> list[Finding]:
    """The row of a subject (call or submission) against its chain."""
    if season_of_subject(subject.name) is None and not subject.standings:
        return []
    if not subject.standings:
        last = end.sequence if subject.entries else None
        if not subject.entries:
            return []
        return [Finding("no_row", subject.name, last, "it has a history, but its row was removed")]
    row = subject.standings[0]
    findings = _against_head(subject.name, row, end)
    if bent or findings:
        # What a bent history replays to says nothing about the row.
        return findings
    return _against_replay(subject, row)


def _against_head(name: str, row: Row, end: End) -> list[Finding]:
    if end.sequence == 0:
        return [Finding("removed", name, 1, "its whole history was removed")]
    if end.sequence < row["sequence"]:
        sentence = f"the last entries were cut off: its row knows {row['sequence']}"
        return [Finding("cut_off", name, end.sequence + 1, sentence)]
    if end.sequence > row["sequence"]:
        sentence = f"it was added behind the back of its row, which knows {row['sequence']} entries"
        return [Finding("inserted", name, row["sequence"] + 1, sentence)]
    if end.hashes and row["head"] not in end.hashes:
        sentence = "its row knows another hash: the chain was made anew, or the row's head was altered"
        return [Finding("head", name, end.sequence, sentence)]
    return []


def _against_replay(subject: _Subject, row: Row) -> list[Finding]:
    standing, illegal = replay_subject(subject.name, subject.entries)
    findings = [Finding("illegal", subject.name, step.sequence, step.sentence) for step in illegal]
    if standing is None or _said_by(standing) == _standing_of(row):
        return findings
    for name, said, stands in zip(Standing.__slots__, _said_by(standing), _standing_of(row), strict=True):
        if said != stands:
            sentence = f"its row has {name} {stands!r}, but the history makes it {said!r}"
            findings.append(Finding("row", subject.name, subject.entries[-1]["sequence"], sentence))
    return findings


def _subjects(session: Session, season: int | None) -> Iterator[_Subject]:
    streams = (reader(session, season) for reader in (read_entries, read_standings, read_leaves))
    return (_Subject(name, *parts) for name, parts in by_subject(*streams))


__all__ = ["Finding", "Root", "season_root", "verify", "verify_each"]

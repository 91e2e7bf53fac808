"""Whoever changes the past is found out, on both databases, with the protections lifted."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models import Submission
from models.database import reading, writing
from models.enums import CallState, PublicationKind, Role, SubmissionState, Tier
from states.audit.chain import Finding
from states.audit.verify import examine, season_root, verify
from states.guard_facts import Ask
from states.history import canonical
from states.history.merkle import Fold
from states.history.read import COLUMNS, read_entries
from states.machine import Act, Actor
from states.roots import record_root
from states.transitions import note_call, note_submission
from tests.support.builders import OFFICE, SYSTEM, a_season, a_submission, advance, season_rules
from tests.support.tampering import (
    chain_of,
    delete_entry,
    hash_anew,
    insert_entry,
    lift_protections,
    remove_subject,
    set_column,
    set_head,
    swap_entries,
    undone,
)

PUBLISHED = (
    SubmissionState.SUBMITTED,
    SubmissionState.FINAL_REVIEWED,
    SubmissionState.AWARDED,
    SubmissionState.ARCHIVED,
    SubmissionState.SUBMITTED,
)
AWARDED = "2026-500103-0003"
SUBJECT = canonical.submission_subject(AWARDED)
UNPUBLISHED = canonical.submission_subject("2026-500103-0006")
CALL = canonical.call_subject(2026)


@pytest.fixture
def season(engine: Engine) -> Engine:
    """A published season: a submission in every state, a root, and steps after it; protections lifted."""
    dates = season_rules().dates
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        for state in PUBLISHED:
            a_submission(session, state)
        record_root(session, 2026, PublicationKind.RESULTS, Act(SYSTEM, dates.publish_results))
    with writing(engine) as session:
        a_submission(session)
        a_submission(session, SubmissionState.DISTRICT_REVIEWED)
        advance(session, AWARDED, "strike", SubmissionState.AWARDED, OFFICE, dates.archive, {"said": "示例"})
        note_call(
            session, 2026, "reissue_workbook", Act(OFFICE, dates.archive), facts={"numbers": ["2026-500103-0007"]}
        )
    lift_protections(engine)
    return engine


def entry(session: Session, subject: str, sequence: int) -> dict[str, Any]:
    return next(row for row in chain_of(session, subject) if row["sequence"] == sequence)


def codes(findings: list[Finding]) -> set[tuple[str, str, int | None]]:
    return {(finding.code, finding.subject, finding.sequence) for finding in findings}


def test_a_season_that_nobody_touched_has_no_findings(season: Engine) -> None:
    with reading(season) as session:
        assert verify(session) == []
        assert verify(session, 2026) == []


def test_seasons_beside_each_other_do_not_disturb_each_other(season: Engine) -> None:
    with writing(season) as session:
        a_season(session, 2025, CallState.PUBLISHED)
        number = a_submission(session, year=2025)
    with undone(season) as session:
        set_column(session, entry(session, canonical.submission_subject(number), 1), "reason", "bent")

        assert verify(session, 2026) == []
        assert codes(verify(session, 2025)) == {("altered", canonical.submission_subject(number), 1)}
        assert verify(session) == verify(session, 2025)


def changed_values(row: dict[str, Any], column: str, *, raw: bool) -> Iterator[Any]:
    """Ways to bend one column. (Every single bit is tried on the chain's check itself, which is faster.)"""
    value = row[column]
    if isinstance(value, int):
        yield from (value ^ 1 << 12, -value)
        return
    coded = value.encode()
    for index, bit in ((len(coded) // 2, 7), (len(coded) - 1, 0)) if coded else ():
        turned = coded[:index] + bytes([coded[index] ^ 1 << bit]) + coded[index + 1 :]
        if raw or _is_text(turned):
            yield turned if raw else turned.decode()
    yield value[:-1] if value else "x"


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_every_column_of_every_entry_bent_is_found_and_the_entry_named(season: Engine) -> None:
    tried = refused = 0
    with undone(season) as session:
        for row in list(read_entries(session)):
            for column in COLUMNS:
                for value in changed_values(row, column, raw=season.dialect.name == "sqlite"):
                    point = session.begin_nested()
                    try:
                        set_column(session, row, column, value)
                    except DBAPIError:
                        # Too long for the column, or a place already taken: the database refused even this.
                        refused += 1
                    else:
                        tried += 1
                        named = {(finding.subject, finding.sequence) for finding in verify(session)}
                        assert (row["subject"], row["sequence"]) in named, (row, column, value, named)
                    point.rollback()
    assert tried > 600
    print(f"{season.dialect.name}: {tried} bent columns tried, {tried} found ({refused} refused by the database)")


def test_every_entry_deleted_is_found_and_named(season: Engine) -> None:
    tried = 0
    with undone(season) as session:
        for row in list(read_entries(session)):
            point = session.begin_nested()
            delete_entry(session, row)
            tried += 1

            named = {(finding.subject, finding.sequence) for finding in verify(session)}

            assert (row["subject"], row["sequence"]) in named
            point.rollback()
    print(f"{season.dialect.name}: {tried} entries deleted, {tried} found")


def _swapped(session: Session) -> None:
    swap_entries(session, entry(session, SUBJECT, 2), entry(session, SUBJECT, 3))


def _swapped_and_linked_anew(session: Session) -> None:
    _swapped(session)
    hash_anew(session, SUBJECT)


def _inserted_in_the_middle(session: Session) -> None:
    for row in reversed(chain_of(session, SUBJECT)):
        if row["sequence"] > 2:
            set_column(session, row, "sequence", row["sequence"] + 1)
    insert_entry(session, {**entry(session, SUBJECT, 2), "sequence": 3})


def _inserted_with_hashes_made_anew(session: Session) -> None:
    _inserted_in_the_middle(session)
    hash_anew(session, SUBJECT)


def _inserted_before_the_first(session: Session) -> None:
    insert_entry(session, {**entry(session, SUBJECT, 1), "sequence": 0})


def _added_at_the_end(session: Session) -> None:
    last = chain_of(session, SUBJECT)[-1]
    insert_entry(session, {**last, "sequence": last["sequence"] + 1})
    hash_anew(session, SUBJECT, last["sequence"] + 1)


def _altered_and_hashed_anew(session: Session) -> None:
    set_column(session, entry(session, SUBJECT, 2), "reason", "bent")
    hash_anew(session, SUBJECT, 2)


def _altered_and_hashed_anew_once(session: Session) -> None:
    row = {**entry(session, SUBJECT, 2), "reason": "bent"}
    set_column(session, row, "reason", "bent")
    set_column(session, row, "hash", canonical.entry_hash(row))


def _altered_and_hashed_anew_with_the_head(session: Session) -> None:
    set_column(session, entry(session, SUBJECT, 2), "reason", "bent")
    hash_anew(session, SUBJECT, 2, head=True)


def _altered_and_hashed_anew_with_head_and_leaves(session: Session) -> None:
    set_column(session, entry(session, SUBJECT, 2), "reason", "bent")
    hash_anew(session, SUBJECT, 2, head=True, leaves=True)


def _cut_off(session: Session) -> None:
    delete_entry(session, chain_of(session, SUBJECT)[-1])


def _cut_off_with_the_row_set_back(session: Session) -> None:
    rows = chain_of(session, SUBJECT)
    for row in rows[-2:]:
        delete_entry(session, row)
    set_head(session, SUBJECT, sequence=len(rows) - 2, head=rows[-3]["hash"])


def _history_removed(session: Session) -> None:
    remove_subject(session, SUBJECT, with_row=False, with_leaves=False, with_rest=False)


def _row_removed(session: Session) -> None:
    session.execute(text("DELETE FROM submission WHERE number = :number"), {"number": AWARDED})


def _removed_with_its_row(session: Session) -> None:
    remove_subject(session, SUBJECT, with_row=True, with_leaves=False, with_rest=False)


def _removed_with_everything_but_leaves(session: Session) -> None:
    remove_subject(session, SUBJECT, with_row=True, with_leaves=False, with_rest=True)


def _removed_with_everything(session: Session) -> None:
    remove_subject(session, SUBJECT, with_row=True, with_leaves=True, with_rest=True)


def _removed_before_any_root(session: Session) -> None:
    remove_subject(session, UNPUBLISHED, with_row=True, with_leaves=True, with_rest=True)


def _last_of_its_unit_removed(session: Session) -> None:
    subject = canonical.submission_subject("2026-500103-0007")
    remove_subject(session, subject, with_row=True, with_leaves=True, with_rest=True)


def _call_set_back(session: Session) -> None:
    rows = chain_of(session, CALL)
    for row in rows[-2:]:
        delete_entry(session, row)
    set_head(session, CALL, sequence=len(rows) - 2, head=rows[-3]["hash"])


def _leaf_bent(session: Session) -> None:
    statement = "UPDATE publication_leaf SET hash = :hash WHERE subject = :subject"
    session.execute(text(statement), {"hash": "f" * 64, "subject": SUBJECT})


def _leaf_removed(session: Session) -> None:
    session.execute(text("DELETE FROM publication_leaf WHERE subject = :s"), {"s": SUBJECT})


def _publication_bent(session: Session) -> None:
    session.execute(text("UPDATE publication SET root = :h"), {"h": "f" * 64})


def _publication_removed(session: Session) -> None:
    session.execute(text("DELETE FROM publication"))


def _row_bent(session: Session) -> None:
    session.execute(text("UPDATE submission SET tier = 'first' WHERE number = :n"), {"n": AWARDED})


def _head_bent(session: Session) -> None:
    session.execute(text("UPDATE submission SET head = :h WHERE number = :n"), {"h": "f" * 64, "n": AWARDED})


def _call_row_bent(session: Session) -> None:
    session.execute(text("UPDATE call SET state = 'closed'"))


def _submission_dated_before_the_root(session: Session) -> None:
    """A whole subject more: its row, its history and its place among the running numbers, all consistent."""
    row = entry(session, canonical.submission_subject("2026-500103-0007"), 1)
    added = {**row, "subject": ADDED, "at": EARLY}
    added["hash"] = canonical.entry_hash(added)
    insert_entry(session, added)
    columns = [column.name for column in Submission.__table__.c]  # type: ignore[attr-defined]
    changed = {"number": f"'{ADDED.partition('/')[2]}'", "place": "8", "head": f"'{added['hash']}'", "sequence": "1"}
    changed |= {"state": "'submitted'"}
    values = ", ".join(changed.get(name, f'"{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    copied = f"INSERT INTO submission ({names}) SELECT {values} FROM submission WHERE number = '2026-500103-0006'"
    session.execute(text(copied))


def _call_entry_dated_before_the_root(session: Session) -> None:
    last = chain_of(session, CALL)[-1]
    insert_entry(session, {**last, "sequence": last["sequence"] + 1, "at": EARLY, "facts": "{}"})
    hash_anew(session, CALL, last["sequence"] + 1, head=True)


def _dated_back(session: Session) -> None:
    set_column(session, entry(session, SUBJECT, LENGTH), "at", EARLY)
    hash_anew(session, SUBJECT, LENGTH, head=True)


EARLY = "2026-04-20T01:00:00.000000+00:00"
ADDED = canonical.submission_subject("2026-500103-0008")
LENGTH = 6
TAMPERINGS: dict[Callable[[Session], None], set[tuple[str, str, int | None]]] = {
    _swapped: {("altered", SUBJECT, 2), ("altered", SUBJECT, 3), ("unlinked", SUBJECT, 4)},
    _swapped_and_linked_anew: {
        ("head", SUBJECT, LENGTH),
        ("not_published", SUBJECT, 5),
        ("backwards", SUBJECT, 3),
    },
    _inserted_in_the_middle: {("altered", SUBJECT, n) for n in (3, 4, 5, 6, 7)}
    | {("inserted", SUBJECT, 7), ("not_published", SUBJECT, 5)},
    _inserted_with_hashes_made_anew: {("inserted", SUBJECT, 7), ("not_published", SUBJECT, 5)},
    _inserted_before_the_first: {("altered", SUBJECT, 0), ("inserted", SUBJECT, 0)},
    _added_at_the_end: {("inserted", SUBJECT, 7)},
    _altered_and_hashed_anew: {("head", SUBJECT, LENGTH), ("not_published", SUBJECT, 5)},
    _altered_and_hashed_anew_once: {("unlinked", SUBJECT, 3)},
    _altered_and_hashed_anew_with_the_head: {("not_published", SUBJECT, 5)},
    _altered_and_hashed_anew_with_head_and_leaves: {("root", CALL, 7)},
    _cut_off: {("cut_off", SUBJECT, LENGTH)},
    _cut_off_with_the_row_set_back: {("cut_off", SUBJECT, 5), ("row", SUBJECT, 4)},
    _history_removed: {("removed", SUBJECT, 1)},
    _row_removed: {("no_row", SUBJECT, LENGTH), ("removed", SUBJECT, 1)},
    _removed_with_its_row: {("removed", SUBJECT, 1)},
    _removed_with_everything_but_leaves: {("removed", SUBJECT, 1)},
    _removed_with_everything: {("removed", SUBJECT, 1), ("root", CALL, 7)},
    _removed_before_any_root: {("removed", UNPUBLISHED, 1)},
    _last_of_its_unit_removed: {("removed", canonical.submission_subject("2026-500103-0007"), 1)},
    _call_set_back: {("unrecorded", CALL, None)},
    _leaf_bent: {("leaf", SUBJECT, 5)},
    _leaf_removed: {("root", CALL, 7), ("not_under_root", SUBJECT, 1)},
    _publication_bent: {("publication", CALL, 7)},
    _publication_removed: {("publication", CALL, 7)},
    _row_bent: {("row", SUBJECT, LENGTH)},
    _head_bent: {("head", SUBJECT, LENGTH)},
    _call_row_bent: {("row", CALL, 8)},
    _submission_dated_before_the_root: {("not_under_root", ADDED, 1)},
    _call_entry_dated_before_the_root: {("not_under_root", CALL, 9), ("backwards", CALL, 9)},
    _dated_back: {("not_under_root", SUBJECT, LENGTH), ("backwards", SUBJECT, LENGTH)},
}


def test_every_kind_of_tampering_is_found_and_named(season: Engine) -> None:
    for tamper, expected in TAMPERINGS.items():
        with undone(season) as session:
            tamper(session)

            assert codes(verify(session)) == expected, tamper.__name__
            assert codes(verify(session, 2026)) == expected, tamper.__name__
    print(f"{season.dialect.name}: {len(TAMPERINGS)} kinds of tampering tried, {len(TAMPERINGS)} found")


def test_what_is_later_than_the_newest_root_is_listed(season: Engine) -> None:
    with reading(season) as session:
        _, later = examine(session, 2026)

    written = [line.split() for line in later[2026]]
    assert [(line[0], line[2], line[4]) for line in written] == [
        (f"{CALL},", "7:", "record_root"),
        (f"{CALL},", "8:", "reissue_workbook"),
        (f"{SUBJECT},", "6:", "strike"),
        *((f"submission/2026-500103-{place:04d},", "1:", "submit") for place in (6, 7)),
        ("submission/2026-500103-0007,", "2:", "record_district_review"),
    ]


def test_nothing_is_dated_before_what_it_follows_or_before_a_root(season: Engine) -> None:
    """A run that slept while others wrote stands after them, and says of when it was."""
    early = season_rules().dates.open_call
    with writing(season) as session:
        number = a_submission(session)
        note_call(session, 2026, "assign", Act(OFFICE, early))
        note_submission(session, AWARDED, Ask("strike", Act(OFFICE, early)))
        note_submission(session, number, Ask("strike", Act(OFFICE, early)))
    with reading(season) as session:
        assert verify(session) == []
        for subject in (CALL, SUBJECT, canonical.submission_subject(number)):
            last = chain_of(session, subject)[-1]
            assert last["at"] > canonical.instant_text(early)
            assert last["facts"] == f'{{"as_of":"{canonical.instant_text(early)}"}}'


def test_a_history_forged_whole_is_found_by_the_printed_root(season: Engine) -> None:
    with reading(season) as session:
        printed = entry(session, CALL, 7)["facts"].partition('"root":"')[2][:64]
    with undone(season) as session:
        assert verify(session, printed=[printed]) == []
        _altered_and_hashed_anew_with_head_and_leaves(session)
        bent = session.execute(text("SELECT hash FROM publication_leaf ORDER BY subject")).scalars()
        forged = _root_over(bent)
        _record_another_root(session, printed, forged)

        assert verify(session) == []
        assert codes(verify(session, printed=[printed])) == {("printed_root", CALL, None)}


def _root_over(hashes: Any) -> str:
    fold = Fold()
    for leaf in hashes:
        fold.add(bytes.fromhex(leaf))
    return fold.root().hex()


def _record_another_root(session: Session, genuine: str, forged: str) -> None:
    row = entry(session, CALL, 7)
    set_column(session, row, "facts", row["facts"].replace(genuine, forged))
    session.execute(text("UPDATE publication SET root = :root"), {"root": forged})
    hash_anew(session, CALL, 7, head=True)


EXPERT = Actor(Role.EXPERT, "E0001")
ILLEGAL = [
    ("award", SubmissionState.AWARDED, OFFICE, {"tier": "first"}, "award does not lead from submitted"),
    ("archive", SubmissionState.ARCHIVED, OFFICE, {"outcome": "completed"}, "not possible from submitted"),
    ("archive", SubmissionState.ARCHIVED, EXPERT, {"outcome": "withdrawn"}, "not for expert to give"),
    ("archive", SubmissionState.ARCHIVED, OFFICE, {}, "outcome None, which does not exist"),
    ("amend", SubmissionState.AWARDED, OFFICE, {}, "amend moves nothing, yet submitted became awarded"),
    ("record_district_review", SubmissionState.DISTRICT_REVIEWED, OFFICE, {}, "is not for office to do"),
]


@pytest.mark.parametrize(("trigger", "to", "actor", "facts", "sentence"), ILLEGAL)
def test_a_step_that_no_door_would_write_is_found(
    engine: Engine, trigger: str, to: SubmissionState, actor: Actor, facts: dict[str, str], sentence: str
) -> None:
    columns: dict[str, Any] = {}
    if to is SubmissionState.AWARDED:
        columns |= {"tier": Tier.FIRST, "eligible_at": season_rules().dates.close_call}
    if to is SubmissionState.ARCHIVED:
        columns |= {"outcome": "withdrawn", "archived_from": SubmissionState.SUBMITTED}
    with writing(engine) as session:
        a_season(session)
        number = a_submission(session)
        advance(session, number, trigger, to, actor, season_rules().dates.close_call, facts, **columns)

        found = [finding for finding in verify(session) if finding.code == "illegal"]

    assert [(finding.subject, finding.sequence) for finding in found] == [(canonical.submission_subject(number), 2)]
    assert sentence in found[0].sentence


def test_the_root_changes_with_every_entry(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        first = season_root(session, 2026)
        number = a_submission(session)
        second = season_root(session, 2026)
        advance(session, number, "strike", SubmissionState.SUBMITTED, OFFICE, season_rules().dates.close_call)
        third = season_root(session, 2026)

    assert len({first.root, second.root, third.root}) == 3
    assert [first.leaves, second.leaves, third.leaves] == [1, 2, 2]


def test_a_root_is_recorded_once_however_often_it_is_asked_for(engine: Engine) -> None:
    at = season_rules().dates.publish_results
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        a_submission(session)
        first = record_root(session, 2026, PublicationKind.RESULTS, Act(SYSTEM, at))
    with writing(engine) as session:
        a_submission(session)
        second = record_root(session, 2026, PublicationKind.RESULTS, Act(SYSTEM, at))

        assert first == second
        assert verify(session, printed=[first.root]) == []

"""Each named invariant holds on a built season, and says so when it is broken."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from models import Call, Delivery, Message
from models.database import reading, writing
from models.enums import CallState, DeliveryState, MessageState, SubmissionState
from states.invariants import INVARIANTS, broken_invariants
from tests.support.builders import a_season, a_submission, season_rules
from tests.support.tampering import lift_protections, undone

DIGEST = "ab" * 32
SUBMITTED, REVIEWED, FINAL, AWARDED = (f"2026-500103-000{place}" for place in (1, 2, 3, 4))
Break = Callable[[Session, Path], None]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in (f"taken/2026/500103/{DIGEST[:16]}-表.xlsx", f"receipts/2026/500103/{DIGEST[:16]}-回执.xlsx"):
        (tmp_path / "home" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "home" / name).write_text("workbook")
    return tmp_path / "home"


@pytest.fixture
def season(engine: Engine) -> Engine:
    """A published season with a submission in every state, a delivery and a message; protections lifted."""
    at = season_rules().dates.open_call
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        for state in SubmissionState:
            a_submission(session, state)
        receipt = f"receipts/2026/500103/{DIGEST[:16]}-回执.xlsx"
        session.add(
            Delivery(
                digest=DIGEST,
                sender="500103",
                season=2026,
                file_name="表.xlsx",
                arrived_at=at,
                taken_at=at,
                state=DeliveryState.ACCEPTED,
                receipt=receipt,
            )
        )
        session.add(
            Message(
                key="2026/one",
                season=2026,
                recipient="a@example.invalid",
                subject="示例",
                body="示例",
                state=MessageState.SENT,
                written_at=at,
                sent_at=at,
            )
        )
    lift_protections(engine)
    return engine


def _sql(statement: str, **values: object) -> Break:
    return lambda session, home: session.execute(text(statement), values) and None


def _quota_exceeded(session: Session, home: Path) -> None:
    call = session.get_one(Call, 2026)
    call.rules = call.rules.replace('"quota":10', '"quota":1')
    session.flush()


def _orphan(session: Session, home: Path) -> None:
    (home / "taken" / "2026" / "500103" / "0000000000000000-表.xlsx").write_text("orphan")


def _open_objection(session: Session, home: Path) -> None:
    session.execute(
        text(
            "INSERT INTO objection (number, state, grounds, objector, received_at, due_at, officer, answer) "
            "VALUES (:number, 'open', '', '', '2026-08-04 00:00:00+00', '2026-08-04 00:00:00+00', '', '')"
        ),
        {"number": AWARDED},
    )


def _open_correction(session: Session, home: Path) -> None:
    session.execute(
        text(
            "INSERT INTO correction (number, asked_by, asked_at, missing, due_at, state) "
            "VALUES (:number, '', '2026-06-04 00:00:00+00', '', '2026-06-04 00:00:00+00', 'outstanding')"
        ),
        {"number": FINAL},
    )


def _declared_after_scoring(session: Session, home: Path) -> None:
    session.execute(text("UPDATE call SET state = 'public_notice'"))
    session.execute(
        text(
            "INSERT INTO declared_conflict (season, expert, key, declared_at) "
            "VALUES (2026, 'E0001', '示例单位示例项目2026第3号', '2026-08-04 00:00:00+00')"
        )
    )


BREAKS: dict[str, tuple[Break, set[str]]] = {
    "gapless_sequences": (
        _sql("DELETE FROM history WHERE subject = :s AND sequence = 2", s=f"submission/{FINAL}"),
        {f"submission/{FINAL}"},
    ),
    "head_is_last_entry": (
        _sql("UPDATE submission SET head = :h WHERE number = :n", h="f" * 64, n=FINAL),
        {f"submission/{FINAL}"},
    ),
    "state_equals_replay": (
        _sql("UPDATE submission SET state = 'final_reviewed' WHERE number = :n", n=SUBMITTED),
        {f"submission/{SUBMITTED}"},
    ),
    "archived_has_outcome": (
        _sql("UPDATE submission SET outcome = 'withdrawn' WHERE number = :n", n=SUBMITTED),
        {SUBMITTED},
    ),
    "tier_only_if_awarded": (_sql("UPDATE submission SET tier = 'first' WHERE number = :n", n=FINAL), {FINAL}),
    "awarded_as_approved": (_sql('UPDATE "placing" SET approved = false WHERE number = :n', n=AWARDED), {AWARDED}),
    "no_award_with_open_objection": (_open_objection, {f"{AWARDED}/1"}),
    "within_quota": (_quota_exceeded, {"2026/500103/3"}),
    "recommended_ranks_unique": (_sql("UPDATE district_verdict SET rank = 1"), {"2026/500103/1"}),
    "eligible_before_final_review": (
        _sql("UPDATE submission SET eligible_at = NULL WHERE number = :n", n=FINAL),
        {FINAL},
    ),
    "no_correction_in_final_review": (_open_correction, {FINAL}),
    "scored_only_by_assigned": (
        _sql("UPDATE assignment SET state = 'recused' WHERE number = :n AND expert = 'E0001'", n=FINAL),
        {f"{FINAL}/E0001/1"},
    ),
    "nobody_in_conflict": (_declared_after_scoring, {f"{FINAL}/E0001"}),
    "experts_have_signed": (
        _sql("UPDATE seat SET signed_on = NULL WHERE expert = 'E0001'"),
        {f"{number}/E0001/1" for number in (FINAL, AWARDED, "2026-500103-0005")},
    ),
    "content_has_its_digest": (
        _sql("UPDATE submission_version SET content = '{}' WHERE number = :n", n=FINAL),
        {f"{FINAL}/1"},
    ),
    "milestones_in_order": (
        _sql("UPDATE milestone SET state = 'pending', settled_at = NULL WHERE milestone = 'close_public_notice'"),
        {"2026/publish_results/before close_public_notice"},
    ),
    "settled_has_instant": (
        _sql("UPDATE milestone SET settled_at = NULL WHERE milestone = 'open_call'"),
        {"2026/open_call/1/"},
    ),
    "closed_season_is_settled": (_sql("UPDATE call SET state = 'closed'"), {SUBMITTED, REVIEWED, FINAL, AWARDED}),
    "sent_has_instant": (_sql("UPDATE message SET sent_at = NULL"), {"2026/one"}),
    "every_delivery_has_its_receipt": (_sql("UPDATE delivery SET receipt = ''"), {f"{DIGEST[:16]}/500103"}),
    "no_orphan_file": (_orphan, {"taken/2026/500103/0000000000000000-表.xlsx"}),
}


@pytest.fixture
def clean(season: Engine, home: Path) -> Iterator[Engine]:
    yield season
    (home / "taken" / "2026" / "500103" / "0000000000000000-表.xlsx").unlink(missing_ok=True)


def test_a_built_season_breaks_no_invariant(season: Engine, home: Path) -> None:
    with reading(season) as session:
        assert broken_invariants(session, home) == []


def test_each_invariant_names_what_breaks_it(clean: Engine, home: Path) -> None:
    for name, (break_it, offenders) in BREAKS.items():
        with undone(clean) as session:
            break_it(session, home)

            broken = {one.invariant.name: set(one.offenders) for one in broken_invariants(session, home)}

        assert broken.get(name) == offenders, (name, broken)


def test_every_invariant_that_a_database_could_break_is_broken_once() -> None:
    beyond_sql = {"database_is_sound", "one_message_per_key"}  # a primary key and the file format see to these

    assert {one.name for one in INVARIANTS} == set(BREAKS) | beyond_sql
    assert len({one.name for one in INVARIANTS}) == len(INVARIANTS)
    assert all(one.sentence.endswith(".") for one in INVARIANTS)


def test_a_damaged_reference_is_found_on_sqlite(season: Engine) -> None:
    if season.dialect.name != "sqlite":
        return
    with undone(season) as session:
        session.execute(text("DELETE FROM expert WHERE id = 'E0001'"))

        broken = {one.invariant.name for one in broken_invariants(session)}

    assert "database_is_sound" in broken

"""Each named invariant holds on a built season, and says so when it is broken."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from models import Call, Delivery, Message, Score
from models.database import reading, writing
from models.enums import CallState, DeliveryState, Holder, MessageState, SubmissionState
from states.audit.invariants import INVARIANTS, broken_invariants
from states.machine import Act
from states.transitions import note_call
from tests.support.builders import OFFICE, SYSTEM, a_season, a_submission, season_rules
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


def _orphan(session: Session, home: Path) -> None:
    (home / "taken" / "2026" / "500103" / "0000000000000000-表.xlsx").write_text("orphan")


def _open_objection(session: Session, home: Path) -> None:
    session.execute(
        text(
            "INSERT INTO objection (id, season, number, state, grounds, objector, contact, received_at, due_at, answer) "
            "VALUES (1, 2026, :number, 'accepted', '', '', '', '2026-08-04 00:00:00+00', '2026-08-04 00:00:00+00', '')"
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


def _ranked_with_a_gap(session: Session, home: Path) -> None:
    session.execute(text('UPDATE "placing" SET position = 3'))


def _other_rules(before: str, after: str) -> Break:
    def change(session: Session, home: Path) -> None:
        call = session.get_one(Call, 2026)
        assert before in call.rules
        call.rules = call.rules.replace(before, after)
        session.flush()

    return change


def _answered_by_nobody(session: Session, home: Path) -> None:
    _open_objection(session, home)
    session.execute(text("UPDATE objection SET state = 'rejected'"))


def _looked_into_by_who_approved(session: Session, home: Path) -> None:
    _open_objection(session, home)
    session.execute(text("UPDATE objection SET state = 'investigating', kind = 'facts'"))
    session.execute(
        text(
            "INSERT INTO approval (season, ordinal, decision, officer, decided_at, reason, list_digest) "
            "VALUES (2026, 9, 'approved', '示例·王主任', '2026-08-01 00:00:00+00', '', :digest)"
        ),
        {"digest": "ab" * 32},
    )
    session.execute(
        text(
            "INSERT INTO objection_ruling (objection, ordinal, investigator, begun_at, answer) "
            "VALUES (1, 1, '示例·王主任', '2026-08-04 00:00:00+00', '')"
        )
    )


def _settled_without_instant(session: Session, home: Path) -> None:
    _open_correction(session, home)
    session.execute(text("UPDATE correction SET state = 'lapsed'"))


def _erased_in_word_only(session: Session, home: Path) -> None:
    at = season_rules().dates.close_season
    note_call(session, 2026, "erase_personal_data", Act(OFFICE, at))
    session.execute(text("DELETE FROM contact WHERE number <> :number"), {"number": FINAL})
    session.execute(text("DELETE FROM contributor"))


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
    "within_quota": (_other_rules('"quota":10', '"quota":1'), {"2026/500103/3"}),
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
    "certificates_follow_the_awards": (
        _sql(
            "INSERT INTO certificate (season, ordinal, number, holder, position, name, tier, state, given_at) "
            "VALUES (2026, 1, :n, 'contributor', 9, '示例', 'third', 'valid', '2026-08-31 01:00:00')",
            n=AWARDED,
        ),
        {f"2026-0001/{AWARDED}"}
        | {f"{number}/{holder}/1/has no certificate" for number in (AWARDED, "2026-500103-0005") for holder in Holder},
    ),
    "call_follows_milestones": (
        _sql("UPDATE milestone SET state = 'skipped' WHERE milestone = 'publish_results'"),
        {"2026/published/not public_notice"},
    ),
    "none_ahead_of_its_call": (
        _sql("UPDATE call SET state = 'district_review'"),
        {
            f"{FINAL}/final_reviewed/district_review",
            f"{AWARDED}/awarded/district_review",
            "2026-500103-0005/awarded/district_review",
        },
    ),
    "no_achievement_twice": (
        _sql("UPDATE submission SET fingerprint = 'same' WHERE number IN (:a, :b)", a=SUBMITTED, b=FINAL),
        {f"{SUBMITTED}/{FINAL}"},
    ),
    "contributors_within_limits": (
        _sql(
            "INSERT INTO contributor (number, position, name, name_key, organisation, role) "
            "SELECT :n, position, '示例', '示例', '示例', '' FROM "
            "(SELECT 2 AS position UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6) AS places",
            n=FINAL,
        ),
        {f"{FINAL}/contributor/6"},
    ),
    "verdict_exactly_when_reviewed": (
        _sql("DELETE FROM district_verdict WHERE number = :n", n=REVIEWED),
        {REVIEWED},
    ),
    "correction_settled_with_instant": (_settled_without_instant, {FINAL}),
    "corrections_end_with_the_check": (_open_correction, {FINAL}),
    "assigned_only_when_eligible": (
        _sql("UPDATE submission SET eligible_at = NULL WHERE number = :n", n=FINAL),
        {f"{FINAL}/E000{n}/1" for n in range(1, 6)},
    ),
    "eligible_only_when_recommended": (
        _sql("UPDATE district_verdict SET verdict = 'not_recommended', rank = NULL WHERE number = :n", n=FINAL),
        {FINAL},
    ),
    "no_expert_overloaded": (
        _other_rules('"submissions_per_expert":45', '"submissions_per_expert":2'),
        {f"2026/E000{n}/3" for n in range(1, 6)},
    ),
    "scores_add_up": (
        _sql("UPDATE score SET total = 99 WHERE number = :n AND expert = 'E0001'", n=FINAL),
        {f"{FINAL}/E0001/1"},
    ),
    "enough_scores": (
        _sql("UPDATE assignment SET state = 'lost' WHERE number = :n AND expert = 'E0001'", n=FINAL),
        {f"{FINAL}/4"},
    ),
    "scores_frozen_before_ranking": (
        _sql("UPDATE history SET trigger = 'freeze_ranking' WHERE subject = 'call/2026' AND sequence = 3"),
        {"2026/ranked before the scores were frozen"},
    ),
    "ranking_without_gap": (_ranked_with_a_gap, {"2026"}),
    "prizes_within_tiers": (_other_rules('"prizes":120', '"prizes":0'), {"2026/third/2"}),
    "objection_answered_by_a_person": (_answered_by_nobody, {f"{AWARDED}/1"}),
    "objections_looked_into_impartially": (_looked_into_by_who_approved, {f"{AWARDED}/1/示例·王主任"}),
    "content_has_its_digest": (
        _sql("UPDATE submission_version SET content = '{}' WHERE number = :n", n=FINAL),
        {f"{FINAL}/1"},
    ),
    "erased_is_gone": (_erased_in_word_only, {FINAL}),
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

            broken = {breach.invariant.name: set(breach.offenders) for breach in broken_invariants(session, home)}

        assert broken.get(name) == offenders, (name, broken)


def test_every_invariant_that_a_database_could_break_is_broken_once() -> None:
    beyond_sql = {"database_is_sound", "one_message_per_key"}  # a primary key and the file format see to these

    assert {invariant.name for invariant in INVARIANTS} == set(BREAKS) | beyond_sql
    assert len({invariant.name for invariant in INVARIANTS}) == len(INVARIANTS)
    assert all(invariant.sentence.endswith(".") for invariant in INVARIANTS)


def test_a_damaged_reference_is_found_on_sqlite(season: Engine) -> None:
    if season.dialect.name != "sqlite":
        return
    with undone(season) as session:
        session.execute(text("DELETE FROM expert WHERE id = 'E0001'"))

        broken = {breach.invariant.name for breach in broken_invariants(session)}

    assert "database_is_sound" in broken


def test_a_score_after_the_freeze_is_named(season: Engine) -> None:
    with undone(season) as session:
        at = season_rules().dates.close_final_round
        note_call(session, 2026, "freeze_scores", Act(SYSTEM, at))
        assert broken_invariants(session) == []
        score = session.get_one(Score, (FINAL, "E0002", 1))
        score.received_at = at + timedelta(seconds=1)
        session.flush()

        broken = {breach.invariant.name: breach.offenders for breach in broken_invariants(session)}

    assert broken == {"scores_frozen_before_ranking": (f"{FINAL}/E0002",)}


@pytest.mark.parametrize("points", ['{"innovation":"100"}', '{"innovation":"31"}'])
def test_a_score_outside_its_rubric_is_named(season: Engine, points: str) -> None:
    with undone(season) as session:
        session.execute(text("UPDATE score SET points = :p WHERE number = :n"), {"p": points, "n": FINAL})

        broken = {breach.invariant.name: breach.offenders for breach in broken_invariants(session)}

    assert broken == {"scores_add_up": tuple(f"{FINAL}/E000{n}/1" for n in range(1, 6))}

"""What the database itself refuses, whatever Python may think: on SQLite and on PostgreSQL."""

from importlib import import_module

import pytest
from sqlalchemy import CheckConstraint, Engine, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import SQLModel

from models.columns import EnumText
from models.database import writing
from models.enums import CallState, SubmissionState
from tests.support.builders import a_season, a_submission
from tests.support.playing import Player

REFUSED = [
    "UPDATE submission SET state = 'elsewhere' WHERE number = :submitted",
    "UPDATE submission SET state = 'archived' WHERE number = :submitted",
    "UPDATE submission SET state = 'archived', outcome = 'withdrawn' WHERE number = :submitted",
    "UPDATE submission SET outcome = 'withdrawn' WHERE number = :submitted",
    "UPDATE submission SET outcome = NULL WHERE number = :archived",
    "UPDATE submission SET archived_from = NULL WHERE number = :archived",
    "UPDATE submission SET state = 'awarded' WHERE number = :submitted",
    "UPDATE submission SET tier = 'first' WHERE number = :submitted",
    "UPDATE submission SET tier = 'fourth' WHERE number = :awarded",
    "UPDATE submission SET tier = NULL WHERE number = :awarded",
    "UPDATE submission SET sequence = 0 WHERE number = :submitted",
    "UPDATE submission SET category = 'other' WHERE number = :submitted",
    "UPDATE submission SET season = 1999 WHERE number = :submitted",
    "UPDATE submission SET place = 1 WHERE number = :awarded",
    "UPDATE submission SET head = NULL WHERE number = :submitted",
    "UPDATE call SET state = 'paused'",
    "UPDATE call SET sequence = 0",
    "UPDATE milestone SET state = 'maybe'",
    "UPDATE assignment SET state = 'maybe'",
    "UPDATE district_verdict SET verdict = 'maybe'",
    "UPDATE seat SET position = 1",
    "DELETE FROM submission WHERE number = :submitted",
    "DELETE FROM call",
    "DELETE FROM expert",
]


def test_the_database_refuses_what_may_not_be(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        numbers = {state.value: a_submission(session, state) for state in SubmissionState}

    kept = []
    for statement in REFUSED:
        values = {key: value for key, value in numbers.items() if f":{key}" in statement}
        try:
            with writing(engine) as session:
                session.execute(text(statement), values)
            kept.append(statement)
        except DBAPIError:
            continue

    assert kept == []


def test_every_closed_list_of_words_is_closed_in_the_database(engine: Engine) -> None:
    missing = []
    for table in SQLModel.metadata.sorted_tables:
        rules = " ".join(str(check["sqltext"]) for check in inspect(engine).get_check_constraints(table.name))
        for column in table.c:
            if isinstance(column.type, EnumText):
                words = [f"'{member.value}'" for member in column.type.members]
                missing += [f"{table.name}.{column.name}: {word}" for word in words if word not in rules]

    assert missing == []


def test_the_database_takes_no_word_that_the_record_does_not_have(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        entry = session.execute(text("SELECT * FROM history LIMIT 1")).mappings().one()
    values = ", ".join(f":{column}" for column in entry)
    insert = text(f"INSERT INTO history ({', '.join(entry)}) VALUES ({values})")

    with pytest.raises(DBAPIError, match="trigger_known"), writing(engine) as session:
        session.execute(insert, {**entry, "sequence": 99, "trigger": "mvoe_date"})
    with writing(engine) as session:
        session.execute(insert, {**entry, "sequence": 99, "trigger": "move_date"})


def test_every_check_of_the_models_is_in_the_database(engine: Engine) -> None:
    for table in SQLModel.metadata.sorted_tables:
        named = {check["name"] for check in inspect(engine).get_check_constraints(table.name)}

        assert {
            constraint.name for constraint in table.constraints if isinstance(constraint, CheckConstraint)
        } <= named, table.name


RULES = import_module("models.migrations.versions.0005_rules_in_the_database").RULES
# Objections have tables of their own since.
RULES = RULES | {
    name: {
        str(rule.name): str(rule.sqltext)
        for rule in SQLModel.metadata.tables[name].constraints
        if isinstance(rule, CheckConstraint) and not str(rule.name).endswith("_known")
    }
    for name in ("objection", "objection_ruling", "objection_evidence")
}

# What each rule refuses, as a change to rows of a season that was played to its end.
BREAKING = {
    "call.head_is_sha256": "head = 'ab'",
    "milestone.ordinal_positive": "ordinal = 0 WHERE milestone = 'archive'",
    "milestone.attempts_counted": "attempts = -1",
    "milestone.settled_or_pending": "settled_at = NULL WHERE state = 'done'",
    "approval.ordinal_positive": "ordinal = 0 WHERE ordinal = 1",
    "approval.officer_named": "officer = ''",
    "approval.sent_back_with_reason": "decision = 'sent_back', reason = ''",
    "approval.list_digest_is_sha256": "list_digest = 'ab'",
    "publication.subjects_counted": "subjects = 0",
    "publication.root_is_sha256": "root = 'ab'",
    "admission.officer_named": "officer = ''",
    "admission.reason_given": "reason = ''",
    "admission.digest_is_sha256": "digest = 'ab'",
    "claim.fence_positive": "fence = 0",
    "submission.outcome_fits_origin": "outcome = 'not_recommended' WHERE outcome = 'no_prize'",
    "submission.award_kept_its_tier": "tier = NULL WHERE outcome = 'completed'",
    "submission.final_reviewed_is_eligible": (
        "state = 'final_reviewed', archived_from = NULL, outcome = NULL, eligible_at = NULL WHERE outcome = 'no_prize'"
    ),
    "submission.place_positive": "place = 0 WHERE place = 1",
    "submission.version_positive": "version = 0",
    "submission.fingerprint_is_sha256_or_deleted": "fingerprint = 'ab'",
    "submission.head_is_sha256": "head = 'ab'",
    "submission_version.version_positive": "version = 0 WHERE version = 1",
    "submission_version.digest_is_sha256": "digest = 'ab'",
    "attachment.version_positive": "version = 0",
    "attachment.position_positive": "position = 0",
    "attachment.size_counted": "size = -1",
    "attachment.digest_is_sha256": "digest = 'ab'",
    "issued_workbook.issue_positive": "issue = 0",
    "organisation.position_positive": "position = 0 WHERE position = 1",
    "contributor.position_positive": "position = 0 WHERE position = 1",
    "contributor.share_not_negative": "share = '-1'",
    "district_verdict.rank_positive": "rank = 0 WHERE rank = 1",
    "district_verdict.total_not_negative": "total = '-1'",
    "correction.settled_or_outstanding": "settled_at = NULL WHERE state <> 'outstanding'",
    "duplicate.similarity_is_percent": "similarity = 101",
    "duplicate.decided_or_pending": "decided_at = NULL WHERE decision <> 'pending'",
    "duplicate.decided_by_somebody": "officer = '' WHERE decision <> 'pending'",
    "objection.refused_with_reason": "refusal = 'late' WHERE state <> 'not_accepted'",
    "objection.settled_or_open": "settled_at = NULL WHERE state = 'closed'",
    "objection_ruling.one_reconsideration": "ordinal = 3",
    "objection_ruling.asked_for_only_again": "asked_by = 'unit' WHERE ordinal = 1",
    "objection_ruling.investigator_named": "investigator = ''",
    "objection_ruling.decided_or_open": "decided_at = NULL WHERE result IS NOT NULL",
    "objection_ruling.decided_with_reasons": "answer = '' WHERE result IS NOT NULL",
    "objection_ruling.tier_only_if_changed": "tier = 'first' WHERE result = 'removed'",
    "objection_evidence.position_positive": "position = 0",
    "objection_evidence.size_counted": "size = -1",
    "objection_evidence.digest_is_sha256": "digest = 'ab'",
    "message.attempts_counted": "attempts = -1",
    "message.sent_at_some_time": "state = 'sent', sent_at = NULL",
    "delivery.rows_counted": "rows_back = -1",
    "delivery.refused_took_nothing": "state = 'refused', rows_in = 1",
    "seat.position_positive": "position = 0 WHERE position = 1",
    "assignment.round_known": "round = 3 WHERE round = 1",
    "score.only_what_was_assigned": "round = 3 WHERE round = 1",
    "score.total_not_negative": "total = '-1'",
    "placing.rank_within_position": "rank = position + 1",
    "placing.scores_counted": "scores = -1",
    "placing.approved_has_tier": "approved = true, tier = NULL",
}
# SQLite does not say which reference leads nowhere, nor an index by its name.
WITHOUT_A_NAME = {
    "score.only_what_was_assigned": "FOREIGN KEY constraint failed",
    "placing.placing_one_a_position": "UNIQUE constraint failed: placing.season, placing.position",
}


def test_every_rule_of_the_revision_has_its_case() -> None:
    assert set(BREAKING) == {f"{table}.{name}" for table, rules in RULES.items() for name in rules}


def test_every_rule_refuses_what_breaks_it(played: Player) -> None:
    answers = {rule: _refusal(played, rule, change) for rule, change in BREAKING.items()}

    assert {rule: answer for rule, answer in answers.items() if not _names(answer, rule)} == {}


def test_a_place_of_the_list_is_given_once(played: Player) -> None:
    rule = "placing.placing_one_a_position"

    assert _names(_refusal(played, rule, "position = 1, rank = 1"), rule)


def _refusal(played: Player, rule: str, change: str) -> str:
    """What the database says to a change; nothing when it takes it."""
    try:
        with played.writing() as session:
            session.execute(text(f'UPDATE "{rule.partition(".")[0]}" SET {change}'))
    except IntegrityError as refused:
        return str(refused.orig)
    return ""


def _names(answer: str, rule: str) -> bool:
    return rule.partition(".")[2] in answer or WITHOUT_A_NAME.get(rule, "?") in answer

"""Every rule that revision 0005 put into the database refuses the row that breaks it alone, on both databases."""

from importlib import import_module

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.support.playing import Player

RULES = import_module("models.migrations.versions.0005_rules_in_the_database").RULES

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
    "objection.answered_or_open": "answered_at = NULL WHERE state <> 'open'",
    "objection.answered_by_somebody": "answer = '' WHERE state <> 'open'",
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

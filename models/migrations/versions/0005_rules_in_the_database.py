"""rules in the database: what may not be, no program can write."""

from alembic import op

from models.migrations.rules import add_rules

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ORIGINS = (
    "(archived_from IS NULL AND outcome IS NULL)"
    " OR (archived_from = 'submitted' AND outcome IN ('withdrawn', 'ineligible', 'not_reviewed'))"
    " OR (archived_from = 'district_reviewed' AND outcome IN ('withdrawn', 'ineligible', 'not_recommended'))"
    " OR (archived_from = 'final_reviewed' AND outcome IN ('withdrawn', 'no_prize', 'objection_upheld'))"
    " OR (archived_from = 'awarded' AND outcome IN ('completed', 'revoked'))"
)


def _sha256(*columns: str) -> dict[str, str]:
    return {f"{column}_is_sha256": f"CHECK (length({column}) = 64)" for column in columns}


def _not_negative(column: str) -> dict[str, str]:
    return {f"{column}_not_negative": f"CHECK (CAST({column} AS NUMERIC) >= 0)"}


RULES = {
    "call": _sha256("head"),
    "milestone": {
        "ordinal_positive": "CHECK (ordinal >= 1)",
        "attempts_counted": "CHECK (attempts >= 0)",
        "settled_or_pending": "CHECK ((state = 'pending') = (settled_at IS NULL))",
    },
    "approval": {
        "ordinal_positive": "CHECK (ordinal >= 1)",
        "officer_named": "CHECK (officer <> '')",
        "sent_back_with_reason": "CHECK (decision <> 'sent_back' OR reason <> '')",
        **_sha256("list_digest"),
    },
    "publication": {"subjects_counted": "CHECK (subjects >= 1)", **_sha256("root")},
    "admission": {
        "officer_named": "CHECK (officer <> '')",
        "reason_given": "CHECK (reason <> '')",
        **_sha256("digest"),
    },
    "claim": {"fence_positive": "CHECK (fence >= 1)"},
    "submission": {
        "outcome_fits_origin": f"CHECK ({_ORIGINS})",
        "award_kept_its_tier": "CHECK (archived_from IS NULL OR archived_from <> 'awarded' OR tier IS NOT NULL)",
        "final_reviewed_is_eligible": "CHECK (state NOT IN ('final_reviewed', 'awarded') OR eligible_at IS NOT NULL)",
        "place_positive": "CHECK (place >= 1)",
        "version_positive": "CHECK (version >= 1)",
        "fingerprint_is_sha256_or_deleted": "CHECK (length(fingerprint) IN (0, 64))",
        **_sha256("head"),
    },
    "submission_version": {"version_positive": "CHECK (version >= 1)", **_sha256("digest")},
    "attachment": {
        "version_positive": "CHECK (version >= 1)",
        "position_positive": "CHECK (position >= 1)",
        "size_counted": "CHECK (size >= 0)",
        **_sha256("digest"),
    },
    "issued_workbook": {"issue_positive": "CHECK (issue >= 1)"},
    "organisation": {"position_positive": "CHECK (position >= 1)"},
    "contributor": {"position_positive": "CHECK (position >= 1)", **_not_negative("share")},
    "district_verdict": {
        "rank_positive": "CHECK (rank IS NULL OR rank >= 1)",
        **_not_negative("total"),
    },
    "correction": {
        "settled_or_outstanding": "CHECK ((state = 'outstanding') = (settled_at IS NULL))",
    },
    "duplicate": {
        "similarity_is_percent": "CHECK (similarity BETWEEN 0 AND 100)",
        "decided_or_pending": "CHECK ((decision = 'pending') = (decided_at IS NULL))",
        "decided_by_somebody": "CHECK (decision = 'pending' OR officer <> '')",
    },
    "objection": {
        "answered_or_open": "CHECK ((state = 'open') = (answered_at IS NULL))",
        "answered_by_somebody": "CHECK (state = 'open' OR (officer <> '' AND answer <> ''))",
    },
    "message": {
        "attempts_counted": "CHECK (attempts >= 0)",
        "sent_at_some_time": "CHECK ((state = 'sent') = (sent_at IS NOT NULL))",
    },
    "delivery": {
        "rows_counted": "CHECK (rows_in >= 0 AND rows_back >= 0)",
        "refused_took_nothing": "CHECK (state <> 'refused' OR rows_in = 0)",
    },
    "seat": {"position_positive": "CHECK (position >= 1)"},
    "assignment": {"round_known": "CHECK (round IN (1, 2))"},
    "score": {
        "only_what_was_assigned": "FOREIGN KEY (number, expert, round) REFERENCES assignment (number, expert, round)",
        **_not_negative("total"),
    },
    "placing": {
        "rank_within_position": "CHECK (1 <= rank AND rank <= position)",
        "scores_counted": "CHECK (scores >= 0)",
        "approved_has_tier": "CHECK (approved = false OR tier IS NOT NULL)",
    },
}


def upgrade() -> None:
    for table, rules in RULES.items():
        add_rules(table, rules)
    op.create_index("placing_one_a_position", "placing", ["season", "position"], unique=True)


def downgrade() -> None:
    raise RuntimeError("rules are not taken back: restore a backup instead")

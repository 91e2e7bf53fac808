"""objections as a process: what came in, who looked into it, what was found.

What earlier versions took was taken up at once and answered once and for all: an open one stands as accepted, an
answered one as closed, with the officer who answered as the one who looked into it. Kind, channel and day of receipt
are not known of those.
"""

import sqlalchemy as sa
from alembic import op

from models.migrations.rules import add_rules

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TRIGGERS = "'plan', 'open_call', 'close_call', 'begin_final_review', 'open_public_notice', 'publish_results', 'close_season', 'move_date', 'settle_milestone', 'skip_milestone', 'commit_draw', 'import_experts', 'import_by_hand', 'admit_late', 'reissue_workbook', 'freeze_pool', 'enter_randomness', 'draw_panel', 'assign', 'give_up_seat', 'freeze_scores', 'assign_re_review', 'freeze_ranking', 'open_votes', 'close_votes', 'approve', 'send_back', 'withdraw_approval', 'record_root', 'release_message', 'give_up_message', 'erase_personal_data', 'put_back_release', 'submit', 'record_district_review', 'record_final_review', 'award', 'archive', 'reinstate', 'revoke', 'amend', 'amend_verdict', 'shift_rank', 'ask_correction', 'lapse_correction', 'pass_eligibility', 'decide_duplicate', 'replace', 'recuse', 'record_score', 'record_votes', 'strike', 'change_tier', 'raise_objection', 'accept_objection', 'decline_objection', 'investigate_objection', 'answer_objection', 'reconsider_objection', 'close_objection', 'show_objector', 'seal_objector', 'move_up', 'give_certificates', 'void_certificates', 'correct_name', 'withdraw_consent'"


def upgrade() -> None:
    op.create_table(
        "objection_anew",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=True),
        sa.Column("channel", sa.String(length=32), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("grounds", sa.String(), nullable=False),
        sa.Column("objector", sa.String(), nullable=False),
        sa.Column("contact", sa.String(), nullable=False),
        sa.Column("refusal", sa.String(length=32), nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reconsider_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('received', 'not_accepted', 'accepted', 'investigating', 'rejected', 'upheld', 'reconsidering', "
            "'closed')",
            name="state_known",
        ),
        sa.CheckConstraint(
            "kind IN ('originality', 'ownership', 'facts', 'conflict', 'procedure') OR kind IS NULL", name="kind_known"
        ),
        sa.CheckConstraint(
            "channel IN ('post', 'mail', 'in_person', 'referred') OR channel IS NULL", name="channel_known"
        ),
        sa.CheckConstraint(
            "refusal IN ('late', 'anonymous', 'out_of_scope', 'repeated') OR refusal IS NULL", name="refusal_known"
        ),
        sa.CheckConstraint("(state = 'not_accepted') = (refusal IS NOT NULL)", name="refused_with_reason"),
        sa.CheckConstraint("(state IN ('not_accepted', 'closed')) = (settled_at IS NOT NULL)", name="settled_or_open"),
        sa.ForeignKeyConstraint(["season"], ["call.season"]),
        sa.ForeignKeyConstraint(["number"], ["submission.number"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(
        "INSERT INTO objection_anew (id, season, number, state, received_at, grounds, objector, contact, answer, "
        "due_at, settled_at) SELECT objection.id, submission.season, objection.number, "
        "CASE objection.state WHEN 'open' THEN 'accepted' ELSE 'closed' END, objection.received_at, "
        "objection.grounds, objection.objector, '', '', objection.due_at, objection.answered_at "
        "FROM objection JOIN submission ON submission.number = objection.number"
    )
    op.create_table(
        "objection_ruling_anew",
        sa.Column("objection", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("investigator", sa.String(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(length=32), nullable=True),
        sa.Column("result", sa.String(length=32), nullable=True),
        sa.Column("tier", sa.String(length=32), nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("asked_by IN ('objector', 'unit') OR asked_by IS NULL", name="asked_by_known"),
        sa.CheckConstraint(
            "result IN ('rejected', 'removed', 'tier_changed', 'people_changed') OR result IS NULL",
            name="result_known",
        ),
        sa.CheckConstraint("tier IN ('first', 'second', 'third') OR tier IS NULL", name="tier_known"),
        sa.CheckConstraint("ordinal IN (1, 2)", name="one_reconsideration"),
        sa.CheckConstraint("(ordinal = 2) = (asked_by IS NOT NULL)", name="asked_for_only_again"),
        sa.CheckConstraint("investigator <> ''", name="investigator_named"),
        sa.CheckConstraint("(result IS NULL) = (decided_at IS NULL)", name="decided_or_open"),
        sa.CheckConstraint("result IS NULL OR answer <> ''", name="decided_with_reasons"),
        sa.CheckConstraint("(COALESCE(result, '') = 'tier_changed') = (tier IS NOT NULL)", name="tier_only_if_changed"),
        sa.ForeignKeyConstraint(["objection"], ["objection_anew.id"]),
        sa.PrimaryKeyConstraint("objection", "ordinal"),
    )
    op.execute(
        "INSERT INTO objection_ruling_anew (objection, ordinal, investigator, begun_at, result, answer, decided_at) "
        "SELECT id, 1, officer, answered_at, CASE state WHEN 'upheld' THEN 'removed' ELSE 'rejected' END, answer, "
        "answered_at FROM objection WHERE state <> 'open'"
    )
    op.drop_table("objection")
    op.rename_table("objection_anew", "objection")
    op.rename_table("objection_ruling_anew", "objection_ruling")
    op.create_index("ix_objection_season", "objection", ["season"], unique=False)
    op.create_index("ix_objection_number", "objection", ["number"], unique=False)
    op.create_table(
        "objection_evidence",
        sa.Column("objection", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.CheckConstraint("position >= 1", name="position_positive"),
        sa.CheckConstraint("size >= 0", name="size_counted"),
        sa.CheckConstraint("length(digest) = 64", name="digest_is_sha256"),
        sa.ForeignKeyConstraint(["objection"], ["objection.id"]),
        sa.PrimaryKeyConstraint("objection", "position"),
    )
    op.create_index("ix_objection_evidence_digest", "objection_evidence", ["digest"], unique=False)
    op.add_column("placing", sa.Column("notice_until", sa.DateTime(timezone=True), nullable=True))
    add_rules("history", {"trigger_known": f"CHECK (trigger IN ({_TRIGGERS}))"})


def downgrade() -> None:
    raise RuntimeError("objections are not taken back: restore a backup instead")

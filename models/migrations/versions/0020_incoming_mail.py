"""mail that comes in, letters that come back, and what a letter answers."""

import sqlalchemy as sa
from alembic import op

from models.migrations.rules import add_rules

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bounced_address",
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("bounced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["season"], ["call.season"]),
        sa.PrimaryKeyConstraint("address"),
    )
    op.create_table(
        "incoming_mail",
        sa.Column("mailbox", sa.String(length=16), nullable=False),
        sa.Column("validity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(length=16), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("doubt", sa.String(length=32), nullable=True),
        sa.Column("officer", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "doubt IN ('unknown_address', 'others_address', 'not_authentic') OR doubt IS NULL", name="doubt_known"
        ),
        sa.CheckConstraint("state <> 'held' OR doubt IS NOT NULL", name="held_for_a_doubt"),
        sa.CheckConstraint(
            "state IN ('taken', 'answered', 'held', 'admitted', 'dismissed', 'bounce', 'ignored')", name="state_known"
        ),
        sa.CheckConstraint("state NOT IN ('admitted', 'dismissed') OR officer <> ''", name="decided_by_somebody"),
        sa.CheckConstraint("length(digest) = 64", name="digest_is_sha256"),
        sa.ForeignKeyConstraint(["season"], ["call.season"]),
        sa.PrimaryKeyConstraint("mailbox", "validity", "uid"),
    )
    op.create_index("incoming_mail_by_state", "incoming_mail", ["season", "state"])
    op.create_index("ix_incoming_mail_digest", "incoming_mail", ["digest"])
    op.create_table(
        "mailbox_look",
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("mailbox", sa.String(length=16), nullable=False),
        sa.Column("newest", sa.String(length=32), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["season"], ["call.season"]),
        sa.PrimaryKeyConstraint("season"),
    )
    op.add_column("message", sa.Column("thread", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("message") as message:
        message.alter_column("thread", server_default=None)
    add_rules(
        "history",
        {
            "trigger_known": "CHECK (trigger IN ('plan', 'open_call', 'close_call', 'begin_final_review', 'open_public_notice', 'publish_results', 'close_season', 'move_date', 'settle_milestone', 'skip_milestone', 'commit_draw', 'import_experts', 'import_by_hand', 'admit_late', 'admit_mail', 'dismiss_mail', 'reissue_workbook', 'freeze_pool', 'enter_randomness', 'draw_panel', 'assign', 'give_up_seat', 'freeze_scores', 'assign_re_review', 'freeze_ranking', 'open_votes', 'close_votes', 'approve', 'send_back', 'withdraw_approval', 'record_root', 'release_message', 'give_up_message', 'erase_personal_data', 'put_back_release', 'submit', 'record_district_review', 'record_final_review', 'award', 'archive', 'reinstate', 'revoke', 'amend', 'amend_verdict', 'shift_rank', 'ask_correction', 'lapse_correction', 'pass_eligibility', 'decide_duplicate', 'replace', 'recuse', 'record_score', 'record_votes', 'strike', 'change_tier', 'raise_objection', 'accept_objection', 'decline_objection', 'investigate_objection', 'answer_objection', 'reconsider_objection', 'close_objection', 'show_objector', 'seal_objector', 'move_up', 'give_certificates', 'void_certificates', 'correct_name', 'withdraw_consent'))",
        },
    )
    add_rules(
        "alert",
        {
            "kind_known": "CHECK (kind IN ('stage_failed', 'milestone_late', 'approval_unmade', 'delivery_held', 'mail_stuck', 'mail_waits', 'address_bounces', 'disk_low', 'record_broken', 'calendar_unknown', 'clock_silent', 'server_silent', 'worker_silent', 'time_implausible'))",
        },
    )
    add_rules(
        "message",
        {
            "sent_at_some_time": "CHECK ((state IN ('sent', 'bounced')) = (sent_at IS NOT NULL))",
            "state_known": "CHECK (state IN ('waiting', 'sending', 'sent', 'stuck', 'bounced', 'given_up'))",
        },
    )


def downgrade() -> None:
    raise RuntimeError("history is append-only: restore a backup instead")

"""consents, each for itself, and pictures.

What the one box of earlier workbooks said becomes what it asked for: every contributor's name, and the abstract.
"""

import json

import sqlalchemy as sa
from alembic import op

from models.migrations.rules import add_rules

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TRIGGERS = "'plan', 'open_call', 'close_call', 'begin_final_review', 'open_public_notice', 'publish_results', 'close_season', 'move_date', 'settle_milestone', 'skip_milestone', 'commit_draw', 'import_experts', 'import_by_hand', 'admit_late', 'reissue_workbook', 'freeze_pool', 'enter_randomness', 'draw_panel', 'assign', 'give_up_seat', 'freeze_scores', 'assign_re_review', 'freeze_ranking', 'open_votes', 'close_votes', 'approve', 'send_back', 'withdraw_approval', 'record_root', 'release_message', 'give_up_message', 'erase_personal_data', 'put_back_release', 'submit', 'record_district_review', 'record_final_review', 'award', 'archive', 'reinstate', 'revoke', 'amend', 'amend_verdict', 'shift_rank', 'ask_correction', 'lapse_correction', 'pass_eligibility', 'decide_duplicate', 'replace', 'recuse', 'record_score', 'record_votes', 'strike', 'raise_objection', 'answer_objection', 'give_certificates', 'void_certificates', 'correct_name', 'withdraw_consent'"


def upgrade() -> None:
    op.create_table(
        "consent",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('name', 'text', 'abstract', 'picture')", name="kind_known"),
        sa.CheckConstraint("position >= 1", name="position_positive"),
        sa.CheckConstraint("withdrawn_at IS NULL OR given", name="only_given_is_withdrawn"),
        sa.ForeignKeyConstraint(["number"], ["submission.number"]),
        sa.PrimaryKeyConstraint("number", "kind", "position"),
    )
    op.create_table(
        "picture",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("encoded", sa.String(64), nullable=False),
        sa.Column("portrait", sa.Boolean(), nullable=False),
        sa.Column("alt", sa.String(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.CheckConstraint("position >= 1", name="position_positive"),
        sa.CheckConstraint("width >= 1 AND height >= 1", name="size_counted"),
        sa.CheckConstraint("length(digest) = 64", name="digest_is_sha256"),
        sa.CheckConstraint("length(encoded) = 64", name="encoded_is_sha256"),
        sa.ForeignKeyConstraint(["number"], ["submission.number"]),
        sa.PrimaryKeyConstraint("number", "position"),
    )
    _ask_one_by_one()
    op.drop_column("submission", "consent")
    add_rules("history", {"trigger_known": f"CHECK (trigger IN ({_TRIGGERS}))"})


def _ask_one_by_one() -> None:
    """By the record, since of some submissions the contributors are deleted."""
    connection = op.get_bind()
    entries = connection.execute(
        sa.text(
            "SELECT subject, facts FROM history WHERE \"trigger\" IN ('submit', 'amend', 'correct_name') ORDER BY subject, sequence"
        )
    )
    told = {subject.partition("/")[2]: json.loads(facts) for subject, facts in entries}
    known = set(connection.scalars(sa.text("SELECT number FROM submission")))
    consent = sa.table(
        "consent", *(sa.column(name) for name in ("number", "kind", "position")), sa.column("given", sa.Boolean())
    )
    rows = [
        {"number": number, "kind": kind, "position": position, "given": facts["consent"]}
        for number, facts in told.items()
        if number in known
        for kind, count in (("abstract", 1), ("name", facts["contributors"]))
        for position in range(1, count + 1)
    ]
    for start in range(0, len(rows), 1_000):
        op.bulk_insert(consent, rows[start : start + 1_000])


def downgrade() -> None:
    raise RuntimeError("consents are not taken back: restore a backup instead")

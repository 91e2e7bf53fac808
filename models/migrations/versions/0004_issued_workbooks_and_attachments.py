"""issued workbooks and attachments."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KINDS = "kind IN ('submissions', 'verdicts', 'scores', 'experts', 'votes')"


def upgrade() -> None:
    op.create_table(
        "issued_workbook",
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("occasion", sa.String(64), nullable=False),
        sa.Column("issue", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(_KINDS, name="kind_known"),
        sa.ForeignKeyConstraint(["season"], ["call.season"]),
        sa.PrimaryKeyConstraint("season", "recipient", "kind", "occasion"),
        sa.UniqueConstraint("season", "recipient", "kind", "issue"),
    )
    op.create_table(
        "attachment",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["submission.number"]),
        sa.PrimaryKeyConstraint("number", "version", "position"),
    )
    op.create_index("ix_attachment_digest", "attachment", ["digest"])


def downgrade() -> None:
    raise RuntimeError("history is append-only: restore a backup instead")

"""what fails: a stage that does not work, or one thing in it, and when it is tried again."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "failure",
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.Float(), nullable=False),
        sa.CheckConstraint("attempts >= 1", name="attempts_counted"),
        sa.ForeignKeyConstraint(["season"], ["call.season"]),
        sa.PrimaryKeyConstraint("season", "stage", "subject"),
    )


def downgrade() -> None:
    raise RuntimeError("rules are not taken back: restore a backup instead")

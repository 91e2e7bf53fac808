"""words apart from the record: it bears their seals."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "record_text",
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.CheckConstraint("length(seal) = 64", name="seal_is_sha256"),
        sa.ForeignKeyConstraint(
            ["season"],
            ["call.season"],
        ),
        sa.PrimaryKeyConstraint("season", "seal"),
    )


def downgrade() -> None:
    raise RuntimeError("history is append-only: restore a backup instead")

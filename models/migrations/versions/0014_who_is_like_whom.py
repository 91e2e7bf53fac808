"""an index on the later of two submissions alike, which every check of eligibility looks for."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("duplicate_by_other", "duplicate", ["other"])


def downgrade() -> None:
    op.drop_index("duplicate_by_other", "duplicate")

"""keys of names: emptied here, made anew by the rules that fold what looks alike when the database is opened."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE submission SET title_key = ''")
    op.execute("UPDATE expert SET name_key = '', organisation_key = id")


def downgrade() -> None:
    raise RuntimeError("keys are not taken back: restore a backup instead")

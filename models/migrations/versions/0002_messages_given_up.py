"""messages given up by a person."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("message") as batch_op:
        batch_op.drop_constraint("state_known", type_="check")
        batch_op.create_check_constraint("state_known", "state IN ('waiting', 'sending', 'sent', 'stuck', 'given_up')")


def downgrade() -> None:
    raise RuntimeError("history is append-only: restore a backup instead")

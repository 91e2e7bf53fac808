"""the key of a season's seals; seasons planned before have none."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("call", sa.Column("seal_key", sa.String(128), nullable=False, server_default=""))
    with op.batch_alter_table("call") as call:
        call.alter_column("seal_key", server_default=None)


def downgrade() -> None:
    raise RuntimeError("keys are not taken back: restore a backup instead")

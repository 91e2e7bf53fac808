"""what the office was written about, and how far a stage is."""

import sqlalchemy as sa
from alembic import op

from models.migrations.rules import add_rules

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_KINDS = (
    "'stage_failed', 'milestone_late', 'approval_unmade', 'delivery_held', 'mail_stuck', 'mail_waits', 'disk_low', "
    "'record_broken', 'calendar_unknown', 'clock_silent', 'server_silent', 'worker_silent', 'time_implausible'"
)


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"kind IN ({_KINDS})", name="kind_known"),
        sa.ForeignKeyConstraint(["season"], ["call.season"]),
        sa.PrimaryKeyConstraint("season", "kind", "subject"),
    )
    op.add_column("claim", sa.Column("done", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("claim", sa.Column("total", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("claim", sa.Column("flow_run", sa.String(64), nullable=False, server_default=""))
    with op.batch_alter_table("claim") as claim:
        for name in ("done", "total", "flow_run"):
            claim.alter_column(name, server_default=None)
    add_rules("claim", {"pieces_counted": "CHECK (0 <= done AND done <= total)"})


def downgrade() -> None:
    raise RuntimeError("rules are not taken back: restore a backup instead")

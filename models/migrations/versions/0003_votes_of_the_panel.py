"""votes of the panel: ballots, how a prize was voted on, and the workbook that brings them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KINDS = "kind IN ('submissions', 'verdicts', 'scores', 'experts', 'votes') OR kind IS NULL"


def upgrade() -> None:
    op.create_table(
        "ballot",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("tier", sa.String(32), nullable=False),
        sa.Column("caster", sa.String(16), nullable=False),
        sa.Column("votes_for", sa.Integer(), nullable=False),
        sa.Column("votes_against", sa.Integer(), nullable=False),
        sa.Column("abstentions", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivery", sa.String(64), nullable=False),
        sa.CheckConstraint("tier IN ('first', 'second', 'third')", name="tier_known"),
        sa.CheckConstraint("votes_for >= 0 AND votes_against >= 0 AND abstentions >= 0", name="votes_counted"),
        sa.CheckConstraint("votes_for + votes_against + abstentions > 0", name="somebody_voted"),
        sa.ForeignKeyConstraint(["number"], ["submission.number"]),
        sa.PrimaryKeyConstraint("number", "tier", "caster"),
    )
    op.add_column("placing", sa.Column("voted", sa.String(), nullable=False, server_default=sa.text("''")))
    with op.batch_alter_table("delivery") as batch:
        batch.drop_constraint("kind_known", type_="check")
        batch.create_check_constraint("kind_known", _KINDS)

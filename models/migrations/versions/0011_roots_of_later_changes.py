"""roots of later changes: what changes after the archive has roots of its own, counted by an ordinal."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_KINDS = "kind IN ('public_notice', 'results', 'archive', 'supplement')"
_KEYS = {"publication": "season, kind, ordinal", "publication_leaf": "season, kind, ordinal, subject"}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _on_sqlite()
        return
    for table, key in _KEYS.items():
        op.execute(f"ALTER TABLE {table} ADD COLUMN ordinal INTEGER DEFAULT 1 NOT NULL")
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey")
        op.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({key})")
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT kind_known")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT kind_known CHECK ({_KINDS})")
    op.execute("ALTER TABLE publication ADD COLUMN entries INTEGER")
    op.execute("ALTER TABLE publication ADD CONSTRAINT ordinal_positive CHECK (ordinal >= 1)")


def _on_sqlite() -> None:
    """No key can be changed there: each table is made anew beside itself and takes its place."""
    op.create_table(
        "publication_anew",
        *_shared(),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("root", sa.String(64), nullable=False),
        sa.Column("subjects", sa.Integer(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=True),
        sa.CheckConstraint(_KINDS, name="kind_known"),
        sa.CheckConstraint("subjects >= 1", name="subjects_counted"),
        sa.CheckConstraint("ordinal >= 1", name="ordinal_positive"),
        sa.CheckConstraint("length(root) = 64", name="root_is_sha256"),
        sa.ForeignKeyConstraint(["season"], ["call.season"]),
        sa.PrimaryKeyConstraint("season", "kind", "ordinal"),
    )
    op.create_table(
        "publication_leaf_anew",
        *_shared(),
        sa.Column("subject", sa.String(48), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.CheckConstraint(_KINDS, name="kind_known"),
        sa.CheckConstraint("length(hash) = 64", name="hash_is_sha256"),
        sa.CheckConstraint("sequence >= 1", name="sequence_positive"),
        sa.ForeignKeyConstraint(["season"], ["call.season"]),
        sa.PrimaryKeyConstraint("season", "kind", "ordinal", "subject"),
    )
    for table, kept in (
        ("publication", "season, kind, published_at, root, subjects"),
        ("publication_leaf", "season, kind, subject, sequence, hash"),
    ):
        op.execute(f"INSERT INTO {table}_anew ({kept}) SELECT {kept} FROM {table}")
        op.drop_table(table)  # and with it the triggers
        op.rename_table(f"{table}_anew", table)
    op.execute(
        "CREATE TRIGGER publication_leaf_no_replace BEFORE INSERT ON publication_leaf WHEN EXISTS "
        "(SELECT 1 FROM publication_leaf WHERE rowid = NEW.rowid OR "
        "(season = NEW.season AND subject = NEW.subject AND kind = NEW.kind AND ordinal = NEW.ordinal)) "
        "BEGIN SELECT RAISE(ABORT, 'publication_leaf is append-only: REPLACE is refused'); END"
    )
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER publication_leaf_no_{verb.lower()} BEFORE {verb} ON publication_leaf "
            f"BEGIN SELECT RAISE(ABORT, 'publication_leaf is append-only: {verb} is refused'); END"
        )


def _shared() -> list[sa.Column[object]]:
    return [
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False, server_default=sa.text("1")),
    ]


def downgrade() -> None:
    raise RuntimeError("roots of later changes are not taken back: restore a backup instead")

"""workbooks numbered alike: those of experts and ballots too; and who handed a delivery in."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_KINDS = {"expert_invitation": "scores", "expert_replacement": "scores", "ballot": "votes"}
_OCCASIONS = {("scores", 1): "", ("scores", 900): "re_review"}  # re-review workbooks had the number 900


def upgrade() -> None:
    op.add_column("delivery", sa.Column("handed_in_by", sa.String(16), nullable=False, server_default=""))
    with op.batch_alter_table("delivery") as delivery:
        delivery.alter_column("handed_in_by", server_default=None)
    _number_what_letters_brought()


def _number_what_letters_brought() -> None:
    """Score workbooks and ballots were numbered by the letters that brought them: season/letter/…/recipient/number."""
    written = sa.DateTime(timezone=True)
    message = sa.table("message", sa.column("key"), sa.column("season"), sa.column("written_at", written))
    names = ("season", "recipient", "kind", "occasion", "issue")
    issued = sa.table("issued_workbook", *map(sa.column, names), sa.column("issued_at", written))
    rows = []
    for key, season, written_at in op.get_bind().execute(sa.select(*message.c)):
        _, letter, *rest = key.split("/")
        if letter in _KINDS and len(rest) > 1 and rest[-1].isdigit():
            kind, number = _KINDS[letter], int(rest[-1])
            occasion = _OCCASIONS.get((kind, number), f"further/{number}")
            row = {"season": season, "recipient": rest[-2], "kind": kind, "occasion": occasion}
            rows.append({**row, "issue": number, "issued_at": written_at})
    if rows:
        op.bulk_insert(issued, rows)


def downgrade() -> None:
    raise RuntimeError("history is append-only: restore a backup instead")

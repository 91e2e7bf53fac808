"""${message}."""
<% uses = [word for word in ("sa", "op") if word + "." in (upgrades or "")] %>
% if "sa" in uses:
import sqlalchemy as sa
% endif
% if "op" in uses:
from alembic import op
% endif
${imports if imports else ""}
revision = "${up_revision}"
down_revision = "${down_revision}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    raise RuntimeError("history is append-only: restore a backup instead")

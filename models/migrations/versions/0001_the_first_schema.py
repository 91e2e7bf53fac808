"""the first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call",
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("draw_seed", sa.String(64), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.CheckConstraint(
            "state IN ('planned', 'open', 'district_review', 'final_review', 'public_notice', 'published', 'closed')",
            name="state_known",
        ),
        sa.CheckConstraint("sequence >= 1", name="sequence_positive"),
        sa.PrimaryKeyConstraint("season"),
    )
    op.create_table(
        "claim",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "delivery",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("sender", sa.String(16), nullable=False),
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=True),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("rows_in", sa.Integer(), nullable=False),
        sa.Column("rows_back", sa.Integer(), nullable=False),
        sa.Column("problems", sa.Text(), nullable=False),
        sa.Column("receipt", sa.String(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('submissions', 'verdicts', 'scores', 'experts') OR kind IS NULL", name="kind_known"
        ),
        sa.CheckConstraint("state IN ('accepted', 'partly', 'refused')", name="state_known"),
        sa.PrimaryKeyConstraint("digest", "sender"),
    )
    op.create_table(
        "expert",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("organisation", sa.String(), nullable=False),
        sa.Column("organisation_key", sa.String(), nullable=False),
        sa.Column("credit_code", sa.String(), nullable=False),
        sa.Column("fields", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("mail", sa.String(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("statement_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name_key", "organisation_key"),
    )
    op.create_table(
        "history",
        sa.Column("subject", sa.String(48), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(32), nullable=False),
        sa.Column("from_state", sa.String(32), nullable=False),
        sa.Column("to_state", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("flow_run", sa.String(64), nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.CheckConstraint("length(hash) = 64 AND length(previous_hash) = 64", name="hash_is_sha256"),
        sa.CheckConstraint("sequence >= 1", name="sequence_positive"),
        sa.PrimaryKeyConstraint("subject", "sequence"),
    )
    with op.batch_alter_table("history", schema=None) as batch_op:
        batch_op.create_index("history_by_season", ["season"], unique=False)

    op.create_table(
        "message",
        sa.Column("key", sa.String(160), nullable=False),
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attachments", sa.String(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.Float(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'sending', 'sent', 'stuck')", name="state_known"),
        sa.PrimaryKeyConstraint("key"),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index("message_by_state", ["state", "not_before"], unique=False)

    op.create_table(
        "admission",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("officer", sa.String(), nullable=False),
        sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["season"],
            ["call.season"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "approval",
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(32), nullable=False),
        sa.Column("officer", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("list_digest", sa.String(64), nullable=False),
        sa.CheckConstraint("decision IN ('approved', 'sent_back')", name="decision_known"),
        sa.ForeignKeyConstraint(
            ["season"],
            ["call.season"],
        ),
        sa.PrimaryKeyConstraint("season", "ordinal"),
    )
    op.create_table(
        "declared_conflict",
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("expert", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["expert"],
            ["expert.id"],
        ),
        sa.ForeignKeyConstraint(
            ["season"],
            ["call.season"],
        ),
        sa.PrimaryKeyConstraint("season", "expert", "key"),
    )
    op.create_table(
        "milestone",
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("milestone", sa.String(32), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(16), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('pending', 'done', 'skipped')", name="state_known"),
        sa.ForeignKeyConstraint(
            ["season"],
            ["call.season"],
        ),
        sa.PrimaryKeyConstraint("season", "milestone", "ordinal", "unit"),
    )
    op.create_table(
        "publication",
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("root", sa.String(64), nullable=False),
        sa.Column("subjects", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('public_notice', 'results', 'archive')", name="kind_known"),
        sa.ForeignKeyConstraint(
            ["season"],
            ["call.season"],
        ),
        sa.PrimaryKeyConstraint("season", "kind"),
    )
    op.create_table(
        "publication_leaf",
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(48), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.CheckConstraint("kind IN ('public_notice', 'results', 'archive')", name="kind_known"),
        sa.CheckConstraint("length(hash) = 64", name="hash_is_sha256"),
        sa.CheckConstraint("sequence >= 1", name="sequence_positive"),
        sa.ForeignKeyConstraint(
            ["season"],
            ["call.season"],
        ),
        sa.PrimaryKeyConstraint("season", "kind", "subject"),
    )
    op.create_table(
        "seat",
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("expert", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("signed_on", sa.Date(), nullable=True),
        sa.Column("absent", sa.Boolean(), nullable=False),
        sa.CheckConstraint("state IN ('seated', 'reserve', 'left')", name="state_known"),
        sa.ForeignKeyConstraint(
            ["expert"],
            ["expert.id"],
        ),
        sa.ForeignKeyConstraint(
            ["season"],
            ["call.season"],
        ),
        sa.PrimaryKeyConstraint("season", "expert"),
        sa.UniqueConstraint("season", "position"),
    )
    op.create_table(
        "submission",
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(16), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("archived_from", sa.String(32), nullable=True),
        sa.Column("outcome", sa.String(32), nullable=True),
        sa.Column("tier", sa.String(32), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("title_key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("category", sa.String(32), nullable=False),
        sa.Column("carrier", sa.String(32), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("completed_on", sa.Date(), nullable=False),
        sa.Column("consent", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("eligible_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.CheckConstraint("(state = 'archived') = (archived_from IS NOT NULL)", name="archived_has_origin"),
        sa.CheckConstraint("(state = 'archived') = (outcome IS NOT NULL)", name="archived_has_outcome"),
        sa.CheckConstraint(
            "archived_from IN ('submitted', 'district_reviewed', 'final_reviewed', 'awarded', 'archived') OR archived_from IS NULL",
            name="archived_from_known",
        ),
        sa.CheckConstraint("carrier IN ('individual', 'team', 'alliance')", name="carrier_known"),
        sa.CheckConstraint("category IN ('invention', 'improvement', 'design')", name="category_known"),
        sa.CheckConstraint(
            "outcome IN ('withdrawn', 'ineligible', 'not_reviewed', 'not_recommended', 'no_prize', 'objection_upheld', 'completed', 'revoked') OR outcome IS NULL",
            name="outcome_known",
        ),
        sa.CheckConstraint("state <> 'awarded' OR tier IS NOT NULL", name="awarded_has_tier"),
        sa.CheckConstraint(
            "state IN ('submitted', 'district_reviewed', 'final_reviewed', 'awarded', 'archived')", name="state_known"
        ),
        sa.CheckConstraint("tier IN ('first', 'second', 'third') OR tier IS NULL", name="tier_known"),
        sa.CheckConstraint(
            "tier IS NULL OR state = 'awarded' OR COALESCE(outcome, '') IN ('completed', 'revoked')",
            name="tier_only_if_awarded",
        ),
        sa.CheckConstraint("sequence >= 1", name="sequence_positive"),
        sa.ForeignKeyConstraint(
            ["season"],
            ["call.season"],
        ),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("season", "unit", "place"),
    )
    with op.batch_alter_table("submission", schema=None) as batch_op:
        batch_op.create_index("submission_by_state", ["season", "state", "unit"], unique=False)
        batch_op.create_index("submission_by_title", ["title_key"], unique=False)

    op.create_table(
        "assignment",
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("expert", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('active', 'scored', 'recused', 'lost')", name="state_known"),
        sa.ForeignKeyConstraint(
            ["expert"],
            ["expert.id"],
        ),
        sa.ForeignKeyConstraint(
            ["number"],
            ["submission.number"],
        ),
        sa.ForeignKeyConstraint(
            ["season"],
            ["call.season"],
        ),
        sa.PrimaryKeyConstraint("number", "expert", "round"),
    )
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_assignment_season"), ["season"], unique=False)

    op.create_table(
        "contact",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("mail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["number"],
            ["submission.number"],
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "contributor",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("organisation", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("share", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(
            ["number"],
            ["submission.number"],
        ),
        sa.PrimaryKeyConstraint("number", "position"),
    )
    with op.batch_alter_table("contributor", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contributor_name_key"), ["name_key"], unique=False)

    op.create_table(
        "correction",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missing", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('outstanding', 'answered', 'lapsed')", name="state_known"),
        sa.ForeignKeyConstraint(
            ["number"],
            ["submission.number"],
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "district_verdict",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(32), nullable=False),
        sa.Column("points", sa.Text(), nullable=False),
        sa.Column("total", sa.String(32), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivery", sa.String(64), nullable=False),
        sa.CheckConstraint("verdict IN ('recommended', 'not_recommended')", name="verdict_known"),
        sa.ForeignKeyConstraint(
            ["number"],
            ["submission.number"],
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "duplicate",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("other", sa.String(), nullable=False),
        sa.Column("similarity", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(32), nullable=False),
        sa.Column("officer", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint("decision IN ('pending', 'distinct', 'same')", name="decision_known"),
        sa.CheckConstraint("number <> other", name="not_itself"),
        sa.ForeignKeyConstraint(
            ["number"],
            ["submission.number"],
        ),
        sa.ForeignKeyConstraint(
            ["other"],
            ["submission.number"],
        ),
        sa.PrimaryKeyConstraint("number", "other"),
    )
    op.create_table(
        "follow_up",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("adoption", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["number"],
            ["submission.number"],
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "objection",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("grounds", sa.String(), nullable=False),
        sa.Column("objector", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("officer", sa.String(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'dismissed', 'upheld')", name="state_known"),
        sa.ForeignKeyConstraint(
            ["number"],
            ["submission.number"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("objection", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_objection_number"), ["number"], unique=False)

    op.create_table(
        "organisation",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("credit_code", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["number"],
            ["submission.number"],
        ),
        sa.PrimaryKeyConstraint("number", "position"),
    )
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_organisation_name_key"), ["name_key"], unique=False)

    op.create_table(
        "placing",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("merit", sa.String(32), nullable=False),
        sa.Column("raw_mean", sa.String(32), nullable=False),
        sa.Column("low", sa.String(32), nullable=False),
        sa.Column("high", sa.String(32), nullable=False),
        sa.Column("scores", sa.Integer(), nullable=False),
        sa.Column("spread", sa.String(32), nullable=False),
        sa.Column("tier", sa.String(32), nullable=True),
        sa.Column("settled", sa.String(), nullable=False),
        sa.Column("passed_over", sa.String(), nullable=False),
        sa.Column("struck", sa.String(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.CheckConstraint("tier IN ('first', 'second', 'third') OR tier IS NULL", name="tier_known"),
        sa.ForeignKeyConstraint(
            ["number"],
            ["submission.number"],
        ),
        sa.ForeignKeyConstraint(
            ["season"],
            ["call.season"],
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    with op.batch_alter_table("placing", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_placing_season"), ["season"], unique=False)

    op.create_table(
        "recusal",
        sa.Column("season", sa.Integer(), nullable=False),
        sa.Column("expert", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recused_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["expert"],
            ["expert.id"],
        ),
        sa.ForeignKeyConstraint(
            ["number"],
            ["submission.number"],
        ),
        sa.ForeignKeyConstraint(
            ["season"],
            ["call.season"],
        ),
        sa.PrimaryKeyConstraint("season", "expert", "number"),
    )
    op.create_table(
        "score",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("expert", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("points", sa.Text(), nullable=False),
        sa.Column("total", sa.String(32), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivery", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["expert"],
            ["expert.id"],
        ),
        sa.ForeignKeyConstraint(
            ["number"],
            ["submission.number"],
        ),
        sa.PrimaryKeyConstraint("number", "expert", "round"),
    )
    op.create_table(
        "submission_version",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("delivery", sa.String(64), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["number"],
            ["submission.number"],
        ),
        sa.PrimaryKeyConstraint("number", "version"),
    )
    _make_append_only()


def downgrade() -> None:
    raise RuntimeError("history is append-only: restore a backup instead")


def _make_append_only() -> None:
    """The database itself refuses to change or drop what the record says."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    if not on_sqlite:
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP; END $$"
        )
    for table, key in (("history", "sequence"), ("publication_leaf", "kind")):
        if not on_sqlite:
            op.execute(
                f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
            continue
        # INSERT OR REPLACE deletes without firing a DELETE trigger, so it has a refusal of its own.
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} "
            f"WHERE rowid = NEW.rowid OR (subject = NEW.subject AND {key} = NEW.{key})) "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: REPLACE is refused'); END"
        )
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: {verb} is refused'); END"
            )

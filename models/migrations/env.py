"""Alembic's entry: run with the connection that `models.schema` hands over."""

from typing import Any, Literal

from alembic import context
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

import models.tables  # noqa: F401  (registers them)


def plain_type(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """A column's type in SQLAlchemy's own words: a revision does not depend on what our types become."""
    return f"sa.{item.impl!r}" if kind == "type" and isinstance(item, TypeDecorator) else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=plain_type,
    process_revision_directives=context.config.attributes.get("complete"),
    transactional_ddl=True,
)
# The caller's transaction holds the whole upgrade: all of it happens, or nothing.
context.run_migrations()

"""Alembic's entry: run with the connection that `models.schema` hands over."""

from alembic import context
from sqlmodel import SQLModel

import models.tables  # noqa: F401  (registers them)

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    transactional_ddl=True,
)
# The caller's transaction holds the whole upgrade: all of it happens, or nothing.
context.run_migrations()

"""Brings a database to this version's schema, or says why not."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, text

from config.errors import GangchuangError
from models.database import reachable, reading_connection

MIGRATIONS = Path(__file__).parent / "migrations"
# Two processes that start together upgrade one after the other.
_ADVISORY_LOCK = 0x6763  # "gc"


class DatabaseTooNew(GangchuangError):
    def __init__(self, revision: str) -> None:
        self.revision = revision
        super().__init__(
            f"The database was written by a newer version (schema {revision}, unknown here). "
            "Upgrade the program, or restore a backup made by this version. Nothing was changed."
        )


class RowsOfNothing(GangchuangError):
    """Rows that belong to a row that is not there; the upgrade was undone."""

    def __init__(self, strays: Sequence[tuple[str, str]]) -> None:
        self.strays = tuple(strays)
        listed = ", ".join(f"{table} (to {parent})" for table, parent in strays)
        super().__init__(
            f"Rows of these tables belong to rows that are not there: {listed}. Nothing was changed. "
            "Restore a backup, or correct them with the version that wrote them."
        )


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to a revision in one transaction. Raises DatabaseTooNew."""
    configuration = alembic_settings()
    if _stands_at(engine, configuration, revision):
        return
    with reachable(engine), engine.connect() as connection, _links_aside(connection), connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        before = _revision(connection)
        _refuse_newer(configuration, before)
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, revision)
        if _revision(connection) != before:
            _refuse_strays(connection)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _links_aside(connection: Connection) -> Iterator[None]:
    """On SQLite a table that is made anew would take its dependents along; only outside a transaction can one say no."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF").close()
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON").close()


def _refuse_strays(connection: Connection) -> None:
    """What SQLite did not look at while its foreign keys were aside."""
    if connection.dialect.name == "sqlite":
        strays = sorted({(row[0], row[2]) for row in connection.exec_driver_sql("PRAGMA foreign_key_check")})
        if strays:
            raise RowsOfNothing(strays)


def _stands_at(engine: Engine, configuration: Config, revision: str) -> bool:
    """Found out without a lock: where a run hangs within a transaction, a clock must still come up to end it."""
    wanted = ScriptDirectory.from_config(configuration).get_revision(revision)
    with reachable(engine), reading_connection(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision() == (wanted and wanted.revision)


def revisions() -> list[str]:
    """Every schema revision, the oldest first."""
    script = ScriptDirectory.from_config(alembic_settings())
    return [revision.revision for revision in script.walk_revisions()][::-1]


def _refuse_newer(configuration: Config, current: str | None) -> None:
    if current is None:
        return
    try:
        ScriptDirectory.from_config(configuration).get_revision(current)
    except CommandError:
        raise DatabaseTooNew(current) from None


def alembic_settings() -> Config:
    """Alembic's, without a file of its own."""
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return configuration

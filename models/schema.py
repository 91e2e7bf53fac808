"""Brings a database to this version's schema, or says why not."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, inspect, text

from config.errors import GangchuangError
from models.database import reachable, reading_connection

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "alembic_version"
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
    if _stands_at(engine, revision):
        return
    from alembic import command  # a quarter of a second, which no command needs whose database is up to date

    configuration = alembic_settings()
    with reachable(engine), engine.connect() as connection, _links_aside(connection), connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        before = current_revision(connection)
        _refuse_newer(before)
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, revision)
        if current_revision(connection) != before:
            _refuse_strays(connection)


def current_revision(connection: Connection) -> str | None:
    """The revision at which a database stands; None for an empty one."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))


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


def _stands_at(engine: Engine, revision: str) -> bool:
    """Found out without a lock: where a run hangs within a transaction, a clock must still come up to end it."""
    wanted = revisions()[-1] if revision == "head" else revision
    with reachable(engine), reading_connection(engine) as connection:
        return current_revision(connection) == wanted


def revisions() -> list[str]:
    """Every schema revision, the oldest first: their files are named after them."""
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _refuse_newer(current: str | None) -> None:
    if current is not None and current not in revisions():
        raise DatabaseTooNew(current)


def alembic_settings() -> "Config":
    """Alembic's, without a file of its own."""
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return configuration

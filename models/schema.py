"""Brings a database to this version's schema, or says why not."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Engine, text

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


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to a revision in one transaction. Raises DatabaseTooNew."""
    configuration = _configuration()
    if _stands_at(engine, configuration, revision):
        return
    with reachable(engine), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        _refuse_newer(configuration, MigrationContext.configure(connection).get_current_revision())
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, revision)


def _stands_at(engine: Engine, configuration: Config, revision: str) -> bool:
    """Found out without a lock: where a run hangs within a transaction, a clock must still come up to end it."""
    wanted = ScriptDirectory.from_config(configuration).get_revision(revision)
    with reachable(engine), reading_connection(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision() == (wanted and wanted.revision)


def revisions() -> list[str]:
    """Every schema revision, the oldest first."""
    script = ScriptDirectory.from_config(_configuration())
    return [one.revision for one in script.walk_revisions()][::-1]


def _refuse_newer(configuration: Config, current: str | None) -> None:
    if current is None:
        return
    try:
        ScriptDirectory.from_config(configuration).get_revision(current)
    except CommandError:
        raise DatabaseTooNew(current) from None


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return configuration

"""Engines and sessions: SQLite or PostgreSQL, the same behaviour on both."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Executable, Table, TableClause, create_engine, event, text
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

import models.tables  # noqa: F401  (a session knows every table)
from config.errors import MayPass

_READ_ONLY = "gangchuang_read_only"
# PostgreSQL's lock_not_available and deadlock_detected.
_BUSY = {"55P03", "40P01"}
_FULL = "53100"
# Between values that go over as one text, and for none: signs that no value has.
_SEPARATOR, _NULL = "\x1f", "\x1e"


class DatabaseUnreachable(MayPass):
    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.chinese = "数据库没有应答，请系统管理员启动数据库，或者核对 GANGCHUANG_DATABASE_URL。"
        super().__init__(f"The database {url} does not answer: {reason}. Start it, or correct GANGCHUANG_DATABASE_URL.")


class DatabaseBusy(MayPass):
    def __init__(self, reason: str) -> None:
        self.chinese = "数据库正被占用，没有任何改动。请过一会儿再试；一直如此的，请系统管理员查看是谁占用。"
        super().__init__(
            f"The database was held by somebody else for too long ({reason}). Nothing was changed; try again. "
            f"If it stays so, look for a program that has it open: a backup, a query by hand, a hung run."
        )


class DatabaseFull(MayPass):
    def __init__(self, reason: str) -> None:
        self.chinese = "磁盘已满，数据库写不进去，没有任何改动。请系统管理员清理磁盘后再试。"
        super().__init__(f"The database cannot grow ({reason}). Nothing was changed; make room on its disk, try again.")


def make_engine(url: str) -> Engine:
    """An engine for a SQLAlchemy address. Statement parameters never reach a log: they hold personal data."""
    if url.startswith(("postgresql://", "postgres://")):
        url = "postgresql+psycopg://" + url.split("://", 1)[1]
    engine = create_engine(url, hide_parameters=True, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling would begin late and commit at odd moments.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    # As patient as SQLite; and a run that hangs on another machine does not hold its locks for ever.
    for setting in ("lock_timeout = '60s'", "idle_in_transaction_session_timeout = '15min'"):
        connection.execute(f"SET {setting}")
    connection.commit()


_PRAGMAS = (
    "journal_mode=WAL",
    "foreign_keys=ON",
    "synchronous=FULL",
    "busy_timeout=60000",
    "secure_delete=ON",  # personal data that was deleted is overwritten, not only let go
    "cache_size=-65536",  # 64 MiB: the pages that a round over 100,000 submissions comes back to
)


def _begin_sqlite(connection: Connection) -> None:
    # A writer that begins as a reader cannot wait for another writer: it fails at once. So writers say so.
    read_only = connection.get_execution_options().get(_READ_ONLY)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One transaction: committed at the end, rolled back on any error."""
    with reachable(engine), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One consistent view that never blocks a writer; whatever is written in it is rolled back."""
    options = {_READ_ONLY: True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}  # type: ignore[dict-item]
    with reachable(engine), Session(engine.execution_options(**options), expire_on_commit=False) as session:
        yield session


def read_through(session: Session) -> None:
    """From now on keep few pages of what this session reads: who looks at everything once comes back to none."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA cache_size=-4096"))


@contextmanager
def reading_connection(engine: Engine) -> Iterator[Connection]:
    """A bare connection that never waits for a writer."""
    with engine.execution_options(**{_READ_ONLY: True}).connect() as connection:
        yield connection


@contextmanager
def reachable(engine: Engine) -> Iterator[None]:
    try:
        yield
    except OperationalError as problem:
        if problem.connection_invalidated or "unable to open" in str(problem.orig) or "connect" in str(problem.orig):
            raise DatabaseUnreachable(engine.url.render_as_string(), str(problem.orig).splitlines()[0]) from problem
        if "database is locked" in str(problem.orig) or getattr(problem.orig, "sqlstate", "") in _BUSY:
            raise DatabaseBusy(str(problem.orig).splitlines()[0]) from problem
        if "disk is full" in str(problem.orig) or getattr(problem.orig, "sqlstate", "") == _FULL:
            raise DatabaseFull(str(problem.orig).splitlines()[0]) from problem
        raise
    except DatabaseError as problem:
        if "not a database" in str(problem.orig):
            raise DatabaseUnreachable(engine.url.render_as_string(), str(problem.orig)) from problem
        raise


def table_of(model: type[SQLModel]) -> Table:
    """The table of a model, for what writes rows without objects."""
    return SQLModel.metadata.tables[str(model.__tablename__)]


def insert_many(session: Session, table: TableClause, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert plain rows of a large set, by the driver itself: no object and no compilation a row."""
    if not rows:
        return
    connection, names = session.connection(), ", ".join(f'"{name}"' for name in columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', list(rows))
        return
    with _copying(connection, f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


@contextmanager
def _copying(connection: Connection, statement: str) -> Iterator[Any]:
    """PostgreSQL's COPY, which SQLAlchemy knows nothing of."""
    driver: Any = connection.connection.driver_connection
    with _driving(connection, statement), driver.cursor() as cursor, cursor.copy(statement) as copy:
        yield copy


@contextmanager
def _driving(connection: Connection, statement: str) -> Iterator[None]:
    """Errors of the driver itself look like those of any statement."""
    dialect = connection.dialect
    try:
        yield
    except dialect.loaded_dbapi.Error as problem:
        gone = dialect.is_disconnect(problem, connection.connection.driver_connection, None)
        if gone:
            connection.invalidate(problem)
        raise DBAPIError.instance(
            statement,
            None,
            problem,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=gone,
            dialect=dialect,
        ) from problem


def row_batches(connection: Connection, query: Executable, size: int) -> Iterator[list[dict[str, Any]]]:
    """The rows of a large query, so many at a time, by the driver itself: each value as the driver gives it."""
    streamed = connection.dialect.name != "sqlite"
    with connection.execute(query.execution_options(yield_per=size) if streamed else query) as result:
        # SQLite's cursor reads nothing ahead, so the library's own rows, which cost as much again, need not be made.
        names, cursor = tuple(result.keys()), result if streamed else result.cursor
        assert cursor is not None
        with _driving(connection, str(query)):
            while rows := cursor.fetchmany(size):
                yield [dict(zip(names, row, strict=True)) for row in rows]


def insert_rows(session: Session, table: TableClause, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert a large set of rows given by column name, all with the same columns, by the driver itself.

    Values are what the columns' types take; each type turns a whole column into what the driver takes.
    """
    if not rows:
        return
    names, dialect = tuple(rows[0]), session.get_bind().dialect
    columns = []
    for name in names:
        process = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
        values = [row[name] for row in rows]
        columns.append([process(value) for value in values] if process else values)
    insert_many(session, table, names, list(zip(*columns, strict=True)))


def update_many(
    session: Session, table: TableClause, columns: Sequence[str], keys: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> int:
    """Update plain rows: each holds the new columns, then the keys. Returns how many rows there were to change."""
    if not rows:
        return 0
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        sets = ", ".join(f'"{name}" = ?' for name in columns)
        where = " AND ".join(f'"{name}" = ?' for name in keys)
        return connection.exec_driver_sql(f'UPDATE "{table.name}" SET {sets} WHERE {where}', list(rows)).rowcount
    # One statement for all: the rows go over as one text a column, are split and joined there. The driver's arrays
    # cost three times as much, a temporary table twice.
    columns_of_rows = list(zip(*rows, strict=True))
    texts = [_SEPARATOR.join(_NULL if value is None else str(value) for value in values) for values in columns_of_rows]
    if any(not text or text.count(_SEPARATOR) != len(rows) - 1 for text in texts):
        raise ValueError(f"a value for {table.name} is empty, or holds a sign that separates values")
    kinds = ("bigint" if any(isinstance(value, int) for value in values) else "text" for values in columns_of_rows)
    news = [f"c{index}" for index in range(len(texts))]
    sets = ", ".join(f'"{name}" = {new}' for name, new in zip(columns, news, strict=False))
    where = " AND ".join(
        f'"{table.name}"."{name}" = {new}' for name, new in zip(keys, news[len(columns) :], strict=True)
    )
    given = ", ".join(f"string_to_array(%s, chr({ord(_SEPARATOR)}), chr({ord(_NULL)}))::{kind}[]" for kind in kinds)
    statement = f'UPDATE "{table.name}" SET {sets} FROM unnest({given}) AS new ({", ".join(news)}) WHERE {where}'
    return connection.exec_driver_sql(statement, tuple(texts)).rowcount


def database_seconds(session: Session) -> float:
    """Epoch seconds by the database's own clock: what several hosts can agree on."""
    if session.get_bind().dialect.name == "postgresql":
        return float(session.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
    return float(session.execute(text("SELECT (julianday('now') - 2440587.5) * 86400.0")).scalar_one())

"""Changes the rules of tables that hold data already, the same on SQLite and on PostgreSQL."""

import re
from collections.abc import Iterable, Mapping

from alembic import op
from sqlalchemy import text

from config.errors import GangchuangError

# By name: what follows CONSTRAINT name in a CREATE TABLE.
Rules = Mapping[str, str]


class DataBreaksRule(GangchuangError):
    """Rows of an older version break a rule of this one; the upgrade was undone."""

    def __init__(self, table: str, rule: str, count: int) -> None:
        self.table, self.rule, self.count = table, rule, count
        super().__init__(
            f"{count} row(s) of the table {table} break the rule {rule} of this version. Nothing was changed. "
            f"Look at them with: SELECT * FROM {table} WHERE NOT ({rule}). "
            "Correct them with the version that wrote them, then start this one again."
        )


def add_rules(table: str, rules: Rules) -> None:
    """Add named constraints to a table, or put them in the place of those of their names.

    Rows, indexes and triggers are kept. Raises DataBreaksRule.
    """
    for rule in rules.values():
        if rule.startswith("CHECK "):
            _refuse_breaking_rows(table, rule.removeprefix("CHECK "))
    if op.get_bind().dialect.name == "postgresql":
        drop_rules(table, *rules)
        for name, rule in rules.items():
            op.execute(text(f'ALTER TABLE "{table}" ADD CONSTRAINT {name} {rule}'))
    else:
        _rebuild(table, rules, rules)


def drop_rules(table: str, *names: str) -> None:
    """Take CHECK constraints off a table; those that it does not have are none's loss."""
    if op.get_bind().dialect.name == "postgresql":
        for name in names:
            op.execute(text(f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS {name}'))
    else:
        _rebuild(table, {}, names)


def _refuse_breaking_rows(table: str, rule: str) -> None:
    count = op.get_bind().scalar(text(f'SELECT count(*) FROM "{table}" WHERE NOT ({rule})'))
    if count:
        raise DataBreaksRule(table, rule, count)


def _rebuild(table: str, rules: Rules, gone: Iterable[str]) -> None:
    """SQLite cannot change a constraint: the table is made anew beside itself, from its own words, and takes its place.

    `models.schema` has foreign keys switched off meanwhile, and checks them all before it commits.
    """
    connection = op.get_bind()
    own = connection.exec_driver_sql("SELECT type, sql FROM sqlite_master WHERE tbl_name = ? AND sql <> ''", (table,))
    words = [(kind, sql) for kind, sql in own]
    definition = next(sql for kind, sql in words if kind == "table")
    columns = re.sub(r'^CREATE TABLE "?\w+"?\s*\(', "", definition).rstrip().removesuffix(")").rstrip()
    for name in gone:
        columns = _without(columns, name)
    added = "".join(f",\n\tCONSTRAINT {name} {rule}" for name, rule in rules.items())
    connection.exec_driver_sql(f'CREATE TABLE "{table}_anew" ({columns}{added}\n)')
    connection.exec_driver_sql(f'INSERT INTO "{table}_anew" SELECT * FROM "{table}"')
    connection.exec_driver_sql(f'DROP TABLE "{table}"')
    connection.exec_driver_sql(f'ALTER TABLE "{table}_anew" RENAME TO "{table}"')
    for kind, sql in words:
        if kind != "table":
            connection.exec_driver_sql(sql)


def _without(columns: str, name: str) -> str:
    """A table's own words without the CHECK of this name."""
    found = re.search(rf',\s*CONSTRAINT "?{name}"?\s+CHECK\s*\(', columns)
    if found is None:
        return columns
    end, depth, quoted = found.end(), 1, False
    while depth:
        sign = columns[end]
        quoted ^= sign == "'"
        depth += 0 if quoted else (sign == "(") - (sign == ")")
        end += 1
    return columns[: found.start()] + columns[end:]

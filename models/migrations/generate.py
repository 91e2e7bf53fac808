"""Writes the next revision: `make migration NAME="what it brings"`, which is `python -m models.migrations.generate NAME`.

Alembic compares tables, columns and indexes; it does not see CHECK constraints, so they are compared here: an enum or a
table of outcomes that grew becomes an `add_rules`. Read what was written before you commit it: a column that may not be
empty needs a value for the rows that are there.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrateOperation, MigrationScript
from sqlalchemy import Engine, inspect
from sqlmodel import SQLModel

from config.errors import GangchuangError
from models.database import make_engine
from models.schema import alembic_settings, revisions, upgrade


class NothingToMigrate(GangchuangError):
    def __init__(self) -> None:
        super().__init__("The models say what the newest revision says: there is nothing to migrate.")


class SetRules(MigrateOperation):
    """CHECK constraints to be added, or put in the place of those of their names; those that are gone."""

    def __init__(self, table: str, added: Mapping[str, str], gone: set[str]) -> None:
        self.table, self.added, self.gone = table, added, gone


@renderers.dispatch_for(SetRules)
def _written(context: AutogenContext, rules: SetRules) -> list[str]:
    lines = []
    if rules.gone:
        context.imports.add("from models.migrations.rules import drop_rules")
        lines.append(f'drop_rules("{rules.table}", {", ".join(_quoted(name) for name in sorted(rules.gone))})')
    if rules.added:
        context.imports.add("from models.migrations.rules import add_rules")
        each = [f"        {_quoted(name)}: {_quoted(f'CHECK ({rule})')},\n" for name, rule in rules.added.items()]
        lines.append(f'add_rules(\n    "{rules.table}",\n    {{\n{"".join(each)}    }},\n)')
    return lines


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def generate(name: str) -> Path:
    """Write the revision that brings a database to what the models say. Raises NothingToMigrate."""
    with TemporaryDirectory(prefix="gangchuang-") as folder:
        migrated, wanted = (make_engine(f"sqlite:///{folder}/{kind}.db") for kind in ("migrated", "wanted"))
        upgrade(migrated)
        SQLModel.metadata.create_all(wanted)
        differing = list(_differing(_rules_of(migrated), _rules_of(wanted)))

        def complete(_context: object, _revision: object, scripts: list[MigrationScript]) -> None:
            (script,) = scripts
            assert script.upgrade_ops is not None
            script.upgrade_ops.ops.extend(differing)
            if script.upgrade_ops.is_empty():
                raise NothingToMigrate

        settings = alembic_settings()
        settings.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        with migrated.connect() as connection:
            settings.attributes |= {"connection": connection, "complete": complete}
            script = command.revision(settings, name, autogenerate=True, rev_id=f"{int(revisions()[-1]) + 1:04}")
        assert script is not None
        assert not isinstance(script, list)
        return Path(script.path)


def _rules_of(engine: Engine) -> dict[str, dict[str, str]]:
    inspector = inspect(engine)
    tables = {*inspector.get_table_names()} - {"alembic_version"}
    return {
        table: {str(rule["name"]): rule["sqltext"] for rule in inspector.get_check_constraints(table)}
        for table in sorted(tables)
    }


def _differing(migrated: dict[str, dict[str, str]], wanted: dict[str, dict[str, str]]) -> Iterator[SetRules]:
    """A table that is new brings its rules along."""
    for table in sorted(migrated.keys() & wanted.keys()):
        before, after = migrated[table], wanted[table]
        added = {name: rule for name, rule in after.items() if before.get(name) != rule}
        if added or before.keys() - after.keys():
            yield SetRules(table, added, before.keys() - after.keys())


def main() -> None:
    try:
        print(generate(" ".join(sys.argv[1:])))
    except GangchuangError as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()

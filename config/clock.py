"""The only place that reads the time. Everything else is handed an instant.

In a real home this is the system's clock and nothing can change that. A rehearsal
home (one that holds a `rehearsal.json`) has a stepped clock instead: season time
stands still until the rehearsal moves it on.
"""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from config.errors import GangchuangError

REHEARSAL_FILE = "rehearsal.json"


class ClockFileBroken(GangchuangError):
    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path}: not a rehearsal clock ({reason}). Start the rehearsal again with an empty home.")


@dataclass(frozen=True)
class Clock:
    """Season time of one home; aware UTC instants."""

    home: Path

    @property
    def stepped(self) -> bool:
        return (self.home / REHEARSAL_FILE).exists()

    def now(self) -> datetime:
        """The season's present instant, to the microsecond."""
        if self.stepped:
            return _read_step(self.home / REHEARSAL_FILE)
        return datetime.now(UTC)

    def wall_time_of(self, instant: datetime) -> datetime | None:
        """When a season instant comes by the wall clock; None when a stepped clock has still to be moved."""
        if not self.stepped:
            return instant
        return datetime.now(UTC) if instant <= self.now() else None

    def arrived_at(self, path: Path) -> datetime:
        """When a file, or the last file of a folder, came to lie where it lies, never later than now.

        The inode's change time cannot be set backwards by whoever copies the file, so a
        workbook put in before a deadline stays in time even if the collector was down.
        """
        present = self.now()
        if self.stepped:
            return present
        newest = max(file.lstat().st_ctime for file in (path, *path.rglob("*")))
        return min(present, datetime.fromtimestamp(newest, UTC))

    def received_at(self, instant: datetime) -> datetime:
        """When something came that a server has dated, never later than now; in a rehearsal, now."""
        present = self.now()
        return present if self.stepped else min(present, instant)

    def is_at_rest(self, path: Path, seconds: float) -> bool:
        """Whether nobody has written to a file or folder for some real seconds: half-copied files wait."""
        if self.stepped:
            return True
        present = time.time()
        try:
            details = [file.lstat() for file in (path, *path.rglob("*"))]
        except FileNotFoundError:
            return False
        # A date in the future is its sender's clock's; there the inode's own tells.
        newest = max(detail.st_mtime if detail.st_mtime <= present else detail.st_ctime for detail in details)
        return present - newest >= seconds


def step_to(home: Path, instant: datetime) -> None:
    """Move a rehearsal home's clock; the first step makes the home a rehearsal home."""
    target = home / REHEARSAL_FILE
    draft = target.with_suffix(".part")
    draft.write_text(json.dumps({"now": instant.astimezone(UTC).isoformat()}), "utf-8")
    draft.replace(target)


def _read_step(path: Path) -> datetime:
    try:
        instant = datetime.fromisoformat(json.loads(path.read_text("utf-8"))["now"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ClockFileBroken(path, str(problem)) from problem
    if instant.tzinfo is None:
        raise ClockFileBroken(path, "the instant has no zone")
    return instant.astimezone(UTC)

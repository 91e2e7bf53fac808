"""Everything that is wrong: what the database tells, and what only the machine does, its disk and its inbox."""

import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import Settings
from config.units import all_units
from flows.home import paths
from flows.intake.inbox import lying, strays, unfinished
from models import Expert
from models.enums import CallState, TroubleKind
from models.queries import call_state, planned_seasons
from states.troubles import Trouble, TroubleLevel, troubles, worst_first

_MIB = 1024 * 1024
_HELD_SECONDS = 3600.0
_SHOWN = 5


def everything_wrong(
    session: Session, own: Settings, at: datetime, years: Sequence[int] | None = None
) -> list[Trouble]:
    """The troubles of some seasons, or of all, the worst first; the machine's are those of the newest open season."""
    planned = planned_seasons(session)
    asked = planned if years is None else years
    open_ones = [year for year in planned if call_state(session, year) is not CallState.CLOSED]
    newest = max(open_ones or planned, default=None)
    found = troubles(session, at, years)
    if newest in asked or not planned:
        found += [*_disk(own), *_held(session, own)]
    return worst_first(found)


def free_bytes(own: Settings) -> int:
    """What is free on the home's disk."""
    return shutil.disk_usage(own.home.absolute()).free


def misplaced(session: Session, own: Settings) -> list[tuple[Path, str, str]]:
    """What lies in the inbox where or as nobody takes it: the path, what to do in English and in Chinese."""
    known = {paths.OFFICE, *all_units(), *session.scalars(select(Expert.id))}
    inbox = paths.inbox(own)
    return [
        *(
            (path, "lies in no folder: move it to inbox/<unit code>/", "不在任何文件夹中：请移入 inbox/单位代码/")
            for path in strays(own)
        ),
        *(
            (
                inbox / folder,
                "is no unit's, expert's or office's folder: move what lies in it",
                "不是报送单位、专家或办公室的文件夹：请移走其中的文件",
            )
            for folder in sorted({folder for folder, _ in lying(own)} - known)
        ),
        *(
            (
                path,
                "is not whole or still open: ask its sender, or move it away",
                "不完整或仍被打开：请询问报送人，或移走",
            )
            for path in unfinished(own)
        ),
    ]


def _disk(own: Settings) -> list[Trouble]:
    free = free_bytes(own) // _MIB
    if free >= 2 * own.least_free_mib:
        return []
    level = TroubleLevel.ACT if free < own.least_free_mib else TroubleLevel.WATCH
    sentence = f"the disk of {own.home.absolute()} has {free} MiB left: make room, before nothing can be taken any more"
    return [Trouble(TroubleKind.DISK_LOW, level, sentence, f"数据目录所在磁盘只剩{free} MiB：请尽快清理或扩容")]


def _held(session: Session, own: Settings) -> list[Trouble]:
    """Deliveries that have lain for an hour and are not taken; a stepped clock's homes have no hours."""
    if own.clock.stepped:
        return []
    known = {path: said for path, _, said in misplaced(session, own)}
    known |= {path: "尚未接收" for _, path in lying(own) if path not in known and path.parent not in known}
    held = sorted(path for path in known if own.clock.is_at_rest(path, _HELD_SECONDS))
    if not held:
        return []
    inbox = paths.inbox(own)
    names = [path.relative_to(inbox).as_posix() for path in held]
    more = f"等{len(held)}个" if len(held) > _SHOWN else ""
    sentence = f"{len(held)} thing(s) lie in the inbox and are not taken: {', '.join(names[:_SHOWN])}"
    said = "；".join(f"inbox/{name} {known[path]}" for name, path in zip(names[:_SHOWN], held, strict=False))
    return [
        Trouble(
            TroubleKind.DELIVERY_HELD, TroubleLevel.WATCH, sentence, f"收件箱中有文件未能接收{more}：{said}", "inbox"
        )
    ]

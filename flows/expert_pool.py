"""The experts' pool by hand: what an import changes, told to the office; and an import from a file."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.orm import Session

from flows import places
from flows.files import digest_of
from flows.letters import LetterKind
from flows.post import post_to_office
from flows.stage import Run
from states.pool import PoolChanges

_SHOWN = 60


def tell_pool_changes(session: Session, run: Run, digest: str, changes: PoolChanges) -> None:
    """A letter with everything that an import changed; the run's outcome, which all may see, has numbers only."""
    for name, count in changes.counts().items():
        run.tell(f"pool {name}", count)
    lines = list(change_lines(changes))
    if lines:
        post_to_office(
            session,
            run,
            LetterKind.POOL_CHANGED,
            key=hashlib.sha256("\n".join([digest, *lines]).encode()).hexdigest()[:16],
            counts=changes.counts(),
            items=lines[:_SHOWN],
            more=max(0, len(lines) - _SHOWN),
        )


def change_lines(changes: PoolChanges) -> Iterator[str]:
    """Each change in words."""
    for name, organisation in changes.added:
        yield f"新增：{name}（{organisation}）"
    for one in changes.changed:
        yield f"更改：{one.expert} {one.name}，{one.field}：{one.old} → {one.new}".replace("： → ", "：")
    for identifier, name in changes.unlisted:
        yield f"未列出：{identifier} {name}"
    for name, day in changes.expiring:
        yield f"将到期：{name}，有效期至{day}"


def put_into_inbox(run: Run, file: Path) -> Path:
    """A copy of a file in the office's inbox, under its own name unless another file lies there."""
    inbox = places.inbox(run.settings) / places.OFFICE
    inbox.mkdir(parents=True, exist_ok=True)
    target = inbox / file.name
    if target.exists() and digest_of(target) != digest_of(file):
        target = inbox / f"{digest_of(file)[:8]}-{file.name}"
    half = inbox / f".{target.name}.part"
    shutil.copyfile(file, half)
    half.replace(target)
    return target

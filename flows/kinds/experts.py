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
from models.enums import CallState
from models.queries import call_state
from states.final import scores_are_frozen
from states.pool import PoolChanges
from states.recusals import step_back_conflicted

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


def take_off_conflicted(session: Session, run: Run) -> None:
    """A conflict declared while scores are given takes the expert off what they are in conflict with."""
    if call_state(session, run.year) is not CallState.FINAL_REVIEW or scores_are_frozen(session, run.year):
        return
    conflicted = step_back_conflicted(session, run.season, actor=run.actor, at=run.at, flow_run=run.flow_run)
    if conflicted:
        run.tell("taken off for a conflict", len(conflicted))


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

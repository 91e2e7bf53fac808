"""Which files belong to which version of a submission. The files themselves lie in the home, named by digest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from models import Attachment


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """One file of a submission. `digest` SHA-256 in hex, `size` in bytes."""

    name: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class ReadablePicture:
    """A picture that could be made ready for publication: the SHA-256 of the large one, and its size in pixels."""

    encoded: str
    width: int
    height: int


def attached_to(session: Session, number: str, version: int) -> tuple[AttachedFile, ...]:
    """The files of one version, in the order in which its row names them."""
    rows = session.execute(
        select(Attachment.name, Attachment.digest, Attachment.size)
        .where(Attachment.number == number, Attachment.version == version)
        .order_by(Attachment.position)
    )
    return tuple(AttachedFile(*row) for row in rows)


def attachment_rows(number: str, version: int, files: Sequence[AttachedFile]) -> list[dict[str, Any]]:
    """The files of a version as rows of their table."""
    return [
        {
            "number": number,
            "version": version,
            "position": position,
            "name": file.name,
            "digest": file.digest,
            "size": file.size,
        }
        for position, file in enumerate(files, start=1)
    ]


def keep_attached(session: Session, number: str, version: int, files: Sequence[AttachedFile]) -> None:
    """Keep the files of a new version."""
    if files:
        session.execute(insert(Attachment), attachment_rows(number, version, files))


def base_name(name: str) -> str:
    """A file's name without the folder in which it lay in its package."""
    return name.rsplit("/", 1)[-1]


def same_files(these: Sequence[AttachedFile], other: Sequence[AttachedFile]) -> bool:
    """Whether the same contents came under the same names, in whatever folders."""
    return [(base_name(file.name), file.digest) for file in these] == [
        (base_name(file.name), file.digest) for file in other
    ]


def still_named(files: Sequence[AttachedFile], names: Sequence[str]) -> tuple[AttachedFile, ...]:
    """Those of an earlier version's files that a later row names as well."""
    kept = {base_name(name) for name in names}
    return tuple(file for file in files if base_name(file.name) in kept)


def digests_of(files: Sequence[AttachedFile]) -> dict[str, list[str]]:
    """What the history says of a version's files: their digests, no names."""
    return {"attachments": [file.digest for file in files]} if files else {}

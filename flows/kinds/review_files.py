"""The files that experts may see of submissions, and the packages in which they go out where there are no link pages.

In a blind season these are the files alone that the unit named as 评审附件（不含单位、姓名）, under names in which
every name is masked; otherwise all of a submission's files.
"""

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.season import Season
from config.settings import Settings
from flows.home import paths
from flows.kinds.files_along import MOST_REVIEW_MB
from flows.kinds.review_material import blindfold_of
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post
from flows.run import Run
from models import Attachment, Expert, Submission, SubmissionVersion
from models.forms import SubmissionForm
from states.panel.aliases import Aliases
from states.submissions.attachments import base_name

_MOST_BYTES = MOST_REVIEW_MB * 1_000_000 + 200_000  # of a part with what a package needs for itself
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class ReviewFile:
    """One file as experts may see it: `name` bears no name of those behind it. `size` in bytes."""

    number: str
    alias: str
    digest: str
    name: str
    size: int


def review_files(session: Session, season: Season, numbers: Sequence[str]) -> dict[str, list[ReviewFile]]:
    """What experts may see of some submissions, by number, in the order in which the unit named it."""
    aliases, blind = Aliases(session, season), season.final_round.blind
    rows = session.execute(
        select(Attachment, Submission.unit, SubmissionVersion.content)
        .join(Submission, (Submission.number == Attachment.number) & (Submission.version == Attachment.version))
        .join(
            SubmissionVersion,
            (SubmissionVersion.number == Attachment.number) & (SubmissionVersion.version == Attachment.version),
        )
        .where(Attachment.number.in_(numbers))
        .order_by(Attachment.number, Attachment.position)
    )
    found: dict[str, list[ReviewFile]] = {}
    for kept, unit, content in rows:
        form = SubmissionForm.model_validate(json.loads(content))
        plain = base_name(kept.name)
        if blind and plain not in form.review_attachments:
            continue
        path = PurePosixPath(plain)
        shown = f"{blindfold_of(unit, form).mask(path.stem)[0]}{path.suffix}" if blind else plain
        of_number = found.setdefault(kept.number, [])
        name = f"附件{len(of_number) + 1}-{shown}"
        of_number.append(ReviewFile(kept.number, aliases.of(kept.number), kept.digest, name, kept.size))
    return found


def stored(own: Settings, year: int, digest: str) -> Path | None:
    """Where the file of a digest lies; None where it is gone."""
    return next(iter(sorted(paths.attachments(own, year).glob(f"{digest}*"))), None)


def send_files(session: Session, run: Run, expert: Expert, numbers: Sequence[str], issue: int) -> None:
    """Write the packages that belong to an issued score sheet, and a letter for each; none where link pages show them.

    What is too large for any letter is named in the first one, for the office to hand over.
    """
    if run.settings.links_url:
        return
    found = review_files(session, run.season, numbers)
    files = sorted((file for own in found.values() for file in own), key=lambda file: (file.alias, file.name))
    large = [file for file in files if file.size > _MOST_BYTES]
    parts = list(_parts([file for file in files if file not in large]))
    for place, part in enumerate(parts, start=1):
        path = paths.material(run.settings, run.year, expert.id, issue, place if len(parts) > 1 else 0)
        run.write(path, _packed(run, part))
        post(
            session,
            run,
            LetterKind.EXPERT_MATERIAL,
            key=f"{expert.id}/{issue}/{place}",
            to=expert.mail,
            attachments=(path,),
            expert_name=expert.name,
            count=len(part),
            part=place,
            parts=len(parts),
            large=[f"{file.alias} {file.name}" for file in large] if place == 1 else [],
        )


def _parts(files: Sequence[ReviewFile]) -> Iterator[list[ReviewFile]]:
    """The files in their order, as many together as go into one letter."""
    part: list[ReviewFile] = []
    for file in files:
        if part and sum(other.size for other in part) + file.size > _MOST_BYTES:
            yield part
            part = []
        part.append(file)
    if part:
        yield part


def _packed(run: Run, files: Sequence[ReviewFile]) -> bytes:
    """A zip with a folder a submission; the same files, the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as package:
        for file in files:
            path = stored(run.settings, run.year, file.digest)
            if path is not None:
                package.writestr(zipfile.ZipInfo(f"{file.alias}/{file.name}", _EPOCH), path.read_bytes())
    return buffer.getvalue()

"""Keeps the files that come with submissions apart from their packages, each content once."""

from collections.abc import Iterable
from pathlib import Path

from flows import places
from flows.stage import Run
from flows.workbooks.findings import Reading
from flows.workbooks.packages import save_attachments
from models.forms import SubmissionForm
from states.attachments import AttachedFile


def files_of(reading: Reading, form: SubmissionForm) -> tuple[AttachedFile, ...]:
    """The files of a delivery that one of its rows names; none when the workbook came alone."""
    here = {one.name: one for one in reading.attachments}
    return tuple(
        AttachedFile(here[name].name, here[name].digest, here[name].size) for name in form.attachments if name in here
    )


def keep_files(run: Run, path: Path, forms: Iterable[SubmissionForm]) -> None:
    """Put the files that accepted rows name into the store, before the transaction that names them ends.

    A run that dies in between leaves files that the delivery, taken again, finds in their place.
    """
    names = {name for form in forms for name in form.attachments}
    if names and not run.dry_run:
        save_attachments(path, places.attachments(run.settings, run.year), run.season.files, names)

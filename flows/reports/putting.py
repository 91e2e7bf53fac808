"""Puts the yearly report where the office finds it, and sends it there."""

import hashlib

from config.local_time import local_day
from flows.home import paths
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_office
from flows.reports.yearly import FILES, MARK, mark_of, report_files
from flows.run import Run


def put_report(run: Run) -> int:
    """Write the report of this instant, and a letter that brings it; how many files."""
    with run.step() as session:
        files = report_files(session, run.season, run.at)
    folder = paths.office_folder(run.settings, run.year)
    brought = []
    for name, content in files.items():
        run.write(folder / name, content)
        kept = paths.paper(run.settings, run.year, paths.OFFICE, name, hashlib.sha256(content).hexdigest())
        run.write(kept, content)  # a letter keeps its attachments as they were
        brought.append(kept)
    run.write(folder / MARK, mark_of(files, run.at))
    with run.step() as session:
        day = local_day(run.at)
        post_to_office(
            session,
            run,
            LetterKind.YEARLY_REPORT,
            key=f"{day}",
            attachments=brought,
            day=day,
            folder=folder.relative_to(run.settings.home.absolute()).as_posix(),
            files=list(FILES),
        )
    return len(files)

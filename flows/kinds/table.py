"""Every kind of workbook: one line each; and how a workbook of any kind is read and issued anew."""

from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from config.season import Season
from flows.kinds import experts, follow_up, practice, scores, submissions, verdicts, votes
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_unit
from flows.run import Run
from flows.workbooks.reader.findings import Reading
from flows.workbooks.reader.layout import Layout
from flows.workbooks.reader.reading import NewestIssue, read_workbook
from models.enums import SUPERSEDED, Trigger, WorkbookKind
from states.issued import newest_issues
from states.machine import Act
from states.officers import DecisionRefused, require_reason
from states.transitions import note_call

_KINDS = (submissions.KIND, verdicts.KIND, scores.KIND, experts.KIND, votes.KIND, follow_up.KIND, practice.KIND)
KINDS = {kind.kind: kind for kind in _KINDS}


def layout_of(kind: WorkbookKind, season: Season, recipient: str = "") -> Layout:
    """The sheet of a kind in a season, for a recipient where they differ."""
    return KINDS[kind].layout(season, recipient)


def read_delivery(path: Path, *, season: Season, sender: str, key: bytes, newest_issue: NewestIssue) -> Reading:
    """Everything that a file, zip or folder delivered by `sender` says; see `read_workbook`."""
    return read_workbook(
        path,
        season=season,
        sender=sender,
        key=key,
        newest_issue=newest_issue,
        layout_of=lambda mark: layout_of(mark.kind, season, mark.recipient),
    )


def superseding(session: Session, year: int, code: str, arrived_at: datetime) -> dict[WorkbookKind, int]:
    """What makes earlier issues stale: what came before a further issue went out is judged by the issue of its time."""
    newest = newest_issues(session, year, code, arrived_at)
    return {kind: newest[kind] for kind in SUPERSEDED if kind in newest}


def reissue(session: Session, run: Run, code: str, kind: WorkbookKind, act: Act, *, reason: str) -> int:
    """Issue a unit's workbook once more and tell the unit why. Returns the issue. Raises DecisionRefused.

    From then on the earlier issues are stale.
    """
    newest, issue_again = newest_issues(session, run.year, code).get(kind, 0), KINDS[kind].issue_again
    if not newest or issue_again is None:
        raise DecisionRefused(f"{kind.label} of {code}", "none was issued yet", f"尚未向{code}发出过{kind.label}")
    require_reason(f"{kind.label} of {code}", reason)
    issued = issue_again(session, run, code, f"again/{newest + 1}")
    facts = {"recipient": code, "kind": kind.value, "issue": issued.issue}
    note_call(session, run.year, Trigger.REISSUE_WORKBOOK, act, reason=reason, facts=facts)
    post_to_unit(
        session,
        run,
        LetterKind.WORKBOOK_REISSUED,
        code,
        key=f"{kind.value}/{issued.issue}",
        workbook=kind.label,
        issue=issued.issue,
        deadline=issued.deadline,
        reason=reason,
        attachments=(issued.path,),
    )
    return issued.issue

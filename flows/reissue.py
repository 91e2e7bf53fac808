"""Issues a unit's workbook anew, by the office's decision; from then on the earlier issues are stale."""

from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.units import all_units
from flows import places
from flows.issuing import newest_issues, number_of_issue
from flows.kinds.verdicts import issue_verdicts_again, to_judge
from flows.letters import LetterKind
from flows.post import post_to_unit
from flows.stage import Run
from flows.workbooks.mark import Mark
from flows.workbooks.template import write_template
from models.enums import Trigger, WorkbookKind
from states.cases import load_frame
from states.door import note_call
from states.machine import Actor
from states.office import DecisionRefused

REISSUED = (WorkbookKind.SUBMISSIONS, WorkbookKind.VERDICTS)


def reissue(session: Session, run: Run, code: str, kind: WorkbookKind, *, actor: Actor, reason: str) -> int:
    """Issue a unit's workbook once more and tell the unit why. Returns the issue. Raises DecisionRefused."""
    newest = newest_issues(session, run.year, code).get(kind, 0)
    if not newest:
        raise DecisionRefused(f"{kind.label} of {code}", "none was issued yet")
    if not reason.strip():
        raise DecisionRefused(f"{kind.label} of {code}", "a reason is needed")
    key = f"again/{newest + 1}"
    if kind is WorkbookKind.VERDICTS:
        if not to_judge(session, run.year, code):
            raise DecisionRefused(f"{kind.label} of {code}", "the unit has nothing to judge")
        path, issue, deadline = issue_verdicts_again(session, run, code, key=key)
    else:
        path, issue, deadline = _submissions(session, run, code, key)
    facts = {"recipient": code, "kind": kind.value, "issue": issue}
    note_call(session, run.year, Trigger.REISSUE_WORKBOOK, actor=actor, at=run.at, reason=reason, facts=facts)
    post_to_unit(
        session,
        run,
        LetterKind.WORKBOOK_REISSUED,
        code,
        key=f"{kind.value}/{issue}",
        workbook=kind.label,
        issue=issue,
        deadline=deadline,
        reason=reason,
        attachments=(path,),
    )
    return issue


def _submissions(session: Session, run: Run, code: str, key: str) -> tuple[Path, int, datetime]:
    issue = number_of_issue(session, run, code, WorkbookKind.SUBMISSIONS, key)
    deadline = load_frame(session, run.year).deadlines.at(Milestone.CLOSE_CALL, code) or run.season.dates.close_call
    path = places.issued(run.settings, run.year, code, WorkbookKind.SUBMISSIONS, issue)
    if not run.dry_run:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_template(
            path,
            mark=Mark(run.year, code, WorkbookKind.SUBMISSIONS, issue),
            key=run.settings.signing_key(),
            season=run.season,
            recipient_name=all_units()[code].name,
            deadline=deadline,
            created_at=run.at,
        )
    return path, issue, deadline

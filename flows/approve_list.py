"""A named person decides on the proposed list, through the dashboard's form or the command."""

import inspect
from dataclasses import replace

from sqlalchemy.orm import Session

from flows.engine.forms import REASON, Form
from flows.publish.proposal import put_decided, put_proposal
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models.enums import ApprovalDecision
from states.final_round.approval import approve, send_back, withdraw_approval
from states.machine import Act
from states.officers import officer
from states.timeline import reopen_ranking

_TITLES = {
    ApprovalDecision.APPROVED: "审定获奖名单",
    ApprovalDecision.SENT_BACK: "退回获奖名单重排",
    ApprovalDecision.WITHDRAWN: "撤回审定",
}


@stage_flow(name="approve-list", deed=lambda given: _TITLES[ApprovalDecision(given["decision"])])
def approve_list(
    season: int,
    officer_name: str,
    decision: ApprovalDecision,
    list_digest: str,
    strike_numbers: str = "",
    reason: str = "",
    dry_run: bool = False,
) -> dict[str, object]:
    """Approve the award list, send it back, or take an approval back (审定获奖名单).

    Runs: by a person, after the ranking is frozen and before the public notice.
    Before: the proposed list lies in `office/<season>/`; its digest stands on it and in the mail.
    After: the list is approved by a named officer; or it is sent back with a reason and ranked again; or the approval
    is withdrawn with a reason, and the list waits again, with what had been struck.
    Numbers to strike (separated by blanks or commas) are taken off first, with the reason.
    Undo: `gangchuang approve --withdraw`, until the notice is posted; none then.
    """

    def deciding(run: Run) -> Ending:
        try:
            with run.step() as session:
                act = run.act.by(officer(run.season, officer_name))
                if decision is ApprovalDecision.SENT_BACK:
                    send_back(session, season, act, digest=list_digest.strip(), reason=reason)
                    reopen_ranking(session, season, act, reason=reason)
                    run.tell("decision", "sent back; the ranking will be drawn up again")
                elif decision is ApprovalDecision.WITHDRAWN:
                    withdraw_approval(session, season, act, digest=list_digest.strip(), reason=reason)
                    run.tell("decision", "withdrawn; the list waits again")
                else:
                    _approve(session, run, act, list_digest.strip(), strike_numbers, reason)
        finally:
            # Refused too: a run that died after its decision and before the page comes again as a refusal.
            put_decided(run)
        if decision is ApprovalDecision.WITHDRAWN:
            put_proposal(run)
        return Ending()

    return perform("approve_list", season, deciding, dry_run=dry_run)


def _approve(session: Session, run: Run, act: Act, digest: str, strike: str, reason: str) -> None:
    numbers = strike.replace("，", " ").replace(",", " ").replace("、", " ").split()
    count = approve(session, run.year, act, digest=digest, strike=numbers, reason=reason)
    run.tell("approved", count)
    run.tell("struck", len(numbers))


_WHY_STRUCK = replace(REASON, hint="划去项目时必须填写，印在公示页上。", schema={"type": "string"})


def _form(name: str, decision: ApprovalDecision) -> Form:
    fields = {"reason": _WHY_STRUCK} if decision is ApprovalDecision.APPROVED else {"strike_numbers": None}
    description = inspect.getdoc(approve_list.fn) or ""
    return Form(name, _TITLES[decision], approve_list, description, {"decision": decision.value}, fields)


FORMS = (
    _form("approve_list", ApprovalDecision.APPROVED),
    _form("send_back_list", ApprovalDecision.SENT_BACK),
    _form("withdraw_list_approval", ApprovalDecision.WITHDRAWN),
)

"""A named person decides on the proposed list, through the dashboard's form or the command."""

from flows.perform import perform, stage_flow
from flows.proposal import put_decided
from flows.stage import Ending, Run
from models.enums import ApprovalDecision
from states.approval import approve, send_back
from states.office import officer
from states.planning import reopen_ranking


@stage_flow(name="approve-list")
def approve_list(
    season: int,
    officer_name: str,
    decision: ApprovalDecision,
    list_digest: str,
    strike_numbers: str = "",
    reason: str = "",
    dry_run: bool = False,
) -> dict[str, object]:
    """Approve the award list, or send it back (审定获奖名单).

    Runs: by a person, after the ranking is frozen and before the public notice.
    Before: the proposed list lies in `office/<season>/`; its digest stands on it and in the mail.
    After: the list is approved by a named officer; or it is sent back with a reason and ranked again.
    Numbers to strike (separated by blanks or commas) are taken off first, with the reason.
    Undo: none once the notice is posted.
    """

    def deciding(run: Run) -> Ending:
        numbers = strike_numbers.replace("，", " ").replace(",", " ").replace("、", " ").split()
        with run.step() as session:
            actor = officer(run.season, officer_name)
            digest = list_digest.strip()
            if decision is ApprovalDecision.SENT_BACK:
                send_back(session, season, digest=digest, actor=actor, at=run.at, reason=reason)
                reopen_ranking(session, season, actor=actor, at=run.at, reason=reason)
                run.tell("decision", "sent back; the ranking will be drawn up again")
            else:
                count = approve(session, season, digest=digest, strike=numbers, actor=actor, at=run.at, reason=reason)
                run.tell("approved", count)
                run.tell("struck", len(numbers))
        put_decided(run)
        return Ending()

    return perform("approve_list", season, deciding, dry_run=dry_run)

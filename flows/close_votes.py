"""Closes the panel's votes: counted, recorded, applied; then the list goes before the office."""

from sqlalchemy.orm import Session

from config.milestones import Milestone
from flows.intake.mail.taking import take_everything
from flows.kinds.votes import remind_of_ballots
from flows.publish.proposal import put_proposal
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from states.final_round.votes import close_votes as close_panel_votes
from states.final_round.votes import counted_votes


@stage_flow(name="close-votes")
def close_votes(season: int, dry_run: bool = False) -> dict[str, object]:
    """Count the panel's votes and put the proposed list before the office (表决截止).

    Runs: at `close_votes`, in seasons whose file asks for votes; again when the list was sent back.
    Before: the ranking is frozen; ballots or the count of secret ones came in.
    After: each vote and its result are history; a prize not carried has fallen as declared, nobody
    else has moved; page, workbook and letter ask a named person for approval.
    Undo: `gangchuang approve --send-back`, with a reason. Without a quorum the stage waits, and reminds once a day.
    """
    return perform("close_votes", season, counting, milestone=Milestone.CLOSE_VOTES, dry_run=dry_run)


def counting(run: Run) -> Ending:
    """Take the last ballots; count; put the list before the office."""
    take_everything(run)
    with run.step() as session:
        waiting = _no_quorum(session, run)
        if waiting:
            return Ending(waiting=waiting, chinese="表决尚未达到法定人数，已再次催办尚未表决的评委。")
        counted = close_panel_votes(session, run.season, run.act)
    digest = put_proposal(run)
    run.tell("put to the vote", len(counted))
    run.tell("not carried", sum(not vote.decision.carried for vote in counted))
    return Ending(facts={"digest": digest})


def _no_quorum(session: Session, run: Run) -> str:
    """Which votes cannot be decided yet; who has still to vote is reminded."""
    short = [vote for vote in counted_votes(session, run.season) if not vote.decision.quorate]
    if not short:
        return ""
    remind_of_ballots(session, run)
    listed = ", ".join(
        f"{vote.motion.number} ({vote.decision.present} of {vote.decision.members}, {vote.decision.needed_present} needed)"
        for vote in short[:8]
    )
    return f"no quorum on {len(short)} vote(s): {listed}; ballots are still taken, or move the date"

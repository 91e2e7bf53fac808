"""Closes the re-review: ties settled as declared, the ranking frozen, the list before the panel or the office."""

from config.milestones import Milestone
from flows.intake.mail.taking import take_everything
from flows.kinds.votes import issue_ballots
from flows.publish.proposal import put_proposal
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from states.final_round.ranking import freeze_ranking, rank_list
from states.final_round.votes import open_votes


@stage_flow(name="close-re-review")
def close_re_review(season: int, dry_run: bool = False) -> dict[str, object]:
    """Close the re-review and put the proposed list before the office (复评截止).

    Runs: at `close_re_review`; again when the list was sent back.
    Before: scores are frozen.
    After: the ranking is frozen, ties settled as declared; page, workbook and letter ask a named
    person for approval – or, where the season asks for it, the panel votes first.
    Undo: `gangchuang approve --send-back`, with a reason.
    """
    return perform("close_re_review", season, concluding, milestone=Milestone.CLOSE_RE_REVIEW, dry_run=dry_run)


def concluding(run: Run) -> Ending:
    """Take the last re-review scores; freeze the ranking; ask for approval."""
    take_everything(run)
    with run.step() as session:
        ranking = rank_list(session, run.season, re_review_is_over=True)
        freeze_ranking(session, run.season, ranking, run.act)
        asked = open_votes(session, run.season, run.act)
        ballots = issue_ballots(session, run, asked)
    if asked:
        run.tell("put to the panel's vote", len(asked))
        run.tell("ballots issued", ballots)
    facts = {"votes": len(asked)} if asked else {"digest": put_proposal(run)}
    run.tell("ranked", len(ranking.placed))
    run.tell("with a prize", sum(placed.tier is not None for placed in ranking.placed))
    run.tell("ties settled", sum(placed.settled is not None for placed in ranking.placed))
    return Ending(facts=facts)

"""Closes the final round: scores frozen, ranked; equals at a cut go to a re-review of just those."""

from sqlalchemy.orm import Session

from config.milestones import Milestone
from flows.intake.mail.taking import take_everything
from flows.kinds.review_material import material_of
from flows.kinds.scores import issue_sheet
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_office
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Expert
from models.enums import SubmissionState
from models.queries import counts_by_state
from states.final_round.freeze import freeze_scores, presence, short_of_scores
from states.final_round.ranking import assign_re_review, rank_list
from states.rules.ranking.placings import Ranking
from states.rules.ranking.ties import SettledBy


@stage_flow(name="close-final-round")
def close_final_round(season: int, dry_run: bool = False) -> dict[str, object]:
    """Close the final round and rank (终评截止并排序).

    Runs: at `close_final_round`.
    Before: experts have scored; who is lost was replaced.
    After: scores are frozen and every submission's merit is recorded; equals at a cut go to a
    re-review of just those.
    Undo: none: frozen scores do not thaw. While scores are missing the stage waits: `gangchuang decide
    replace_expert`, or `gangchuang move close_final_round`.
    """
    return perform("close_final_round", season, closing, milestone=Milestone.CLOSE_FINAL_ROUND, dry_run=dry_run)


def closing(run: Run) -> Ending:
    """Take the last scores; freeze; send equals at a cut to a re-review."""
    take_everything(run)
    with run.step() as session:
        waiting = _not_ready(session, run)
        if waiting:
            return Ending(
                waiting=waiting, chinese="评分尚未收齐，或者出席专家未达法定人数；请替换所欠专家，或者调整时间。"
            )
        reviewed = freeze_scores(session, run.season, run.act)
        ranking = rank_list(session, run.season, re_review_is_over=False)
        tied = sorted(
            {number for tie in ranking.open_ties if tie.needs is SettledBy.RE_REVIEW for number in tie.submissions}
        )
        sheets = assign_re_review(session, run.season, tied, run.act)
        material = material_of(session, run.season, tied).by_number
        for identifier, numbers in sorted(sheets.items()):
            issue_sheet(
                session,
                run,
                session.get_one(Expert, identifier),
                [material[number] for number in numbers],
                letter=LetterKind.EXPERT_REPLACEMENT,
                occasion="re_review",
                round_number=2,
            )
        _tell_office(session, run, ranking)
    run.tell("final reviewed", len(reviewed.moved))
    run.tell("to be re-reviewed", len(tied))
    return Ending(facts={"re_review": tied})


def _not_ready(session: Session, run: Run) -> str:
    if not counts_by_state(session, run.year).get(SubmissionState.DISTRICT_REVIEWED):
        return ""
    short = short_of_scores(session, run.season)
    if short:
        listed = ", ".join(f"{number} ({count})" for number, count in sorted(short.items())[:8])
        return f"{len(short)} submission(s) lack scores: {listed}; replace the experts who owe them, or move the date"
    quorum = presence(session, run.season)
    return "" if quorum.quorate else f"no quorum: {quorum.present} of {quorum.members} experts have scored everything"


def _tell_office(session: Session, run: Run, ranking: Ranking) -> None:
    counts = {state.label: count for state, count in counts_by_state(session, run.year).items()}
    ties = [list(tie.submissions) for tie in ranking.open_ties]
    post_to_office(session, run, LetterKind.ROUND_CLOSED, key="final", counts=counts, ties=ties)

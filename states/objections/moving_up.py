"""Who follows in the list when an award is removed after an objection (递补), where the season says that somebody does."""

from sqlalchemy.orm import Session

from config.calendar import last_of_working_days
from config.local_time import end_of_day, local_day
from config.season import Season
from models import Objection, Placing, Submission
from models.enums import Outcome, SubmissionState, Tier, Trigger
from states.final_round.ranking import cut_without
from states.final_round.votes import voted_tiers
from states.guard_facts import Ask
from states.history.canonical import call_subject, instant_text, submission_subject
from states.history.read import every_facts, latest_facts
from states.machine import Act
from states.objections.measures import change_tier
from states.rules.ranking.moving_up import TierStanding, who_moves_up
from states.transitions import note_call, note_submission


def move_up(session: Session, season: Season, objection: Objection, act: Act) -> dict[str, Tier]:
    """The place of a finally removed submission goes to those who follow: number and tier of each; once a place.

    Nothing unless the season says so. Who had no prize before has a notice of their own before the award.
    """
    number = objection.number
    submission = session.get(Submission, number, populate_existing=True) if number else None
    if number is None or submission is None or submission.outcome is not Outcome.OBJECTION_UPHELD:
        return {}
    earlier = [facts["removed"] for facts in every_facts(session, call_subject(season.year), Trigger.MOVE_UP)]
    if not season.objections.next_moves_up or number in earlier:
        return {}
    ranking = cut_without(session, season, {*earlier, number})
    rows = {placed.submission: session.get_one(Placing, placed.submission) for placed in ranking.placed}
    standing = {name: _standing(session, row) for name, row in rows.items()}
    moved = who_moves_up(ranking, standing, voted_tiers(season))
    until = end_of_day(last_of_working_days(local_day(act.at), season.public_notice.working_days))
    facts = {
        "objection": objection.id,
        "removed": number,
        "moved": [[name, rows[name].tier, tier] for name, tier in moved.items()],
        "notice_until": instant_text(until),
    }
    note_call(session, season.year, Trigger.MOVE_UP, act, facts=facts)
    for name, tier in moved.items():
        row = rows[name]
        if row.tier is not None:
            change_tier(session, name, tier, act, reason=Trigger.MOVE_UP.label, objection=objection.id, moved_up=True)
            continue
        row.tier, row.approved, row.notice_until = tier, True, until
        session.flush()
        told = {"objection": objection.id, "tier": tier, "notice_until": instant_text(until)}
        note_submission(session, name, Ask(Trigger.MOVE_UP, act, facts=told))
    return moved


def _standing(session: Session, row: Placing) -> TierStanding:
    """Whether a line of the list can move: it stands still, and nobody struck it or gave it another tier by hand."""
    submission = session.get_one(Submission, row.number, populate_existing=True)
    stands = (
        submission.state in (SubmissionState.FINAL_REVIEWED, SubmissionState.AWARDED)
        or submission.outcome is Outcome.COMPLETED
    )
    changed = latest_facts(session, submission_subject(row.number), Trigger.CHANGE_TIER)
    return TierStanding(row.tier, stands and not row.struck and (not changed or "moved_up" in changed))

"""The eligibility check (形式审查) of what the districts recommend: the good pass, the others go back once."""

from config.milestones import Milestone
from flows.outbox.corrections import send_back_faulty
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models.enums import Cause, Trigger
from states.history.read import count_causes
from states.submissions.duplicates import drop_duplicates
from states.submissions.eligibility import check, pass_good


@stage_flow(name="check-eligibility")
def check_eligibility(season: int, dry_run: bool = False) -> dict[str, object]:
    """Check what the districts recommend (形式审查).

    Runs: at `check_eligibility`, a few days after the district round.
    Before: the district round is closed for every district.
    After: each recommended submission has passed, or is sent back once with what is missing and
    until when, or is archived as ineligible (a duplicate by the office's decision).
    Undo: `gangchuang decide reinstate` for one submission, with a reason.
    """
    return perform("check_eligibility", season, checking, milestone=Milestone.CHECK_ELIGIBILITY, dry_run=dry_run)


def checking(run: Run) -> Ending:
    """Pass the good, send back the others, drop the duplicates."""
    with run.step() as session:
        drop_duplicates(session, run.year, run.act)
        checked = check(session, run.season)
        pass_good(session, run.year, checked, run.act)
        send_back_faulty(session, run, checked, key="eligibility")
        facts = {
            "passed": count_causes(session, run.year, run.act.actor, Trigger.PASS_ELIGIBILITY).total(),
            "corrections": count_causes(session, run.year, run.act.actor, Trigger.ASK_CORRECTION).total(),
            "duplicates": count_causes(session, run.year, run.act.actor, Trigger.ARCHIVE)[Cause.DUPLICATE],
        }
    run.tell("passed", facts["passed"])
    run.tell("sent back for correction", facts["corrections"])
    run.tell("dropped as duplicates", facts["duplicates"])
    return Ending(facts=facts)

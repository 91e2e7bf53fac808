"""Shows the office which submissions look alike; the office decides, and the decision is recorded."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.letters import LetterKind
from flows.post import post_to_office
from flows.stage import Run
from models import Duplicate, Submission
from models.enums import SubmissionState
from states.rules.similarity import near_pairs


def show_near_duplicates(session: Session, run: Run) -> None:
    """Compare this season's open submissions with each other and with all earlier ones; new pairs go to the office."""
    here = session.execute(
        select(Submission.number, Submission.title_key)
        .where(Submission.season == run.year, Submission.state != SubmissionState.ARCHIVED)
        .order_by(Submission.number)
    ).all()
    earlier = session.execute(
        select(Submission.number, Submission.title_key).where(Submission.season != run.year).order_by(Submission.number)
    ).all()
    known = {frozenset(pair) for pair in session.execute(select(Duplicate.number, Duplicate.other))}
    least = run.season.call.near_duplicate_percent
    own = {number for number, _ in here}
    # The second of a pair is the later one, which is dropped when the office finds them to be the same.
    pairs = [
        (one, two, alike) if two in own else (two, one, alike) for one, two, alike in near_pairs(here, earlier, least)
    ]
    found = [pair for pair in pairs if frozenset(pair[:2]) not in known]
    for number, other, percent in found:
        session.add(Duplicate(number=number, other=other, similarity=percent))
    session.flush()
    if found:
        post_to_office(session, run, LetterKind.DUPLICATE_FOUND, key="/".join(found[0][:2]), pairs=found)
    run.tell("near duplicates shown to the office", len(found))

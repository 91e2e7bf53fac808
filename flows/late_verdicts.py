"""The letter about verdicts that came after their round had closed: what came back by them, and what fell out."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.letters import LetterKind
from flows.post import post_to_unit
from flows.stage import Run
from models import Submission
from states.delivered import Delivered
from states.district import VerdictsTaken


def tell_late_verdicts(session: Session, run: Run, delivered: Delivered, judged: VerdictsTaken) -> None:
    """The unit had the round's result already: it learns what of it is no longer so."""
    if not (judged.back or judged.out):
        return
    post_to_unit(
        session,
        run,
        LetterKind.LATE_VERDICTS,
        delivered.unit,
        key=delivered.digest[:16],
        back=_titled(session, judged.back),
        out=_titled(session, judged.out),
        reason=delivered.admission.reason if delivered.admission else "",
    )


def _titled(session: Session, numbers: Collection[str]) -> list[tuple[str, str]]:
    query = select(Submission.number, Submission.title).where(Submission.number.in_(numbers))
    return [(number, title) for number, title in session.execute(query.order_by(Submission.number))]

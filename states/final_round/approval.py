"""A named person decides on the proposed list (PIPL art. 24): approve it, strike one with a reason, or send it back.

The order cannot be changed by hand: what deviates from the frozen ranking is a recorded strike.
"""

import hashlib
from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models import Approval, Placing, Publication, Submission
from models.enums import ApprovalDecision, CallState, PublicationKind, SubmissionState, Trigger
from models.queries import call_state, lock_call
from states.guard_facts import Ask
from states.history.canonical import call_subject, canonical
from states.history.read import latest_trigger
from states.machine import Act
from states.officers import DecisionRefused
from states.transitions import note_call, note_submission

# What the record calls each decision.
TRIGGERS = {
    ApprovalDecision.APPROVED: Trigger.APPROVE,
    ApprovalDecision.SENT_BACK: Trigger.SEND_BACK,
    ApprovalDecision.WITHDRAWN: Trigger.WITHDRAW_APPROVAL,
}


def placings(session: Session, year: int) -> list[Placing]:
    """The frozen ranking, best first."""
    return list(session.scalars(select(Placing).where(Placing.season == year).order_by(Placing.position)))


def proposed(session: Session, year: int) -> list[Placing]:
    """The proposed list: placings with a tier that nobody struck and that are still in the running."""
    return list(
        session.scalars(
            select(Placing)
            .join(Submission, Submission.number == Placing.number)
            .where(
                Placing.season == year,
                Placing.tier.is_not(None),
                Placing.struck == "",
                Submission.state == SubmissionState.FINAL_REVIEWED,
            )
            .order_by(Placing.position)
        )
    )


def list_digest(session: Session, year: int) -> str:
    """SHA-256 over the proposed list as it stands: what a person approves is exactly this."""
    lines = [
        [placing.number, placing.position, str(placing.merit), placing.tier.value if placing.tier else ""]
        for placing in proposed(session, year)
    ]
    return hashlib.sha256(canonical({"season": year, "list": lines}).encode()).hexdigest()


def is_ranked(session: Session, year: int) -> bool:
    """Whether a frozen ranking is before the office: none was sent back since."""
    return (
        latest_trigger(session, call_subject(year), (Trigger.FREEZE_RANKING, Trigger.SEND_BACK))
        == Trigger.FREEZE_RANKING
    )


def votes_are_open(session: Session, year: int) -> bool:
    """Whether the panel is voting: the list is ranked, and its votes are not counted yet."""
    return (
        latest_trigger(session, call_subject(year), (Trigger.OPEN_VOTES, Trigger.CLOSE_VOTES, Trigger.SEND_BACK))
        == Trigger.OPEN_VOTES
    )


def is_proposed(session: Session, year: int) -> bool:
    """Whether a list lies before the office: ranked, and the panel's votes on it, if any, are counted."""
    return is_ranked(session, year) and not votes_are_open(session, year)


def is_approved(session: Session, year: int) -> bool:
    """Whether the latest decision on the list is an approval."""
    latest = session.scalar(
        select(Approval.decision).where(Approval.season == year).order_by(Approval.ordinal.desc()).limit(1)
    )
    return latest is ApprovalDecision.APPROVED


def waits_for_approval(session: Session, year: int) -> bool:
    """Whether the year stands still until a person decides."""
    return call_state(session, year) is CallState.FINAL_REVIEW and not is_approved(session, year)


def _strike(session: Session, year: int, number: str, act: Act, *, reason: str) -> None:
    """Take one submission off the proposed list, with a reason that the notice prints."""
    placing = session.get(Placing, number, with_for_update=True)
    if placing is None or placing.season != year or placing.tier is None:
        raise DecisionRefused(number, "it is not on the proposed list", f"{number}不在拟获奖名单上")
    if not reason.strip():
        raise DecisionRefused(number, "striking it needs a reason", f"划去{number}须写明理由")
    if placing.struck:
        raise DecisionRefused(number, "it is struck already", f"{number}已经划去")
    placing.struck = reason
    session.flush()
    facts = {"rank": placing.rank, "tier": placing.tier.value}
    note_submission(session, number, Ask(Trigger.STRIKE, act, reason=reason, facts=facts))


def approve(session: Session, year: int, act: Act, *, digest: str, reason: str = "", strike: Sequence[str] = ()) -> int:
    """Approve the list with this digest (a unique beginning will do), some numbers struck from it with the reason.

    The digest is that of the list before the person's eyes, with those still on it. Returns how
    many prizes remain.
    """
    current = _open_list(session, year, digest)
    for number in strike:
        _strike(session, year, number, act, reason=reason)
    lines = proposed(session, year)
    session.execute(
        update(Placing).where(Placing.number.in_([placing.number for placing in lines])).values(approved=True)
    )
    _decide(
        session,
        year,
        ApprovalDecision.APPROVED,
        current,
        act,
        reason,
        {"list": [[placing.number, placing.tier.value] for placing in lines if placing.tier]},
    )
    return len(lines)


def send_back(session: Session, year: int, act: Act, *, digest: str, reason: str) -> None:
    """Send the list back with a reason: the ranking is drawn up again from the scores as they stand."""
    current = _open_list(session, year, digest)
    if not reason.strip():
        raise DecisionRefused(f"the list of {year}", "sending it back needs a reason", "退回名单须写明理由")
    _decide(session, year, ApprovalDecision.SENT_BACK, current, act, reason, {})


def withdraw_approval(session: Session, year: int, act: Act, *, digest: str, reason: str) -> None:
    """Take an approval back, with a reason, until the notice opens: the list waits again, with what was struck."""
    lock_call(session, year)
    subject = f"the list of {year}"
    if call_state(session, year) is not CallState.FINAL_REVIEW or not is_approved(session, year):
        raise DecisionRefused(subject, "no approved list waits for its public notice", "没有已审定、待公示的名单")
    if session.get(Publication, (year, PublicationKind.PUBLIC_NOTICE, 1)) is not None:
        raise DecisionRefused(subject, "its public notice is being posted at this moment", "名单正在公示，不能撤回审定")
    if not reason.strip():
        raise DecisionRefused(subject, "withdrawing the approval needs a reason", "撤回审定须写明理由")
    current = _the_list(session, year, digest)
    own = Placing.season == year
    struck = session.scalars(select(Placing.number).where(own, Placing.struck != "").order_by(Placing.position)).all()
    session.execute(update(Placing).where(own).values(approved=False, struck=""))
    for number in struck:
        note_submission(session, number, Ask(Trigger.WITHDRAW_APPROVAL, act, reason=reason))
    _decide(session, year, ApprovalDecision.WITHDRAWN, current, act, reason, {"restored": list(struck)})


def _open_list(session: Session, year: int, digest: str) -> str:
    _refuse_unless_undecided(session, year)
    return _the_list(session, year, digest)


def _the_list(session: Session, year: int, digest: str) -> str:
    """The digest of the list as it stands. Raises DecisionRefused when another one was looked at."""
    current = list_digest(session, year)
    if len(digest) < 8 or not current.startswith(digest):
        raise DecisionRefused(
            f"the list of {year}",
            f"its digest is {current[:12]}…, not {digest[:12]!r}: look at the list as it is now",
            f"名单现在的校验码是{current[:12]}……，不是“{digest[:12]}”，请核对现在的名单",
        )
    return current


def _refuse_unless_undecided(session: Session, year: int) -> None:
    lock_call(session, year)
    if call_state(session, year) is not CallState.FINAL_REVIEW or not is_ranked(session, year):
        raise DecisionRefused(f"the list of {year}", "no ranking waits for a decision", "没有待审定的名单")
    if votes_are_open(session, year):
        raise DecisionRefused(
            f"the list of {year}", "the panel's votes are not counted yet (close_votes)", "评委会表决尚未计票"
        )
    if is_approved(session, year):
        raise DecisionRefused(f"the list of {year}", "it is approved already", "名单已经审定")


def _decide(
    session: Session,
    year: int,
    decision: ApprovalDecision,
    digest: str,
    act: Act,
    reason: str,
    facts: dict[str, object],
) -> None:
    last = session.scalar(select(func.max(Approval.ordinal)).where(Approval.season == year)) or 0
    session.add(
        Approval(
            season=year,
            ordinal=last + 1,
            decision=decision,
            officer=act.actor.name,
            decided_at=act.at,
            reason=reason,
            list_digest=digest,
        )
    )
    session.flush()
    note_call(session, year, TRIGGERS[decision], act, reason=reason, facts={"digest": digest, **facts})

"""Deletes a season's personal data, once its time has come: one transaction, itself an entry of the record.

What stays is what was published with consent – each name, text and picture with its own – and what the
record holds, which names nobody. The record binds contents by salted digests: with content and salt gone,
a digest tells nothing about anybody, and every chain, root and proof holds as before. What is left of a
published content is bound anew, by the entry of the deletion.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Update, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from config.local_time import local_day
from config.season import Season
from models import (
    Alert,
    Attachment,
    BouncedAddress,
    Certificate,
    Consent,
    Contact,
    Contributor,
    Correction,
    DeclaredConflict,
    Delivery,
    DistrictVerdict,
    Expert,
    Failure,
    FollowUp,
    FollowUpPicture,
    IncomingMail,
    Message,
    Objection,
    ObjectionEvidence,
    Picture,
    Recusal,
    Score,
    ScoreDraft,
    Seat,
    Submission,
    SubmissionVersion,
)
from models.enums import CertificateState, Holder, MessageState, Outcome, Role, Trigger
from models.queries import lock_call
from states.history.read import is_erased
from states.history.seals import Seals
from states.machine import Act
from states.panel.pool import forget
from states.practice import erase_unpublished, mask_unnamed
from states.submissions.follow_up import keep_public_answer, seal_of_answer
from states.submissions.taking_back import keep_public_only
from states.transitions import note_call

_OPEN = (MessageState.WAITING, MessageState.SENDING, MessageState.STUCK)


def is_published() -> ColumnElement[bool]:
    """Submissions of which more than the title is public: awarded for good, with a consent in force."""
    in_force = (Consent.number == Submission.number) & Consent.given & Consent.withdrawn_at.is_(None)
    return (Submission.outcome == Outcome.COMPLETED) & exists().where(in_force).correlate(Submission)


def erase(session: Session, season: Season, act: Act) -> Mapping[str, int]:
    """Delete or blank every row's personal data of a season, and record how much of each kind; once.

    Returns rows by kind; empty when it was done before.
    """
    year = season.year
    if is_erased(session, year):
        return {}
    own = select(Submission.number).where(Submission.season == year)
    hidden = own.where(~func.coalesce(is_published(), False))
    practices = mask_unnamed(session, year)  # before those names go
    kept = {
        number: left["kept"]
        for number in session.scalars(own.where(is_published()).order_by(Submission.number)).all()
        if (left := keep_public_only(session, number))
    }
    published = session.scalars(own.where(is_published())).all()
    answers = sum(keep_public_answer(session, number) for number in published)
    leaving = session.scalars(select(Expert).where(experts_to_forget(season)).order_by(Expert.id)).all()
    objections = select(Objection.id).where(Objection.season == year)
    steps: dict[str, Any] = {
        "contacts": delete(Contact).where(Contact.number.in_(own)),
        "contributors": delete(Contributor).where(Contributor.number.in_(hidden)),
        "names on certificates": update(Certificate)
        .where(Certificate.season == year, Certificate.name != "", ~_names_its_holder())
        .values(name=""),
        "declared conflicts": delete(DeclaredConflict).where(DeclaredConflict.season == year),
        "pictures": delete(Picture).where(Picture.number.in_(hidden)),
        "pictures of follow-ups": delete(FollowUpPicture).where(FollowUpPicture.number.in_(hidden)),
        "attachments": delete(Attachment).where(Attachment.number.in_(own)),
        "contents": _contents(year, hidden),
        "fingerprints": update(Submission).where(Submission.number.in_(hidden)).values(fingerprint=""),
        "objectors": update(Objection).where(Objection.season == year).values(objector="", contact="", grounds=""),
        "evidence": delete(ObjectionEvidence).where(ObjectionEvidence.objection.in_(objections)),
        "reasons to step back": update(Recusal).where(Recusal.season == year).values(reason=""),
        "what units sent back for": update(Correction)
        .where(Correction.number.in_(own), Correction.asked_by.startswith(f"{Role.DISTRICT.value}:"))
        .values(missing=""),
        "follow-up answers": update(FollowUp)
        .where(FollowUp.number.in_(hidden), FollowUp.adoption != "")
        .values(adoption=""),
        "comments of experts": update(Score).where(Score.number.in_(own), Score.comment != "").values(comment=""),
        "comments of districts": update(DistrictVerdict)
        .where(DistrictVerdict.number.in_(own), DistrictVerdict.comment != "")
        .values(comment=""),
        "experts' contacts": _experts(season),
        "letters never sent": update(Message)
        .where(Message.season == year, Message.state.in_(_OPEN))
        .values(state=MessageState.GIVEN_UP),
        "letters": update(Message)
        .where(Message.season == year)
        .values(recipient="", subject="", body="", attachments="[]", problem="", thread=""),
        "mails": update(IncomingMail).where(IncomingMail.season == year, IncomingMail.sender != "").values(sender=""),
        "scores never sent": delete(ScoreDraft).where(ScoreDraft.season == year),
        "addresses that letters came back from": delete(BouncedAddress).where(BouncedAddress.season == year),
        "deliveries": update(Delivery).where(Delivery.season == year).values(file_name="", problems="[]", receipt=""),
    }
    good_practice = erase_unpublished(session, year)
    session.execute(delete(Failure).where(Failure.season == year))
    session.execute(delete(Alert).where(Alert.season == year))
    call = lock_call(session, year)
    call.seal_key = call.seal_key[:64]  # with the other half, who knows a name could see that it was sealed
    counts = {name: _rows(session, step) for name, step in steps.items()} | {"good practice": good_practice}
    for expert in leaving:
        forget(expert)
    session.flush()
    counts["experts' names"] = len(leaving)
    counts["follow-up answers"] += answers
    session.expire_all()
    seals = Seals(session, year)
    told = {number: seal_of_answer(session, seals, number) for number in published}
    left = {number: sealed["answer"] for number, sealed in told.items() if sealed}
    note_call(
        session,
        year,
        Trigger.ERASE_PERSONAL_DATA,
        act,
        facts={
            "rows": counts,
            "kept": kept,
            "experts": [expert.id for expert in leaving],
            "answers": left,
            **({"practices": practices} if practices else {}),
        },
    )
    return counts


def _names_its_holder() -> ColumnElement[bool]:
    """Certificates in force of organisations, and of people who are still known by their names."""
    known = select(Contributor.number).where(
        Contributor.number == Certificate.number,
        Contributor.position == Certificate.position,
        Contributor.name == Certificate.name,
    )
    holder = or_(Certificate.holder == Holder.ORGANISATION, known.exists())
    return (Certificate.state == CertificateState.VALID) & holder


def _contents(year: int, hidden: Any) -> Update:
    """Contents and their salts, but for the version in force of what was published."""
    version = SubmissionVersion
    in_force = select(Submission.version).where(Submission.number == version.number).scalar_subquery()
    outdated = version.number.in_(select(Submission.number).where(Submission.season == year)) & (
        version.version != in_force
    )
    return update(version).where(or_(version.number.in_(hidden), outdated)).values(content="", salt="")


def _experts(season: Season) -> Update:
    """Phones and addresses of experts whom no later season needs."""
    known = (Expert.phone != "") | (Expert.mail != "")
    return update(Expert).where(_needed_no_more(season), known).values(phone="", mail="")


def experts_to_forget(season: Season) -> ColumnElement[bool]:
    """Experts whose names go with a season: no later one needs them, and their term (if it has an end) is over.

    The row stays, since scores refer to it.
    """
    serving = func.coalesce(Expert.valid_until >= local_day(season.erase_personal_data_at), False)
    return _needed_no_more(season) & ~serving & ~Expert.name_key.startswith("#")


def _needed_no_more(season: Season) -> ColumnElement[bool]:
    """Experts who neither sat on a later panel nor signed a statement since the season closed."""
    later = select(Seat.expert).where(Seat.season > season.year)
    closed_on = local_day(season.dates.close_season)
    return Expert.id.not_in(later) & ~func.coalesce(Expert.statement_on > closed_on, False)


def _rows(session: Session, step: Any) -> int:
    done: Any = session.execute(step.execution_options(synchronize_session=False))
    return int(done.rowcount)

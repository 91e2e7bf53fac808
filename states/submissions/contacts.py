"""Corrects whom a submission's unit named to be reached (联系人), for who asks for it (PIPL art. 46).

Until the call closes its unit sends the submission again. The entry is that of any correction of a name: a new version of
the same content, since the record has nothing of a contact.
"""

import re

from sqlalchemy.orm import Session

from models.forms import ContactForm
from states.history.read import is_erased
from states.machine import Act
from states.officers import DecisionRefused
from states.submissions.identity import submission_of
from states.submissions.versions import content_in_force, rewrite

_SUBJECT = re.compile(r"(\S+?)\s*联系人")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+", re.ASCII)
_PHONE = re.compile(r"\+?[0-9][0-9 ()-]{5,19}")


def number_of_contact(subject: str) -> str | None:
    """The submission's number in “2026-500101-0001 联系人”; None where something else is meant."""
    found = _SUBJECT.fullmatch(subject.strip())
    return found[1] if found else None


def correct_contact(session: Session, year: int, number: str, act: Act, *, right: str, reason: str) -> None:
    """Correct a contact's name, telephone or mail: those that `right` gives, apart by commas; the others stay.

    Raises DecisionRefused, UnknownSubmission; no refusal repeats what was given.
    """
    submission, subject = submission_of(session, number), f"{number} 联系人"
    if submission.season != year:
        raise DecisionRefused(subject, f"it is no submission of season {year}", "不是本年度的项目")
    if is_erased(session, year):
        raise DecisionRefused(subject, "the season's personal data are deleted", "本年度个人信息已经删除，不能再更正")
    form = content_in_force(session, submission)
    given = [part.strip() for part in re.split(r"[,，;；、]", right) if part.strip()]
    changes = {_kind_of(part): part for part in given}
    if not form.contact.name:
        raise DecisionRefused(
            subject, "it has no contact, or they asked for deletion", "该项目没有联系人，或者已应本人请求删除"
        )
    if not changes or len(changes) < len(given) or not right.isprintable():
        raise DecisionRefused(
            subject,
            "give the right name, telephone or mail address, apart by commas, each once",
            "请填写正确的姓名、电话、邮箱，以逗号分开，每样最多一个；不变的不必写",
        )
    told = ContactForm(**(form.contact.model_dump() | changes))
    if told == form.contact:
        raise DecisionRefused(subject, "that is what stands there already", "与现有的相同，没有需要更正的")
    if not reason.strip():
        raise DecisionRefused(subject, "a correction needs a reason", "更正须写明理由")
    rewrite(session, number, form.model_copy(update={"contact": told}), act, reason=reason)


def _kind_of(part: str) -> str:
    if _MAIL.fullmatch(part):
        return "mail"
    return "phone" if _PHONE.fullmatch(part) else "name"

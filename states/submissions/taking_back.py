"""Takes back consents to publication, and leaves of what is kept no more than what may be public."""

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from models import Certificate, Consent, Contributor, FollowUpPicture, Picture, Submission, SubmissionVersion
from models.enums import ConsentKind, Holder, Trigger
from models.forms import SubmissionForm
from states.guard_facts import Ask
from states.history.read import is_erased
from states.history.seals import Seals
from states.machine import Act
from states.numbers import Number, UnknownSubmission
from states.rules.names import name_key
from states.submissions.consents import WHOLE
from states.submissions.follow_up import keep_public_answer, seal_of_answer
from states.submissions.identity import fingerprint
from states.submissions.released import WITHHELD, reduced, released
from states.submissions.versions import content_of
from states.transitions import note_submission

ALL = "全部"
_ONE_OF_MANY = re.compile(r"(完成人|姓名|转化图片|图片|name|picture|follow_up_picture)\s*([1-9]\d?)")
_KINDS = {
    "完成人": ConsentKind.NAME,
    "姓名": ConsentKind.NAME,
    "name": ConsentKind.NAME,
    "图片": ConsentKind.PICTURE,
    "picture": ConsentKind.PICTURE,
    "转化图片": ConsentKind.FOLLOW_UP_PICTURE,
    "follow_up_picture": ConsentKind.FOLLOW_UP_PICTURE,
}
_WHOLE_WORDS = frozenset({"文字", "内容", "成果授权", *(word for kind in WHOLE for word in (kind.value, kind.label))})
Thing = tuple[ConsentKind, int]


class ConsentNotWithdrawn(GangchuangError):
    """There is no such consent in force."""

    def __init__(self, number: str, reason: str) -> None:
        self.number = number
        super().__init__(
            f"No consent of {number} was withdrawn: {reason}. Say what is to be public no more: a contributor's name as "
            "the form has it, 完成人2 (the second contributor), 成果内容 (the text), 图片1 (the first picture), 转化情况 (the follow-up), 转化图片1 (its first picture), or 全部 (all)."
        )


def withdraw_consent(session: Session, number: str, words: str, act: Act, *, reason: str) -> tuple[Thing, ...]:
    """Take back what `words` name of a submission's consents; each is an entry of its record. Returns what was taken back.

    Raises UnknownSubmission, ConsentNotWithdrawn.
    """
    Number.of(number)
    if session.get(Submission, number, with_for_update=True, populate_existing=True) is None:
        raise UnknownSubmission(number)
    rows = {
        (row.kind, row.position): row
        for row in session.scalars(select(Consent).where(Consent.number == number).with_for_update())
    }
    meant = list(_meant(session, number, words.strip(), rows))
    in_force = [consented for consented in meant if rows[consented].given and rows[consented].withdrawn_at is None]
    if not in_force:
        listed = "、".join(_called(consented) for consented in meant) or f"nothing is called {words!r}"
        raise ConsentNotWithdrawn(number, f"{listed}: not given, or taken back before" if meant else listed)
    for consented in in_force:
        rows[consented].withdrawn_at = act.at
        facts: dict[str, object] = {
            "kind": consented[0].value,
            "position": consented[1],
            **_which(session, number, consented),
        }
        session.flush()
        if is_erased(session, Number.of(number).season):
            facts |= keep_public_only(session, number)
            keep_public_answer(session, number)
            session.flush()
            facts |= seal_of_answer(session, Seals(session, Number.of(number).season), number)
        note_submission(session, number, Ask(Trigger.WITHDRAW_CONSENT, act, reason=reason, facts=facts))
    return tuple(in_force)


def _which(session: Session, number: str, thing: Thing) -> dict[str, str]:
    """Of a follow-up's picture its digest: a later answer may bring it in another place."""
    if thing[0] is not ConsentKind.FOLLOW_UP_PICTURE:
        return {}
    picture = session.get(FollowUpPicture, (number, thing[1]))
    return {"digest": picture.digest} if picture is not None else {}


def keep_public_only(session: Session, number: str) -> dict[str, str]:
    """Leave of the content in force what may be public, and what follows from it of people and pictures.

    Returns the fact that binds what is left: as the content before, by the digest over a salt and itself.
    """
    submission = session.get_one(Submission, number, populate_existing=True)
    version = session.get_one(SubmissionVersion, (number, submission.version), populate_existing=True)
    if not version.content:
        return {}
    own = released(session, [number])[number]
    form = reduced(SubmissionForm.model_validate_json(version.content), own)
    content, salt = content_of(form), secrets.token_hex(16)
    version.content, version.salt = content, salt
    submission.fingerprint = fingerprint(form)
    session.flush()
    for place, person in enumerate(form.contributors, start=1):
        if person.name == WITHHELD:
            changes = {
                "name": WITHHELD,
                "name_key": name_key(WITHHELD),
                "organisation": WITHHELD,
                "role": "",
                "share": None,
            }
            session.execute(
                update(Contributor).where(Contributor.number == number, Contributor.position == place).values(**changes)
            )
            session.execute(
                update(Certificate)
                .where(
                    Certificate.number == number,
                    Certificate.holder == Holder.CONTRIBUTOR,
                    Certificate.position == place,
                )
                .values(name="")
            )
    shown = {picture.position: picture.alt for picture in own.pictures}
    session.execute(delete(Picture).where(Picture.number == number, Picture.position.not_in(shown)))
    for place, alt in shown.items():
        session.execute(update(Picture).where(Picture.number == number, Picture.position == place).values(alt=alt))
    session.expire_all()
    return {"kept": hashlib.sha256(bytes.fromhex(salt) + content.encode()).hexdigest()}


def called(things: Iterable[Thing]) -> str:
    """What was taken back, in Chinese words that name nobody."""
    return "、".join(map(_called, things))


def _called(thing: Thing) -> str:
    kind, position = thing
    if kind in WHOLE or kind is ConsentKind.FOLLOW_UP:
        return kind.label
    return f"完成人{position}的姓名" if kind is ConsentKind.NAME else f"{kind.label}{position}"


def _meant(session: Session, number: str, words: str, rows: Mapping[Thing, Consent]) -> Iterable[Thing]:
    if words == ALL:
        return sorted(rows)
    if words in _WHOLE_WORDS:
        return [consented for consented in rows if consented[0] in WHOLE]
    if words in (ConsentKind.FOLLOW_UP.value, ConsentKind.FOLLOW_UP.label):
        return [consented for consented in rows if consented[0] is ConsentKind.FOLLOW_UP]
    found = _ONE_OF_MANY.fullmatch(words)
    if found:
        thing = _KINDS[found[1]], int(found[2])
        return [thing] if thing in rows else []
    people = session.execute(select(Contributor.position, Contributor.name_key).where(Contributor.number == number))
    named = [(ConsentKind.NAME, position) for position, key in people if words and key == name_key(words)]
    return [consented for consented in named if consented in rows]

"""What personal data a season holds, why and until when, and what is held of one person (PIPL arts. 44 to 47)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, false, func, or_, select
from sqlalchemy.orm import Session

from config.season import Season
from models import (
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
    FollowUp,
    FollowUpPicture,
    GoodPractice,
    IncomingMail,
    Message,
    Objection,
    ObjectionEvidence,
    Organisation,
    Picture,
    RecordText,
    Recusal,
    Score,
    ScoreDraft,
    Seat,
    Submission,
    SubmissionVersion,
)
from models.enums import ConsentKind, Holder, Outcome
from models.queries import season_in_force
from states.maintenance.erasure import experts_to_forget, is_published
from states.numbers import Number
from states.practice import not_public, words_of
from states.rules.names import name_key
from states.submissions.certificates import CertificateNumber


@dataclass(frozen=True)
class Held:
    """One kind of personal data of a season: how many rows, what it is for, and when it is deleted (None: it stays)."""

    what: str
    rows: int
    purpose: str
    until: datetime | None


@dataclass(frozen=True)
class Mention:
    """One place in which a person is named: what it is, its key, what stands there of them, what for, until when.

    `theirs`: what they are to be handed; the rest names them within what others wrote or are told.
    """

    what: str
    key: str
    said: str
    purpose: str = ""
    until: datetime | None = None
    theirs: bool = True


def held_of_season(session: Session, season: Season) -> list[Held]:
    """Every kind of personal data that is held of a season now; kinds of which there is none are left out."""
    year, until = season.year, season.erase_personal_data_at
    own = select(Submission.number).where(Submission.season == year)
    shown = own.where(func.coalesce(is_published(), False))

    def held(what: str, purpose: str, table: Any, *where: ColumnElement[bool], stays: bool = False) -> Held:
        rows = session.scalar(select(func.count()).select_from(table).where(*where)) or 0
        return Held(what, rows, purpose, None if stays else until)

    told = FollowUp.number.in_(shown) & _consented(ConsentKind.FOLLOW_UP, FollowUp.number)
    pictured = FollowUpPicture.number.in_(shown) & _consented(
        ConsentKind.FOLLOW_UP_PICTURE, FollowUpPicture.number, FollowUpPicture.position
    )
    seated = select(Seat.expert).where(Seat.season == year)
    raised = select(Objection.id).where(Objection.season == year)
    every = (
        held("contacts 联系人", "to reach the applicants", Contact, Contact.number.in_(own)),
        held(
            "contributors not published 未公开的完成人",
            "duplicates, conflicts of interest",
            Contributor,
            Contributor.number.in_(own),
            Contributor.number.not_in(shown),
        ),
        held(
            "contributors published 已公开的完成人",
            "the results, by each person's separate consent",
            Contributor,
            Contributor.number.in_(shown),
            stays=True,
        ),
        held(
            "contents of submissions 申报内容",
            "the reviews",
            SubmissionVersion,
            SubmissionVersion.number.in_(own),
            SubmissionVersion.content != "",
        ),
        held(
            "experts on the panel 评委",
            "to send score sheets; contacts and names go unless a later season needs them",
            Expert,
            Expert.id.in_(seated),
            (Expert.phone != "") | (Expert.mail != ""),
        ),
        held(
            "experts of the pool 专家库",
            "to draw panels from; whom no season since has needed goes",
            Expert,
            experts_to_forget(season),
        ),
        held(
            "conflicts that experts declared 申报的利益冲突",
            "to keep experts from what they may not judge",
            DeclaredConflict,
            DeclaredConflict.season == year,
        ),
        held("reasons to step back 回避理由", "recusals", Recusal, Recusal.season == year, Recusal.reason != ""),
        held("comments of experts 评语", "the final round", Score, Score.number.in_(own), Score.comment != ""),
        held(
            "comments of districts 初评意见",
            "the district round",
            DistrictVerdict,
            DistrictVerdict.number.in_(own),
            DistrictVerdict.comment != "",
        ),
        held("files that came with submissions 申报附件", "the reviews", Attachment, Attachment.number.in_(own)),
        held(
            "pictures of people not published 未公开的人像图片",
            "the public cases, once awarded",
            Picture,
            Picture.number.in_(own),
            Picture.number.not_in(shown),
            Picture.portrait.is_(True),
        ),
        held(
            "names on certificates 证书上的姓名",
            "the certificates",
            Certificate,
            Certificate.season == year,
            Certificate.holder == Holder.CONTRIBUTOR,
            Certificate.name != "",
            Certificate.number.not_in(shown),
        ),
        held(
            "answers about use not published 未公开的成果转化情况",
            "the follow-up",
            FollowUp,
            FollowUp.number.in_(own),
            FollowUp.adoption != "",
            ~told,
        ),
        held(
            "answers about use published 已公开的成果转化情况",
            "the public cases, without the names of who would not be named",
            FollowUp,
            FollowUp.number.in_(own),
            FollowUp.adoption != "",
            told,
            stays=True,
        ),
        held(
            "pictures of people in follow-ups not published 未公开的转化人像图片",
            "the follow-up",
            FollowUpPicture,
            FollowUpPicture.number.in_(own),
            FollowUpPicture.portrait.is_(True),
            ~pictured,
        ),
        held(
            "pictures of people in follow-ups published 已公开的转化人像图片",
            "the public cases, by consent",
            FollowUpPicture,
            FollowUpPicture.number.in_(own),
            FollowUpPicture.portrait.is_(True),
            pictured,
            stays=True,
        ),
        held(
            "good practice not published 未公开的好经验好做法",
            "the office's work; it may name people",
            GoodPractice,
            GoodPractice.season == year,
            GoodPractice.content != "",
            not_public(),
        ),
        held(
            "good practice published 已公开的好经验好做法",
            "the public page, by consent, without the names of who would not be named",
            GoodPractice,
            GoodPractice.season == year,
            GoodPractice.content != "",
            ~not_public(),
            stays=True,
        ),
        held(
            "addresses of mail that came in 来信地址",
            "whose each workbook is",
            IncomingMail,
            IncomingMail.season == year,
            IncomingMail.sender != "",
        ),
        held(
            "addresses that letters came back from 退信地址",
            "to have addresses corrected",
            BouncedAddress,
            BouncedAddress.season == year,
        ),
        held("scores never sent 未提交的评分", "the score page", ScoreDraft, ScoreDraft.season == year),
        held(
            "files of objections 异议材料",
            "to look into them",
            ObjectionEvidence,
            ObjectionEvidence.objection.in_(raised),
        ),
        held(
            "objections 异议", "to answer who objected", Objection, Objection.season == year, Objection.objector != ""
        ),
        held("letters 信件", "what was told to whom", Message, Message.season == year, Message.recipient != ""),
        held("deliveries 来件", "what came in", Delivery, Delivery.season == year, Delivery.file_name != ""),
    )
    return [kind for kind in every if kind.rows]


def _consented(kind: ConsentKind, number: Any, position: Any = 1) -> ColumnElement[bool]:
    """Whether the row of a submission stands under a consent in force."""
    given = (Consent.kind == kind) & Consent.given & Consent.withdrawn_at.is_(None)
    return exists().where(given, Consent.number == number, Consent.position == position)


def held_of_person(session: Session, name: str, organisation: str = "") -> Iterator[Mention]:
    """Every place in which a person is named, over all seasons, however the name is written.

    With an organisation only those of that organisation, as far as a place says one; what others wrote says none. The
    names of objectors are encrypted, and not looked through.
    """
    dates = _Dates(session)
    names = {name.strip()}
    mails = set[str]()
    yield from _as_contributor(session, dates, name, organisation, names)
    yield from _as_contact(session, dates, name, organisation, names, mails)
    yield from _as_expert(session, dates, name, organisation, names, mails)
    for declared in session.scalars(select(DeclaredConflict).where(DeclaredConflict.key == name_key(name))):
        yield Mention(
            "declared conflict 回避对象",
            f"{declared.season}",
            "一位专家申报的回避对象",
            "评审回避",
            dates.of(declared.season),
        )
    yield from _in_letters(session, dates, names, mails)
    yield from _in_words(session, dates, names)
    yield from _in_practice(session, dates, names)


class _Dates:
    """Until when each season's personal data is held."""

    def __init__(self, session: Session) -> None:
        self._session, self._known = session, dict[int, datetime]()

    def of(self, year: int) -> datetime:
        if year not in self._known:
            self._known[year] = season_in_force(self._session, year).erase_personal_data_at
        return self._known[year]

    def of_number(self, number: str) -> datetime:
        return self.of(Number.of(number).season)


def _as_contributor(
    session: Session, dates: _Dates, name: str, organisation: str, names: set[str]
) -> Iterator[Mention]:
    """As one who took part: the form's line, whether the name may be public, the certificates."""
    home = name_key(organisation)
    query = select(Contributor, Submission).join(Submission, Submission.number == Contributor.number)
    rows = session.execute(query.where(Contributor.name_key == name_key(name)))
    for person, submission in sorted(rows, key=lambda row: (row[0].number, row[0].position)):
        if home and name_key(person.organisation) != home:
            continue
        names.add(person.name)
        consent = session.get(Consent, (person.number, ConsentKind.NAME, person.position))
        given = consent is not None and consent.given and consent.withdrawn_at is None
        public = given and submission.outcome is Outcome.COMPLETED
        until = None if public else dates.of_number(person.number)
        share = f"，贡献占比{person.share}%" if person.share is not None else ""
        told = f"{person.name}，{person.organisation}，{person.role}{share}；{'已公开' if public else '未公开'}"
        yield Mention(
            "contributor 完成人",
            f"{person.number}/{person.position}",
            f"{told}；成果《{submission.title}》",
            "认定完成人、查重、回避、公布结果",
            until,
        )
        held = (Certificate.number == person.number) & (Certificate.position == person.position)
        for row in session.scalars(
            select(Certificate)
            .where(held, Certificate.holder == Holder.CONTRIBUTOR, Certificate.name != "")
            .order_by(Certificate.ordinal)
        ):
            number = CertificateNumber(row.season, row.ordinal)
            yield Mention(
                "certificate 证书", number.short, f"{row.name}，{row.tier.label}，{row.state.label}", "证书核验", until
            )
        files = session.scalars(select(Attachment.name).where(Attachment.number == person.number).distinct())
        for file in sorted(files):
            yield Mention(
                "attachment 申报附件", person.number, file, "评审（可能载有本人信息）", dates.of_number(person.number)
            )


def _as_contact(
    session: Session, dates: _Dates, name: str, organisation: str, names: set[str], mails: set[str]
) -> Iterator[Mention]:
    """As one by whom a submission is reached; with an organisation, of a submission of that organisation."""
    key, home = name_key(name), name_key(organisation)
    theirs = set(session.scalars(select(Organisation.number).where(Organisation.name_key == home))) if home else set()
    for contact in session.scalars(select(Contact).where(Contact.name != "").order_by(Contact.number)):
        if name_key(contact.name) == key and (not home or contact.number in theirs):
            names.add(contact.name)
            mails.add(contact.mail)
            told = f"{contact.name}，{contact.phone}，{contact.mail}"
            yield Mention("contact 联系人", contact.number, told, "联系申报单位", dates.of_number(contact.number))


def _as_expert(
    session: Session, dates: _Dates, name: str, organisation: str, names: set[str], mails: set[str]
) -> Iterator[Mention]:
    """As an expert: the pool's line, the seats, what they declared themselves."""
    home = name_key(organisation)
    experts = select(Expert).where(Expert.name_key == name_key(name)).order_by(Expert.id)
    for expert in session.scalars(experts):
        if home and expert.organisation_key != home:
            continue
        names.add(expert.name)
        mails.add(expert.mail)
        seats = session.scalars(select(Seat).where(Seat.expert == expert.id).order_by(Seat.season)).all()
        until = dates.of(max(seat.season for seat in seats)) if seats else None
        told = (expert.name, expert.organisation, expert.title, expert.fields, expert.phone, expert.mail)
        yield Mention("expert 专家", expert.id, "，".join(filter(None, told)), "抽取评委", until)
        for seat in seats:
            told_of = f"{seat.field}，{seat.state.label}"
            yield Mention("seat 评委", f"{seat.season} {expert.id}", told_of, "评审", dates.of(seat.season))
        own = select(DeclaredConflict).where(DeclaredConflict.expert == expert.id).order_by(DeclaredConflict.key)
        for declared in session.scalars(own):
            yield Mention(
                "own declaration 本人申报的回避",
                f"{declared.season}",
                declared.key,
                "评审回避",
                dates.of(declared.season),
            )


def _in_letters(session: Session, dates: _Dates, names: Iterable[str], mails: Iterable[str]) -> Iterator[Mention]:
    """Letters to them, and letters that name them."""
    wanted, addresses = [name for name in names if name], {mail for mail in mails if mail}
    said = [column.contains(name, autoescape=True) for name in wanted for column in (Message.body, Message.subject)]
    to_them = [Message.recipient.in_(addresses)] if addresses else []
    for row in session.scalars(select(Message).where(_any([*said, *to_them])).order_by(Message.key)):
        theirs = row.recipient in addresses
        told = f"致本人：{row.subject}" if theirs else f"信中提到本人：{row.subject}"
        yield Mention("letter 信件", row.key, told, "通知", dates.of(row.season), theirs)
    for mail in session.scalars(select(IncomingMail).where(IncomingMail.sender.in_(addresses))):
        yield Mention(
            "mail 来信", mail.digest[:12], f"{mail.sender}，{mail.state.label}", "收件", dates.of(mail.season)
        )


# What people wrote, by table and column, with what it is.
_WRITTEN: tuple[tuple[Any, Any, str], ...] = (
    (SubmissionVersion, SubmissionVersion.content, "content 申报内容"),
    (DistrictVerdict, DistrictVerdict.comment, "district's comment 初评意见"),
    (Score, Score.comment, "expert's comment 评语"),
    (Correction, Correction.missing, "correction 退回补正"),
    (FollowUp, FollowUp.adoption, "follow-up 成果转化"),
    (FollowUpPicture, FollowUpPicture.alt, "follow-up picture 转化图片说明"),
    (Recusal, Recusal.reason, "recusal 回避理由"),
    (Picture, Picture.alt, "picture 图片说明"),
)


def _in_words(session: Session, dates: _Dates, names: Iterable[str]) -> Iterator[Mention]:
    """What others wrote that names them; it is not theirs to be handed, but theirs to have corrected or deleted."""
    wanted = [name for name in names if name]
    for table, column, what in _WRITTEN:
        said = _any([column.contains(name, autoescape=True) for name in wanted])
        for number, text in session.execute(select(table.number, column).where(said).order_by(table.number)):
            yield Mention(what, number, _around(text, wanted), "评审", dates.of_number(number), theirs=False)
    said = _any([column.contains(name) for name in wanted for column in (Delivery.problems, Delivery.file_name)])
    for delivery in session.scalars(select(Delivery).where(said).order_by(Delivery.digest)):
        told = f"{delivery.sender}，{delivery.file_name}"
        yield Mention("delivery 来件", delivery.digest[:16], told, "收件", dates.of(delivery.season), theirs=False)
    said = _any([RecordText.text.contains(name, autoescape=True) for name in wanted])
    for row in session.scalars(select(RecordText).where(said).order_by(RecordText.season, RecordText.seal)):
        yield Mention("reason 理由", str(row.season), _around(row.text, wanted), "操作留痕", theirs=False)


def _in_practice(session: Session, dates: _Dates, names: Iterable[str]) -> Iterator[Mention]:
    """Reports of good practice that name them, each with its organisation; what is public stays."""
    wanted, row = [name for name in names if name], GoodPractice
    said = _any(
        [col.contains(name, autoescape=True) for name in wanted for col in (row.title, row.organisation, row.content)]
    )
    for report in session.scalars(select(row).where(said).order_by(row.number)):
        text = next(
            text
            for text in (report.title, report.organisation, *words_of(report).values(), report.content)
            if any(name in text for name in wanted)
        )
        public = report.consent and report.withheld_at is None
        told = f"{report.organisation}，{'已公开' if public else '未公开'}：{_around(text, wanted)}"
        until = None if public else dates.of(report.season)
        yield Mention("good practice 好经验好做法", report.number, told, "征集、推广", until, theirs=False)


def _any(conditions: list[Any]) -> Any:
    return or_(*conditions) if conditions else false()


def _around(text: str, names: Iterable[str]) -> str:
    """The words about a name, as far as a line shows them."""
    found = re.search("|".join(map(re.escape, names)), text)
    begin = max(0, found.start() - 12) if found else 0
    return f"…{text[begin : begin + 40]}…"

"""Objections (异议) as the office enters and decides them: what lies in a letter's folder, what follows, who is told.

A letter lies in a folder of its own, `office/<year>/objections/<reference>/`: a form as text, filled in by the officer,
and beside it whatever came as evidence. The dashboard learns the folder's name alone. Once entered, the folder is gone:
who objected is encrypted, the evidence lies sealed under its digest.
"""

import csv
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.season import Season
from config.settings import Settings
from flows.home import paths
from flows.home.files import digest_of, name_for_people, write_atomically
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_office, post_to_unit
from flows.run import Run
from models import Message, Objection, ObjectionEvidence, Placing, Submission
from models.enums import (
    OPEN_OBJECTIONS,
    Labelled,
    NotAccepted,
    ObjectionChannel,
    ObjectionKind,
    ObjectionParty,
    ObjectionResult,
    Outcome,
    SubmissionState,
    Tier,
)
from models.forms import ContributorForm
from states.machine import Act
from states.objections.measures import Corrected
from states.objections.process import (
    Filed,
    accept_objection,
    answer_objection,
    close_objection,
    decline_objection,
    entered_as,
    investigate_objection,
    raise_objection,
    reconsider_objection,
    refused_at_once,
)
from states.objections.reading import noticed_by_now, reminders_of, suspended_numbers, to_be_closed
from states.objections.standing import rulings_of
from states.officers import DecisionRefused
from states.submissions.attachments import AttachedFile

FORM, PEOPLE = "异议登记.txt", "完成人.csv"
HEADINGS = ("项目编号", "异议类别", "提出方式", "收到日期", "异议人", "联系方式", "异议理由")
_REFERENCE = re.compile(r"[\w-]{1,64}")
_MIB = 1 << 20
Word = TypeVar("Word", bound=Labelled)


class LetterUnreadable(GangchuangError):
    """What lies in an objection's folder is not what can be entered. The officer who put it there is told in Chinese."""

    def __init__(self, reference: str, problem: str) -> None:
        self.reference = reference
        self.chinese = f"异议材料“{reference}”无法登记：{problem}。没有任何改动；改正后请重新提交。"
        super().__init__(self.chinese)


@dataclass(frozen=True)
class ObjectionFolder:
    """One objection's folder as read: what was filed, and the files that come along."""

    folder: Path
    filed: Filed
    files: tuple[Path, ...]


def blank_form(number: str = "") -> str:
    """The form that an officer fills in."""
    known = {"项目编号": number}
    hints = {
        "项目编号": "（不涉及具体项目的留空）",
        "异议类别": "、".join(kind.label for kind in ObjectionKind),
        "提出方式": "、".join(channel.label for channel in ObjectionChannel),
        "收到日期": "2026-08-05",
        "异议人": "（真实姓名或单位名称；匿名的留空）",
        "联系方式": "",
    }
    lines = [f"{heading}：{known.get(heading) or hints[heading]}" for heading in HEADINGS[:-1]]
    return "\n".join([*lines, "异议理由：", ""])


def put_letter(
    settings: Settings, year: int, given: Mapping[str, str], evidence: Sequence[Path] = (), reference: str = ""
) -> str:
    """Make a letter's folder of typed answers and files; the name by which it is entered."""
    reference = reference or f"typed-{secrets.token_hex(4)}"
    folder = paths.objection_letters(settings, year) / reference
    text = "".join(f"{heading}：{given.get(heading, '')}\n" for heading in HEADINGS)
    write_atomically(folder / FORM, text.encode())
    for path in evidence:
        write_atomically(folder / path.name, path.read_bytes())
    return reference


def take_letter(session: Session, run: Run, act: Act, reference: str, _: str, __: str) -> None:
    """Enter the objection that lies in a folder; what the record alone refuses is declined at once."""
    letter = read_letter(run.settings, run.year, reference, run.season.files.max_file_mib)
    key = run.settings.objectors_key(run.year)
    objection = raise_objection(session, run.season, letter.filed, act, key=key)
    for path, file in zip(letter.files, letter.filed.evidence, strict=True):
        _seal(run, path, file)
    kind = LetterKind.OBJECTION_RECEIVED
    said = {**_about(session, objection), "received_on": letter.filed.received_on}
    post_to_office(session, run, kind, key=str(objection.id), **_chosen(kind, said))
    run.tell("objection", objection.id)
    refusal = refused_at_once(session, run.season, objection, act, key=key)
    if refusal is not None:
        _decline(session, run, act, objection.id, refusal, f"{refusal.label}，不予受理。")


def clear_entered(run: Run) -> None:
    """Remove the folders of letters that are entered: who objected is nowhere to be read any more.

    After the commit, and again whenever objections are tended: whoever died in between leaves them for the next one.
    """
    for folder in sorted(paths.objection_letters(run.settings, run.year).iterdir()):
        if folder.is_dir() and not run.dry_run and _is_entered(run, folder.name):
            shutil.rmtree(folder)


def _is_entered(run: Run, reference: str) -> bool:
    try:
        if (_folder_of(run.settings, run.year, reference) / PEOPLE).is_file():
            digest = digest_of(paths.objection_letters(run.settings, run.year) / reference / PEOPLE)
            with run.step() as session:
                taken = select(ObjectionEvidence.objection).where(ObjectionEvidence.digest == digest)
                return session.scalar(taken.limit(1)) is not None
        filed = read_letter(run.settings, run.year, reference, run.season.files.max_file_mib).filed
    except LetterUnreadable:
        return False
    with run.step() as session:
        return entered_as(session, run.year, filed, run.settings.objectors_key(run.year)) is not None


def take_acceptance(session: Session, run: Run, act: Act, subject: str, _: str, __: str) -> None:
    """Take an objection up, and tell both sides."""
    key = run.settings.objectors_key(run.year)
    objection = accept_objection(session, run.season, _id(subject), act, key=key)
    _tell_both(session, run, objection, LetterKind.OBJECTION_RECEIVED_UNIT, due_at=objection.due_at)


def take_refusal(session: Session, run: Run, act: Act, subject: str, other: str, reason: str) -> None:
    """Not take an objection up, and tell its objector why."""
    refusal = _member(NotAccepted, other)
    _decline(session, run, act, _id(subject), refusal, reason)


def take_investigation(session: Session, run: Run, act: Act, subject: str, person: str, _: str) -> None:
    """Give an objection to somebody to look into."""
    objection = investigate_objection(session, run.season, _id(subject), act, person=person)
    _tell_investigator(session, run, objection, person, 1)


def take_reconsideration(
    session: Session, run: Run, act: Act, subject: str, person: str, reason: str, *, asked_by: ObjectionParty
) -> None:
    """Take up the one reconsideration, and tell both sides."""
    objection = reconsider_objection(
        session, run.season, _id(subject), act, asked_by=asked_by, person=person, reason=reason
    )
    _tell_both(session, run, objection, LetterKind.OBJECTION_RECONSIDERED, due_at=objection.due_at, asked_by=asked_by)
    _tell_investigator(session, run, objection, person, 2)


def take_rejection(session: Session, run: Run, act: Act, subject: str, _: str, reason: str) -> None:
    """Answer that an objection is not borne out."""
    _answer(session, run, act, subject, ObjectionResult.REJECTED, reason)


def take_upholding(session: Session, run: Run, act: Act, subject: str, other: str, reason: str) -> None:
    """Answer that an objection holds: the award goes, or has another tier, or other contributors.

    `other` is a tier, the folder with the corrected contributors, or empty where the award goes.
    """
    tier = Tier.from_label(other) or next((known for known in Tier if known == other), None)
    if tier is not None:
        _answer(session, run, act, subject, ObjectionResult.TIER_CHANGED, reason, tier=tier)
    elif other in ("", ObjectionResult.REMOVED, ObjectionResult.REMOVED.label):
        _answer(session, run, act, subject, ObjectionResult.REMOVED, reason)
    else:
        people = read_people(run, other)
        _answer(session, run, act, subject, ObjectionResult.PEOPLE_CHANGED, reason, people=people)


def reminder_due(session: Session, season: Season, at: datetime) -> list[tuple[int, int]]:
    """The reminders to be written by now, as (objection, 1 at half time or 2 shortly before); the later one alone."""
    found = []
    for objection in session.scalars(
        select(Objection)
        .where(Objection.season == season.year, Objection.state.in_(OPEN_OBJECTIONS), Objection.due_at >= at)
        .order_by(Objection.id)
    ):
        level = sum(at >= due for due in reminders_of(season, objection))
        key = f"{season.year}/{LetterKind.OBJECTION_REMINDER.value}/office/{_reminder(objection, level)}"
        if level and session.get(Message, key) is None:
            found.append((objection.id, level))
    return found


def remind_of(session: Session, run: Run, objection: int, level: int) -> bool:
    """Call one owed answer to mind."""
    row = session.get_one(Objection, objection)
    rulings = rulings_of(session, objection)
    told = {**_about(session, row), "standing": row.state.label, "level": level}
    told |= {"investigator": rulings[-1].investigator} if rulings else {}
    kind = LetterKind.OBJECTION_REMINDER
    post_to_office(session, run, kind, key=_reminder(row, level), **_chosen(kind, told))
    return True


def anything_to_tend(session: Session, season: Season, at: datetime) -> bool:
    """Whether the clock has something to do about objections."""
    year = season.year
    if to_be_closed(session, year, at) or reminder_due(session, season, at):
        return True
    return any(
        session.get_one(Submission, number).state is SubmissionState.FINAL_REVIEWED
        for number in noticed_by_now(session, year, at)
        if number not in suspended_numbers(session, year)
    )


def _reminder(objection: Objection, level: int) -> str:
    """Of each time that an answer is owed: a reconsideration has reminders of its own."""
    return f"{objection.id}/{objection.due_at:%Y%m%d}/{level}"


def end_objection(session: Session, run: Run, objection: int) -> None:
    """End one of which nobody asked for a reconsideration in time."""
    moved = close_objection(session, run.season, objection, run.act)
    _tell_moved(session, run, objection, moved)


def read_letter(settings: Settings, year: int, reference: str, most_mib: int) -> ObjectionFolder:
    """What lies in an objection's folder. Raises LetterUnreadable."""
    folder = _folder_of(settings, year, reference)
    form = folder / FORM
    if not form.is_file() or form.is_symlink():
        raise LetterUnreadable(reference, f"文件夹中没有《{FORM}》")
    given = _read_form(reference, form)
    files = tuple(sorted(path for path in folder.rglob("*") if path != form and not path.is_dir()))
    for path in files:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > most_mib * _MIB:
            raise LetterUnreadable(reference, f"附件“{name_for_people(path)}”不是普通文件，或超过{most_mib}MB")
    try:
        received_on = date.fromisoformat(given["收到日期"])
    except ValueError:
        raise LetterUnreadable(reference, f"收到日期“{given['收到日期']}”应写成2026-08-05的样式") from None
    filed = Filed(
        number=given["项目编号"],
        kind=_labelled(reference, ObjectionKind, "异议类别", given),
        channel=_labelled(reference, ObjectionChannel, "提出方式", given),
        received_on=received_on,
        grounds=given["异议理由"],
        objector=given["异议人"],
        contact=given["联系方式"],
        evidence=tuple(AttachedFile(name_for_people(path), digest_of(path), path.stat().st_size) for path in files),
    )
    return ObjectionFolder(folder, filed, files)


def read_people(run: Run, reference: str) -> Corrected:
    """The corrected contributors that lie in a folder: 姓名,工作单位,分工,贡献率. Raises LetterUnreadable."""
    path = _folder_of(run.settings, run.year, reference) / PEOPLE
    if not path.is_file() or path.is_symlink():
        raise LetterUnreadable(reference, f"文件夹中没有《{PEOPLE}》")
    rows = list(csv.reader(_text(path).splitlines()))
    if not rows or [cell.strip() for cell in rows[0]] != ["姓名", "工作单位", "分工", "贡献率"]:
        raise LetterUnreadable(reference, f"《{PEOPLE}》的第一行应为：姓名,工作单位,分工,贡献率")
    try:
        people = tuple(
            ContributorForm.model_validate(
                {
                    "name": name.strip(),
                    "organisation": body.strip(),
                    "role": role.strip(),
                    "share": share.strip() or None,
                }
            )
            for name, body, role, share in rows[1:]
        )
    except (ValidationError, ValueError):
        raise LetterUnreadable(reference, f"《{PEOPLE}》每行须有姓名、工作单位、分工、贡献率四项") from None
    if not 0 < len(people) <= run.season.call.max_contributors:
        raise LetterUnreadable(reference, f"完成人应为1至{run.season.call.max_contributors}人")
    file = AttachedFile(path.name, digest_of(path), path.stat().st_size)
    _seal(run, path, file)
    return Corrected(people, file)


def _folder_of(settings: Settings, year: int, reference: str) -> Path:
    folder = paths.objection_letters(settings, year) / reference
    if not _REFERENCE.fullmatch(reference) or folder.is_symlink() or not folder.is_dir():
        raise LetterUnreadable(reference, f"office/{year}/objections/ 下没有这个文件夹")
    return folder


def _read_form(reference: str, form: Path) -> dict[str, str]:
    """The form's answers by heading; the grounds run to the end."""
    last = HEADINGS[-1]
    head, found, grounds = _text(form).partition(f"{last}：")
    given = {last: grounds.strip()} if found else {}
    for line in head.splitlines():
        heading, colon, answer = line.replace(":", "：", 1).partition("：")
        if colon and heading.strip() in HEADINGS:
            given[heading.strip()] = "" if answer.strip().startswith("（") else answer.strip()
    missing = [heading for heading in HEADINGS if heading not in given]
    if missing:
        raise LetterUnreadable(reference, f"《{FORM}》缺少：{'、'.join(missing)}")
    return given


def _text(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


def _labelled(reference: str, words: type[Word], heading: str, given: dict[str, str]) -> Word:
    found = words.from_label(given[heading])
    if found is None:
        known = "、".join(word.label for word in words)
        raise LetterUnreadable(reference, f"{heading}应为其中之一：{known}")
    return found


def _seal(run: Run, path: Path, file: AttachedFile) -> None:
    """Keep a file under its digest, for reading alone."""
    target = paths.evidence(run.settings, run.year) / f"{file.digest}{path.suffix[:20].lower()}"
    if not run.dry_run and not target.exists():
        write_atomically(target, path.read_bytes())
        target.chmod(0o400)


def _member(words: type[Word], text: str) -> Word:
    found = words.from_label(text) or next((word for word in words if word == text), None)
    if found is None:
        raise DecisionRefused(
            text or "the reason",
            f"give one of: {', '.join(words)}",
            f"请填写其中之一：{'、'.join(word.label for word in words)}",
        )
    return found


def _id(subject: str) -> int:
    if not subject.isdigit():
        raise DecisionRefused(
            f"objection {subject!r}",
            "an objection is named by its number, such as 20260001",
            "异议以编号指明，例如 20260001",
        )
    return int(subject)


def _decline(session: Session, run: Run, act: Act, objection: int, refusal: NotAccepted, answer: str) -> None:
    key = run.settings.objectors_key(run.year)
    row = decline_objection(session, run.season, objection, act, refusal=refusal, answer=answer, key=key)
    _tell_objector(session, run, row, decision=f"{row.state.label}：{refusal.label}", answer=answer)
    run.tell("not accepted", refusal.label)


def _answer(
    session: Session,
    run: Run,
    act: Act,
    subject: str,
    result: ObjectionResult,
    answer: str,
    *,
    tier: Tier | None = None,
    people: Corrected | None = None,
) -> None:
    answered = answer_objection(
        session, run.season, _id(subject), act, result=result, answer=answer, tier=tier, people=people
    )
    objection, until = answered.objection, answered.objection.reconsider_until
    decision = f"{result.label}为{tier.label}" if tier else result.label
    said = {"decision": decision, "answer": answer, "reconsider_until": until}
    _tell_both(session, run, objection, LetterKind.OBJECTION_ANSWERED, **said)
    row = session.get(Submission, objection.number, populate_existing=True)
    if row is not None and row.outcome is Outcome.REVOKED and result is ObjectionResult.REMOVED:
        told: dict[str, Any] = {"number": row.number, "title": row.title, "reason": answer}
        post_to_unit(session, run, LetterKind.REVOKED, row.unit, key=f"{row.number}/{row.sequence}", **told)
    _tell_moved(session, run, objection.id, answered.moved_up)
    run.tell("result", decision)


def _about(session: Session, objection: Objection) -> dict[str, Any]:
    """What letters about an objection say; nothing of who objected."""
    row = session.get(Submission, objection.number) if objection.number else None
    return {
        "objection": objection.id,
        "number": objection.number or "",
        "title": row.title if row else "",
        "about": objection.kind.label if objection.kind else "",
        "due_at": objection.due_at,
    }


def _tell_both(session: Session, run: Run, objection: Objection, kind: LetterKind, **said: Any) -> None:
    """The unit, and the objector by way of the office."""
    if objection.number is not None:
        unit = session.get_one(Submission, objection.number).unit
        told = {**_about(session, objection), **said}
        post_to_unit(session, run, kind, unit, key=_key(objection), **_chosen(kind, told))
    _tell_objector(session, run, objection, **said)


def _tell_objector(session: Session, run: Run, objection: Objection, **said: Any) -> None:
    """To the office, to be handed on: nothing that leaves this program by itself knows who objected."""
    told = {**_about(session, objection), "standing": objection.state.label, **said}
    kind = LetterKind.OBJECTION_TO_OBJECTOR
    post_to_office(session, run, kind, key=_key(objection), **_chosen(kind, told))


def _tell_investigator(session: Session, run: Run, objection: Objection, person: str, ordinal: int) -> None:
    told = {**_about(session, objection), "investigator": person, "again": ordinal > 1}
    kind = LetterKind.OBJECTION_TO_INVESTIGATE
    post_to_office(session, run, kind, key=f"{_key(objection)}/{person}", **_chosen(kind, told))


def _key(objection: Objection) -> str:
    """One letter a step: an objection comes into no state but one twice, and into that for another investigator."""
    return f"{objection.id}/{objection.state}"


def _chosen(kind: LetterKind, told: dict[str, Any]) -> dict[str, Any]:
    """What a letter of this kind says of all that is known."""
    return {name: told[name] for name in (*kind.needs, *kind.may) if told.get(name) is not None}


def _tell_moved(session: Session, run: Run, objection: int, moved: dict[str, Tier]) -> None:
    for number, tier in moved.items():
        row = session.get_one(Submission, number)
        until = session.get_one(Placing, number).notice_until
        placed = {"number": number, "title": row.title, "tier": tier, "notice_until": until}
        kind = LetterKind.MOVED_UP
        post_to_unit(session, run, kind, row.unit, key=f"{number}/{objection}", **_chosen(kind, placed))
    if moved:
        run.tell("moved up", len(moved))

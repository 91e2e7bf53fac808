"""The submissions workbook (申报汇总表): what a unit submits, changes and withdraws, with the files that come along."""

import re
from collections.abc import Iterable, Mapping, Sequence, Sized
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from config.local_time import local_day
from config.milestones import Milestone
from config.season import Season
from config.units import name_on
from flows.home import paths
from flows.kinds.files_along import keep_pictures, match_files, pictures_of
from flows.kinds.kind import HandedIn, Issued, Kind, issue
from flows.kinds.submission_columns import RESTORED, WITHDRAWN, earlier_columns, submission_columns
from flows.kinds.verdicts import issue_after_admission
from flows.run import Run
from flows.workbooks.columns.cells import quote
from flows.workbooks.reader import pictures
from flows.workbooks.reader.assembly import Assembler, filled_in
from flows.workbooks.reader.findings import Form, Note, Problem, Reading
from flows.workbooks.reader.headings import heading_key
from flows.workbooks.reader.layout import Layout
from flows.workbooks.reader.packages import save_attachments
from flows.workbooks.reader.table import SheetLine, SheetPlace
from models.enums import WorkbookKind
from models.forms import ContactForm, ContributorForm, OrganisationForm, PictureForm, SubmissionForm, WithdrawalForm
from states.district_round.unit_requests import take_withdrawals
from states.guard_facts import deadline_of
from states.submissions.attachments import AttachedFile
from states.submissions.delivery import Taken
from states.submissions.identity import Incoming
from states.submissions.intake import take_submissions

_FULL = Decimal(100)
_ADDED = re.compile(
    r"(?:完成人|申报单位|完成单位|单位)(?P<digits>[1-9]\d?|[一二三四五六七八九])(?!\d)"
    r"|第(?P<ordinal>[1-9]\d?|[一二三四五六七八九])完成人|(?:其他|其余)(?:主要)?(?:完成人|完成单位|申报单位)"
)
_CHINESE_DIGITS = str.maketrans("一二三四五六七八九", "123456789")
_PLAIN = tuple(
    name
    for name in SubmissionForm.model_fields
    if name not in ("restores", "contact", "organisations", "contributors", "pictures")
)
_CONTACT = tuple((name, f"contact.{name}") for name in ContactForm.model_fields)


def issue_template(session: Session, run: Run, code: str, occasion: str = "") -> Issued:
    """A unit's empty workbook, to be delivered until the call closes for it."""
    return issue(
        session,
        run,
        _layout(run.season, code),
        code,
        name=name_on(code, local_day(run.at)),
        deadline=deadline_of(session, run.year, Milestone.CLOSE_CALL, code),
        occasion=occasion,
    )


def _layout(season: Season, _: str) -> Layout:
    years, call = "、".join(str(year) for year in season.covered_years), season.call
    return Layout(
        WorkbookKind.SUBMISSIONS,
        submission_columns(season),
        _Rows,
        check=match_files,
        numbered=True,
        ways=(
            ("附件", "有附件时，把本表和附件一起压缩成一个 .zip 报送，“附件文件名”一列写明各行用到的文件。"),
            *((_BLIND_FILES,) if season.final_round.blind else ()),
            (
                "图片",
                "图片也压缩在一起，每张各填文件名、内容说明和是否同意公开；不必再写进“附件文件名”。"
                "公开前系统会重新生成图片，去掉拍摄地点等附带信息。",
            ),
        ),
        closing=(
            (
                "个人信息",
                "联系方式只用于本次工作联系，到期删除。姓名、成果内容、图片只有各自取得同意的才公开，不同意的不公开，"
                "也不影响评审；同意以后随时可以通过报送单位或协调小组办公室撤回。",
            ),
        ),
        rules=(
            ("成果完成时间", f"{years}年内完成"),
            ("申报单位", f"最多{call.max_organisations}个，第1个为申报单位"),
            ("完成人", f"最多{call.max_contributors}人，按贡献大小排序"),
            *(
                (("图片", f"最多{call.max_pictures}张，每张不超过{pictures.MOST_PIXELS // 1_000_000:,}百万像素"),)
                if call.max_pictures
                else ()
            ),
        ),
        earlier=earlier_columns(season),
    )


_BLIND_FILES = (
    "评审附件",
    "评审不公开单位和姓名。评审专家只能看到“评审附件（不含单位、姓名）”一列写的文件，“附件文件名”一列的只供资格审查；"
    "同一个文件不含单位、姓名的，可以两列都写。",
)


class _Rows(Assembler):
    def __init__(self, layout: Layout, place: SheetPlace, season: Season) -> None:
        super().__init__(layout, place, season)
        self.bodies = _keys("organisations", ("name", "credit_code"), season.call.max_organisations)
        self.people = _keys(
            "contributors", ("name", "organisation", "role", "share", "consent"), season.call.max_contributors
        )
        self.jointly = "text_consent" in layout.replaced(place.columns)

    def build(self, line: SheetLine, problems: list[Problem], notes: list[Note]) -> Form | None:
        values = line.values
        if values.get("withdrawal") == WITHDRAWN:
            return self._withdrawal(line, problems, notes)
        self.require(line, self.required, problems)
        organisations = self._organisations(line, problems)
        contributors = self._contributors(line, organisations, problems, notes)
        self._beyond(line, problems)
        self._too_few_or_many(line, organisations, contributors, problems)
        if self.jointly and line.values.get("consent") is None and "consent" not in line.wrong:
            problems.append(self.place.problem("consent", line.number, "没有填"))
        payload = filled_in(values, _PLAIN) | {"restores": values.get("withdrawal") == RESTORED}
        payload["contact"] = {name: values[key] for name, key in _CONTACT if values.get(key) is not None}
        payload["organisations"], payload["contributors"] = organisations, contributors
        payload["pictures"] = pictures_of(line, self.place, self.season.call.max_pictures, problems)
        return self.made(SubmissionForm, payload, line, problems)

    def suppose(self, model: Any, payload: Mapping[str, Any]) -> Form | None:
        if model is not SubmissionForm or payload.get("title") is None:
            return None
        right = {
            "field": self.season.fields[0],
            "completed_on": date(self.season.covered_years[0], 1, 1),
            "number": None,
        }
        parts = {
            "organisations": tuple(OrganisationForm.model_construct(**body) for body in payload["organisations"]),
            "contributors": tuple(ContributorForm.model_construct(**person) for person in payload["contributors"]),
            "pictures": tuple(PictureForm.model_construct(**picture) for picture in payload["pictures"]),
        }
        return SubmissionForm.model_construct(**{**right, **payload, **parts})

    def _too_few_or_many(
        self, line: SheetLine, organisations: Sized, contributors: Sized, problems: list[Problem]
    ) -> None:
        """What the guards would refuse as well, told at its cell and together with the rest."""
        benefits = ("benefit_economic", "benefit_social")
        if all(line.values.get(key) is None and key not in line.wrong for key in benefits):
            problems.append(self.place.problem("benefit_social", line.number, "和“经济效益”至少填一项"))
        call = self.season.call
        for found, most, key, noun in (
            (organisations, call.max_organisations, "organisations.0.name", "申报单位"),
            (contributors, call.max_contributors, "contributors.0.name", "完成人"),
        ):
            if len(found) > most:
                problems.append(self.place.problem(key, line.number, f"起共有{len(found)}个{noun}，最多{most}个"))

    def _beyond(self, line: SheetLine, problems: list[Problem]) -> None:
        """Columns that somebody added for a sixth contributor or a fourth organisation."""
        call = self.season.call
        for index in sorted(line.aside):
            match = _ADDED.match(heading_key(self.place.extra.get(index, "")))
            if match is None:
                continue
            noun = "完成人" if "完成人" in match[0] else "申报单位"
            most = call.max_contributors if noun == "完成人" else call.max_organisations
            ordinal = match["digits"] or match["ordinal"]
            if ordinal is None or int(ordinal.translate(_CHINESE_DIGITS)) > most:
                message = (
                    f"填了{quote(line.aside[index])}，但{noun}最多{most}个，模板以外的不能接收；请删去或并入前{most}个"
                )
                problems.append(self.place.problem_aside(index, line.number, message))

    def _withdrawal(self, line: SheetLine, problems: list[Problem], notes: list[Note]) -> Form | None:
        """Only the number counts; what else stands in the row is neither checked nor taken."""
        problems.clear()
        notes.clear()
        if line.values.get("number") is None:
            message = "没有填：要撤回哪一项，请填回执上的编号"
            problems.append(self.place.problem("number", line.number, message))
        return self.made(WithdrawalForm, {"number": line.values.get("number")}, line, problems)

    def _organisations(self, line: SheetLine, problems: list[Problem]) -> list[dict[str, str]]:
        values, found = line.values, []
        for index, keys in enumerate(self.bodies):
            name, code = values.get(keys[0]), values.get(keys[1])
            if isinstance(name, tuple) and code is not None:
                message = f"里有{len(name)}个单位，分不清后面的代码是哪一个的，请一格一个单位"
                problems.append(self.place.problem(keys[0], line.number, message))
            elif isinstance(name, tuple):
                found += [{"name": part, "credit_code": ""} for part in name]
            elif name is not None:
                found.append({"name": name, "credit_code": code or ""})
            elif index and code is not None:
                problems.append(self.place.problem(keys[0], line.number, "没有填，但填了它的代码"))
        return found

    def _contributors(
        self, line: SheetLine, organisations: list[dict[str, str]], problems: list[Problem], notes: list[Note]
    ) -> list[dict[str, Any]]:
        values, found, shared = line.values, [], []
        only = organisations[0]["name"] if len(organisations) == 1 else None
        for index, (name_key, body_key, role_key, share_key, consent_key) in enumerate(self.people):
            name, body = values.get(name_key), values.get(body_key)
            role, share, consent = values.get(role_key), values.get(share_key), values.get(consent_key)
            if name is None:
                alone = body is None and role is None and share is None and consent is None
                if index and not alone and name_key not in line.wrong:
                    problems.append(self.place.problem(name_key, line.number, "没有填，但填了此人的其他内容"))
                continue
            if body is None and body_key not in line.wrong:
                body = self._body_of(body_key, only, line, problems, notes)
            if share is not None:
                shared.append((share_key, share))
            names = name if isinstance(name, tuple) else (name,)
            if len(names) > 1 and (share is not None or role is not None):
                message = f"里有{len(names)}人，分不清后面的承担工作和占比是谁的，请一格一人"
                problems.append(self.place.problem(name_key, line.number, message))
            if not self.jointly:
                self._check_consent(line, name_key, consent_key, names, problems)
            found += [
                {"name": person, "organisation": body, "role": role or "", "share": share, "consent": consent}
                for person in names
            ]
        if shared:
            self._check_shares(line, shared, found, problems, notes)
        return found

    def _check_consent(
        self, line: SheetLine, name_key: str, consent_key: str, people: Sequence[str], problems: list[Problem]
    ) -> None:
        """Nothing is assumed from an empty cell, and nobody agrees for another."""
        consent = line.values.get(consent_key)
        if consent is None and consent_key not in line.wrong and consent_key not in self.required:
            problems.append(self.place.problem(consent_key, line.number, "没有填"))
        elif consent and len(people) > 1:
            listed = "、".join(people)
            message = f"里有{len(people)}人（{listed}），是否同意公开姓名须由每个人各自答复，请一格一人"
            problems.append(self.place.problem(name_key, line.number, message))

    def _body_of(
        self, key: str, only: str | None, line: SheetLine, problems: list[Problem], notes: list[Note]
    ) -> str | None:
        """A contributor without organisation belongs to the only one there is; otherwise it is asked back."""
        wanted = self.place.problem(key, line.number, "没有填")
        if only is not None:
            if wanted in problems:
                problems.remove(wanted)
            notes.append(self.place.note(key, line.number, f"没有填，按“{only}”计"))
        elif wanted not in problems:
            problems.append(wanted)
        return only

    def _check_shares(
        self,
        line: SheetLine,
        shared: list[tuple[str, Decimal]],
        found: list[dict[str, Any]],
        problems: list[Problem],
        notes: list[Note],
    ) -> None:
        total = sum((share for _, share in shared), Decimal(0))
        if total <= 1 and all(key not in line.understood for key, _ in shared):
            for person in found:
                if person["share"] is not None:
                    person["share"] = (person["share"] * 100).normalize() + 0
            notes.append(self.place.note(shared[0][0], line.number, "填的是小数，已按百分数理解（0.3即30%）"))
        elif total > _FULL:
            message = f"与其他完成人合计{total.normalize():f}%，超过100%"
            problems.append(self.place.problem(shared[-1][0], line.number, message))


def _keys(group: str, parts: tuple[str, ...], count: int) -> list[tuple[str, ...]]:
    return [tuple(f"{group}.{index}.{part}" for part in parts) for index in range(count)]


def _take(session: Session, run: Run, handed: HandedIn) -> Taken:
    delivered, forms = handed.delivered, dict(handed.forms(SubmissionForm))
    rows = [
        Incoming(
            index,
            form,
            _files_of(handed.reading, form),
            handed.reading.rows[index].line,
            {name: made.readable for name, made in handed.reading.pictures.items()},
        )
        for index, form in forms.items()
    ]
    faulty = [
        Incoming(index, form, line=handed.reading.rows[index].line) for index, form in handed.faulty(SubmissionForm)
    ]
    taken = take_submissions(session, delivered, rows, faulty)
    accepted = [form for index, form in forms.items() if index in taken.accepted]
    _keep_files(run, handed.path, accepted)
    keep_pictures(run, handed.reading, accepted)
    taken.join(take_withdrawals(session, delivered, handed.forms(WithdrawalForm)))
    if delivered.admitted and taken.accepted:
        issue_after_admission(session, run, delivered.unit, delivered.digest)
    return taken


def _files_of(reading: Reading, form: SubmissionForm) -> tuple[AttachedFile, ...]:
    """The files of a delivery that one of its rows names; none when the workbook came alone."""
    here = {file.name: file for file in reading.attachments}
    return tuple(here[name] for name in form.files if name in here)


def _keep_files(run: Run, path: Path, forms: Iterable[SubmissionForm]) -> None:
    """Put the files that accepted rows name into the store, before the transaction that names them ends.

    A run that dies in between leaves files that the delivery, taken again, finds in their place.
    """
    names = {name for form in forms for name in form.files}
    if names and not run.dry_run:
        save_attachments(path, paths.attachments(run.settings, run.year), run.season.files, names)


KIND = Kind(WorkbookKind.SUBMISSIONS, _layout, _take, closes=Milestone.CLOSE_CALL, issue_again=issue_template)

"""Checked values of one line -> the form of its kind, or every reason why not."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sized
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from config.season import Season
from flows.workbooks.columns.cells import quote
from flows.workbooks.columns.submission import RESTORED, WITHDRAWN
from flows.workbooks.reader.findings import FilledRow, Form, Note, Problem
from flows.workbooks.reader.headings import heading_key
from flows.workbooks.reader.inspection import STRUCK
from flows.workbooks.reader.layout import Layout
from flows.workbooks.reader.table import Line, Place
from models.forms import ContactForm, SubmissionForm, WithdrawalForm

_FULL = Decimal(100)
_VOID = re.compile(
    r"^(?:[此本该][行项条])?(?:已|请)?(?:作废|不报了?|删除|取消申报)[。！!]?$|[(（\[【](?:已?作废|不报|删除)[)）\]】]"
)
_VOID_ASKED = "分不清是否作废：仍要报的请删去这几个字，不报的请整行删除（已接收的在“撤回”列选“撤回”）"
_ADDED = re.compile(
    r"(?:完成人|申报单位|完成单位|单位)(?P<digits>[1-9]\d?|[一二三四五六七八九])(?!\d)"
    r"|第(?P<ordinal>[1-9]\d?|[一二三四五六七八九])完成人|(?:其他|其余)(?:主要)?(?:完成人|完成单位|申报单位)"
)
_CHINESE_DIGITS = str.maketrans("一二三四五六七八九", "123456789")
_PLAIN = tuple(
    name for name in SubmissionForm.model_fields if name not in ("restores", "contact", "organisations", "contributors")
)
_CONTACT = tuple((name, f"contact.{name}") for name in ContactForm.model_fields)


class Assembler(ABC):
    """Builds the rows of one sheet; what a line becomes, each kind of workbook says in `build`."""

    def __init__(self, layout: Layout, place: Place, season: Season) -> None:
        self.layout, self.place, self.season = layout, place, season
        self.required = [column.key for column in layout.columns if column.required]
        self.pointed = [column.key for column in layout.columns if column.key.startswith("points.")]

    def row(self, line: Line) -> FilledRow:
        """The row with its form, or with all its problems."""
        problems = [self.place.problem(key, line.number, message) for key, message in line.wrong.items()]
        notes = [self.place.note(key, line.number, remark) for key, remark in line.understood.items()]
        form = self.build(line, problems, notes)
        if not isinstance(form, WithdrawalForm):
            problems = self._void(line) or problems
        if problems:
            problems.sort(key=lambda problem: _order(problem.cell))
            form = None
        return FilledRow(self.place.sheet, line.number, form, tuple(problems), tuple(notes), self.title(line))

    def title(self, line: Line) -> str:
        """The title of the achievement that a line is about, as far as it says so."""
        return line.values.get("title") or ""

    def _void(self, line: Line) -> list[Problem]:
        """A row that its sender seems to have crossed out: one question instead of many."""
        struck = [key for key, message in line.wrong.items() if message == STRUCK]
        if struck:
            more = f"等{len(struck)}格" if len(struck) > 1 else ""
            first = min(struck, key=lambda key: self.place.columns[key])
            return [self.place.problem(first, line.number, f"{more}{STRUCK}")]
        for key, text in line.values.items():
            if isinstance(text, str) and _VOID.search(text):
                return [self.place.problem(key, line.number, f"写着{quote(text)}，{_VOID_ASKED}")]
        for index, text in line.aside.items():
            if _VOID.search(text):
                return [self.place.problem_aside(index, line.number, f"写着{quote(text)}，{_VOID_ASKED}")]
        return []

    @abstractmethod
    def build(self, line: Line, problems: list[Problem], notes: list[Note]) -> Form | None:
        """The form of a line; what speaks against it is added to `problems`, what is to be told to `notes`."""

    def require(self, line: Line, keys: list[str], problems: list[Problem]) -> None:
        values = line.values
        for key in keys:
            if values.get(key) is None and key not in line.wrong:
                problems.append(self.place.problem(key, line.number, "没有填"))

    def made(self, model: Any, payload: dict[str, Any], line: Line, problems: list[Problem]) -> Form | None:
        if problems:
            return None
        try:
            return model.model_validate(payload)
        except ValidationError as error:
            for fault in error.errors():
                where = ".".join(str(part) for part in fault["loc"])
                key = where if where in self.layout.by_key else self.layout.columns[0].key
                problems.append(self.place.problem(key, line.number, f"不能接收（{where}：{fault['msg']}）"))
            return None

    def points(self, line: Line) -> dict[str, Decimal]:
        return {
            key.removeprefix("points."): line.values[key] for key in self.pointed if line.values.get(key) is not None
        }


class SubmissionRows(Assembler):
    """The rows of the submissions workbook."""

    def __init__(self, layout: Layout, place: Place, season: Season) -> None:
        super().__init__(layout, place, season)
        self.bodies = _keys("organisations", ("name", "credit_code"), season.call.max_organisations)
        self.people = _keys("contributors", ("name", "organisation", "role", "share"), season.call.max_contributors)

    def build(self, line: Line, problems: list[Problem], notes: list[Note]) -> Form | None:
        values = line.values
        if values.get("withdrawal") == WITHDRAWN:
            return self._withdrawal(line, problems, notes)
        self.require(line, self.required, problems)
        organisations = self._organisations(line, problems)
        contributors = self._contributors(line, organisations, problems, notes)
        self._beyond(line, problems)
        self._too_few_or_many(line, organisations, contributors, problems)
        payload = filled_in(values, _PLAIN) | {"restores": values.get("withdrawal") == RESTORED}
        payload["contact"] = {name: values[key] for name, key in _CONTACT if values.get(key) is not None}
        payload["organisations"], payload["contributors"] = organisations, contributors
        return self.made(SubmissionForm, payload, line, problems)

    def _too_few_or_many(self, line: Line, organisations: Sized, contributors: Sized, problems: list[Problem]) -> None:
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

    def _beyond(self, line: Line, problems: list[Problem]) -> None:
        """Columns that somebody added for a sixth contributor or a fourth organisation."""
        call = self.season.call
        for index in sorted(line.aside):
            match = _ADDED.match(heading_key(self.place.extra[index]))
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

    def _withdrawal(self, line: Line, problems: list[Problem], notes: list[Note]) -> Form | None:
        """Only the number counts; what else stands in the row is neither checked nor taken."""
        problems.clear()
        notes.clear()
        if line.values.get("number") is None:
            message = "没有填：要撤回哪一项，请填回执上的编号"
            problems.append(self.place.problem("number", line.number, message))
        return self.made(WithdrawalForm, {"number": line.values.get("number")}, line, problems)

    def _organisations(self, line: Line, problems: list[Problem]) -> list[dict[str, str]]:
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
        self, line: Line, organisations: list[dict[str, str]], problems: list[Problem], notes: list[Note]
    ) -> list[dict[str, Any]]:
        values, found, shared = line.values, [], []
        only = organisations[0]["name"] if len(organisations) == 1 else None
        for index, (name_key, body_key, role_key, share_key) in enumerate(self.people):
            name, body = values.get(name_key), values.get(body_key)
            role, share = values.get(role_key), values.get(share_key)
            if name is None:
                alone = body is None and role is None and share is None
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
            found += [{"name": person, "organisation": body, "role": role or "", "share": share} for person in names]
        if shared:
            self._check_shares(line, shared, found, problems, notes)
        return found

    def _body_of(
        self, key: str, only: str | None, line: Line, problems: list[Problem], notes: list[Note]
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
        line: Line,
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


def _order(cell: str | None) -> tuple[int, str]:
    name = (cell or "").rstrip("0123456789")
    return len(name), name


def filled_in(values: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """What was filled in; the form knows its own defaults."""
    return {key: values[key] for key in keys if values.get(key) is not None}


def _keys(group: str, parts: tuple[str, ...], count: int) -> list[tuple[str, ...]]:
    return [tuple(f"{group}.{index}.{part}" for part in parts) for index in range(count)]

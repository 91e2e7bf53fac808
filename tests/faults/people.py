"""The people of the small season: what each of them sends or decides, and when.

Acts come in a fixed order. What was done is kept below `people/` in the home, as people keep
copies and notes; a decision that was begun and not finished is taken again, as Prefect runs a
crashed run again.
"""

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
from sqlalchemy import Engine, select

from config.local_time import local_day
from config.season import Season
from config.settings import Settings
from flows.demo.people import credit_code
from flows.home import paths
from flows.kinds.table import layout_of
from flows.objections import HEADINGS, put_letter
from flows.workbooks.writer.fill_sheet import FIRST_ROW
from flows.workbooks.writer.filling import fill_template, submission_row
from models import Assignment, Delivery, Message, Objection, Submission
from models.database import reading
from models.enums import AssignmentState, Carrier, Category, WorkbookKind
from models.forms import ContactForm, ContributorForm, OrganisationForm, SubmissionForm
from states.final_round.approval import list_digest
from states.panel.aliases import Aliases

OFFICER, INVESTIGATOR = "示例·王主任", "示例·赵监督"
UNITS = ("500101", "500102", "500103")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_SAVED = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

# key -> (title, merit in percent). A3 and B3 look alike; B1 and C1 tie at the cut of the second prize.
WORKS = {
    "A1": ("示例机床主轴润滑油路快速检测装置", 95),
    "A2": ("示例电梯门锁触点磨损测量卡尺", 80),
    "A3": ("示例配电柜母排接头温升在线监视小终端", 50),
    "A4": ("示例锅炉水位计照明改造", 40),
    "B1": ("示例隧道衬砌台车模板脱模剂自动喷涂臂", 85),
    "B2": ("示例变压器呼吸器硅胶更换专用漏斗", 70),
    "B3": ("示例配电柜母排接头温升在线监视小终瑞", 60),
    "B4": ("示例公交车厢扶手消毒推车", 55),
    "C1": ("示例手术器械清洗篮防丢计数托盘", 85),
    "C2": ("示例皮带输送机托辊异响听诊杆", 65),
    "C3": ("示例柑橘分选线果品防撞缓冲帘", 75),
    "C4": ("示例污水泵站格栅除污耙齿", 45),
    "C5": ("示例检修工具车分层定位垫", 60),
    "C6": ("示例桥梁支座更换同步顶升表", 60),
}
_UNCODED = ("A2", "C2")
_WITHOUT_ABSTRACT = "（漏填）"


@dataclass(frozen=True)
class Scene:
    """One thing that somebody does at an instant. `send` puts files; `decide` gives (flow, parameters, is it done)."""

    name: str
    at: datetime
    send: Callable[["People"], None] | None = None
    decide: Callable[["People"], tuple[str, dict[str, Any]]] | None = None


class People:
    """Everybody, in one home."""

    def __init__(self, own: Settings, engine: Engine, season: Season) -> None:
        self.own, self.engine, self.season = own, engine, season
        self.folder = own.folder("people")

    def has(self, note: str) -> bool:
        return (self.folder / note).exists()

    def note(self, note: str) -> None:
        (self.folder / note).touch()

    def next_act(self, now: datetime) -> Scene | None:
        return next((act for act in acts(self.season) if act.at <= now and not self.has(f"{act.name}.done")), None)

    def put(
        self,
        sender: str,
        kind: WorkbookKind,
        name: str,
        rows: list[dict[str, Any]],
        issue: int = 1,
        folder: str = "",
    ) -> None:
        """Fill an own copy of the issued workbook once, and put it into the inbox: the sender's, or another folder's."""
        copy = self.folder / sender / f"{name}.xlsx"
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            draft = copy.with_name(f".{name}.xlsx")
            fill_template(paths.issued(self.own, self.season.year, sender, kind, issue), draft, rows)
            draft.write_bytes(_settled(draft.read_bytes()))
            draft.replace(copy)
        box = paths.inbox(self.own) / (folder or sender)
        box.mkdir(parents=True, exist_ok=True)
        half = box / f".{name}.part"
        half.write_bytes(copy.read_bytes())
        half.replace(box / copy.name)

    def number(self, key: str) -> str:
        with reading(self.engine) as session:
            return session.scalars(select(Submission.number).where(Submission.title == WORKS[key][0])).one()

    def submissions(
        self, name: str, keys: Iterable[str], *, flawed: str = "", numbered: bool = False, folder: str = ""
    ) -> None:
        keys = list(keys)
        rows = []
        for key in keys:
            row = submission_row(form_of(key))
            if key == flawed:
                del row["成果简介"]
            if numbered:
                row["申报编号"] = self.number(key)
                row["单位1统一社会信用代码"] = _code(key)
            rows.append(row)
        self.put(UNITS["ABC".index(keys[0][0])], WorkbookKind.SUBMISSIONS, name, rows, folder=folder)

    def verdicts(self, unit: str, recommended: str, other: str = "") -> None:
        headings = self._headings(WorkbookKind.VERDICTS)
        rows = []
        for key in (*recommended.split(), *other.split()):
            row = {"申报编号": self.number(key), "初评结论": "推荐" if key in recommended.split() else "不推荐"}
            rows.append(row | {headings[f"points.{name}"]: value for name, value in self._points(key).items()})
        # A late admission issued the sheet once more, and only the newest is taken.
        issues = [
            number
            for number in range(1, 9)
            if paths.issued(self.own, self.season.year, unit, WorkbookKind.VERDICTS, number).exists()
        ]
        self.put(unit, WorkbookKind.VERDICTS, "初评", rows, issues[-1])

    def experts(self) -> None:
        rows = [
            {
                "姓名": f"示例·专家{ordinal}",
                "工作单位": f"示例研究院{ordinal}",
                "专业领域": "、".join(self.season.fields),
                "联系邮箱": f"expert{ordinal}@example.invalid",
                "承诺书签署日期": date(2026, 3, 5),
            }
            for ordinal in range(1, 9)
        ]
        self.put(paths.OFFICE, WorkbookKind.EXPERTS, "专家库", rows)

    def scores(self) -> None:
        """Everybody but the silent one fills the sheets that were issued and not yet sent."""
        recusing, silent = self.invited(0), self.invited(1)
        outbox = self.own.home.absolute() / "outbox" / str(self.season.year)
        for folder in sorted(outbox.glob("E[0-9]*")):
            for sheet in sorted(folder.glob(f"*{WorkbookKind.SCORES.label}*.xlsx")):
                if folder.name != silent and not (self.folder / folder.name / sheet.name).exists():
                    self._score(folder.name, sheet, recusing)

    def invited(self, index: int) -> str:
        """One of the experts who got a sheet after the draw: 0 steps back from one submission, 1 is silent."""
        with reading(self.engine) as session:
            query = select(Message.key).where(Message.key.contains("/expert_invitation/")).order_by(Message.key)
            return session.scalars(query).all()[index].split("/")[2]

    def _score(self, expert: str, sheet: Path, recusing: str) -> None:
        issue = int(re.search(r"-E\d+-(\d+)\.xlsx$", sheet.name)[1]) if sheet.name.count("-") > 1 else 1
        headings, rows = self._headings(WorkbookKind.SCORES), []
        owed = self._owed(expert)
        with reading(self.engine) as session:
            aliases = Aliases(session, self.season)
            listed = {aliases.number_of(alias): alias for alias in _given(sheet)}
        for number in (number for number in listed if number in owed):
            row = {"申报编号": listed[number]}
            if expert == recusing and issue == 1 and not rows:
                row |= {"回避": "回避", "回避原因": "示例：曾参与论证"}
            else:
                points = self._points(self._key(number), better=owed[number] == 2)
                row |= {headings[f"points.{name}"]: value for name, value in points.items()}
            rows.append(row)
        if rows:
            self.put(expert, WorkbookKind.SCORES, sheet.stem, rows, issue)

    def _owed(self, expert: str) -> dict[str, int]:
        """What an expert has still to score, with the round."""
        with reading(self.engine) as session:
            query = select(Assignment.number, Assignment.round).where(
                Assignment.expert == expert, Assignment.state == AssignmentState.ACTIVE
            )
            return {number: round_number for number, round_number in session.execute(query)}

    def _key(self, number: str) -> str:
        with reading(self.engine) as session:
            title = session.get_one(Submission, number).title
        return next(key for key, (name, _) in WORKS.items() if name == title)

    def _points(self, key: str, *, better: bool = False) -> dict[str, int]:
        merit = WORKS[key][1] + (2 if better and key == "B1" else 0)
        return {criterion.key: criterion.maximum * merit // 100 for criterion in self.season.final_round.rubric}

    def _headings(self, kind: WorkbookKind) -> dict[str, str]:
        return {column.key: column.heading for column in layout_of(kind, self.season).columns}

    def latest_digest(self) -> str:
        with reading(self.engine) as session:
            return list_digest(session, self.season.year)

    def late_delivery(self) -> str:
        with reading(self.engine) as session:
            query = select(Delivery.digest).where(Delivery.file_name == "补充申报.xlsx")
            return session.scalars(query).one()

    def objection_to(self, key: str) -> str:
        number = self.number(key)
        with reading(self.engine) as session:
            return str(session.scalars(select(Objection.id).where(Objection.number == number)).one())


def acts(season: Season) -> list[Scene]:
    """Everything that people do in the year, in order."""
    d, day, hour = season.dates, timedelta(days=1), timedelta(hours=1)
    return [
        Scene("send pool", d.open_call + 4 * day, send=People.experts),
        Scene("send submissions", d.open_call + 10 * day, send=_send_submissions),
        Scene("send again", d.open_call + 20 * day, send=_send_again),
        _decision("withdraw", d.open_call + 30 * day, "withdraw", lambda p: p.number("B4"), "示例：单位撤回"),
        Scene(
            "send late", d.close_call + 3 * hour, send=lambda p: p.submissions("补充申报", ["C5", "C6"], flawed="C6")
        ),
        _decision("admit late", d.close_call + day, "admit_late", People.late_delivery, "示例：停电"),
        _decision(
            "same achievement",
            d.close_call + 2 * day,
            "same_achievement",
            lambda p: p.number("A3"),
            "示例：同一成果",
            lambda p: p.number("B3"),
        ),
        Scene("move date", d.close_call + 3 * day, decide=_move),
        Scene("send verdicts", d.close_district_round - 5 * day, send=_send_verdicts),
        Scene(
            "send correction",
            d.check_eligibility + 2 * day,
            send=lambda p: p.submissions("补正", ["A2"], numbered=True),
        ),
        Scene("send scores", d.draw_panel + 5 * day, send=People.scores),
        _decision(
            "replace expert", d.draw_panel + 10 * day, "replace_expert", lambda p: p.invited(1), "示例：无法联系"
        ),
        Scene("send other scores", d.draw_panel + 12 * day, send=People.scores),
        Scene("send re-review", d.close_final_round + 3 * day, send=People.scores),
        Scene("send back", d.close_re_review + hour, decide=lambda p: _approval(p, "sent_back", "示例：请复核")),
        Scene(
            "approve",
            d.close_re_review + 8 * day,
            decide=lambda p: _approval(p, "approved", "示例：材料不实", strike=p.number("A2")),
        ),
        *_objection("B1", d.open_public_notice + day, d.publish_results + day, "dismiss_objection"),
        *_objection("C1", d.open_public_notice + day + hour, d.open_public_notice + 3 * day, "uphold_objection"),
        _decision("revoke", d.archive + 5 * day, "revoke", lambda p: p.number("A1"), "示例：弄虚作假"),
    ]


def form_of(key: str) -> SubmissionForm:
    """A complete form of fictitious people."""
    title, index = WORKS[key][0], sorted(WORKS).index(key)
    home = f"示例·单位{key}"
    return SubmissionForm(
        title=title,
        category=list(Category)[index % 3],
        carrier=Carrier.INDIVIDUAL,
        field=("机械制造", "电子信息")[index % 2],
        abstract=f"{title}的摘要",
        innovation="示例创新点",
        practicality="示例实用性",
        benefit_economic=Decimal(index + 1),
        spread="示例推广性",
        completed_on=date(2025, 6, 1 + index),
        organisations=(OrganisationForm(name=home, credit_code="" if key in _UNCODED else _code(key)),),
        contributors=(ContributorForm(name=f"示例·{key}", organisation=home, consent=True),),
        contact=ContactForm(name="示例·联系人", phone="000-00000000", mail="contact@example.invalid"),
        text_consent=True,
    )


def _code(key: str) -> str:
    return credit_code("91", 1 + sorted(WORKS).index(key))


def _send_submissions(people: People) -> None:
    for unit, flawed in (("A", "A4"), ("B", ""), ("C", "")):
        people.submissions("申报汇总表", [f"{unit}{ordinal}" for ordinal in range(1, 5)], flawed=flawed)


def _send_again(people: People) -> None:
    """The unit sends it to the officer, who puts it into the office's drop."""
    people.submissions("更正", ["A4"], folder=paths.OFFICE)


def _send_verdicts(people: People) -> None:
    for unit, recommended, other in zip(UNITS, ("A1 A2 A3", "B1 B2 B3", "C1 C2 C3"), ("A4", "", ""), strict=True):
        people.verdicts(unit, recommended, other)


def _objection(key: str, came: datetime, answered: datetime, decision: str) -> list[Scene]:
    """An objection from its letter to its answer, which is not for the officer who approved the list."""

    def letter(people: People) -> None:
        given = (
            people.number(key),
            "事实与材料",
            "邮寄",
            local_day(came).isoformat(),
            "示例·举报人",
            "示例",
            "示例：异议",
        )
        put_letter(people.own, people.season.year, dict(zip(HEADINGS, given, strict=True)), reference=f"letter-{key}")

    minute = timedelta(minutes=10)
    looking = "investigate_objection"
    return [
        Scene(f"letter {key}", came, send=letter),
        _decision(f"object {key}", came + minute, "raise_objection", lambda _: f"letter-{key}", ""),
        _decision(f"accept {key}", came + 2 * minute, "accept_objection", lambda p: p.objection_to(key), ""),
        _decision(
            f"look into {key}", came + 3 * minute, looking, lambda p: p.objection_to(key), "", lambda _: INVESTIGATOR
        ),
        _decision(f"answer {key}", answered, decision, lambda p: p.objection_to(key), "示例：已核查", by=INVESTIGATOR),
    ]


def _decision(
    name: str,
    at: datetime,
    decision: str,
    subject: Callable[[People], str],
    reason: str,
    other: Callable[[People], str] = lambda people: "",
    *,
    by: str = OFFICER,
) -> Scene:
    def decide(people: People) -> tuple[str, dict[str, Any]]:
        return "decide", {
            "officer_name": by,
            "decision": decision,
            "subject": subject(people),
            "reason": reason,
            "other": other(people),
        }

    return Scene(name, at, decide=decide)


def _move(people: People) -> tuple[str, dict[str, Any]]:
    return "move_date", {
        "officer_name": OFFICER,
        "milestone": "close_district_round",
        "to": "2026-05-30T18:00",
        "reason": "示例：一区县顺延",
        "unit": UNITS[1],
    }


def _approval(people: People, decision: str, reason: str, strike: str = "") -> tuple[str, dict[str, Any]]:
    return "approve_list", {
        "officer_name": OFFICER,
        "decision": decision,
        "list_digest": people.latest_digest(),
        "strike_numbers": strike,
        "reason": reason,
    }


def _given(sheet: Path) -> Iterator[str]:
    book = openpyxl.load_workbook(sheet, read_only=True)
    for (cell,) in book[book.sheetnames[0]].iter_rows(min_row=FIRST_ROW + 1, max_col=1, values_only=True):
        if cell:
            yield str(cell)
    book.close()


def _settled(content: bytes) -> bytes:
    """A workbook without the instant at which it was saved: the same rows are the same file."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as made, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for info in made.infolist():
            part = made.read(info)
            if info.filename == "docProps/core.xml":
                part = _SAVED.sub(b"2026-01-01T00:00:00Z", part)
            out.writestr(zipfile.ZipInfo(info.filename, _EPOCH), part, zipfile.ZIP_DEFLATED)
    return target.getvalue()

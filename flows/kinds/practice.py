"""The workbook of good practice (好经验好做法征集表): issued to each unit once a year, and what comes back."""

from sqlalchemy.orm import Session

from config.local_time import local_day
from config.milestones import Milestone
from config.season import Season
from config.units import name_on
from flows.kinds.kind import HandedIn, Issued, Kind, issue
from flows.run import Run
from flows.workbooks.columns import cells
from flows.workbooks.columns.column import NAME_LIMIT, Column, choice, in_group, labels
from flows.workbooks.reader.assembly import Assembler, filled_in
from flows.workbooks.reader.findings import Form, Note, Problem
from flows.workbooks.reader.layout import Layout
from flows.workbooks.reader.table import SheetLine
from models.enums import PracticeKind, PracticeSource, WorkbookKind
from models.forms import PracticeForm
from states.guard_facts import deadline_of
from states.practice import practices, take_practices, words_of
from states.submissions.delivery import Taken

TEXTS = {
    "background": "背景和要解决的问题",
    "practice": "具体做法",
    "effect": "成效",
    "spread": "可推广之处和条件",
}
_AGREED = ("同意", "不同意")
_LONGEST = 3_000


def issue_practice(session: Session, run: Run, code: str, occasion: str = "") -> Issued:
    """A unit's workbook; what it reported before stands in it."""
    rows = [
        {
            **{"title": row.title, "kind": row.kind.label, "source": row.source.label},
            **{"organisation": row.organisation, "consent": _AGREED[0 if row.consent else 1]},
            **words_of(row),
        }
        for row in practices(session, run.year)
        if row.unit == code and row.content
    ]
    return issue(
        session,
        run,
        _layout(run.season, code),
        code,
        name=name_on(code, local_day(run.at)),
        deadline=deadline_of(session, run.year, Milestone.CLOSE_PRACTICE),
        rows=rows,
        occasion=occasion,
    )


def _layout(_: Season, __: str) -> Layout:
    rules = (
        ("一行一份", "本单位的和辖区内用人单位的，每份材料填一行；名称相同的一行视为对原来那份的更正"),
        ("数据", "成效请写可以核实的数字和时间，不写个人姓名、电话"),
    )
    closing = (
        (
            "公开",
            "同意公开的材料在征集截止后登在网站上；不同意公开的只供办公室研究，也计入考核。"
            "同意以后随时可以通过报送单位或协调小组办公室撤回。",
        ),
    )
    return Layout(WorkbookKind.PRACTICE, _columns(), _Rows, rules=rules, closing=closing)


def _columns() -> tuple[Column, ...]:
    words = cells.prose(_LONGEST)
    material = in_group(
        "材料",
        Column(
            "title", "材料名称", cells.line(120), "一句话说清做法", ("名称", "题目", "标题"), required=True, width=36
        ),
        choice("kind", "类型", labels(PracticeKind), hint="从下拉框选择", width=10, also=("材料类型",)),
        choice("source", "谁的经验", labels(PracticeSource), hint="从下拉框选择", width=12, also=("来源",)),
        Column(
            "organisation",
            "单位名称",
            cells.name(NAME_LIMIT),
            "用人单位或报送单位的全称",
            ("单位",),
            required=True,
            width=28,
        ),
        Column("background", TEXTS["background"], words, "200字左右", ("背景",), required=True, width=40),
        Column("practice", TEXTS["practice"], words, "写清步骤、投入和组织方式", ("做法",), required=True, width=60),
        Column("effect", TEXTS["effect"], words, "可以核实的数字和时间", ("效果",), required=True, width=40),
        Column("spread", TEXTS["spread"], words, "可留空", ("推广",), width=36),
    )
    public = in_group(
        "公开",
        Column(
            "consent",
            "同意公开",
            cells.consent,
            "经材料所属单位同意",
            ("是否同意公开",),
            required=True,
            choices=_AGREED,
            width=11,
        ),
    )
    return (*material, *public)


class _Rows(Assembler):
    def build(self, line: SheetLine, problems: list[Problem], notes: list[Note]) -> Form | None:
        del notes
        self.require(line, [*self.required, "kind", "source"], problems)
        return self.made(PracticeForm, filled_in(line.values, PracticeForm.model_fields), line, problems)


def _take(session: Session, run: Run, handed: HandedIn) -> Taken:
    del run
    return take_practices(session, handed.delivered, handed.forms(PracticeForm))


KIND = Kind(WorkbookKind.PRACTICE, _layout, _take, closes=Milestone.CLOSE_PRACTICE, issue_again=issue_practice)

"""The follow-up workbook (成果转化跟踪表): issued to each unit with awards a year later, and what comes back."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.local_time import local_day
from config.milestones import Milestone
from config.season import Season
from config.units import name_on
from flows.kinds.files_along import PICTURE_ANSWERS, keep_pictures, match_files, picture_columns, pictures_of
from flows.kinds.kind import HandedIn, Issued, Kind, issue
from flows.run import Run
from flows.workbooks.columns import cells, dates, numbers
from flows.workbooks.columns.column import Column, choice, given_column, in_group, labels
from flows.workbooks.reader.assembly import Assembler, filled_in
from flows.workbooks.reader.findings import Form, Note, Problem
from flows.workbooks.reader.layout import Layout
from flows.workbooks.reader.table import SheetLine
from models import FollowUp, Submission
from models.enums import Outcome, Use, WorkbookKind
from models.forms import FollowUpForm
from states.guard_facts import deadline_of
from states.submissions.delivery import Taken
from states.submissions.follow_up import FollowUpAnswer, answer_of, take_answers

_LONGEST = 1_000
_AGREED = ("同意", "不同意")


def issue_follow_up(session: Session, run: Run, code: str, occasion: str = "") -> Issued:
    """A unit's workbook with a row for each awarded achievement; what was answered before stands in it."""
    return issue(
        session,
        run,
        _layout(run.season, code),
        code,
        name=name_on(code, local_day(run.at)),
        deadline=deadline_of(session, run.year, Milestone.CLOSE_SEASON),
        rows=_rows(session, run.year, code),
        occasion=occasion,
    )


def _rows(session: Session, year: int, code: str) -> Sequence[dict[str, object]]:
    own = session.execute(
        select(Submission, FollowUp)
        .join(FollowUp, FollowUp.number == Submission.number)
        .where(Submission.season == year, Submission.unit == code, Submission.outcome == Outcome.COMPLETED)
        .order_by(Submission.number)
    ).all()
    found = []
    for submission, asked in own:
        answered = answer_of(asked)
        tier = submission.tier.label if submission.tier else ""
        said = _cells(answered) if answered else {}
        found.append({"number": submission.number, "title": submission.title, "tier": tier, **said})
    return found


def _cells(answered: FollowUpForm) -> dict[str, object]:
    """An answer as its cells show it again."""
    said = answered.model_dump(
        exclude={"number", "use", "attachments", "review_attachments", "pictures", "consent"}, exclude_none=True
    )
    if answered.consent is not None:
        said["consent"] = _AGREED[0 if answered.consent else 1]
    words = {meant: word for word, meant in PICTURE_ANSWERS.items()}
    for index, picture in enumerate(answered.pictures):
        said |= {f"pictures.{index}.name": picture.name, f"pictures.{index}.alt": picture.alt}
        said[f"pictures.{index}.consent"] = words[(picture.portrait and picture.consent, picture.consent)]
    return {"use": answered.use.label, **said}


def _layout(season: Season, _: str) -> Layout:
    rules = (
        ("应用情况", "在用的填写开始时间和应用单位；已停用、未投入应用的，在“说明”里写原因"),
        ("经济效益", "近一年新增的经济效益，单位万元；没有的填0，说不清的留空"),
        ("推广单位数", "本单位以外已经采用的单位数"),
        ("图片", f"最多{season.call.max_pictures}张应用现场的图片，和本表一起压缩成一个 .zip 报送"),
    )
    closing = (
        (
            "公开",
            "转化情况和图片只有各自同意的才在优秀案例库里公开，不同意不影响其他；同意以后随时可以通过报送单位或协调小组办公室撤回。",
        ),
    )
    columns = _columns(season.call.max_pictures)
    return Layout(WorkbookKind.FOLLOW_UP, columns, _Rows, check=match_files, rules=rules, closing=closing)


def _columns(pictures: int) -> tuple[Column, ...]:
    text = cells.prose(_LONGEST)
    given = in_group(
        "获奖项目",
        given_column("number", "申报编号", 18, "编号"),
        given_column("title", "成果名称", 40, "项目名称"),
        given_column("tier", "获奖等次", 10, "等次"),
    )
    became = in_group(
        "转化情况",
        choice("use", "应用情况", labels(Use), hint="从下拉框选择", width=13, also=("是否在用", "是否应用")),
        Column(
            "since",
            "开始应用时间",
            dates.day,
            f"在用的必填；{dates.EXAMPLE}",
            ("应用时间",),
            format="yyyy-mm-dd",
            width=14,
        ),
        Column("where", "应用单位", text, "在哪些单位、车间、工序应用", ("应用范围",), width=30),
        Column("benefit_economic", "近一年经济效益（万元）", numbers.amount_wan, "没有的填0", ("经济效益",), width=14),
        Column("benefit_social", "近一年社会效益", text, "可留空", ("社会效益",), width=30),
        Column(
            "places", "推广单位数", numbers.count, "本单位以外已采用的单位数", ("推广家数",), format="General", width=11
        ),
        Column("remark", "说明", text, "未应用或停用的原因；下一步打算", ("备注", "原因"), width=36),
    )
    public = in_group(
        "公开",
        Column(
            "consent",
            "同意公开转化情况",
            cells.consent,
            "经申报单位同意后在案例页面公开以上各项；留空按不同意计",
            ("是否同意公开", "同意公开"),
            choices=_AGREED,
            width=14,
        ),
    )
    return (*given, *became, *public, *picture_columns("图片（应用现场，可留空）", pictures))


class _Rows(Assembler):
    def build(self, line: SheetLine, problems: list[Problem], notes: list[Note]) -> Form | None:
        del notes
        self.require(line, ["number", "use"], problems)
        payload = filled_in(line.values, [name for name in FollowUpForm.model_fields if name != "pictures"])
        payload["pictures"] = pictures_of(line, self.place, self.season.call.max_pictures, problems)
        return self.made(FollowUpForm, payload, line, problems)


def _take(session: Session, run: Run, handed: HandedIn) -> Taken:
    reading = handed.reading
    files = {file.name: file.digest for file in reading.attachments}
    readable = {name: made.readable for name, made in reading.pictures.items()}
    forms = handed.forms(FollowUpForm)
    taken = take_answers(
        session, handed.delivered, [FollowUpAnswer(index, form, files, readable) for index, form in forms]
    )
    keep_pictures(run, reading, [form for index, form in forms if index in taken.accepted])
    return taken


KIND = Kind(WorkbookKind.FOLLOW_UP, _layout, _take, closes=Milestone.CLOSE_SEASON, issue_again=issue_follow_up)

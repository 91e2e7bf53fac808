"""The verdict workbook (初评结果表): what a unit has to judge, its verdicts, what it sends back for correction."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from config.local_time import ZONE, local_day
from config.milestones import Milestone
from config.season import Season
from config.season_parts import Criterion
from config.units import all_units, name_on
from flows.kinds.kind import HandedIn, Issued, Kind, issue
from flows.outbox.corrections import tell_correction
from flows.outbox.letters import LetterKind
from flows.outbox.messages import deadline_entry, post_to_unit
from flows.run import Run
from flows.workbooks.columns import cells, numbers
from flows.workbooks.columns.column import Column, choice, given_column, in_group, labels, points_columns
from flows.workbooks.reader.assembly import Assembler
from flows.workbooks.reader.findings import FilledRow, Form, Note, Problem
from flows.workbooks.reader.layout import Layout
from flows.workbooks.reader.packages import OpenDelivery
from flows.workbooks.reader.table import SheetLine, SheetPlace
from models import DistrictVerdict, Organisation, Submission
from models.enums import CallState, Carrier, Category, SubmissionState, Verdict, WorkbookKind
from models.forms import SendBackForm, VerdictForm
from models.queries import call_state
from states.district_round.unit_requests import send_back
from states.district_round.verdicts import VerdictsTaken, take_verdicts
from states.guard_facts import deadline_of
from states.issued import first_issue
from states.officers import DecisionRefused
from states.submissions.delivery import Delivered, Taken

SEND_BACK = "退回补正"  # a unit's answer instead of a verdict; no verdict that is kept


def issue_verdicts(session: Session, run: Run, code: str, *, key: str = "") -> None:
    """A unit's verdict workbook over all that it has still to judge, and the letter that brings it.

    `key` tells the occasions apart when a unit gets a further workbook: that one takes the place of
    the earlier ones, so it holds the verdicts already given as well.
    """
    numbers = [str(row["number"]) for row in to_judge(session, run.year, code)]
    count = len(numbers)
    issued = issue_again(session, run, code, key) if count else None
    deadline = deadline_of(session, run.year, Milestone.CLOSE_DISTRICT_ROUND, code)
    post_to_unit(
        session,
        run,
        LetterKind.CALL_CLOSED,
        code,
        key=key,
        count=count,
        deadline=deadline,
        issue=issued.issue if issued else 1,
        attachments=(
            issued.path,
            deadline_entry(session, run, code, Milestone.CLOSE_DISTRICT_ROUND, deadline, issued.issue),
            *forms_of(session, run, code, numbers),
        )
        if issued
        else (),
    )


def forms_of(session: Session, run: Run, code: str, numbers: Collection[str]) -> tuple[Path, ...]:
    """The forms to be stamped of some of a unit's submissions."""
    from flows.papers.application_forms import put_forms  # brings Typst, which no other look needs

    return put_forms(session, run, code, numbers)


def again_after(session: Session, run: Run, code: str, closed_at: datetime | None) -> str:
    """The key of the workbook that follows a call that was open once more for a unit; empty for the first close."""
    first = first_issue(session, run.year, code, WorkbookKind.VERDICTS)
    if first is None or closed_at is None or first.issued_at >= closed_at:
        return ""
    return f"reopened/{closed_at.astimezone(ZONE):%Y-%m-%dT%H:%M}"


def issue_again(session: Session, run: Run, code: str, occasion: str) -> Issued:
    """A unit's verdict workbook once more, for a letter of its own. Raises DecisionRefused without anything to judge."""
    rows = to_judge(session, run.year, code)
    if not rows:
        raise DecisionRefused(
            f"{WorkbookKind.VERDICTS.label} of {code}", "the unit has nothing to judge", "该单位没有可初评的项目"
        )
    return issue(
        session,
        run,
        _layout(run.season, code),
        code,
        name=name_on(code, local_day(run.at)),
        deadline=deadline_of(session, run.year, Milestone.CLOSE_DISTRICT_ROUND, code),
        rows=[*rows, *_judged(session, run.year, code)],
        occasion=occasion,
    )


def issue_after_admission(session: Session, run: Run, code: str, digest: str) -> None:
    """Submissions admitted after the call has closed want a verdict too: their unit gets a further workbook."""
    if call_state(session, run.year) is CallState.DISTRICT_REVIEW and code in all_units():
        issue_verdicts(session, run, code, key=f"late/{digest[:16]}")


def to_judge(session: Session, year: int, code: str) -> list[dict[str, object]]:
    """The submissions that a unit has to judge, as rows of its verdict workbook."""
    return [_row(*listed) for listed in session.execute(_listed(year, code, SubmissionState.SUBMITTED))]


def _judged(session: Session, year: int, code: str) -> list[dict[str, object]]:
    """What the unit has judged already, with its words: a later workbook can change them."""
    found = []
    for listed in session.execute(_listed(year, code, SubmissionState.DISTRICT_REVIEWED)).all():
        verdict = session.get_one(DistrictVerdict, listed.number)
        given = {f"points.{key}": Decimal(points) for key, points in json.loads(verdict.points).items()}
        said = {"verdict": verdict.verdict.label, "rank": verdict.rank, "comment": verdict.comment}
        found.append({**_row(*listed), **given, **said})
    return found


def _listed(year: int, code: str, state: SubmissionState) -> Select[*tuple[Any, ...]]:
    return (
        select(Submission.number, Submission.title, Submission.category, Submission.carrier, Organisation.name)
        .join(Organisation, (Organisation.number == Submission.number) & (Organisation.position == 1))
        .where(Submission.season == year, Submission.unit == code, Submission.state == state)
        .order_by(Submission.number)
    )


def _row(number: str, title: str, category: Category, carrier: Carrier, organisation: str) -> dict[str, object]:
    return {
        "number": number,
        "title": title,
        "category": category.label,
        "carrier": carrier.label,
        "organisation": organisation,
    }


def _layout(season: Season, code: str) -> Layout:
    rubric = season.rubric_of(code)
    return Layout(
        WorkbookKind.VERDICTS,
        _columns(season, rubric),
        _Rows,
        check=_check_ranks,
        rubric=rubric,
        rules=(
            ("推荐名额", f"{season.quota_of(code)}项"),
            ("推荐排序", "推荐的申报从1起排序，不重复；推荐的不得超过名额，超过的本次推荐都会退回，请选定后重报"),
        ),
    )


def _columns(season: Season, rubric: tuple[Criterion, ...]) -> tuple[Column, ...]:
    given = in_group(
        "申报",
        given_column("number", "申报编号", 18, "编号"),
        given_column("title", "成果名称", 30, "项目名称"),
        given_column("category", "类别", 10),
        given_column("carrier", "载体", 14),
        given_column("organisation", "申报单位", 22),
    )
    judged = in_group(
        "初评",
        choice(
            "verdict",
            "初评结论",
            {**labels(Verdict), SEND_BACK: SEND_BACK},
            hint="从下拉框选择；不推荐的可不打分；材料不全的选“退回补正”，不打分，写明补正内容",
            required=True,
            width=11,
            words={"同意推荐": Verdict.RECOMMENDED, "不予推荐": Verdict.NOT_RECOMMENDED},
            also=("结论", "初评结果", "初评意见", "是否推荐", "评审结论"),
        ),
        *points_columns(rubric),
        Column(
            "rank",
            "推荐排序",
            numbers.rank,
            "推荐的从1起排，1为最优，不重复",
            ("排序", "名次", "排名", "推荐顺序"),
            format="General",
            width=11,
            minimum=1,
        ),
        Column(
            "comment",
            "评语",
            cells.prose(season.files.max_cell_characters),
            "可留空",
            ("初评评语", "意见", "备注", "评审意见"),
            width=28,
        ),
    )
    sent_back = in_group(
        "退回补正",
        Column(
            "missing",
            "补正内容",
            cells.prose(season.files.max_cell_characters),
            "选了“退回补正”的必填：缺什么、改什么；每项只能退回一次；请勿写个人姓名",
            ("需补正内容", "补正要求", "补正意见", "退回原因"),
            width=26,
        ),
    )
    return (*given, *judged, *sent_back)


class _Rows(Assembler):
    def build(self, line: SheetLine, problems: list[Problem], notes: list[Note]) -> Form | None:
        values = line.values
        if values.get("verdict") == SEND_BACK:
            return self._sending_back(line, problems, notes)
        if values.get("missing") is not None:
            message = f"不是“{SEND_BACK}”，但填了补正内容，请选“{SEND_BACK}”或删去补正内容"
            problems.append(self.place.problem("verdict", line.number, message))
        rejected = values.get("verdict") is Verdict.NOT_RECOMMENDED  # needs no points
        self.require(line, ["number", "verdict"] if rejected else ["number", *self.required], problems)
        rank = values.get("rank")
        if rank is not None and rejected:
            notes.append(self.place.note("rank", line.number, "不推荐的不参加排序，所填名次没有采用"))
            rank = None
        payload = {
            "number": values.get("number"),
            "verdict": values.get("verdict"),
            "points": self.points(line),
            "rank": rank,
            "comment": values.get("comment") or "",
        }
        return self.made(VerdictForm, payload, line, problems)

    def _sending_back(self, line: SheetLine, problems: list[Problem], notes: list[Note]) -> Form | None:
        self.require(line, ["number", "missing"], problems)
        if self.points(line):
            notes.append(self.place.note("verdict", line.number, f"选了“{SEND_BACK}”，所填分数没有采用"))
        payload = {"number": line.values.get("number"), "missing": line.values.get("missing")}
        return self.made(SendBackForm, payload, line, problems)


def _check_ranks(
    rows: Sequence[FilledRow], places: Mapping[str, SheetPlace], _: OpenDelivery
) -> tuple[list[FilledRow], list[Note]]:
    """Two recommended with the same place: neither can be taken."""
    checked = list(rows)
    by_rank: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        form = row.form or row.supposed
        if isinstance(form, VerdictForm) and form.rank is not None:
            by_rank.setdefault(form.rank, []).append(index)
    for rank, indices in by_rank.items():
        if len(indices) > 1:
            lines = "、".join(str(rows[index].line) for index in indices)
            for index in indices:
                row = rows[index]
                problem = places[row.sheet].problem("rank", row.line, f"重复：第{lines}行都填了{rank}")
                checked[index] = replace(
                    row, form=None, problems=(*row.problems, problem), supposed=row.form or row.supposed
                )
    return checked, []


def _take(session: Session, run: Run, handed: HandedIn) -> Taken:
    delivered = handed.delivered
    asked = send_back(session, delivered, handed.forms(SendBackForm))
    if asked.sent_back and asked.due_at is not None:
        tell_correction(session, run, delivered.unit, asked.sent_back, asked.due_at, key=delivered.digest[:16])
    judged = take_verdicts(session, delivered, handed.forms(VerdictForm), handed.faulty(VerdictForm))
    _tell_late_verdicts(session, run, delivered, judged)
    return asked.join(judged)


def _tell_late_verdicts(session: Session, run: Run, delivered: Delivered, judged: VerdictsTaken) -> None:
    """The unit had the round's result already: it learns what of it is no longer so."""
    if not (judged.back or judged.out):
        return
    post_to_unit(
        session,
        run,
        LetterKind.LATE_VERDICTS,
        delivered.unit,
        key=delivered.digest[:16],
        back=_titled(session, judged.back),
        out=_titled(session, judged.out),
        reason=delivered.admission.reason if delivered.admission else "",
    )


def _titled(session: Session, numbers: Collection[str]) -> list[tuple[str, str]]:
    query = select(Submission.number, Submission.title).where(Submission.number.in_(numbers))
    return [(number, title) for number, title in session.execute(query.order_by(Submission.number))]


KIND = Kind(WorkbookKind.VERDICTS, _layout, _take, closes=Milestone.CLOSE_DISTRICT_ROUND, issue_again=issue_again)

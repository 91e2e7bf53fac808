"""The submissions workbook (申报汇总表): what a unit submits, changes and withdraws, with the files that come along."""

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.season import Season
from config.units import all_units
from flows.home import paths
from flows.kinds.issuing import Issued, issue
from flows.kinds.kind import HandedIn, Kind
from flows.kinds.verdicts import issue_after_admission
from flows.run import Run
from flows.workbooks.columns.submission import submission_columns
from flows.workbooks.reader.assembly import SubmissionRows
from flows.workbooks.reader.crosschecks import match_attachments
from flows.workbooks.reader.findings import Reading
from flows.workbooks.reader.layout import Layout
from flows.workbooks.reader.packages import save_attachments
from models.enums import WorkbookKind
from models.forms import SubmissionForm, WithdrawalForm
from states.district_round.unit_requests import take_withdrawals
from states.guard_facts import deadline_of
from states.submissions.attachments import AttachedFile
from states.submissions.delivery import Taken
from states.submissions.identity import Incoming
from states.submissions.intake import take_submissions


def issue_template(session: Session, run: Run, code: str, occasion: str = "") -> Issued:
    """A unit's empty workbook, to be delivered until the call closes for it."""
    return issue(
        session,
        run,
        _layout(run.season, code),
        code,
        name=all_units()[code].name,
        deadline=deadline_of(session, run.year, Milestone.CLOSE_CALL, code),
        occasion=occasion,
    )


def _layout(season: Season, _: str) -> Layout:
    years, call = "、".join(str(year) for year in season.covered_years), season.call
    return Layout(
        WorkbookKind.SUBMISSIONS,
        submission_columns(season),
        SubmissionRows,
        check=match_attachments,
        numbered=True,
        ways=(("附件", "有附件时，把本表和附件一起压缩成一个 .zip 报送，“附件文件名”一列写明各行用到的文件。"),),
        closing=(("个人信息", "联系方式只用于本次工作联系，到期删除；姓名和单位只在本人单独同意后随结果公开。"),),
        rules=(
            ("成果完成时间", f"{years}年内完成"),
            ("申报单位", f"最多{call.max_organisations}个，第1个为申报单位"),
            ("完成人", f"最多{call.max_contributors}人，按贡献大小排序"),
        ),
    )


def _take(session: Session, run: Run, handed: HandedIn) -> Taken:
    delivered, forms = handed.delivered, dict(handed.forms(SubmissionForm))
    rows = [
        Incoming(index, form, _files_of(handed.reading, form), handed.reading.rows[index].line)
        for index, form in forms.items()
    ]
    taken = take_submissions(session, delivered, rows)
    _keep_files(run, handed.path, [form for index, form in forms.items() if index in taken.accepted])
    taken.join(take_withdrawals(session, delivered, handed.forms(WithdrawalForm)))
    if delivered.admitted and taken.accepted:
        issue_after_admission(session, run, delivered.unit, delivered.digest)
    return taken


def _files_of(reading: Reading, form: SubmissionForm) -> tuple[AttachedFile, ...]:
    """The files of a delivery that one of its rows names; none when the workbook came alone."""
    here = {file.name: file for file in reading.attachments}
    return tuple(here[name] for name in form.attachments if name in here)


def _keep_files(run: Run, path: Path, forms: Iterable[SubmissionForm]) -> None:
    """Put the files that accepted rows name into the store, before the transaction that names them ends.

    A run that dies in between leaves files that the delivery, taken again, finds in their place.
    """
    names = {name for form in forms for name in form.attachments}
    if names and not run.dry_run:
        save_attachments(path, paths.attachments(run.settings, run.year), run.season.files, names)


KIND = Kind(WorkbookKind.SUBMISSIONS, _layout, _take, closes=Milestone.CLOSE_CALL, issue_again=issue_template)

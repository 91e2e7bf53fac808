"""Takes deliveries from the inbox: each content once, each answered with a receipt."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.local_time import local_day
from config.settings import Settings
from config.units import UnitNotInForce, UnknownUnit, unit_on
from flows import places
from flows.answers import Answer, Sender, keep_answer, rows_back_of
from flows.corrections import tell_correction
from flows.files import digest_of, move_atomically, name_for_people
from flows.issuing import newest_issues
from flows.kinds.experts import take_off_conflicted, tell_pool_changes
from flows.kinds.submissions import files_of, keep_files
from flows.kinds.verdicts import issue_after_admission
from flows.late_verdicts import tell_late_verdicts
from flows.stage import Run
from flows.workbooks.findings import Form, Problem, Reading
from flows.workbooks.reading import read_delivery, without_collector
from models import Admission, Delivery, Expert
from models.enums import DeliveryState, Role, WorkbookKind
from models.forms import SendBackForm, SubmissionForm, VerdictForm, WithdrawalForm
from models.queries import lock_call
from states.delivered import Admitted, Delivered
from states.district import take_verdicts
from states.experts import import_experts
from states.identity import Incoming
from states.intake import take_submissions
from states.machine import Actor, Refusal
from states.panel_votes import take_votes
from states.scores import take_scores
from states.unit_requests import RequestsTaken, send_back, take_withdrawals

log = logging.getLogger("gangchuang.deliveries")
FormT = TypeVar("FormT")


class DeliveryFailed(GangchuangError):
    """One file cannot be taken for a reason that lies with us or the disk; it stays where it is."""

    def __init__(self, path: Path, problem: Exception) -> None:
        self.path = path
        super().__init__(
            f"{path} could not be taken ({type(problem).__name__}: {problem}). It stays in the inbox and is tried "
            f"again with the next look; if this goes on, move the file away and tell its sender."
        )


class DeliveryChanged(GangchuangError):
    """A file was replaced while it was read; nothing of it was kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path} was replaced while it was being read. Nothing was kept; it is taken with the next look."
        )


def take_deliveries(run: Run, *, after_scores: Callable[[Session, Run], None] | None = None) -> None:
    """Take every file that lies whole in the inbox, the oldest first.

    `after_scores` is done in the transaction of each delivery of scores or experts: what follows from a
    recusal or a declared conflict.
    """
    files = list(waiting_files(run.settings))
    counts = dict.fromkeys(("taken", "taken before", "rows in", "rows back"), 0)
    run.each(
        files,
        lambda one: _take_alone(run, one[0], one[1], counts, after_scores),
        name=lambda one: f"{one[0]}/{name_for_people(one[1])}",
    )
    for name, count in counts.items():
        run.tell(name, count)


def take_by_hand(
    run: Run, folder: str, path: Path, *, after_scores: Callable[[Session, Run], None] | None = None
) -> None:
    """Take one file that a person names, as if it had come into a folder's inbox."""
    counts = dict.fromkeys(("taken", "taken before", "rows in", "rows back"), 0)
    _take(run, folder, path, counts, after_scores)
    for name, count in counts.items():
        run.tell(name, count)


def waiting_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """(folder, file) of every delivery that has come to rest, the oldest first."""
    at_rest = ((folder, path) for folder, path in _lying(settings) if settings.clock.is_at_rest(path))
    found = [(path.lstat().st_mtime, folder, path) for folder, path in at_rest]
    return ((folder, path) for _, folder, path in sorted(found))


def senders_waiting(settings: Settings) -> set[str]:
    """Folders in which something lies that is not taken: it came just now, or could not be taken."""
    return {folder for folder, _ in _lying(settings)}


def _lying(settings: Settings) -> Iterator[tuple[str, Path]]:
    """(folder, file) of everything in the inbox but for the traces of programs."""
    for folder in sorted(path for path in places.inbox(settings).iterdir() if path.is_dir() and not path.is_symlink()):
        for path in folder.iterdir():
            if not (path.name.startswith((".", "~$")) or path.name.endswith((".part", ".tmp", ".crdownload"))):
                yield folder.name, path


def _take_alone(
    run: Run, folder: str, path: Path, counts: dict[str, int], after_scores: Callable[[Session, Run], None] | None
) -> None:
    """One file; whatever is wrong with it or with us, the next one gets its turn. Raises GangchuangError."""
    try:
        _take(run, folder, path, counts, after_scores)
    except GangchuangError:
        raise
    except Exception as problem:
        log.exception("%s could not be taken", path)
        raise DeliveryFailed(path, problem) from problem


def _take(
    run: Run, folder: str, path: Path, counts: dict[str, int], after_scores: Callable[[Session, Run], None] | None
) -> None:
    arrived_at = run.settings.clock.arrived_at(path)
    digest = digest_of(path)
    sender = _sender(run, folder)
    with run.step() as session:
        # One intake at a time: whoever comes second sees what the first has kept.
        lock_call(session, run.year)
        known = session.get(Delivery, (digest, folder))
        admission = session.query(Admission).filter_by(digest=digest).one_or_none()
        if known is not None and (admission is None or known.state is DeliveryState.ACCEPTED):
            counts["taken before"] += 1
        else:
            with without_collector():
                answer = _judge(session, run, sender, path, digest, arrived_at, admission)
            keep_answer(session, run, sender, path, digest, arrived_at, answer, known)
            counts["taken"] += 1
            counts["rows in"] += len(answer.accepted)
            counts["rows back"] += rows_back_of(answer)
            if admission is not None and answer.accepted and answer.reading.kind is WorkbookKind.SUBMISSIONS:
                issue_after_admission(session, run, folder, digest)
            if after_scores is not None and answer.reading.kind in (WorkbookKind.SCORES, WorkbookKind.EXPERTS):
                after_scores(session, run)
            if digest_of(path) != digest:
                raise DeliveryChanged(path)
    if not run.dry_run:
        _put_away(path, places.taken(run.settings, run.year, folder, digest, name_for_people(path)), digest)


def _put_away(path: Path, target: Path, digest: str) -> None:
    """Move a taken file out of the inbox; another one that came in its place meanwhile is not touched."""
    with suppress(FileNotFoundError):
        if target.exists() and digest_of(path) != digest:
            return
    move_atomically(path, target)
    if digest_of(target) != digest:
        # It came in the very last moment: back, unless there is yet another.
        with suppress(FileExistsError):
            if target.is_dir():
                path.mkdir()
                target.replace(path)
            else:
                path.hardlink_to(target)
                target.unlink()


def _sender(run: Run, folder: str) -> Sender:
    office = run.season.office
    if folder == places.OFFICE:
        return Sender(folder, office.name, office.mail, Actor(Role.OFFICE, folder))
    with run.step() as session:
        expert = session.get(Expert, folder)
    if expert is not None:
        return Sender(folder, expert.name, expert.mail, Actor(Role.EXPERT, folder))
    try:
        unit = unit_on(folder, local_day(run.season.dates.open_call))
    except UnknownUnit:
        problem = f"收件文件夹“{folder}”不是报送单位代码，也不是专家编号；请联系协调小组办公室"
    except UnitNotInForce as gone:
        heirs = "、".join(gone.unit.successors)
        problem = f"{gone.unit.name}已撤销，本年度不再单独报送；请由承接单位（代码{heirs}）报送"
    else:
        return Sender(folder, unit.name, run.season.mail_of(folder), Actor(Role.DISTRICT, folder))
    return Sender(folder, office.name, office.mail, Actor(Role.DISTRICT, folder), problem)


def _judge(
    session: Session,
    run: Run,
    sender: Sender,
    path: Path,
    digest: str,
    arrived_at: datetime,
    admission: Admission | None,
) -> Answer:
    if sender.problem:
        return Answer(Reading(None, None, problems=(Problem("", None, sender.problem),)))
    # What came before a further issue went out is judged by the issue of its time; what the office admits, by none.
    newest = {} if admission is not None else newest_issues(session, run.year, sender.code, arrived_at)
    reading = read_delivery(
        path, season=run.season, sender=sender.code, key=run.settings.signing_key(), newest_issue=newest
    )
    answer = Answer(reading, newest=_replacing(run, reading, newest))
    if reading.refused:
        return answer
    delivered = Delivered(
        run.year, sender.code, digest, arrived_at, run.at, sender.actor, _admitted(admission), run.flow_run
    )
    rows = {place: row for place, row in enumerate(reading.rows) if row.form is not None}
    handed = _hand_over(session, run, reading, delivered, {place: row.form for place, row in rows.items()})
    accepted = [rows[place].form for place in handed.accepted]
    keep_files(run, path, [form for form in accepted if isinstance(form, SubmissionForm)])
    for place, number in handed.accepted.items():
        answer.accepted[(rows[place].sheet, rows[place].line)] = number
    if handed.sent_back and handed.due_at is not None:
        tell_correction(session, run, sender.code, handed.sent_back, handed.due_at, key=digest[:16])
    for place, remark in handed.remarks.items():
        answer.remarks[(rows[place].sheet, rows[place].line)] = remark
    for place, refusal in handed.refused.items():
        row = rows[place]
        answer.refused.append(Problem(row.sheet, f"A{row.line}", refusal.chinese))
    return answer


def _admitted(admission: Admission | None) -> Admitted | None:
    return Admitted(Actor(Role.OFFICE, admission.officer), admission.reason) if admission else None


def _replacing(run: Run, reading: Reading, newest: Mapping[WorkbookKind, int]) -> Path | None:
    """The workbook to be used instead of a stale one: it comes with the receipt."""
    mark = reading.mark
    if not reading.refused or mark is None or mark.issue >= newest.get(mark.kind, 0):
        return None
    return places.issued(run.settings, run.year, mark.recipient, mark.kind, newest[mark.kind])


def _hand_over(
    session: Session, run: Run, reading: Reading, delivered: Delivered, forms: Mapping[int, Form | None]
) -> RequestsTaken:
    """The good rows to whoever takes their kind; what became of them, by place."""
    kind = reading.kind
    if kind is WorkbookKind.SUBMISSIONS:
        rows = [Incoming(place, form, files_of(reading, form)) for place, form in _of(forms, SubmissionForm)]
        taken = take_submissions(session, delivered, rows)
        asked = take_withdrawals(session, delivered, _of(forms, WithdrawalForm))
        return _together(taken.numbers, taken.refused, asked)
    if kind is WorkbookKind.VERDICTS:
        asked = send_back(session, delivered, _of(forms, SendBackForm))
        judged = take_verdicts(session, delivered, _of(forms, VerdictForm))
        tell_late_verdicts(session, run, delivered, judged)
        return _together(judged.accepted, judged.refused, asked)
    if kind is WorkbookKind.SCORES:
        scored = take_scores(session, delivered, list(forms.items()))
        return RequestsTaken(dict(scored.accepted), dict(scored.refused))
    if kind is WorkbookKind.VOTES:
        voted = take_votes(session, run.season, delivered, list(forms.items()))
        return RequestsTaken(dict(voted.accepted), dict(voted.refused))
    imported = import_experts(session, delivered, list(forms.items()))
    tell_pool_changes(session, run, delivered.digest, imported.changes)
    take_off_conflicted(session, run)
    return RequestsTaken(dict(imported.accepted), dict(imported.refused))


def _of(forms: Mapping[int, Form | None], kind: type[FormT]) -> list[tuple[int, FormT]]:
    return [(place, form) for place, form in forms.items() if isinstance(form, kind)]


def _together(accepted: Mapping[int, str], refused: Mapping[int, Refusal], asked: RequestsTaken) -> RequestsTaken:
    asked.accepted, asked.refused = {**accepted, **asked.accepted}, {**refused, **asked.refused}
    return asked

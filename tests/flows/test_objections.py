"""Objections through the form and the commands: the letter's folder, who is told, and what nobody gets to read."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from config.local_time import local_day
from flows import objections
from flows.cli.commands import app
from flows.decide import decide
from flows.decisions import Decision
from flows.home import paths
from flows.objections import FORM, PEOPLE, LetterUnreadable, anything_to_tend, blank_form
from flows.office.doctor_files import FILE_INVARIANTS
from flows.tend_objections import tending
from models import History, Message, Objection, ObjectionEvidence, Submission
from models.enums import CallState, NotAccepted, ObjectionState, Outcome, SubmissionState
from states.audit.invariants import broken_invariants
from states.audit.verify import verify
from states.machine import Act, TransitionRefused
from states.officers import DecisionRefused
from states.timeline import close_notice_after
from tests.support.builders import OFFICE, SYSTEM, UNIT, a_season, a_submission
from tests.support.objections import INVESTIGATOR, SECOND_INVESTIGATOR
from tests.support.playing import Player

EVIDENCE = tuple(one for one in FILE_INVARIANTS if one.name == "evidence_as_it_came")
D, O = Decision, ObjectionState
NAME, CONTACT, GROUNDS = "示例·举报人", "电话00000000000", "示例：成果由外单位完成"


@pytest.fixture
def notice(player: Player) -> tuple[Player, str]:
    """A public notice that runs, two days old."""
    with player.writing() as session:
        season = a_season(session, state=CallState.PUBLIC_NOTICE)
        at = season.dates.open_public_notice
        close_notice_after(session, season, at, Act(SYSTEM, at), reason="示例")
        number = a_submission(session, SubmissionState.FINAL_REVIEWED)
    player.at(at + timedelta(days=2))
    return player, number


def put(player: Player, number: str, *, name: str = NAME, files: tuple[str, ...] = ("合同.pdf",), on: str = "") -> str:
    """The letter's folder, as an officer makes it. Returns its name."""
    on = on or local_day(player.settings.clock.now()).isoformat()
    answers = dict(zip(objections.HEADINGS, (number, "权属与完成人", "邮寄", on, name, CONTACT, GROUNDS), strict=True))
    papers = []
    for file in files:
        papers.append(player.home / file)
        papers[-1].write_bytes(file.encode())
    reference = objections.put_letter(player.settings, 2026, answers, papers)
    for paper in papers:
        paper.unlink()
    return reference


def take(decision: Decision, subject: object, *, other: str = "", by: str = OFFICE.name, reason: str = "") -> None:
    decide.fn(2026, by, decision, str(subject), reason, other)


def objection(player: Player) -> Objection:
    with player.reading() as session:
        return session.scalars(select(Objection).order_by(Objection.id.desc()).limit(1)).one()


def letters(player: Player) -> list[tuple[str, str]]:
    """(kind, recipient) of every letter about objections, in order."""
    with player.reading() as session:
        rows = session.scalars(select(Message).order_by(Message.written_at, Message.key)).all()
    return [(row.key.split("/")[1], row.recipient) for row in rows if "objection" in row.key or "moved_up" in row.key]


def everything_written(player: Player) -> str:
    """All files but the key's, and all rows of letters and of the record."""
    files = (path for path in player.home.rglob("*") if path.is_file() and path.parent.name != "keys")
    with player.reading() as session:
        rows = [*session.scalars(select(Message.body)), *session.scalars(select(History.facts))]
        rows += [*session.scalars(select(Message.recipient)), *session.scalars(select(History.reason))]
    return "\n".join([*(path.read_bytes().decode("utf-8", "replace") for path in files), *rows])


def test_an_objection_goes_from_its_folder_to_its_answer_and_both_sides_are_told(notice: tuple[Player, str]) -> None:
    player, number = notice
    reference = put(player, number)

    take(D.RAISE_OBJECTION, reference)
    found = objection(player)
    take(D.ACCEPT_OBJECTION, found.id)
    take(D.INVESTIGATE_OBJECTION, found.id, other=INVESTIGATOR)
    take(D.UPHOLD_OBJECTION, found.id, by=INVESTIGATOR, reason="经核查属实")

    assert not (paths.objection_letters(player.settings, 2026) / reference).exists()
    with player.reading() as session:
        (kept,) = session.scalars(select(ObjectionEvidence)).all()
        assert session.get_one(Submission, number).outcome is Outcome.OBJECTION_UPHELD
        assert verify(session) == []
        assert broken_invariants(session, player.home, EVIDENCE) == []
    sealed = paths.evidence(player.settings, 2026) / f"{kept.digest}.pdf"
    assert (sealed.read_bytes(), sealed.stat().st_mode & 0o777) == ("合同.pdf".encode(), 0o400)
    unit, office = player.season.mail_of(UNIT), player.season.office.mail
    assert letters(player) == [
        ("objection_answered", unit),
        ("objection_received", office),
        ("objection_received_unit", unit),
        ("objection_to_investigate", office),
        *(("objection_to_objector", office),) * 2,
    ]
    assert NAME not in everything_written(player)
    assert CONTACT not in everything_written(player)


def test_evidence_that_was_changed_or_lost_is_named(notice: tuple[Player, str]) -> None:
    player, number = notice
    take(D.RAISE_OBJECTION, put(player, number, files=("甲.pdf", "乙.pdf")))
    first, second = sorted(paths.evidence(player.settings, 2026).iterdir())
    first.unlink()
    second.chmod(0o600)
    second.write_bytes(b"x")

    with player.reading() as session:
        (broken,) = broken_invariants(session, player.home, EVIDENCE)

    assert broken.invariant.name == "evidence_as_it_came"
    assert len(broken.offenders) == 2


@pytest.mark.parametrize(
    ("said", "refusal"),
    [({"name": ""}, NotAccepted.ANONYMOUS), ({"on": "2026-07-01"}, NotAccepted.LATE)],
)
def test_what_cannot_be_taken_up_is_recorded_declined_and_answered_at_once(
    notice: tuple[Player, str], said: dict[str, str], refusal: NotAccepted
) -> None:
    player, number = notice

    take(D.RAISE_OBJECTION, put(player, number, **said))

    found = objection(player)
    assert (found.state, found.refusal) == (O.NOT_ACCEPTED, refusal)
    assert [kind for kind, _ in letters(player)] == ["objection_received", "objection_to_objector"]
    with player.reading() as session:
        told = session.scalars(select(Message.body).where(Message.key.contains("to_objector"))).one()
    assert f"不予受理：{refusal.label}" in told


def test_the_approver_may_not_answer_and_a_reconsideration_is_somebody_elses(notice: tuple[Player, str]) -> None:
    player, number = notice
    take(D.RAISE_OBJECTION, put(player, number))
    found = objection(player).id
    take(D.ACCEPT_OBJECTION, found)
    take(D.INVESTIGATE_OBJECTION, found, other=INVESTIGATOR)
    with pytest.raises(TransitionRefused, match="investigates it and answers"):
        take(D.DISMISS_OBJECTION, found, reason="示例")
    take(D.DISMISS_OBJECTION, found, by=INVESTIGATOR, reason="示例：不成立")
    with pytest.raises(TransitionRefused, match="the first time"):
        take(D.RECONSIDER_FOR_UNIT, found, other=INVESTIGATOR, reason="示例")

    take(D.RECONSIDER_FOR_OBJECTOR, found, other=SECOND_INVESTIGATOR, reason="示例：补充证据")
    take(D.DISMISS_OBJECTION, found, by=SECOND_INVESTIGATOR, reason="示例：维持")

    assert objection(player).state is O.CLOSED
    with player.reading() as session:
        bodies = session.scalars(select(Message.body).where(Message.key.contains("to_objector"))).all()
    assert any("本答复为最终答复" in body for body in bodies)


def test_corrected_contributors_come_in_a_folder_of_their_own(notice: tuple[Player, str]) -> None:
    player, number = notice
    take(D.RAISE_OBJECTION, put(player, number))
    found = objection(player).id
    take(D.ACCEPT_OBJECTION, found)
    take(D.INVESTIGATE_OBJECTION, found, other=INVESTIGATOR)
    folder = paths.objection_letters(player.settings, 2026) / "people-1"
    folder.mkdir()
    (folder / PEOPLE).write_text("姓名,工作单位,分工,贡献率\n示例·甲,示例单位,主研,60\n示例·乙,示例单位,,40\n", "utf-8")

    take(D.UPHOLD_OBJECTION, found, other="people-1", by=INVESTIGATOR, reason="示例：漏列完成人")

    with player.reading() as session:
        assert session.get_one(Submission, number).version == 2
        assert verify(session) == []
        assert broken_invariants(session, player.home, EVIDENCE) == []
    assert not folder.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / FORM).unlink(), f"没有《{FORM}》"),
        (lambda folder: (folder / FORM).write_text("异议人：某"), "缺少：项目编号、异议类别"),
        (lambda folder: _rewrite(folder, "邮寄", "电话"), "提出方式应为其中之一"),
        (lambda folder: _rewrite(folder, "2026-", "今年"), "应写成2026-08-05的样式"),
        (lambda folder: (folder / "a.pdf").symlink_to("/etc/hostname"), "不是普通文件"),
    ],
)
def test_a_folder_that_cannot_be_read_is_told_in_words_and_stays(
    notice: tuple[Player, str], change: object, words: str
) -> None:
    player, number = notice
    reference = put(player, number)
    change(paths.objection_letters(player.settings, 2026) / reference)  # type: ignore[operator]

    with pytest.raises(LetterUnreadable, match=words):
        take(D.RAISE_OBJECTION, reference)

    assert (paths.objection_letters(player.settings, 2026) / reference).is_dir()
    for strange in ("../keys", "", "nowhere"):
        with pytest.raises(LetterUnreadable, match="没有这个文件夹"):
            take(D.RAISE_OBJECTION, strange)


def _rewrite(folder: Path, before: str, after: str) -> None:
    form = folder / FORM
    form.write_text(form.read_text("utf-8").replace(before, after), "utf-8")


def test_a_letter_entered_before_is_told_and_its_folder_goes(notice: tuple[Player, str]) -> None:
    """As after a run that died between the commit and the folder."""
    player, number = notice
    take(D.RAISE_OBJECTION, put(player, number))
    again = put(player, number)

    with pytest.raises(DecisionRefused, match="it was entered already, as number 20260001"):
        take(D.RAISE_OBJECTION, again)

    assert list(paths.objection_letters(player.settings, 2026).iterdir()) == []


def test_the_clock_calls_to_mind_once_at_half_time_and_once_before_and_ends_what_is_final(
    notice: tuple[Player, str],
) -> None:
    player, number = notice
    take(D.RAISE_OBJECTION, put(player, number))
    found = objection(player)
    half = found.received_at + (found.due_at - found.received_at) / 2

    def due(at: object) -> bool:
        with player.reading() as session:
            return anything_to_tend(session, player.season, at)  # type: ignore[arg-type]

    assert not due(found.received_at + timedelta(days=1))
    for at, kinds in ((half + timedelta(days=1), 1), (found.due_at - timedelta(days=1), 2)):
        assert due(at)
        player.at(at)
        for _ in range(2):
            player.play("tend_objections", tending)
        assert not due(at)
        assert [kind for kind, _ in letters(player)].count("objection_reminder") == kinds

    take(D.ACCEPT_OBJECTION, found.id)
    take(D.INVESTIGATE_OBJECTION, found.id, other=INVESTIGATOR)
    take(D.DISMISS_OBJECTION, found.id, by=INVESTIGATOR, reason="示例")
    until = objection(player).reconsider_until
    assert until is not None
    assert not due(until)
    player.at(until + timedelta(seconds=1))
    assert due(until + timedelta(seconds=1))
    assert dict(player.play("tend_objections", tending).lines)["objections closed"] == "1"
    assert objection(player).state is O.CLOSED


def test_the_commands_enter_list_and_show(notice: tuple[Player, str]) -> None:
    player, number = notice
    run = CliRunner().invoke
    assert "项目编号：" in blank_form()
    assert run(app, ["objection", "form", "2026", "letter-1", "--number", number]).exit_code == 0
    form = paths.objection_letters(player.settings, 2026) / "letter-1" / FORM
    assert f"项目编号：{number}" in form.read_text("utf-8")
    form.unlink()
    form.parent.rmdir()
    today = local_day(player.settings.clock.now()).isoformat()
    typed = "\n".join((number, "事实与材料", "当面递交", today, NAME, CONTACT, GROUNDS, ""))

    entered = run(app, ["objection", "enter", "2026", "--by", OFFICE.name], input=typed)
    assert entered.exit_code == 0, entered.output
    listed = run(app, ["objection", "list", "2026"]).output
    shown = run(app, ["objection", "show", "2026", "20260001", "--by", OFFICE.name, "--reason", "寄送答复"]).output

    assert f"20260001 {number} received: 已收到（事实与材料）" in listed
    assert NAME not in listed
    assert shown == f"objector: {NAME}\ncontact: {CONTACT}\n"
    with player.reading() as session:
        entry = session.scalars(select(History).where(History.trigger == "show_objector")).one()
    assert entry.actor == str(OFFICE)

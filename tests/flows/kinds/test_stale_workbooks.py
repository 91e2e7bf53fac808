"""A workbook that a newer issue has taken the place of is refused, and the newer one comes with the answer."""

import json
from datetime import timedelta

import openpyxl
import pytest
from sqlalchemy import select

from config.milestones import Milestone
from flows.close_call import closing
from flows.collect import collecting
from flows.decide import decide
from flows.decisions import Decision
from flows.home import paths
from flows.kinds.table import KINDS
from flows.open_call import opening
from flows.workbooks.writer.filling import submission_row
from models import Delivery, DistrictVerdict, History, Message, MilestoneDate, Submission
from models.enums import SUPERSEDED, CallState, DeliveryState, SubmissionState, Verdict, WorkbookKind
from states.audit.verify import verify
from states.machine import Act
from states.officers import DecisionRefused
from states.timeline import move_date
from tests.support.builders import OFFICE, UNIT, a_form, a_season, a_submission
from tests.support.playing import Player, points

K = WorkbookKind


def test_the_guide_says_of_each_kind_whether_a_newer_edition_takes_its_place() -> None:
    assert {kind for kind in WorkbookKind if KINDS[kind].issue_again} == {*SUPERSEDED}


def collect(player: Player) -> Delivery:
    player.play("collect", collecting)
    with player.reading() as session:
        return session.scalars(select(Delivery).order_by(Delivery.arrived_at.desc())).first()  # type: ignore[return-value]


def attached(player: Player) -> list[str]:
    """Names of the files that the newest letter of a receipt brings."""
    with player.reading() as session:
        letter = session.scalars(
            select(Message).where(Message.key.like("%/receipt/%")).order_by(Message.written_at.desc())
        ).first()
        assert letter is not None
        return [name.rpartition("/")[2] for name in json.loads(letter.attachments)]


@pytest.fixture
def opened(player_on_both: Player) -> Player:
    with player_on_both.writing() as session:
        a_season(session, state=CallState.PLANNED)
    player_on_both.come_to(Milestone.OPEN_CALL)
    player_on_both.play("open_call", opening, Milestone.OPEN_CALL)
    return player_on_both


def later(player: Player, **span: float) -> None:
    player.at(player.settings.clock.now() + timedelta(**span))


def again(kind: str = "submissions") -> None:
    decide.fn(2026, OFFICE.name, Decision.REISSUE_WORKBOOK, UNIT, "模板误发给了其他单位", kind)


def test_a_superseded_workbook_is_refused_with_the_newer_one_attached(opened: Player) -> None:
    row = submission_row(a_form("一号成果"))
    later(opened, days=1)
    opened.deliver(UNIT, K.SUBMISSIONS, [row], name="及时的.xlsx")
    assert collect(opened).state is DeliveryState.ACCEPTED

    later(opened, days=1)
    again()
    later(opened, days=1)
    opened.deliver(UNIT, K.SUBMISSIONS, [submission_row(a_form("二号成果"))], name="旧版.xlsx")
    stale = collect(opened)

    assert (stale.state, stale.rows_in, stale.kind) == (DeliveryState.REFUSED, 0, K.SUBMISSIONS)
    assert "这是第1版申报汇总表，现在使用的是第2版，旧版不再接收" in stale.problems
    assert attached(opened)[1:] == [f"2026年申报汇总表-{UNIT}-2.xlsx"]

    later(opened, days=1)
    opened.deliver(UNIT, K.SUBMISSIONS, [submission_row(a_form("二号成果"))], issue=2, name="新版.xlsx")
    assert collect(opened).state is DeliveryState.ACCEPTED
    with opened.reading() as session:
        assert sorted(session.scalars(select(Submission.title))) == ["一号成果", "二号成果"]
        facts = session.scalars(select(History.facts).where(History.trigger == "reissue_workbook")).one()
        assert json.loads(facts) == {"issue": 2, "kind": "submissions", "recipient": UNIT}
        assert verify(session) == []
    assert opened.letters("workbook_reissued") == [f"workbook_reissued/{UNIT}/submissions/2"]


def test_what_lay_in_the_inbox_before_the_reissue_is_taken_and_what_the_office_admits_as_well(opened: Player) -> None:
    later(opened, days=1)
    again()
    later(opened, days=1)
    opened.deliver(UNIT, K.SUBMISSIONS, [submission_row(a_form("二号成果"))], name="旧版.xlsx")
    stale = collect(opened)
    assert stale.state is DeliveryState.REFUSED

    decide.fn(2026, OFFICE.name, Decision.ADMIT_LATE, stale.digest[:12], "换发通知没有送达")

    assert collect(opened).state is DeliveryState.ACCEPTED


def test_nothing_is_issued_anew_for_strangers_or_before_the_first_time(opened: Player) -> None:
    for subject, kind, why in (("999999", "submissions", "give a unit's code"), (UNIT, "verdicts", "none was issued")):
        with pytest.raises(DecisionRefused, match=why):
            decide.fn(2026, OFFICE.name, Decision.REISSUE_WORKBOOK, subject, "示例", kind)


def verdict(number: str, total: int, rank: int) -> dict[str, object]:
    return {"申报编号": number, "初评结论": "推荐", "推荐排序": rank, "评语": "示例评语", **_points(total)}


def _points(total: int) -> dict[str, int]:
    from tests.support.builders import season_rules

    return points(season_rules(), total)


def test_after_a_late_admission_the_newer_verdict_workbook_holds_what_was_said_already(player_on_both: Player) -> None:
    player = player_on_both
    with player.writing() as session:
        a_season(session, state=CallState.OPEN)
        first, second = (a_submission(session, form=a_form(title)) for title in ("一号成果", "二号成果"))
    player.come_to(Milestone.CLOSE_CALL)
    player.play("close_call", closing, Milestone.CLOSE_CALL)
    later(player, hours=1)
    player.deliver(UNIT, K.VERDICTS, [verdict(first, 80, 1)])
    assert collect(player).state is DeliveryState.ACCEPTED
    player.issue(K.SUBMISSIONS, UNIT)
    later(player, hours=1)
    player.deliver(UNIT, K.SUBMISSIONS, [submission_row(a_form("迟到成果"))])
    decide.fn(2026, OFFICE.name, Decision.ADMIT_LATE, collect(player).digest[:12], "邮路中断")
    later(player, hours=1)
    collect(player)

    later(player, hours=1)
    player.deliver(UNIT, K.VERDICTS, [verdict(second, 70, 2)], name="旧版.xlsx")
    stale = collect(player)

    assert "这是第1版初评结果表，现在使用的是第2版" in stale.problems
    assert attached(player)[1:] == [f"2026年初评结果表-{UNIT}-2.xlsx"]
    path = paths.issued(player.settings, 2026, UNIT, K.VERDICTS, 2)
    sheet = openpyxl.load_workbook(path)[K.VERDICTS.label]
    shown = {row[0]: (row[1], row[5], row[11], row[12]) for row in sheet.iter_rows(min_row=5, values_only=True)}
    late = f"2026-{UNIT}-0003"
    assert shown == {
        second: ("二号成果", None, None, None),
        late: ("迟到成果", None, None, None),
        first: ("一号成果", "推荐", 1, "示例评语"),
    }

    later(player, hours=1)
    player.deliver(UNIT, K.VERDICTS, [verdict(second, 70, 2), verdict(late, 60, 3)], issue=2, name="新版.xlsx")
    assert collect(player).rows_in == 3
    with player.reading() as session:
        given = session.execute(select(DistrictVerdict.number, DistrictVerdict.rank).order_by(DistrictVerdict.number))
        assert dict(given.all()) == {first: 1, second: 2, late: 3}  # type: ignore[arg-type]
        assert set(session.scalars(select(DistrictVerdict.verdict))) == {Verdict.RECOMMENDED}


def test_a_call_open_once_more_for_a_unit_ends_with_a_newer_verdict_workbook(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.OPEN)
        a_submission(session, form=a_form("一号成果"))
    player.come_to(Milestone.CLOSE_CALL)
    player.play("close_call", closing, Milestone.CLOSE_CALL)
    own = season.dates.close_call + timedelta(days=8)
    with player.writing() as session:
        at = player.settings.clock.now()
        move_date(session, 2026, "close_call", Act(OFFICE, at), to=own, reason="汛情", unit=UNIT)
    later(player, days=2)
    player.issue(K.SUBMISSIONS, UNIT)
    player.deliver(UNIT, K.SUBMISSIONS, [submission_row(a_form("延期成果"))])
    assert collect(player).state is DeliveryState.ACCEPTED

    player.at(own)
    for _ in range(2):
        player.play("close_call", closing, Milestone.CLOSE_CALL, unit=UNIT)
        with player.writing() as session:
            row = session.get_one(MilestoneDate, (2026, "close_call", 1, UNIT))
            row.state, row.settled_at = type(row.state)("pending"), None

    letters = [key for key in player.letters("call_closed") if UNIT in key]
    assert letters == [f"call_closed/{UNIT}", f"call_closed/{UNIT}/reopened/{own:%Y-%m-%dT%H:%M}"]
    numbers = {path.name for path in (player.home / "outbox" / "2026" / UNIT).glob("*初评*.xlsx")}
    assert numbers == {f"2026年初评结果表-{UNIT}.xlsx", f"2026年初评结果表-{UNIT}-2.xlsx"}
    with player.reading() as session:
        assert set(session.scalars(select(Submission.state))) == {SubmissionState.SUBMITTED}

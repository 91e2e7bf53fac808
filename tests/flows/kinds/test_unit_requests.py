"""A unit withdraws and sends back for correction by itself, in the workbooks it has."""

from datetime import datetime, timedelta

import openpyxl
import pytest
from sqlalchemy import select

from config.local_time import ZONE
from flows.close_district_round import closing
from flows.collect import collecting
from flows.workbooks.writer.filling import submission_row
from models import Correction, Delivery, History, Message, Submission
from models.enums import CallState, CorrectionState, DeliveryState, Outcome, SubmissionState, WorkbookKind
from states.audit.verify import verify
from tests.support.builders import UNIT, a_form, a_season, a_submission
from tests.support.playing import Player, points

S = SubmissionState
OTHER = "500101"


def collect(player: Player) -> list[tuple[str, int, int]]:
    player.play("collect", collecting)
    with player.reading() as session:
        rows = session.scalars(select(Delivery).order_by(Delivery.taken_at, Delivery.digest))
        return [(row.state.value, row.rows_in, row.rows_back) for row in rows]


def submission(player: Player, number: str) -> Submission:
    with player.reading() as session:
        return session.get_one(Submission, number)


def problems(player: Player) -> str:
    with player.reading() as session:
        return "".join(session.scalars(select(Delivery.problems)))


def receipt(player: Player) -> list[str]:
    """Every text of the newest receipt's first sheet."""
    with player.reading() as session:
        path = player.home / session.scalars(select(Delivery).order_by(Delivery.taken_at.desc())).first().receipt  # type: ignore[union-attr]
    sheet = openpyxl.load_workbook(path)["回执"]
    return [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None]


def withdrawing(player: Player, number: str, unit: str = UNIT) -> None:
    player.issue(WorkbookKind.SUBMISSIONS, unit)
    player.deliver(unit, WorkbookKind.SUBMISSIONS, [{"申报编号": number, "撤回": "撤回"}])


@pytest.mark.parametrize(
    ("state", "call"),
    [
        (S.SUBMITTED, CallState.OPEN),
        (S.SUBMITTED, CallState.DISTRICT_REVIEW),
        (S.DISTRICT_REVIEWED, CallState.DISTRICT_REVIEW),
        (S.DISTRICT_REVIEWED, CallState.FINAL_REVIEW),
        (S.FINAL_REVIEWED, CallState.PUBLIC_NOTICE),
    ],
)
def test_a_unit_withdraws_at_any_time_before_the_award(
    player_on_both: Player, state: SubmissionState, call: CallState
) -> None:
    with player_on_both.writing() as session:
        season = a_season(session, state=call)
        number = a_submission(session, state)
    # A call that is still open at the end of August would be a clock gone wrong.
    last = season.dates.close_call if call is CallState.OPEN else season.dates.publish_results
    player_on_both.at(last - timedelta(days=1))
    withdrawing(player_on_both, number)

    assert collect(player_on_both) == [("accepted", 1, 0)]

    row = submission(player_on_both, number)
    assert (row.state, row.outcome, row.archived_from) == (S.ARCHIVED, Outcome.WITHDRAWN, state)
    assert "已撤回" in receipt(player_on_both)
    with player_on_both.reading() as session:
        entry = session.scalars(select(History).where(History.trigger == "archive")).one()
        assert (entry.trigger, entry.actor) == ("archive", f"district:{UNIT}")
        assert verify(session) == []


def test_after_the_award_a_withdrawal_is_refused_with_the_state(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.PUBLISHED)
        number = a_submission(session, S.AWARDED)
    player.at(season.dates.archive - timedelta(days=1))
    withdrawing(player, number)

    assert collect(player) == [("refused", 0, 1)]
    assert f"编号 {number}：当前状态下不能以“已撤回”归档" in problems(player)
    assert submission(player, number).state is S.AWARDED


def test_what_is_withdrawn_twice_is_withdrawn_once_and_nobody_withdraws_for_another(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session)
        own, theirs = a_submission(session), a_submission(session, unit=OTHER)
    player.at(season.dates.close_call - timedelta(days=1))
    for name, number in (("一.xlsx", own), ("二.xlsx", own), ("三.xlsx", theirs)):
        player.issue(WorkbookKind.SUBMISSIONS, UNIT)
        rows = [{"申报编号": number, "撤回": "撤回"}, submission_row(a_form(f"随{name}来"))]
        player.deliver(UNIT, WorkbookKind.SUBMISSIONS, rows, name=name)

    states = collect(player)

    assert sorted(states) == [("accepted", 2, 0), ("accepted", 2, 0), ("partly", 1, 1)]
    assert (submission(player, own).outcome, submission(player, theirs).outcome) == (Outcome.WITHDRAWN, None)
    assert submission(player, own).sequence == 2
    assert f"本单位没有编号为“{theirs}”的申报" in problems(player)


def judging(player: Player, *rows: dict[str, object], name: str = "初评.xlsx") -> None:
    given = []
    with player.reading() as session:
        for number, title in session.execute(
            select(Submission.number, Submission.title).where(Submission.unit == UNIT)
        ):
            given.append({"number": number, "title": title})
    player.issue(WorkbookKind.VERDICTS, UNIT, rows=given)
    player.deliver(UNIT, WorkbookKind.VERDICTS, rows, name=name)


def back(number: str, missing: str = "缺单位盖章页") -> dict[str, object]:
    return {"申报编号": number, "初评结论": "退回补正", "补正内容": missing}


@pytest.fixture
def round_open(player_on_both: Player) -> tuple[Player, str, str]:
    with player_on_both.writing() as session:
        a_season(session, state=CallState.DISTRICT_REVIEW)
        first, second = (a_submission(session, form=a_form(title)) for title in ("一号成果", "二号成果"))
    player_on_both.at(datetime(2026, 5, 11, 10, tzinfo=ZONE))
    return player_on_both, first, second


def test_a_unit_sends_back_once_the_answer_is_taken_and_judged(round_open: tuple[Player, str, str]) -> None:
    player, first, second = round_open
    good = {"初评结论": "推荐", **points(player.season, 80)}
    judging(player, back(first), {"申报编号": second, **good})

    assert collect(player) == [("accepted", 2, 0)]

    assert "已退回补正，2026年05月18日23:59前补正" in receipt(player)
    with player.reading() as session:
        correction = session.get_one(Correction, first)
        assert (correction.state, correction.asked_by) == (CorrectionState.OUTSTANDING, f"district:{UNIT}")
        assert correction.due_at == datetime(2026, 5, 18, 23, 59, 59, tzinfo=ZONE)
        (letter,) = session.scalars(select(Message).where(Message.key.like("%correction_asked%")))
        assert "缺单位盖章页" in letter.body
        assert ".ics" in letter.attachments
        history = session.scalars(select(History.facts).where(History.trigger == "ask_correction")).all()
        assert "盖章" not in "".join(history)

    player.at(datetime(2026, 5, 18, 10, tzinfo=ZONE))
    player.issue(WorkbookKind.SUBMISSIONS, UNIT)
    mended = a_form("一号成果", number=first, abstract="补正后的摘要")
    player.deliver(UNIT, WorkbookKind.SUBMISSIONS, [submission_row(mended)])
    judging(player, {"申报编号": first, **good}, name="补评.xlsx")

    collect(player)

    assert {submission(player, number).state for number in (first, second)} == {S.DISTRICT_REVIEWED}
    with player.reading() as session:
        assert session.get_one(Correction, first).state is CorrectionState.ANSWERED
        assert verify(session) == []

    judging(player, back(first, "还缺附件"), name="再退.xlsx")
    assert ("refused", 0, 1) in collect(player)


def test_the_same_request_again_changes_nothing_and_a_second_chance_is_refused(
    round_open: tuple[Player, str, str],
) -> None:
    player, first, _ = round_open
    judging(player, back(first))
    collect(player)
    judging(player, back(first, "换一种说法"), name="再报.xlsx")
    assert [state for state, _, _ in collect(player)] == [DeliveryState.ACCEPTED.value] * 2
    assert len(player.letters("correction_asked")) == 1
    with player.writing() as session:
        correction = session.get_one(Correction, first)
        assert correction.missing == "缺单位盖章页"
        correction.state, correction.settled_at = CorrectionState.ANSWERED, correction.asked_at

    judging(player, back(first, "第二次"), name="第二次.xlsx")
    collect(player)

    assert f"编号 {first} 已退回补正过一次（已补正），不能再次退回" in problems(player)


def test_what_is_not_corrected_lapses_with_a_record_and_its_unit_is_told(round_open: tuple[Player, str, str]) -> None:
    player, first, second = round_open
    judging(player, back(first), {"申报编号": second, "初评结论": "推荐", **points(player.season, 80)})
    collect(player)
    player.at(player.season.dates.close_district_round)

    lines = dict(player.play("close_district_round", closing).lines)

    assert (lines["corrections lapsed"], lines["recommended"]) == ("1", "1")
    assert (submission(player, first).outcome, submission(player, second).outcome) == (Outcome.INELIGIBLE, None)
    assert player.letters("correction_lapsed") == [f"correction_lapsed/{UNIT}/{first}"]
    with player.reading() as session:
        entry = session.scalars(select(History).where(History.trigger == "archive")).one()
        assert (entry.reason, '"correction":"lapsed"' in entry.facts) == ("逾期未补正", True)


@pytest.mark.parametrize(
    ("day", "due"),
    [(datetime(2026, 5, 27, 10, tzinfo=ZONE), "2026年05月28日23:59"), (datetime(2026, 5, 29, 10, tzinfo=ZONE), "")],
    ids=["fewer days are left", "no day is left"],
)
def test_near_the_close_a_working_day_is_left_to_judge(
    round_open: tuple[Player, str, str], day: datetime, due: str
) -> None:
    player, first, _ = round_open
    player.at(day)
    judging(player, back(first))

    collect(player)

    if due:
        assert f"已退回补正，{due}前补正" in receipt(player)
    else:
        assert "已来不及退回补正" in problems(player)
        with player.reading() as session:
            assert session.get(Correction, first) is None
